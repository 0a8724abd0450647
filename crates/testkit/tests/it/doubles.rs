//! The test doubles: store with faults, manual clock, feed from memory, tape lines.

use std::sync::Arc;

use onetape_domain::time::Timestamp;
use onetape_domain::venue::VenueRules;
use onetape_ports::{ClockStore, Feed, StoreErrorKind, TapeStore, TradeStore, WallClock};
use onetape_testkit::generator::{Market, binance_tape_lines};
use onetape_testkit::{FaultStore, ManualClock, Recording, VecFeed, When, dump};

use crate::naive_store::{Mistake, NaiveStore};
use crate::scenario::instrument;

fn short() -> (Market, Recording) {
    let market = Market { seconds: 3, ..Market::new(instrument(), 1) };
    let recording = Recording::of(VenueRules::BINANCE_SPOT, &market.messages(), 20);
    (market, recording)
}

fn store() -> FaultStore<NaiveStore> {
    FaultStore::new(Arc::new(NaiveStore::new(Mistake::None)))
}

#[tokio::test]
async fn a_fault_before_the_call_writes_nothing_and_one_after_it_everything() {
    let (_, recording) = short();
    let (store, batch) = (store(), &recording.batches()[0]);
    store.plan().fail("append", When::Before, StoreErrorKind::Connection);
    store.plan().fail("append", When::After, StoreErrorKind::Timeout);
    let error = store.append(batch, None).await.unwrap_err();
    assert_eq!((error.kind(), error.operation()), (StoreErrorKind::Connection, "append"));
    assert_eq!(store.inner().flushed(&instrument()).await.unwrap(), None);
    let error = store.append(batch, None).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Timeout);
    assert_eq!(store.inner().flushed(&instrument()).await.unwrap(), Some(batch.clock.issued));
    store.append(batch, None).await.unwrap();
    assert_eq!(store.plan().calls("append"), 3);
}

#[tokio::test]
async fn a_tape_written_through_lost_acknowledgements_is_whole() {
    let (_, recording) = short();
    let store = store();
    let mut expected = None;
    for batch in recording.batches() {
        store.plan().fail("append", When::After, StoreErrorKind::Connection);
        store.append(batch, expected).await.unwrap_err();
        store.append(batch, expected).await.unwrap();
        expected = Some(batch.clock.issued);
    }
    assert_eq!(dump(&store, &instrument()).await.unwrap(), recording.reference().dump());
}

#[tokio::test]
async fn an_outage_lasts_until_it_is_over() {
    use futures::TryStreamExt;
    let (_, recording) = short();
    let store = store();
    recording.write(&store).await.unwrap();
    store.plan().pass("clock", 1);
    store.plan().outage(When::Before, StoreErrorKind::Shutdown);
    assert!(store.clock(&instrument()).await.is_ok());
    assert!(store.clock(&instrument()).await.unwrap_err().is_retryable());
    let query = onetape_ports::TimeQuery {
        instrument: instrument(),
        selection: onetape_ports::Selection::Last(10),
        as_of: Timestamp::LATEST,
    };
    assert!(store.stream_trades(query.clone()).try_collect::<Vec<_>>().await.is_err());
    store.plan().recover();
    assert_eq!(store.stream_trades(query.clone()).try_collect::<Vec<_>>().await.unwrap().len(), 10);
    store.plan().fail("stream_trades", When::After, StoreErrorKind::Connection);
    let mut stream = store.stream_trades(query);
    for _ in 0..10 {
        assert!(stream.try_next().await.unwrap().is_some());
    }
    assert!(stream.try_next().await.is_err());
}

#[tokio::test]
async fn a_feed_ends_in_order_or_with_its_error() {
    let messages = short().0.messages();
    let mut feed = VecFeed::of_messages(VenueRules::BINANCE_SPOT, messages.clone());
    let mut events = Vec::new();
    while feed.next_batch(&mut events, 7).await.unwrap() {}
    assert_eq!(events.len(), messages.len());
    assert!(!feed.next_batch(&mut events, 7).await.unwrap());
    assert_eq!(feed.progress(), (messages.len() as u64, Some(messages.len() as u64)));

    let mut feed = VecFeed::of_messages(VenueRules::BINANCE_SPOT, messages.clone()).failing("cut off");
    let mut events = Vec::new();
    let error = loop {
        match feed.next_batch(&mut events, 1_000).await {
            Ok(more) => assert!(more),
            Err(error) => break error,
        }
    };
    assert_eq!((events.len(), error.message.as_str()), (messages.len(), "cut off"));
}

#[test]
fn a_manual_clock_moves_by_hand() {
    let clock = ManualClock::new(Timestamp::from_micros(1_000));
    clock.advance(5);
    assert_eq!((clock.now().micros(), clock.monotonic_micros()), (1_005, 5));
    clock.set(Timestamp::from_micros(10));
    assert_eq!((clock.now().micros(), clock.monotonic_micros()), (10, 5));
}

#[test]
fn the_same_seed_gives_the_same_tape() {
    let (market, _) = short();
    let lines = binance_tape_lines(&market.messages());
    assert_eq!(lines, binance_tape_lines(&market.messages()));
    assert_ne!(lines, binance_tape_lines(&Market { seed: 2, ..market }.messages()));
    let trade = lines.iter().find(|line| line.contains("\"e\":\"trade\"")).unwrap();
    let diff = lines.iter().find(|line| line.contains("depthUpdate")).unwrap();
    let snapshot = lines.iter().find(|line| line.contains("lastUpdateId")).unwrap();
    let expected = concat!(
        r#"1723161570185819000 {"stream":"ethusdt@trade","data":{"e":"trade","E":1723161570182,"s":"ETHUSDT","#,
        r#""t":1000,"p":"2499.99000000","q":"#
    );
    assert!(trade.starts_with(expected), "{trade}");
    assert!(
        diff.contains(
            "{\"stream\":\"ethusdt@depth@100ms\",\"data\":{\"e\":\"depthUpdate\",\"E\":17231615700"
        )
    );
    assert!(snapshot.contains(" {\"lastUpdateId\":50") && snapshot.contains("\"bids\":[[\"2499."));
}
