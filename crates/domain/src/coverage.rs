//! Coverage: where a stream is proven alive and unbroken, as an append-only log read as of an instant.

mod holes;

use std::fmt;

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};

use crate::time::{TimeRange, Timestamp};
use crate::violation::Violations;
pub use holes::{Hole, HoleState, holes};

/// What a venue sends of an instrument and can break on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Trades, and the candles made of them.
    Trades,
    /// Order book, buckets and imbalances.
    Book,
}

impl Stream {
    /// Both streams.
    pub const ALL: [Self; 2] = [Self::Trades, Self::Book];

    /// `trades` or `book`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trades => "trades",
            Self::Book => "book",
        }
    }

    /// Position in [`ALL`](Self::ALL).
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for Stream {
    type Err = Violations;

    fn from_str(text: &str) -> Result<Self, Violations> {
        Self::ALL
            .into_iter()
            .find(|stream| stream.as_str() == text)
            .ok_or_else(|| Violations::one("stream", text, "must be trades or book"))
    }
}

/// What a row of the log says of its range. Rows with the same stamp apply in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CoverageState {
    /// Proven alive from the begin of the unbroken run to its end.
    Alive,
    /// Something is missing here.
    Gap,
    /// What was missing has come, or nothing was.
    Filled,
    /// What is missing will never come.
    Unfillable,
}

impl CoverageState {
    /// `alive`, `gap`, `filled` or `unfillable`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Gap => "gap",
            Self::Filled => "filled",
            Self::Unfillable => "unfillable",
        }
    }
}

impl std::str::FromStr for CoverageState {
    type Err = Violations;

    fn from_str(text: &str) -> Result<Self, Violations> {
        [Self::Alive, Self::Gap, Self::Filled, Self::Unfillable]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| {
                Violations::one("coverage.state", text, "must be alive, gap, filled or unfillable")
            })
    }
}

/// One row of the log. An `alive` row spans its whole unbroken run so far, so the last one of a run
/// stands for all before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoverageRow {
    /// Which stream.
    pub stream: Stream,
    /// First instant it speaks of.
    pub begin: Timestamp,
    /// First instant it no longer speaks of.
    pub end: Timestamp,
    /// What it says.
    pub state: CoverageState,
    /// Why, for people: `missing trade ids 5..=7`.
    pub reason: String,
    /// The stamp.
    pub available_at: Timestamp,
}

/// A range of a stream of which something was taken in and cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostRange {
    /// Which stream.
    pub stream: Stream,
    /// First instant that is not whole.
    pub begin: Timestamp,
    /// First instant that is whole again.
    pub end: Timestamp,
    /// Why, for people.
    pub reason: String,
}

/// Disjoint, sorted half-open ranges.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Intervals(Vec<(Timestamp, Timestamp)>);

impl Intervals {
    /// What the rows of one stream prove, whatever order they come in.
    pub fn of_rows<'a>(rows: impl IntoIterator<Item = &'a CoverageRow>) -> Self {
        let mut rows: Vec<&CoverageRow> = rows.into_iter().collect();
        rows.sort_by_key(|row| (row.available_at, row.state, row.begin, row.end));
        let mut covered = Self::default();
        for row in rows {
            match row.state {
                CoverageState::Alive | CoverageState::Filled => covered.add(row.begin, row.end),
                CoverageState::Gap | CoverageState::Unfillable => covered.remove(row.begin, row.end),
            }
        }
        covered
    }

    /// Adds `[begin, end)`.
    pub fn add(&mut self, begin: Timestamp, end: Timestamp) {
        if begin >= end {
            return;
        }
        let first = self.0.partition_point(|range| range.1 < begin);
        let last = self.0.partition_point(|range| range.0 <= end);
        let merged = self.0[first..last].iter().fold((begin, end), |m, r| (m.0.min(r.0), m.1.max(r.1)));
        self.0.splice(first..last, [merged]);
    }

    /// Takes `[begin, end)` out.
    pub fn remove(&mut self, begin: Timestamp, end: Timestamp) {
        if begin >= end {
            return;
        }
        let first = self.0.partition_point(|range| range.1 <= begin);
        let last = self.0.partition_point(|range| range.0 < end).max(first);
        let mut rest = Vec::with_capacity(2);
        if let Some(range) = self.0[first..last].first().filter(|range| range.0 < begin) {
            rest.push((range.0, begin));
        }
        if let Some(range) = self.0[first..last].last().filter(|range| range.1 > end) {
            rest.push((end, range.1));
        }
        self.0.splice(first..last, rest);
    }

    /// The ranges, earliest first.
    pub fn ranges(&self) -> &[(Timestamp, Timestamp)] {
        &self.0
    }

    /// Whether all of `[begin, end)` is inside.
    pub fn covers(&self, begin: Timestamp, end: Timestamp) -> bool {
        let at = self.0.partition_point(|range| range.1 <= begin);
        self.0.get(at).is_some_and(|range| range.0 <= begin && end <= range.1)
    }

    /// Covered part of `range` in percent, rounded down to two places; zero for an empty range.
    pub fn percent(&self, range: TimeRange) -> Decimal {
        let length = range.end().since(range.start());
        if length <= 0 {
            return Decimal::ZERO;
        }
        let covered: i64 = self.inside(range).map(|(begin, end)| end.since(begin)).sum();
        (Decimal::from(covered) * Decimal::ONE_HUNDRED / Decimal::from(length))
            .round_dp_with_strategy(2, RoundingStrategy::ToZero)
    }

    /// The parts of `range` that are not covered.
    pub fn gaps(&self, range: TimeRange) -> Vec<TimeRange> {
        let mut gaps = Self(Vec::new());
        gaps.add(range.start(), range.end());
        for (begin, end) in self.inside(range) {
            gaps.remove(begin, end);
        }
        gaps.0.iter().filter_map(|(begin, end)| TimeRange::try_new(*begin, *end).ok()).collect()
    }

    fn inside(&self, range: TimeRange) -> impl Iterator<Item = (Timestamp, Timestamp)> {
        let clip = move |(begin, end): &(Timestamp, Timestamp)| {
            ((*begin).max(range.start()), (*end).min(range.end()))
        };
        self.0.iter().map(clip).filter(|(begin, end)| begin < end)
    }
}
