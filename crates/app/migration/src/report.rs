//! What a run and a removal came to.

use onetape_domain::imported::{ImportId, Place};
use onetape_domain::instrument::Instrument;
use onetape_domain::manifest::{Decision, Manifest, PlannedTable, RunId, RunState, TableProgress};
use onetape_domain::time::{TimeRange, Timeframe, Timestamp};
use serde::Serialize;

use crate::error::MigrationError;
use crate::manager::DataMigrationManager;

/// What a run came to so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunReport {
    /// Its name.
    pub run: RunId,
    /// The folder.
    pub origin: String,
    /// How far it is.
    pub state: RunState,
    /// When it was begun.
    pub begun_at: Timestamp,
    /// When its state changed last.
    pub changed_at: Timestamp,
    /// Rows that were dealt with in this call; 0 where there was nothing left to do.
    pub rows_now: u64,
    /// Whether it was told to stop before its end.
    pub is_stopped: bool,
    /// Its tables, those that count first.
    pub tables: Vec<TableReport>,
    /// What became of the parts: imports of the store.
    pub parts: Vec<PartReport>,
    /// Tables that could not be read on, in this call.
    pub failed: Vec<FailedTable>,
}

/// A table of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableReport {
    /// As it was planned.
    #[serde(flatten)]
    pub table: PlannedTable,
    /// How far it is.
    pub progress: TableProgress,
}

/// A part of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartReport {
    /// The import.
    pub id: ImportId,
    /// Whose candles.
    pub instrument: Instrument,
    /// Their period.
    pub timeframe: Timeframe,
    /// What it speaks of.
    pub covered: TimeRange,
    /// Where it stands on the instrument's tape; none before it is finished.
    pub place: Option<Place>,
}

/// A table that could not be read on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailedTable {
    /// Its file.
    pub path: String,
    /// Names of the table inside, joined by `/`.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// What a removal came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RemovalReport {
    /// The run.
    pub run: RunId,
    /// How far it is.
    pub state: RunState,
    /// Candles that were removed in this call, those rolled up included.
    pub candles: u64,
    /// Whether it was told to stop before its end.
    pub is_stopped: bool,
}

impl RunReport {
    /// Candles of all tables that were new.
    pub fn new_candles(&self) -> u64 {
        self.tables.iter().map(|table| table.progress.new).sum()
    }

    /// Whether anything was left out that may have been meant to be taken in: a file that cannot be read or is not understood, a
    /// row that is no candle, or one that another contradicts.
    pub fn has_refusals(&self) -> bool {
        let refused = |table: &TableReport| {
            let rows = table.progress.invalid + table.progress.conflicting;
            rows > 0 || is_refusal(&table.table.decision)
        };
        !self.failed.is_empty() || self.tables.iter().any(refused)
    }
}

/// Whether a table was left that may have been meant to be taken in.
pub(crate) fn is_refusal(decision: &Decision) -> bool {
    use onetape_domain::manifest::Left;
    match decision {
        Decision::Take { .. } => false,
        Decision::Leave { why, .. } => !matches!(why, Left::Excluded | Left::NotCandles),
    }
}

impl DataMigrationManager {
    /// What a run came to so far.
    ///
    /// # Errors
    /// Where there is none of this name, or the store fails.
    pub async fn status(&self, run: &RunId) -> Result<RunReport, MigrationError> {
        let manifest = self.manifest(run).await?;
        self.outcome(manifest, Vec::new(), 0, false).await
    }

    pub(crate) async fn outcome(
        &self,
        manifest: Manifest,
        failed: Vec<FailedTable>,
        rows_now: u64,
        is_stopped: bool,
    ) -> Result<RunReport, MigrationError> {
        let Manifest { run, state, begun_at, changed_at, progress } = manifest;
        let mut parts: Vec<PartReport> = Vec::with_capacity(run.parts.len());
        let mut known = (None, Vec::new());
        for part in run.parts {
            if known.0.as_ref() != Some(&part.instrument) {
                let doing = || format!("reading the imports of {}", part.instrument);
                let imports = self.patient.call(doing, || self.imports.imports(&part.instrument)).await?;
                known = (Some(part.instrument.clone()), imports);
            }
            let place = known.1.iter().find(|import| import.id == part.id).map(|import| import.place);
            let onetape_domain::manifest::PlannedPart { id, instrument, timeframe, covered } = part;
            parts.push(PartReport { id, instrument, timeframe, covered, place });
        }
        let tables = run.tables.into_iter().zip(progress);
        let tables = tables.map(|(table, progress)| TableReport { table, progress }).collect();
        let (origin, run) = (run.origin, run.id);
        Ok(RunReport {
            run,
            origin,
            state,
            begun_at,
            changed_at,
            rows_now,
            is_stopped,
            tables,
            parts,
            failed,
        })
    }
}
