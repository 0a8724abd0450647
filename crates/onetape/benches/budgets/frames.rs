//! Frames and candles from a full cache, idle and while updates are written.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use onetape::domain::change::Changes;
use onetape::domain::engine::{InstrumentEngine, Outcome};
use onetape::domain::message::FeedMessage;
use onetape::domain::venue::VenueRules;
use onetape::memory::{MemoryCache, MemoryStore, SystemClock};
use onetape::ports::HotCache;
use onetape::prelude::*;
use onetape::provider::ProviderConfig;
use onetape_testkit::generator::{Market as SimulatedMarket, history};

use crate::instrument;
use crate::measure::{Latency, now, row, seconds_since};

const FRAMES: usize = 20_000;
/// Closed candles of each timeframe before the market begins.
const HISTORY: u32 = 600;
/// Updates a second that are written beside the reads.
const UPDATES: u64 = 100_000;
const MIDNIGHT: Timestamp = Timestamp::from_micros(1_723_161_600_000_000);

pub(crate) async fn run() {
    let market = SimulatedMarket {
        start: MIDNIGHT,
        seconds: 1_200,
        trades_per_second: 200,
        ..SimulatedMarket::new(instrument(), 1)
    };
    let messages = market.messages();
    let warm = messages.len() / 5;
    let cache = Arc::new(MemoryCache::default());
    let (clock, parts) = history(&instrument(), MIDNIGHT, HISTORY).expect("a history");
    cache.start(&clock, parts, HISTORY as usize);
    let config = ProviderConfig::for_exchange("binance".parse().expect("an exchange"));
    let clock = Arc::new(SystemClock::default());
    let provider = UnifiedDataProvider::new(Arc::new(MemoryStore::default()), clock, config);
    let provider = provider.with_cache(cache.clone());
    let mut engine = InstrumentEngine::new(instrument(), VenueRules::BINANCE_SPOT);
    for message in &messages[..warm] {
        apply(&cache, &mut engine, message);
    }
    report("cached inference frame, idle", frames(&provider).await);
    candles(&provider).await;

    let stop = Arc::new(AtomicBool::new(false));
    let written = Arc::new(AtomicU64::new(0));
    let writer = thread::spawn({
        let (stop, written, cache) = (stop.clone(), written.clone(), cache.clone());
        move || {
            let start = now();
            for message in &messages[warm..] {
                if stop.load(Ordering::Relaxed) {
                    return true;
                }
                apply(&cache, &mut engine, message);
                let count = written.fetch_add(1, Ordering::Relaxed) + 1;
                while (seconds_since(start) * UPDATES as f64) < count as f64 {
                    thread::yield_now();
                }
            }
            false
        }
    });
    let start = now();
    let busy = frames(&provider).await;
    let rate = written.load(Ordering::Relaxed) as f64 / seconds_since(start);
    stop.store(true, Ordering::Relaxed);
    assert!(writer.join().expect("the writer"), "the market ended before the reads did");
    report(&format!("cached inference frame, while {rate:.0} updates/s are written"), busy);
}

fn apply(cache: &MemoryCache, engine: &mut InstrumentEngine, message: &FeedMessage) {
    let mut changes = Changes::default();
    if let Outcome::Stamped(stamp) = engine.process(message, &mut changes).outcome {
        cache.apply(&instrument(), &changes, stamp);
        // A store behind it confirms each closed second.
        if !changes.candles.is_empty() {
            cache.durable(&instrument(), stamp);
        }
    }
}

fn report(what: &str, mut latency: Latency) {
    let (median, high) = (latency.quantile(0.5), latency.quantile(0.99));
    row(what, &format!("p50 {median:.1} µs, p99 {high:.1} µs"), "budget p50 20 µs, p99 100 µs", None);
}

async fn frames(provider: &UnifiedDataProvider) -> Latency {
    let mut latency = Latency::new();
    for _ in 0..FRAMES {
        let start = now();
        let frame = provider.inference(&instrument(), &Request::default()).await.expect("frame");
        latency.push_micros((now() - start) as f64);
        assert_eq!((frame.imbalances.len(), frame.ohlcv_1d.rows.len()), (60, 101));
        assert!(frame.ohlcv_1s.rows.len() >= 100 && frame.orderbook_snapshot.is_some());
    }
    latency
}

/// Ten together, since the clock counts whole microseconds.
async fn candles(provider: &UnifiedDataProvider) {
    const CALLS: usize = 10;
    let mut latency = Latency::new();
    for _ in 0..FRAMES / CALLS {
        let start = now();
        for _ in 0..CALLS {
            let rows = provider.get_closed_candles("ETH/USDT", Timeframe::S1, None, 300).await;
            assert_eq!(std::hint::black_box(rows).expect("candles").len(), 300);
        }
        latency.push_micros((now() - start) as f64 / CALLS as f64);
    }
    let (median, high) = (latency.quantile(0.5), latency.quantile(0.99));
    row(
        "latest 300 candles from cache",
        &format!("p50 {median:.1} µs, p99 {high:.1} µs"),
        "budget p50 2 µs",
        None,
    );
}
