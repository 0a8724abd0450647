//! One instrument in the pipeline: its engine, and the rows that wait for the store.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use onetape_domain::change::{Changes, TapeBatch};
use onetape_domain::coverage::LostRange;
use onetape_domain::engine::{InstrumentEngine, Outcome, Step};
use onetape_domain::imported::{Import, ImportId};
use onetape_domain::message::FeedMessage;
use onetape_domain::time::Timestamp;
use onetape_domain::venue::VenueRules;
use onetape_ports::{HotCache, Journal, JournalEntry, JournalError, JournalEventRef, JournalPosition};

use crate::status::Watermarks;

/// Rows after which a batch is closed and another begun: what waits behind an outage is written in pieces of this size.
/// A power of two, so that the vectors they grew in have little to spare.
pub(crate) const MAX_BATCH_ROWS: usize = 8_192;

/// A batch with the stamp it continues from.
pub(crate) type Batch = Arc<(TapeBatch, Option<Timestamp>)>;

/// State of one instrument, behind a lock that is never held across an await.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) engine: InstrumentEngine,
    pending: Changes,
    pending_bytes: usize,
    /// Batches that were closed because of their size, oldest first.
    closed: VecDeque<TapeBatch>,
    closed_rows: usize,
    closed_bytes: usize,
    /// Monotonic time at which the oldest pending change came.
    since: Option<i64>,
    /// `issued` of the clock in the store.
    durable: Option<Timestamp>,
    /// The batch on its way: kept until the store confirmed it, since a write may be cancelled.
    in_flight: Option<Batch>,
    in_flight_bytes: usize,
    /// Held while batches of the instrument are written: they build on one another.
    writing: Arc<tokio::sync::Mutex<()>>,
    /// Ranges noted as lost under stamps that the store does not have yet.
    lost: Vec<(Timestamp, LostRange)>,
    /// Whether the clock in the store has the full-depth book of this moment.
    book_stored: bool,
    /// Imports from before the tape, for the first batch to name.
    before: Vec<Import>,
    /// Imports taken in: until the batch is written, the store says that they wait.
    taken_in: BTreeSet<ImportId>,
    scratch: Changes,
    /// Rules of the feed that the instrument was loaded for.
    rules: VenueRules,
    /// Place of its last entry in the journal.
    journaled: Option<JournalPosition>,
    /// Up to where the journal has it on the disk, and the cache shows it.
    settled: Option<JournalPosition>,
    /// The stamp that the journal has on the disk.
    synced: Option<Timestamp>,
    /// Changes that the cache shows once the journal has them on the disk.
    unpublished: VecDeque<(JournalPosition, Timestamp, Changes)>,
}

/// Where a step goes at once, beside the rows that wait for the store.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sinks<'a> {
    pub(crate) cache: Option<&'a dyn HotCache>,
    pub(crate) journal: Option<&'a dyn Journal>,
    /// Whether the cache waits until the journal has it on the disk.
    pub(crate) shows_synced: bool,
    /// Monotonic time.
    pub(crate) now: i64,
}

impl Slot {
    /// `before` are the imports that stand before the tape of an instrument that begins.
    pub(crate) fn new(
        engine: InstrumentEngine,
        rules: VenueRules,
        durable: Option<Timestamp>,
        before: Vec<Import>,
    ) -> Self {
        Self {
            engine,
            rules,
            journaled: None,
            settled: None,
            synced: None,
            unpublished: VecDeque::new(),
            pending: Changes::default(),
            pending_bytes: 0,
            closed: VecDeque::new(),
            closed_rows: 0,
            closed_bytes: 0,
            since: None,
            durable,
            in_flight: None,
            in_flight_bytes: 0,
            writing: Arc::default(),
            lost: Vec::new(),
            book_stored: false,
            before,
            taken_in: BTreeSet::new(),
            scratch: Changes::default(),
        }
    }

    /// Processes one message: cache and journal at once, rows to the pending ones. Returns what became of it, and counts
    /// the rows made.
    pub(crate) fn process(
        &mut self,
        message: &FeedMessage,
        sinks: Sinks<'_>,
        count: impl FnOnce(&Changes),
    ) -> Result<Step, JournalError> {
        let step = self.engine.process(message, &mut self.scratch);
        if matches!(step.outcome, Outcome::Stamped(_) | Outcome::Redelivered) {
            self.journal(sinks, JournalEventRef::Message(message))?;
        }
        if let Outcome::Stamped(stamp) = step.outcome {
            self.publish(stamp, sinks, count);
        }
        Ok(step)
    }

