//! Periods of which a row was refused: that something was there is known, and not what.

use std::collections::BTreeMap;

use onetape_domain::time::{Timeframe, Timestamp};
use roaring::RoaringBitmap;

use crate::presence::slot;

/// Places of a table at which rows do not say when they open and that are told apart. Where there are more, such rows may be
/// of any period that the table speaks of.
const MAX_PLACES: usize = 100_000;

/// Two periods between which nothing is known but the candles that there are; none: the next period with a candle.
pub(crate) type Unknown = (Option<u32>, Option<u32>);

/// Whether the open times of a table rise or fall.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Order {
    #[default]
    Untold,
    Rising,
    Falling,
    Neither,
}

/// Refused rows of a table, in its order.
#[derive(Debug, Default)]
pub(crate) struct RefusedRows {
    /// Periods that they say they are of.
    said: RoaringBitmap,
    /// The sound rows before and after those that do not say.
    neighbours: Vec<Unknown>,
    is_full: bool,
    order: Order,
    last: Option<u32>,
    /// Least and greatest sound row.
    bounds: Option<(u32, u32)>,
    /// Whether a row came since the last sound one that does not say.
    is_open: bool,
}

impl RefusedRows {
    /// Takes the next row in, a sound one.
    pub(crate) fn sound(&mut self, timeframe: Timeframe, open_time: Timestamp) {
        let at = slot(timeframe, open_time);
        if self.is_open {
            self.close(Some(at));
        }
        if let Some(last) = self.last.filter(|last| *last != at) {
            let own = if last < at { Order::Rising } else { Order::Falling };
            self.order = match self.order {
                Order::Untold => own,
                known if known == own => known,
                _ => Order::Neither,
            };
        }
        self.last = Some(at);
        let (least, greatest) = self.bounds.unwrap_or((at, at));
        self.bounds = Some((least.min(at), greatest.max(at)));
    }

    /// Takes the next row in, a refused one. One off the grid is of both periods that it reaches into.
    pub(crate) fn refused(&mut self, timeframe: Timeframe, open_time: Option<i64>) {
        let Some(open_time) = open_time.map(Timestamp::from_micros).filter(|time| time.is_sane()) else {
            self.is_open = true;
            return;
        };
        self.said.insert(slot(timeframe, open_time));
        self.said.insert(slot(timeframe, open_time.plus(timeframe.micros() - 1)));
    }

    fn close(&mut self, next: Option<u32>) {
        self.is_open = false;
        self.is_full |= self.neighbours.len() == MAX_PLACES;
        if !self.is_full {
            self.neighbours.push((self.last, next));
        }
    }

    /// What is not known because of them. A table of which no row is sound says nothing by rows without a time, as a file that
    /// cannot be read.
    pub(crate) fn finish(mut self) -> Holes {
        if self.is_open {
            self.close(None);
        }
        let mut holes = Holes { said: self.said, unknown: Vec::new() };
        let Some((least, greatest)) = self.bounds else { return holes };
        if self.neighbours.is_empty() {
            return holes;
        }
        if self.is_full || self.order == Order::Neither {
            holes.unknown = vec![(None, Some(least)), (Some(least), Some(greatest)), (Some(greatest), None)];
            return holes;
        }
        for (before, after) in self.neighbours {
            match (before, after, self.order) {
                (Some(a), Some(b), _) => holes.unknown.push((Some(a.min(b)), Some(a.max(b)))),
                (Some(end), None, Order::Rising) | (None, Some(end), Order::Falling) => {
                    holes.unknown.push((Some(end), None));
                }
                (None, Some(end), Order::Rising) | (Some(end), None, Order::Falling) => {
                    holes.unknown.push((None, Some(end)));
                }
                (before, after, _) => {
                    let end = before.or(after);
                    holes.unknown.extend([(None, end), (end, None)]);
                }
            }
        }
        holes
    }
}

/// What is not known of the candles of an instrument and a timeframe, apart from those that there are.
#[derive(Debug, Default)]
pub(crate) struct Holes {
    /// Periods.
    pub(crate) said: RoaringBitmap,
    unknown: Vec<Unknown>,
}

impl Holes {
    /// Takes those of another table in.
    pub(crate) fn merge(&mut self, other: Self) {
        self.said |= other.said;
        self.said.optimize();
        self.unknown.extend(other.unknown);
        self.unknown.sort_unstable();
        self.unknown.dedup();
    }

    /// Stretches between two periods, neither of them in it, of which nothing is known but the candles that there are. The
    /// starts by their ends; no two overlap.
    pub(crate) fn unknown(&self, candles: &RoaringBitmap) -> BTreeMap<u32, u32> {
        let mut stretches: Vec<(u32, u32)> = self
            .unknown
            .iter()
            .map(|(start, end)| {
                let before = |end: u32| candles.range(..end).next_back().unwrap_or(0);
                let after = |start: u32| candles.range(start.saturating_add(1)..).next().unwrap_or(u32::MAX);
                match (*start, *end) {
                    (Some(start), Some(end)) => (start, end),
                    (Some(start), None) => (start, after(start)),
                    (None, Some(end)) => (before(end), end),
                    (None, None) => (0, u32::MAX),
                }
            })
            .collect();
        stretches.sort_unstable();
        let mut merged = BTreeMap::new();
        let mut current = None::<(u32, u32)>;
        for (start, end) in stretches {
            match &mut current {
                Some((_, last)) if start < *last => *last = end.max(*last),
                _ => {
                    merged.extend(current.map(|(start, end)| (end, start)));
                    current = Some((start, end));
                }
            }
        }
        merged.extend(current.map(|(start, end)| (end, start)));
        merged
    }
}

