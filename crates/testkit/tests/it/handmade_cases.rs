//! Where the properties seldom reach: streams that die apart, times out of order, too many gaps, and
//! connections that take a stream over.

use onetape_domain::book::BookLevel;
use onetape_domain::coverage::{CoverageState, Intervals, Stream};
use onetape_domain::decimal::{Price, Quantity};
use onetape_domain::engine::gaps::MAX_OPEN_GAPS;
use onetape_domain::engine::{MAX_CONNECTIONS, Outcome};
use onetape_domain::message::{BookDiff, FeedMessage, FullBook, Payload};
use onetape_domain::time::Timestamp;
use onetape_domain::trade::{Side, TradeEvent, TradeId};
use onetape_domain::venue::VenueRules;
use onetape_testkit::Recording;

use crate::scenario::{MIDNIGHT, instrument, record};

const RULES: VenueRules = VenueRules::BINANCE_SPOT;

fn at(millis: i64) -> Timestamp {
    MIDNIGHT.plus(millis * 1_000)
}

fn message(sent: i64, payload: Payload) -> FeedMessage {
    FeedMessage {
        instrument: instrument(),
        connection: 0,
        sent_at: Some(at(sent)),
        received_at: at(sent),
        payload,
    }
}

fn event(id: i64, time: i64) -> TradeEvent {
    let (price, size) = (Price::parse("price", "10"), Quantity::parse("size", "1"));
    let (price, size) = (price.expect("a price"), size.expect("a size"));
    TradeEvent::try_new(at(time), TradeId::Numeric(id), price, size, Side::Buy, None).expect("a trade")
}

fn trade(id: i64, time: i64, sent: i64) -> FeedMessage {
    message(sent, Payload::Trades(vec![event(id, time)]))
}

fn levels(price: &str) -> Vec<BookLevel> {
    let price = Price::parse("price", price).expect("a price");
    vec![BookLevel { price, size: Quantity::parse("size", "1").expect("a size") }]
}

fn diff(first_update: u64, sent: i64) -> FeedMessage {
    let (bids, asks) = (levels("9"), levels("11"));
    let diff = BookDiff { first_update, last_update: first_update, previous_update: None, bids, asks };
    message(sent, Payload::BookDiff(diff))
}

fn snapshot(last_update: u64, received: i64) -> FeedMessage {
    let book = FullBook { last_update, bids: levels("9"), asks: levels("11") };
    FeedMessage { sent_at: None, ..message(received, Payload::BookSnapshot(book)) }
}

fn covered(recording: &Recording, stream: Stream) -> Intervals {
    let log = recording.reference().changes().coverage.iter();
    Intervals::of_rows(log.filter(|row| row.stream == stream))
}

#[test]
fn a_book_that_died_before_the_silence_is_proven_to_its_last_diff_only() {
    let alive = [snapshot(100, 0), diff(101, 100), diff(102, 10_300)];
    // Trades go on for ten seconds, then nothing for forty; then updates turn out to be missing.
    let trades = (0..100).map(|id| trade(id, 10_400 + id * 100, 10_400 + id * 100));
    let messages: Vec<_> = alive.into_iter().chain(trades).chain([diff(500, 60_000)]).collect();
    let covered = covered(&record(RULES, &messages), Stream::Book);
    assert!(covered.covers(at(100), at(10_300)), "{covered:?}");
    assert!(
        !covered.covers(at(10_300), at(10_301)) && !covered.covers(at(15_000), at(15_001)),
        "{covered:?}"
    );
}

#[test]
fn gaps_whose_times_run_backwards_stay_gaps() {
    let heartbeat = message(12_600, Payload::Heartbeat);
    let trades = [
        trade(4, 5_000, 5_000),
        trade(5, 10_400, 10_410),
        trade(7, 10_900, 10_910),
        trade(9, 10_600, 10_920),
        trade(11, 10_200, 10_930),
    ];
    let messages: Vec<_> = trades.into_iter().chain([heartbeat]).collect();
    let covered = covered(&record(RULES, &messages), Stream::Trades);
    assert!(covered.covers(at(5_000), at(10_200)), "{covered:?}");
    for millis in [10_200, 10_300, 10_400, 10_500, 10_700, 10_900] {
        assert!(!covered.covers(at(millis), at(millis).plus(1)), "{millis} is covered: {covered:?}");
    }
    assert!(covered.covers(at(10_901), at(12_000)), "{covered:?}");
}

#[test]
fn of_too_many_gaps_the_oldest_is_declared_unfillable() {
    let open = i64::try_from(MAX_OPEN_GAPS).expect("a small number");
    let ids: Vec<i64> = (0..=open + 1).map(|number| 2 * number).collect();
    let parts = ids.chunks(100).map(|ids| {
        let events = ids.iter().map(|id| event(*id, *id)).collect();
        message(ids[ids.len() - 1], Payload::Trades(events))
    });
    let mut recording = record(RULES, &parts.collect::<Vec<_>>());
    let last = *ids.last().expect("ids");
    let unfillable = |recording: &Recording| {
        let rows = recording.reference().changes().coverage.iter();
        let rows = rows.filter(|row| row.state == CoverageState::Unfillable);
        rows.map(|row| (row.begin, row.end)).collect::<Vec<_>>()
    };
    assert_eq!(unfillable(&recording), [(at(0), at(2).plus(1))]);
    // What comes after all is a trade like any other, but its gap is no longer watched.
    recording.process(&trade(1, 1, last + 10));
    assert!(!covered(&recording, Stream::Trades).covers(at(1), at(1).plus(1)));
    recording.process(&trade(5, 5, last + 20));
    assert!(covered(&recording, Stream::Trades).covers(at(5), at(5).plus(1)));
}

