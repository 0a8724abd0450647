//! One instrument in the pipeline: its engine, and the rows that wait for the store.

use std::collections::BTreeSet;
use std::sync::Arc;

use onetape_domain::change::{Changes, TapeBatch};
use onetape_domain::engine::{InstrumentEngine, Outcome, Step};
use onetape_domain::imported::{Import, ImportId};
use onetape_domain::message::FeedMessage;
use onetape_domain::time::Timestamp;
use onetape_ports::HotCache;

/// State of one instrument, behind a lock that is never held across an await.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) engine: InstrumentEngine,
    pending: Changes,
    /// Monotonic time at which the oldest pending change came.
    since: Option<i64>,
    /// `issued` of the clock in the store.
    durable: Option<Timestamp>,
    /// The batch on its way: kept until the store confirmed it, since a write may be cancelled.
    in_flight: Option<Arc<(TapeBatch, Option<Timestamp>)>>,
    /// Whether the clock in the store has the full-depth book of this moment.
    book_stored: bool,
    /// Imports from before the tape, for the first batch to name.
    before: Vec<Import>,
    /// Imports taken in: until the batch is written, the store says that they wait.
    taken_in: BTreeSet<ImportId>,
    scratch: Changes,
}

impl Slot {
    /// `before` are the imports that stand before the tape of an instrument that begins.
    pub(crate) fn new(engine: InstrumentEngine, durable: Option<Timestamp>, before: Vec<Import>) -> Self {
        Self {
            engine,
            pending: Changes::default(),
            since: None,
            durable,
            in_flight: None,
            book_stored: false,
            before,
            taken_in: BTreeSet::new(),
            scratch: Changes::default(),
        }
    }

    /// Processes one message: cache at once, rows to the pending ones. Returns the rows made.
    pub(crate) fn process(
        &mut self,
        message: &FeedMessage,
        cache: Option<&dyn HotCache>,
        now: i64,
        count: impl FnOnce(&Changes),
    ) -> Step {
        let step = self.engine.process(message, &mut self.scratch);
        if let Outcome::Stamped(stamp) = step.outcome {
            self.publish(stamp, cache, now, count);
        }
        step
    }

    /// Ends the feed in order; see [`InstrumentEngine::end_of_feed`].
    pub(crate) fn end_of_feed(
        &mut self,
        cache: Option<&dyn HotCache>,
        now: i64,
        count: impl FnOnce(&Changes),
    ) {
        self.engine.end_of_feed(&mut self.scratch);
        if let Some(stamp) = self.engine.issued().filter(|_| !self.scratch.is_empty()) {
            self.publish(stamp, cache, now, count);
        }
    }

    /// Takes finished imports in under one stamp; false where there is none that is new, and where the tape has not
    /// begun.
    pub(crate) fn take_in(
        &mut self,
        mut imports: Vec<Import>,
        cache: Option<&dyn HotCache>,
        now: i64,
        count: impl FnOnce(&Changes),
    ) -> bool {
        imports.retain(|import| !self.taken_in.contains(&import.id));
        if imports.is_empty() || self.engine.issued().is_none() {
            return false;
        }
        self.taken_in.extend(imports.iter().map(|import| import.id.clone()));
        let stamp = self.engine.take_in(imports, &mut self.scratch);
        stamp.map(|stamp| self.publish(stamp, cache, now, count)).is_some()
    }

    fn publish(
        &mut self,
        stamp: Timestamp,
        cache: Option<&dyn HotCache>,
        now: i64,
        count: impl FnOnce(&Changes),
    ) {
        self.scratch.imports.append(&mut self.before);
        if let Some(cache) = cache {
            cache.apply(self.engine.instrument(), &self.scratch, stamp);
        }
        count(&self.scratch);
        self.pending.append(&mut self.scratch);
        self.book_stored = false;
        self.since.get_or_insert(now);
    }

    /// Number of rows that wait, those on their way included.
    pub(crate) fn pending_rows(&self) -> usize {
        self.pending.len() + self.in_flight.as_ref().map_or(0, |batch| batch.0.changes.len())
    }

    /// Monotonic time of the oldest change that waits.
    pub(crate) fn since(&self) -> Option<i64> {
        self.since
    }

    /// The batch to write next, with the stamp it continues from: the one on its way if it was not
    /// confirmed, else everything pending, swapped out together with the clock behind it.
    pub(crate) fn take(&mut self, with_book: bool) -> Option<Arc<(TapeBatch, Option<Timestamp>)>> {
        if self.in_flight.is_none() {
            let changed = self.since.take().is_some();
            let owes_book = with_book && !self.book_stored;
            if !changed && !owes_book {
                return None;
            }
            let clock = self.engine.clock(with_book)?;
            self.book_stored = with_book;
            let changes = std::mem::take(&mut self.pending);
            let batch = TapeBatch { instrument: self.engine.instrument().clone(), changes, clock };
            self.in_flight = Some(Arc::new((batch, self.durable)));
        }
        self.in_flight.clone()
    }

    /// Notes that the store holds everything up to the stamp.
    pub(crate) fn written(&mut self, issued: Timestamp) {
        self.durable = Some(issued);
        self.in_flight = None;
    }
}
