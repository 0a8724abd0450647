//! In-memory adapters of the onetape market-data store.
//!
//! [`MemoryStore`] implements every storage port without a disk: for tests, backtests and `memory:`.
//! [`MemoryCache`] keeps the live tail of each instrument, and answers only what it can prove.
//! [`SystemClock`] is the one place that reads the time.

#![warn(missing_docs)]

mod cache;
mod candles;
mod clock;
mod coverage;
mod parts;
mod series;
mod store;

pub use cache::{CacheConfig, MemoryCache};
pub use clock::SystemClock;
pub use store::MemoryStore;
