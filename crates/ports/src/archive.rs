//! Whole instruments from store to store: everything that is stored of one, and how a store takes one in.
//!
//! What is stored of an instrument up to a stamp never changes (but for retention and the removal of an import), so
//! reading every table as of a clock that was read before gives one state of it, however much is written meanwhile.
//! The other storage ports read most tables; what they cannot give is here.

use std::collections::BTreeSet;
use std::fmt::{Debug, Display};
use std::sync::Arc;

use async_trait::async_trait;
use onetape_domain::book::BookSnapshot;
use onetape_domain::candle::{Candle, SupersededCandle};
use onetape_domain::clock::InstrumentClock;
use onetape_domain::coverage::CoverageRow;
use onetape_domain::expiry::Expiry;
use onetape_domain::imbalance::Imbalances;
use onetape_domain::imported::{Import, ImportId, ImportedCandle};
use onetape_domain::instrument::Instrument;
use onetape_domain::message::QuarantinedRecord;
use onetape_domain::time::{TimeRange, Timeframe, Timestamp};
use onetape_domain::trade::Trade;

use crate::error::StoreError;
use crate::store::RowStream;

/// Asks for versions of candles that others took the place of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SupersededQuery {
    /// Whose candles.
    pub instrument: Instrument,
    /// Their period.
    pub timeframe: Timeframe,
    /// Those that open in here.
    pub range: TimeRange,
    /// Only versions that had been replaced by then.
    pub as_of: Timestamp,
}

/// An instrument that is being taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Load {
    /// Which one.
    pub instrument: Instrument,
    /// The last stamp of its rows; none of one that has imports and no tape.
    pub issued: Option<Timestamp>,
}

/// Rows of one table, stamps and revisions included.
#[derive(Debug, Clone, PartialEq)]
pub enum LoadRows {
    /// Current versions of candles.
    Candles(Vec<Candle>),
    /// Replaced versions.
    Superseded(Vec<SupersededCandle>),
    /// Trades.
    Trades(Vec<Trade>),
    /// Sampled books, partial ones too; buckets follow from them.
    Books(Vec<Arc<BookSnapshot>>),
    /// Imbalances.
    Imbalances(Vec<Imbalances>),
    /// Rows of the coverage log.
    Coverage(Vec<CoverageRow>),
    /// Candles of one timeframe of an import, its own or one that was rolled up.
    Imported {
        /// Of which import.
        id: ImportId,
        /// Their period.
        timeframe: Timeframe,
        /// The candles.
        candles: Vec<ImportedCandle>,
    },
}

/// What makes an instrument visible whose rows are all there.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadEnd {
    /// Which one.
    pub instrument: Instrument,
    /// Its clock; none of one without a tape.
    pub clock: Option<InstrumentClock>,
    /// What retention had taken of it.
    pub expiry: Expiry,
    /// Its imports, with place and covered range.
    pub imports: Vec<Import>,
}

/// Gives and takes whole instruments.
///
/// An instrument is taken in by a load: begun, given rows in any order and as often as need be, and finished. Until
/// then it MUST have no clock, be in no list of instruments, and show no import; a batch or an import for it MUST be
/// refused with [`Conflict`](crate::StoreErrorKind::Conflict).
#[async_trait]
pub trait ArchiveStore: Display + Debug + Send + Sync + 'static {
    /// Every instrument with a clock or a finished import.
    async fn archived(&self) -> Result<BTreeSet<Instrument>, StoreError>;

    /// Replaced versions, by open time, then revision; also where the current one is gone.
    fn stream_superseded(&self, query: SupersededQuery) -> RowStream<'_, SupersededCandle>;

    /// All refused records, in the order in which they were written.
    fn stream_quarantined(&self) -> RowStream<'_, QuarantinedRecord>;

    /// The load that is under way.
    async fn load_under_way(&self, instrument: &Instrument) -> Result<Option<Load>, StoreError>;

    /// Begins a load. One that is under way MUST go on where it is, and reach to the later stamp from then on; an
    /// earlier stamp, and an instrument that has a clock or an import already, MUST be refused with
    /// [`Conflict`](crate::StoreErrorKind::Conflict), naming both clocks, and change nothing.
    async fn begin_load(&self, load: &Load) -> Result<(), StoreError>;

    /// Begins an import of the instrument under load, unfinished until the load is, and returns it with the number it
    /// has here. Imports MUST be given in the order of their numbers. Giving one again MUST change nothing; one that
    /// has its id and is another MUST be refused with [`Conflict`](crate::StoreErrorKind::Conflict).
    async fn load_import(&self, import: &Import) -> Result<Import, StoreError>;

    /// Adds rows, all or none, also when the call is cancelled. A row that is already there MUST stay as it is, but
    /// for a candle of a lower revision, which makes way without becoming a replaced version. Without a load the call
    /// MUST be refused with [`Conflict`](crate::StoreErrorKind::Conflict).
    async fn load(&self, instrument: &Instrument, rows: &LoadRows) -> Result<(), StoreError>;

    /// Ends a load: clock, imports and what retention had taken become visible at once. The clock MUST be the one that
    /// the load was begun for. Finishing again with the same clock MUST change nothing: the acknowledgement was lost.
    async fn finish_load(&self, end: &LoadEnd) -> Result<(), StoreError>;

    /// Removes everything of an instrument under load; without a load it MUST change nothing.
    async fn discard_load(&self, instrument: &Instrument) -> Result<(), StoreError>;
}
