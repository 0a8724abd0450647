//! Subscriptions: what is shown live is what the store says of that instant ever after.

use std::sync::Arc;

use onetape::domain::engine::candles::CandleKey;
use onetape::domain::message::FeedMessage;
use onetape::domain::venue::VenueRules;
use onetape::memory::{CacheConfig, MemoryCache, MemoryStore, SystemClock};
use onetape::ports::{CandleQuery, HotCache, Knowledge, MarketStore, Selection, StoreErrorKind};
use onetape::prelude::*;
use onetape::provider::ProviderConfig;
use onetape_testkit::generator::{Market as SimulatedMarket, faults};
use onetape_testkit::{FaultStore, When};

use crate::support::instrument;

const DEADLINE: Duration = Duration::from_secs(60);

/// Some two minutes with late trades and a silence.
fn messages() -> Vec<FeedMessage> {
    let market = SimulatedMarket {
        seconds: 130,
        levels: 20,
        quiet: Vec::from_iter(std::iter::once(40..44)),
        ..SimulatedMarket::new(instrument(), 18)
    };
    faults::late_trades(market.messages(), 18, 20, 9_000)
}

async fn run(tape: &Onetape) {
    let pipeline = tape.ingestion();
    for message in messages() {
        pipeline.ingest(&message, VenueRules::BINANCE_SPOT).await.expect("taken in");
        tokio::task::yield_now().await;
    }
    pipeline.end_of_feed().await.expect("ended");
}

async fn collect(mut frames: Subscription) -> Vec<LiveFrame> {
    let mut collected = Vec::new();
    while let Some(frame) = frames.next().await {
        collected.push(frame.expect("a frame"));
    }
    collected
}

/// A provider of nothing but a store.
fn of_the_store(store: Arc<dyn MarketStore>) -> UnifiedDataProvider {
    let config = ProviderConfig::for_exchange("binance".parse().expect("an exchange"));
    UnifiedDataProvider::new(store, Arc::new(SystemClock::default()), config)
}

/// The stamps under which a 1 s candle became known that opens later than all known before.
async fn closes(store: &dyn MarketStore) -> Vec<Timestamp> {
    let query = CandleQuery {
        instrument: instrument(),
        timeframe: Timeframe::S1,
        selection: Selection::Range(TimeRange::ALL),
        as_of: Timestamp::LATEST,
        knowledge: Knowledge::AsRecorded,
    };
    let mut first_versions = Vec::new();
    for candle in store.candles(&query).await.expect("candles") {
        let key = CandleKey { timeframe: Timeframe::S1, open_time: candle.open_time() };
        let replaced = store.superseded(&instrument(), key).await.expect("versions");
        let first = replaced.first().map_or(candle, |version| version.candle);
        first_versions.push((first.known_from().expect("closed"), candle.open_time()));
    }
    first_versions.sort();
    let (mut stamps, mut newest) = (Vec::new(), None);
    for (stamp, open_time) in first_versions {
        if newest < Some(open_time) {
            newest = Some(open_time);
            stamps.push(stamp);
        }
    }
    stamps.dedup();
    stamps
}

/// Runs a market into a store while three subscribers listen from before its first message, and closes it. Gives what
/// each asked for and got.
async fn live(tape: &Onetape) -> Vec<(Request, Vec<LiveFrame>)> {
    let short = Request { limit: 20, context_window: Duration::ZERO, ..Request::default() };
    let requests = [
        SubscriptionRequest::closes(Timeframe::S1).waiting(1_000),
        SubscriptionRequest::closes(Timeframe::M1).frame(short),
        SubscriptionRequest::changes(Duration::from_millis(2_500)),
    ];
    let running = requests.map(|request| {
        let frames = tape.subscribe("ETH/USDT", request).expect("subscribed");
        (request.frame, tokio::spawn(collect(frames)))
    });
    run(tape).await;
    tape.close(DEADLINE).await.expect("closed");
    let mut live = Vec::new();
    for (request, frames) in running {
        live.push((request, frames.await.expect("collected")));
    }
    live
}

