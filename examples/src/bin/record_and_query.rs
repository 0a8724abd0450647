//! Records a market in a file, and asks it questions: now, and as of any instant.
//!
//! A store is opened by its URL. `sqlite://market.db` is a file and needs no server; `postgres://…` is a TimescaleDB,
//! and nothing below would change. Trades and books are pushed as they come. Each is in the next answer at once, and in
//! the file when `close` returns (and at the latest five seconds after it came, while the program runs).
//!
//! Meanwhile a subscriber gets a frame whenever a minute closes, as a model would that decides once a minute. Then
//! everything is closed, the file is opened again as another program would open it, and asked for the same instants: the
//! answers are equal byte for byte. What a model was shown live is what it is shown when it is tested.

use onetape::prelude::*;
use onetape_examples::{Folder, Outcome, SECOND, book, opening, trades};

const DEADLINE: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> Outcome {
    let folder = Folder::new("record-and-query")?;
    let url = format!("sqlite://{}", folder.path().join("market.db").display());
    let instrument: Instrument = "kraken:ETH/USD".parse()?;

    // Record ten minutes, and let a subscriber look at each minute as it closes.
    let tape = Onetape::open(&url).await?;
    let mut minutes =
        tape.subscribe("kraken:ETH/USD", SubscriptionRequest::closes(Timeframe::M1).waiting(100))?;
    let subscriber = tokio::spawn(async move {
        let mut shown = Vec::new();
        while let Some(frame) = minutes.next().await {
            shown.push(frame?.frame);
        }
        Ok::<_, SubscriptionError>(shown)
    });
    let ingestion = tape.ingestion();
    for trade in trades(600) {
        let mid: i64 = trade.price.split('.').next().unwrap_or_default().parse()?;
        let [bids, asks] = book(mid)?;
        ingestion.ingest_trade(&instrument, &trade).await?;
        ingestion.ingest_orderbook_snapshot(&instrument, trade.event_time, &bids, &asks).await?;
    }
    let summary = tape.close(DEADLINE).await?.unwrap_or_default();
    println!("recorded {} trades and {} sampled books", summary.trades, summary.books);
    let shown = subscriber.await??;

    // Another day, another program: what is known now?
    let tape = Onetape::open(&url).await?;
    let now = tape.get_inference_data("kraken:ETH/USD", None, Duration::from_secs(60)).await?;
    let last = now.ohlcv_1m.closed().last().ok_or("no minute closed")?;
    println!("the last closed minute began at {} and closed at {}", last.open_time(), last.ohlcv().close);

    // What was known at each of those minutes? Exactly what was shown then.
    for frame in &shown {
        let then =
            tape.get_inference_data("kraken:ETH/USD", Some(frame.as_of), Duration::from_secs(300)).await?;
        assert_eq!(then.to_canonical_json(), frame.to_canonical_json());
    }
    println!("{} frames are in the file as they were shown live", shown.len());

    // Candles alone, and books alone.
    let half_time = opening().plus(300 * SECOND);
    let candles = tape
        .get_multi_timeframe_data("kraken:ETH/USD", &[Timeframe::M1, Timeframe::M5], Some(half_time), 3)
        .await?;
    let books = tape.get_order_book_data("kraken:ETH/USD", None, BookAggregation::S1, 5).await?;
    let best =
        books.points.last().and_then(|point| point.snapshot.bids().first().copied()).ok_or("no book")?;
    println!("{} candles by {half_time}, best bid {} at the end", candles.candles.len(), best.price);
    tape.close(DEADLINE).await?;

    assert_eq!((summary.trades, shown.len()), (600, 9));
    assert_eq!(now.ohlcv_1m.closed().len(), 9);
    assert!(!folder.path().join("market.db-wal").exists(), "closed, a store is one file");
    Ok(())
}
