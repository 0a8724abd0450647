//! The coverage log of one instrument, with what a frame needs of it found without reading it all.

use std::collections::BTreeMap;

use onetape_domain::coverage::{CoverageRow, CoverageState, Stream};
use onetape_domain::time::{TimeRange, Timestamp};
use onetape_ports::Selection;

use crate::series::{LAST, Row, Series, Snapshot};

/// An `alive` row of a run, in the order of the stamps.
#[derive(Debug, Clone, Copy)]
struct Proof {
    stamp: Timestamp,
    end: Timestamp,
    /// Greatest end up to this row.
    reached: Timestamp,
}

/// The log.
#[derive(Debug)]
pub(crate) struct CoverageLog {
    log: Series<CoverageRow>,
    /// The rows that are not `alive`.
    exceptions: Series<CoverageRow>,
    /// `alive` rows of each stream by the begin of their run.
    runs: [BTreeMap<Timestamp, Vec<Proof>>; 2],
    /// Where the greatest end of an `alive` row rose: stamp and end.
    marks: Vec<(Timestamp, Timestamp)>,
    /// The most a row's end lies past its stamp.
    reach: i64,
}

impl CoverageLog {
    /// An empty log with so many rows a chunk.
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            log: Series::new(capacity),
            exceptions: Series::new(capacity),
            runs: Default::default(),
            marks: Vec::new(),
            reach: i64::MIN,
        }
    }

    /// Adds a row; one that is there already stays.
    pub(crate) fn insert(&mut self, row: CoverageRow) {
        if !self.log.insert(row.clone()) {
            return;
        }
        self.reach = self.reach.max(row.end.since(row.available_at));
        if row.state == CoverageState::Alive {
            self.prove(row.stream, row.begin, row.available_at, row.end);
            self.mark(row.available_at, row.end);
        } else {
            self.exceptions.insert(row);
        }
    }

    fn prove(&mut self, stream: Stream, begin: Timestamp, stamp: Timestamp, end: Timestamp) {
        let run = self.runs[stream.index()].entry(begin).or_default();
        let at = run.partition_point(|proof| proof.stamp <= stamp);
        run.insert(at, Proof { stamp, end, reached: end });
        let mut reached = at.checked_sub(1).map_or(end, |before| run[before].reached);
        for proof in &mut run[at..] {
            reached = reached.max(proof.end);
            proof.reached = reached;
        }
    }

    fn mark(&mut self, stamp: Timestamp, end: Timestamp) {
        let at = self.marks.partition_point(|mark| mark.0 <= stamp);
        if at.checked_sub(1).is_none_or(|before| self.marks[before].1 < end) {
            let lower = self.marks[at..].partition_point(|mark| mark.1 <= end);
            self.marks.splice(at..at + lower, [(stamp, end)]);
        }
    }

    /// The watermark's second as the log told it at the instant.
    pub(crate) fn watermark_second(&self, as_of: Timestamp) -> Option<Timestamp> {
        self.last_mark(as_of).map(Timestamp::floor_second)
    }

    fn last_mark(&self, as_of: Timestamp) -> Option<Timestamp> {
        let at = self.marks.partition_point(|mark| mark.0 <= as_of);
        at.checked_sub(1).map(|before| self.marks[before].1)
    }

    /// Rows that overlap the range, known at the instant, as they are now.
    pub(crate) fn touching(
        &self,
        range: TimeRange,
        as_of: Timestamp,
    ) -> impl Iterator<Item = CoverageRow> + use<> {
        let rows = self.log.snapshot(self.since(range.start()), LAST, as_of).into_rows();
        rows.filter(move |row| row.begin < range.end() && range.start() < row.end)
    }

    /// The last `n` rows known at the instant.
    pub(crate) fn last(&self, n: usize, as_of: Timestamp) -> Snapshot<CoverageRow> {
        self.log.select(Selection::Last(n), as_of)
    }

    /// A part of the log that proves, from `from` on, what the whole proves at the instant.
    ///
    /// A row is left out where it ends by `from`, or where a later `alive` one of its run spans it.
    pub(crate) fn proof(&self, from: Timestamp, as_of: Timestamp) -> Vec<CoverageRow> {
        let mut rows: Vec<CoverageRow> = Vec::new();
        let watermark = self.last_mark(as_of);
        for stream in Stream::ALL {
            for (begin, run) in &self.runs[stream.index()] {
                let mut known = run.partition_point(|proof| proof.stamp <= as_of);
                let mut spanned = None;
                while let Some(proof) = known.checked_sub(1).map(|at| run[at]) {
                    let needed = proof.reached > from || Some(proof.reached) == watermark;
                    if !needed || spanned.is_some_and(|end| proof.reached <= end) {
                        break;
                    }
                    if spanned.is_none_or(|end| proof.end > end) {
                        rows.extend(self.alive_row(stream, *begin, proof));
                        spanned = Some(proof.end);
                    }
                    known -= 1;
                }
            }
        }
        let exceptions = self.exceptions.known(self.since(from), LAST, as_of);
        rows.extend(exceptions.filter(|row| from < row.end).cloned());
        rows.sort_by(Row::order);
        rows
    }

    /// No row that ends past `from` is stamped earlier.
    fn since(&self, from: Timestamp) -> Timestamp {
        if self.log.len() == 0 { from } else { from.plus(self.reach.saturating_neg()).min(from) }
    }

    fn alive_row(&self, stream: Stream, begin: Timestamp, proof: Proof) -> Option<CoverageRow> {
        let Proof { stamp, end, .. } = proof;
        let same = |row: &&CoverageRow| {
            (row.stream, row.state, row.begin, row.end) == (stream, CoverageState::Alive, begin, end)
        };
        self.log.known(stamp, stamp.plus(1), stamp).find(same).cloned()
    }
}
