//! Storage, cache, feed and clock traits of the onetape market-data store.
//!
//! Adapters implement these; the provider and the ingestion pipeline use nothing else. What an
//! implementation MUST do stands on each method, and the conformance suite of `onetape-testkit` has a
//! case for each of these sentences.

#![warn(missing_docs)]

pub mod archive;
pub mod cache;
pub mod clock;
pub mod cutover;
pub mod error;
pub mod feed;
pub mod history;
pub mod inventory;
pub mod journal;
pub mod legacy;
pub mod manifest;
pub mod metric;
pub mod query;
pub mod store;

pub use archive::{ArchiveStore, Load, LoadEnd, LoadRows, SupersededQuery};
pub use cache::{CacheStatistics, Cadence, HotCache, Tick, TickStream, WatchQuery};
pub use clock::WallClock;
pub use cutover::CutoverStore;
pub use error::{StoreError, StoreErrorKind, with_causes};
pub use feed::{Feed, FeedError, FeedEvent, LiveBookSource};
pub use history::{HistoryError, HistoryErrorKind, HistorySource, TradeHistory, TradePage};
pub use inventory::{Extent, Inventory, InventoryStore, Sizes, TableSize};
pub use journal::{
    Journal, JournalDamage, JournalEntry, JournalError, JournalEvent, JournalEventRef, JournalPart,
    JournalPosition, JournalRecord, JournalRecovery,
};
pub use legacy::{
    LegacyAppended, LegacyContents, LegacyEntry, LegacyError, LegacyErrorKind, LegacyLeft, LegacyLeftWhy,
    LegacyListing, LegacyReading, LegacyRow, LegacyRows, LegacySink, LegacySource, LegacyTable,
};
pub use manifest::{ImportBatch, ManifestStore, OnConflict, SourcedCandle, differences};
pub use metric::{MetricInfo, MetricKind};
pub use query::{
    BookQuery, CandleQuery, FrameQuery, ImportedQuery, Knowledge, QuarantineEntry, QuarantineQuery,
    Selection, TimeQuery,
};
pub use store::{
    BookStore, CandleStore, ClockStore, ClosingStore, CoverageStore, FrameStore, ImbalanceStore, ImportStore,
    MarketStore, QuarantineStore, RowStream, TapeStore, TradeStore,
};
