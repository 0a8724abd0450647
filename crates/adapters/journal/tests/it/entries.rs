//! Every kind of entry comes back as it was.

use onetape_domain::book::BookLevel;
use onetape_domain::decimal::{Price, Quantity};
use onetape_domain::engine::local_book::TimedDiff;
use onetape_domain::imported::{Import, Place};
use onetape_domain::instrument::Instrument;
use onetape_domain::message::{BookDiff, FeedMessage, FullBook, Payload};
use onetape_domain::time::{TimeRange, Timeframe, Timestamp};
use onetape_domain::trade::{AggregateIds, Side, TradeEvent, TradeId};
use onetape_domain::validator::{DataValidator, RawCandle};
use onetape_domain::venue::VenueRules;
use onetape_ports::{Journal, JournalEntry, JournalEvent, JournalEventRef, JournalPart, JournalRecord};
use proptest::prelude::*;
use rust_decimal::Decimal;

use crate::support::{open, read_back};

const DAY: i64 = 86_400_000_000;

fn instrument() -> Instrument {
    "binance:BTC/USDT:USDT".parse().expect("instrument")
}

/// Up to 28 digits, up to 12 decimals.
fn number() -> impl Strategy<Value = Decimal> {
    (1..10_i128.pow(28), 0..=12_u32)
        .prop_map(|(mantissa, scale)| Decimal::from_i128_with_scale(mantissa, scale))
}

fn time() -> impl Strategy<Value = Timestamp> {
    (Timestamp::EARLIEST.micros()..Timestamp::LATEST.micros()).prop_map(Timestamp::from_micros)
}

fn level() -> impl Strategy<Value = BookLevel> {
    let size = prop_oneof![Just(Decimal::ZERO), number()];
    (number(), size).prop_map(|(price, size)| BookLevel {
        price: Price::try_new("price", price).expect("price"),
        size: Quantity::try_new("size", size).expect("size"),
    })
}

fn book() -> impl Strategy<Value = FullBook> {
    let side = || prop::collection::vec(level(), 0..4);
    (any::<u64>(), side(), side()).prop_map(|(last_update, bids, asks)| FullBook { last_update, bids, asks })
}

fn trade() -> impl Strategy<Value = TradeEvent> {
    let id = prop_oneof![
        (0..i64::MAX).prop_map(TradeId::Numeric),
        ("[a-zé]{1,20}", any::<Option<i64>>())
            .prop_map(|(id, sequence)| TradeId::Text { id: id.into(), sequence }),
        Just(TradeId::Missing),
    ];
    let aggregate =
        prop::option::of((0..1_000_i64).prop_map(|first| AggregateIds { first, last: first + 5 }));
    (time(), id, number(), number(), any::<bool>(), aggregate).prop_map(
        |(time, id, price, size, is_sell, aggregate)| {
            let price = Price::try_new("price", price).expect("price");
            let size = Quantity::try_new("size", size).expect("size");
            let side = if is_sell { Side::Sell } else { Side::Buy };
            TradeEvent::try_new(time, id, price, size, side, aggregate).expect("trade")
        },
    )
}

fn payload() -> impl Strategy<Value = Payload> {
    let candle = (number(), 0..1_000_i64, 0..6_usize).prop_map(|(price, day, timeframe)| {
        let price = Price::try_new("price", price).expect("price").to_string();
        let raw = RawCandle {
            open_time: 1_700_006_400_000_000 + day * DAY,
            open: price.clone(),
            high: price.clone(),
            low: price.clone(),
            close: price,
            volume: "1.5".to_owned(),
            trade_count: 3,
        };
        Payload::Candle(DataValidator::validate_ohlcv(Timeframe::ALL[timeframe], &raw).expect("candle"))
    });
    prop_oneof![
        prop::collection::vec(trade(), 0..4).prop_map(Payload::Trades),
        (any::<i64>(), time()).prop_map(|(id, event_time)| Payload::VoidTrade { id, event_time }),
        (any::<i64>(), any::<i64>(), "[a-zé ]{0,20}").prop_map(|(first_id, last_id, reason)| {
            Payload::Unfillable { first_id, last_id, reason: reason.into() }
        }),
        diff().prop_map(Payload::BookDiff),
        book().prop_map(Payload::BookSnapshot),
        book().prop_map(Payload::BookState),
        candle,
        Just(Payload::Heartbeat),
        Just(Payload::Ticker),
    ]
}

fn diff() -> impl Strategy<Value = BookDiff> {
    let side = || prop::collection::vec(level(), 0..4);
    (any::<u64>(), any::<u64>(), any::<Option<u64>>(), side(), side()).prop_map(
        |(first_update, last_update, previous_update, bids, asks)| BookDiff {
            first_update,
            last_update,
            previous_update,
            bids,
            asks,
        },
    )
}

