//! What stands out in candles that are read in order: silence, stretches at one price, prices far off.

use onetape_domain::decimal::Decimal;
use onetape_domain::imported::ImportedCandle;
use onetape_domain::time::{TimeRange, Timeframe, Timestamp};
use serde::Serialize;

/// Places of a kind that are named; all are counted.
const SHOWN: usize = 20;
/// Candles at one price, one after another, that make a flat run.
pub const FLAT_RUN: u64 = 10;
/// Percent beyond both neighbours that make an outlier.
pub const OUTLIER_PERCENT: u32 = 20;

/// What stands out in the candles of an instrument and a timeframe. Nothing of it is wrong by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Survey {
    /// How many there are.
    pub candles: u64,
    /// Candles without volume.
    pub without_volume: u64,
    /// Periods without a candle that are spoken of: nobody traded in them.
    pub quiet_periods: u64,
    /// The most of them one after another.
    pub longest_quiet: u64,
    /// Stretches of time between parts: nothing is known of them.
    pub holes: Places<TimeRange>,
    /// At least [`FLAT_RUN`] candles one after another whose four prices are all the same.
    pub flat_runs: Places<TimeRange>,
    /// Candles whose high is more than [`OUTLIER_PERCENT`] above the highs of both neighbours, or whose neighbours' lows are
    /// both more than that above its low.
    pub outliers: Places<Timestamp>,
}

/// So many places, the first of them by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Places<T> {
    /// How many there are.
    pub count: u64,
    /// The first ones.
    pub first: Vec<T>,
}

impl<T> Default for Places<T> {
    fn default() -> Self {
        Self { count: 0, first: Vec::new() }
    }
}

impl<T> Places<T> {
    fn add(&mut self, place: T) {
        self.count += 1;
        if self.first.len() < SHOWN {
            self.first.push(place);
        }
    }
}

/// Looks at candles in the order of their open times, part after part.
#[derive(Debug)]
pub(crate) struct Surveyor {
    timeframe: Timeframe,
    survey: Survey,
    /// End of the part before.
    end: Option<Timestamp>,
    /// The last two of the part.
    before: Option<ImportedCandle>,
    last: Option<ImportedCandle>,
    /// Candles at one price, up to the last one.
    flat: u64,
    flat_from: Timestamp,
    /// Open of the period that comes next.
    next: Timestamp,
}

impl Surveyor {
    pub(crate) fn new(timeframe: Timeframe) -> Self {
        let zero = Timestamp::from_micros(0);
        let (survey, end) = (Survey::default(), None);
        Self { timeframe, survey, end, before: None, last: None, flat: 0, flat_from: zero, next: zero }
    }

    /// Begins a part.
    pub(crate) fn begin(&mut self, covered: TimeRange) {
        if let Some(hole) = self.end.and_then(|end| TimeRange::try_new(end, covered.start()).ok())
            && hole.start() < hole.end()
        {
            self.survey.holes.add(hole);
        }
        self.end = Some(covered.end());
        self.next = covered.start();
        (self.before, self.last) = (None, None);
    }

    pub(crate) fn add(&mut self, candle: &ImportedCandle) {
        self.survey.candles += 1;
        self.survey.without_volume += u64::from(candle.ohlcv().volume.get().is_zero());
        self.quiet_until(candle.open_time());
        self.next = self.timeframe.close_time(candle.open_time());
        self.count_flat(candle);
        if let (Some(before), Some(last)) = (self.before, self.last)
            && is_outlier(&before, &last, candle)
        {
            self.survey.outliers.add(last.open_time());
        }
        self.before = self.last.replace(*candle);
    }

    /// Ends a part.
    pub(crate) fn finish(&mut self) {
        if let Some(end) = self.end {
            self.quiet_until(end);
        }
        self.end_flat();
    }

    pub(crate) fn survey(self) -> Survey {
        self.survey
    }

    fn quiet_until(&mut self, time: Timestamp) {
        let periods = u64::try_from(time.since(self.next) / self.timeframe.micros()).unwrap_or(0);
        self.survey.quiet_periods += periods;
        self.survey.longest_quiet = self.survey.longest_quiet.max(periods);
    }

