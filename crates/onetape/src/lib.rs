//! One tape of the market: a unified store of candles, trades, order books, imbalances and indicators
//! whose answers for an instant are the same live and ever after.
//!
//! ```
//! use onetape::prelude::*;
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let tape = Onetape::open("memory:").await?;
//! let instrument: Instrument = "binance:ETH/USDT".parse()?;
//! let trade = PushedTrade {
//!     event_time: "2024-08-09T00:00:00.5Z".parse()?,
//!     id: TradeId::Numeric(1),
//!     price: "2682.5".into(),
//!     size: "0.25".into(),
//!     side: Side::Buy,
//! };
//! tape.ingestion().ingest_trade(&instrument, &trade).await?;
//! let frame = tape.provider().get_inference_data("ETH/USDT", None, Duration::from_secs(300)).await?;
//! assert_eq!(frame.ohlcv_1s.rows[0].ohlcv().close.to_string(), "2682.5");
//! # Ok(())
//! # }
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(run()).unwrap();
//! ```

#![warn(missing_docs)]

mod admin;
#[cfg(feature = "config")]
pub mod config;
mod error;
#[cfg(feature = "timescale")]
mod maintenance;
mod open;
mod stored;
#[cfg(feature = "config")]
mod suggest;
mod url;

pub use admin::{
    AppliedMigration, StoreStatus, TableStatus, migrate, setup, setup_roles, setup_with, status,
};
#[cfg(feature = "timescale")]
pub use admin::{Examined, Maintenance, doctor};
#[cfg(feature = "config")]
pub use config::Config;
pub use error::{OpenError, hint_of};
#[cfg(feature = "timescale")]
pub use maintenance::{DURATION_BUCKETS, DURATION_METRIC, describe_metrics, maintain};
pub use open::{Builder, Onetape};
pub use stored::{Completeness, Stored, StoredInstrument, StoredTable, StreamCoverage};
pub use url::StoreUrl;

pub use onetape_domain as domain;
#[cfg(feature = "exchanges")]
pub use onetape_exchanges as exchanges;
pub use onetape_ingestion as ingestion;
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

    pub use onetape_domain::candle::{Candle, CandleState};
    pub use onetape_domain::frame::InferenceDataFrame;
    pub use onetape_domain::instrument::{Exchange, Instrument, Market, Symbol};
    pub use onetape_domain::order_book_frame::{BookAggregation, OrderBookDataFrame};
    pub use onetape_domain::quality::Tier;
    pub use onetape_domain::time::{TimeRange, Timeframe, Timestamp};
    pub use onetape_domain::trade::{Side, TradeId};
    pub use onetape_domain::validator::RawCandle;
    pub use onetape_ingestion::{DataIngestionPipeline, IngestSummary, PipelineConfig, PushedTrade};
    pub use onetape_provider::{FillPolicy, Request, UnifiedDataProvider};

    pub use crate::{Onetape, OpenError, StoreUrl};
}
