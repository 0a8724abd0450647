//! Frames and candles from the cache, idle and while updates are written.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use onetape::domain::venue::VenueRules;
use onetape::prelude::*;

use crate::instrument;
use crate::measure::{Latency, now, row, seconds_since};

const FRAMES: usize = 20_000;
/// Frames timed together, since the clock counts whole microseconds.
const BATCH: usize = 1;

pub(crate) async fn run() {
    let Some(messages) = crate::messages().await else { return };
    let store = Arc::new(Onetape::open("memory:").await.expect("memory"));
    let pipeline = store.ingestion();
    let warm = messages.len() / 2;
    for message in &messages[..warm] {
        pipeline.ingest(message, VenueRules::BINANCE_SPOT).await.expect("ingested");
    }
    let idle = frames(&store).await;
    report("cached inference frame, idle", idle);
    let stop = Arc::new(AtomicBool::new(false));
    let written = Arc::new(AtomicU64::new(0));
    let writer = tokio::spawn({
        let (pipeline, stop, written) = (pipeline.clone(), stop.clone(), written.clone());
        async move {
            for message in messages[warm..].iter().cycle() {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                pipeline.ingest(message, VenueRules::BINANCE_SPOT).await.expect("ingested");
                written.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    let start = now();
    let busy = frames(&store).await;
    let rate = written.load(Ordering::Relaxed) as f64 / seconds_since(start);
    stop.store(true, Ordering::Relaxed);
    writer.await.expect("writer");
    report(&format!("cached inference frame, while {rate:.0} messages/s are written"), busy);
    candles(&store).await;
}

fn report(what: &str, mut latency: Latency) {
    let (median, high) = (latency.quantile(0.5), latency.quantile(0.99));
    row(what, &format!("p50 {median:.1} µs, p99 {high:.1} µs"), "budget p50 20 µs, p99 100 µs", None);
}

async fn frames(store: &Onetape) -> Latency {
    let provider = store.provider();
    let mut latency = Latency::new();
    for _ in 0..FRAMES / BATCH {
        let start = now();
        for _ in 0..BATCH {
            std::hint::black_box(
                provider.inference(&instrument(), &Request::default()).await.expect("frame"),
            );
        }
        latency.push_micros((now() - start) as f64 / BATCH as f64);
    }
    latency
}

async fn candles(store: &Onetape) {
    let provider = store.provider();
    let mut latency = Latency::new();
    for _ in 0..FRAMES / 10 {
        let request = Request { limit: 300, ..Request::default() };
        let start = now();
        for _ in 0..10 {
            let data =
                provider.multi_timeframe(&instrument(), &[Timeframe::S1], &request).await.expect("candles");
            std::hint::black_box(data);
        }
        latency.push_micros((now() - start) as f64 / 10.0);
    }
    let (median, high) = (latency.quantile(0.5), latency.quantile(0.99));
    row(
        "latest 300 candles from cache",
        &format!("p50 {median:.1} µs, p99 {high:.1} µs"),
        "budget p50 2 µs",
        None,
    );
}
