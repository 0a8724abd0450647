//! Which periods have a candle: a bit each, in any order, and the stretches of time that follow.

use std::borrow::Cow;
use std::collections::BTreeMap;

use onetape_domain::time::{TimeRange, Timeframe, Timestamp};
use roaring::RoaringBitmap;

use crate::holes::Holes;
use crate::settings::HolePolicy;

/// A UTC day.
const DAY: Timeframe = Timeframe::D1;

/// Periods of one timeframe. A run of neighbours takes a few bytes, others two bytes each at most.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Presence(RoaringBitmap);

impl Presence {
    /// Adds the period that opens then; whether it was not there.
    pub(crate) fn insert(&mut self, timeframe: Timeframe, open_time: Timestamp) -> bool {
        self.0.insert(slot(timeframe, open_time))
    }

    pub(crate) fn remove(&mut self, timeframe: Timeframe, open_time: Timestamp) {
        self.0.remove(slot(timeframe, open_time));
    }

    pub(crate) fn contains(&self, timeframe: Timeframe, open_time: Timestamp) -> bool {
        self.0.contains(slot(timeframe, open_time))
    }

    pub(crate) fn len(&self) -> u64 {
        self.0.len()
    }

    /// Takes those of another in; returns how many were there already.
    pub(crate) fn merge(&mut self, other: Self) -> u64 {
        let before = self.0.len();
        let theirs = other.0.len();
        self.0 |= other.0;
        self.0.optimize();
        before + theirs - self.0.len()
    }

    /// Those that another has not, oldest first.
    pub(crate) fn without<'a>(
        &'a self,
        other: &'a Self,
        timeframe: Timeframe,
    ) -> impl Iterator<Item = Timestamp> + 'a {
        let missing = self.0.iter().filter(|slot| !other.0.contains(*slot));
        missing.map(move |slot| opening(timeframe, slot))
    }

    /// The stretches of time that are spoken of, oldest first; at most one more than `most`. Each has a candle, and none of them
    /// a period of which nothing is known.
    pub(crate) fn stretches(
        &self,
        timeframe: Timeframe,
        policy: &HolePolicy,
        holes: &Holes,
        most: usize,
    ) -> Vec<TimeRange> {
        let quiet = match policy {
            HolePolicy::WholeDays => {
                Quiet::Days(u32::try_from(DAY.micros() / timeframe.micros()).unwrap_or(u32::MAX))
            }
            HolePolicy::Quiet(_) => Quiet::Periods(policy.quiet_periods(timeframe)),
        };
        let silence = Silence { candles: &self.0, holes, unknown: holes.unknown(&self.0), quiet };
        let rows = match holes.said.is_empty() {
            true => Cow::Borrowed(&self.0),
            false => Cow::Owned(&self.0 | &holes.said),
        };
        let mut spoken = Spoken { timeframe, current: None, done: Vec::new() };
        let mut last = None::<u32>;
        for row in rows.iter() {
            if last.is_none_or(|last| last + 1 < row) {
                silence.between(last, Some(row)).into_iter().for_each(|silent| spoken.add(silent, false));
            }
            if holes.said.is_empty() || self.0.contains(row) {
                spoken.add((row, row + 1), true);
            }
            if spoken.done.len() > most {
                return spoken.done;
            }
            last = Some(row);
        }
        silence.between(last, None).into_iter().for_each(|silent| spoken.add(silent, false));
        spoken.end();
        spoken.done
    }
}

/// Periods from one up to another.
type Periods = (u32, u32);

/// How long nobody may have traded.
#[derive(Debug, Clone, Copy)]
enum Quiet {
    /// So many periods between two rows.
    Periods(u64),
    /// As long as a day, of so many periods, has a candle.
    Days(u32),
}

/// Where nobody traded.
struct Silence<'a> {
    candles: &'a RoaringBitmap,
    holes: &'a Holes,
    /// Where that is not known: bounds of stretches, neither of them in it, the starts by their ends.
    unknown: BTreeMap<u32, u32>,
    quiet: Quiet,
}

impl Silence<'_> {
    /// After a row and before the next one.
    fn between(&self, last: Option<u32>, next: Option<u32>) -> [Periods; 2] {
        let (from, to) = (last.map_or(0, |last| last + 1), next.unwrap_or(u32::MAX));
        match self.quiet {
            Quiet::Periods(most) => {
                let is_short = last.is_some() && next.is_some() && u64::from(to - from) <= most;
                [self.known((from, to), is_short), (0, 0)]
            }
            Quiet::Days(day) => {
                let end = last.map_or(0, |last| (last / day + 1) * day).min(to);
                let start = next.map_or(to, |next| next / day * day).max(from).max(end);
                let has_candle = |row: Option<u32>| {
                    let first = row.unwrap_or(0) / day * day;
                    self.holes.said.is_empty() || self.candles.range_cardinality(first..first + day) > 0
                };
                [self.known((from, end), has_candle(last)), self.known((start, to), has_candle(next))]
            }
        }
    }

    /// Periods, if nobody traded and nothing is unknown in them.
    fn known(&self, (from, to): Periods, is_quiet: bool) -> Periods {
        let mut unknown = self.unknown.range(from.saturating_add(1)..);
        let is_known = is_quiet && from < to && unknown.next().is_none_or(|(_, start)| start + 1 >= to);
        if is_known { (from, to) } else { (0, 0) }
    }
}

