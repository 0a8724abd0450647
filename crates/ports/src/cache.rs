//! The hot cache: the live tail of every instrument in memory.

use std::fmt::{Debug, Display};

use onetape_domain::candle::Candle;
use onetape_domain::change::Changes;
use onetape_domain::clock::InstrumentClock;
use onetape_domain::frame::FrameParts;
use onetape_domain::instrument::Instrument;
use onetape_domain::time::Timestamp;

use crate::query::{CandleQuery, FrameQuery};

/// Counters of a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CacheStatistics {
    /// Reads it answered.
    pub hits: u64,
    /// Reads it could not prove an answer to.
    pub misses: u64,
    /// Rows it let go.
    pub evictions: u64,
    /// Rows it holds.
    pub rows: u64,
    /// Estimated size of those rows in bytes.
    pub bytes: u64,
}

/// Keeps the live tail. All methods are short and never wait for I/O.
pub trait HotCache: Display + Debug + Send + Sync + 'static {
    /// Starts an instrument from what a store holds as of `clock.issued`; `limit` is how many candles
    /// were asked for, of which fewer means all. An instrument nothing is stored of needs no start.
    fn start(&self, clock: &InstrumentClock, parts: FrameParts, limit: usize);

    /// Takes the changes of one message in; from then on the instrument's clock is `issued`.
    /// A reader MUST see all of them or none.
    fn apply(&self, instrument: &Instrument, changes: &Changes, issued: Timestamp);

    /// Rows up to this stamp are durable and may be evicted; others MUST NOT be.
    fn durable(&self, instrument: &Instrument, stamp: Timestamp);

    /// The instrument's clock: the last stamp applied.
    fn issued(&self, instrument: &Instrument) -> Option<Timestamp>;

    /// What [`FrameStore::frame_parts`](crate::FrameStore::frame_parts) would give, with the effective
    /// instant: `query.as_of` or the clock, whichever is earlier. None where the cache does not hold
    /// every version back to it; it MUST NOT guess.
    fn frame_parts(&self, query: &FrameQuery) -> Option<(Timestamp, FrameParts)>;

    /// What [`CandleStore::candles`](crate::CandleStore::candles) would give, with the effective instant.
    /// None as of [`frame_parts`](Self::frame_parts).
    /// None also where imports are known: their candles belong into the answer.
    fn candles(&self, query: &CandleQuery) -> Option<(Timestamp, Vec<Candle>)>;

    /// Counters since the start.
    fn statistics(&self) -> CacheStatistics;
}
