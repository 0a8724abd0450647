//! Reading: streams in bounded memory, bounds that widen, one state of the store.

use std::sync::Arc;

use futures::{StreamExt, TryStreamExt};
use onetape_domain::book::{BookLevel, BookSnapshot, BookSnapshotParts, SampleFlags};
use onetape_domain::candle::{Candle, Ohlcv};
use onetape_domain::change::{CandleChange, Changes};
use onetape_domain::coverage::{CoverageRow, CoverageState, Stream};
use onetape_domain::frame::{FrameParts, FrameShape};
use onetape_domain::message::QuarantinedRecord;
use onetape_domain::time::{SECOND, TimeRange, Timeframe, Timestamp};
use onetape_domain::violation::Violations;
use onetape_ports::{
    BookQuery, BookStore, CandleQuery, CandleStore, CoverageStore, FrameQuery, FrameStore, Knowledge,
    QuarantineStore, Selection, TapeStore, TimeQuery, TradeStore,
};

use crate::support::{START, batch, candle, candles, connect, instrument, price, size, store, trades};

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
    assert_eq!((parts.candles[0].len(), parts.closes[0].values().len()), (40, 40));
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
        assert_eq!((parts.candles[0].len(), parts.closes[0].values().len()), (100, 500));
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

fn frame(as_of: Timestamp, knowledge: Knowledge) -> FrameQuery {
    FrameQuery { instrument: instrument(), as_of, shape: FrameShape::DEFAULT, knowledge }
}

#[tokio::test]
async fn a_version_replaced_since_stands_in_its_place_among_the_closes() {
    let Some((store, _database)) = store().await else { return };
    let mut changes = candles(Timeframe::S1, 600);
    for (at, change) in changes.iter_mut().enumerate() {
        change.candle = priced(change.candle, 1_000 + at, 1);
    }
    let (old, at) = (changes[400].candle, START.plus(900 * SECOND));
    let new = priced(candle(Timeframe::S1, old.open_time(), 2, at), 9_999, 2);
    store.append(&batch(700, Changes { candles: changes, ..Changes::default() }), None).await.unwrap();
    let change = CandleChange { candle: new, replaces: Some(old) };
    let changes = Changes { candles: vec![change], ..Changes::default() };
    store.append(&batch(900, changes), Some(START.plus(700 * SECOND))).await.unwrap();
    for (as_of, knowledge, close) in [
        (at.plus(-1), Knowledge::AsRecorded, 1_400.0),
        (at, Knowledge::AsRecorded, 9_999.0),
        (START.plus(403 * SECOND), Knowledge::AsRecorded, 1_400.0),
    ] {
        let parts = store.frame_parts(&frame(as_of, knowledge)).await.unwrap();
        let mut expected: Vec<f64> = (1_000..1_600).map(f64::from).collect();
        expected[400] = close;
        expected.truncate(1 + usize::try_from(as_of.since(START.plus(2_600_000)) / SECOND).unwrap());
        let expected = &expected[expected.len().saturating_sub(500)..];
        assert_eq!(parts.closes[0].values(), expected, "{as_of}");
        let open_times: Vec<_> = parts.candles[0].iter().map(|candle| candle.open_time()).collect();
        assert!(open_times.is_sorted() && open_times.len() == 100);
    }
}

fn priced(candle: Candle, close: usize, revision: u32) -> Candle {
    let close = price(&close.to_string());
    let ohlcv = Ohlcv { open: close, high: close, low: close, close, ..*candle.ohlcv() };
    let known_from = candle.known_from().unwrap();
    Candle::closed(candle.timeframe(), candle.open_time(), ohlcv, revision, known_from).unwrap()
}

