//! What there is of an instrument: of each table and UTC day the number of rows and their checksum.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fmt::Write as _;

use onetape_domain::imported::ImportId;
use onetape_domain::instrument::Instrument;
use onetape_domain::time::{SECOND, TimeRange, Timeframe, Timestamp};

use crate::digest::{Checksum, of_text};
use crate::head::Head;

const DAY: i64 = 86_400 * SECOND;

/// A table, or what of a table is compared on its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// Current candles of a timeframe.
    Candles(Timeframe),
    /// Versions that others took the place of.
    Superseded(Timeframe),
    /// Trades.
    Trades,
    /// Sampled books.
    Books,
    /// Imbalances.
    Imbalances,
    /// The coverage log.
    Coverage,
    /// Candles of an import of one timeframe.
    Imported(ImportId, Timeframe),
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Candles(timeframe) => write!(f, "ohlcv_{timeframe}"),
            Self::Superseded(timeframe) => write!(f, "ohlcv_superseded {timeframe}"),
            Self::Trades => f.write_str("trade_events"),
            Self::Books => f.write_str("order_book_snapshots"),
            Self::Imbalances => f.write_str("order_book_imbalances"),
            Self::Coverage => f.write_str("stream_coverage"),
            Self::Imported(id, timeframe) => write!(f, "ohlcv_imported {id} {timeframe}"),
        }
    }
}

/// A UTC day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Day(i64);

impl Day {
    pub(crate) fn of(time: Timestamp) -> Self {
        Self(time.micros().div_euclid(DAY))
    }

    fn start(self) -> Timestamp {
        Timestamp::from_micros(self.0.saturating_mul(DAY))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = self.start().to_string();
        f.write_str(start.split('T').next().unwrap_or(&start))
    }
}

/// Parts that differ.
pub(crate) type Parts = BTreeSet<(Section, Day)>;

/// Ranges of time that hold the days of a section among these, neighbours together.
pub(crate) fn ranges(parts: &Parts, section: &Section) -> Vec<TimeRange> {
    let days = parts.iter().filter(|(one, _)| one == section).map(|(_, day)| day.0);
    let mut runs: Vec<(i64, i64)> = Vec::new();
    for day in days {
        match runs.last_mut() {
            Some((_, end)) if *end == day => *end = day + 1,
            _ => runs.push((day, day + 1)),
        }
    }
    let range = |(start, end)| TimeRange::try_new(Day(start).start(), Day(end).start()).ok();
    runs.into_iter().filter_map(range).collect()
}

/// One thing that is not the same in two stores.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Difference {
    /// Whose; none of what belongs to a store as a whole.
    pub instrument: Option<Instrument>,
    /// The table, or what else it is.
    pub what: String,
    /// The UTC day of rows.
    pub day: Option<String>,
    /// What the one store has.
    pub source: String,
    /// What the other has.
    pub target: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { instrument, what, day, source, target } = self;
        if let Some(instrument) = instrument {
            write!(f, "{instrument} ")?;
        }
        f.write_str(what)?;
        if let Some(day) = day {
            write!(f, " of {day}")?;
        }
        write!(f, ": {source} in the source, {target} in the target")
    }
}

/// The checksums of an instrument.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Manifest(BTreeMap<(Section, Day), Checksum>);

impl Manifest {
    pub(crate) fn part(&mut self, section: &Section, day: Day) -> &mut Checksum {
        self.0.entry((section.clone(), day)).or_default()
    }

    pub(crate) fn rows(&self) -> u64 {
        self.0.values().map(|part| part.rows).sum()
    }

    pub(crate) fn parts(&self) -> usize {
        self.0.len()
    }

    /// Parts that are not the same.
    pub(crate) fn differing(&self, other: &Self) -> Parts {
        let all = self.0.keys().chain(other.0.keys());
        all.filter(|part| self.0.get(part) != other.0.get(part)).cloned().collect()
    }

    /// The same with what each has.
    pub(crate) fn differences(&self, target: &Self, instrument: &Instrument) -> Vec<Difference> {
        let shown = |manifest: &Self, part: &(Section, Day)| match manifest.0.get(part) {
            Some(checksum) => format!("{} rows, {:.12}…", checksum.rows, checksum.to_string()),
            None => "no rows".to_owned(),
        };
        let difference = |part: (Section, Day)| Difference {
            instrument: Some(instrument.clone()),
            what: part.0.to_string(),
            day: Some(part.1.to_string()),
            source: shown(self, &part),
            target: shown(target, &part),
        };
        self.differing(target).into_iter().map(difference).collect()
    }

    /// One checksum of everything there is of an instrument, rows and what stands beside them.
    pub(crate) fn checksum(&self, head: &Head) -> String {
        let mut text = String::new();
        for (what, value) in head.lines() {
            let _ = writeln!(text, "{what} {value}");
        }
        for ((section, day), checksum) in &self.0 {
            let _ = writeln!(text, "{section} {day} {} {checksum}", checksum.rows);
        }
        of_text(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_days_are_read_together() {
        let at = |day: i64| Timestamp::from_micros((20_000 + day) * DAY);
        let parts = [0, 1, 2, 5].map(|day| (Section::Trades, Day::of(at(day).plus(7))));
        let parts: Parts = parts.into_iter().chain([(Section::Books, Day::of(at(9)))]).collect();
        let range = |from, to| TimeRange::try_new(at(from), at(to)).expect("a range");
        assert_eq!(ranges(&parts, &Section::Trades), [range(0, 3), range(5, 6)]);
        assert_eq!(ranges(&parts, &Section::Books), [range(9, 10)]);
        assert_eq!(ranges(&parts, &Section::Coverage), []);
    }

    #[test]
    fn a_day_is_named_by_its_date() {
        assert_eq!(Day::of("2024-08-09T23:59:59.999999Z".parse().expect("a time")).to_string(), "2024-08-09");
    }
}