    /// Ends the feed in order; see [`InstrumentEngine::end_of_feed`].
    pub(crate) fn end_of_feed(
        &mut self,
        sinks: Sinks<'_>,
        count: impl FnOnce(&Changes),
    ) -> Result<(), JournalError> {
        self.engine.end_of_feed(&mut self.scratch);
        if let Some(stamp) = self.engine.issued().filter(|_| !self.scratch.is_empty()) {
            self.journal(sinks, JournalEventRef::EndOfFeed)?;
            self.publish(stamp, sinks, count);
        }
        Ok(())
    }

    /// Takes finished imports in under one stamp; false where there is none that is new, and where the tape has not
    /// begun.
    pub(crate) fn take_in(
        &mut self,
        mut imports: Vec<Import>,
        sinks: Sinks<'_>,
        count: impl FnOnce(&Changes),
    ) -> Result<bool, JournalError> {
        imports.retain(|import| !self.taken_in.contains(&import.id));
        if imports.is_empty() || self.engine.issued().is_none() {
            return Ok(false);
        }
        self.taken_in.extend(imports.iter().map(|import| import.id.clone()));
        let Some(stamp) = self.engine.take_in(imports.clone(), &mut self.scratch) else { return Ok(false) };
        self.journal(sinks, JournalEventRef::TakenIn(&imports))?;
        self.publish(stamp, sinks, count);
        Ok(true)
    }

    /// Appends an event that the engine went through to the journal, where there is one.
    pub(crate) fn journal(
        &mut self,
        sinks: Sinks<'_>,
        event: JournalEventRef<'_>,
    ) -> Result<(), JournalError> {
        if let Some(journal) = sinks.journal {
            self.journaled = Some(journal.append(JournalEntry {
                instrument: self.engine.instrument(),
                rules: self.rules,
                issued: self.engine.issued(),
                event,
            })?);
        }
        Ok(())
    }

    fn publish(&mut self, stamp: Timestamp, sinks: Sinks<'_>, count: impl FnOnce(&Changes)) {
        self.scratch.imports.append(&mut self.before);
        match (sinks.cache, sinks.journal.and(self.journaled)) {
            (None, _) => {}
            (Some(_), Some(position)) if sinks.shows_synced => {
                self.unpublished.push_back((position, stamp, self.scratch.clone()));
            }
            (Some(cache), _) => {
                // What came while the disk was waited for is shown before what does not wait for it.
                self.show_all(Some(cache));
                cache.apply(self.engine.instrument(), &self.scratch, stamp);
            }
        }
        count(&self.scratch);
        self.pending_bytes += self.scratch.bytes();
        self.pending.append(&mut self.scratch);
        self.book_stored = false;
        self.since.get_or_insert(sinks.now);
        if self.pending.len() >= MAX_BATCH_ROWS
            && let Some(clock) = self.engine.clock(false)
        {
            let mut changes = std::mem::take(&mut self.pending);
            changes.shrink_to_fit();
            self.closed_rows += changes.len();
            self.closed_bytes += std::mem::take(&mut self.pending_bytes);
            let instrument = self.engine.instrument().clone();
            self.closed.push_back(TapeBatch { instrument, changes, clock });
        }
    }

    /// Place of the last entry in the journal, and the engine's clock after it; none once it is on the disk and shown.
    pub(crate) fn unsettled(&self) -> Option<(JournalPosition, Option<Timestamp>)> {
        let position = self.journaled.filter(|_| self.journaled > self.settled)?;
        Some((position, self.engine.issued()))
    }

    /// Whether the cache waits for the journal.
    pub(crate) fn has_unpublished(&self) -> bool {
        !self.unpublished.is_empty()
    }

    /// Notes that the journal has everything up to a place and its stamp on the disk, and shows it to the cache.
    pub(crate) fn settle(
        &mut self,
        (position, stamp): (JournalPosition, Option<Timestamp>),
        cache: Option<&dyn HotCache>,
    ) {
        self.settled = self.settled.max(Some(position));
        self.synced = self.synced.max(stamp);
        self.show_until(position, cache);
    }

    /// Shows the cache all it waits for.
    pub(crate) fn show_all(&mut self, cache: Option<&dyn HotCache>) {
        self.show_until(JournalPosition::MAX, cache);
    }

    /// Shows the cache everything up to a place in the journal.
    fn show_until(&mut self, position: JournalPosition, cache: Option<&dyn HotCache>) {
        while let Some((_, stamp, changes)) = self.unpublished.pop_front_if(|(place, ..)| *place <= position)
        {
            if let Some(cache) = cache {
                cache.apply(self.engine.instrument(), &changes, stamp);
            }
        }
    }

    /// `issued` of the clock in the store.
    pub(crate) fn durable(&self) -> Option<Timestamp> {
        self.durable
    }

