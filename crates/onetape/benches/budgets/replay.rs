//! Tape replay beside parse-only, and beside parsing and applying diffs to two trees.

use std::collections::BTreeMap;

use onetape::domain::change::Changes;
use onetape::domain::engine::InstrumentEngine;
use onetape::domain::message::{FeedMessage, Payload};
use onetape::domain::venue::VenueRules;
use onetape::ports::Feed;
use onetape::prelude::*;

use crate::measure::{now, row, seconds_since};
use crate::{instrument, tape};

const ROUNDS: usize = 5;

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

pub(crate) async fn run() {
    let Some(messages) = crate::messages().await else { return };
    let (mut floor, mut parse, mut engine, mut whole) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        floor.push(rate(parse_and_trees().await));
        parse.push(rate(parse_only().await));
        engine.push(rate(engine_only(&messages)));
        whole.push(rate(replay().await));
    }
    let (floor, parse, engine, whole) = (median(floor), median(parse), median(engine), median(whole));
    let floor_text = format!("{floor:.0} messages/s parsed, diffs in two BTreeMaps");
    row("parse only, from gzip", &format!("{parse:.0} messages/s"), &floor_text, Some(parse / floor));
    row("engine only, decoded messages", &format!("{engine:.0} messages/s"), "", None);
    row(
        "tape replay to memory store and cache",
        &format!("{whole:.0} messages/s"),
        &floor_text,
        Some(whole / floor),
    );
}

fn rate((count, seconds): (usize, f64)) -> f64 {
    count as f64 / seconds
}

async fn parse_only() -> (usize, f64) {
    let mut feed = tape().expect("tape");
    let start = now();
    let (mut events, mut count) = (Vec::new(), 0);
    while feed.next_batch(&mut events, 4_096).await.expect("tape") {
        count += events.len();
        events.clear();
    }
    (count, seconds_since(start))
}

async fn parse_and_trees() -> (usize, f64) {
    let mut feed = tape().expect("tape");
    let start = now();
    let (mut events, mut count) = (Vec::new(), 0);
    let (mut bids, mut asks) = (BTreeMap::new(), BTreeMap::new());
    while feed.next_batch(&mut events, 4_096).await.expect("tape") {
        count += events.len();
        for event in events.drain(..) {
            let onetape::ports::FeedEvent::Message(FeedMessage { payload: Payload::BookDiff(diff), .. }) =
                event
            else {
                continue;
            };
            for (side, levels) in [(&mut bids, &diff.bids), (&mut asks, &diff.asks)] {
                for level in levels {
                    if level.size.is_zero() {
                        side.remove(&level.price);
                    } else {
                        side.insert(level.price, level.size);
                    }
                }
            }
        }
    }
    std::hint::black_box((bids, asks));
    (count, seconds_since(start))
}

fn engine_only(messages: &[FeedMessage]) -> (usize, f64) {
    let mut engine = InstrumentEngine::new(instrument(), VenueRules::BINANCE_SPOT);
    let mut changes = Changes::default();
    let start = now();
    for message in messages {
        std::hint::black_box(engine.process(message, &mut changes));
    }
    (messages.len(), seconds_since(start))
}

async fn replay() -> (usize, f64) {
    let mut feed = tape().expect("tape");
    let store = Onetape::builder("memory:")
        .pipeline_config(PipelineConfig { batch_size: 5_000, ..PipelineConfig::default() })
        .open()
        .await
        .expect("memory");
    let start = now();
    let summary = store.ingestion().run(&mut feed).await.expect("replayed");
    let seconds = seconds_since(start);
    store.close(Duration::from_secs(5)).await.expect("closed");
    (usize::try_from(summary.messages).expect("small"), seconds)
}
