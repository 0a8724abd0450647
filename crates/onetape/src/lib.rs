//! One tape of the market: a unified store of candles, trades, order books, imbalances and indicators
//! whose answers for an instant are the same live and ever after.
//!
//! # A tour
//!
//! **Open** a store by its URL: `memory:`, `sqlite://market.db` for a file, `postgres://…` for TimescaleDB. Nothing else
//! changes with it.
//!
//! ```
//! use onetape::prelude::*;
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let tape = Onetape::open("memory:").await?;
//!
//! // Subscribe: a frame whenever a minute closes from now on.
//! let mut minutes = tape.subscribe("ETH/USDT", Cadence::Closes(Timeframe::M1))?;
//!
//! // Ingest: trades and books of a feed of your own, candles of a venue that has nothing else, or a recorded tape by
//! // `tape.ingestion().run(&mut feed)`. What is taken in is in the next answer, and soon after in the store.
//! let instrument: Instrument = "binance:ETH/USDT".parse()?;
//! let level = |price: &str, size: &str| -> Result<BookLevel, Violations> {
//!     Ok(BookLevel { price: Price::parse("price", price)?, size: Quantity::parse("size", size)? })
//! };
//! let start: Timestamp = "2024-08-09T00:00:00Z".parse()?;
//! for second in 0..90 {
//!     let time = start.plus(second * 1_000_000);
//!     let trade = PushedTrade {
//!         event_time: time,
//!         id: TradeId::Numeric(second),
//!         price: format!("{}.5", 2_682 + second),
//!         size: "0.25".into(),
//!         side: Side::Buy,
//!     };
//!     tape.ingestion().ingest_trade(&instrument, &trade).await?;
//!     let (bids, asks) = ([level("2682.5", "3")?], [level("2800", "1")?]);
//!     tape.ingestion().ingest_orderbook_snapshot(&instrument, time, &bids, &asks).await?;
//! }
//!
//! // Query: everything about a market, now or as of any instant. A bare symbol is of the default exchange.
//! let now = tape.get_inference_data("ETH/USDT", None, Duration::from_secs(300)).await?;
//! let minute = &now.ohlcv_1m.closed()[0];
//! assert_eq!(minute.ohlcv().close.to_string(), "2741.5");
//! let earlier = minute.known_from().map(|stamp| stamp.plus(-1));
//! let then = tape.get_inference_data("ETH/USDT", earlier, Duration::ZERO).await?;
//! assert!(then.ohlcv_1m.closed().is_empty(), "it was not closed yet");
//!
//! // Several timeframes at one instant, and the order book with its imbalances.
//! let candles = tape.get_multi_timeframe_data("ETH/USDT", &[Timeframe::S1, Timeframe::M1], None, 20).await?;
//! assert_eq!(candles.candles[&Timeframe::S1].closed().len(), 20);
//! let live = tape.get_order_book_data("ETH/USDT", None, BookAggregation::Raw, 1).await?;
//! assert_eq!(live.bids[0].price.to_string(), "2682.5");
//!
//! // All options of a read.
//! let request = Request { limit: 5, fill: FillPolicy::Flat, ..Request::at(now.as_of) };
//! assert_eq!(tape.provider().inference(&instrument, &request).await?.ohlcv_1s.closed().len(), 5);
//!
//! // What a subscriber was shown live is the frame of that instant ever after.
//! if let Some(live) = minutes.next().await {
//!     let live = live?.frame;
//!     let later = tape.get_inference_data("ETH/USDT", Some(live.as_of), Duration::from_secs(300)).await?;
//!     assert_eq!(live.to_canonical_json(), later.to_canonical_json());
//! }
//!
//! // Close: writes what is pending, ends subscriptions, lets go of the store.
//! tape.close(Duration::from_secs(10)).await?;
//! # Ok(())
//! # }
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(run()).unwrap();
//! ```
//!
//! # What to know
//!
//! - Every row carries the *stamp* under which it became known; an answer as of T holds what was stamped by T. Stamps lie
//!   a little after the times they speak of, since a close is only known once a later message has come.
//! - Prices and sizes are exact ([`Price`](prelude::Price), [`Quantity`](prelude::Quantity), text on the way in).
//! - Errors are enums to match on: [`OpenError`], [`IngestError`](prelude::IngestError),
//!   [`ProviderError`](prelude::ProviderError) and, behind them, [`StoreError`](prelude::StoreError) with its kind.
//! - Trades that are pushed long after their time are stamped at most 5 s after it
//!   ([`VenueRules::stamp_lead_limit`](domain::venue::VenueRules)), and a candle closes with the first message past its end.
//! - A failed write is retried for minutes before anything is reported, and a feed is held back meanwhile: see
//!   [`PipelineConfig`](prelude::PipelineConfig).
//!
//! # Features
//!
//! | feature | brings |
//! |---|---|
//! | `sqlite` | the store in a file; compiles SQLite |
//! | `timescale` | the TimescaleDB store |
//! | `exchanges` | parsers of venues, tapes of recorded messages; compiles zstd |
//! | `indicators` | RSI, MACD and Bollinger Bands, which are null without it |
//! | `journal` | what is taken in survives a crash: `Builder::journal` |
//! | `config` | settings from a file and the environment, `Onetape::open_default` |
//! | `copy` | copies between stores, proven equal |
//! | `arrow` | tables and frames as Arrow record batches |
//! | `export` | Parquet, Arrow and CSV files; compiles zstd |
//! | `import` | the candles of an older system: Parquet files, pickles, CSV and JSON; compiles Arrow |
//! | `live` | live feeds of Binance over WebSocket and REST; compiles TLS and HTTP |
//!
//! All but the last four are on by default. Without any there is the store in memory, and neither C nor a database is compiled.
//!
//! Runnable examples are in `examples/` of the repository, what may change between versions in `docs/SEMVER.md`.

