//! A store that fails: nothing stops while there is room, nothing is lost, and nobody calls it more than needed.

use std::sync::Arc;
use std::time::Duration;

use onetape_domain::message::FeedMessage;
use onetape_ingestion::{BreakerState, DataIngestionPipeline, IngestError, PipelineConfig};
use onetape_memory::MemoryStore;
use onetape_ports::StoreErrorKind;
use onetape_testkit::dump::first_difference;
use onetape_testkit::generator::{Ids, Market};
use onetape_testkit::{FaultStore, VecFeed, When};

use crate::support::{Process, RULES, clock, config, instruments, journal, messages, tables, undisturbed};

type Store = FaultStore<MemoryStore>;

fn store() -> Arc<Store> {
    Arc::new(FaultStore::new(Arc::new(MemoryStore::default())))
}

fn start(store: &Arc<Store>, config: PipelineConfig) -> DataIngestionPipeline {
    DataIngestionPipeline::start(store.clone(), None, clock(), config)
}

/// Waits until something is so.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..10_000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("never: {what}");
}

async fn same_tables(store: &Store, all: &[FeedMessage]) {
    let (got, want) = (tables(store.inner()).await, undisturbed(all, RULES).await);
    assert!(got == want, "{:?}", first_difference(&got, &want));
}

