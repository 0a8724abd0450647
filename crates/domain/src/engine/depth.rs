//! The book of an engine, as others ask for it.

use super::InstrumentEngine;
use super::local_book::LocalBook;
use crate::message::FullBook;

impl InstrumentEngine {
    /// The book while it is in synchrony, fresher than any sample and not replayable.
    pub fn live_book(&self) -> Option<&LocalBook> {
        self.book.live_book()
    }

    /// Whether a snapshot of the book is needed: its diffs come, and there is nothing to apply them to.
    pub fn wants_snapshot(&self) -> bool {
        self.book.wants_snapshot()
    }

    /// Whether a journal may begin here: the levels are at hand, or there is no book. Not while diffs wait for a snapshot,
    /// or a snapshot for its first diff.
    pub fn can_begin_here(&self) -> bool {
        self.book.can_begin_here()
    }

    /// Takes up the levels of an earlier moment after a restart without any: re-delivered diffs from there on bring
    /// them to the stored position. Levels that are at hand stay as they are.
    pub fn rebuild_book(&mut self, levels: &FullBook) {
        self.book.rebuild_from(levels);
    }
}
