//! The hot cache: the live tail of every instrument in memory.

use std::fmt::{Debug, Display};
use std::time::Duration;

use futures::stream::BoxStream;
use onetape_domain::candle::Candle;
use onetape_domain::change::Changes;
use onetape_domain::clock::InstrumentClock;
use onetape_domain::frame::FrameParts;
use onetape_domain::instrument::Instrument;
use onetape_domain::time::{Timeframe, Timestamp};

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

/// Which instants of an instrument's tape somebody wants to be told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cadence {
    /// Each stamp under which a candle of this timeframe closes: a closed candle becomes known that opens later than
    /// every closed one known before. Several may close under one stamp. A period without trades has no candle, and a
    /// revision closes nothing.
    Closes(Timeframe),
    /// Every stamp, but none nearer than so much to the one told before. What counts is the distance of the stamps, so
    /// the same tape gives the same instants whenever the reader is quick enough.
    Changes {
        /// The least distance.
        apart: Duration,
    },
}

/// Asks to be told of instants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchQuery {
    /// Whose instants; it need not be known yet.
    pub instrument: Instrument,
    /// Which of them.
    pub cadence: Cadence,
    /// Most closes that wait for the reader, at least one; of changes only the newest waits.
    pub waiting: usize,
}

/// An instant somebody asked to be told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tick {
    /// The stamp.
    pub stamp: Timestamp,
    /// How many closes before it, and after the tick before, did not wait for the reader.
    pub passed_over: u64,
}

/// Instants as they come.
pub type TickStream = BoxStream<'static, Tick>;

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

    /// Tells of instants from now on, never of what [`start`](Self::start) brings.
    ///
    /// - When a tick is given, readers MUST see what its stamp changed; what is read after this call and lacks a
    ///   stamp that is asked for MUST be followed by its tick.
    /// - The stamps of one stream MUST rise. Changes at or before the clock, as of a message that came again, MUST
    ///   NOT be told of.
    /// - Where more closes would wait than were asked for, the oldest MUST go, and the next tick given MUST count
    ///   them. A slow reader MUST NOT hold back [`apply`](Self::apply).
    /// - Of changes that are too near to the tick before, the last MUST be told of when the stream ends.
    fn watch(&self, query: &WatchQuery) -> TickStream;

    /// Tells of nothing any more: every stream, also one begun later, MUST give what waits and then end.
    fn end(&self);

    /// Counters since the start.
    fn statistics(&self) -> CacheStatistics;
}