    /// How far the instrument is.
    pub(crate) fn watermarks(&self) -> Watermarks {
        Watermarks {
            received: self.engine.issued(),
            journaled: self.synced,
            durable: self.durable,
            pending_rows: self.pending_rows(),
        }
    }

    /// Number of rows that wait, those on their way included.
    pub(crate) fn pending_rows(&self) -> usize {
        let in_flight = self.in_flight.as_ref().map_or(0, |batch| batch.0.changes.len());
        self.pending.len() + self.closed_rows + in_flight
    }

    /// Bytes of memory they take, roughly.
    pub(crate) fn pending_bytes(&self) -> usize {
        self.pending_bytes + self.closed_bytes + self.in_flight_bytes
    }

    /// Monotonic time of the oldest change that waits.
    pub(crate) fn since(&self) -> Option<i64> {
        self.since
    }

    /// The lock that is held while batches of the instrument are written.
    pub(crate) fn writing(&self) -> Arc<tokio::sync::Mutex<()>> {
        self.writing.clone()
    }

    /// The batch to write next: the one on its way if it was not confirmed, else the oldest that was closed, else everything
    /// pending, swapped out together with the clock behind it. With `with_book` the clock of the last one has the full-depth
    /// book.
    pub(crate) fn take(&mut self, with_book: bool) -> Option<Batch> {
        if self.in_flight.is_none() {
            let (batch, bytes) = self.next_batch(with_book)?;
            self.in_flight = Some(Arc::new((batch, self.durable)));
            self.in_flight_bytes = bytes;
        }
        self.in_flight.clone()
    }

    fn next_batch(&mut self, with_book: bool) -> Option<(TapeBatch, usize)> {
        if let Some(batch) = self.closed.pop_front() {
            let bytes = if self.closed.is_empty() { self.closed_bytes } else { batch.changes.bytes() };
            self.closed_rows -= batch.changes.len();
            self.closed_bytes -= bytes;
            return Some((batch, bytes));
        }
        let changed = self.since.take().is_some();
        let owes_book = with_book && !self.book_stored;
        if !changed && !owes_book {
            return None;
        }
        let clock = self.engine.clock(with_book)?;
        self.book_stored = with_book;
        let changes = std::mem::take(&mut self.pending);
        let batch = TapeBatch { instrument: self.engine.instrument().clone(), changes, clock };
        Some((batch, std::mem::take(&mut self.pending_bytes)))
    }

    /// Whether the store has everything up to the stamp, and the full-depth book if it shall.
    pub(crate) fn is_written(&self, issued: Option<Timestamp>, with_book: bool) -> bool {
        self.durable >= issued && self.in_flight.is_none() && (!with_book || self.book_stored)
    }

    /// Notes that the store holds everything up to the stamp.
    pub(crate) fn written(&mut self, issued: Timestamp) {
        self.durable = Some(issued);
        self.in_flight = None;
        self.in_flight_bytes = 0;
        self.lost.retain(|(stamp, _)| *stamp > issued);
    }

    /// Goes on without rows that the store refuses: notes what is lost under a stamp of its own, which goes into the same
    /// batch. What was noted before, by a process that did not come to write it, is not noted again.
    pub(crate) fn leave_out(
        &mut self,
        changes: Changes,
        mut lost: Vec<LostRange>,
        sinks: Sinks<'_>,
        count: impl FnOnce(&Changes),
    ) -> Result<(), JournalError> {
        lost.retain(|range| !self.lost.iter().any(|(_, known)| known == range));
        self.lose(&lost, sinks, count)?;
        let Some(in_flight) = self.in_flight.take() else { return Ok(()) };
        let mut batch = TapeBatch { changes, ..in_flight.0.clone() };
        // All that waits: the note is at its end.
        while let Some((mut next, _)) = self.next_batch(false) {
            batch.changes.append(&mut next.changes);
            batch.clock = next.clock;
        }
        self.in_flight_bytes = batch.changes.bytes();
        self.in_flight = Some(Arc::new((batch, self.durable)));
        Ok(())
    }

    /// Notes ranges as lost.
    pub(crate) fn lose(
        &mut self,
        lost: &[LostRange],
        sinks: Sinks<'_>,
        count: impl FnOnce(&Changes),
    ) -> Result<(), JournalError> {
        if lost.is_empty() {
            return Ok(());
        }
        let Some(stamp) = self.engine.lose(lost, &mut self.scratch) else { return Ok(()) };
        self.lost.extend(lost.iter().map(|range| (stamp, range.clone())));
        self.journal(sinks, JournalEventRef::Lost(lost))?;
        self.publish(stamp, sinks, count);
        Ok(())
    }
}
