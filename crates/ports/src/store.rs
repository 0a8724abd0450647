//! Storage ports, one an entity. A store holds, for each instrument, a prefix of its tape.

use std::collections::BTreeSet;
use std::fmt::{Debug, Display};
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;
use onetape_domain::book::BookSnapshot;
use onetape_domain::bucket::PriceBucket;
use onetape_domain::candle::{Candle, SupersededCandle};
use onetape_domain::change::TapeBatch;
use onetape_domain::clock::InstrumentClock;
use onetape_domain::coverage::CoverageRow;
use onetape_domain::engine::candles::CandleKey;
use onetape_domain::expiry::Expiry;
use onetape_domain::frame::FrameParts;
use onetape_domain::imbalance::Imbalances;
use onetape_domain::instrument::Instrument;
use onetape_domain::message::QuarantinedRecord;
use onetape_domain::time::Timestamp;
use onetape_domain::trade::Trade;

use crate::error::StoreError;
use crate::query::{BookQuery, CandleQuery, FrameQuery, TimeQuery};

/// Rows read as they come, in bounded memory whatever the range.
pub type RowStream<'a, T> = BoxStream<'a, Result<T, StoreError>>;

/// Writes the tape.
#[async_trait]
pub trait TapeStore: Display + Debug + Send + Sync + 'static {
    /// Writes a batch and its clock in one transaction.
    ///
    /// - All of it MUST become visible at once or not at all, also when the call is cancelled.
    /// - A row that is already stored MUST stay as it is; a candle version MUST only replace one of a
    ///   lower revision, which moves to the superseded ones with `known_to` = the new `known_from`.
    ///   Writing the same batch again therefore changes nothing.
    /// - `expected` is the `issued` of the stored clock the batch continues from, none for the first.
    ///   If the stored one is another, the call MUST fail with
    ///   [`Conflict`](crate::StoreErrorKind::Conflict) and change nothing, unless it is the batch's own:
    ///   then the batch was written before and its acknowledgement was lost, and the call succeeds
    ///   without adding a row. The clock MUST NOT go back.
    /// - A clock without a book MUST remove a stored full-depth book.
    /// - After success, reads by any connection MUST see the batch.
    async fn append(&self, batch: &TapeBatch, expected: Option<Timestamp>) -> Result<(), StoreError>;
}

/// Reads candles.
#[async_trait]
pub trait CandleStore: Display + Debug + Send + Sync + 'static {
    /// Closed candles known at the instant, oldest first; with `Selection::Last(n)` at most `n`.
    async fn candles(&self, query: &CandleQuery) -> Result<Vec<Candle>, StoreError>;

    /// The same as a stream, for ranges of any size.
    fn stream_candles(&self, query: CandleQuery) -> RowStream<'_, Candle>;

    /// The current version of one candle.
    async fn candle(&self, instrument: &Instrument, key: CandleKey) -> Result<Option<Candle>, StoreError>;

    /// All replaced versions of one candle, lowest revision first.
    async fn superseded(
        &self,
        instrument: &Instrument,
        key: CandleKey,
    ) -> Result<Vec<SupersededCandle>, StoreError>;
}

/// Reads trades.
#[async_trait]
pub trait TradeStore: Display + Debug + Send + Sync + 'static {
    /// Trades by event time, known at the instant, in the order of their keys, oldest first.
    fn stream_trades(&self, query: TimeQuery) -> RowStream<'_, Trade>;
}

/// Reads sampled books and their buckets.
#[async_trait]
pub trait BookStore: Display + Debug + Send + Sync + 'static {
    /// Samples by second, then stamp, oldest first. A partial sample known at the instant is left out
    /// where a complete one of its second is known too, unless the query asks for it.
    fn stream_books(&self, query: BookQuery) -> RowStream<'_, Arc<BookSnapshot>>;

    /// The sample last available at the instant: the greatest `(available_at, second)`.
    async fn last_book(
        &self,
        instrument: &Instrument,
        as_of: Timestamp,
    ) -> Result<Option<Arc<BookSnapshot>>, StoreError>;

    /// Stored buckets with second and stamp of their sample, by second, stamp and price; superseded
    /// partial samples are left out.
    fn stream_buckets(&self, query: TimeQuery) -> RowStream<'_, (Timestamp, PriceBucket)>;
}

