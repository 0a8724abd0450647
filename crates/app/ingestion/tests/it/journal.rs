//! Crashes at any message: with the journal nothing is lost, nothing doubled, and no stamp is another one.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt as _;
use onetape_domain::message::{FeedMessage, Payload};
use onetape_domain::time::{TimeRange, Timestamp};
use onetape_domain::venue::VenueRules;
use onetape_ingestion::{DataIngestionPipeline, IngestError, JournalMode, PipelineConfig};
use onetape_memory::{MemoryCache, MemoryStore};
use onetape_ports::{
    ClockStore, HotCache, Journal, JournalEntry, JournalError, JournalRecord, JournalRecovery, Selection,
    StoreErrorKind, TimeQuery, TradeStore as _,
};
use onetape_testkit::dump::first_difference;
use onetape_testkit::generator::{Ids, Market, Rng};
use onetape_testkit::{FaultStore, When};
use proptest::prelude::*;

use crate::support::{Process, RULES, clock, config, instruments, messages, tables, undisturbed};

/// Runs messages with crashes at random places, writing to the store now and then, and delivering some again.
async fn crashing(messages: &[FeedMessage], rules: VenueRules, seed: u64) -> (String, u64) {
    let mut random = Rng::new(seed);
    let store = Arc::new(MemoryStore::default());
    let mut process = Process::start(&store, tempfile::tempdir().expect("folder")).await;
    let (mut next, mut recovered) = (0, 0);
    while next < messages.len() {
        process.pipeline.ingest(&messages[next], rules).await.expect("taken in");
        next += 1;
        let is_half_way = next == messages.len() / 2 && recovered == 0;
        match random.between(0, 200) {
            0..4 if !is_half_way => process.pipeline.flush().await.expect("written"),
            4.. if random.between(0, 200) > 0 && !is_half_way => {}
            _ => {
                process = Process::start(&store, process.crash()).await;
                recovered += process.recovery.records;
                assert!(process.recovery.damage.is_empty(), "{:?}", process.recovery);
                next -= usize::try_from(random.between(0, 10)).expect("few").min(next);
            }
        }
    }
    process.pipeline.end_of_feed().await.expect("ended");
    (tables(&store).await, recovered)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn crashes_change_nothing(
        seed in any::<u64>(),
        ids in prop::sample::select(vec![Ids::Contiguous, Ids::Text]),
        snapshot_every in prop::sample::select(vec![0_u32, 7]),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
        runtime.block_on(async {
            let messages = messages(20, ids, snapshot_every);
            let want = undisturbed(&messages, RULES).await;
            let (got, recovered) = crashing(&messages, RULES, seed).await;
            prop_assert!(got == want, "{:?}", first_difference(&got, &want));
            prop_assert!(recovered > 0, "no crash had anything to give back");
            Ok(())
        })?;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_store_has_is_let_go_and_the_rest_is_enough_to_go_on() {
    let all = messages(40, Ids::Contiguous, 0);
    let store = Arc::new(MemoryStore::default());
    let process = Process::start(&store, tempfile::tempdir().expect("folder")).await;
    let mut largest = 0;
    for (at, message) in all.iter().enumerate() {
        process.pipeline.ingest(message, RULES).await.expect("taken in");
        if at % 50 == 0 {
            process.pipeline.flush().await.expect("written");
        }
        let sizes = fs::read_dir(process.folder.path()).expect("folder").flatten();
        let bytes: u64 = sizes.filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.len()).sum();
        largest = largest.max(bytes);
    }
    let folder = process.crash();
    let names: Vec<_> =
        fs::read_dir(folder.path()).expect("folder").flatten().map(|entry| entry.file_name()).collect();
    let first = format!("{:020}.journal", 1);
    assert!(!names.iter().any(|name| *name == *first), "the first segment is still there: {names:?}");
    assert!(largest < 2_000_000, "{largest} bytes");
    let process = Process::start(&store, folder).await;
    process.pipeline.end_of_feed().await.expect("ended");
    let got = tables(&store).await;
    let want = undisturbed(&all, RULES).await;
    assert!(got == want, "{:?}", first_difference(&got, &want));
}

/// A disk that never comes to an end with what it was given.
#[derive(Debug)]
struct Stuck;

impl std::fmt::Display for Stuck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a journal that is stuck")
    }
}

