//! The record of imports of the naive store.

use async_trait::async_trait;
use futures::{StreamExt, stream};
use onetape_domain::imported::{ImportId, ImportedCandle};
use onetape_domain::manifest::{
    MAX_REFUSED_ROWS, Manifest, NewRun, RefusedRow, RowRefusal, RunId, RunState, TableProgress,
};
use onetape_domain::time::{TimeRange, Timestamp};
use onetape_ports::{
    ImportBatch, ManifestStore, OnConflict, RowStream, StoreError, StoreErrorKind, differences,
};

use crate::naive_store::{Mistake, NaiveStore, State};

/// A run with every refused row, in the order they came.
#[derive(Debug)]
pub(crate) struct Run {
    manifest: Manifest,
    refused: Vec<RefusedRow>,
}

fn refusal(kind: StoreErrorKind, message: impl Into<String>) -> StoreError {
    StoreError::new(kind, "import", message)
}

fn position(state: &State, run: &RunId) -> Result<usize, StoreError> {
    let found = state.runs.iter().position(|other| other.manifest.run.id == *run);
    found.ok_or_else(|| refusal(StoreErrorKind::Invalid, "there is no such run"))
}

/// What is wrong with a batch whatever the store holds.
fn is_unfit(batch: &ImportBatch) -> bool {
    let candles: Vec<_> = batch.candles.iter().flat_map(|(_, own)| own).collect();
    let inside = |row: u64| row >= batch.from_row && row < batch.to_row;
    let twice = |at: usize| batch.candles[..at].iter().any(|(id, _)| *id == batch.candles[at].0);
    let by_row = |own: &[onetape_ports::SourcedCandle]| own.windows(2).all(|pair| pair[0].row < pair[1].row);
    let rows = candles.len() as u64 + batch.refused.len() as u64;
    batch.from_row + rows != batch.to_row
        || !candles.iter().all(|one| inside(one.row))
        || !batch.refused.iter().all(|row| inside(row.row) && row.table == batch.table)
        || (0..batch.candles.len()).any(twice)
        || !batch.candles.iter().all(|(_, own)| by_row(own))
}

/// The candles of a batch put into their parts, with what is counted and refused.
fn put(
    state: &mut State,
    batch: &ImportBatch,
    mistake: Mistake,
) -> Result<(TableProgress, Vec<RefusedRow>), StoreError> {
    let run = position(state, &batch.run)?;
    let NewRun { parts, .. } = state.runs[run].manifest.run.clone();
    let progress = state.runs[run].manifest.progress.get(batch.table as usize).cloned();
    let mut progress = progress.ok_or_else(|| refusal(StoreErrorKind::Invalid, "there is no such table"))?;
    let mut refused = batch.refused.clone();
    for (id, candles) in &batch.candles {
        let conflict = || refusal(StoreErrorKind::Conflict, "no such part");
        parts.iter().find(|part| part.id == *id).ok_or_else(conflict)?;
        let part = state.imports.one(id).map_err(|_| conflict())?;
        if part.finished.is_some() {
            return Err(refusal(StoreErrorKind::Conflict, "the part is finished"));
        }
        for one in candles {
            let key = (part.new.timeframe, one.candle.open_time());
            let Some(stored) = part.candles.get(&key).copied() else {
                part.candles.insert(key, one.candle);
                progress.new += 1;
                continue;
            };
            if stored == one.candle {
                progress.same += 1;
                continue;
            }
            let later = batch.on_conflict == OnConflict::KeepLast && mistake != Mistake::FirstStays;
            let (kept, other) = if later { (one.candle, stored) } else { (stored, one.candle) };
            part.candles.insert(key, kept);
            let (table, row, why) = (batch.table, one.row, RowRefusal::Outvoted);
            refused.push(RefusedRow { table, row, why, reasons: differences(&kept, &other) });
        }
    }
    refused.sort_by_key(|row| row.row);
    let new = refused.iter().find(|row| !batch.refused.contains(row));
    if let Some(RefusedRow { row, reasons, .. }) = new.filter(|_| batch.on_conflict == OnConflict::Refuse) {
        let message = format!("row {row} of table {}: {reasons}", batch.table);
        return Err(refusal(StoreErrorKind::Data, message));
    }
    for row in &refused {
        match row.why {
            RowRefusal::Invalid => progress.invalid += 1,
            RowRefusal::Outvoted => progress.conflicting += 1,
        }
    }
    (progress.first, progress.last) = batch.times.unzip();
    (progress.rows_read, progress.sums, progress.is_done) = (batch.to_row, batch.sums, batch.is_last);
    Ok((progress, refused))
}