/// Stretches in the making.
struct Spoken {
    timeframe: Timeframe,
    /// The last one, and whether it has a candle.
    current: Option<(Periods, bool)>,
    done: Vec<TimeRange>,
}

impl Spoken {
    /// Adds periods later than all before.
    fn add(&mut self, (from, to): Periods, has_candle: bool) {
        if from == to {
            return;
        }
        match &mut self.current {
            Some(((_, end), has)) if *end == from => (*end, *has) = (to, *has || has_candle),
            _ => {
                self.end();
                self.current = Some(((from, to), has_candle));
            }
        }
    }

    fn end(&mut self) {
        if let Some(((from, to), true)) = self.current.take() {
            let [from, to] = [from, to].map(|at| opening(self.timeframe, at));
            self.done.extend(TimeRange::try_new(from, to));
        }
    }
}

/// Periods since 1970: in the bounds of times they fit.
pub(crate) fn slot(timeframe: Timeframe, open_time: Timestamp) -> u32 {
    u32::try_from(open_time.micros() / timeframe.micros()).unwrap_or(u32::MAX)
}

fn opening(timeframe: Timeframe, slot: u32) -> Timestamp {
    Timestamp::from_micros(i64::from(slot) * timeframe.micros())
}

#[cfg(test)]
mod tests {
    use onetape_domain::time::SECOND;
    use proptest::prelude::*;

    use super::*;
    use crate::settings::QuietRuns;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_micros((1_723_161_600 + second) * SECOND)
    }

    fn of(timeframe: Timeframe, seconds: &[i64]) -> Presence {
        let mut presence = Presence::default();
        for second in seconds {
            presence.insert(timeframe, at(*second));
        }
        presence
    }

    fn shown(stretches: Vec<TimeRange>) -> Vec<(i64, i64)> {
        let second = |time: Timestamp| time.since(at(0)) / SECOND;
        stretches.into_iter().map(|range| (second(range.start()), second(range.end()))).collect()
    }

    #[test]
    fn a_long_silence_is_a_hole() {
        let quiet = HolePolicy::default();
        let seconds = of(Timeframe::S1, &[900, 0, 300, 601, 1]);
        // 300 seconds, 301 to 600, are the longest silence in it.
        assert_eq!(shown(seconds.stretches(Timeframe::S1, &quiet, &Holes::default(), 9)), [(0, 901)]);
        let seconds = of(Timeframe::S1, &[0, 302]);
        assert_eq!(
            shown(seconds.stretches(Timeframe::S1, &quiet, &Holes::default(), 9)),
            [(0, 1), (302, 303)]
        );
        let hours = of(Timeframe::H1, &[0, 3_600, 10_800]);
        assert_eq!(
            shown(hours.stretches(Timeframe::H1, &quiet, &Holes::default(), 9)),
            [(0, 7_200), (10_800, 14_400)]
        );
        let mut longer = QuietRuns::default();
        longer.set(Timeframe::H1, 3_600);
        assert_eq!(
            shown(hours.stretches(Timeframe::H1, &HolePolicy::Quiet(longer), &Holes::default(), 9)),
            [(0, 14_400)]
        );
    }

    #[test]
    fn whole_days_are_spoken_of_as_a_whole() {
        let day = 86_400;
        let seconds = of(Timeframe::S1, &[5, day - 7, day, 3 * day + 40]);
        let stretches = seconds.stretches(Timeframe::S1, &HolePolicy::WholeDays, &Holes::default(), 9);
        assert_eq!(shown(stretches), [(0, 2 * day), (3 * day, 4 * day)]);
    }

    #[test]
    fn there_are_no_more_stretches_than_asked_for_and_one() {
        let seconds: Vec<i64> = (0..100).map(|i| i * 1_000).collect();
        let presence = of(Timeframe::S1, &seconds);
        assert_eq!(
            presence.stretches(Timeframe::S1, &HolePolicy::default(), &Holes::default(), 10).len(),
            11
        );
        assert_eq!(
            presence.stretches(Timeframe::S1, &HolePolicy::default(), &Holes::default(), 100).len(),
            100
        );
    }

    proptest! {
        #[test]
        fn every_candle_lies_in_one_stretch_and_no_hole_does(
            minutes in proptest::collection::btree_set(0_i64..5_000, 1..200),
            quiet in 0_u64..200,
        ) {
            let seconds: Vec<i64> = minutes.iter().map(|minute| minute * 60).collect();
            let mut runs = QuietRuns::default();
            runs.set(Timeframe::M1, quiet * 60);
            let presence = of(Timeframe::M1, &seconds);
            let stretches = shown(presence.stretches(Timeframe::M1, &HolePolicy::Quiet(runs), &Holes::default(), 1_000));
            for second in &seconds {
                let holding = stretches.iter().filter(|(start, end)| start <= second && second < end);
                prop_assert_eq!(holding.count(), 1);
            }
            for pair in stretches.windows(2) {
                prop_assert!(pair[1].0 - pair[0].1 > i64::try_from(quiet).expect("few") * 60);
            }
            for pair in seconds.windows(2).filter(|pair| pair[1] - pair[0] > 60) {
                let (start, end) = (pair[0] + 60, pair[1]);
                let spoken = stretches.iter().any(|(from, to)| *from <= start && end <= *to);
                prop_assert_eq!(spoken, end - start <= i64::try_from(quiet).expect("few") * 60);
            }
        }
    }
}
