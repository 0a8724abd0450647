//! Steps of the engine that no message brings.

use super::InstrumentEngine;
use crate::change::Changes;
use crate::coverage::LostRange;
use crate::imported::{Import, Place};
use crate::time::Timestamp;

impl InstrumentEngine {
    /// Takes finished imports in, all under the next stamp, which is returned; none before the first message, when
    /// imports stand before the tape.
    pub fn take_in(&mut self, imports: Vec<Import>, changes: &mut Changes) -> Option<Timestamp> {
        let stamp = self.sequencer.issue_next()?;
        let place = Place::At(stamp);
        changes.imports.extend(imports.into_iter().map(|import| Import { place, ..import }));
        Some(stamp)
    }

    /// Records under the next stamp, which is returned, that ranges of streams are not whole: something of them was taken in
    /// and cannot be kept. None before the first message.
    pub fn lose(&mut self, lost: &[LostRange], changes: &mut Changes) -> Option<Timestamp> {
        let stamp = self.sequencer.issue_next()?;
        for LostRange { stream, begin, end, reason } in lost {
            let coverage = &mut self.coverage[stream.index()];
            coverage.gap(*begin, *end, reason.clone(), stamp, &mut changes.coverage);
        }
        Some(stamp)
    }

    /// An orderly end of feed: one partial sample if a diff came since the last one. Closes nothing.
    pub fn end_of_feed(&mut self, changes: &mut Changes) {
        if self.book.owes_partial()
            && let Some(stamp) = self.sequencer.issue_next()
        {
            self.book.sample_partial(stamp, changes);
        }
    }
}
