//! Proof of life of one stream: which ranges are proven, and which rows of the log say so.

use serde::{Deserialize, Serialize};

use crate::coverage::{CoverageRow, CoverageState, Stream};
use crate::time::Timestamp;

/// Tracks one stream's unbroken runs and writes the log.
///
/// `alive` rows are written only when the watermark reaches a new second, one for each run that
/// reaches past the row before, so that the log's end tells the watermark's second.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamCoverage {
    stream: Stream,
    /// Begin of the run that is still open.
    run: Option<Timestamp>,
    /// Runs that ended after the last second written.
    ended: Vec<(Timestamp, Timestamp)>,
    /// The last second the log speaks of.
    written: Option<Timestamp>,
    /// Since when a silent connection has left the stream unproven.
    silent_since: Option<Timestamp>,
}

impl StreamCoverage {
    /// A stream nothing is known of.
    pub fn new(stream: Stream) -> Self {
        Self { stream, run: None, ended: Vec::new(), written: None, silent_since: None }
    }

    /// Begin of the unbroken run, where one is open.
    pub fn run(&self) -> Option<Timestamp> {
        self.run
    }

    /// Since when the stream waits for proof that nothing was lost in a silence.
    pub fn silent_since(&self) -> Option<Timestamp> {
        self.silent_since
    }

    /// Opens a run where none is open.
    pub fn begin(&mut self, begin: Timestamp) {
        self.silent_since = None;
        self.run.get_or_insert(begin);
    }

    /// Ends the run at `end`, where its last proof lies.
    pub fn end(&mut self, end: Timestamp) {
        if let Some(begin) = self.run.take().filter(|begin| *begin < end) {
            self.ended.push((begin, end));
        }
    }

    /// Ends the run at the last message before a silence; a later proof may fill it.
    pub fn fall_silent(&mut self, last_message: Timestamp) {
        if self.run.is_some() {
            self.end(last_message);
            self.silent_since = Some(last_message);
        }
    }

    /// Takes `[begin, end)` out of everything still to be written; a run that touches it begins anew behind it.
    fn cut(&mut self, begin: Timestamp, end: Timestamp) {
        for (from, to) in std::mem::take(&mut self.ended) {
            let parts = [(from, to.min(begin)), (from.max(end), to)];
            self.ended.extend(parts.into_iter().filter(|(from, to)| from < to));
        }
        if self.run.is_some_and(|run| run < end) {
            self.end(begin);
            self.run = Some(end);
        }
    }

    /// Records a gap: `[begin, end)` is missing, and where a run is open it begins anew at `end`.
    pub fn gap(
        &mut self,
        begin: Timestamp,
        end: Timestamp,
        reason: String,
        stamp: Timestamp,
        log: &mut Vec<CoverageRow>,
    ) {
        self.cut(begin, end);
        self.log(begin, end, CoverageState::Gap, reason, stamp, log);
    }

    /// Records that what is missing in `[begin, end)` will never come.
    pub fn unfillable(
        &self,
        begin: Timestamp,
        end: Timestamp,
        reason: String,
        stamp: Timestamp,
        log: &mut Vec<CoverageRow>,
    ) {
        self.log(begin, end, CoverageState::Unfillable, reason, stamp, log);
    }

    /// Ends the run for good at `end`: what the log says beyond it is taken back.
    pub fn lose(
        &mut self,
        end: Timestamp,
        seen: Timestamp,
        reason: String,
        stamp: Timestamp,
        log: &mut Vec<CoverageRow>,
    ) {
        let silent = self.silent_since.take().is_some();
        if self.run.is_some() || silent {
            self.end(end);
            self.cut(end, Timestamp::LATEST);
            let until = self.written.map_or(seen, |written| written.max(seen));
            self.log(end, until, CoverageState::Gap, reason, stamp, log);
        }
    }

    /// Records that `[begin, end)` is complete after all.
    pub fn filled(
        &self,
        begin: Timestamp,
        end: Timestamp,
        reason: String,
        stamp: Timestamp,
        log: &mut Vec<CoverageRow>,
    ) {
        self.log(begin, end, CoverageState::Filled, reason, stamp, log);
    }

    /// Writes what is proven up to `second`, once.
    pub fn reach(&mut self, second: Timestamp, stamp: Timestamp, log: &mut Vec<CoverageRow>) {
        if self.written.is_some_and(|written| second <= written) {
            return;
        }
        let runs: Vec<_> = self.ended.iter().copied().chain(self.run.map(|begin| (begin, second))).collect();
        for (begin, end) in runs {
            self.log(begin, end.min(second), CoverageState::Alive, String::new(), stamp, log);
        }
        self.ended.retain(|(_, end)| *end > second);
        self.written = Some(second);
    }

    fn log(
        &self,
        begin: Timestamp,
        end: Timestamp,
        state: CoverageState,
        reason: String,
        stamp: Timestamp,
        log: &mut Vec<CoverageRow>,
    ) {
        if begin < end {
            log.push(CoverageRow { stream: self.stream, begin, end, state, reason, available_at: stamp });
        }
    }
}
