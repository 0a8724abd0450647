//! The hot cache: the live tail of each instrument, published so that readers never block a writer.
//!
//! A writer changes its own state under a lock no reader takes, and publishes it as one immutable
//! [`State`] behind an atomic pointer. States share everything that did not change: a trade costs a few
//! pointers, a closed candle the chunk it lies in. Rows go when the store confirms them, never before. Whoever watches
//! an instrument is told once the state is published; where nobody does, that costs a look at an empty list.

mod proof;
mod read;
mod state;
mod trades;
mod trim;
mod watch;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use onetape_domain::candle::Candle;
use onetape_domain::change::Changes;
use onetape_domain::clock::InstrumentClock;
use onetape_domain::frame::FrameParts;
use onetape_domain::instrument::Instrument;
use onetape_domain::time::{SECOND, Timestamp};
use onetape_ports::{CacheStatistics, CandleQuery, FrameQuery, HotCache, TickStream, WatchQuery};
use parking_lot::Mutex;

use state::State;
use watch::{Watcher, Watchers};

/// How much of each instrument the cache keeps of what is durable. What is not durable is always kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheConfig {
    /// Closed 1 s candles. Below [`MAX_WINDOW`](onetape_domain::indicator::MAX_WINDOW) plus the candles
    /// of `as_of_window`, instants at the far end of that window are left to the store.
    pub second_candles: usize,
    /// Closed candles of each coarser timeframe.
    pub candles: usize,
    /// Microseconds back from the clock within which every version, trade and book is kept.
    pub as_of_window: i64,
    /// Trades; beyond it the window shrinks, down to the trades of unfinished candles.
    pub trades: usize,
    /// Trades of unfinished candles; beyond it the frames of the instrument are left to the store.
    pub open_trades: usize,
    /// Imbalance rows.
    pub imbalances: usize,
    /// Separate covered ranges of each stream; beyond it, frames that reach back further are left to
    /// the store.
    pub coverage_ranges: usize,
}

impl CacheConfig {
    /// 900 candles of 1 s and 640 of each coarser timeframe, five minutes of everything else.
    pub const DEFAULT: Self = Self {
        second_candles: 900,
        candles: 640,
        as_of_window: 300 * SECOND,
        trades: 8_192,
        open_trades: 65_536,
        imbalances: 360,
        coverage_ranges: 4_096,
    };
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The live tail of every instrument in memory.
pub struct MemoryCache {
    config: CacheConfig,
    entries: ArcSwap<HashMap<Instrument, Arc<Entry>>>,
    /// Held while an instrument or a watcher is added.
    adding: Mutex<Adding>,
    hits: AtomicU64,
    misses: AtomicU64,
    evictions: AtomicU64,
}

/// What is not an instrument's yet.
#[derive(Default)]
struct Adding {
    /// Watchers of instruments that nothing is known of.
    expecting: HashMap<Instrument, Watchers>,
    /// Whether nobody is told of anything any more.
    ended: bool,
}

/// One instrument: the writer's side, and the state readers see.
struct Entry {
    writer: Mutex<Writer>,
    published: ArcSwap<State>,
}

/// What only the writer touches, and for a moment whoever begins to watch.
struct Writer {
    state: State,
    watchers: Watchers,
}

impl Entry {
    fn new(state: State, watchers: Watchers) -> Self {
        Self {
            published: ArcSwap::from_pointee(state.clone()),
            writer: Mutex::new(Writer { state, watchers }),
        }
    }

    /// Changes the state; readers see all of the change or none.
    fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let mut writer = self.writer.lock();
        let result = change(&mut writer.state);
        self.published.store(Arc::new(writer.state.clone()));
        result
    }

    /// Takes changes in and tells of them.
    fn apply(&self, changes: &Changes, issued: Timestamp) {
        let mut writer = self.writer.lock();
        let seen = writer.state.issued;
        writer.state.apply(changes, issued);
        self.published.store(Arc::new(writer.state.clone()));
        if seen < issued {
            writer.tell();
        }
    }
}

impl Writer {
    /// Tells of the clock's stamp.
    fn tell(&mut self) {
        if !self.watchers.is_empty() {
            self.watchers.tell(&self.state);
        }
    }
}

impl MemoryCache {
    /// An empty cache.
    pub fn new(config: CacheConfig) -> Self {
        Self {
            config,
            entries: ArcSwap::default(),
            adding: Mutex::default(),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            evictions: AtomicU64::new(0),
        }
    }

    /// How much is kept.
    pub fn config(&self) -> CacheConfig {
        self.config
    }

