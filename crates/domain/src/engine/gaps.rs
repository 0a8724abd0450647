//! Holes in the ids of trades: opened by an id too far ahead, filled by those that come, or given up.

use serde::{Deserialize, Serialize};

use super::coverage::StreamCoverage;
use super::trades::TradeStream;
use super::{EngineState, InstrumentEngine};
use crate::coverage::{CoverageRow, Intervals};
use crate::time::Timestamp;
use crate::trade::TradeKind;

/// Most gaps kept open at once; the oldest is declared unfillable beyond.
pub const MAX_OPEN_GAPS: usize = 10_000;

/// Most ranges that a gap remembers of neighbours that were given up; beyond it they count as one.
const MAX_NEIGHBOURS: usize = 16;

/// A hole in the ids, with the range of time it leaves unproven.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Gap {
    first_id: i64,
    last_id: i64,
    missing: u64,
    begin: Timestamp,
    end: Timestamp,
    /// Ranges within that belong to gaps that were given up: they stay unproven when this one is filled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    given_up: Vec<(Timestamp, Timestamp)>,
}

/// A hole in the ids of an instrument's trades that is still open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OpenGap {
    /// First id after the last trade before it.
    pub first_id: i64,
    /// Last id before the first trade after it.
    pub last_id: i64,
    /// The ids that are still missing: first and last of each run, ascending.
    pub missing: Vec<(i64, i64)>,
    /// Time of the trade before it.
    pub begin: Timestamp,
    /// The first instant after the trade that follows it.
    pub end: Timestamp,
}

impl OpenGap {
    /// How many ids are missing.
    pub fn missing_ids(&self) -> u64 {
        self.missing.iter().map(|(first, last)| last.abs_diff(*first) + 1).sum()
    }
}

/// Why a gap is one, as its row in the log says it.
pub fn missing_ids_reason(first_id: i64, last_id: i64) -> String {
    format!("missing trade ids {first_id}..={last_id}")
}

/// The ids that a row of the log says are missing; none where it says something else.
pub fn missing_ids_of(reason: &str) -> Option<(i64, i64)> {
    let (first, last) = reason.strip_prefix("missing trade ids ")?.split_once("..=")?;
    Some((first.parse().ok()?, last.parse().ok()?))
}

/// Why a gap is none any more, as its row in the log says it.
pub fn arrived_ids_reason(first_id: i64, last_id: i64) -> String {
    format!("trade ids {first_id}..={last_id} arrived")
}

/// The ids that a row of the log says have arrived; none where it says something else.
pub fn arrived_ids_of(reason: &str) -> Option<(i64, i64)> {
    let (first, last) = reason.strip_prefix("trade ids ")?.strip_suffix(" arrived")?.split_once("..=")?;
    Some((first.parse().ok()?, last.parse().ok()?))
}

/// The ids from the first to the last that are in none of these runs, as runs. Runs are first and last ids; those given must
/// ascend.
pub fn missing_runs(
    (first, last): (i64, i64),
    known: impl IntoIterator<Item = (i64, i64)>,
) -> Vec<(i64, i64)> {
    let mut missing = Vec::new();
    let mut next = first;
    for (start, end) in known {
        if next < start {
            missing.push((next, start - 1));
        }
        // Nothing comes after the highest id there is.
        let Some(after) = end.checked_add(1) else { return missing };
        next = next.max(after);
    }
    if next <= last {
        missing.push((next, last));
    }
    missing
}

impl InstrumentEngine {
    /// The holes in the ids of its trades, lowest ids first.
    pub fn open_gaps(&self) -> Vec<OpenGap> {
        self.trades.open_gaps()
    }

    /// The hole that begins with this id, while it is open.
    pub fn open_gap(&self, first_id: i64) -> Option<OpenGap> {
        self.trades.gaps.get(&first_id).map(|gap| self.trades.shown(gap))
    }

    /// Number of trade ids that are missing now.
    pub fn missing_ids(&self) -> u64 {
        self.trades.missing()
    }

    /// Number of holes in the ids of its trades, and the time they leave unproven in microseconds.
    pub fn gap_extent(&self) -> (usize, i64) {
        let mut open = Intervals::default();
        self.trades.gaps.values().for_each(|gap| open.add(gap.begin, gap.end));
        (self.trades.gaps.len(), open.ranges().iter().map(|(begin, end)| end.since(*begin)).sum())
    }

    /// Which kind of trades its stream is of, once there was one.
    pub fn trade_kind(&self) -> Option<TradeKind> {
        self.trades.kind()
    }
}

impl EngineState {
    /// Which kind of trades the stream is of, once there was one.
    pub fn trade_kind(&self) -> Option<TradeKind> {
        self.trades.kind()
    }

    /// The holes in the ids of the trades, lowest ids first.
    pub fn open_gaps(&self) -> Vec<OpenGap> {
        self.trades.open_gaps()
    }
}

impl TradeStream {
    /// Number of ids currently missing.
    pub fn missing(&self) -> u64 {
        self.gaps.values().map(|gap| gap.missing).sum()
    }

    fn kind(&self) -> Option<TradeKind> {
        self.aggregated.map(|aggregated| if aggregated { TradeKind::Aggregate } else { TradeKind::Single })
    }

    fn open_gaps(&self) -> Vec<OpenGap> {
        self.gaps.values().map(|gap| self.shown(gap)).collect()
    }

    fn shown(&self, gap: &Gap) -> OpenGap {
        OpenGap {
            first_id: gap.first_id,
            last_id: gap.last_id,
            missing: self.missing_in(gap.first_id, gap.last_id),
            begin: gap.begin,
            end: gap.end,
        }
    }