/// Reads imbalances.
#[async_trait]
pub trait ImbalanceStore: Display + Debug + Send + Sync + 'static {
    /// Rows by second, known at the instant, oldest first.
    fn stream_imbalances(&self, query: TimeQuery) -> RowStream<'_, Imbalances>;
}

/// Reads the coverage log.
#[async_trait]
pub trait CoverageStore: Display + Debug + Send + Sync + 'static {
    /// Rows whose range touches the selection, known at the instant, by stamp, stream, state and begin.
    fn stream_coverage(&self, query: TimeQuery) -> RowStream<'_, CoverageRow>;
}

/// Reads clocks.
#[async_trait]
pub trait ClockStore: Display + Debug + Send + Sync + 'static {
    /// The stored clock of an instrument, with its full-depth book where one was stored.
    async fn clock(&self, instrument: &Instrument) -> Result<Option<InstrumentClock>, StoreError>;

    /// The last stamp a reader can prove: cheap, asked before reads of what is newer than the last answer. It MUST NOT go back.
    async fn flushed(&self, instrument: &Instrument) -> Result<Option<Timestamp>, StoreError>;

    /// Every instrument with a clock.
    async fn instruments(&self) -> Result<BTreeSet<Instrument>, StoreError>;
}

/// Keeps refused records with their reasons.
#[async_trait]
pub trait QuarantineStore: Display + Debug + Send + Sync + 'static {
    /// Writes records; one with equal origin, payload and violations as a stored one MUST NOT be
    /// stored again. Returns how many were new.
    async fn quarantine(&self, records: &[QuarantinedRecord]) -> Result<u64, StoreError>;

    /// The last so many records, newest first.
    async fn quarantined(&self, limit: usize) -> Result<Vec<QuarantinedRecord>, StoreError>;
}

/// Reads everything a frame needs at once.
#[async_trait]
pub trait FrameStore: Display + Debug + Send + Sync + 'static {
    /// What the store knows at the instant, all from one consistent state of it:
    ///
    /// - of each timeframe the last `max(shape.candles, FrameParts::FORMING_ROWS)` closed candles, and
    ///   the closes of the last `MAX_WINDOW` closed candles as `frame::indicator_input` converts them;
    /// - the trades with an event time at or after the close of the last closed 1 s candle;
    /// - the last available book, the last `shape.imbalances` (at least 60) imbalance rows by second;
    /// - a part of the coverage log that proves, from the earliest row above on, what the whole proves;
    /// - the closed 1 s candles that open in `frame::context_range(as_of, shape.context_window)`.
    ///
    /// With [`Knowledge::AsCorrected`](crate::Knowledge) candles are the final versions of those
    /// closed by the watermark's second at the instant, and trades are those before that second.
    async fn frame_parts(&self, query: &FrameQuery) -> Result<FrameParts, StoreError>;

    /// What retention has taken of an instrument. It MUST NOT be behind a drop that is done; a store that
    /// drops nothing gives [`Expiry::NOTHING`].
    async fn expiry(&self, instrument: &Instrument) -> Result<Expiry, StoreError>;
}

/// A whole store.
pub trait MarketStore:
    TapeStore
    + CandleStore
    + TradeStore
    + BookStore
    + ImbalanceStore
    + CoverageStore
    + ClockStore
    + QuarantineStore
    + FrameStore
{
}

impl<T> MarketStore for T where
    T: TapeStore
        + CandleStore
        + TradeStore
        + BookStore
        + ImbalanceStore
        + CoverageStore
        + ClockStore
        + QuarantineStore
        + FrameStore
{
}