/// What a book is at the beginning of a segment.
fn standing() -> impl Strategy<Value = JournalEvent> {
    let waiting = (diff(), time(), time());
    let waiting = waiting.prop_map(|(diff, sent_at, received_at)| TimedDiff { diff, sent_at, received_at });
    let part = (any::<u32>(), any::<u32>()).prop_map(|(from, of)| JournalPart { from, of });
    prop_oneof![
        book().prop_map(JournalEvent::Book),
        book().prop_map(JournalEvent::Seeded),
        (prop::collection::vec(waiting, 0..4), part)
            .prop_map(|(diffs, part)| JournalEvent::Waiting(diffs, part)),
    ]
}

fn by_reference(event: &JournalEvent) -> JournalEventRef<'_> {
    match event {
        JournalEvent::Message(message) => JournalEventRef::Message(message),
        JournalEvent::Book(book) => JournalEventRef::Book(book),
        JournalEvent::Seeded(book) => JournalEventRef::Seeded(book),
        JournalEvent::Waiting(diffs, part) => JournalEventRef::Waiting(diffs, *part),
        JournalEvent::TakenIn(imports) => JournalEventRef::TakenIn(imports),
        JournalEvent::Lost(lost) => JournalEventRef::Lost(lost),
        JournalEvent::EndOfFeed => JournalEventRef::EndOfFeed,
    }
}

fn message() -> impl Strategy<Value = FeedMessage> {
    (any::<u32>(), prop::option::of(time()), time(), payload()).prop_map(
        |(connection, sent_at, received_at, payload)| FeedMessage {
            instrument: instrument(),
            connection,
            sent_at,
            received_at,
            payload,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_message_and_book_comes_back_as_it_was(
        events in prop::collection::vec(
            prop_oneof![3 => message().prop_map(Box::new).prop_map(JournalEvent::Message), 1 => standing()],
            1..20,
        ),
        issued in prop::option::of(time()),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("runtime");
        let folder = tempfile::tempdir().expect("folder");
        let journal = open(folder.path());
        let (instrument, rules) = (instrument(), VenueRules::BINANCE_SPOT);
        for event in &events {
            let entry = JournalEntry { instrument: &instrument, rules, issued, event: by_reference(event) };
            journal.append(entry).expect("appended");
        }
        drop(journal);
        let (records, recovery) = runtime.block_on(read_back(folder.path()));
        prop_assert!(recovery.damage.is_empty(), "{recovery:?}");
        let expected: Vec<_> = events
            .into_iter()
            .map(|event| JournalRecord { instrument: instrument.clone(), rules, issued, event })
            .collect();
        prop_assert_eq!(records, expected);
    }
}

#[tokio::test]
async fn books_imports_and_the_end_of_a_feed_come_back_with_their_instrument_and_rules() {
    let folder = tempfile::tempdir().expect("folder");
    let (here, there) = (instrument(), "kraken:ETH/USD".parse::<Instrument>().expect("instrument"));
    let late = VenueRules::PUSHED.with_lateness(7);
    let book = FullBook { last_update: 9, bids: Vec::new(), asks: Vec::new() };
    let start = Timestamp::from_micros(1_700_006_400_000_000);
    let import = Import {
        id: "a".parse().expect("id"),
        instrument: there.clone(),
        source: "file".parse().expect("source"),
        timeframe: Timeframe::D1,
        covered: TimeRange::try_new(start, start.plus(DAY)).expect("range"),
        place: Place::Waiting,
        number: 3,
        rank: Import::UNRANKED,
    };
    let journal = open(folder.path());
    let imports = [import.clone()];
    let entry = |instrument, rules, issued, event| JournalEntry { instrument, rules, issued, event };
    for entry in [
        entry(&here, VenueRules::BINANCE_FUTURES, Some(start), JournalEventRef::Book(&book)),
        entry(&there, late, Some(start.plus(1)), JournalEventRef::TakenIn(&imports)),
        entry(&there, VenueRules::PUSHED, None, JournalEventRef::EndOfFeed),
        entry(&here, VenueRules::BINANCE_FUTURES, Some(start), JournalEventRef::EndOfFeed),
    ] {
        journal.append(entry).expect("appended");
    }
    drop(journal);
    let (records, _) = read_back(folder.path()).await;
    let record = |instrument: &Instrument, rules, issued, event| JournalRecord {
        instrument: instrument.clone(),
        rules,
        issued,
        event,
    };
    assert_eq!(
        records,
        [
            record(&here, VenueRules::BINANCE_FUTURES, Some(start), JournalEvent::Book(book)),
            record(&there, late, Some(start.plus(1)), JournalEvent::TakenIn(vec![import])),
            record(&there, VenueRules::PUSHED, None, JournalEvent::EndOfFeed),
            record(&here, VenueRules::BINANCE_FUTURES, Some(start), JournalEvent::EndOfFeed),
        ]
    );
}
