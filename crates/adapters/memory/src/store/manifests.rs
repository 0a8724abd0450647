//! The record of imports.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use async_trait::async_trait;
use futures::{StreamExt, stream};
use onetape_domain::imported::{ImportId, ImportedCandle};
use onetape_domain::instrument::Instrument;
use onetape_domain::manifest::{Manifest, NewRun, RefusedRow, RunId, RunState, TableProgress};
use onetape_domain::time::{TimeRange, Timestamp};
use onetape_ports::manifest::{check_run, check_state};
use onetape_ports::{ImportBatch, ManifestStore, RowStream, StoreError, StoreErrorKind};

use super::{MemoryStore, archive};

const OPERATION: &str = "record an import";
/// Candles taken from the store at once by a stream.
const PAGE: usize = 5_000;

/// A run with its refused rows by table and row.
#[derive(Debug)]
pub(super) struct Run {
    manifest: Manifest,
    parts: BTreeSet<ImportId>,
    refused: BTreeMap<(u32, u64), RefusedRow>,
}

/// Runs in the order in which they were begun.
#[derive(Debug, Default)]
pub(super) struct Runs(Vec<Run>);

impl Runs {
    fn find(&self, id: &RunId) -> Option<&Run> {
        self.0.iter().find(|run| run.manifest.run.id == *id)
    }

    fn get(&mut self, id: &RunId) -> Result<&mut Run, StoreError> {
        let missing = || StoreError::new(StoreErrorKind::Invalid, OPERATION, format!("there is no run {id}"));
        self.0.iter_mut().find(|run| run.manifest.run.id == *id).ok_or_else(missing)
    }
}

fn conflict(message: String) -> StoreError {
    StoreError::new(StoreErrorKind::Conflict, OPERATION, message)
}

#[async_trait]
impl ManifestStore for MemoryStore {
    async fn begin_run(&self, run: &NewRun, at: Timestamp) -> Result<Manifest, StoreError> {
        check_run(run)?;
        let instruments: BTreeSet<&Instrument> = run.parts.iter().map(|part| &part.instrument).collect();
        let tape =
            |instrument: &Instrument| self.inner.tapes.write().entry(instrument.clone()).or_default().clone();
        let tapes: Vec<_> = instruments.into_iter().map(tape).collect();
        let tapes: Vec<_> = tapes.iter().map(|tape| tape.read()).collect();
        let mut imports = self.inner.imports.write();
        if let Some(begun) = imports.runs.find(&run.id) {
            return match begun.manifest.run == *run {
                true => Ok(begun.manifest.clone()),
                false => Err(conflict(format!("run {} was begun with other tables or settings", run.id))),
            };
        }
        if let Some(load) = tapes.iter().find_map(|tape| tape.load.as_ref()) {
            return Err(archive::under_way(OPERATION, load));
        }
        let parts: Vec<_> = run.parts.iter().map(|part| part.to_import(&run.source)).collect();
        parts.iter().try_for_each(|part| imports.check(part))?;
        parts.iter().try_for_each(|part| imports.begin(part))?;
        let progress = vec![TableProgress::default(); run.tables.len()];
        let (run, state) = (run.clone(), RunState::Running);
        let parts = parts.into_iter().map(|part| part.id).collect();
        let manifest = Manifest { run, state, begun_at: at, changed_at: at, progress };
        imports.runs.0.push(Run { manifest: manifest.clone(), parts, refused: BTreeMap::new() });
        Ok(manifest)
    }

    async fn runs(&self) -> Result<Vec<(RunId, RunState)>, StoreError> {
        let imports = self.inner.imports.read();
        let runs =
            imports.runs.0.iter().map(|Run { manifest, .. }| (manifest.run.id.clone(), manifest.state));
        Ok(runs.collect())
    }

    async fn manifest(&self, run: &RunId) -> Result<Option<Manifest>, StoreError> {
        Ok(self.inner.imports.read().runs.find(run).map(|run| run.manifest.clone()))
    }

    async fn set_run_state(&self, run: &RunId, state: RunState, at: Timestamp) -> Result<(), StoreError> {
        let mut imports = self.inner.imports.write();
        let manifest = &mut imports.runs.get(run)?.manifest;
        if check_state(manifest.state, state)? {
            (manifest.state, manifest.changed_at) = (state, at);
        }
        Ok(())
    }

    async fn write_import_batch(&self, batch: &ImportBatch) -> Result<TableProgress, StoreError> {
        batch.check()?;
        let mut imports = self.inner.imports.write();
        let imports = &mut *imports;
        let run = imports.runs.get(&batch.run)?;
        let progress = run.manifest.progress.get_mut(batch.table as usize).ok_or_else(|| {
            let message = format!("run {} has no table {}", batch.run, batch.table);
            StoreError::new(StoreErrorKind::Invalid, OPERATION, message)
        })?;
        if !batch.continues(run.manifest.state, progress)? {
            return Ok(progress.clone());
        }
        let mut sorted = Vec::with_capacity(batch.candles.len());
        for (part, candles) in &batch.candles {
            let stored = imports.by_id.get(part).filter(|_| run.parts.contains(part));
            let stored = batch.open_part(part, stored, |stored| stored.is_finished())?;
            sorted.push(batch.sort_out(candles, |open_time| stored.own().get(&open_time).copied()));
        }
        let outcome = batch.outcome(progress, &sorted)?;
        for ((part, _), sorted) in batch.candles.iter().zip(sorted) {
            let candles = sorted.new.into_iter().chain(sorted.replacing);
            let stored = imports.by_id.get_mut(part).into_iter();
            stored.for_each(|stored| stored.put(candles.clone()));
        }
        run.refused.extend(outcome.refused.into_iter().map(|row| ((row.table, row.row), row)));
        *progress = outcome.progress;
        Ok(progress.clone())
    }

    fn stream_refused(&self, run: &RunId) -> RowStream<'_, RefusedRow> {
        let imports = self.inner.imports.read();
        let run = imports.runs.find(run);
        let rows: Vec<_> = run.map(|run| run.refused.values().cloned().collect()).unwrap_or_default();
        stream::iter(rows.into_iter().map(Ok)).boxed()
    }

    fn stream_import(&self, id: &ImportId, range: TimeRange) -> RowStream<'_, ImportedCandle> {
        let pages = stream::unfold(
            (id.clone(), Some(Bound::Included(range.start()))),
            move |(id, from)| async move {
                let from = from?;
                let imports = self.inner.imports.read();
                let own = imports.by_id.get(&id)?.own();
                let page = own.range((from, Bound::Excluded(range.end()))).take(PAGE);
                let page: Vec<ImportedCandle> = page.map(|(_, candle)| *candle).collect();
                let last =
                    page.last().filter(|_| page.len() == PAGE).map(|last| Bound::Excluded(last.open_time()));
                drop(imports);
                Some((stream::iter(page.into_iter().map(Ok)), (id, last)))
            },
        );
        pages.flatten().boxed()
    }

    async fn import_at(
        &self,
        id: &ImportId,
        open_times: &[Timestamp],
    ) -> Result<Vec<ImportedCandle>, StoreError> {
        let imports = self.inner.imports.read();
        let Some(stored) = imports.by_id.get(id) else { return Ok(Vec::new()) };
        let times: BTreeSet<&Timestamp> = open_times.iter().collect();
        Ok(times.into_iter().filter_map(|time| stored.own().get(time).copied()).collect())
    }
}
