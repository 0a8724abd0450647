//! The indicators of candles as their closes become known, one after the other and out of order.

use std::collections::{BTreeMap, VecDeque};

use super::{IndicatorSet, MAX_WINDOW};
use crate::time::Timestamp;

/// Closes of one timeframe by open time, as `frame::indicator_input` converts them.
#[derive(Debug, Clone, Default)]
pub struct CloseSeries(BTreeMap<Timestamp, f64>);

impl CloseSeries {
    /// Puts closes in that became known under one stamp, and returns the indicators they change, by open time: of
    /// these candles, and of the [`MAX_WINDOW`] − 1 after each, whose windows they lie in. A close that is known
    /// already changes nothing.
    ///
    /// What is returned for a candle is right where the series holds the [`MAX_WINDOW`] − 1 candles before it, or all
    /// there are.
    pub fn put(&mut self, closes: &[(Timestamp, f64)]) -> BTreeMap<Timestamp, IndicatorSet> {
        let mut changed = Vec::new();
        for (open_time, close) in closes {
            let before = self.0.insert(*open_time, *close);
            if before.is_none_or(|before| before.to_bits() != close.to_bits()) {
                changed.push(*open_time);
            }
        }
        changed.sort_unstable();
        let mut sets = BTreeMap::new();
        let mut done = None;
        for open_time in changed {
            self.calculate(open_time, &mut done, &mut sets);
        }
        sets
    }

    /// The sets from `from` on, as far as its close reaches, but for those up to `done`.
    fn calculate(
        &self,
        from: Timestamp,
        done: &mut Option<Timestamp>,
        sets: &mut BTreeMap<Timestamp, IndicatorSet>,
    ) {
        let before = self.0.range(..from).rev().take(MAX_WINDOW - 1).map(|(_, close)| *close);
        let mut window: VecDeque<f64> = before.collect();
        window.make_contiguous().reverse();
        for (open_time, close) in self.0.range(from..).take(MAX_WINDOW) {
            if window.len() == MAX_WINDOW {
                window.pop_front();
            }
            window.push_back(*close);
            if done.is_none_or(|done| done < *open_time) {
                sets.insert(*open_time, IndicatorSet::latest(window.make_contiguous()));
                *done = Some(*open_time);
            }
        }
    }
}

/// Closes that are known before anything is put in.
impl FromIterator<(Timestamp, f64)> for CloseSeries {
    fn from_iter<T: IntoIterator<Item = (Timestamp, f64)>>(closes: T) -> Self {
        Self(closes.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::SECOND;

    fn at(minute: usize) -> Timestamp {
        Timestamp::from_micros(i64::try_from(minute).unwrap_or(0) * 60 * SECOND)
    }

    fn close(minute: usize) -> f64 {
        100.0 + f64::from(u32::try_from(minute * minute * 7 % 31).unwrap_or(0))
    }

    #[test]
    fn closes_in_any_order_end_with_what_their_windows_give() {
        let closes: Vec<f64> = (0..1_200).map(close).collect();
        let mut series: CloseSeries = (0..600).map(|minute| (at(minute), closes[minute])).collect();
        let mut sets = BTreeMap::new();
        // Every tenth comes at last, and one is wrong at first.
        for minute in (600..1_200).filter(|minute| minute % 10 != 3) {
            sets.extend(series.put(&[(at(minute), closes[minute])]));
        }
        sets.extend(series.put(&[(at(900), 5.0)]));
        let late: Vec<_> = (600..1_200)
            .filter(|minute| minute % 10 == 3)
            .map(|minute| (at(minute), closes[minute]))
            .collect();
        sets.extend(series.put(&late));
        sets.extend(series.put(&[(at(900), closes[900])]));
        assert_eq!(sets.len(), 600);
        for (place, (open_time, set)) in sets.into_iter().enumerate() {
            let minute = 600 + place;
            assert_eq!(open_time, at(minute));
            assert_eq!(set, IndicatorSet::latest(&closes[..=minute]), "minute {minute}");
        }
    }

    #[test]
    fn what_is_known_changes_nothing_and_a_change_reaches_as_far_as_windows_do() {
        let mut series: CloseSeries = (0..1_200).map(|minute| (at(minute), close(minute))).collect();
        assert!(series.put(&[(at(7), close(7)), (at(900), close(900))]).is_empty());
        let sets = series.put(&[(at(10), 1.0)]);
        let times: Vec<Timestamp> = sets.keys().copied().collect();
        assert_eq!(times, (10..10 + MAX_WINDOW).map(at).collect::<Vec<_>>());
    }
}
