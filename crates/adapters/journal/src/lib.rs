//! The journal of the onetape market-data store.
//!
//! [`FileJournal`] keeps what was accepted in files of one folder, and has it on the disk before it is acknowledged: many
//! callers share one fsync. What is found at the next opening is given back record by record. Every record has its
//! checksum; what cannot be read is reported, byte for byte, and never taken for data.

#![warn(missing_docs)]

mod codec;
mod files;
mod journal;
mod reader;
mod segment;
mod writer;

pub use journal::{FileJournal, JournalOptions};
