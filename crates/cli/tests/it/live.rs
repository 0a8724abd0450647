//! Live equals as-of: frames served from the cache while the tape runs are, byte for byte, what a
//! separate process reads from the store afterwards.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use onetape::domain::change::Changes;
use onetape::domain::engine::InstrumentEngine;
use onetape::domain::frame::DataSource;
use onetape::domain::message::FeedMessage;
use onetape::domain::time::SECOND;
use onetape::domain::venue::VenueRules;
use onetape::exchanges::{BinanceParser, TapeFeed, TapeOptions};
use onetape::ports::{Feed, FeedEvent};
use onetape::prelude::*;
use onetape_testkit::generator::Rng;

use crate::support::{Kind, onetape_with_input, tape};

fn below(random: &mut Rng, count: usize) -> usize {
    usize::try_from(random.between(0, i64::try_from(count).expect("small") - 1)).expect("positive")
}

fn instrument() -> Instrument {
    "binance:ETH/USDT".parse().expect("instrument")
}

async fn messages() -> Option<Vec<FeedMessage>> {
    let mut feed = TapeFeed::open(tape()?.into(), BinanceParser::new(Market::Spot), TapeOptions::default())
        .expect("tape");
    let mut events = Vec::new();
    while feed.next_batch(&mut events, 100_000).await.expect("tape") {}
    let message = |event| match event {
        FeedEvent::Message(message) => message,
        FeedEvent::Quarantined(record) => panic!("{record:?}"),
    };
    Some(events.into_iter().map(message).collect())
}

/// 1,000 stamps: within 1 ms of a candle boundary, inside ties, just before and after a revision, any.
fn instants(messages: &[FeedMessage], rules: VenueRules) -> Vec<Timestamp> {
    let mut engine = InstrumentEngine::new(instrument(), rules);
    let mut changes = Changes::default();
    let mut stamps = Vec::new();
    for message in messages {
        engine.process(message, &mut changes);
        if engine.issued() > stamps.last().copied() {
            stamps.extend(engine.issued());
        }
    }
    let mut random = Rng::new(42);
    let mut pick = |from: &[Timestamp], count: usize| -> Vec<Timestamp> {
        (0..count).map(|_| from[below(&mut random, from.len())]).collect()
    };
    let near = |stamp: &&Timestamp| {
        let past = stamp.micros().rem_euclid(SECOND);
        past <= 1_000 || past >= SECOND - 1_000
    };
    let boundaries: Vec<_> = stamps.iter().filter(near).copied().collect();
    let ties: Vec<_> =
        stamps.windows(2).filter(|pair| pair[1].since(pair[0]) == 1).map(|pair| pair[1]).collect();
    let revised: Vec<Timestamp> = changes
        .candles
        .iter()
        .filter(|change| change.replaces.is_some())
        .filter_map(|c| c.candle.known_from())
        .collect();
    let around = revised.iter().flat_map(|stamp| {
        let at = stamps.partition_point(|other| other < stamp);
        stamps[at.saturating_sub(1)..(at + 2).min(stamps.len())].to_vec()
    });
    let around: Vec<Timestamp> = around.collect();
    assert!(!around.is_empty(), "the tape has revisions");
    let mut chosen = pick(&boundaries, 100);
    chosen.extend(pick(&ties, 100));
    chosen.extend(pick(&around, 100));
    chosen.extend(pick(&stamps, 2_000));
    chosen.sort_unstable();
    chosen.dedup();
    // Keep the special ones: thin out from the rest only where there are too many.
    while chosen.len() > 1_000 {
        let at = below(&mut random, chosen.len());
        chosen.remove(at);
    }
    chosen
}

