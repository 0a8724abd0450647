//! Exchange wire formats and tape feeds of onetape.
//!
//! One module a venue turns wire messages into [`FeedMessage`](onetape_domain::message::FeedMessage)s;
//! [`tape`] reads recordings of them. Nothing here decides what is stored: a message is either understood
//! in full, known to carry nothing, or refused with every rule it broke.

#![warn(missing_docs)]

// Instrumented for fuzzing, every test binary needs the fuzzing engine's symbols.
#[cfg(test)]
use bolero as _;

pub mod binance;
#[cfg(feature = "live")]
pub mod live;
pub mod tape;
pub mod wire;

pub use binance::{BinanceParser, SymbolMap};
pub use tape::{Pace, TapeFeed, TapeOptions, TapeStats, events_of_line};
pub use wire::{Parsed, Refused, UnaddressedBook, WireParser};
