//! Rows of a table as a batch for the store: checked, and settled among themselves.

use onetape_domain::imported::{ImportId, ImportedCandle};
use onetape_domain::manifest::{ColumnSums, PlannedPart, RefusedRow, RowRefusal};
use onetape_domain::time::{Timeframe, Timestamp};
use onetape_domain::validator::{DataValidator, UncheckedCandle};
use onetape_domain::violation::Violations;
use onetape_ports::{LegacyRow, SourcedCandle, differences};

use crate::settings::ConflictPolicy;

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

/// Two rows of a batch that say different things of one candle, where neither may count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Clash {
    pub(crate) rows: (u64, u64),
    pub(crate) open_time: Timestamp,
    pub(crate) reasons: Violations,
}

/// Rows of a table in the making.
#[derive(Debug)]
pub(crate) struct Rows {
    table: u32,
    timeframe: Timeframe,
    candles: Vec<SourcedCandle>,
    refused: Vec<RefusedRow>,
    /// Whether open times have only risen.
    is_sorted: bool,
    pub(crate) count: u64,
    pub(crate) sums: ColumnSums,
    pub(crate) times: Option<(Timestamp, Timestamp)>,
}

/// Rows of a table, settled.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    /// One a period, by open time.
    pub(crate) candles: Vec<SourcedCandle>,
    pub(crate) repeated: u64,
    /// By row.
    pub(crate) refused: Vec<RefusedRow>,
}

impl Rows {
    /// None yet, in a table whose rows so far have these sums and times.
    pub(crate) fn new(
        table: u32,
        timeframe: Timeframe,
        sums: ColumnSums,
        times: Option<(Timestamp, Timestamp)>,
    ) -> Self {
        let (candles, refused) = (Vec::new(), Vec::new());
        Self { table, timeframe, candles, refused, is_sorted: true, count: 0, sums, times }
    }

    pub(crate) fn add(&mut self, LegacyRow { number: row, candle, open_time: _ }: LegacyRow) {
        self.count += 1;
        match candle_of(self.timeframe, candle) {
            Ok(candle) => {
                let open_time = candle.open_time();
                self.is_sorted &= self.candles.last().is_none_or(|last| last.candle.open_time() < open_time);
                self.sums.add(&candle);
                let (first, last) = self.times.unwrap_or((open_time, open_time));
                self.times = Some((first.min(open_time), last.max(open_time)));
                self.candles.push(SourcedCandle { row, candle });
            }
            Err(reasons) => self.refuse(row, RowRefusal::Invalid, reasons),
        }
    }

    fn refuse(&mut self, row: u64, why: RowRefusal, reasons: Violations) {
        self.refused.push(RefusedRow { table: self.table, row, why, reasons });
    }

    /// Leaves one candle a period.
    ///
    /// # Errors
    /// Where two differ and the policy takes neither.
    pub(crate) fn settle(mut self, policy: ConflictPolicy) -> Result<Settled, Clash> {
        let mut rows = std::mem::take(&mut self.candles);
        if self.is_sorted {
            return Ok(Settled { candles: rows, repeated: 0, refused: self.refused });
        }
        // Stable: rows of a period keep their order.
        rows.sort_by_key(|row| row.candle.open_time());
        let (mut candles, mut repeated) = (Vec::<SourcedCandle>::with_capacity(rows.len()), 0);
        for row in rows {
            let Some(kept) =
                candles.last_mut().filter(|kept| kept.candle.open_time() == row.candle.open_time())
            else {
                candles.push(row);
                continue;
            };
            if kept.candle.is_repeated_by(&row.candle) {
                repeated += 1;
                continue;
            }
            let (counts, other) = match policy {
                ConflictPolicy::KeepFirst => (*kept, row),
                ConflictPolicy::KeepLast => (row, *kept),
                ConflictPolicy::Refuse => {
                    let reasons = differences(&kept.candle, &row.candle);
                    let open_time = row.candle.open_time();
                    return Err(Clash { rows: (kept.row, row.row), open_time, reasons });
                }
            };
            *kept = counts;
            let reasons = differences(&counts.candle, &other.candle);
            self.refused.push(RefusedRow {
                table: self.table,
                row: other.row,
                why: RowRefusal::Outvoted,
                reasons,
            });
        }
        self.refused.sort_by_key(|refused| refused.row);
        Ok(Settled { candles, repeated, refused: self.refused })
    }
}

/// Candles by their import.
pub(crate) type Divided = Vec<(ImportId, Vec<SourcedCandle>)>;

/// Candles by the part that they lie in; `parts` are those of their instrument and timeframe, by time. The row and time
/// of the first that lies in none are the error.
pub(crate) fn divide(
    candles: Vec<SourcedCandle>,
    parts: &[&PlannedPart],
) -> Result<Divided, (u64, Timestamp)> {
    let mut divided = Divided::new();
    let mut candles = candles.into_iter().peekable();
    while let Some(first) = candles.peek() {
        let time = first.candle.open_time();
        let at = parts.partition_point(|part| part.covered.end() <= time);
        let part = parts.get(at).filter(|part| part.covered.contains(time)).ok_or((first.row, time))?;
        let mut own = Vec::new();
        while let Some(candle) = candles.next_if(|next| part.covered.contains(next.candle.open_time())) {
            own.push(candle);
        }
        divided.push((part.id.clone(), own));
    }
    Ok(divided)
}
