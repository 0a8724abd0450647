//! Market data as older systems kept it: Parquet and Feather files, pickles of `pandas`, comma-separated lines and JSON, read as
//! candles.
//!
//! [`LegacyCache`] is a folder of such files. [`LegacyFile`] opens one of any kind, [`CandleLayout`] finds the columns of
//! candles among its own, and [`LegacyFile::candles`] gives what its rows say: numbers as exact decimals, of floats the
//! shortest decimal that is their own, and times in microseconds. Nothing is decided here about what a row is worth.
//!
//! Files are not trusted. A [pickle] is read without executing anything: the stream of instructions becomes a graph of
//! values, names outside a short list are refused, and tables are then found in the graph. Memory is bounded whatever
//! the size of a file and whatever it claims; arrays stay in the file until a batch asks for them.

#![warn(missing_docs)]

mod cache;
pub mod csv;
mod error;
pub mod feather;
mod file;
pub mod json;
mod layout;
pub mod pack;
pub mod parquet;
pub mod pickle;
pub mod writer;

/// Most rows of a batch.
pub const BATCH_ROWS: usize = 8_192;

pub use cache::{LegacyCache, MAX_FILES, MAX_FOLDER_DEPTH};
pub use error::{LegacyError, LegacyErrorKind};
pub use file::LegacyFile;
pub use layout::{CandleLayout, NumberUnit};
pub use writer::LegacyWriter;
