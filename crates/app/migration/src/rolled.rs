//! Candles that the store rolled up from an import, beside what its own candles come to.
//!
//! They are summed up here once more, and not by what stores use for it: a fault there would be in both.

use onetape_domain::candle::Ohlcv;
use onetape_domain::imported::{Import, ImportedCandle, ImportedValues};
use onetape_domain::time::{TimeRange, Timeframe, Timestamp};
use onetape_ports::{ImportedQuery, Selection, differences};

use crate::compare::Differences;
use crate::error::MigrationError;
use crate::manager::DataMigrationManager;
use crate::verification::{Difference, RollUpFault};

/// Coarser candles of a timeframe that are compared at once.
const CHUNK: usize = 8_192;

/// The coarser candles of one import on the way through its own.
pub(crate) struct RollUps<'a> {
    manager: &'a DataMigrationManager,
    import: &'a Import,
    coarser: Vec<Coarser>,
    /// Candles of the store that were compared.
    pub(crate) compared: u64,
}

/// Those of one timeframe.
struct Coarser {
    timeframe: Timeframe,
    /// What has been compared ends here.
    from: Timestamp,
    sum: Option<Sum>,
    /// What should be in the store, oldest first.
    expected: Vec<ImportedCandle>,
}

/// A period in the making.
struct Sum {
    open_time: Timestamp,
    close_time: Timestamp,
    values: ImportedValues,
    /// Whether its numbers have no sum.
    is_lost: bool,
}

impl<'a> RollUps<'a> {
    pub(crate) fn new(manager: &'a DataMigrationManager, import: &'a Import) -> Self {
        let coarser = Timeframe::ALL.into_iter().filter(|timeframe| *timeframe > import.timeframe);
        let coarser = coarser.map(|timeframe| Coarser {
            timeframe,
            from: Timestamp::EARLIEST,
            sum: None,
            expected: Vec::new(),
        });
        Self { manager, import, coarser: coarser.collect(), compared: 0 }
    }

    /// Takes the import's next candle in.
    pub(crate) async fn add(
        &mut self,
        candle: &ImportedCandle,
        differences: &mut Differences,
    ) -> Result<(), MigrationError> {
        let mut is_full = false;
        for coarser in &mut self.coarser {
            is_full |= coarser.add(candle, self.import.covered);
        }
        if is_full { self.compare(false, differences).await } else { Ok(()) }
    }

    /// Compares what is left, up to the end of time.
    pub(crate) async fn finish(&mut self, differences: &mut Differences) -> Result<(), MigrationError> {
        for coarser in &mut self.coarser {
            coarser.end(self.import.covered);
        }
        if self.coarser.is_empty() { Ok(()) } else { self.compare(true, differences).await }
    }

    async fn compare(&mut self, is_all: bool, found: &mut Differences) -> Result<(), MigrationError> {
        let mut selections = [None; 6];
        for coarser in &mut self.coarser {
            let end = match coarser.expected.last() {
                _ if is_all => Timestamp::LATEST,
                Some(last) => coarser.timeframe.close_time(last.open_time()),
                None => continue,
            };
            let range = TimeRange::try_new(coarser.from, end).map(Selection::Range);
            selections[coarser.timeframe.index()] = range.ok();
            coarser.from = end;
        }
        let (instrument, imports) = (self.import.instrument.clone(), vec![self.import.clone()]);
        let query = ImportedQuery { instrument, imports, selections, closed_by: Timestamp::LATEST };
        let doing = || format!("reading what was rolled up from {}", self.import.id);
        let manager = self.manager;
        let mut stored = manager.patient.call(doing, || manager.imports.imported(&query)).await?;
        for coarser in &mut self.coarser {
            let timeframe = coarser.timeframe;
            if selections[timeframe.index()].is_none() {
                continue;
            }
            let stored = std::mem::take(&mut stored[timeframe.index()]);
            let mut stored: Vec<ImportedCandle> = stored.into_iter().map(|row| row.candle).collect();
            stored.sort_unstable_by_key(ImportedCandle::open_time);
            self.compared += stored.len() as u64;
            for (open_time, fault) in faults(&std::mem::take(&mut coarser.expected), &stored) {
                let import = self.import.id.clone();
                found.add(Difference::RollUp { import, timeframe, open_time, fault });
            }
        }
        Ok(())
    }
}

impl Coarser {
    /// Whether there are enough to be compared.
    fn add(&mut self, candle: &ImportedCandle, covered: TimeRange) -> bool {
        if let Some(sum) = self.sum.as_mut().filter(|sum| candle.open_time() < sum.close_time) {
            sum.add(candle.ohlcv());
            return false;
        }
        self.end(covered);
        let open_time = self.timeframe.open_time(candle.open_time());
        let Ohlcv { open, high, low, close, volume, taker_buy_volume, trade_count, first: _, last: _ } =
            *candle.ohlcv();
        let values = ImportedValues { open, high, low, close, volume, taker_buy_volume, trade_count };
        let close_time = self.timeframe.close_time(open_time);
        self.sum = Some(Sum { open_time, close_time, values, is_lost: false });
        self.expected.len() >= CHUNK
    }

