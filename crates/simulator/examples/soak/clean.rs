//! The same market in a run in which nothing happens, and what was stored compared with its tables.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use futures::TryStreamExt as _;
use onetape::domain::coverage::Stream;
use onetape::domain::message::{FeedMessage, FullBook, Payload};
use onetape::domain::time::SECOND;
use onetape::memory::{MemoryStore, SystemClock};
use onetape::ports::{BookQuery, MarketStore, Selection};
use onetape::prelude::*;
use onetape::{GapsOfInstrument, KnownGap};
use onetape_simulator::Script;
use onetape_testkit::feed::VecFeed;

use crate::check::{all_candles, everything};

/// How long a message is on its way, in microseconds.
const WAY: i64 = 3_000;
/// Seconds of the longest window of imbalances.
const WINDOW: i64 = 60;

/// What was the same in both runs.
#[derive(Debug, Default)]
pub(crate) struct Same {
    pub(crate) trades: u64,
    pub(crate) candles: u64,
    pub(crate) books: u64,
    pub(crate) imbalances: u64,
    /// Candles and seconds that touch a gap of the coverage log, and are left to the comparison with the truth.
    pub(crate) in_gaps: u64,
}

/// Everything the venue says of one instrument, in order, without a fault.
fn messages(script: &Script) -> Vec<FeedMessage> {
    let trades = if script.market() == Market::Spot { script.trades() } else { script.aggregates() };
    let message = |at: Timestamp, sent_at, payload| FeedMessage {
        instrument: script.instrument().clone(),
        connection: 1,
        sent_at,
        received_at: at.plus(WAY),
        payload,
    };
    let mut messages: Vec<FeedMessage> = Vec::new();
    for sent in trades {
        messages.push(message(sent.at, Some(sent.at), Payload::Trades(vec![sent.what.clone()])));
    }
    for (place, sent) in script.diffs().iter().enumerate() {
        messages.push(message(sent.at, Some(sent.at), Payload::BookDiff(sent.what.clone())));
        // The book as it was after the first diff is answered after the second.
        let first = script.diffs().first().filter(|_| place == 1);
        let book =
            first.and_then(|first| Some((first.what.last_update, script.book_at(first.what.last_update)?)));
        messages.extend(book.map(|(last_update, book)| {
            let (bids, asks) = (book.bids(usize::MAX), book.asks(usize::MAX));
            message(sent.at, None, Payload::BookSnapshot(FullBook { last_update, bids, asks }))
        }));
    }
    messages.sort_by_key(|message| message.received_at);
    messages
}

/// Tables of the undisturbed run.
async fn run(script: &Script) -> Result<Arc<dyn MarketStore>> {
    let store: Arc<dyn MarketStore> = Arc::new(MemoryStore::default());
    let clock = Arc::new(SystemClock::default());
    let pipeline = DataIngestionPipeline::start(store.clone(), None, clock, PipelineConfig::default());
    pipeline.run(&mut VecFeed::of_messages(script.rules(), messages(script))).await?;
    Ok(store)
}

/// Compares the tables of an instrument with those of an undisturbed run: whatever touches no gap of the coverage log is the
/// same in both but for its stamps, and nothing else is there.
///
/// # Errors
/// The first difference.
pub(crate) async fn compare(
    store: &dyn MarketStore,
    script: &Script,
    known: &GapsOfInstrument,
    same: &mut Same,
) -> Result<()> {
    let clean = run(script).await?;
    let closed = store.clock(script.instrument()).await?.and_then(|clock| clock.watermark);
    let closed = closed.context("no trade stream is proven")?;
    let of = |stream| known.gaps.iter().filter(move |gap| gap.stream == stream).collect::<Vec<_>>();
    let from = trades(store, &*clean, script, same).await?;
    candles(store, &*clean, script, &of(Stream::Trades), (from, closed), same).await?;
    let books = of(Stream::Book);
    let range = self::books(store, &*clean, script, &books, same).await?;
    imbalances(store, &*clean, script, &books, range, same).await
}

fn touches(gaps: &[&KnownGap], begin: Timestamp, end: Timestamp) -> bool {
    gaps.iter().any(|gap| gap.begin < end && gap.end > begin)
}

/// Every trade is one of the undisturbed run; gives the time of the first.
async fn trades(
    store: &dyn MarketStore,
    clean: &dyn MarketStore,
    script: &Script,
    same: &mut Same,
) -> Result<Timestamp> {
    let clean: Vec<Trade> = clean.stream_trades(everything(script)).try_collect().await?;
    let clean: BTreeMap<i64, Trade> = clean.into_iter().map(|trade| (trade.key.sequence, trade)).collect();
    let stored: Vec<Trade> = store.stream_trades(everything(script)).try_collect().await?;
    for trade in &stored {
        let undisturbed = clean.get(&trade.key.sequence);
        let undisturbed =
            undisturbed.with_context(|| format!("trade {} is in no clean run", trade.trade_id))?;
        let alike = Trade {
            received_at: undisturbed.received_at,
            available_at: undisturbed.available_at,
            ..trade.clone()
        };
        ensure!(alike == *undisturbed, "stored is {trade:?}, and in a clean run it is {undisturbed:?}");
        same.trades += 1;
    }
    Ok(stored.first().context("no trade is stored")?.key.event_time)
}

