//! Feeds its own trades and books to a store in memory, and reads the frame a model would see: all there is in the
//! smallest build.

use onetape::prelude::*;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let tape = Onetape::open("memory:").await?;
    let pipeline = tape.ingestion();
    let instrument: Instrument = "kraken:BTC/USD".parse()?;
    let start: Timestamp = "2024-08-09T00:00:00Z".parse()?;
    let level = |price: i64| -> Result<BookLevel, Box<dyn std::error::Error>> {
        Ok(BookLevel {
            price: Price::parse("price", &price.to_string())?,
            size: Quantity::parse("size", "1.5")?,
        })
    };
    for second in 0..120 {
        let time = start.plus(second * 1_000_000);
        let trade = PushedTrade {
            event_time: time,
            id: TradeId::Numeric(second),
            price: format!("{}", 60_000 + second % 7),
            size: "0.001".into(),
            side: if second % 2 == 0 { Side::Buy } else { Side::Sell },
        };
        pipeline.ingest_trade(&instrument, &trade).await?;
        pipeline.ingest_orderbook_snapshot(&instrument, time, &[level(59_999)?], &[level(60_010)?]).await?;
    }
    let frame = tape.provider().get_inference_data("kraken:BTC/USD", None, Duration::from_secs(60)).await?;
    assert_eq!(frame.ohlcv_1m.rows.len(), 2);
    assert_eq!(frame.ohlcv_1m.rows[0].ohlcv().trade_count, Some(60));
    // Calculated with the feature `indicators` only; without it there is nothing that could be wrong.
    assert!(frame.indicators[&Timeframe::S1].rsi_14.is_none());
    let earlier = tape
        .provider()
        .get_inference_data("kraken:BTC/USD", Some(start.plus(30_000_000)), Duration::ZERO)
        .await?;
    assert!(earlier.as_of < frame.as_of && earlier.ohlcv_1m.rows.len() == 1);
    tape.close(Duration::from_secs(5)).await?;
    println!(
        "{} candles of one second, the last close {}",
        frame.ohlcv_1s.rows.len(),
        frame.ohlcv_1s.rows[99].ohlcv().close
    );
    Ok(())
}
