//! Storage, cache, feed and clock traits of the onetape market-data store.
//!
//! Adapters implement these; the provider and the ingestion pipeline use nothing else. What an
//! implementation MUST do stands on each method, and the conformance suite of `onetape-testkit` has a
//! case for each of these sentences.

#![warn(missing_docs)]

pub mod cache;
pub mod clock;
pub mod error;
pub mod feed;
pub mod inventory;
pub mod query;
pub mod store;

pub use cache::{CacheStatistics, HotCache};
pub use clock::WallClock;
pub use error::{StoreError, StoreErrorKind};
pub use feed::{Feed, FeedError, FeedEvent, LiveBookSource};
pub use inventory::{Extent, Inventory, InventoryStore, Sizes, TableSize};
pub use query::{BookQuery, CandleQuery, FrameQuery, ImportedQuery, Knowledge, Selection, TimeQuery};
pub use store::{
    BookStore, CandleStore, ClockStore, CoverageStore, FrameStore, ImbalanceStore, ImportStore, MarketStore,
    QuarantineStore, RowStream, TapeStore, TradeStore,
};