/// Holds live frames against reads of a store that is opened afterwards.
async fn compare(live: &[(Request, Vec<LiveFrame>)], store: &Arc<dyn MarketStore>) {
    let afterwards = of_the_store(store.clone());
    for (request, frames) in live {
        assert!(!frames.is_empty(), "{request:?}");
        for LiveFrame { frame, .. } in frames {
            let request = Request { timestamp: Some(frame.as_of), ..*request };
            let later = afterwards.inference(&instrument(), &request).await.expect("as of then");
            assert_eq!(frame.to_canonical_json(), later.to_canonical_json(), "as of {}", frame.as_of);
        }
    }
    let of_seconds: Vec<Timestamp> = live[0].1.iter().map(|live| live.frame.as_of).collect();
    assert_eq!(of_seconds, closes(&**store).await, "a frame for each close");
    assert!(live[0].1.iter().all(|frame| frame.passed_over == 0));
    assert!(live[2].1.len() > 20, "{} frames of changes", live[2].1.len());
}

#[tokio::test]
async fn live_frames_are_those_of_the_store_afterwards_in_memory() {
    let tape = Onetape::open("memory:").await.expect("opened");
    let live = live(&tape).await;
    compare(&live, tape.store()).await;
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn live_frames_are_those_of_the_store_afterwards_in_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite://{}", folder.path().join("market.db").display());
    let tape = Onetape::open(&url).await.expect("opened");
    let live = live(&tape).await;
    let files: Vec<_> = std::fs::read_dir(folder.path()).expect("a folder").collect();
    assert_eq!(files.len(), 1, "closed, a store is one file: {files:?}");
    compare(&live, Onetape::open(&url).await.expect("opened again").store()).await;
}

#[cfg(feature = "timescale")]
#[tokio::test]
async fn live_frames_are_those_of_the_store_afterwards_in_timescaledb() {
    let Some(database) = onetape_testdb::database(&crate::model::SCHEMA).await else { return };
    if onetape_testdb::one_session("a pool needs a session for each connection") {
        return;
    }
    let tape = Onetape::open(database.url()).await.expect("opened");
    let live = live(&tape).await;
    let again = Onetape::open(database.url()).await.expect("opened again");
    compare(&live, again.store()).await;
    again.close(DEADLINE).await.expect("closed");
}

#[tokio::test]
async fn a_slow_subscriber_gets_the_newest_and_is_told_how_many_it_missed() {
    let tape = Onetape::open("memory:").await.expect("opened");
    let mut frames = tape.subscribe("ETH/USDT", Cadence::Closes(Timeframe::S1)).expect("subscribed");
    let pipeline = tape.ingestion();
    let mut got = Vec::new();
    for (place, message) in messages().iter().enumerate() {
        pipeline.ingest(message, VenueRules::BINANCE_SPOT).await.expect("taken in");
        if place > 0 && place % 700 == 0 {
            got.push(frames.next().await.expect("not the end").expect("a frame"));
        }
    }
    tape.close(DEADLINE).await.expect("closed");
    // What waited at the end is given, then it ends, and goes on ending.
    got.extend(collect(frames).await);
    let closes = closes(&**tape.store()).await;
    let mut place = 0;
    for live in &got {
        place += usize::try_from(live.passed_over).expect("few");
        assert_eq!(live.frame.as_of, closes[place], "as many were passed over as it says");
        place += 1;
    }
    assert_eq!(place, closes.len(), "each close was given or counted");
    assert!(got.iter().any(|live| live.passed_over > 3));
    compare_each(&got, tape.store()).await;
}

async fn compare_each(frames: &[LiveFrame], store: &Arc<dyn MarketStore>) {
    for LiveFrame { frame, .. } in frames {
        let later = of_the_store(store.clone()).inference(&instrument(), &Request::at(frame.as_of)).await;
        assert_eq!(frame.to_canonical_json(), later.expect("as of then").to_canonical_json());
    }
}

#[tokio::test]
async fn a_live_frame_says_where_it_came_from_and_how_old_it_is() {
    let tape = Onetape::open("memory:").await.expect("opened");
    let frames = tape.subscribe("ETH/USDT", Cadence::Closes(Timeframe::M1)).expect("subscribed");
    run(&tape).await;
    tape.close(DEADLINE).await.expect("closed");
    let metadata = collect(frames).await.pop().and_then(|live| live.frame.metadata).expect("metadata");
    assert_eq!(metadata.data_source, onetape::domain::frame::DataSource::Cache);
    // The market is one of 2024.
    assert!(
        metadata.stale && metadata.staleness_us.is_some() && metadata.requested.is_none(),
        "{metadata:?}"
    );
}

