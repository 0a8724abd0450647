//! Conformance suite, reference model, fault injection and generators for onetape adapters.
//!
//! An adapter proves itself with [`conformance::run_all`]; [`reference::Reference`] is the naive model
//! its answers are compared with, [`generator`] makes the market they are about.

#![warn(missing_docs)]

pub mod clock;
pub mod conformance;
pub mod data;
pub mod dump;
pub mod fault;
pub mod feed;
pub mod generator;
pub mod history;
pub mod memory;
pub mod python;
pub mod recording;
pub mod reference;
pub mod seconds;

pub use clock::ManualClock;
pub use conformance::{Capability, Case, Report, cases, run_all};
pub use dump::dump;
pub use fault::{FaultPlan, FaultStore, When};
pub use feed::VecFeed;
pub use history::ScriptedHistory;
pub use recording::Recording;
pub use reference::Reference;
pub use seconds::Seconds;
