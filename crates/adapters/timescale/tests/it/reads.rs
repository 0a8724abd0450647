//! Reading: streams in bounded memory, bounds that widen, one state of the store.

use futures::{StreamExt, TryStreamExt};
use onetape_domain::book::{BookLevel, BookSnapshot, BookSnapshotParts, SampleFlags};
use onetape_domain::change::Changes;
use onetape_domain::frame::FrameShape;
use onetape_domain::message::QuarantinedRecord;
use onetape_domain::time::{SECOND, TimeRange, Timeframe, Timestamp};
use onetape_domain::violation::Violations;
use onetape_ports::{
    BookQuery, BookStore, CandleQuery, CandleStore, FrameQuery, FrameStore, Knowledge, QuarantineStore,
    Selection, TapeStore, TimeQuery, TradeStore,
};

use crate::support::{START, batch, candles, connect, instrument, price, size, store, trades};

fn last(timeframe: Timeframe, count: usize, as_of: Timestamp) -> CandleQuery {
    let selection = Selection::Last(count);
    CandleQuery { instrument: instrument(), timeframe, selection, as_of, knowledge: Knowledge::AsRecorded }
}

#[tokio::test]
async fn a_stream_is_read_page_by_page_and_may_be_left_at_any_time() {
    let Some((store, _database)) = store().await else { return };
    store.append(&batch(1_000, trades(30_000)), None).await.unwrap();
    let query = |selection| TimeQuery { instrument: instrument(), selection, as_of: Timestamp::LATEST };
    let all = Selection::Range(TimeRange::ALL);
    // More streams than connections, each left in the middle: none stays occupied.
    for _ in 0..25 {
        let mut stream = store.stream_trades(query(all));
        assert_eq!(stream.next().await.unwrap().unwrap().key.sequence, 0);
    }
    let rows: Vec<_> = store.stream_trades(query(all)).try_collect().await.unwrap();
    assert_eq!(rows.len(), 30_000);
    assert!(rows.is_sorted_by_key(|row| row.key));
    let rows: Vec<_> = store.stream_trades(query(Selection::Last(2_500))).try_collect().await.unwrap();
    assert_eq!((rows.len(), rows[0].key.sequence), (2_500, 27_500));
    let rows: Vec<_> = store.stream_trades(query(Selection::Last(1_000_000))).try_collect().await.unwrap();
    assert_eq!(rows.len(), 30_000);
}

#[tokio::test]
async fn the_last_rows_are_found_however_far_back_they_lie() {
    let Some((store, _database)) = store().await else { return };
    let changes = Changes { candles: candles(Timeframe::S1, 40), ..trades(100) };
    store.append(&batch(100, changes), None).await.unwrap();
    let much_later = START.plus(1_000 * 86_400 * SECOND);
    let rows = store.candles(&last(Timeframe::S1, 10, much_later)).await.unwrap();
    assert_eq!((rows.len(), rows[0].open_time()), (10, START.plus(30 * SECOND)));
    assert_eq!(store.candles(&last(Timeframe::S1, 500, much_later)).await.unwrap().len(), 40);
    assert_eq!(store.candles(&last(Timeframe::S1, 500, START.plus(-SECOND))).await.unwrap().len(), 0);
    assert_eq!(store.candles(&last(Timeframe::H1, 5, much_later)).await.unwrap().len(), 0);
    let query = TimeQuery { instrument: instrument(), selection: Selection::Last(7), as_of: much_later };
    assert_eq!(store.stream_trades(query).try_collect::<Vec<_>>().await.unwrap().len(), 7);
    let shape = FrameShape::DEFAULT;
    let query =
        FrameQuery { instrument: instrument(), as_of: much_later, shape, knowledge: Knowledge::AsRecorded };
    let parts = store.frame_parts(&query).await.unwrap();
    assert_eq!((parts.candles[0].len(), parts.closes[0].len()), (40, 40));
    assert_eq!(parts.open_trades.len(), 0, "all trades lie before the last closed candle's end");
}

