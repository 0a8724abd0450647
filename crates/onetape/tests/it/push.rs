//! The push interface: callers with their own feed.

use onetape::domain::book::BookLevel;
use onetape::domain::decimal::{Price, Quantity};
use onetape::domain::engine::Outcome;
use onetape::ingestion::IngestError;
use onetape::prelude::*;

use crate::support::instrument;

fn time(text: &str) -> Timestamp {
    text.parse().expect("time")
}

fn trade(at: &str, id: TradeId, price: &str, size: &str) -> PushedTrade {
    PushedTrade { event_time: time(at), id, price: price.into(), size: size.into(), side: Side::Buy }
}

#[tokio::test]
async fn a_pushed_trade_is_in_the_next_frame_and_counts_once() {
    let tape = Onetape::open("memory:").await.expect("store");
    let pipeline = tape.ingestion();
    let one =
        trade("2024-08-09T00:00:00.5Z", TradeId::Text { id: "a-1".into(), sequence: None }, "10.5", "2");
    assert!(matches!(pipeline.ingest_trade(&instrument(), &one).await, Ok(Outcome::Stamped(_))));
    assert_eq!(pipeline.ingest_trade(&instrument(), &one).await.expect("known"), Outcome::Redelivered);
    let frame =
        tape.provider().get_inference_data("ETH/USDT", None, Duration::from_secs(60)).await.expect("frame");
    assert_eq!(frame.ohlcv_1s.rows.len(), 1);
    assert_eq!(frame.ohlcv_1s.rows[0].ohlcv().volume.to_string(), "2");
}

#[tokio::test]
async fn bad_trades_are_refused_with_every_reason_and_quarantined() {
    let tape = Onetape::open("memory:").await.expect("store");
    let pipeline = tape.ingestion();
    let bad = trade("2024-08-09T00:00:00.5Z", TradeId::Missing, "NaN", "-1");
    let Err(IngestError::Refused { violations, .. }) = pipeline.ingest_trade(&instrument(), &bad).await
    else {
        panic!("taken in")
    };
    assert_eq!(violations.0.len(), 2, "{violations}");
    pipeline.flush().await.expect("written");
    let kept = tape.store().quarantined(10).await.expect("quarantine");
    assert_eq!(kept[0].violations, violations);
}

fn candle(minute: i64, close: &str, volume: &str) -> RawCandle {
    let start = time("2024-08-09T00:00:00Z").micros();
    RawCandle {
        open_time: start + minute * 60_000_000,
        open: "10".into(),
        high: "12".into(),
        low: "9".into(),
        close: close.into(),
        volume: volume.into(),
        trade_count: 3,
    }
}

#[tokio::test]
async fn pushed_candles_roll_up_and_a_changed_one_revises_the_coarser_ones() {
    let tape = Onetape::open("memory:").await.expect("store");
    let pipeline = tape.ingestion();
    for minute in 0..6 {
        pipeline
            .ingest_ohlcv_candle(&instrument(), Timeframe::M1, &candle(minute, "11", "1"))
            .await
            .expect("taken");
    }
    let five = |provider: UnifiedDataProvider| async move {
        let data =
            provider.get_multi_timeframe_data("ETH/USDT", &[Timeframe::M5], None, 10).await.expect("candles");
        data.candles[&Timeframe::M5].rows.clone()
    };
    let rows = five(tape.provider()).await;
    let volumes: Vec<String> = rows.iter().map(|candle| candle.ohlcv().volume.to_string()).collect();
    assert_eq!((rows[0].state(), rows[1].state()), (CandleState::Traded, CandleState::Forming));
    assert_eq!(volumes, ["5", "1"]);

    pipeline.ingest_ohlcv_candle(&instrument(), Timeframe::M1, &candle(2, "11", "4")).await.expect("revised");
    let rows = five(tape.provider()).await;
    assert_eq!((rows[0].ohlcv().volume.to_string().as_str(), rows[0].revision()), ("8", 2));
    let same = pipeline.ingest_ohlcv_candle(&instrument(), Timeframe::M1, &candle(2, "11", "4")).await;
    assert_eq!(same.expect("known"), Outcome::Redelivered);
}

#[tokio::test]
async fn bad_candles_are_refused_with_their_reason() {
    let tape = Onetape::open("memory:").await.expect("store");
    let pipeline = tape.ingestion();
    let good = candle(0, "11", "1");
    let cases = [
        (RawCandle { high: "8".into(), ..good.clone() }, "candle.high"),
        (RawCandle { volume: "-1".into(), ..good.clone() }, "candle.volume"),
        (RawCandle { open: "inf".into(), ..good.clone() }, "candle.open"),
        (RawCandle { open_time: good.open_time / 1_000_000, ..good.clone() }, "seconds"),
        (RawCandle { open_time: good.open_time + 1, ..good.clone() }, "grid"),
    ];
    for (bad, word) in cases {
        let error = pipeline.ingest_ohlcv_candle(&instrument(), Timeframe::M1, &bad).await.expect_err(word);
        assert!(error.to_string().contains(word), "{error}");
    }
    pipeline.ingest_ohlcv_candle(&instrument(), Timeframe::M1, &good).await.expect("taken");
    let other =
        pipeline.ingest_ohlcv_candle(&instrument(), Timeframe::M5, &good).await.expect_err("other timeframe");
    assert!(other.to_string().contains("must be 1m"), "{other}");
}

fn levels(prices: &[&str]) -> Vec<BookLevel> {
    let level = |price: &&str| BookLevel {
        price: Price::parse("price", price).expect("price"),
        size: Quantity::parse("size", "1").expect("size"),
    };
    prices.iter().map(level).collect()
}

#[tokio::test]
async fn pushed_books_are_sampled_each_second_and_crossed_ones_refused() {
    let tape = Onetape::open("memory:").await.expect("store");
    let pipeline = tape.ingestion();
    for (at, bid) in [("00:00:00.2", "99"), ("00:00:00.9", "98"), ("00:00:01.1", "97"), ("00:00:02.5", "96")]
    {
        let at = time(&format!("2024-08-09T{at}Z"));
        let (bids, asks) = (levels(&[bid, "90"]), levels(&["100", "101"]));
        pipeline.ingest_orderbook_snapshot(&instrument(), at, &bids, &asks).await.expect("taken");
    }
    pipeline.flush().await.expect("written");
    let provider = tape.provider();
    let frame = provider.get_order_book_data("ETH/USDT", None, BookAggregation::S1, 10).await.expect("books");
    let best: Vec<String> =
        frame.points.iter().map(|point| point.snapshot.bids()[0].price.to_string()).collect();
    assert_eq!(best, ["98", "97"]);
    let crossed = pipeline
        .ingest_orderbook_snapshot(
            &instrument(),
            time("2024-08-09T00:00:03Z"),
            &levels(&["101"]),
            &levels(&["100"]),
        )
        .await;
    assert!(crossed.expect_err("crossed").to_string().contains("crossed"));
}