#![warn(missing_docs)]

mod admin;
#[cfg(feature = "arrow")]
pub mod arrow;
#[cfg(feature = "config")]
pub mod config;
#[cfg(feature = "copy")]
mod copy;
#[cfg(feature = "legacy")]
pub mod cutover;
mod error;
#[cfg(feature = "export")]
mod export;
mod gaps;
mod health;
#[cfg(feature = "import")]
pub mod import;
#[cfg(feature = "legacy")]
pub mod legacy;
#[cfg(any(feature = "sqlite", feature = "timescale"))]
mod maintenance;
mod metrics;
mod open;
mod stored;
#[cfg(feature = "config")]
mod suggest;
mod url;

pub use admin::{
    AppliedMigration, StoreStatus, TableStatus, migrate, setup, setup_roles, setup_with, status,
};
#[cfg(any(feature = "sqlite", feature = "timescale"))]
pub use admin::{Examined, Maintenance, doctor};
#[cfg(feature = "config")]
pub use config::Config;
#[cfg(feature = "copy")]
pub use copy::{
    CopiedInstrument, CopyError, CopyFailure, CopyOptions, CopyReport, Difference, Outcome as CopyOutcome,
    Progress as CopyMoment, Step as CopyStep, Verification, copy, verify_copy,
};
pub use error::{OpenError, hint_of};
#[cfg(feature = "export")]
pub use export::{Export, ExportError, ExportProgress, ExportSummary, ExportTable};
pub use gaps::{GapsOfInstrument, KnownGap};
pub use health::{Check, Health, HealthLimits};
#[cfg(any(feature = "sqlite", feature = "timescale"))]
pub use maintenance::{AuditScope, maintain};
pub use metrics::{describe_metrics, metrics};
pub use open::{Builder, Onetape};
pub use stored::{Completeness, Stored, StoredInstrument, StoredTable, StreamCoverage};
pub use url::StoreUrl;

pub use onetape_domain as domain;
#[cfg(feature = "exchanges")]
pub use onetape_exchanges as exchanges;
pub use onetape_ingestion as ingestion;
#[cfg(feature = "journal")]
pub use onetape_journal as journal;
pub use onetape_memory as memory;
pub use onetape_ports as ports;
pub use onetape_provider as provider;
#[cfg(feature = "sqlite")]
pub use onetape_sqlite as sqlite;
#[cfg(feature = "timescale")]
pub use onetape_timescale as timescale;

/// What most callers need.
pub mod prelude {
    pub use std::time::Duration;

    pub use onetape_domain::book::{BookLevel, BookSnapshot};
    pub use onetape_domain::candle::{Candle, CandleState, Ohlcv};
    pub use onetape_domain::decimal::{Decimal, Price, Quantity};
    pub use onetape_domain::frame::{CandleSection, InferenceDataFrame};
    pub use onetape_domain::imbalance::Imbalances;
    pub use onetape_domain::indicator::IndicatorSet;
    pub use onetape_domain::instrument::{Exchange, Instrument, Market, Symbol};
    pub use onetape_domain::order_book_frame::{BookAggregation, OrderBookDataFrame};
    pub use onetape_domain::quality::{Quality, Tier};
    pub use onetape_domain::time::{TimeRange, Timeframe, Timestamp};
    pub use onetape_domain::trade::{Side, Trade, TradeId};
    pub use onetape_domain::validator::RawCandle;
    pub use onetape_domain::violation::Violations;
    pub use onetape_ingestion::{
        DataIngestionPipeline, IngestError, IngestSummary, PipelineConfig, PushedTrade,
    };
    pub use onetape_ports::{Cadence, Knowledge, StoreError, StoreErrorKind};
    pub use onetape_provider::{
        FillPolicy, LiveFrame, MultiTimeframeData, ProviderConfig, ProviderError, Request, Subscription,
        SubscriptionError, SubscriptionRequest, UnifiedDataProvider,
    };

    pub use crate::{Onetape, OpenError, StoreUrl};
}
