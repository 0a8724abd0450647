//! Rows of a table as a batch for the store: checked, and by the part that they lie in.

use std::collections::BTreeMap;

use onetape_domain::imported::{ImportId, ImportedCandle};
use onetape_domain::manifest::{ColumnSums, PlannedPart, RefusedRow, RowRefusal};
use onetape_domain::time::{Timeframe, Timestamp};
use onetape_domain::validator::{DataValidator, UncheckedCandle};
use onetape_domain::violation::Violations;
use onetape_ports::{LegacyRow, SourcedCandle};

/// Most trades of a candle that are believed, so that sums of many stay in bounds.
const MAX_TRADES: u64 = 1_000_000_000_000;

/// What a row says, as a candle. A candle with a volume has trades: none is an unknown number of them, as old systems write.
pub(crate) fn candle_of(
    timeframe: Timeframe,
    said: Result<UncheckedCandle, Violations>,
) -> Result<ImportedCandle, Violations> {
    let mut said = said?;
    if let Some(count) = said.trade_count.filter(|count| *count > MAX_TRADES) {
        return Err(Violations::one("candle.trade_count", count, format!("must be at most {MAX_TRADES}")));
    }
    if said.trade_count == Some(0) && !said.volume.is_zero() {
        said.trade_count = None;
    }
    DataValidator::validate_imported(timeframe, &said)
}

/// Rows of a table in the making.
#[derive(Debug)]
pub(crate) struct Rows {
    table: u32,
    timeframe: Timeframe,
    /// By row.
    pub(crate) candles: Vec<SourcedCandle>,
    /// By row.
    pub(crate) refused: Vec<RefusedRow>,
    pub(crate) count: u64,
    pub(crate) sums: ColumnSums,
    pub(crate) times: Option<(Timestamp, Timestamp)>,
}

impl Rows {
    /// None yet, in a table whose rows so far have these sums and times.
    pub(crate) fn new(
        table: u32,
        timeframe: Timeframe,
        sums: ColumnSums,
        times: Option<(Timestamp, Timestamp)>,
    ) -> Self {
        Self { table, timeframe, candles: Vec::new(), refused: Vec::new(), count: 0, sums, times }
    }

    pub(crate) fn add(&mut self, LegacyRow { number: row, candle, open_time: _ }: LegacyRow) {
        self.count += 1;
        match candle_of(self.timeframe, candle) {
            Ok(candle) => {
                let open_time = candle.open_time();
                self.sums.add(&candle);
                let (first, last) = self.times.unwrap_or((open_time, open_time));
                self.times = Some((first.min(open_time), last.max(open_time)));
                self.candles.push(SourcedCandle { row, candle });
            }
            Err(reasons) => {
                self.refused.push(RefusedRow { table: self.table, row, why: RowRefusal::Invalid, reasons });
            }
        }
    }
}

/// Candles by their import.
pub(crate) type Divided = Vec<(ImportId, Vec<SourcedCandle>)>;

/// Candles by the part that they lie in, each part once and its candles in their order; `parts` are those of their instrument
/// and timeframe, by time. The row and time of the first that lies in none are the error.
pub(crate) fn divide(
    candles: Vec<SourcedCandle>,
    parts: &[&PlannedPart],
) -> Result<Divided, (u64, Timestamp)> {
    let mut divided = BTreeMap::<usize, Vec<SourcedCandle>>::new();
    let mut candles = candles.into_iter().peekable();
    while let Some(first) = candles.peek() {
        let time = first.candle.open_time();
        let at = parts.partition_point(|part| part.covered.end() <= time);
        let part = parts.get(at).filter(|part| part.covered.contains(time)).ok_or((first.row, time))?;
        let own = divided.entry(at).or_default();
        while let Some(candle) = candles.next_if(|next| part.covered.contains(next.candle.open_time())) {
            own.push(candle);
        }
    }
    Ok(divided.into_iter().map(|(at, own)| (parts[at].id.clone(), own)).collect())
}
