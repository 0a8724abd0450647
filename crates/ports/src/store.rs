//! Storage ports, one an entity. A store holds, for each instrument, a prefix of its tape.

use std::collections::BTreeSet;
use std::fmt::{Debug, Display};
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;
use onetape_domain::book::BookSnapshot;
use onetape_domain::bucket::SampledBucket;
use onetape_domain::candle::{Candle, SupersededCandle};
use onetape_domain::change::TapeBatch;
use onetape_domain::clock::InstrumentClock;
use onetape_domain::coverage::CoverageRow;
use onetape_domain::engine::candles::CandleKey;
use onetape_domain::expiry::Expiry;
use onetape_domain::frame::FrameParts;
use onetape_domain::imbalance::Imbalances;
use onetape_domain::imported::{Import, ImportId, ImportedCandle, ImportedRow, NewImport, Source};
use onetape_domain::instrument::Instrument;
use onetape_domain::message::QuarantinedRecord;
use onetape_domain::time::{TimeRange, Timestamp};
use onetape_domain::trade::Trade;

use crate::archive::ArchiveStore;
use crate::cutover::CutoverStore;
use crate::error::StoreError;
use crate::inventory::InventoryStore;
use crate::manifest::ManifestStore;
use crate::query::{
    BookQuery, CandleQuery, FrameQuery, ImportedQuery, QuarantineEntry, QuarantineQuery, TimeQuery,
};

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
    /// - Imports that wait MUST get the place the batch names for them. With the first batch, those before the
    ///   tape that it does not name MUST begin to wait: they were finished after its writer had looked.
    /// - After success, reads by any connection MUST see the batch.
    async fn append(&self, batch: &TapeBatch, expected: Option<Timestamp>) -> Result<(), StoreError>;

    /// Tells whether [`append`](Self::append) would fail, and how. It MUST change nothing.
    async fn rehearse(&self, batch: &TapeBatch, expected: Option<Timestamp>) -> Result<(), StoreError>;

    /// The stored clock of an instrument, with its full-depth book where one was stored, for somebody who writes on from it.
    ///
    /// An append that nobody waits for any more, because its caller or its whole process is gone, may still become visible:
    /// the call MUST wait until no transaction is open that has begun to write the instrument.
    async fn resume(&self, instrument: &Instrument) -> Result<Option<InstrumentClock>, StoreError>;
}

/// Reads candles made here of trades.
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
    fn stream_buckets(&self, query: TimeQuery) -> RowStream<'_, SampledBucket>;
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

    /// Rows that prove, from `from` on, what the whole log proves at the instant: few, however long the log is.
    async fn coverage_proof(
        &self,
        instrument: &Instrument,
        from: Timestamp,
        as_of: Timestamp,
    ) -> Result<Vec<CoverageRow>, StoreError>;
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

/// Keeps candles from elsewhere, apart from those made here of trades.
///
/// An import is begun, given its candles in any order, and finished; until then no reader sees it.
#[async_trait]
pub trait ImportStore: Display + Debug + Send + Sync + 'static {
    /// Begins an import and numbers it. Beginning the same one again MUST change nothing; one that has its id and is another
    /// MUST be refused with [`Conflict`](crate::StoreErrorKind::Conflict).
    async fn begin_import(&self, import: &NewImport) -> Result<(), StoreError>;

    /// Adds candles, all or none, and returns how many were new. A candle that the import has already MUST be
    /// passed over; one of the same open time and other values, and a new one for a finished import, MUST be
    /// refused with [`Conflict`](crate::StoreErrorKind::Conflict).
    async fn add_imported(&self, id: &ImportId, candles: &[ImportedCandle]) -> Result<u64, StoreError>;

    /// Finishes an import that speaks of `covered`, which MUST be on the grid of its timeframe and hold its
    /// candles: rolls up the coarser candles of every period that lies in there as a whole, and gives it a
    /// place, all at once. Where the instrument has no clock it stands before the tape, else it waits.
    /// Finishing it again with the same range MUST change nothing, with another be refused.
    async fn finish_import(&self, id: &ImportId, covered: TimeRange) -> Result<Import, StoreError>;

    /// The finished imports of an instrument, by number.
    async fn imports(&self, instrument: &Instrument) -> Result<Vec<Import>, StoreError>;

    /// Finished imports of any instrument that wait for the writer of its tape, by number.
    async fn waiting_imports(&self) -> Result<Vec<Import>, StoreError>;

    /// Candles of imports: of each import and timeframe asked for, in no order among them.
    async fn imported(&self, query: &ImportedQuery) -> Result<[Vec<ImportedRow>; 6], StoreError>;

    /// Removes an import, finished or not, with all its candles, and returns how many there were, those rolled up
    /// included; none of one that is not there. It changes what past instants answer, as nothing else does.
    async fn remove_import(&self, id: &ImportId) -> Result<u64, StoreError>;

    /// Sets the order in which sources are preferred; others follow by name.
    async fn set_source_order(&self, order: &[Source]) -> Result<(), StoreError>;

    /// The order set last.
    async fn source_order(&self) -> Result<Vec<Source>, StoreError>;
}

/// Keeps refused records with their reasons.
#[async_trait]
pub trait QuarantineStore: Display + Debug + Send + Sync + 'static {
    /// Writes records; one with equal origin, payload and violations as a stored one MUST NOT be
    /// stored again. Returns how many were new.
    async fn quarantine(&self, records: &[QuarantinedRecord]) -> Result<u64, StoreError>;

    /// The last so many records, newest first.
    async fn quarantined(&self, limit: usize) -> Result<Vec<QuarantinedRecord>, StoreError>;

    /// Records with their ids, newest first: those stored later have greater ids.
    async fn quarantine_entries(&self, query: &QuarantineQuery) -> Result<Vec<QuarantineEntry>, StoreError>;

    /// Removes records, all or none; ids that are not there are passed over. Returns how many there were. The id of a removed
    /// record MUST NOT be given to another.
    async fn remove_quarantined(&self, ids: &[u64]) -> Result<u64, StoreError>;
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
    /// - the closed 1 s candles that open in `frame::context_range(as_of, shape.context_window)`;
    /// - the imports known then ([`Import::is_known`]), by number, without their candles.
    ///
    /// With [`Knowledge::AsCorrected`](crate::Knowledge) candles are the final versions of those
    /// closed by the watermark's second at the instant, and trades are those before that second.
    async fn frame_parts(&self, query: &FrameQuery) -> Result<FrameParts, StoreError>;

    /// What retention has taken of an instrument. It MUST NOT be behind a drop that is done; a store that
    /// drops nothing gives [`Expiry::NOTHING`].
    async fn expiry(&self, instrument: &Instrument) -> Result<Expiry, StoreError>;
}

/// Lets go of what a store holds outside the process: connections, files, locks.
#[async_trait]
pub trait ClosingStore: Display + Debug + Send + Sync + 'static {
    /// Closes the store.
    ///
    /// - Calls under way MUST end as they would have; closing waits for them.
    /// - What was acknowledged MUST stay; what others need of a store that nobody has open MUST be in its place.
    /// - Later calls MUST be answered as before or fail with [`Shutdown`](crate::StoreErrorKind::Shutdown).
    /// - Closing again MUST change nothing.
    async fn close(&self);
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
    + ImportStore
    + ManifestStore
    + CutoverStore
    + ClosingStore
    + ArchiveStore
    + InventoryStore
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
        + ImportStore
        + ManifestStore
        + CutoverStore
        + ClosingStore
        + ArchiveStore
        + InventoryStore
{
}
