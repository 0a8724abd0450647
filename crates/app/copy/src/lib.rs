//! Copies whole instruments from store to store: in bounded memory, resumable, verified row by row.
//!
//! Everything is read as of the clock that the source has when its instrument is begun: what is stored up to a stamp
//! does not change, so that is one state of it, whatever is written meanwhile. The rows go in while the target shows
//! nothing of the instrument; both sides are then read and compared, and only when they are equal does the instrument
//! get its clock, and with it its readers.

#![warn(missing_docs)]

mod digest;
mod error;
mod head;
mod instrument;
mod manifest;
mod pass;
mod progress;
mod records;
mod report;
mod store;
mod update;

pub use error::CopyError;
pub use manifest::{Difference, Section};
pub use progress::{Progress, Step};
pub use report::{CopiedInstrument, CopyReport, Outcome, Verification};
pub use store::{copy, verify};

use std::collections::BTreeSet;

use onetape_domain::instrument::Instrument;

/// What to copy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CopyOptions {
    /// Only these instruments, and refused records of them; all of the source where it is empty.
    pub instruments: BTreeSet<Instrument>,
    /// Throws away what an interrupted copy left, and begins anew.
    pub restart: bool,
}
