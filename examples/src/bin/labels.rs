//! Makes a training set: features as of an instant, labels from what came after it, one row each, as CSV.
//!
//! **Features must not look ahead.** They are what a model will have when it is used, so they are read as of the instant
//! T (`Knowledge::AsRecorded`, the default): rows stamped by T, candles in the version known at T, late trades not yet
//! in. A feature read in any other way is better in training than it can ever be in use.
//!
//! **Labels may, and should.** A label is the truth the model is to learn, and the truth about the five minutes after T is
//! only known later; it should also be the best truth there is. So it is read as of a later instant, and in its corrected
//! version (`Knowledge::AsCorrected`): with the trades that came late and the corrections the venue sent since. The two
//! never mix: asking for the future is an instant and a version of its own in the request, not a flag on the frame, and a
//! subscription refuses it.
//!
//! Below, a trade comes seven minutes late and changes the candle of its minute. The features of the instants before
//! that do not know it; the label that looks at the minute does.

use std::fmt::Write as _;

use onetape::prelude::*;
use onetape_examples::{Folder, Outcome, SECOND, opening, trades};

const SYMBOL: &str = "kraken:ETH/USD";
const MINUTE: i64 = 60 * SECOND;
/// How far a label looks.
const HORIZON: i64 = 5 * MINUTE;
/// How long after a candle's end its close is surely known, by the stamps of a pushed feed.
const KNOWN_AFTER: i64 = 10 * SECOND;

fn minute(number: i64) -> Timestamp {
    opening().plus(number * MINUTE)
}

/// One hour, and in its 40th minute a trade of the 32nd that sets its close.
async fn record(tape: &Onetape, instrument: &Instrument) -> Outcome {
    let ingestion = tape.ingestion();
    for trade in trades(3_600) {
        let late = minute(40) <= trade.event_time && trade.event_time < minute(40).plus(SECOND);
        ingestion.ingest_trade(instrument, &trade).await?;
        if late {
            let late = PushedTrade {
                event_time: minute(33).plus(-1),
                id: TradeId::Numeric(1_000_000),
                price: "2600".to_owned(),
                ..trade
            };
            ingestion.ingest_trade(instrument, &late).await?;
        }
    }
    Ok(())
}

/// The close of the minute that ends at an instant, as it is known now.
async fn true_close(
    provider: &UnifiedDataProvider,
    instrument: &Instrument,
    end: Timestamp,
) -> Result<Decimal, Box<dyn std::error::Error>> {
    let request =
        Request { knowledge: Knowledge::AsCorrected, limit: 1, ..Request::at(end.plus(KNOWN_AFTER)) };
    let data = provider.multi_timeframe(instrument, &[Timeframe::M1], &request).await?;
    let candle =
        data.candles[&Timeframe::M1].closed().last().copied().filter(|candle| candle.close_time() == end);
    Ok(candle.ok_or("no candle there")?.ohlcv().close.get())
}

#[tokio::main]
async fn main() -> Outcome {
    let folder = Folder::new("labels")?;
    let tape = Onetape::open("memory:").await?;
    let instrument: Instrument = SYMBOL.parse()?;
    record(&tape, &instrument).await?;
    tape.ingestion().flush().await?;
    let provider = tape.provider();

    let mut csv = String::from("as_of,close,rsi_14,change_5m,label_5m\n");
    let mut rows = Vec::new();
    for number in 20..50 {
        // Features: the frame as it was, once the minute was known.
        let frame = provider
            .get_inference_data(SYMBOL, Some(minute(number).plus(KNOWN_AFTER)), Duration::ZERO)
            .await?;
        let closed = frame.ohlcv_1m.closed();
        let close = closed.last().ok_or("no candle")?.ohlcv().close.get();
        let five_ago = closed[closed.len() - 6].ohlcv().close.get();
        let rsi = frame.indicators[&Timeframe::M1].rsi_14.ok_or("too few candles")?;
        // Label: where the price truly went.
        let label = true_close(&provider, &instrument, minute(number).plus(HORIZON)).await? - close;
        writeln!(csv, "{},{close},{rsi:.4},{},{label}", frame.as_of, close - five_ago)?;
        rows.push((number, close, label));
    }
    let file = folder.path().join("labels.csv");
    std::fs::write(&file, &csv)?;
    println!("{}", csv.lines().take(4).collect::<Vec<_>>().join("\n"));
    println!("… {} rows in {}", rows.len(), file.display());

    // The late trade: the features of its own minute do not know it, the label that looks at that minute does.
    let of = |number: i64| rows.iter().find(|row| row.0 == number).copied().ok_or("no such row");
    let ((_, close_then, _), (_, close, label)) = (of(33)?, of(28)?);
    let late = Decimal::from(2_600);
    assert!(close_then != late, "features look ahead");
    assert_eq!(close + label, late, "labels are not the truth");
    assert_eq!((rows.len(), std::fs::read_to_string(&file)?.lines().count()), (30, 31));
    tape.close(Duration::from_secs(5)).await?;
    Ok(())
}
