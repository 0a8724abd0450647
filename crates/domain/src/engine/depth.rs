//! The book of an engine, as others ask for it and give it back.

use super::InstrumentEngine;
use super::local_book::{LocalBook, TimedDiff};
use crate::message::FullBook;

/// What a book is beside the state that is stored with every batch: where the messages that led there are gone, it goes on
/// from this alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Depth {
    /// Its levels; the next diff connects to them.
    Live(FullBook),
    /// A snapshot that no diff has connected to yet.
    Seeded(FullBook),
    /// Diffs that wait for a snapshot, in the order in which they came; at least one.
    Waiting(Vec<TimedDiff>),
}

impl InstrumentEngine {
    /// The book while it is in synchrony, fresher than any sample and not replayable.
    pub fn live_book(&self) -> Option<&LocalBook> {
        self.book.live_book()
    }

    /// Whether a snapshot of the book is needed: its diffs come, and there is nothing to apply them to.
    pub fn wants_snapshot(&self) -> bool {
        self.book.wants_snapshot()
    }

    /// What the book is now; none where it has neither levels nor diffs.
    pub fn depth(&self) -> Option<Depth> {
        self.book.depth()
    }

    /// Takes up what the book was at an earlier moment, after a restart: messages from there on, delivered again, bring it to
    /// where it is stored. Levels that are at hand stay as they are.
    pub fn rebuild_book(&mut self, depth: Depth) {
        self.book.rebuild_from(depth);
    }
}
