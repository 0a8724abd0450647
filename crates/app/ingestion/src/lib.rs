//! `DataIngestionPipeline`: the write side of onetape.
//!
//! Messages come from a feed or are pushed by the caller. Each one is processed by its instrument's
//! engine, is visible in the cache at once, and is written to the store in batches, each in one
//! transaction together with the instrument's clock: the store always holds a prefix of the tape.

#![warn(missing_docs)]

mod breaker;
mod config;
mod due;
mod error;
mod feed;
mod health;
mod imports;
mod journal;
mod metrics;
mod pipeline;
mod push;
mod refusal;
mod repair;
mod slot;
mod status;
mod summary;
mod trimming;
mod writer;

pub use config::{JournalMode, PipelineConfig};
pub use error::IngestError;
pub use metrics::{MAX_LABELLED, METRICS};
pub use pipeline::DataIngestionPipeline;
pub use push::PushedTrade;
pub use repair::{GapOutcome, REPAIR, RepairOptions, RepairReport, RepairedGap};
pub use status::{BreakerState, PipelineStatus, Watermarks};
pub use summary::IngestSummary;
