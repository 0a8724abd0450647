//! Frames whose rows lie where the statement does not look first: in quiet markets, and behind late books.

use std::sync::Arc;

use onetape_domain::book::{BookSnapshot, BookSnapshotParts, SampleFlags};
use onetape_domain::change::{CandleChange, Changes};
use onetape_domain::frame::{FrameParts, FrameShape};
use onetape_domain::time::{SECOND, Timeframe, Timestamp};
use onetape_ports::{FrameQuery, FrameStore, Knowledge, TapeStore};
use onetape_timescale::TimescaleStore;

use crate::support::{START, batch, candle, instrument, price, store};

async fn frame(store: &TimescaleStore, second: i64) -> FrameParts {
    let query = FrameQuery {
        instrument: instrument(),
        as_of: START.plus(second * SECOND),
        shape: FrameShape::DEFAULT,
        knowledge: Knowledge::AsRecorded,
    };
    store.frame_parts(&query).await.unwrap()
}

/// A candle every so many seconds, each known at its close.
fn every(seconds: i64, count: i64) -> Vec<CandleChange> {
    (0..count)
        .map(|at| {
            let open_time = START.plus(at * seconds * SECOND);
            let known_from = Timeframe::S1.close_time(open_time);
            CandleChange { candle: candle(Timeframe::S1, open_time, 1, known_from), replaces: None }
        })
        .collect()
}

#[tokio::test]
async fn the_candles_of_a_quiet_market_come_whole_however_far_they_lie_apart() {
    let Some((store, _database)) = store().await else { return };
    let candles = every(40, 400);
    let changes = Changes { candles: candles.clone(), ..Changes::default() };
    store.append(&batch(16_000, changes), None).await.unwrap();
    let expected = |second: i64| -> Vec<_> {
        let known = candles.iter().filter(|row| row.candle.known_from() <= Some(START.plus(second * SECOND)));
        let known: Vec<_> = known.map(|row| row.candle).collect();
        known[known.len().saturating_sub(100)..].to_vec()
    };
    // The first one learns; each other is right with what was learned, also where it is too little by then.
    for second in [15_990, 15_970, 3_000, 8_020, 15_999] {
        let parts = frame(&store, second).await;
        assert_eq!(parts.candles[Timeframe::S1.index()], expected(second), "at {second}");
        assert_eq!(parts.closes[Timeframe::S1.index()].values().len(), (second as usize - 1) / 40 + 1);
    }
    // Hours after the last trade there is nothing of the last minutes.
    let late = frame(&store, 30_000).await;
    assert_eq!(late.candles[Timeframe::S1.index()], expected(30_000));
}

#[tokio::test]
async fn versions_replaced_since_come_among_the_current_ones_of_a_quiet_market() {
    let Some((store, _database)) = store().await else { return };
    let first = every(40, 300);
    store
        .append(&batch(12_000, Changes { candles: first.clone(), ..Changes::default() }), None)
        .await
        .unwrap();
    // Every tenth is revised long after.
    let revise = |row: &CandleChange| {
        let known_from = START.plus(13_000 * SECOND);
        let revised = candle(Timeframe::S1, row.candle.open_time(), 2, known_from);
        CandleChange { candle: revised, replaces: Some(row.candle) }
    };
    let candles = first.iter().step_by(10).map(revise).collect();
    let expected = Some(START.plus(12_000 * SECOND));
    store.append(&batch(13_000, Changes { candles, ..Changes::default() }), expected).await.unwrap();
    let parts = frame(&store, 12_500).await;
    let as_known: Vec<_> = first[200..].iter().map(|row| row.candle).collect();
    assert_eq!(parts.candles[Timeframe::S1.index()], as_known);
}

fn book(second: i64, available_at: Timestamp) -> Arc<BookSnapshot> {
    let time = START.plus(second * SECOND);
    let parts = BookSnapshotParts {
        second: time,
        bids: Vec::new(),
        asks: Vec::new(),
        sequence: second as u64,
        event_time: time,
        received_at: time,
        available_at,
        bucket_size: price("1"),
        flags: SampleFlags::default(),
    };
    Arc::new(BookSnapshot::try_new(parts).unwrap())
}

#[tokio::test]
async fn the_book_with_the_last_stamp_is_found_behind_many_that_are_later_by_second() {
    let Some((store, _database)) = store().await else { return };
    let on_time = |second: i64| book(second, START.plus((second + 1) * SECOND));
    let mut books: Vec<_> = (0..400).filter(|second| *second != 100).map(on_time).collect();
    // One that came when 200 others had.
    books.push(book(100, START.plus(300 * SECOND + 1)));
    books.sort_by_key(|book| book.available_at());
    store.append(&batch(500, Changes { books, ..Changes::default() }), None).await.unwrap();
    let at = |parts: FrameParts| parts.book.map(|book| book.second());
    let second = |second: i64| Some(START.plus(second * SECOND));
    assert_eq!(at(frame(&store, 300).await), second(299));
    let query_at = |micros: i64| FrameQuery {
        instrument: instrument(),
        as_of: START.plus(micros),
        shape: FrameShape::DEFAULT,
        knowledge: Knowledge::AsRecorded,
    };
    let late = store.frame_parts(&query_at(300 * SECOND + 500_000)).await.unwrap();
    assert_eq!(at(late), second(100), "stamped last, though 200 have a later second");
    assert_eq!(at(frame(&store, 301).await), second(300));
}