    /// Ids of `first..=last` that were not seen, as runs.
    fn missing_in(&self, first: i64, last: i64) -> Vec<(i64, i64)> {
        let before = self.seen.range(..first).next_back();
        let inside = self.seen.range(first..).take_while(|(start, _)| **start <= last);
        missing_runs((first, last), before.into_iter().chain(inside).map(|(start, end)| (*start, *end)))
    }

    #[expect(clippy::too_many_arguments, reason = "a gap is its ids, its times and where it is written")]
    pub(super) fn open_gap(
        &mut self,
        first_id: i64,
        last_id: i64,
        begin: Timestamp,
        end: Timestamp,
        stamp: Timestamp,
        coverage: &mut StreamCoverage,
        log: &mut Vec<CoverageRow>,
    ) {
        coverage.gap(begin, end, missing_ids_reason(first_id, last_id), stamp, log);
        if self.gaps.len() == MAX_OPEN_GAPS
            && let Some((_, oldest)) = self.gaps.pop_first()
        {
            let reason = format!("more than {MAX_OPEN_GAPS} gaps are open");
            self.declare_unfillable(&oldest, reason, stamp, coverage, log);
        }
        let missing = last_id.abs_diff(first_id) + 1;
        let given_up = self.given_up.into_iter().filter(|lost| begin < lost.1 && lost.0 < end).collect();
        self.gaps.insert(first_id, Gap { first_id, last_id, missing, begin, end, given_up });
    }

    pub(super) fn fill(
        &mut self,
        id: i64,
        coverage: &StreamCoverage,
        stamp: Timestamp,
        log: &mut Vec<CoverageRow>,
    ) {
        let Some((first_id, gap)) = self.gaps.range_mut(..=id).next_back() else {
            return;
        };
        if id > gap.last_id {
            return;
        }
        gap.missing -= 1;
        if gap.missing == 0 {
            let reason = arrived_ids_reason(gap.first_id, gap.last_id);
            let mut filled = Intervals::default();
            filled.add(gap.begin, gap.end);
            gap.given_up.iter().for_each(|(begin, end)| filled.remove(*begin, *end));
            let first_id = *first_id;
            self.gaps.remove(&first_id);
            // Gaps meet at the trade between them, or share one instant: what is still open stays so.
            self.gaps.values().for_each(|open| filled.remove(open.begin, open.end));
            for (begin, end) in filled.ranges() {
                coverage.filled(*begin, *end, reason.clone(), stamp, log);
            }
        }
    }

    /// Whether a gap is open that any of these ids is in.
    pub(super) fn misses_any(&self, ids: (i64, i64)) -> bool {
        self.with_any(ids).next().is_some()
    }

    /// Gives up every gap that any of these ids is in: no id that comes later proves its time.
    pub(super) fn give_up(
        &mut self,
        ids: (i64, i64),
        reason: &str,
        stamp: Timestamp,
        coverage: &StreamCoverage,
        log: &mut Vec<CoverageRow>,
    ) {
        let lost: Vec<i64> = self.with_any(ids).collect();
        let lost: Vec<Gap> = lost.iter().filter_map(|first_id| self.gaps.remove(first_id)).collect();
        for gap in lost {
            self.declare_unfillable(&gap, reason.to_owned(), stamp, coverage, log);
        }
    }

    fn declare_unfillable(
        &mut self,
        gap: &Gap,
        reason: String,
        stamp: Timestamp,
        coverage: &StreamCoverage,
        log: &mut Vec<CoverageRow>,
    ) {
        coverage.unfillable(gap.begin, gap.end, reason, stamp, log);
        if self.given_up.is_none_or(|(_, end)| end < gap.end) {
            self.given_up = Some((gap.begin, gap.end));
        }
        let touches = |open: &&mut Gap| open.begin < gap.end && gap.begin < open.end;
        for open in self.gaps.values_mut().filter(touches) {
            open.given_up.push((gap.begin, gap.end));
            if open.given_up.len() > MAX_NEIGHBOURS {
                let hull = |(begin, end): (Timestamp, Timestamp), other: &(Timestamp, Timestamp)| {
                    (begin.min(other.0), end.max(other.1))
                };
                open.given_up = vec![open.given_up.iter().fold((gap.begin, gap.end), hull)];
            }
        }
    }

    fn with_any(&self, (first, last): (i64, i64)) -> impl Iterator<Item = i64> {
        let up_to = self.gaps.range(..=last);
        up_to.filter(move |(_, gap)| gap.last_id >= first).map(|(first_id, _)| *first_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_no_run_is_missing() {
        for (known, missing) in [
            (vec![], vec![(5, 9)]),
            (vec![(1, 4)], vec![(5, 9)]),
            (vec![(1, 5), (7, 7), (9, 12)], vec![(6, 6), (8, 8)]),
            (vec![(6, 6), (6, 6), (8, 9)], vec![(5, 5), (7, 7)]),
            (vec![(1, 20)], vec![]),
        ] {
            assert_eq!(missing_runs((5, 9), known.clone()), missing, "{known:?}");
        }
        assert_eq!(missing_runs((i64::MAX - 1, i64::MAX), [(i64::MAX - 1, i64::MAX)]), []);
    }

    #[test]
    fn the_ids_of_a_reason_come_back() {
        for ids in [(0, 0), (5, 7), (-3, i64::MAX)] {
            assert_eq!(missing_ids_of(&missing_ids_reason(ids.0, ids.1)), Some(ids));
            assert_eq!(arrived_ids_of(&arrived_ids_reason(ids.0, ids.1)), Some(ids));
        }
        for other in ["", "missing trade ids 5", "missing trade ids 5..=x", "book sequence broke"] {
            assert_eq!((missing_ids_of(other), arrived_ids_of(other)), (None, None));
        }
    }
}
