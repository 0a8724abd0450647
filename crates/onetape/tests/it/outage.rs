//! The store is away while a market goes on: nothing is lost, memory stays bounded, and readers are told what holds.

use std::sync::Arc;

use onetape::domain::frame::DataSource;
use onetape::domain::message::FeedMessage;
use onetape::domain::order_book_frame::BookAggregation;
use onetape::domain::venue::VenueRules;
use onetape::ingestion::BreakerState;
use onetape::journal::{FileJournal, JournalOptions};
use onetape::memory::{CacheConfig, MemoryCache, MemoryStore, SystemClock};
use onetape::ports::{ClockStore as _, Feed, FeedError, FeedEvent, HotCache, Journal as _, StoreErrorKind};
use onetape::prelude::*;
use onetape::provider::ProviderConfig;
use onetape_testkit::dump::{dump, first_difference};
use onetape_testkit::feed::VecFeed;
use onetape_testkit::generator::Market as SimulatedMarket;
use onetape_testkit::{FaultStore, When};

use crate::support::instrument;

const RULES: VenueRules = VenueRules::BINANCE_SPOT;

/// Some 500 messages a second for so many seconds.
fn messages(seconds: u32) -> Vec<FeedMessage> {
    let market = SimulatedMarket {
        seconds,
        trades_per_second: 100,
        diff_every_ms: 5,
        ..SimulatedMarket::new(instrument(), 9)
    };
    let mut messages = market.messages();
    messages.sort_by_key(|message| message.received_at);
    messages
}

/// Messages before the store is away.
const BEFORE: usize = 10_000;
/// Room for rows that wait.
const ROOM: usize = 1 << 20;

/// A feed in whose middle the store goes away, and which notes the most that waited whenever it is asked for more.
#[derive(Debug)]
struct Watched {
    inner: VecFeed,
    delivered: usize,
    store: Arc<FaultStore<MemoryStore>>,
    pipeline: DataIngestionPipeline,
    most: Arc<std::sync::Mutex<(usize, usize)>>,
}

impl std::fmt::Display for Watched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a watched feed")
    }
}

#[async_trait::async_trait]
impl Feed for Watched {
    async fn next_batch(&mut self, events: &mut Vec<FeedEvent>, limit: usize) -> Result<bool, FeedError> {
        let status = self.pipeline.status();
        {
            let mut most = self.most.lock().expect("no panic");
            *most = (most.0.max(status.pending_rows), most.1.max(status.pending_bytes));
        }
        if (BEFORE..BEFORE + limit).contains(&self.delivered) {
            self.store.plan().outage(When::Before, StoreErrorKind::Connection);
        }
        self.delivered += limit;
        self.inner.next_batch(events, limit).await
    }

    fn rules(&self) -> VenueRules {
        RULES
    }

    fn progress(&self) -> (u64, Option<u64>) {
        self.inner.progress()
    }

    fn want_books(&mut self, _: &[Instrument]) {}
}

async fn tables(store: &MemoryStore) -> String {
    dump(store, &instrument()).await.expect("dump")
}

