//! Readers beside a writer: each answer is of one state, and that state was the whole of a message.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use onetape_domain::change::{Changes, TapeBatch};
use onetape_domain::frame::{FrameParts, FrameShape};
use onetape_domain::time::{SECOND, Timestamp};
use onetape_domain::venue::VenueRules;
use onetape_memory::{MemoryCache, MemoryStore};
use onetape_ports::{FrameStore, HotCache, TapeStore};
use onetape_testkit::Recording;
use onetape_testkit::generator::{Market, faults};

use super::live::{TINY, instrument, now, query, summed};

const READERS: usize = 16;
const SHAPE: FrameShape = FrameShape { candles: 60, context_window: 10 * SECOND, imbalances: 60 };

/// The batches of a market, one a message, and the parts of the frame at each of their stamps.
fn recorded() -> (Vec<TapeBatch>, HashMap<Timestamp, FrameParts>) {
    let market = Market { seconds: 40, levels: 3, trades_per_second: 20, ..Market::new(instrument(), 5) };
    let messages = faults::late_trades(market.messages(), 5, 30, 6_000);
    let batches = Recording::of(VenueRules::BINANCE_SPOT, &messages, 1).batches().to_vec();
    let (store, mut before) = (MemoryStore::new(), None);
    let mut expected = HashMap::new();
    for batch in &batches {
        let issued = batch.clock.issued;
        now(store.append(batch, before.replace(issued))).expect("the store takes the batch");
        expected.insert(issued, rows(now(store.frame_parts(&query(issued, SHAPE))).expect("an answer")));
    }
    (batches, expected)
}

/// Without the coverage log, of which a store and a cache bring different parts.
fn rows(parts: FrameParts) -> FrameParts {
    FrameParts { coverage: Vec::new(), ..parts }
}

#[test]
fn sixteen_readers_of_the_cache_see_whole_messages_only() {
    let (batches, expected) = recorded();
    let cache = Arc::new(MemoryCache::new(TINY));
    let (done, answers) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        for reader in 0..READERS {
            let (cache, done, answers, expected) = (cache.clone(), &done, &answers, &expected);
            scope.spawn(move || {
                let mut last = Timestamp::EARLIEST;
                while !done.load(Ordering::Acquire) {
                    // Half of them ask for the newest, half for a while ago.
                    let back = if reader % 2 == 0 { 0 } else { 700_000 };
                    let Some(issued) = cache.issued(&instrument()) else {
                        continue;
                    };
                    let Some((as_of, parts)) = cache.frame_parts(&query(issued.plus(-back), SHAPE)) else {
                        continue;
                    };
                    assert!(back > 0 || as_of >= last, "the clock never goes back");
                    last = as_of;
                    let seen = expected.get(&as_of);
                    assert!(back > 0 || seen.is_some(), "{as_of} is no stamp of a message");
                    if let Some(seen) = seen {
                        assert_eq!(summed(rows(parts)), summed(seen.clone()), "at {as_of}");
                    }
                    answers.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for (place, batch) in batches.iter().enumerate() {
            cache.apply(&instrument(), &batch.changes, batch.clock.issued);
            if place % 20 == 0 {
                cache.durable(&instrument(), batch.clock.issued);
            }
            if place % 20 == 0 {
                wait_for(&answers, place as u64 / 4);
            }
        }
        done.store(true, Ordering::Release);
    });
    assert!(cache.statistics().evictions > 0, "rows were let go meanwhile");
    assert!(answers.load(Ordering::Relaxed) > 100, "{answers:?} answers");
}

#[test]
fn readers_of_the_store_see_whole_batches_only() {
    let (batches, expected) = recorded();
    let store = MemoryStore::new();
    let (done, answers) = (AtomicBool::new(false), AtomicU64::new(0));
    // Pairs of messages: the stamp between the two is never the newest that a reader sees.
    let pairs: Vec<(TapeBatch, Option<Timestamp>)> = batches
        .chunks(2)
        .scan(None, |before, pair| {
            let mut changes = Changes::default();
            pair.iter().for_each(|batch| changes.append(&mut batch.changes.clone()));
            let batch = TapeBatch { changes, ..pair[pair.len() - 1].clone() };
            let expected = before.replace(batch.clock.issued);
            Some((batch, expected))
        })
        .collect();
    let whole: HashMap<Vec<Timestamp>, Timestamp> =
        pairs.iter().map(|(batch, _)| (newest(&expected[&batch.clock.issued]), batch.clock.issued)).collect();
    thread::scope(|scope| {
        for _ in 0..4 {
            let (store, done, answers, expected, whole) = (store.clone(), &done, &answers, &expected, &whole);
            scope.spawn(move || {
                // Without a context window, which would follow the instant.
                let shape = FrameShape { context_window: 0, ..SHAPE };
                while !done.load(Ordering::Acquire) {
                    let parts = now(store.frame_parts(&query(Timestamp::LATEST, shape))).expect("an answer");
                    if parts == FrameParts::default() {
                        continue;
                    }
                    let stamp = whole.get(&newest(&parts)).expect("the rows are those of whole batches");
                    let seen = FrameParts { context: Vec::new(), ..expected[stamp].clone() };
                    assert_eq!(rows(parts), seen, "at {stamp}");
                    answers.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for (place, (batch, before)) in pairs.iter().enumerate() {
            now(store.append(batch, *before)).expect("the store takes the batch");
            if place % 20 == 0 {
                wait_for(&answers, place as u64 / 4);
            }
        }
        done.store(true, Ordering::Release);
    });
    assert!(answers.load(Ordering::Relaxed) > 10, "{answers:?} answers");
}

/// Keeps a writer from running far ahead of its readers. A reader that failed fails the test at its end.
fn wait_for(answers: &AtomicU64, at_least: u64) {
    const YIELDS: u32 = 10_000_000;
    (0..YIELDS).take_while(|_| answers.load(Ordering::Relaxed) < at_least).for_each(|_| thread::yield_now());
}

/// The stamps by which the rows of a frame tell which message came last.
fn newest(parts: &FrameParts) -> Vec<Timestamp> {
    let candles = parts.candles.iter().flatten().filter_map(|candle| candle.known_from());
    let trades = parts.open_trades.iter().map(|trade| trade.available_at);
    let book = parts.book.iter().map(|book| book.available_at());
    let mut stamps: Vec<_> = candles.chain(trades).chain(book).collect();
    stamps.sort();
    stamps
}
