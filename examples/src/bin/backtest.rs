//! Walks a strategy over the past, and shows it at each step what was known then and nothing else.
//!
//! The instants of a backtest are the *stamps* at which minutes closed: the moments a live model would have been called
//! at. A stamp lies a little after the end of its minute, since a close is only known once a later message has come. For
//! each one the loop asks for the frame as of that stamp. The store sees to the rest: rows that came later are not in
//! it, a candle that was corrected later is in it as it was, and the unfinished candles are marked as forming.
//!
//! The strategy is a toy: long while the last close is above the mean of the last twenty, else out. A decision is made
//! on the frame and filled at the *next* close, never at the one it was made of. Prices are exact, so the result is the
//! same on every machine.

use onetape::prelude::*;
use onetape_examples::{Outcome, opening, trades};

const SYMBOL: &str = "kraken:ETH/USD";
const MEAN_OF: usize = 20;

/// Long or out, by what the frame shows.
fn wants_to_be_long(frame: &InferenceDataFrame) -> Option<bool> {
    let closed = frame.ohlcv_1m.closed();
    let recent = &closed[closed.len().checked_sub(MEAN_OF)?..];
    let sum: Decimal = recent.iter().map(|candle| candle.ohlcv().close.get()).sum();
    let last = recent.last()?.ohlcv().close.get();
    Some(last * Decimal::from(MEAN_OF) > sum)
}

/// Nothing in the frame was known later than its instant, nor speaks of a time after it.
fn looks_ahead(frame: &InferenceDataFrame) -> bool {
    let sections = Timeframe::ALL.map(|timeframe| frame.candles(timeframe).closed());
    let mut closed = sections.into_iter().flatten();
    closed.any(|candle| candle.close_time() > frame.as_of || candle.known_from() > Some(frame.as_of))
}

#[tokio::main]
async fn main() -> Outcome {
    let tape = Onetape::open("memory:").await?;
    let instrument: Instrument = SYMBOL.parse()?;
    let ingestion = tape.ingestion();
    let mut at_half_time = None;
    for (place, trade) in trades(3 * 3_600).enumerate() {
        ingestion.ingest_trade(&instrument, &trade).await?;
        if place == 5_400 {
            // For the proof at the end: a frame while the second half has not happened yet.
            at_half_time = Some(tape.get_inference_data(SYMBOL, None, Duration::ZERO).await?);
        }
    }
    ingestion.flush().await?;

    // When was each minute known to be closed?
    let minutes = tape.provider().get_closed_candles(SYMBOL, Timeframe::M1, None, 1_000).await?;
    let instants: Vec<Timestamp> = minutes.iter().filter_map(|candle| candle.known_from()).collect();

    let (mut cash, mut long, mut wanted, mut fills) = (Decimal::ZERO, false, None, 0);
    for instant in &instants {
        let frame = tape.get_inference_data(SYMBOL, Some(*instant), Duration::ZERO).await?;
        assert!(!looks_ahead(&frame), "the frame of {instant} knows too much");
        let price = frame.ohlcv_1m.closed().last().ok_or("no minute closed")?.ohlcv().close.get();
        // First what was decided a minute ago, at today's price; then the next decision.
        if wanted.is_some_and(|wanted| wanted != long) {
            cash += if long { price } else { -price };
            long = !long;
            fills += 1;
        }
        wanted = wants_to_be_long(&frame);
    }
    let last = minutes.last().ok_or("no minute closed")?.ohlcv().close.get();
    let result = if long { cash + last } else { cash };
    println!("{} minutes from {}, {fills} fills, result {result}", instants.len(), opening());

    // Asked again now that the second half is known, the frame of half time is what it was at half time.
    let then = at_half_time.ok_or("the market was too short")?;
    let again = tape.get_inference_data(SYMBOL, Some(then.as_of), Duration::ZERO).await?;
    assert_eq!(again.to_canonical_json(), then.to_canonical_json());
    tape.close(Duration::from_secs(5)).await?;

    assert_eq!(instants.len(), 179);
    assert_eq!((fills, result.to_string().as_str()), (18, "23.58"));
    Ok(())
}