#[async_trait]
impl ManifestStore for NaiveStore {
    async fn begin_run(&self, run: &NewRun, at: Timestamp) -> Result<Manifest, StoreError> {
        let state = &mut *self.lock();
        if let Ok(begun) = position(state, &run.id) {
            let manifest = &state.runs[begun].manifest;
            let is_same = manifest.run == *run;
            return if is_same {
                Ok(manifest.clone())
            } else {
                Err(refusal(StoreErrorKind::Conflict, "another"))
            };
        }
        let twice = run
            .parts
            .iter()
            .enumerate()
            .any(|(at, part)| run.parts[..at].iter().any(|other| other.id == part.id));
        if twice || run.tables.iter().any(|table| table.name.contains('\0')) {
            return Err(refusal(StoreErrorKind::Invalid, "the run cannot be"));
        }
        let progress = vec![TableProgress::default(); run.tables.len()];
        let (run, state_of_run) = (run.clone(), RunState::Running);
        let manifest = Manifest { run, state: state_of_run, begun_at: at, changed_at: at, progress };
        let parts: Vec<_> =
            manifest.run.parts.iter().map(|part| part.to_import(&manifest.run.source)).collect();
        let is_another = |import: &onetape_domain::imported::NewImport| {
            state.imports.one(&import.id).is_ok_and(|one| one.new != *import)
        };
        if self.mistake() != Mistake::RunsInPart && parts.clone().iter().any(is_another) {
            return Err(refusal(StoreErrorKind::Conflict, "a part is another import"));
        }
        state.runs.push(Run { manifest: manifest.clone(), refused: Vec::new() });
        for import in &parts {
            state.imports.begin(import)?;
        }
        Ok(manifest)
    }

    async fn runs(&self) -> Result<Vec<(RunId, RunState)>, StoreError> {
        Ok(self.lock().runs.iter().map(|run| (run.manifest.run.id.clone(), run.manifest.state)).collect())
    }

    async fn manifest(&self, run: &RunId) -> Result<Option<Manifest>, StoreError> {
        let state = self.lock();
        Ok(position(&state, run).ok().map(|at| state.runs[at].manifest.clone()))
    }

    async fn set_run_state(&self, run: &RunId, to: RunState, at: Timestamp) -> Result<(), StoreError> {
        let mistake = self.mistake();
        let state = &mut *self.lock();
        let position = position(state, run)?;
        let manifest = &mut state.runs[position].manifest;
        if manifest.state == to {
            return Ok(());
        }
        if !manifest.state.may_become(to) && mistake != Mistake::RunsGoBack {
            return Err(refusal(StoreErrorKind::Conflict, "it goes forward only"));
        }
        (manifest.state, manifest.changed_at) = (to, at);
        Ok(())
    }

    async fn write_import_batch(&self, batch: &ImportBatch) -> Result<TableProgress, StoreError> {
        let mistake = self.mistake();
        if is_unfit(batch) {
            return Err(refusal(StoreErrorKind::Invalid, "the batch cannot be"));
        }
        let state = &mut *self.lock();
        let run = position(state, &batch.run)?;
        let Manifest { state: run_state, progress, .. } = &state.runs[run].manifest;
        let before = progress.get(batch.table as usize).cloned();
        let before = before.ok_or_else(|| refusal(StoreErrorKind::Invalid, "there is no such table"))?;
        let is_written = before.rows_read == batch.to_row
            && (before.is_done, before.sums) == (batch.is_last, batch.sums)
            && before.first.zip(before.last) == batch.times;
        if *run_state != RunState::Running {
            return Err(refusal(StoreErrorKind::Conflict, "the run does not run"));
        }
        if is_written && mistake != Mistake::BatchesTwice {
            return Ok(before);
        }
        if !is_written && (before.is_done || before.rows_read != batch.from_row) {
            return Err(refusal(StoreErrorKind::Conflict, "another batch was to come"));
        }
        let candles = state.imports.clone();
        let written = put(state, batch, mistake);
        let table = batch.table as usize;
        let (progress, refused) = written.inspect_err(|_| {
            state.imports = candles;
            if mistake == Mistake::ProgressFirst {
                state.runs[run].manifest.progress[table].rows_read = batch.to_row;
            }
        })?;
        let kept = before.invalid + before.conflicting;
        let room = if mistake == Mistake::RefusedUnbounded {
            u64::MAX
        } else {
            MAX_REFUSED_ROWS.saturating_sub(kept)
        };
        state.runs[run].refused.extend(refused.into_iter().take(usize::try_from(room).unwrap_or(usize::MAX)));
        state.runs[run].manifest.progress[table] = progress.clone();
        Ok(progress)
    }

    fn stream_refused(&self, run: &RunId) -> RowStream<'_, RefusedRow> {
        let state = self.lock();
        let mut rows = position(&state, run).map(|at| state.runs[at].refused.clone()).unwrap_or_default();
        rows.sort_by_key(|row| (row.table, row.row));
        stream::iter(rows.into_iter().map(Ok)).boxed()
    }

    fn stream_import(&self, id: &ImportId, range: TimeRange) -> RowStream<'_, ImportedCandle> {
        let mut state = self.lock();
        let own = state.imports.one(id).map(|one| {
            let own =
                one.candles.iter().filter(|(key, _)| key.0 == one.new.timeframe && range.contains(key.1));
            own.map(|(_, candle)| *candle).collect::<Vec<_>>()
        });
        stream::iter(own.unwrap_or_default().into_iter().map(Ok)).boxed()
    }

    async fn import_at(
        &self,
        id: &ImportId,
        open_times: &[Timestamp],
    ) -> Result<Vec<ImportedCandle>, StoreError> {
        let mut state = self.lock();
        let Ok(one) = state.imports.one(id) else { return Ok(Vec::new()) };
        let mut times = open_times.to_vec();
        times.sort_unstable();
        times.dedup();
        Ok(times.iter().filter_map(|time| one.candles.get(&(one.new.timeframe, *time)).copied()).collect())
    }
}
