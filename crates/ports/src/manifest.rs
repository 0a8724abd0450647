//! The record of imports: what is taken over, how far it is, and the way back.

mod outcome;

use std::fmt::{Debug, Display};

use async_trait::async_trait;
use onetape_domain::imported::{ImportId, ImportedCandle};
use onetape_domain::manifest::{ColumnSums, Manifest, NewRun, RefusedRow, RunId, RunState, TableProgress};
use onetape_domain::time::{TimeRange, Timestamp};
use onetape_domain::violation::Violations;

use crate::error::StoreError;
use crate::store::RowStream;

pub use outcome::{BatchOutcome, SortedCandles, check_run, check_state};

/// Which of two rows of one candle counts where they differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OnConflict {
    /// The one that was there first.
    KeepFirst,
    /// The one that comes later.
    KeepLast,
    /// Neither: the batch fails with [`Data`](crate::StoreErrorKind::Data), and names the first that differs.
    Refuse,
}

/// A candle with its place in the table it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourcedCandle {
    /// The row, from 0 on.
    pub row: u64,
    /// What it says.
    pub candle: ImportedCandle,
}

/// Rows of a table, all that lie between two places in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportBatch {
    /// The run.
    pub run: RunId,
    /// Position of the table in it.
    pub table: u32,
    /// The first row.
    pub from_row: u64,
    /// The first row after it.
    pub to_row: u64,
    /// Candles by the part they belong to, each part once, its candles by row. Several may be of one open time.
    pub candles: Vec<(ImportId, Vec<SourcedCandle>)>,
    /// Rows of the batch that are no candles, by row. With the candles they MUST be all rows.
    pub refused: Vec<RefusedRow>,
    /// What counts where a candle is there already with other values.
    pub on_conflict: OnConflict,
    /// Sums over the candles of the whole table up to the end of the batch, those that repeat or do not count included.
    pub sums: ColumnSums,
    /// Least and greatest open time among these candles so far, in the whole table.
    pub times: Option<(Timestamp, Timestamp)>,
    /// Whether the table ends with it.
    pub is_last: bool,
}

/// Keeps the record of imports, and takes their candles in.
///
/// The parts of a run are imports of the store ([`ImportStore`](crate::ImportStore)): they are finished and removed one by
/// one there, and readers see each from then on.
#[async_trait]
pub trait ManifestStore: Display + Debug + Send + Sync + 'static {
    /// Records a run, `Running`, with every table at its beginning, and begins each of its parts as an import, all in one
    /// transaction. Beginning the same run again MUST change nothing; another one of its name MUST be refused with
    /// [`Conflict`](crate::StoreErrorKind::Conflict). More tables or parts than a run may have, and texts with a NUL, MUST be
    /// refused with [`Invalid`](crate::StoreErrorKind::Invalid). `at` is the time of day.
    async fn begin_run(&self, run: &NewRun, at: Timestamp) -> Result<Manifest, StoreError>;

    /// The runs with their states, oldest first.
    async fn runs(&self) -> Result<Vec<(RunId, RunState)>, StoreError>;

    /// A run with all that is recorded of it.
    async fn manifest(&self, run: &RunId) -> Result<Option<Manifest>, StoreError>;

    /// Moves a run to another state, where [`RunState::may_become`] allows it, else it MUST fail with
    /// [`Conflict`](crate::StoreErrorKind::Conflict). The state that it is in already MUST be accepted and change nothing.
    async fn set_run_state(&self, run: &RunId, state: RunState, at: Timestamp) -> Result<(), StoreError>;

    /// Writes a batch: candles, refused rows and progress in one transaction, and returns the table's progress after it.
    ///
    /// - All of it MUST become visible at once or not at all, also when the call is cancelled.
    /// - `from_row` MUST be the table's `rows_read`; where that is `to_row` already and the batch was written before, the
    ///   call MUST succeed and change nothing; else it MUST fail with [`Conflict`](crate::StoreErrorKind::Conflict).
    /// - Whatever rows of a table a batch holds, the outcome MUST be that of as many batches of a row each.
    /// - A candle that its part has already, or that a row before it has, MUST be counted as the same where every value that it says is equal
    ///   ([`ImportedCandle::is_repeated_by`]), and the one that is there stays; else as conflicting: then the policy says which
    ///   of them stays, and the other one MUST be recorded as
    ///   [`Outvoted`](onetape_domain::manifest::RowRefusal::Outvoted) under the row of the batch, with both values of each
    ///   field that differs.
    /// - No more than [`MAX_REFUSED_ROWS`](onetape_domain::manifest::MAX_REFUSED_ROWS) of a table MUST be kept, the first ones.
    /// - A part that the run does not have or that is finished, and a run that is not `Running`, MUST be refused with
    ///   [`Conflict`](crate::StoreErrorKind::Conflict); a part that is named twice with
    ///   [`Invalid`](crate::StoreErrorKind::Invalid).
    async fn write_import_batch(&self, batch: &ImportBatch) -> Result<TableProgress, StoreError>;

    /// The refused rows of a run that were kept, by table, then row.
    fn stream_refused(&self, run: &RunId) -> RowStream<'_, RefusedRow>;

    /// The candles of an import's own timeframe, finished or not, whose open time lies in the range, oldest first.
    fn stream_import(&self, id: &ImportId, range: TimeRange) -> RowStream<'_, ImportedCandle>;

    /// Those of them that open at these instants, in any order: at most as many as there are instants.
    async fn import_at(
        &self,
        id: &ImportId,
        open_times: &[Timestamp],
    ) -> Result<Vec<ImportedCandle>, StoreError>;
}

/// The fields in which two candles of one open time differ, each with the value that counts and the one that does not.
pub fn differences(kept: &ImportedCandle, other: &ImportedCandle) -> Violations {
    let mut violations = Violations::default();
    let (a, b) = (kept.ohlcv(), other.ohlcv());
    let mut differ = |field: &str, kept: String, other: String| {
        if kept != other {
            violations.push(field, other, format!("is {kept} in the row that counts"));
        }
    };
    differ("candle.open", a.open.to_string(), b.open.to_string());
    differ("candle.high", a.high.to_string(), b.high.to_string());
    differ("candle.low", a.low.to_string(), b.low.to_string());
    differ("candle.close", a.close.to_string(), b.close.to_string());
    differ("candle.volume", a.volume.to_string(), b.volume.to_string());
    let shown = |count: Option<u64>| count.map_or_else(|| "unknown".to_owned(), |count| count.to_string());
    differ("candle.trade_count", shown(a.trade_count), shown(b.trade_count));
    let shown = |volume: Option<onetape_domain::decimal::Quantity>| {
        volume.map_or_else(|| "unknown".to_owned(), |volume| volume.to_string())
    };
    differ("candle.taker_buy_volume", shown(a.taker_buy_volume), shown(b.taker_buy_volume));
    violations
}
