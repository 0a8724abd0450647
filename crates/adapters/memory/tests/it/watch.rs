//! Who watches an instrument: told of every close that waits, of none twice, and of the end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures::{FutureExt as _, StreamExt as _};
use onetape_domain::change::Changes;
use onetape_domain::engine::{InstrumentEngine, Outcome};
use onetape_domain::message::FeedMessage;
use onetape_domain::time::{SECOND, Timeframe, Timestamp};
use onetape_domain::venue::VenueRules;
use onetape_memory::{CacheConfig, MemoryCache};
use onetape_ports::{Cadence, HotCache, Tick, TickStream, WatchQuery};
use onetape_testkit::Reference;
use onetape_testkit::generator::{Market, faults};

use super::live::{Live, TINY, instrument};

const EVERY_SECOND: Cadence = Cadence::Closes(Timeframe::S1);

fn messages() -> Vec<FeedMessage> {
    let market = Market {
        seconds: 90,
        levels: 3,
        trades_per_second: 3,
        quiet: Vec::from_iter(std::iter::once(20..25)),
        ..Market::new(instrument(), 9)
    };
    faults::late_trades(market.messages(), 9, 60, 8_000)
}

fn watch(cache: &MemoryCache, cadence: Cadence, waiting: usize) -> TickStream {
    cache.watch(&WatchQuery { instrument: instrument(), cadence, waiting })
}

/// What waits now, and whether the stream has ended.
fn drain(ticks: &mut TickStream) -> (Vec<Tick>, bool) {
    let mut drained = Vec::new();
    loop {
        match ticks.next().now_or_never() {
            Some(Some(tick)) => drained.push(tick),
            Some(None) => return (drained, true),
            None => return (drained, false),
        }
    }
}

fn stamps(ticks: &[Tick]) -> Vec<Timestamp> {
    ticks.iter().map(|tick| tick.stamp).collect()
}

/// The stamps at which the newest known candle is a later one than at any stamp before.
fn closes(reference: &Reference, timeframe: Timeframe) -> Vec<Timestamp> {
    let mut opened = BTreeMap::new();
    for change in &reference.changes().candles {
        if change.candle.timeframe() == timeframe && change.replaces.is_none() {
            let stamp = change.candle.known_from().expect("a closed candle");
            let latest = opened.entry(stamp).or_insert(change.candle.open_time());
            *latest = change.candle.open_time().max(*latest);
        }
    }
    let mut newest = None;
    let later = opened.into_iter().filter(|(_, open_time)| {
        let later = newest < Some(*open_time);
        newest = newest.max(Some(*open_time));
        later
    });
    later.map(|(stamp, _)| stamp).collect()
}

#[test]
fn every_close_is_told_once_and_no_revision() {
    let mut live = Live::new(VenueRules::BINANCE_SPOT, CacheConfig::DEFAULT);
    // Before anything is known of the instrument.
    let mut watchers: Vec<_> = [Timeframe::S1, Timeframe::M1]
        .map(|timeframe| (timeframe, watch(&live.cache, Cadence::Closes(timeframe), 1_000)))
        .into();
    messages().iter().for_each(|message| live.process(message));
    live.cache.end();
    for (timeframe, ticks) in &mut watchers {
        let (told, ended) = drain(ticks);
        assert_eq!(stamps(&told), closes(&live.reference, *timeframe), "{timeframe}");
        assert!(ended && told.iter().all(|tick| tick.passed_over == 0), "{timeframe}");
    }
    let revised = live.reference.changes().candles.iter().filter(|change| change.replaces.is_some());
    assert!(revised.count() > 10, "late trades revised candles");
}

#[test]
fn what_a_tick_tells_of_is_seen_when_it_is_given() {
    let mut live = Live::new(VenueRules::BINANCE_SPOT, CacheConfig::DEFAULT);
    let mut ticks = watch(&live.cache, Cadence::Changes { apart: Duration::ZERO }, 1);
    for message in &messages() {
        live.process(message);
        while let Some(Some(tick)) = ticks.next().now_or_never() {
            assert_eq!(live.cache.issued(&instrument()), Some(tick.stamp));
        }
    }
}

#[test]
fn a_slow_reader_gets_the_newest_and_the_number_passed_over() {
    let mut live = Live::new(VenueRules::BINANCE_SPOT, CacheConfig::DEFAULT);
    let mut newest = watch(&live.cache, EVERY_SECOND, 1);
    let mut last_ten = watch(&live.cache, EVERY_SECOND, 10);
    let mut told = Vec::new();
    for (place, message) in messages().iter().enumerate() {
        live.process(message);
        if place % 300 == 0 {
            told.extend(drain(&mut newest).0);
        }
    }
    told.extend(drain(&mut newest).0);
    let closes = closes(&live.reference, Timeframe::S1);
    assert!(told.len() > 2 && told.len() < closes.len() / 2, "{} of {}", told.len(), closes.len());
    let mut place = 0;
    for tick in &told {
        place += usize::try_from(tick.passed_over).expect("few");
        assert_eq!(tick.stamp, closes[place], "as many were passed over as it says");
        place += 1;
    }
    let (waited, ended) = drain(&mut last_ten);
    assert_eq!(stamps(&waited), closes[closes.len() - 10..]);
    assert_eq!((waited[0].passed_over, waited[1].passed_over), (closes.len() as u64 - 10, 0));
    assert!(!ended);
}

