//! Feeds candles of your own, from a venue that onetape does not read or from a file you have.
//!
//! Push closed candles of one timeframe in order; the coarser ones are rolled up here, and a frame has all of them with
//! indicators. A candle that is pushed again as it was changes nothing, so a feed may be replayed from any point. One
//! that comes with other values is a correction: from then on it is the known one, while an answer for an earlier
//! instant stays what it was. Prices are text on the way in, and exact decimals from there on: no float ever holds one.

use onetape::prelude::*;
use onetape_examples::{Outcome, SECOND, opening};

/// The candle of a minute: it closes a little higher each time.
fn candle(minute: i64, volume: &str) -> RawCandle {
    RawCandle {
        open_time: opening().plus(minute * 60 * SECOND).micros(),
        open: format!("{}.5", 100 + minute),
        high: format!("{}.75", 101 + minute),
        low: format!("{}.25", 100 + minute),
        close: format!("{}.5", 101 + minute),
        volume: volume.to_owned(),
        trade_count: 12,
    }
}

#[tokio::main]
async fn main() -> Outcome {
    let tape = Onetape::builder("memory:").default_exchange("bitstamp".parse()?).open().await?;
    let instrument: Instrument = "bitstamp:BTC/USD".parse()?;
    let ingestion = tape.ingestion();
    for minute in 0..120 {
        ingestion.ingest_ohlcv_candle(&instrument, Timeframe::M1, &candle(minute, "2")).await?;
    }
    // Once more from the start, as after a crash: nothing doubles.
    for minute in 0..120 {
        ingestion.ingest_ohlcv_candle(&instrument, Timeframe::M1, &candle(minute, "2")).await?;
    }

    let before = tape.get_inference_data("BTC/USD", None, Duration::ZERO).await?;
    let hour = before.ohlcv_1h.closed().first().ok_or("no hour closed")?;
    println!(
        "the first hour: {} to {}, volume {}",
        hour.ohlcv().open,
        hour.ohlcv().close,
        hour.ohlcv().volume
    );
    let rsi = before.indicators[&Timeframe::M1].rsi_14.ok_or("too few candles")?;
    println!("RSI(14) of the minutes is {rsi:.1}: they only ever rose");

    // The venue corrects a minute.
    ingestion.ingest_ohlcv_candle(&instrument, Timeframe::M1, &candle(30, "7")).await?;
    let after = tape.get_inference_data("BTC/USD", None, Duration::ZERO).await?;
    let corrected = after.ohlcv_1h.closed().first().ok_or("no hour closed")?;
    println!("corrected: volume {}, revision {}", corrected.ohlcv().volume, corrected.revision());

    // Who asks what was known before it gets what was known before it.
    let then = tape.get_inference_data("BTC/USD", Some(before.as_of), Duration::ZERO).await?;

    // What breaks a rule is refused with every reason, and kept apart: never stored, never dropped in silence.
    let impossible = RawCandle { high: "1".to_owned(), volume: "-2".to_owned(), ..candle(120, "2") };
    let refused = ingestion.ingest_ohlcv_candle(&instrument, Timeframe::M1, &impossible).await;
    let Err(IngestError::Refused { violations, .. }) = refused else {
        return Err("an impossible candle was taken in".into());
    };
    println!("refused: {violations}");
    tape.close(Duration::from_secs(5)).await?;

    assert_eq!(hour.ohlcv().volume.to_string(), "120");
    assert_eq!((corrected.ohlcv().volume.to_string().as_str(), corrected.revision()), ("125", 2));
    assert_eq!(then.to_canonical_json(), before.to_canonical_json());
    assert!(rsi > 99.9 && !violations.0.is_empty());
    Ok(())
}