#[test]
fn a_stream_taken_up_stands_where_its_connection_does() {
    // The diff is older than the trade before it; the trade again must not raise the book's watermark.
    let mut recording = record(RULES, &[trade(1, 90, 100), diff(101, 50)]);
    assert_eq!(recording.engine().watermark(Stream::Book), recording.engine().watermark(Stream::Trades));
    let issued = recording.engine().issued();
    assert_eq!(recording.process(&trade(1, 90, 100)).outcome, Outcome::Redelivered);
    assert_eq!(recording.engine().issued(), issued);
}

#[test]
fn a_repair_through_another_connection_does_not_take_the_stream_over() {
    let mut recording = record(RULES, &[trade(1, 1_000, 1_000), trade(3, 3_000, 3_000)]);
    let repair = FeedMessage { connection: 7, ..trade(2, 2_000, 2_000) };
    assert!(matches!(recording.process(&repair).outcome, Outcome::Stamped(_)));
    recording.process(&message(9_000, Payload::Heartbeat));
    assert_eq!(recording.engine().watermark(Stream::Trades), Some(at(8_500)));
    assert!(covered(&recording, Stream::Trades).covers(at(1_000), at(8_000)));
}

#[test]
fn no_stamp_lies_before_the_watermark_it_raises() {
    let through_1 = |message: FeedMessage| FeedMessage { connection: 1, ..message };
    let messages = [
        trade(1, 9_000, 9_000),
        through_1(message(14_000, Payload::Heartbeat)),
        through_1(trade(2, 9_900, 10_000)),
    ];
    let recording = record(RULES, &messages);
    assert_eq!(recording.engine().watermark(Stream::Trades), Some(at(13_500)));
    assert_eq!(recording.engine().issued(), Some(at(14_000)));
    let changes = recording.reference().changes();
    assert!(changes.coverage.iter().all(|row| row.end <= row.available_at));
    assert!(changes.candles.iter().all(|row| row.candle.known_from() >= Some(row.candle.close_time())));
}

#[test]
fn a_book_that_cannot_be_stored_ends_its_coverage_until_one_that_can() {
    let huge = |price: &str| BookLevel {
        price: Price::parse("price", price).expect("a price"),
        size: Quantity::parse("size", "9000000000000000000000000000").expect("a size"),
    };
    let (bids, asks) = (vec![huge("8"), huge("7")], levels("11"));
    let too_much = FullBook { last_update: 100, bids, asks };
    let too_much = FeedMessage { sent_at: None, ..message(0, Payload::BookSnapshot(too_much)) };
    let mut recording = record(RULES, &[too_much, diff(101, 100), diff(102, 1_600), diff(103, 2_100)]);
    let changes = recording.reference().changes();
    assert!(changes.books.is_empty());
    let reasons: Vec<_> = changes.coverage.iter().map(|row| row.reason.as_str()).collect();
    assert!(reasons.iter().any(|reason| reason.contains("book.bids")), "{reasons:?}");
    assert!(!covered(&recording, Stream::Book).covers(at(100), at(101)));

    for message in [snapshot(103, 2_200), diff(104, 2_300), diff(105, 4_600), diff(106, 5_700)] {
        recording.process(&message);
    }
    let seconds = |recording: &Recording| -> Vec<_> {
        recording.reference().changes().books.iter().map(|book| book.second()).collect()
    };
    assert_eq!(seconds(&recording), [at(2_000), at(3_000), at(4_000)]);
    assert!(covered(&recording, Stream::Book).covers(at(2_300), at(5_000)));
}

#[test]
fn a_book_that_began_empty_is_sampled_once_it_has_levels() {
    let empty = FullBook { last_update: 100, bids: Vec::new(), asks: Vec::new() };
    let empty = FeedMessage { sent_at: None, ..message(0, Payload::BookSnapshot(empty)) };
    let recording = record(RULES, &[empty, diff(101, 100), diff(102, 1_600), diff(103, 2_600)]);
    let changes = recording.reference().changes();
    assert_eq!(changes.books.iter().map(|book| book.second()).collect::<Vec<_>>(), [at(0), at(1_000)]);
    assert!(changes.books.iter().all(|book| book.bids().len() == 1 && book.asks().len() == 1));
}

#[test]
fn of_many_connections_the_longest_quiet_is_forgotten_and_a_carrier_never() {
    let limit = u32::try_from(MAX_CONNECTIONS).expect("a small number");
    let mut recording = record(RULES, &[trade(1, 1_000, 1_000)]);
    for connection in 1..2 * limit {
        let sent = 1_000 + i64::from(connection);
        recording.process(&FeedMessage { connection, ..message(sent, Payload::Heartbeat) });
    }
    let state = serde_json::to_value(&recording.engine().clock(false).expect("a clock").state).expect("JSON");
    let connections: Vec<&String> = state["connections"].as_object().expect("an object").keys().collect();
    assert_eq!(connections.len(), MAX_CONNECTIONS);
    assert!(connections.iter().any(|connection| *connection == "0"), "it carries the trades");
    assert!(connections.iter().all(|connection| *connection != "1"));
    assert_eq!(recording.engine().watermark(Stream::Trades), Some(at(500)));
}