#[tokio::test]
async fn a_context_window_wider_than_the_candles_looked_at_is_whole() {
    let Some((store, _database)) = store().await else { return };
    let changes = Changes { candles: candles(Timeframe::S1, 2_000), ..Changes::default() };
    store.append(&batch(2_100, changes), None).await.unwrap();
    for (window, expected) in [(300, 200), (1_500, 1_400), (5_000, 2_000)] {
        let shape = FrameShape { context_window: window * SECOND, ..FrameShape::DEFAULT };
        let as_of = START.plus(2_100 * SECOND);
        let query = FrameQuery { instrument: instrument(), as_of, shape, knowledge: Knowledge::AsRecorded };
        let parts = store.frame_parts(&query).await.unwrap();
        assert_eq!(parts.context.len(), expected, "{window}");
        assert_eq!((parts.candles[0].len(), parts.closes[0].len()), (100, 500));
    }
}

#[tokio::test]
async fn the_last_book_is_found_by_stamp_where_seconds_and_stamps_disagree() {
    let Some((store, _database)) = store().await else { return };
    let book = |second: i64, stamp: i64| {
        let parts = BookSnapshotParts {
            second: START.plus(second * SECOND),
            bids: vec![BookLevel { price: price("2500"), size: size("1") }],
            asks: Vec::new(),
            sequence: 1,
            event_time: START,
            received_at: START,
            available_at: START.plus(stamp * SECOND),
            bucket_size: price("1"),
            flags: SampleFlags::default(),
        };
        BookSnapshot::try_new(parts).unwrap().into()
    };
    // The second 0 was sampled again two hours later.
    let changes = Changes { books: vec![book(0, 1), book(5, 6), book(0, 7_200)], ..Changes::default() };
    store.append(&batch(8_000, changes), None).await.unwrap();
    for (as_of, second) in
        [(1, Some(0)), (6, Some(5)), (7_199, Some(5)), (7_200, Some(0)), (900_000, Some(0)), (0, None)]
    {
        let as_of = START.plus(as_of * SECOND);
        let second = second.map(|second: i64| START.plus(second * SECOND));
        let last = store.last_book(&instrument(), as_of).await.unwrap();
        assert_eq!(last.map(|book| book.second()), second, "{as_of}");
        let shape = FrameShape::DEFAULT;
        let query = FrameQuery { instrument: instrument(), as_of, shape, knowledge: Knowledge::AsRecorded };
        let parts = store.frame_parts(&query).await.unwrap();
        assert_eq!(parts.book.map(|book| book.second()), second, "{as_of}");
    }
    let query = BookQuery {
        instrument: instrument(),
        selection: Selection::Last(2),
        as_of: Timestamp::LATEST,
        last_of_minute: false,
        superseded_partials: false,
    };
    let seconds: Vec<_> = store.stream_books(query).map_ok(|book| book.second()).try_collect().await.unwrap();
    assert_eq!(seconds, [START, START.plus(5 * SECOND)]);
}

#[tokio::test]
async fn records_are_quarantined_once_whatever_characters_they_hold() {
    let Some((store, database)) = store().await else { return };
    let record = |payload: &[u8], value: &str| {
        QuarantinedRecord::new(
            "tape.jsonl:7",
            Violations::one("trade.price", value, "must be positive"),
            payload,
        )
    };
    let records =
        [record(b"{}", "0"), record(b"{}", "\0"), record(b"{}", "0"), record(b"\x00\xff\"", "\u{1F600}\\")];
    assert_eq!(store.quarantine(&records).await.unwrap(), 3);
    assert_eq!(store.quarantine(&records).await.unwrap(), 0);
    let expected = [records[3].clone(), records[1].clone(), records[0].clone()];
    assert_eq!(store.quarantined(10).await.unwrap(), expected);
    assert_eq!(store.quarantined(1).await.unwrap(), expected[..1]);
    let origins: i64 = sqlx::query_scalar("SELECT count(DISTINCT origin) FROM quarantine")
        .fetch_one(&mut connect(&database).await)
        .await
        .unwrap();
    assert_eq!(origins, 1);
}