    /// Ends a period, which counts if all of it is spoken of.
    fn end(&mut self, covered: TimeRange) {
        let Some(Sum { open_time, close_time, values, is_lost }) = self.sum.take() else { return };
        if !is_lost && covered.start() <= open_time && close_time <= covered.end() {
            self.expected.extend(ImportedCandle::try_new(self.timeframe, open_time, values));
        }
    }
}

impl Sum {
    fn add(&mut self, later: &Ohlcv) {
        let values = &mut self.values;
        values.close = later.close;
        if later.high > values.high {
            values.high = later.high;
        }
        if later.low < values.low {
            values.low = later.low;
        }
        match values.volume.checked_add(later.volume) {
            Some(sum) => values.volume = sum,
            None => self.is_lost = true,
        }
        // Known only where both are.
        values.taker_buy_volume =
            values.taker_buy_volume.zip(later.taker_buy_volume).and_then(|(sum, more)| sum.checked_add(more));
        values.trade_count =
            values.trade_count.zip(later.trade_count).and_then(|(sum, more)| sum.checked_add(more));
    }
}

/// Where two lists of candles, oldest first, are not the same.
fn faults(expected: &[ImportedCandle], stored: &[ImportedCandle]) -> Vec<(Timestamp, RollUpFault)> {
    let mut faults = Vec::new();
    let (mut expected, mut stored) = (expected.iter().peekable(), stored.iter().peekable());
    loop {
        let (ours, theirs) = match (expected.peek(), stored.peek()) {
            (None, None) => return faults,
            (Some(ours), Some(theirs)) => {
                (ours.open_time() <= theirs.open_time(), theirs.open_time() <= ours.open_time())
            }
            (ours, theirs) => (ours.is_some(), theirs.is_some()),
        };
        let ours = if ours { expected.next() } else { None };
        match (ours, if theirs { stored.next() } else { None }) {
            (Some(ours), Some(theirs)) if ours != theirs => {
                faults.push((ours.open_time(), RollUpFault::Values { fields: differences(ours, theirs) }));
            }
            (Some(ours), None) => faults.push((ours.open_time(), RollUpFault::Missing)),
            (None, Some(theirs)) => faults.push((theirs.open_time(), RollUpFault::Extra)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use onetape_domain::decimal::{Price, Quantity};
    use onetape_domain::imported::roll_up_covered;
    use proptest::prelude::*;

    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_micros(1_723_161_600_000_000).plus(minute * Timeframe::M1.micros())
    }

    fn candle(minute: i64, seed: i64) -> ImportedCandle {
        let price = |cents: i64| Price::parse("price", &format!("1.{cents:03}")).expect("a price");
        let close = 100 + (minute * 7_919 + seed).rem_euclid(800);
        let values = ImportedValues {
            open: price(500),
            high: price(close.max(500) + seed % 3),
            low: price(close.min(500)),
            close: price(close),
            volume: Quantity::parse("volume", &format!("0.{close}")).expect("a volume"),
            taker_buy_volume: (seed % 5 > 0).then_some(Quantity::ZERO),
            trade_count: (minute % 11 > 0).then_some(3),
        };
        ImportedCandle::try_new(Timeframe::M1, at(minute), values).expect("a candle")
    }

    #[test]
    fn every_kind_of_fault_is_found() {
        let [a, b, c, other] = [candle(0, 1), candle(1, 1), candle(2, 1), candle(1, 3)];
        let kinds = |expected: &[_], stored: &[_]| -> Vec<(i64, &str)> {
            let faults = faults(expected, stored).into_iter();
            let kind = |fault| match fault {
                RollUpFault::Missing => "missing",
                RollUpFault::Extra => "extra",
                RollUpFault::Values { .. } => "values",
            };
            faults.map(|(time, fault)| (time.since(at(0)) / Timeframe::M1.micros(), kind(fault))).collect()
        };
        assert_eq!(kinds(&[a, b, c], &[a, b, c]), []);
        assert_eq!(kinds(&[a, b], &[b, c]), [(0, "missing"), (2, "extra")]);
        assert_eq!(kinds(&[a, b, c], &[a, other]), [(1, "values"), (2, "missing")]);
    }

    proptest! {
        /// Two ways to the same candles.
        #[test]
        fn they_come_to_what_stores_make_of_them(
            minutes in proptest::collection::btree_set(0_i64..3_000, 1..200),
            seed in 0_i64..50,
            before in 0_i64..100,
            after in 1_i64..100,
        ) {
            let candles: Vec<_> = minutes.iter().map(|minute| candle(*minute, seed)).collect();
            let (first, last) = (*minutes.first().expect("one"), *minutes.last().expect("one"));
            let covered = TimeRange::try_new(at(first - before), at(last + after)).expect("a range");
            for timeframe in Timeframe::ALL.into_iter().filter(|timeframe| *timeframe > Timeframe::M1) {
                let (from, sum, expected) = (Timestamp::EARLIEST, None, Vec::new());
                let mut coarser = Coarser { timeframe, from, sum, expected };
                candles.iter().for_each(|candle| { coarser.add(candle, covered); });
                coarser.end(covered);
                let rolled = roll_up_covered(&candles, covered, timeframe).expect("sums");
                prop_assert_eq!(faults(&coarser.expected, &rolled), Vec::new());
            }
        }
    }
}