/// Closed candles of whole periods.
async fn candles(
    store: &dyn MarketStore,
    clean: &dyn MarketStore,
    script: &Script,
    gaps: &[&KnownGap],
    (from, closed): (Timestamp, Timestamp),
    same: &mut Same,
) -> Result<()> {
    for timeframe in Timeframe::ALL {
        let query = all_candles(script, timeframe);
        let by_time = |candles: Vec<Candle>| -> BTreeMap<Timestamp, Ohlcv> {
            candles.iter().map(|candle| (candle.open_time(), *candle.ohlcv())).collect()
        };
        let stored = by_time(store.candles(&query).await?);
        let clean = by_time(clean.candles(&query).await?);
        for open_time in stored.keys().chain(clean.keys().filter(|time| !stored.contains_key(time))) {
            let close_time = timeframe.close_time(*open_time);
            // What began before the first connection nobody could know whole.
            if *open_time < from || close_time > closed {
                continue;
            }
            if touches(gaps, *open_time, close_time) {
                same.in_gaps += 1;
                continue;
            }
            let (got, want) = (stored.get(open_time), clean.get(open_time));
            ensure!(got == want, "the {timeframe} candle of {open_time} is {got:?}, in a clean run {want:?}");
            same.candles += 1;
        }
    }
    Ok(())
}

/// Sampled books, second by second; gives the first and the last that was stored.
async fn books(
    store: &dyn MarketStore,
    clean: &dyn MarketStore,
    script: &Script,
    gaps: &[&KnownGap],
    same: &mut Same,
) -> Result<(Timestamp, Timestamp)> {
    let query = BookQuery {
        instrument: script.instrument().clone(),
        selection: Selection::Range(TimeRange::ALL),
        as_of: Timestamp::LATEST,
        last_of_minute: false,
        superseded_partials: false,
    };
    let by_second = |books: Vec<Arc<BookSnapshot>>| -> BTreeMap<Timestamp, Arc<BookSnapshot>> {
        books.into_iter().map(|book| (book.second(), book)).collect()
    };
    let stored = by_second(store.stream_books(query.clone()).try_collect().await?);
    let clean = by_second(clean.stream_books(query).try_collect().await?);
    let (Some(first), Some(last)) = (stored.keys().next(), stored.keys().last()) else {
        anyhow::bail!("no book was sampled");
    };
    // The first second may have begun before the book did, and the last one is not over.
    let (mut second, last) = (first.plus(SECOND), *last);
    let range = (second, last);
    while second < last {
        if touches(gaps, second, second.plus(SECOND)) {
            same.in_gaps += 1;
        } else {
            let content = |book: Option<&Arc<BookSnapshot>>| {
                book.map(|book| (book.sequence(), book.bids().to_vec(), book.asks().to_vec(), book.flags()))
            };
            let (got, want) = (content(stored.get(&second)), content(clean.get(&second)));
            ensure!(got == want, "the book of {second} is {got:?}, in a clean run {want:?}");
            same.books += 1;
        }
        second = second.plus(SECOND);
    }
    Ok(range)
}

/// Imbalances of a second, and those over longer windows where the whole window touches no gap.
async fn imbalances(
    store: &dyn MarketStore,
    clean: &dyn MarketStore,
    script: &Script,
    gaps: &[&KnownGap],
    (first, last): (Timestamp, Timestamp),
    same: &mut Same,
) -> Result<()> {
    let by_second = |rows: Vec<Imbalances>| -> BTreeMap<Timestamp, Imbalances> {
        rows.into_iter().map(|row| (row.second, row)).collect()
    };
    let stored = by_second(store.stream_imbalances(everything(script)).try_collect().await?);
    let clean = by_second(clean.stream_imbalances(everything(script)).try_collect().await?);
    let mut second = first;
    while second < last {
        let next = second.plus(SECOND);
        let begins = next.plus(-WINDOW * SECOND);
        let is_whole = begins >= first && !touches(gaps, begins, next);
        let content = |row: Option<&Imbalances>| {
            let row = row.map(|row| Imbalances { available_at: second, ..*row });
            row.map(|row| if is_whole { row } else { of_one_second(&row) })
        };
        if !touches(gaps, second, next) {
            let (got, want) = (content(stored.get(&second)), content(clean.get(&second)));
            ensure!(got == want, "the imbalances of {second} are {got:?}, in a clean run {want:?}");
            same.imbalances += 1;
        }
        second = next;
    }
    Ok(())
}

fn of_one_second(row: &Imbalances) -> Imbalances {
    Imbalances {
        imbalance_5s: None,
        imbalance_15s: None,
        imbalance_60s: None,
        volume_imbalance_5s: None,
        volume_imbalance_15s: None,
        volume_imbalance_60s: None,
        ..*row
    }
}
