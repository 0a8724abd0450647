//! A1 through the library: the memory store, read through the provider.

use futures::TryStreamExt;
use onetape::domain::decimal::canonical;
use onetape::domain::frame::DataSource;
use onetape::domain::trade::Trade;
use onetape::ports::{CandleQuery, Knowledge, Selection, TimeQuery};
use onetape::prelude::*;
use onetape_testkit::data::golden_rows;

use crate::support::{instrument, replayed};

#[tokio::test]
async fn a1_candles_and_trades_of_the_memory_store_are_the_golden_ones() {
    let Some((tape, summary)) = replayed().await else {
        return;
    };
    assert_eq!((summary.trades, summary.revisions, summary.quarantined), (14_515, 0, 0));
    let all = Selection::Range(TimeRange::ALL);
    let query = TimeQuery { instrument: instrument(), selection: all, as_of: Timestamp::LATEST };
    let trades: Vec<Trade> = tape.store().stream_trades(query).try_collect().await.expect("trades");
    let volume = trades.iter().map(|trade| trade.size.get()).sum();
    assert_eq!((trades.len(), canonical(volume).as_str()), (14_515, "4272.7241"));
    let timeframes = [Timeframe::S1, Timeframe::M1, Timeframe::M5];
    let latest = tape
        .provider()
        .get_multi_timeframe_data("ETH/USDT", &timeframes, None, 1_000)
        .await
        .expect("candles");
    for timeframe in timeframes {
        let query = CandleQuery {
            instrument: instrument(),
            timeframe,
            selection: all,
            as_of: latest.as_of,
            knowledge: Knowledge::AsRecorded,
        };
        let closed = tape.store().candles(&query).await.expect("candles");
        let forming =
            latest.candles[&timeframe].rows.iter().filter(|candle| candle.state() == CandleState::Forming);
        let rows: Vec<Candle> = closed.iter().chain(forming).copied().collect();
        let want = golden_rows(&format!("hft_spot_ETHUSDT_{timeframe}.csv"));
        assert_eq!(rows.len(), want.len());
        for (candle, want) in rows.iter().zip(&want) {
            let ohlcv = candle.ohlcv();
            let got =
                [ohlcv.open.get(), ohlcv.high.get(), ohlcv.low.get(), ohlcv.close.get(), ohlcv.volume.get()];
            let want: Vec<_> = want[1..6].iter().map(|field| field.parse().expect("decimal")).collect();
            assert_eq!(got.as_slice(), want.as_slice());
        }
    }
}

#[tokio::test]
async fn the_cache_and_the_store_give_the_same_frame_wherever_both_answer() {
    let Some((tape, _)) = replayed().await else { return };
    let cached = tape.provider();
    let stored = UnifiedDataProvider::new(
        tape.store().clone(),
        std::sync::Arc::new(onetape::memory::SystemClock::default()),
        onetape::provider::ProviderConfig::for_exchange(instrument().exchange().clone()),
    );
    let end = tape.ingestion().issued(&instrument()).expect("clock");
    let mut from_cache = 0;
    for step in 0..200 {
        let request = Request::at(end.plus(-step * 3_000_017));
        let one = cached.inference(&instrument(), &request).await.expect("frame");
        let other = stored.inference(&instrument(), &request).await.expect("frame");
        from_cache += usize::from(one.metadata.as_ref().is_some_and(|m| m.data_source == DataSource::Cache));
        assert!(one.to_canonical_json() == other.to_canonical_json(), "at {:?}", request.timestamp);
    }
    assert!(from_cache > 20, "the cache answered {from_cache}");
}

#[tokio::test]
async fn before_the_first_record_there_is_an_empty_frame_and_beyond_the_clock_the_last_one() {
    let Some((tape, _)) = replayed().await else { return };
    let provider = tape.provider();
    let before = Request::at("2024-08-08T00:00:00Z".parse().expect("time"));
    let empty = provider.inference(&instrument(), &before).await.expect("frame");
    assert_eq!(Some(empty.as_of), before.timestamp);
    assert!(empty.qualities().all(|(_, quality)| quality.tier == Tier::NoData && quality.coverage.is_zero()));
    assert!(Timeframe::ALL.into_iter().all(|timeframe| empty.candles(timeframe).rows.is_empty()));

    let beyond = Request::at("2030-01-01".parse().expect("time"));
    let last = provider.inference(&instrument(), &Request::default()).await.expect("frame");
    let clamped = provider.inference(&instrument(), &beyond).await.expect("frame");
    assert_eq!(clamped.to_canonical_json(), last.to_canonical_json());
    let strict = provider.inference(&instrument(), &Request { strict: true, ..beyond }).await;
    assert!(strict.expect_err("not reached").to_string().contains("is not reached yet"));
}