#[test]
fn changes_keep_their_distance_and_the_last_one_is_told_at_the_end() {
    let apart = Duration::from_millis(700);
    let mut live = Live::new(VenueRules::BINANCE_SPOT, CacheConfig::DEFAULT);
    let mut ticks = watch(&live.cache, Cadence::Changes { apart }, 1);
    let mut told = Vec::new();
    for message in &messages() {
        live.process(message);
        told.extend(drain(&mut ticks).0);
    }
    live.cache.end();
    let (rest, ended) = drain(&mut ticks);
    assert!(ended);
    let mut expected: Vec<Timestamp> = Vec::new();
    for stamp in &live.stamps {
        if expected.last().is_none_or(|last| stamp.since(*last) >= 700_000) {
            expected.push(*stamp);
        }
    }
    assert_eq!(stamps(&told), expected);
    let last = live.stamps.last().filter(|last| Some(*last) != expected.last()).copied();
    assert_eq!(stamps(&rest), last.into_iter().collect::<Vec<_>>());
}

#[test]
fn what_comes_again_and_what_a_start_brings_is_not_told() {
    let mut live = Live::new(VenueRules::BINANCE_SPOT, TINY);
    let messages = messages();
    let (first, second) = messages.split_at(messages.len() / 2);
    first.iter().for_each(|message| live.process(message));
    live.restart(TINY, 900, 0);
    let before = live.stamps.len();
    let mut ticks = watch(&live.cache, EVERY_SECOND, 1_000);
    let clock = live.engine.clock(true).expect("a clock");
    live.cache.start(&clock, live.stored(&super::live::query(clock.issued, SHAPE)), 900);
    // The same changes once more, as an engine that began anew would bring them.
    live.cache.apply(&instrument(), live.reference.changes(), clock.issued);
    assert_eq!(drain(&mut ticks).0, []);
    second.iter().for_each(|message| live.process(message));
    let (since, told) = (live.stamps[before], drain(&mut ticks).0);
    let mut expected = closes(&live.reference, Timeframe::S1);
    expected.retain(|stamp| since <= *stamp);
    assert_eq!(stamps(&told), expected);
}

const SHAPE: onetape_domain::frame::FrameShape =
    onetape_domain::frame::FrameShape { candles: 900, context_window: 0, imbalances: 60 };

#[test]
fn instruments_are_told_apart() {
    let cache = MemoryCache::default();
    let other = "binance:BTC/USDT".parse().expect("an instrument");
    let mut ticks = watch(&cache, Cadence::Changes { apart: Duration::ZERO }, 1);
    cache.apply(&other, &Changes::default(), Timestamp::from_micros(SECOND));
    assert_eq!(drain(&mut ticks), (vec![], false));
    cache.apply(&instrument(), &Changes::default(), Timestamp::from_micros(2 * SECOND));
    assert_eq!(stamps(&drain(&mut ticks).0), [Timestamp::from_micros(2 * SECOND)]);
}

#[test]
fn a_stream_begun_after_the_end_has_ended() {
    let cache = MemoryCache::default();
    cache.end();
    assert_eq!(drain(&mut watch(&cache, EVERY_SECOND, 1)), (vec![], true));
    cache.apply(&instrument(), &Changes::default(), Timestamp::from_micros(SECOND));
    assert_eq!(drain(&mut watch(&cache, EVERY_SECOND, 1)), (vec![], true));
}

/// Counts how often a reader was woken.
#[derive(Default)]
struct Woken(AtomicU64);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_reader_is_woken_by_a_close_and_by_the_end_only() {
    let cache = MemoryCache::default();
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(woken.clone());
    let mut ticks = watch(&cache, EVERY_SECOND, 1);
    let mut poll = || ticks.poll_next_unpin(&mut Context::from_waker(&waker));
    assert_eq!(poll(), Poll::Pending);
    let mut engine = InstrumentEngine::new(instrument(), VenueRules::BINANCE_SPOT);
    let mut closed = 0;
    for message in &messages() {
        let mut changes = Changes::default();
        let Outcome::Stamped(stamp) = engine.process(message, &mut changes).outcome else { continue };
        let before = woken.0.load(Ordering::Relaxed);
        cache.apply(&instrument(), &changes, stamp);
        if before < woken.0.load(Ordering::Relaxed) {
            closed += 1;
            assert!(changes.candles.iter().any(|change| change.candle.timeframe() == Timeframe::S1));
            assert!(matches!(poll(), Poll::Ready(Some(tick)) if tick.stamp == stamp));
            assert_eq!(poll(), Poll::Pending);
        }
    }
    assert!(closed > 10, "{closed} closes");
    cache.end();
    assert_eq!(woken.0.load(Ordering::Relaxed), closed + 1);
    assert_eq!(poll(), Poll::Ready(None));
}