async fn frames_captured_live_equal_those_another_process_reads_afterwards_in(kind: Kind) {
    let Some(messages) = messages().await else { return };
    let Some(db) = kind.store().await else { return };
    let rules = VenueRules::BINANCE_SPOT.with_lateness(0);
    let instants = instants(&messages, rules);
    assert_eq!(instants.len(), 1_000);

    let store = Onetape::open(db.url()).await.expect("store");
    let pipeline = store.ingestion();
    let provider = store.provider();
    let mut live = BTreeMap::new();
    let mut wanted = instants.iter().peekable();
    let mut from_cache = 0;
    for message in &messages {
        pipeline.ingest(message, rules).await.expect("ingested");
        let issued = pipeline.issued(&instrument());
        if let Some(stamp) = wanted.next_if(|stamp| Some(**stamp) == issued) {
            let frame = provider.inference(&instrument(), &Request::default()).await.expect("frame");
            from_cache +=
                usize::from(frame.metadata.as_ref().is_some_and(|m| m.data_source == DataSource::Cache));
            assert_eq!(frame.as_of, *stamp);
            live.insert(*stamp, frame.to_canonical_json());
        }
    }
    assert_eq!((live.len(), from_cache), (1_000, 1_000));
    pipeline.end_of_feed().await.expect("ended");
    store.close(Duration::from_secs(30)).await.expect("closed");

    let asked: String = live.keys().map(|stamp| format!("{}\n", stamp.micros())).collect();
    let args =
        ["query", "inference", "binance:ETH/USDT", "--format", "json", "--at-stdin", "--store", db.url()];
    let out = onetape_with_input(&args, asked).ok();
    assert_eq!(out.lines().count(), live.len());
    for ((stamp, want), got) in live.iter().zip(out.lines()) {
        assert!(want == got, "at {stamp}\nlive   {want}\nas of  {got}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_captured_live_equal_those_another_process_reads_afterwards() {
    frames_captured_live_equal_those_another_process_reads_afterwards_in(Kind::Server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_captured_live_equal_those_another_process_reads_afterwards_in_a_file() {
    frames_captured_live_equal_those_another_process_reads_afterwards_in(Kind::File).await;
}

async fn sixteen_readers_see_only_consistent_frames_during_a_replay_in(kind: Kind) {
    let Some(messages) = messages().await else { return };
    let Some(db) = kind.store().await else { return };
    let store = Arc::new(Onetape::open(db.url()).await.expect("store"));
    let pipeline = store.ingestion();
    let provider = store.provider();
    let first = messages.iter().filter_map(|message| message.sent_at).min().expect("times");
    let done = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..16_u64)
        .map(|reader| {
            let (provider, done, pipeline) = (provider.clone(), done.clone(), pipeline.clone());
            tokio::spawn(async move {
                let mut random = Rng::new(reader + 1);
                let mut frames = BTreeMap::new();
                while !done.load(Ordering::Acquire) {
                    tokio::task::yield_now().await;
                    let Some(clock) = pipeline.issued(&instrument()) else {
                        continue;
                    };
                    let at = first.plus(random.between(0, clock.since(first).max(0)));
                    match provider.inference(&instrument(), &Request::at(at)).await {
                        Ok(frame) => {
                            assert!(frame.as_of <= at);
                            frames.insert(frame.as_of, frame.to_canonical_json());
                        }
                        // Neither proven by the cache any more nor written yet.
                        Err(
                            onetape::provider::ProviderError::Unavailable { .. }
                            | onetape::provider::ProviderError::UnknownInstrument { .. },
                        ) => {}
                        Err(error) => panic!("{error}"),
                    }
                    if frames.len() > 40 {
                        frames.pop_first();
                    }
                }
                frames
            })
        })
        .collect();
    for message in &messages {
        pipeline.ingest(message, VenueRules::BINANCE_SPOT).await.expect("ingested");
    }
    pipeline.end_of_feed().await.expect("ended");
    done.store(true, Ordering::Release);
    let fresh = Onetape::open(db.url()).await.expect("store");
    let mut compared = 0;
    for reader in readers {
        for (as_of, frame) in reader.await.expect("no panic") {
            let after = fresh.provider().inference(&instrument(), &Request::at(as_of)).await.expect("frame");
            assert!(after.to_canonical_json() == frame, "frame at {as_of} changed");
            compared += 1;
        }
    }
    assert!(compared > 16, "{compared} frames compared");
    store.close(Duration::from_secs(30)).await.expect("closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_readers_see_only_consistent_frames_during_a_replay() {
    sixteen_readers_see_only_consistent_frames_during_a_replay_in(Kind::Server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_readers_see_only_consistent_frames_during_a_replay_in_a_file() {
    sixteen_readers_see_only_consistent_frames_during_a_replay_in(Kind::File).await;
}

/// A later record changes no earlier answer.
#[tokio::test(flavor = "multi_thread")]
async fn records_with_later_stamps_change_no_earlier_frame() {
    let Some(messages) = messages().await else { return };
    let cut = messages.len() * 2 / 3;
    let early = Onetape::open("memory:").await.expect("store");
    let late = Onetape::open("memory:").await.expect("store");
    for message in &messages[..cut] {
        early.ingestion().ingest(message, VenueRules::BINANCE_SPOT).await.expect("ingested");
    }
    for message in &messages {
        late.ingestion().ingest(message, VenueRules::BINANCE_SPOT).await.expect("ingested");
    }
    early.ingestion().flush().await.expect("written");
    late.ingestion().flush().await.expect("written");
    let clock = early.ingestion().issued(&instrument()).expect("clock");
    let first = messages.iter().filter_map(|message| message.sent_at).min().expect("times");
    let mut random = Rng::new(9);
    for _ in 0..200 {
        let request = Request::at(first.plus(random.between(0, clock.since(first))));
        let before = early.provider().inference(&instrument(), &request).await.expect("frame");
        let after = late.provider().inference(&instrument(), &request).await.expect("frame");
        assert!(before.to_canonical_json() == after.to_canonical_json());
    }
}