    /// Rows of an instrument the store has not confirmed yet, which therefore stay.
    pub fn undurable_rows(&self, instrument: &Instrument) -> usize {
        self.entries.load().get(instrument).map_or(0, |entry| entry.published.load().undurable_rows())
    }

    fn count<R>(&self, answer: Option<R>) -> Option<R> {
        let counter = if answer.is_some() { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
        answer
    }

    /// The instrument's entry, made of the state where there was none; then true.
    fn add(&self, instrument: &Instrument, state: State) -> (Arc<Entry>, bool) {
        let mut adding = self.adding.lock();
        let entries = self.entries.load();
        if let Some(entry) = entries.get(instrument) {
            return (entry.clone(), false);
        }
        let watchers = adding.expecting.remove(instrument).unwrap_or_default();
        let entry = Arc::new(Entry::new(state, watchers));
        let mut grown = HashMap::clone(&entries);
        grown.insert(instrument.clone(), entry.clone());
        self.entries.store(Arc::new(grown));
        (entry, true)
    }
}

impl Default for MemoryCache {
    fn default() -> Self {
        Self::new(CacheConfig::DEFAULT)
    }
}

impl fmt::Display for MemoryCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("memory cache")
    }
}

impl fmt::Debug for MemoryCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = self.entries.load();
        let instruments: Vec<_> = entries.keys().collect();
        f.debug_struct("MemoryCache")
            .field("config", &self.config)
            .field("instruments", &instruments)
            .finish_non_exhaustive()
    }
}

impl HotCache for MemoryCache {
    fn start(&self, clock: &InstrumentClock, parts: FrameParts, limit: usize) {
        let state = State::started(clock.issued, parts, limit);
        let (entry, _) = self.add(&clock.instrument, state.clone());
        entry.change(|before| *before = state);
    }

    fn apply(&self, instrument: &Instrument, changes: &Changes, issued: Timestamp) {
        let entries = self.entries.load();
        if let Some(entry) = entries.get(instrument) {
            return entry.apply(changes, issued);
        }
        // The clock comes with the first rows, so nobody sees the instrument without them.
        let mut state = State::empty();
        state.apply(changes, issued);
        match self.add(instrument, state) {
            (entry, true) => entry.writer.lock().tell(),
            (entry, false) => entry.apply(changes, issued),
        }
    }

    fn durable(&self, instrument: &Instrument, stamp: Timestamp) {
        if let Some(entry) = self.entries.load().get(instrument) {
            let evicted = entry.change(|state| state.durable(stamp, &self.config));
            self.evictions.fetch_add(evicted, Ordering::Relaxed);
        }
    }

    fn issued(&self, instrument: &Instrument) -> Option<Timestamp> {
        self.entries.load().get(instrument).map(|entry| entry.published.load().issued)
    }

    fn frame_parts(&self, query: &FrameQuery) -> Option<(Timestamp, FrameParts)> {
        let entries = self.entries.load();
        let state = entries.get(&query.instrument).map(|entry| entry.published.load());
        self.count(state.and_then(|state| state.frame_parts(query)))
    }

    fn candles(&self, query: &CandleQuery) -> Option<(Timestamp, Vec<Candle>)> {
        let entries = self.entries.load();
        let state = entries.get(&query.instrument).map(|entry| entry.published.load());
        self.count(state.and_then(|state| state.candles(query)))
    }

    fn watch(&self, query: &WatchQuery) -> TickStream {
        let watcher = Arc::new(Watcher::new(query));
        let mut adding = self.adding.lock();
        if adding.ended {
            watcher.end();
        } else if let Some(entry) = self.entries.load().get(&query.instrument) {
            entry.writer.lock().watchers.add(watcher.clone());
        } else {
            adding.expecting.retain(|_, watchers| watchers.any());
            adding.expecting.entry(query.instrument.clone()).or_default().add(watcher.clone());
        }
        watcher.stream()
    }

    fn end(&self) {
        let mut adding = self.adding.lock();
        adding.ended = true;
        adding.expecting.drain().for_each(|(_, watchers)| watchers.end());
        for entry in self.entries.load().values() {
            std::mem::take(&mut entry.writer.lock().watchers).end();
        }
    }

    fn statistics(&self) -> CacheStatistics {
        let entries = self.entries.load();
        let states = entries.values().map(|entry| entry.published.load());
        let (rows, bytes) = states.map(|state| state.size()).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
        CacheStatistics {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            evictions: self.evictions.load(Ordering::Relaxed),
            rows,
            bytes,
        }
    }
}
