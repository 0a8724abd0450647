//! Frames and tables as Arrow record batches.
//!
//! A frame becomes one batch a section ([`FrameBatches::of`]); rows of a store become streams of bounded batches, by
//! the functions here. What the columns are is said in [`tables`].
//!
//! ```
//! use futures::TryStreamExt;
//! use onetape::arrow::{self, Decimals, FrameBatches};
//! use onetape::ports::{Selection, TimeQuery};
//! use onetape::prelude::*;
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! # let tape = Onetape::open("memory:").await?;
//! # let instrument: Instrument = "binance:ETH/USDT".parse()?;
//! # let trade = PushedTrade {
//! #     event_time: "2024-08-09T00:00:00.5Z".parse()?,
//! #     id: TradeId::Numeric(1),
//! #     price: "2682.5".into(),
//! #     size: "0.25".into(),
//! #     side: Side::Buy,
//! # };
//! # tape.ingestion().ingest_trade(&instrument, &trade).await?;
//! # tape.close(Duration::from_secs(10)).await?;
//! let frame = tape.provider().get_inference_data("ETH/USDT", None, Duration::from_secs(300)).await?;
//! let sections = FrameBatches::of(&frame, Decimals::Exact)?;
//! assert_eq!(sections.get("ohlcv_1s").map(|rows| rows.num_rows()), Some(1));
//!
//! let query = TimeQuery { instrument, selection: Selection::Range(TimeRange::ALL), as_of: frame.as_of };
//! let store = tape.store().as_ref();
//! let batches: Vec<_> = arrow::trades(store, query, Decimals::Float).try_collect().await?;
//! assert_eq!(batches[0].num_rows(), 1);
//! # Ok(())
//! # }
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(run()).unwrap();
//! ```

use std::collections::BTreeMap;

use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt, TryStreamExt};
use onetape_domain::candle::Candle;
use onetape_domain::engine::candles::CandleKey;
use onetape_domain::instrument::Instrument;
use onetape_domain::time::Timestamp;
use onetape_ports::{BookQuery, CandleQuery, MarketStore, StoreError, TimeQuery};
use onetape_provider::{ProviderError, UnifiedDataProvider};

pub use onetape_arrow::*;

/// Closed candles as [`UnifiedDataProvider::stream_closed_candles`] gives them: one a period, chosen between those
/// made here and those imported.
pub fn candles(
    provider: &UnifiedDataProvider,
    query: CandleQuery,
    decimals: Decimals,
) -> BatchStream<'_, ProviderError> {
    let (instrument, as_of) = (query.instrument.clone(), query.as_of);
    stream_of(&tables::CANDLES, decimals, instrument, as_of, provider.stream_closed_candles(query))
}

/// All versions, known at the instant, of candles made here of trades: with them what was known at any earlier
/// instant can be found out without the store.
pub fn candle_versions(
    store: &dyn MarketStore,
    query: CandleQuery,
    decimals: Decimals,
) -> BatchStream<'_, StoreError> {
    let (instrument, as_of) = (query.instrument.clone(), query.as_of);
    stream_of(&tables::VERSIONS, decimals, instrument, as_of, versions(store, query))
}

/// Trades.
pub fn trades(store: &dyn MarketStore, query: TimeQuery, decimals: Decimals) -> BatchStream<'_, StoreError> {
    let (instrument, as_of) = (query.instrument.clone(), query.as_of);
    stream_of(&tables::TRADES, decimals, instrument, as_of, store.stream_trades(query))
}

/// Sampled books.
pub fn books(store: &dyn MarketStore, query: BookQuery, decimals: Decimals) -> BatchStream<'_, StoreError> {
    let (instrument, as_of) = (query.instrument.clone(), query.as_of);
    stream_of(&tables::BOOKS, decimals, instrument, as_of, store.stream_books(query))
}

/// Price buckets of sampled books.
pub fn buckets(store: &dyn MarketStore, query: TimeQuery, decimals: Decimals) -> BatchStream<'_, StoreError> {
    let (instrument, as_of) = (query.instrument.clone(), query.as_of);
    stream_of(&tables::BUCKETS, decimals, instrument, as_of, store.stream_buckets(query))
}

/// Imbalances.
pub fn imbalances(
    store: &dyn MarketStore,
    query: TimeQuery,
    decimals: Decimals,
) -> BatchStream<'_, StoreError> {
    let (instrument, as_of) = (query.instrument.clone(), query.as_of);
    stream_of(&tables::IMBALANCES, decimals, instrument, as_of, store.stream_imbalances(query))
}

/// The coverage log.
pub fn coverage(store: &dyn MarketStore, query: TimeQuery) -> BatchStream<'_, StoreError> {
    let (instrument, as_of) = (query.instrument.clone(), query.as_of);
    stream_of(&tables::COVERAGE, Decimals::Exact, instrument, as_of, store.stream_coverage(query))
}

fn stream_of<'a, R, E>(
    table: &'static Table<R>,
    decimals: Decimals,
    instrument: Instrument,
    as_of: Timestamp,
    rows: impl Stream<Item = Result<R, E>> + Send + 'a,
) -> BatchStream<'a, E>
where
    R: Send + Sync + 'static,
    E: std::error::Error + Send + 'static,
{
    let notes = Notes { as_of: BTreeMap::from([(instrument.clone(), as_of)]), ..Notes::default() };
    let encoder = Encoder::new(table, decimals, std::slice::from_ref(&instrument), &notes);
    batches(&encoder, instrument, rows, table.batch_rows())
}

/// Versions by open time and revision. Those that came before the current one are read candle by candle: few have any.
pub(crate) fn versions(
    store: &dyn MarketStore,
    query: CandleQuery,
) -> BoxStream<'_, Result<tables::CandleVersion, StoreError>> {
    let (instrument, as_of) = (query.instrument.clone(), query.as_of);
    let of = move |candle: Candle| {
        let instrument = instrument.clone();
        async move {
            let mut versions = Vec::new();
            if candle.revision() > 1 {
                let key = CandleKey { timeframe: candle.timeframe(), open_time: candle.open_time() };
                let before = store.superseded(&instrument, key).await?;
                // What took the place of the others was not known yet.
                let known = before.into_iter().filter(|version| version.known_to <= as_of);
                versions.extend(known.map(|version| tables::CandleVersion {
                    candle: version.candle,
                    known_to: Some(version.known_to),
                }));
            }
            versions.push(tables::CandleVersion { candle, known_to: None });
            Ok(stream::iter(versions.into_iter().map(Ok)))
        }
    };
    store.stream_candles(query).and_then(of).try_flatten().boxed()
}