/// A pipeline, its provider and the store between them, which fails by plan. The cache keeps hardly anything.
fn faulty() -> (DataIngestionPipeline, UnifiedDataProvider, Arc<FaultStore<MemoryStore>>) {
    let store = Arc::new(FaultStore::new(Arc::new(MemoryStore::default())));
    let forgetful = CacheConfig {
        second_candles: 0,
        candles: 0,
        as_of_window: 1_000_000,
        trades: 50,
        imbalances: 0,
        ..CacheConfig::DEFAULT
    };
    let cache: Arc<dyn HotCache> = Arc::new(MemoryCache::new(forgetful));
    let (clock, config) = (Arc::new(SystemClock::default()), PipelineConfig::default());
    let pipeline = DataIngestionPipeline::start(store.clone(), Some(cache.clone()), clock, config);
    let provider = of_the_store(store.clone()).with_cache(cache);
    (pipeline, provider, store)
}

#[tokio::test]
async fn a_frame_that_cannot_be_made_is_an_error_and_the_next_is_tried() {
    let (pipeline, provider, store) = faulty();
    let request = SubscriptionRequest::closes(Timeframe::S1).waiting(1_000);
    let mut frames = provider.subscribe(&instrument(), request).expect("subscribed");
    for message in messages() {
        pipeline.ingest(&message, VenueRules::BINANCE_SPOT).await.expect("taken in");
        pipeline.flush().await.expect("written");
    }
    pipeline.shutdown(DEADLINE).await.expect("shut down");
    // The cache has let the first instants go, so the store is asked, and it is away for the third of them.
    store.plan().pass("frame_parts", 2);
    store.plan().fail("frame_parts", When::Before, StoreErrorKind::Connection);
    let mut outcomes = Vec::new();
    while let Some(outcome) = frames.next().await {
        outcomes.push(outcome);
    }
    let closes = closes(&*store).await;
    let error = outcomes.remove(2).expect_err("the store was away");
    assert_eq!((error.as_of, error.passed_over), (closes[2], 0));
    assert!(error.to_string().contains(&format!("binance:ETH/USDT at {}", closes[2])), "{error}");
    let ProviderError::Unavailable { source: Some(cause), .. } = &error.source else { panic!("{error:?}") };
    assert_eq!(cause.kind(), StoreErrorKind::Connection);
    let rest: Vec<LiveFrame> = outcomes.into_iter().map(|outcome| outcome.expect("a frame")).collect();
    assert_eq!(rest.len(), closes.len() - 1);
    let store: Arc<dyn MarketStore> = store;
    compare_each(&rest, &store).await;
}

#[tokio::test]
async fn a_pipeline_that_fails_ends_subscriptions() {
    let (pipeline, provider, store) = faulty();
    let request = SubscriptionRequest::closes(Timeframe::S1).waiting(1_000);
    let frames = provider.subscribe(&instrument(), request).expect("subscribed");
    let messages = messages();
    let (first, second) = messages.split_at(messages.len() / 2);
    for message in first {
        pipeline.ingest(message, VenueRules::BINANCE_SPOT).await.expect("taken in");
    }
    store.plan().outage(When::Before, StoreErrorKind::Data);
    pipeline.flush().await.expect_err("the store refuses");
    store.plan().recover();
    let refused = pipeline.ingest(&second[0], VenueRules::BINANCE_SPOT).await.expect_err("it has failed");
    assert!(matches!(refused, IngestError::Store { .. }), "{refused:?}");
    assert!(collect(frames).await.len() > 3, "what waited is given");
}

#[tokio::test]
async fn what_cannot_be_live_is_refused() {
    let tape = Onetape::open("memory:").await.expect("opened");
    let closes = SubscriptionRequest::closes(Timeframe::S1);
    let asked = Request::at(Timestamp::from_micros(1_723_161_600_000_000));
    let corrected = Request { knowledge: Knowledge::AsCorrected, ..Request::default() };
    for (request, word) in [
        (closes.frame(asked), "timestamp"),
        (closes.frame(corrected), "knowledge"),
        (closes.waiting(0), "waiting"),
    ] {
        let error = tape.subscribe("ETH/USDT", request).expect_err(word);
        assert!(error.to_string().contains(word), "{error}");
    }
    assert!(tape.subscribe("no symbol", closes).is_err());
    let error = of_the_store(tape.store().clone()).subscribe(&instrument(), closes).expect_err("no cache");
    assert!(error.to_string().contains("cache"), "{error}");
    tape.close(DEADLINE).await.expect("closed");
    let mut late = tape.subscribe("ETH/USDT", closes).expect("subscribed");
    assert!(late.next().await.is_none(), "after the end there is nothing to wait for");
}