#[tokio::test(start_paused = true)]
async fn an_outage_stops_nothing_while_there_is_room_and_the_store_is_hardly_called() {
    let store = store();
    let pipeline = start(&store, PipelineConfig { batch_size: 10, ..config() });
    let all = messages(30, Ids::Contiguous, 0);
    let (first, second) = all.split_at(all.len() / 2);
    for message in first {
        pipeline.ingest(message, RULES).await.expect("taken in");
    }
    pipeline.flush().await.expect("written");
    store.plan().outage(When::Before, StoreErrorKind::Connection);
    let before = store.plan().calls("append");
    for message in second {
        pipeline.ingest(message, RULES).await.expect("taken in");
    }
    // Far beyond the patience of those who wait.
    tokio::time::sleep(Duration::from_secs(1_200)).await;
    let calls = store.plan().calls("append") - before;
    // Three of each instrument at most until it opened, then one in five to ten seconds, whoever's.
    assert!((120..=260).contains(&calls), "{calls} calls in twenty minutes");
    let status = pipeline.status();
    assert!(matches!(status.breaker, BreakerState::Open | BreakerState::HalfOpen), "{status:?}");
    assert_eq!((status.outages, status.retries), (1, calls));
    assert!(status.pending_rows > 100 && status.pending_bytes > 10_000, "{status:?}");
    for watermarks in status.instruments.values() {
        assert!(watermarks.durable.is_some() && watermarks.durable < watermarks.received, "{watermarks:?}");
    }
    store.plan().recover();
    pipeline.end_of_feed().await.expect("written");
    let status = pipeline.status();
    assert_eq!((status.breaker, status.failures, status.pending_rows, status.pending_bytes), {
        (BreakerState::Closed, 0, 0, 0)
    });
    for watermarks in status.instruments.values() {
        assert_eq!(watermarks.durable, watermarks.received);
    }
    same_tables(&store, &all).await;
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_the_store_gives_up_and_the_pipeline_does_not() {
    let store = store();
    let pipeline = start(&store, PipelineConfig { max_pending_rows: 200, batch_size: 100, ..config() });
    let all = messages(30, Ids::Contiguous, 0);
    let one = all[0].instrument.clone();
    for message in all.iter().filter(|message| message.instrument == one).take(30) {
        pipeline.ingest(message, RULES).await.expect("taken in");
    }
    store.plan().outage(When::After, StoreErrorKind::Timeout);
    let began = tokio::time::Instant::now();
    let error = pipeline.flush().await.expect_err("the store fails");
    assert!(matches!(error, IngestError::Outage { rows: 1.., .. }), "{error:?}");
    assert!(error.to_string().contains("300 s"), "{error}");
    assert!(began.elapsed() >= Duration::from_secs(300));
    // An instrument that is not loaded yet, and then a feed without room.
    let other = all.iter().find(|message| message.instrument != one).expect("another");
    let error = pipeline.ingest(other, RULES).await.expect_err("the store fails");
    assert!(matches!(error, IngestError::Outage { .. }), "{error:?}");
    let mut refused = 0;
    for message in all.iter().filter(|message| message.instrument == one) {
        match pipeline.ingest(message, RULES).await {
            Ok(_) => {}
            Err(IngestError::Outage { rows, .. }) => {
                assert!((200..400).contains(&rows), "{rows} rows");
                refused += 1;
                break;
            }
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!(refused, 1, "two hundred rows are not enough for all of it");
    store.plan().recover();
    // As a feed does: from where it was refused.
    for message in &all {
        pipeline.ingest(message, RULES).await.expect("taken in");
    }
    pipeline.end_of_feed().await.expect("written");
    same_tables(&store, &all).await;
}

#[tokio::test(start_paused = true)]
async fn one_instrument_that_cannot_be_written_stops_the_pipeline_and_not_the_others_before_that() {
    let store = store();
    let pipeline = start(&store, PipelineConfig { batch_size: 10, ..config() });
    let [bad, good] = instruments();
    let of_bad = bad.clone();
    store.plan().refuse(StoreErrorKind::Timeout, move |batch| batch.instrument == of_bad);
    let all = messages(30, Ids::Contiguous, 0);
    let mut taken = 0;
    let mut failure = None;
    for message in all.iter().filter(|message| message.instrument == bad).take(50) {
        pipeline.ingest(message, RULES).await.expect("taken in");
    }
    for message in all.iter().filter(|message| message.instrument == good).cycle() {
        if let Err(error) = pipeline.ingest(message, RULES).await {
            failure = Some(error);
            break;
        }
        taken += 1;
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(taken < 5_000, "it goes on for ever");
    }
    let failure = failure.expect("a failure");
    assert!(matches!(failure, IngestError::Store { .. }), "{failure:?}");
    assert!(taken > 300, "after {taken} seconds");
    let status = pipeline.status();
    assert!(status.instruments[&good].durable > Some(all[0].received_at), "{status:?}");
    assert_eq!(status.instruments[&bad].durable, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn at_a_dead_store_a_shutdown_ends_in_time_and_a_journal_keeps_everything() {
    let all = messages(10, Ids::Contiguous, 0);
    let store = store();
    let process = Process::start(&store, tempfile::tempdir().expect("folder")).await;
    let cut = all.len() / 3;
    for message in &all[..cut] {
        process.pipeline.ingest(message, RULES).await.expect("taken in");
    }
    store.plan().outage(When::Before, StoreErrorKind::Connection);
    let rows = process.pipeline.status().pending_rows;
    let error = process.pipeline.shutdown(Duration::from_millis(100)).await.expect_err("nothing is written");
    let IngestError::Deadline { rows: left, is_kept: true } = error else { panic!("{error:?}") };
    assert_eq!(left, rows);
    assert!(error.to_string().contains(&format!("{rows} rows")) && error.to_string().contains("journal"));
    let refused = process.pipeline.ingest(&all[cut], RULES).await.expect_err("it is closed");
    assert!(matches!(refused, IngestError::Closed), "{refused:?}");
    store.plan().recover();
    // The folder is free though the pipeline is there.
    journal(process.folder.path()).close().await;
    let process = Process { recovery: Default::default(), ..Process::start(&store, process.folder).await };
    for message in &all[cut..] {
        process.pipeline.ingest(message, RULES).await.expect("taken in");
    }
    process.pipeline.end_of_feed().await.expect("written");
    same_tables(&store, &all).await;
}

#[tokio::test(start_paused = true)]
async fn at_a_dead_store_a_shutdown_without_a_journal_says_what_is_lost() {
    let store = store();
    let pipeline = start(&store, config());
    for message in &messages(3, Ids::Contiguous, 0) {
        pipeline.ingest(message, RULES).await.expect("taken in");
    }
    let rows = pipeline.status().pending_rows;
    store.plan().outage(When::Before, StoreErrorKind::Shutdown);
    let error = pipeline.shutdown(Duration::from_secs(10)).await.expect_err("nothing is written");
    let IngestError::Deadline { rows: left, is_kept: false } = error else { panic!("{error:?}") };
    assert_eq!(left, rows);
    assert!(rows > 50 && error.to_string().contains(&format!("{rows} rows")), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_writes_what_is_left_once_the_store_is_back() {
    let store = store();
    let pipeline = start(&store, PipelineConfig { batch_size: 10, ..config() });
    let all = messages(10, Ids::Contiguous, 0);
    store.plan().pass("resume", 2);
    store.plan().pass("imports", 2);
    store.plan().outage(When::After, StoreErrorKind::Connection);
    for message in &all {
        pipeline.ingest(message, RULES).await.expect("taken in");
    }
    until("the breaker is open", || pipeline.status().breaker == BreakerState::Open).await;
    let closing = pipeline.clone();
    let closed = tokio::spawn(async move { closing.shutdown(Duration::from_secs(60)).await });
    tokio::time::sleep(Duration::from_secs(30)).await;
    store.plan().recover();
    closed.await.expect("no panic").expect("written");
    let status = pipeline.status();
    assert_eq!(status.pending_rows, 0);
    for watermarks in status.instruments.values() {
        assert_eq!(watermarks.durable, watermarks.received);
    }
}

#[tokio::test(start_paused = true)]
async fn what_waits_behind_an_outage_is_written_in_pieces_of_bounded_size() {
    let store = store();
    let pipeline = start(&store, config());
    let [instrument, _] = instruments();
    let market = Market { seconds: 300, trades_per_second: 150, ..Market::new(instrument, 5) };
    let all = market.messages();
    store.plan().pass("resume", 1);
    store.plan().pass("imports", 1);
    store.plan().outage(When::Before, StoreErrorKind::Connection);
    for message in &all {
        pipeline.ingest(message, RULES).await.expect("taken in");
    }
    let rows = pipeline.status().pending_rows;
    assert!(rows > 45_000, "too few rows to tell: {rows}");
    store.plan().recover();
    let largest = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let seen = largest.clone();
    store.plan().refuse(StoreErrorKind::Internal, move |batch| {
        seen.fetch_max(batch.changes.len(), std::sync::atomic::Ordering::Relaxed);
        false
    });
    pipeline.end_of_feed().await.expect("written");
    let largest = largest.load(std::sync::atomic::Ordering::Relaxed);
    assert!((8_192..9_000).contains(&largest), "{largest} rows in a batch");
    assert_eq!(pipeline.status().pending_bytes, 0);
    same_tables(&store, &all).await;
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_is_followed_waits_for_as_long_as_it_takes_and_one_that_is_run_does_not() {
    let store = store();
    let small = PipelineConfig { max_pending_rows: 200, batch_size: 100, ..config() };
    let all = messages(30, Ids::Contiguous, 0);
    let feed = || VecFeed::of_messages(RULES, all.clone());
    store.plan().outage(When::Before, StoreErrorKind::Connection);
    let error = start(&store, small).run(&mut feed()).await.expect_err("the store fails");
    assert!(matches!(error, IngestError::Outage { .. }), "{error:?}");

    // Instruments that cannot be loaded at first, and then no room: all of it in the middle of what was delivered.
    let pipeline = start(&store, small);
    let following = tokio::spawn({
        let (pipeline, mut feed) = (pipeline.clone(), feed());
        async move { pipeline.follow(&mut feed).await }
    });
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    assert!(!following.is_finished());
    store.plan().recover();
    until("rows are written", || pipeline.status().instruments.len() == 2).await;
    store.plan().outage(When::After, StoreErrorKind::Timeout);
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    store.plan().recover();
    following.await.expect("no panic").expect("followed to its end");
    pipeline.end_of_feed().await.expect("written");
    same_tables(&store, &all).await;
}

#[tokio::test(start_paused = true)]
async fn a_feed_without_room_and_the_writer_do_not_keep_one_another_awake() {
    let store = store();
    let small = PipelineConfig { max_pending_rows: 200, batch_size: 100, ..config() };
    let process = Process::start_with(&store, tempfile::tempdir().expect("folder"), small).await;
    let all = messages(30, Ids::Contiguous, 0);
    let load = all.iter().take(20);
    for message in load {
        process.pipeline.ingest(message, RULES).await.expect("taken in");
    }
    store.plan().outage(When::Before, StoreErrorKind::Connection);
    let following = tokio::spawn({
        let pipeline = process.pipeline.clone();
        let mut feed = VecFeed::of_messages(RULES, all.clone());
        async move { pipeline.follow(&mut feed).await }
    });
    // Time passes only while nobody has anything to do.
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert!(!following.is_finished());
    store.plan().recover();
    following.await.expect("no panic").expect("followed to its end");
    process.pipeline.end_of_feed().await.expect("written");
    same_tables(&store, &all).await;
}
