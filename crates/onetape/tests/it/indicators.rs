//! A8 through the provider: candles pushed one by one, the indicators read after each.

use onetape::prelude::*;
use onetape_testkit::data::{folder, golden_rows};

/// The windows of the provider hold 500 closes; the golden values come from the whole file. What lies
/// further back has faded below the tolerance.
async fn assert_a8(file: &str, timeframe: Timeframe, every: usize) {
    if folder().is_none() {
        return;
    }
    let instrument: Instrument = "coinbase:BTC/USD".parse().expect("instrument");
    let tape = Onetape::open("memory:").await.expect("store");
    let (pipeline, provider) = (tape.ingestion(), tape.provider());
    let rows = golden_rows(file);
    let mut compared = 0;
    for (i, row) in rows.iter().enumerate() {
        let close = row[1].clone();
        let candle = RawCandle {
            open_time: row[0].parse::<Timestamp>().expect("time").micros(),
            open: close.clone(),
            high: close.clone(),
            low: close.clone(),
            close,
            volume: "1".into(),
            trade_count: 1,
        };
        pipeline.ingest_ohlcv_candle(&instrument, timeframe, &candle).await.expect("taken");
        if i % every != 0 && i + 1 != rows.len() {
            continue;
        }
        let frame = provider.inference(&instrument, &Request::default()).await.expect("frame");
        let set = frame.indicators[&timeframe];
        let got = [set.rsi_14, set.macd, set.macd_signal, set.bb_upper, set.bb_middle, set.bb_lower];
        for (column, (got, want)) in got.into_iter().zip(&row[2..]).enumerate() {
            // TA-Lib's MACD line begins one index before its signal; the set gives both together.
            let Some(got) = got else {
                assert!(want.is_empty() || column == 1, "column {column} of row {i}: none, want {want}");
                continue;
            };
            let want: f64 = want.parse().expect("number");
            let tolerance = if column == 0 { 5.1e-5 } else { (want.abs() * 1e-8).max(6e-9) };
            assert!((got - want).abs() <= tolerance, "column {column} of row {i}: {got}, want {want}");
            compared += 1;
        }
    }
    assert!(compared > 500, "{compared} values compared");
}

#[tokio::test]
async fn a8_minutes_of_a_day() {
    assert_a8("indicators_lean_coinbase_BTCUSD_1m_20171217.csv", Timeframe::M1, 7).await;
}

#[tokio::test]
async fn a8_days_of_years() {
    assert_a8("indicators_lean_coinbase_BTCUSD_1d.csv", Timeframe::D1, 7).await;
}
