//! Where a stream is not proven, one hole at a time, each with what the log says of it.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{CoverageRow, CoverageState, Intervals, Stream};
use crate::engine::gaps::{arrived_ids_of, missing_ids_of};
use crate::time::{TimeRange, Timestamp};

/// What is to be expected of a hole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HoleState {
    /// Ids of trades are missing: they may still come, by themselves or by a repair.
    Open,
    /// Ids of trades are missing that will never come.
    Unfillable,
    /// Nothing proves the stream here, and nothing says what is missing: a book, or a time without a connection.
    Unproven,
}

impl HoleState {
    /// `open`, `unfillable` or `unproven`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Unfillable => "unfillable",
            Self::Unproven => "unproven",
        }
    }
}

/// A range in which a stream is not proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hole {
    /// First instant that is not proven.
    pub begin: Timestamp,
    /// First instant after it.
    pub end: Timestamp,
    /// What is to be expected.
    pub state: HoleState,
    /// Why, for people.
    pub reason: String,
    /// First and last of the ids between which some are missing.
    pub ids: Option<(i64, i64)>,
    /// The stamp under which it became known; none where no row speaks of it.
    pub known_from: Option<Timestamp>,
}

/// The holes of a stream from its begin to `end` that these rows of the log leave, earliest first. Holes in the ids of trades
/// may share an instant with their neighbours.
pub fn holes(rows: &[CoverageRow], stream: Stream, end: Timestamp) -> Vec<Hole> {
    let rows: Vec<&CoverageRow> = rows.iter().filter(|row| row.stream == stream).collect();
    let Some(begin) = rows.iter().map(|row| row.begin).min() else { return Vec::new() };
    let Ok(range) = TimeRange::try_new(begin, end) else { return Vec::new() };
    let of_state = |state| rows.iter().filter(move |row| row.state == state);
    let arrived: BTreeSet<(i64, i64)> =
        of_state(CoverageState::Filled).filter_map(|row| arrived_ids_of(&row.reason)).collect();
    let mut gaps: Vec<(&CoverageRow, Option<(i64, i64)>)> =
        of_state(CoverageState::Gap).map(|row| (*row, missing_ids_of(&row.reason))).collect();
    gaps.retain(|(_, ids)| ids.is_none_or(|ids| !arrived.contains(&ids)));
    gaps.sort_by_key(|(row, _)| (row.begin, row.end, row.available_at));
    let given_up = |gap: &CoverageRow| {
        of_state(CoverageState::Unfillable)
            .find(|row| (row.begin, row.end) == (gap.begin, gap.end) && row.available_at >= gap.available_at)
    };
    let mut holes = Vec::new();
    for unproven in Intervals::of_rows(rows.iter().copied()).gaps(range) {
        let mut rest = Intervals::default();
        rest.add(unproven.start(), unproven.end());
        let first = holes.len();
        for (gap, ids) in &gaps {
            let (begin, end) = (gap.begin.max(unproven.start()), gap.end.min(unproven.end()));
            if begin >= end {
                continue;
            }
            rest.remove(begin, end);
            let (row, state) = match given_up(gap) {
                Some(row) => (*row, HoleState::Unfillable),
                None if ids.is_some() => (*gap, HoleState::Open),
                None => (*gap, HoleState::Unproven),
            };
            let (reason, known_from) = (row.reason.clone(), Some(row.available_at));
            holes.push(Hole { begin, end, state, reason, ids: *ids, known_from });
        }
        for (begin, end) in rest.ranges().iter().copied() {
            // What a lost book takes back ends where the log had come to; it is lost until it is proven again.
            let before = holes[first..]
                .iter_mut()
                .find(|hole: &&mut Hole| hole.state == HoleState::Unproven && hole.end == begin);
            match before {
                Some(hole) => hole.end = end,
                None => holes.push(Hole {
                    begin,
                    end,
                    state: HoleState::Unproven,
                    reason: "no proof of life".to_owned(),
                    ids: None,
                    known_from: None,
                }),
            }
        }
        holes[first..].sort_by_key(|hole| (hole.begin, hole.end));
    }
    holes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::gaps::{arrived_ids_reason, missing_ids_reason};

    type Shown = (i64, i64, HoleState, Option<(i64, i64)>);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_micros(second * 1_000_000)
    }

    fn row(begin: i64, end: i64, state: CoverageState, reason: String, stamp: i64) -> CoverageRow {
        let (begin, end, available_at) = (at(begin), at(end), at(stamp));
        CoverageRow { stream: Stream::Trades, begin, end, state, reason, available_at }
    }

    fn shown(rows: &[CoverageRow], end: i64) -> Vec<Shown> {
        let of = |hole: Hole| {
            (hole.begin.micros() / 1_000_000, hole.end.micros() / 1_000_000, hole.state, hole.ids)
        };
        holes(rows, Stream::Trades, at(end)).into_iter().map(of).collect()
    }

    #[test]
    fn each_hole_has_its_state_and_its_ids() {
        use CoverageState::{Alive, Filled, Gap, Unfillable};
        let mut rows = vec![
            row(0, 10, Alive, String::new(), 10),
            row(10, 20, Gap, missing_ids_reason(5, 7), 20),
            row(20, 30, Alive, String::new(), 30),
            row(30, 40, Gap, missing_ids_reason(9, 9), 40),
            row(40, 50, Gap, "book sequence broke".to_owned(), 50),
            row(60, 70, Alive, String::new(), 70),
            row(80, 90, Alive, String::new(), 90),
        ];
        let expected = [
            (10, 20, HoleState::Open, Some((5, 7))),
            (30, 40, HoleState::Open, Some((9, 9))),
            (40, 60, HoleState::Unproven, None),
            (70, 80, HoleState::Unproven, None),
        ];
        assert_eq!(shown(&rows, 90), expected);
        // One is given up, the other has come.
        rows.push(row(10, 20, Unfillable, "never".to_owned(), 91));
        rows.push(row(30, 40, Filled, arrived_ids_reason(9, 9), 92));
        let expected = [(10, 20, HoleState::Unfillable, Some((5, 7))), expected[2], expected[3]];
        assert_eq!(shown(&rows, 90), expected);
        assert_eq!(holes(&rows, Stream::Trades, at(90))[0].reason, "never");
        assert_eq!(shown(&rows, 0), []);
        assert_eq!(shown(&[], 90), []);
    }

    #[test]
    fn a_filled_neighbour_leaves_no_splinter() {
        use CoverageState::{Alive, Filled, Gap};
        let rows = [
            row(0, 10, Alive, String::new(), 10),
            row(10, 21, Gap, missing_ids_reason(1, 1), 21),
            row(20, 31, Gap, missing_ids_reason(3, 3), 31),
            row(31, 40, Alive, String::new(), 40),
            // They share [20, 21): what is still open keeps it.
            row(10, 20, Filled, arrived_ids_reason(1, 1), 50),
        ];
        assert_eq!(shown(&rows, 40), [(20, 31, HoleState::Open, Some((3, 3)))]);
    }
}
