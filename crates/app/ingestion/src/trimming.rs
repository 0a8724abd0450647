//! How the journal is let go: a segment begins with the books, and those before it go once the store is where it began.

use std::sync::atomic::Ordering;

use onetape_domain::engine::depth::Depth;
use onetape_domain::engine::local_book::TimedDiff;
use onetape_domain::time::Timestamp;
use onetape_ports::{Journal, JournalError, JournalEventRef, JournalPart};

use crate::error::IngestError;
use crate::pipeline::{Inner, SharedSlot};
use crate::slot::{Sinks, Slot};

/// Levels of the diffs of one entry, unless a single diff has more: far below the longest entry of a journal.
const LEVELS_PER_ENTRY: usize = 65_536;

/// How far the letting go is.
#[derive(Debug, Default)]
pub(crate) enum Trimming {
    /// What the journal holds is still being taken up, or there is none: nothing may go.
    #[default]
    NotYet,
    /// Nothing is under way.
    Idle,
    /// A segment before which everything goes, once the store is where each instrument was at its beginning.
    Awaits { segment: u64, stamps: Vec<(SharedSlot, Timestamp)> },
}

impl Trimming {
    /// The segment before which everything may go now.
    fn is_over(&self) -> Option<u64> {
        let Self::Awaits { segment, stamps } = self else { return None };
        let is_written = |(slot, stamp): &(SharedSlot, Timestamp)| slot.lock().durable() >= Some(*stamp);
        stamps.iter().all(is_written).then_some(*segment)
    }
}

impl Inner {
    /// Bytes of the journal beyond which the feed is held back. Whatever is configured, there is room for the books at the
    /// beginning of a segment, as much again, and both once more while the segment before is still there.
    pub(crate) fn max_journal_bytes(&self) -> u64 {
        self.config.max_journal_bytes.max(4 * self.books_bytes.load(Ordering::Relaxed))
    }

    /// From here on the journal may be let go; what an earlier process left in it as soon as the store has it.
    pub(crate) fn allow_trimming(
        &self,
        journal: &dyn Journal,
        has_old_segments: bool,
    ) -> Result<(), JournalError> {
        let mut trimming = self.trimming.lock();
        *trimming = if has_old_segments { self.begin_segment(journal)? } else { Trimming::Idle };
        Ok(())
    }

    /// Lets go what the store has, piece by piece.
    pub(crate) fn trim_journal(&self) -> Result<(), IngestError> {
        let Some(journal) = &self.journal else { return Ok(()) };
        let mut trimming = self.trimming.lock();
        let over = trimming.is_over();
        let trimmed = match (over, &*trimming) {
            (Some(segment), _) => journal.trim(segment).map(|()| *trimming = Trimming::Idle),
            (None, Trimming::Idle) if journal.segment_bytes() >= self.due_segment_bytes() => {
                self.begin_segment(&**journal).map(|begun| *trimming = begun)
            }
            (None, _) => Ok(()),
        };
        drop(trimming);
        trimmed.map_err(|error| self.journal_failed(error))?;
        // Only then: whoever waits for room wakes the writer, which would come here again at once.
        if over.is_some() {
            self.progress.notify_waiters();
        }
        Ok(())
    }

    /// Length of a segment after which the next one is begun. Never before it is twice as long as the books at its
    /// beginning, which would be written without end.
    fn due_segment_bytes(&self) -> u64 {
        let wanted = self.config.journal_segment_bytes.min(self.config.max_journal_bytes / 2);
        wanted.max(2 * self.books_bytes.load(Ordering::Relaxed))
    }

    /// Begins a segment from which all instruments can go on. What an instrument appends before its book is in it is of no
    /// harm: the book takes its place.
    fn begin_segment(&self, journal: &dyn Journal) -> Result<Trimming, JournalError> {
        let segment = journal.rotate()?;
        let mut stamps = Vec::new();
        // Those that came to the journal before are all among them now.
        for slot in self.all_slots() {
            let stamp = slot.lock().begin_journal_here(journal)?;
            stamps.extend(stamp.map(|stamp| (slot, stamp)));
        }
        self.books_bytes.store(journal.segment_bytes(), Ordering::Relaxed);
        Ok(Trimming::Awaits { segment, stamps })
    }
}

impl Slot {
    /// Writes the book as it is into the journal, so that it can begin after this; returns the stamp up to which the store
    /// must be before what lies before may go.
    pub(crate) fn begin_journal_here(
        &mut self,
        journal: &dyn Journal,
    ) -> Result<Option<Timestamp>, JournalError> {
        let sinks = Sinks { cache: None, journal: Some(journal), shows_synced: true, now: 0 };
        match self.engine.depth() {
            Some(Depth::Live(book)) => self.journal(sinks, JournalEventRef::Book(&book))?,
            Some(Depth::Seeded(book)) => self.journal(sinks, JournalEventRef::Seeded(&book))?,
            Some(Depth::Waiting(diffs)) => {
                for (diffs, part) in entries(&diffs) {
                    self.journal(sinks, JournalEventRef::Waiting(diffs, part))?;
                }
            }
            None => {}
        }
        Ok(self.engine.issued())
    }
}

/// Diffs in pieces of bounded size.
fn entries(diffs: &[TimedDiff]) -> Vec<(&[TimedDiff], JournalPart)> {
    let count = |diffs: &[TimedDiff]| u32::try_from(diffs.len()).unwrap_or(u32::MAX);
    let (mut entries, mut begin, mut levels) = (Vec::new(), 0, 0);
    for (at, TimedDiff { diff, .. }) in diffs.iter().enumerate() {
        let of_diff = diff.bids.len() + diff.asks.len();
        if at > begin && levels + of_diff > LEVELS_PER_ENTRY {
            entries.push(begin..at);
            (begin, levels) = (at, 0);
        }
        levels += of_diff;
    }
    entries.push(begin..diffs.len());
    let part = |from: usize| JournalPart { from: count(&diffs[..from]), of: count(diffs) };
    entries.into_iter().map(|entry| (&diffs[entry.clone()], part(entry.start))).collect()
}

#[cfg(test)]
mod tests;