#[tokio::test]
async fn the_coverage_of_a_frame_proves_what_the_whole_log_proves() {
    let Some((store, _database)) = store().await else { return };
    let row = |stream, begin: i64, end: i64, state, stamp: i64| CoverageRow {
        stream,
        begin: START.plus(begin * SECOND),
        end: START.plus(end * SECOND),
        state,
        reason: if state == CoverageState::Alive { String::new() } else { "sequence broke".to_owned() },
        available_at: START.plus(stamp * SECOND),
    };
    let alive = |stream, begin, end, stamp| row(stream, begin, end, CoverageState::Alive, stamp);
    // A run that pauses for five hours, and a run that is lost: it ends before what the log said last.
    let mut coverage: Vec<_> = (1..200).map(|end| alive(Stream::Trades, 0, end, end + 1)).collect();
    coverage.extend((1..150).map(|end| alive(Stream::Book, 0, end, end + 1)));
    coverage.push(row(Stream::Book, 140, 150, CoverageState::Gap, 151));
    coverage.push(alive(Stream::Book, 0, 140, 152));
    coverage.extend((18_200..18_260).map(|end| alive(Stream::Trades, 0, end, end + 1)));
    coverage.extend((18_200..18_260).map(|end| alive(Stream::Book, 18_190, end, end + 1)));
    coverage.sort_by_key(|row| row.available_at);
    let changes = Changes { coverage, candles: candles(Timeframe::S1, 100), ..Changes::default() };
    store.append(&batch(20_000, changes), None).await.unwrap();
    for seconds in [1, 2, 100, 150, 151, 152, 199, 200, 10_000, 18_201, 18_230, 18_260, 19_000] {
        let as_of = START.plus(seconds * SECOND);
        let query =
            TimeQuery { instrument: instrument(), selection: Selection::Range(TimeRange::ALL), as_of };
        let log: Vec<CoverageRow> = store.stream_coverage(query).try_collect().await.unwrap();
        let whole = FrameParts { coverage: log, ..FrameParts::default() };
        let parts = store.frame_parts(&frame(as_of, Knowledge::AsRecorded)).await.unwrap();
        assert!(parts.coverage.len() <= 6, "{seconds}: {} rows", parts.coverage.len());
        assert!(parts.coverage.iter().all(|row| whole.coverage.contains(row)), "{seconds}");
        for stream in Stream::ALL {
            assert_eq!(parts.covered(stream), whole.covered(stream), "{seconds} {stream}");
        }
        assert_eq!(parts.watermark_second(), whole.watermark_second(), "{seconds}");
    }
}

#[tokio::test]
async fn a_book_whose_numbers_need_more_than_64_bits_comes_back_exactly() {
    let Some((store, database)) = store().await else { return };
    let level = |at: &str, amount: &str| BookLevel { price: price(at), size: size(amount) };
    let parts = BookSnapshotParts {
        second: START,
        bids: vec![level("0.000000000002", "1234567890123456.123456789012"), level("0.000000000001", "5")],
        asks: vec![level("12345678901234.5", "0.25")],
        sequence: 7,
        event_time: START,
        received_at: START,
        available_at: START.plus(SECOND),
        bucket_size: price("1"),
        flags: SampleFlags { covered: true, ..SampleFlags::default() },
    };
    let book = Arc::new(BookSnapshot::try_new(parts).unwrap());
    let changes = Changes { books: vec![book.clone()], ..Changes::default() };
    store.append(&batch(2, changes), None).await.unwrap();
    let as_of = START.plus(SECOND);
    assert_eq!(store.last_book(&instrument(), as_of).await.unwrap(), Some(book.clone()));
    assert_eq!(store.frame_parts(&frame(as_of, Knowledge::AsRecorded)).await.unwrap().book, Some(book));
    let sizes: Vec<String> =
        sqlx::query_scalar("SELECT size::text FROM order_book_levels ORDER BY side DESC, level")
            .fetch_all(&mut connect(&database).await)
            .await
            .unwrap();
    assert_eq!(sizes, ["1234567890123456.123456789012", "5", "0.25"]);
}
