//! Completeness: what is covered, what is not, and what a caller may demand.

use onetape::domain::venue::VenueRules;
use onetape::prelude::*;
use onetape_testkit::generator::Market as SimulatedMarket;

use crate::support::{instrument, replayed};

#[tokio::test]
async fn the_end_of_the_tape_is_excellent_where_it_is_covered_and_says_where_not() {
    let Some((tape, _)) = replayed().await else { return };
    let frame = tape.provider().inference(&instrument(), &Request::default()).await.expect("frame");
    for section in ["ohlcv_1s", "imbalances", "orderbook_snapshot", "context_data"] {
        let (_, quality) = frame.qualities().find(|(name, _)| name == section).expect("section");
        assert_eq!(quality.tier, Tier::Excellent, "{section} {quality:?}");
    }
    // The day began long before the recording.
    assert_eq!(frame.ohlcv_1d.quality.tier, Tier::NoData);
    assert_eq!(frame.ohlcv_1d.quality.gaps.len(), 1);
    let demanding = Request { min_quality: Some(Tier::Excellent), ..Request::default() };
    let error = tape.provider().inference(&instrument(), &demanding).await.expect_err("too little");
    assert!(error.to_string().contains("ohlcv_1m"), "{error}");
}

#[tokio::test]
async fn flat_rows_fill_only_what_is_covered() {
    let market =
        SimulatedMarket { seconds: 120, trades_per_second: 1, ..SimulatedMarket::new(instrument(), 3) };
    let tape = Onetape::open("memory:").await.expect("store");
    for message in market.messages() {
        tape.ingestion().ingest(&message, VenueRules::BINANCE_SPOT).await.expect("ingested");
    }
    let filled = Request { limit: 500, fill: FillPolicy::Flat, ..Request::default() };
    let provider = tape.provider();
    let candles = provider.multi_timeframe(&instrument(), &Timeframe::ALL, &filled).await.expect("candles");
    let rows = &candles.candles[&Timeframe::S1].rows;
    let quiet: Vec<_> = rows.iter().filter(|candle| candle.state() == CandleState::Quiet).collect();
    assert!(!quiet.is_empty());
    assert!(quiet.iter().all(|candle| candle.ohlcv().volume.is_zero() && candle.revision() == 0));
    let closed: Vec<_> = rows.iter().filter(|candle| candle.state() != CandleState::Forming).collect();
    assert!(closed.windows(2).all(|pair| pair[0].close_time() == pair[1].open_time()), "no slot is missing");
    let frame = provider.inference(&instrument(), &filled).await.expect("frame");
    for timeframe in Timeframe::ALL {
        assert_eq!(frame.candles(timeframe), &candles.candles[&timeframe]);
    }
}