#[tokio::test(flavor = "multi_thread")]
async fn through_an_outage_nothing_is_lost_memory_is_bounded_and_readers_are_told() {
    let all = messages(120);
    let calm = Arc::new(MemoryStore::default());
    let clock = Arc::new(SystemClock::default());
    let pipeline = DataIngestionPipeline::start(calm.clone(), None, clock.clone(), PipelineConfig::default());
    pipeline.run(&mut VecFeed::of_messages(RULES, all.iter().cloned())).await.expect("run");
    let want = tables(&calm).await;

    let store = Arc::new(FaultStore::new(Arc::new(MemoryStore::default())));
    let kept = CacheConfig { as_of_window: 1_000_000, trades: 50, ..CacheConfig::DEFAULT };
    let cache: Arc<dyn HotCache> = Arc::new(MemoryCache::new(kept));
    let folder = tempfile::tempdir().expect("folder");
    let journal = Arc::new(FileJournal::open(folder.path(), JournalOptions::default()).expect("opened"));
    let config = PipelineConfig {
        max_pending_bytes: ROOM,
        first_retry_pause: Duration::from_millis(1),
        max_retry_pause: Duration::from_millis(20),
        ..PipelineConfig::default()
    };
    let started = DataIngestionPipeline::start_with_journal(
        store.clone(),
        Some(cache.clone()),
        clock.clone(),
        journal.clone(),
        config,
    );
    let pipeline = started.await.expect("started").0;
    let config = ProviderConfig::for_exchange("binance".parse().expect("an exchange"));
    let provider = UnifiedDataProvider::new(store.clone(), clock, config).with_cache(cache);

    let most = Arc::default();
    let inner = VecFeed::of_messages(RULES, all.iter().cloned());
    let watched = (pipeline.clone(), store.clone(), Arc::clone(&most));
    let mut feed = Watched { inner, delivered: 0, pipeline: watched.0, store: watched.1, most: watched.2 };
    let running = pipeline.clone();
    let run = tokio::spawn(async move { running.run(&mut feed).await });
    // Until there is no more room, or the feed waits for its end to be written.
    let mut live = Vec::new();
    for _ in 0..2_000 {
        tokio::time::sleep(Duration::from_millis(2)).await;
        let status = pipeline.status();
        if let Ok(frame) = provider.inference(&instrument(), &Request::default()).await {
            assert_eq!(frame.metadata.as_ref().expect("metadata").data_source, DataSource::Cache);
            live.push(frame);
        }
        if status.breaker != BreakerState::Closed && status.pending_bytes >= ROOM {
            break;
        }
    }
    let written = store.inner().flushed(&instrument()).await.expect("asked").expect("something");
    assert!(live.last().is_some_and(|frame| frame.as_of > written), "readers of now are answered on");
    assert!(pipeline.issued(&instrument()) > Some(written.plus(10_000_000)), "the market went on");
    // What only the store could prove: from before what the cache keeps.
    let early = Request::at(all[0].received_at.plus(2_000_000));
    let Err(error) = provider.inference(&instrument(), &early).await else { panic!("the store is away") };
    let ProviderError::Unavailable { source: Some(cause), .. } = &error else { panic!("{error:?}") };
    assert_eq!(cause.kind(), StoreErrorKind::Connection);
    assert!(error.to_string().contains("does not answer"), "{error}");
    let candles = provider.get_closed_candles("ETH/USDT", Timeframe::S1, early.timestamp, 5).await;
    assert!(matches!(candles, Err(ProviderError::Unavailable { source: Some(_), .. })), "{candles:?}");
    let book = provider.order_book(&instrument(), BookAggregation::S1, &early).await;
    assert!(matches!(book, Err(ProviderError::Unavailable { source: Some(_), .. })), "{book:?}");

    store.plan().recover();
    run.await.expect("no panic").expect("run");
    let got = tables(store.inner()).await;
    assert!(got == want, "{:?}", first_difference(&got, &want));
    let (rows, bytes) = *most.lock().expect("no panic");
    // One chunk of the feed more than there is room for.
    assert!(rows > 2_000 && bytes < 2 * ROOM, "{rows} rows, {bytes} bytes waited");
    for frame in live.iter().step_by(live.len() / 20 + 1) {
        let again = provider.inference(&instrument(), &Request::at(frame.as_of)).await.expect("a frame");
        assert_eq!(again.to_canonical_json(), frame.to_canonical_json(), "at {}", frame.as_of);
    }
    pipeline.shutdown(Duration::from_secs(60)).await.expect("shut down");
    journal.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_folder_of_a_journal_is_free_once_its_store_is_closed() {
    let folder = tempfile::tempdir().expect("folder");
    let open = || Onetape::builder("memory:").journal(folder.path(), JournalOptions::default()).open();
    let first = open().await.expect("opened");
    let all = messages(2);
    for message in &all {
        first.ingestion().ingest(message, RULES).await.expect("taken in");
    }
    let error = open().await.expect_err("another has it");
    assert!(matches!(error, onetape::OpenError::Journal(_)), "{error:?}");
    first.close(Duration::from_secs(30)).await.expect("closed");
    // Another store in memory: it gets everything from the journal, while the first value lives.
    let second = open().await.expect("opened");
    assert!(second.recovery().is_some_and(|recovery| recovery.records as usize >= all.len()));
    assert_eq!(second.ingestion().issued(&instrument()), first.ingestion().issued(&instrument()));
    second.close(Duration::from_secs(30)).await.expect("closed");
}
