//! One instrument live: an engine in front of a cache, a store behind it, and the naive model of both.

use futures::FutureExt;
use onetape_domain::candle::{Ohlcv, merge_into};
use onetape_domain::change::{Changes, TapeBatch};
use onetape_domain::engine::{InstrumentEngine, Outcome};
use onetape_domain::frame::{FrameParts, FrameShape, InferenceDataFrame, assemble};
use onetape_domain::instrument::Instrument;
use onetape_domain::message::FeedMessage;
use onetape_domain::time::{SECOND, Timestamp};
use onetape_domain::venue::VenueRules;
use onetape_memory::{CacheConfig, MemoryCache, MemoryStore};
use onetape_ports::{FrameQuery, FrameStore, HotCache, Knowledge, TapeStore};
use onetape_testkit::Reference;

/// Small enough that everything that can be evicted is, within a minute.
pub(crate) const TINY: CacheConfig = CacheConfig {
    second_candles: 0,
    candles: 0,
    as_of_window: 5 * SECOND,
    trades: 150,
    open_trades: 10_000,
    imbalances: 0,
    coverage_ranges: 4_096,
};

pub(crate) struct Live {
    pub(crate) engine: InstrumentEngine,
    pub(crate) cache: MemoryCache,
    pub(crate) store: MemoryStore,
    pub(crate) reference: Reference,
    pub(crate) stamps: Vec<Timestamp>,
    rules: VenueRules,
    pending: Changes,
    pub(crate) flushed: Option<Timestamp>,
}

pub(crate) fn instrument() -> Instrument {
    "binance:ETH/USDT".parse().expect("a valid instrument")
}

/// The result of a call of the memory store, which never waits.
pub(crate) fn now<T>(call: impl Future<Output = T>) -> T {
    call.now_or_never().expect("the memory store never waits")
}

pub(crate) fn query(as_of: Timestamp, shape: FrameShape) -> FrameQuery {
    FrameQuery { instrument: instrument(), as_of, shape, knowledge: Knowledge::AsRecorded }
}

fn frame(as_of: Timestamp, shape: FrameShape, parts: &FrameParts) -> InferenceDataFrame {
    assemble(instrument(), as_of, shape, parts.clone()).expect("the parts make a frame")
}

/// The same parts with all open trades summed up by second, as the cache may bring them.
pub(crate) fn summed(mut parts: FrameParts) -> FrameParts {
    for trade in std::mem::take(&mut parts.open_trades) {
        let second = trade.key.event_time.floor_second();
        merge_into(&mut parts.open_seconds, second, &Ohlcv::of_trade(&trade)).expect("few digits");
    }
    parts
}

impl Live {
    pub(crate) fn new(rules: VenueRules, config: CacheConfig) -> Self {
        Self {
            engine: InstrumentEngine::new(instrument(), rules),
            cache: MemoryCache::new(config),
            store: MemoryStore::new(),
            reference: Reference::new(instrument()),
            stamps: Vec::new(),
            rules,
            pending: Changes::default(),
            flushed: None,
        }
    }

    pub(crate) fn process(&mut self, message: &FeedMessage) {
        let mut changes = Changes::default();
        let mut step = self.engine.process(message, &mut changes);
        if let Outcome::NeedsCandles(keys) = &step.outcome {
            for key in keys {
                self.engine.load_candle(*key, self.reference.candle(*key));
            }
            step = self.engine.process(message, &mut changes);
        }
        if let Outcome::Stamped(stamp) = step.outcome {
            self.publish(changes, stamp);
        }
    }

    pub(crate) fn end_of_feed(&mut self) {
        let mut changes = Changes::default();
        self.engine.end_of_feed(&mut changes);
        if !changes.is_empty() {
            self.publish(changes, self.engine.issued().expect("a stamp"));
        }
    }

    fn publish(&mut self, mut changes: Changes, stamp: Timestamp) {
        self.cache.apply(&instrument(), &changes, stamp);
        self.reference.take(&changes);
        self.pending.append(&mut changes);
        self.stamps.push(stamp);
    }

    /// Writes what is pending and tells the cache.
    pub(crate) fn flush(&mut self) {
        let Some(clock) = self.engine.clock(false) else {
            return;
        };
        let batch = TapeBatch { instrument: instrument(), changes: std::mem::take(&mut self.pending), clock };
        now(self.store.append(&batch, self.flushed)).expect("the store takes the batch");
        self.flushed = Some(batch.clock.issued);
        self.cache.durable(&instrument(), batch.clock.issued);
    }

    /// Starts another cache and another engine from the store, as after a restart.
    pub(crate) fn restart(&mut self, config: CacheConfig, limit: usize, context_window: i64) {
        self.flush();
        let Some(clock) = self.engine.clock(true) else {
            return;
        };
        let shape = FrameShape { candles: limit, context_window, imbalances: 60 };
        let parts = self.stored(&query(clock.issued, shape));
        let since = clock.issued.plus(-600 * SECOND);
        let mut recent = self.reference.trades(clock.issued);
        recent.retain(|trade| trade.key.event_time >= since);
        self.engine = InstrumentEngine::restore(self.rules, clock.clone(), &parts, limit, &recent)
            .expect("what the store holds restores an engine");
        self.cache = MemoryCache::new(config);
        self.cache.start(&clock, parts, limit);
    }

    pub(crate) fn stored(&self, query: &FrameQuery) -> FrameParts {
        now(self.store.frame_parts(query)).expect("the store answers")
    }

    /// Asks the cache, and holds its answer against the model's and, once that can prove it, the store's.
    /// Returns whether there was one.
    pub(crate) fn check(&self, query: &FrameQuery) -> bool {
        let Some((as_of, parts)) = self.cache.frame_parts(query) else {
            return false;
        };
        assert_eq!(Some(as_of), self.cache.issued(&instrument()).map(|issued| issued.min(query.as_of)));
        let query = FrameQuery { as_of, ..query.clone() };
        self.same("cache", &query, &parts, &self.reference.frame_parts(&query));
        let stored = match query.knowledge {
            Knowledge::AsRecorded => self.flushed.is_some_and(|flushed| as_of <= flushed),
            // Final values are those of the whole tape.
            Knowledge::AsCorrected => self.flushed == self.cache.issued(&instrument()),
        };
        if stored {
            self.same("store", &query, &self.stored(&query), &parts);
        }
        true
    }

    /// Fails unless both make the same frame of the same rows.
    pub(crate) fn same(&self, who: &str, query: &FrameQuery, got: &FrameParts, expected: &FrameParts) {
        let FrameQuery { as_of, shape, .. } = *query;
        let rows = |parts: &FrameParts| FrameParts { coverage: Vec::new(), ..summed(parts.clone()) };
        assert_eq!(rows(got), rows(expected), "rows of the {who} at {as_of} ({query:?})");
        let [got_frame, frame] = [got, expected].map(|parts| frame(as_of, shape, parts));
        let logs = || format!("from\n{:#?}\nand\n{:#?}", got.coverage, expected.coverage);
        assert_eq!(got_frame, frame, "the frame of the {who} at {as_of} ({query:?}) {}", logs());
        // Equal values have equal texts; some are written out.
        if as_of.micros() % 8 == 0 {
            assert_eq!(got_frame.to_canonical_json(), frame.to_canonical_json(), "its text");
        }
    }
}