#[cfg(test)]
mod tests {
    use onetape_domain::time::TimeRange;
    use proptest::prelude::*;

    use super::*;
    use crate::presence::Presence;
    use crate::settings::{HolePolicy, QuietRuns};

    const M1: Timeframe = Timeframe::M1;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_micros(1_723_161_600_000_000).plus(minute * M1.micros())
    }

    /// A row: a candle, one that is refused, or one that does not say when it opens.
    #[derive(Debug, Clone, Copy)]
    enum Row {
        Sound(i64),
        Refused(i64),
        Untold,
    }
    use Row::{Refused, Sound, Untold};

    fn holes(rows: &[Row], candles: &mut Presence) -> Holes {
        let mut refused = RefusedRows::default();
        for row in rows {
            match row {
                Sound(minute) => {
                    candles.insert(M1, at(*minute));
                    refused.sound(M1, at(*minute));
                }
                Refused(minute) => refused.refused(M1, Some(at(*minute).micros())),
                Untold => refused.refused(M1, None),
            }
        }
        refused.finish()
    }

    fn policy(quiet: u64) -> HolePolicy {
        let mut runs = QuietRuns::default();
        runs.set(M1, quiet * 60);
        HolePolicy::Quiet(runs)
    }

    fn stretches(tables: &[&[Row]], policy: &HolePolicy) -> Vec<(i64, i64)> {
        let (mut candles, mut all) = (Presence::default(), Holes::default());
        for table in tables {
            all.merge(holes(table, &mut candles));
        }
        let minute = |time: Timestamp| time.since(at(0)) / M1.micros();
        let shown = |range: TimeRange| (minute(range.start()), minute(range.end()));
        candles.stretches(M1, policy, &all, 1_000).into_iter().map(shown).collect()
    }

    #[test]
    fn a_refused_row_is_a_hole_between_quiet_periods() {
        let rows = [Sound(0), Refused(3), Refused(4), Sound(9)];
        assert_eq!(stretches(&[&rows], &policy(5)), [(0, 3), (5, 10)]);
        assert_eq!(
            stretches(&[&rows], &policy(2)),
            [(0, 3), (9, 10)],
            "a silence that is too long is all of it a hole"
        );
        assert_eq!(stretches(&[&rows], &policy(0)), [(0, 1), (9, 10)]);
        assert_eq!(
            stretches(&[&rows, &[Sound(3), Sound(4)]], &policy(5)),
            [(0, 10)],
            "others have these candles"
        );
        assert_eq!(stretches(&[&[Refused(1), Sound(2), Refused(3)]], &policy(5)), [(2, 3)]);
        assert_eq!(stretches(&[&[Refused(1)]], &policy(5)), []);
    }

    #[test]
    fn a_row_off_the_grid_is_of_both_periods() {
        let mut refused = RefusedRows::default();
        refused.refused(M1, Some(at(5).plus(M1.micros() / 2).micros()));
        let mut candles = Presence::default();
        candles.insert(M1, at(4));
        candles.insert(M1, at(7));
        let found = candles.stretches(M1, &policy(9), &refused.finish(), 9);
        assert_eq!(found.iter().map(|range| range.start()).collect::<Vec<_>>(), [at(4), at(7)]);
        assert_eq!(found[0].end(), at(5));
    }

    #[test]
    fn a_row_without_a_time_makes_a_hole_between_its_neighbours() {
        let rising = [Sound(0), Sound(4), Untold, Untold, Sound(8), Sound(12)];
        assert_eq!(stretches(&[&rising], &policy(9)), [(0, 5), (8, 13)]);
        let falling: Vec<Row> = rising.iter().rev().copied().collect();
        assert_eq!(stretches(&[&falling], &policy(9)), [(0, 5), (8, 13)]);
        assert_eq!(stretches(&[&rising, &[Sound(6)]], &policy(9)), [(0, 5), (6, 7), (8, 13)]);
        // Times that no candle can have say as little.
        let mut refused = RefusedRows::default();
        refused.refused(M1, Some(0));
        assert!(refused.said.is_empty() && refused.is_open);
    }

    #[test]
    fn a_row_without_a_time_at_an_end_may_be_anything_up_to_the_next_candle() {
        let other = [Sound(0), Sound(3), Sound(20), Sound(23)];
        let last = [Sound(10), Sound(12), Untold];
        assert_eq!(stretches(&[&other, &last], &policy(9)), [(0, 13), (20, 24)]);
        let first = [Untold, Sound(10), Sound(12)];
        assert_eq!(stretches(&[&other, &first], &policy(9)), [(0, 4), (10, 24)]);
        let falling = [Sound(12), Sound(10), Untold];
        assert_eq!(stretches(&[&other, &falling], &policy(9)), [(0, 4), (10, 24)]);
        let alone = [Sound(10), Untold];
        assert_eq!(stretches(&[&other, &alone], &policy(9)), [(0, 4), (10, 11), (20, 24)]);
        let none = [Untold, Untold];
        assert_eq!(stretches(&[&other, &none], &policy(16)), [(0, 24)], "it says nothing at all");
    }

    #[test]
    fn a_row_without_a_time_in_no_order_may_be_anything_the_table_speaks_of() {
        let rows = [Sound(10), Sound(14), Untold, Sound(12)];
        let other = [Sound(0), Sound(2), Sound(20), Sound(22)];
        assert_eq!(stretches(&[&rows, &other], &policy(9)), [(0, 3), (10, 11), (12, 13), (14, 15), (20, 23)]);
    }

    #[test]
    fn whole_days_have_holes_too() {
        let day = 1_440;
        let rows = [
            Sound(5),
            Refused(7),
            Sound(day + 3),
            Refused(3 * day + 3),
            Refused(5 * day + 1),
            Sound(5 * day + 9),
        ];
        assert_eq!(
            stretches(&[&rows], &HolePolicy::WholeDays),
            [(0, 7), (8, 2 * day), (5 * day + 2, 6 * day)],
            "a day of which no candle is known is not whole"
        );
        let rows = [Sound(5), Untold, Sound(day + 3), Sound(day + 9), Untold];
        assert_eq!(stretches(&[&rows], &HolePolicy::WholeDays), [(0, 6), (day + 3, day + 10)]);
    }

    #[test]
    fn too_many_places_are_taken_for_one() {
        let places = i64::try_from(MAX_PLACES).expect("some");
        let rows = |places: i64| -> Vec<Row> {
            (0..=places).flat_map(|at| [Sound(3 * at), Sound(3 * at + 1), Untold]).collect()
        };
        let mut candles = Presence::default();
        assert_eq!(holes(&rows(places - 1), &mut candles).unknown.len(), MAX_PLACES);
        assert_eq!(holes(&rows(places), &mut candles).unknown.len(), 3);
    }

    proptest! {
        #[test]
        fn nothing_is_said_of_what_a_refused_row_may_mean(
            rows in proptest::collection::btree_map(0_i64..300, (0_u8..6, any::<bool>()), 1..60),
            other in proptest::collection::btree_set(0_i64..300, 0..40),
            order in 0_u8..3,
            quiet in 0_u64..40,
            whole_days in any::<bool>(),
        ) {
            let mut rows: Vec<(i64, u8)> = rows.into_iter().map(|(minute, (kind, _))| (minute, kind)).collect();
            match order {
                0 => {}
                1 => rows.reverse(),
                _ => rows.sort_by_key(|(minute, _)| minute * 7_919 % 307),
            }
            let table: Vec<Row> = rows.iter().map(|(minute, kind)| match kind {
                0 => Untold,
                1 => Refused(*minute),
                _ => Sound(*minute),
            }).collect();
            let others: Vec<Row> = other.iter().map(|minute| Sound(*minute)).collect();
            let policy = if whole_days { HolePolicy::WholeDays } else { policy(quiet) };
            let stretches = stretches(&[&table, &others], &policy);
            let holding = |minute: i64| stretches.iter().filter(|(start, end)| (*start..*end).contains(&minute)).count();
            let own: Vec<i64> = rows.iter().filter(|(_, kind)| *kind > 1).map(|(minute, _)| *minute).collect();
            let is_candle = |minute: &i64| own.contains(minute) || other.contains(minute);
            for minute in (0..300).filter(is_candle) {
                prop_assert_eq!(holding(minute), 1);
            }
            // Rows of a table whose candles happen to rise or fall are taken to stand where they belong.
            let in_order = |of: &[i64]| of.is_sorted() || of.iter().rev().is_sorted();
            let all: Vec<i64> = rows.iter().map(|(minute, _)| *minute).collect();
            let is_misplaced = in_order(&own) && !in_order(&all);
            for (minute, kind) in rows.iter().filter(|(minute, _)| !is_candle(minute)) {
                // Beyond the table's ends, the next candle of another table is the limit.
                let within = |from: i64, to: i64| other.range(from..to).next().is_none();
                let is_known = match (own.iter().min(), own.iter().max()) {
                    _ if *kind == 1 => true,
                    _ if is_misplaced => false,
                    (Some(least), _) if minute < least => within(*minute, *least),
                    (_, Some(greatest)) if minute > greatest => within(*greatest + 1, *minute),
                    (least, _) => least.is_some(),
                };
                prop_assert!(!is_known || holding(*minute) == 0, "{} of kind {}", minute, kind);
            }
            for (start, end) in &stretches {
                prop_assert!((*start..*end).any(|minute| is_candle(&minute)));
            }
        }
    }
}