    fn count_flat(&mut self, candle: &ImportedCandle) {
        let ohlcv = candle.ohlcv();
        let is_flat = ohlcv.high == ohlcv.low;
        let goes_on = self.last.is_some_and(|last| last.ohlcv().close == ohlcv.close);
        if !is_flat || !goes_on {
            self.end_flat();
        }
        if is_flat {
            if self.flat == 0 {
                self.flat_from = candle.open_time();
            }
            self.flat += 1;
        }
    }

    fn end_flat(&mut self) {
        let end = self.last.map(|last| self.timeframe.close_time(last.open_time()));
        if self.flat >= FLAT_RUN
            && let Some(range) = end.and_then(|end| TimeRange::try_new(self.flat_from, end).ok())
        {
            self.survey.flat_runs.add(range);
        }
        self.flat = 0;
    }
}

fn is_outlier(before: &ImportedCandle, candle: &ImportedCandle, after: &ImportedCandle) -> bool {
    let beyond = Decimal::ONE + Decimal::new(i64::from(OUTLIER_PERCENT), 2);
    let [before, candle, after] = [before, candle, after].map(ImportedCandle::ohlcv);
    let above = |high: Decimal, low: Decimal| low.checked_mul(beyond).is_some_and(|limit| high > limit);
    let highest = before.high.max(after.high).get();
    let lowest = before.low.min(after.low).get();
    above(candle.high.get(), highest) || above(lowest, candle.low.get())
}

#[cfg(test)]
mod tests {
    use onetape_domain::decimal::{Price, Quantity};
    use onetape_domain::imported::ImportedValues;

    use super::*;

    fn candle(minute: i64, (low, high): (&str, &str)) -> ImportedCandle {
        let price = |text| Price::parse("price", text).expect("a price");
        let values = ImportedValues {
            open: price(low),
            high: price(high),
            low: price(low),
            close: price(high),
            volume: Quantity::ZERO,
            taker_buy_volume: None,
            trade_count: None,
        };
        ImportedCandle::try_new(Timeframe::M1, at(minute), values).expect("a candle")
    }

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_micros(1_723_161_600_000_000 + minute * 60_000_000)
    }

    fn range(from: i64, to: i64) -> TimeRange {
        TimeRange::try_new(at(from), at(to)).expect("a range")
    }

    fn survey(parts: &[(TimeRange, &[ImportedCandle])]) -> Survey {
        let mut surveyor = Surveyor::new(Timeframe::M1);
        for (covered, candles) in parts {
            surveyor.begin(*covered);
            candles.iter().for_each(|candle| surveyor.add(candle));
            surveyor.finish();
        }
        surveyor.survey()
    }

    #[test]
    fn silence_inside_a_part_is_quiet_and_between_parts_a_hole() {
        let first = [candle(1, ("1", "2")), candle(4, ("1", "2"))];
        let second = [candle(20, ("1", "2"))];
        let found = survey(&[(range(0, 6), &first), (range(20, 21), &second)]);
        assert_eq!((found.candles, found.quiet_periods, found.longest_quiet), (3, 4, 2));
        assert_eq!(found.holes, Places { count: 1, first: vec![range(6, 20)] });
    }

    #[test]
    fn a_price_that_stands_is_a_flat_run() {
        let flat = |count: i64| -> Vec<ImportedCandle> {
            let mut candles = vec![candle(0, ("1", "3"))];
            candles.extend((1..=count).map(|minute| candle(minute, ("3", "3"))));
            candles.push(candle(count + 1, ("3", "4")));
            candles
        };
        assert_eq!(survey(&[(range(0, 11), &flat(9))]).flat_runs.count, 0);
        let found = survey(&[(range(0, 12), &flat(10))]).flat_runs;
        assert_eq!(found, Places { count: 1, first: vec![range(1, 11)] });
        let two = [flat(10), flat(10).into_iter().map(|_| candle(40, ("1", "2"))).take(1).collect()].concat();
        assert_eq!(survey(&[(range(0, 41), &two)]).flat_runs.count, 1);
    }

    #[test]
    fn a_price_far_from_both_neighbours_is_an_outlier() {
        let of = |low, high| {
            let candles = [candle(0, ("10", "11")), candle(1, (low, high)), candle(2, ("9", "12"))];
            survey(&[(range(0, 3), &candles)]).outliers
        };
        assert_eq!(of("10", "14.4").count, 0);
        assert_eq!(of("10", "14.5"), Places { count: 1, first: vec![at(1)] });
        assert_eq!(of("7.5", "10").count, 0);
        assert_eq!(of("7.4", "10").count, 1);
    }
}
