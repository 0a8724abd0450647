//! Models, validator and pure state machines of the onetape market-data store.
//!
//! No I/O, no async, no clock: everything here is decided by the messages alone, so that a run over
//! the same tape gives the same rows on any machine. [`engine::InstrumentEngine`] turns feed messages
//! into stamped rows, [`frame::assemble`] turns rows into the frame a model reads.

#![warn(missing_docs)]

pub mod book;
pub mod bucket;
pub mod candle;
pub mod canonical;
pub mod change;
pub mod clock;
pub mod coverage;
pub mod cutover;
pub mod decimal;
pub mod engine;
pub mod expiry;
pub mod frame;
pub mod imbalance;
pub mod imported;
pub mod indicator;
pub mod instrument;
pub mod manifest;
pub mod message;
pub mod order_book_frame;
pub mod quality;
pub mod time;
pub mod trade;
pub mod validator;
pub mod venue;
pub mod violation;