#[async_trait]
impl Journal for Stuck {
    async fn recovered(&self, _: usize) -> Result<Vec<JournalRecord>, JournalError> {
        Ok(Vec::new())
    }
    fn recovery(&self) -> JournalRecovery {
        JournalRecovery::default()
    }
    fn append(&self, _: JournalEntry<'_>) -> Result<u64, JournalError> {
        Ok(1)
    }
    async fn synced(&self, _: u64) -> Result<(), JournalError> {
        std::future::pending().await
    }
    fn rotate(&self) -> Result<u64, JournalError> {
        Ok(1)
    }
    fn trim(&self, _: u64) -> Result<(), JournalError> {
        Ok(())
    }
    fn bytes(&self) -> u64 {
        0
    }
    fn segment_bytes(&self) -> u64 {
        0
    }
    async fn close(&self) {
        std::future::pending().await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_shown_or_stored_before_the_journal_has_it() {
    let store = Arc::new(MemoryStore::default());
    let cache = Arc::new(MemoryCache::default());
    let (pipeline, _) = DataIngestionPipeline::start_with_journal(
        store.clone(),
        Some(cache.clone()),
        clock(),
        Arc::new(Stuck),
        config(),
    )
    .await
    .expect("started");
    let all = messages(1, Ids::Contiguous, 0);
    let taken = tokio::time::timeout(Duration::from_millis(50), pipeline.ingest(&all[0], RULES)).await;
    assert!(taken.is_err(), "it was acknowledged");
    let written = tokio::time::timeout(Duration::from_millis(50), pipeline.flush()).await;
    assert!(written.is_err(), "it was written");
    assert!(pipeline.issued(&all[0].instrument).is_some(), "the engine has it");
    assert_eq!(cache.issued(&all[0].instrument), None);
    assert_eq!(store.flushed(&all[0].instrument).await.expect("asked"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_fails_stops_the_pipeline_and_keeps_what_it_acknowledged() {
    let store = Arc::new(MemoryStore::default());
    let process = Process::start(&store, tempfile::tempdir().expect("folder")).await;
    let all = messages(3, Ids::Contiguous, 0);
    let half = all.len() / 2;
    for message in &all[..half] {
        process.pipeline.ingest(message, RULES).await.expect("taken in");
    }
    // The next segment cannot be made: something of its name is there.
    let taken = (2..50).map(|number| process.folder.path().join(format!("{number:020}.journal")));
    taken.for_each(|path| drop(fs::create_dir(path)));
    let mut failure = None;
    for message in all[half..].iter().cycle().take(100_000) {
        process.pipeline.flush().await.ok();
        if let Err(error) = process.pipeline.ingest(message, RULES).await {
            failure = Some(error);
            break;
        }
    }
    let failure = failure.expect("a segment that cannot be made is noticed");
    assert!(matches!(failure, IngestError::Journal(_)), "{failure:?}");
    let process = Process::start(&store, process.crash()).await;
    for message in &all {
        process.pipeline.ingest(message, RULES).await.expect("taken in");
    }
    process.pipeline.end_of_feed().await.expect("ended");
    let (got, want) = (tables(&store).await, undisturbed(&all, RULES).await);
    assert!(got == want, "{:?}", first_difference(&got, &want));
}

#[tokio::test(flavor = "multi_thread")]
async fn on_trouble_the_journal_is_waited_for_and_before_it_only_the_store_waits() {
    let store = Arc::new(FaultStore::new(Arc::new(MemoryStore::default())));
    let cache = Arc::new(MemoryCache::default());
    let config = PipelineConfig { journal_mode: JournalMode::OnTrouble, ..config() };
    let started = DataIngestionPipeline::start_with_journal(
        store.clone(),
        Some(cache.clone()),
        clock(),
        Arc::new(Stuck),
        config,
    );
    let (pipeline, _) = started.await.expect("started");
    let all = messages(3, Ids::Contiguous, 0);
    let (first, second) = all.split_at(all.len() / 2);
    for message in first {
        pipeline.ingest(message, RULES).await.expect("taken in at once");
    }
    let instrument = &first[0].instrument;
    assert_eq!(cache.issued(instrument), pipeline.issued(instrument));
    assert_eq!(pipeline.status().instruments[instrument].journaled, None);
    // The store never has what the journal does not.
    let written = tokio::time::timeout(Duration::from_millis(50), pipeline.flush()).await;
    assert!(written.is_err(), "it was written");
    assert_eq!(store.inner().flushed(instrument).await.expect("asked"), None);
    // A store that fails, as a new instrument finds out.
    store.plan().outage(When::Before, StoreErrorKind::Connection);
    let other = Market::new("binance:SOL/USDT".parse().expect("instrument"), 1).messages();
    let asked = tokio::time::timeout(Duration::from_millis(50), pipeline.ingest(&other[0], RULES)).await;
    assert!(asked.is_err(), "the store is away");
    let taken = tokio::time::timeout(Duration::from_millis(50), pipeline.ingest(&second[0], RULES)).await;
    assert!(taken.is_err(), "it was acknowledged without the journal");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_crash_took_that_was_not_synced_can_be_delivered_again() {
    let all = messages(20, Ids::Contiguous, 0);
    let want = undisturbed(&all, RULES).await;
    let config = PipelineConfig { journal_mode: JournalMode::OnTrouble, ..config() };
    let store = Arc::new(MemoryStore::default());
    let mut folder = tempfile::tempdir().expect("folder");
    for until in [all.len() / 3, all.len() / 2, all.len()] {
        let process = Process::start_with(&store, folder, config).await;
        for (at, message) in all[..until].iter().enumerate() {
            process.pipeline.ingest(message, RULES).await.expect("taken in");
            if at == until / 2 {
                process.pipeline.flush().await.expect("written");
            }
        }
        if until == all.len() {
            process.pipeline.end_of_feed().await.expect("ended");
        }
        folder = process.crash();
    }
    let got = tables(&store).await;
    assert!(got == want, "{:?}", first_difference(&got, &want));
}

#[tokio::test(flavor = "multi_thread")]
async fn trades_of_a_journal_come_in_although_somebody_else_wrote_on_without_it() {
    let all = messages(40, Ids::Contiguous, 0);
    let (first, rest) = all.split_at(all.len() / 2);
    let store = Arc::new(MemoryStore::default());
    let process = Process::start(&store, tempfile::tempdir().expect("folder")).await;
    for message in &first[..first.len() / 2] {
        process.pipeline.ingest(message, RULES).await.expect("taken in");
    }
    process.pipeline.flush().await.expect("written");
    for message in &first[first.len() / 2..] {
        process.pipeline.ingest(message, RULES).await.expect("taken in");
    }
    let folder = process.crash();

    // The store goes on from what it has, and is far beyond the journal.
    let other = DataIngestionPipeline::start(store.clone(), None, clock(), config());
    for message in rest {
        other.ingest(message, RULES).await.expect("taken in");
    }
    other.shutdown(Duration::from_secs(10)).await.expect("written");

    let process = Process::start(&store, folder).await;
    process.pipeline.end_of_feed().await.expect("ended");
    for instrument in instruments() {
        let ids = |message: &FeedMessage| match &message.payload {
            Payload::Trades(trades) if message.instrument == instrument => trades.len(),
            _ => 0,
        };
        let selection = Selection::Range(TimeRange::ALL);
        let query = TimeQuery { instrument: instrument.clone(), selection, as_of: Timestamp::LATEST };
        let stored = store.stream_trades(query).count().await;
        assert_eq!(stored, all.iter().map(ids).sum::<usize>(), "{instrument}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn diffs_that_wait_for_their_snapshot_outlive_two_crashes() {
    let [instrument, _] = instruments();
    let all = Market { seconds: 6, snapshot_every: 0, ..Market::new(instrument.clone(), 5) }.messages();
    let second = |message: &FeedMessage| message.received_at.since(all[0].received_at) as f64 / 1e6;
    let is_snapshot = |message: &&FeedMessage| matches!(message.payload, Payload::BookSnapshot(_));
    let snapshot = all.iter().find(is_snapshot).expect("a snapshot");
    let stretch = |range: std::ops::Range<f64>| {
        let inside = move |message: &&FeedMessage| range.contains(&second(message)) && !is_snapshot(message);
        all.iter().filter(inside).cloned().collect::<Vec<_>>()
    };
    // What came between was lost with the first process; the snapshot comes late, and speaks of its time.
    let (before, after) = (stretch(0.0..1.5), stretch(3.0..5.0));
    let (waiting, rest) = after.split_at(after.len() / 2);
    let accepted: Vec<FeedMessage> = [&before[..], waiting, std::slice::from_ref(snapshot), rest].concat();

    let inner = Arc::new(MemoryStore::default());
    let store = Arc::new(FaultStore::new(inner.clone()));
    let process = Process::start(&store, tempfile::tempdir().expect("folder")).await;
    for message in &before {
        process.pipeline.ingest(message, RULES).await.expect("taken in");
    }
    let process = Process::start(&store, process.crash()).await;
    // Whatever is let go at the start is let go by then.
    tokio::time::sleep(Duration::from_millis(400)).await;
    store.plan().outage(When::Before, StoreErrorKind::Connection);
    for message in &accepted[before.len()..] {
        process.pipeline.ingest(message, RULES).await.expect("taken in");
    }
    let folder = process.crash();
    store.plan().recover();
    let process = Process::start(&store, folder).await;
    process.pipeline.end_of_feed().await.expect("ended");
    let (got, want) = (tables(&inner).await, undisturbed(&accepted, RULES).await);
    assert!(want.contains("alive") && got == want, "{:?}", first_difference(&got, &want));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_book_that_only_the_store_had_outlives_a_crash() {
    let [instrument, _] = instruments();
    let all = Market { seconds: 6, snapshot_every: 0, ..Market::new(instrument, 5) }.messages();
    let (first, rest) = all.split_at(all.len() / 2);
    let store = Arc::new(MemoryStore::default());
    let before = DataIngestionPipeline::start(store.clone(), None, clock(), config());
    for message in first {
        before.ingest(message, RULES).await.expect("taken in");
    }
    before.shutdown(Duration::from_secs(10)).await.expect("written");
    // A journal that begins where the store has the whole book, and a batch that takes it out of there.
    let process = Process::start(&store, tempfile::tempdir().expect("folder")).await;
    for (at, message) in rest.iter().enumerate().take(rest.len() / 2) {
        process.pipeline.ingest(message, RULES).await.expect("taken in");
        if at == rest.len() / 4 {
            process.pipeline.flush().await.expect("written");
        }
    }
    let process = Process::start(&store, process.crash()).await;
    for message in &rest[rest.len() / 2..] {
        process.pipeline.ingest(message, RULES).await.expect("taken in");
    }
    process.pipeline.end_of_feed().await.expect("ended");
    let (got, want) = (tables(&store).await, undisturbed(&all, RULES).await);
    assert!(got == want, "{:?}", first_difference(&got, &want));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_let_go_of_a_full_journal_before_it_was_read() {
    let all = messages(40, Ids::Contiguous, 0);
    let inner = Arc::new(MemoryStore::default());
    let store = Arc::new(FaultStore::new(inner.clone()));
    let process = Process::start(&store, tempfile::tempdir().expect("folder")).await;
    for (at, message) in all.iter().enumerate() {
        process.pipeline.ingest(message, RULES).await.expect("taken in");
        if at == 20 {
            store.plan().outage(When::Before, StoreErrorKind::Connection);
        }
    }
    let bytes = process.pipeline.status().journal_bytes.expect("a journal");
    let folder = process.crash();
    store.plan().recover();
    // Full from the first moment on, with a writer that has much to do meanwhile.
    let small = PipelineConfig { max_journal_bytes: bytes, batch_size: 10, ..config() };
    let process = Process::start_with(&store, folder, small).await;
    process.pipeline.end_of_feed().await.expect("ended");
    let (got, want) = (tables(&inner).await, undisturbed(&all, RULES).await);
    assert!(got == want, "{:?}", first_difference(&got, &want));
}
