//! Taking candles in: table after table, batch after batch, from wherever it stands.

use std::collections::BTreeSet;

use onetape_domain::imported::ImportId;
use onetape_domain::instrument::Instrument;
use onetape_domain::manifest::{Decision, Manifest, NewRun, RunId, RunState};
use onetape_domain::time::Timeframe;
use onetape_ports::{LegacySource, StoreErrorKind, with_causes};

use crate::error::MigrationError;
use crate::manager::{DataMigrationManager, settings_of};
use crate::metrics;
use crate::progress::{Progress, Step, Watcher, fraction};
use crate::report::{FailedTable, RunReport};
use crate::table::{Ended, Import};

impl DataMigrationManager {
    /// Takes in what was planned: begins the run, or goes on with the one of this name, table after table. Where every table
    /// was read to its end before, nothing is changed.
    ///
    /// A table that cannot be read on is reported, and those of other candles are taken in; those of the same instrument and
    /// timeframe wait for it, their parts are not finished, and the run stays [`Running`](RunState::Running) until it is resumed or rolled back.
    ///
    /// # Errors
    /// Where the run was removed, or another one has its name, and where the store fails for longer than is waited for.
    pub async fn run(
        &self,
        source: &dyn LegacySource,
        plan: &NewRun,
        watch: &mut Watcher<'_>,
    ) -> Result<RunReport, MigrationError> {
        if !plan.tables.iter().any(|table| matches!(table.decision, Decision::Take { .. })) {
            return Err(MigrationError::NothingToTake { origin: plan.origin.clone() });
        }
        let known = self.known(&plan.id).await?;
        let manifest = match known {
            // The folder may have another name by now.
            Some(known) if (NewRun { origin: known.run.origin.clone(), ..plan.clone() }) == known.run => {
                known
            }
            Some(known) if known.state != RunState::Removed => {
                return Err(MigrationError::Other { run: plan.id.clone() });
            }
            Some(known) => known,
            None => {
                self.refuse_taken(plan).await?;
                let at = self.clock.now();
                let doing = || format!("beginning {}", plan.id);
                self.patient.call(doing, || self.manifests.begin_run(plan, at)).await?
            }
        };
        self.go_on(source, manifest, watch).await
    }

    /// Refuses a run whose parts are in the store already, as in a copy of one that took them in: removing the run would
    /// remove them.
    async fn refuse_taken(&self, plan: &NewRun) -> Result<(), MigrationError> {
        let instruments: BTreeSet<&Instrument> = plan.parts.iter().map(|part| &part.instrument).collect();
        let ids: BTreeSet<&ImportId> = plan.parts.iter().map(|part| &part.id).collect();
        for instrument in instruments {
            let doing = || format!("reading the imports of {instrument}");
            let imports = self.patient.call(doing, || self.imports.imports(instrument)).await?;
            if let Some(import) = imports.into_iter().find(|import| ids.contains(&import.id)) {
                return Err(MigrationError::Taken { run: plan.id.clone(), import: import.id });
            }
        }
        Ok(())
    }

    /// Goes on with a run that was interrupted.
    ///
    /// # Errors
    /// As [`run`](Self::run), and where there is no such run.
    pub async fn resume(
        &self,
        source: &dyn LegacySource,
        run: &RunId,
        watch: &mut Watcher<'_>,
    ) -> Result<RunReport, MigrationError> {
        let manifest = self.manifest(run).await?;
        self.go_on(source, manifest, watch).await
    }

    async fn go_on(
        &self,
        source: &dyn LegacySource,
        manifest: Manifest,
        watch: &mut Watcher<'_>,
    ) -> Result<RunReport, MigrationError> {
        let run = manifest.run.id.clone();
        let refused = |state, rule| Err(MigrationError::State { run: run.clone(), state, rule });
        match manifest.state {
            RunState::Running => {}
            RunState::Finished => return self.outcome(manifest, Vec::new(), 0, false).await,
            RunState::Removing => return refused(RunState::Removing, "roll it back to the end"),
            RunState::Removed => {
                return refused(RunState::Removed, "plan it under another name to take it in again");
            }
        }
        let settings = settings_of(&manifest)?;
        let mut failed = Vec::new();
        // A table counts by its place among those of its candles, so that they wait for one that failed.
        let mut waiting = Vec::new();
        let mut import = Import::new(self, source, &manifest, settings, watch);
        let tables = manifest.run.tables.iter().zip(&manifest.progress).enumerate();
        for (at, (table, progress)) in tables {
            let Decision::Take { instrument, timeframe } = &table.decision else { continue };
            if progress.is_done || import.is_stopped || waiting.contains(&(instrument, *timeframe)) {
                continue;
            }
            let outcome = import.table(at, (instrument, *timeframe), progress).await;
            match outcome {
                Ok(()) => {}
                Err(Ended::Table(reason)) => {
                    waiting.push((instrument, *timeframe));
                    failed.push(FailedTable { path: table.path.clone(), name: table.name.clone(), reason });
                }
                Err(Ended::Everything(error)) => return Err(error),
            }
        }
        let (rows, mut is_stopped) = (import.rows, import.is_stopped);
        if !is_stopped {
            is_stopped = self.finish(&run, rows, &mut failed, watch).await?;
        }
        metrics::left(failed.len());
        let manifest = self.manifest(&run).await?;
        self.outcome(manifest, failed, rows, is_stopped).await
    }

    /// Finishes the parts whose tables were all read to their end, and the run with the last of them; a part that cannot be
    /// finished, such as one whose volumes have no sum, keeps no other from it. Whether it was stopped.
    async fn finish(
        &self,
        run: &RunId,
        rows: u64,
        failed: &mut Vec<FailedTable>,
        watch: &mut Watcher<'_>,
    ) -> Result<bool, MigrationError> {
        let manifest = self.manifest(run).await?;
        let RunReport { tables, parts, .. } = self.outcome(manifest, Vec::new(), 0, false).await?;
        let mut waits: Vec<(&Instrument, Timeframe)> = Vec::new();
        for table in &tables {
            if let (Decision::Take { instrument, timeframe }, false) =
                (&table.table.decision, table.progress.is_done)
            {
                waits.push((instrument, *timeframe));
            }
        }
        let (of_all, mut is_all) = (parts.len() as u64, waits.is_empty());
        for (done, part) in parts.iter().enumerate() {
            if part.place.is_some() || waits.contains(&(&part.instrument, part.timeframe)) {
                continue;
            }
            let fraction = fraction(done as u64, of_all);
            let progress = Progress { step: Step::Finishing, subject: part.id.as_str(), rows, fraction };
            let is_stopped = watch(&progress).is_break();
            let doing = || format!("finishing {}", part.id);
            match self.patient.call(doing, || self.imports.finish_import(&part.id, part.covered)).await {
                Ok(_) => metrics::part_finished(),
                Err(MigrationError::Store { source, .. }) if source.kind() == StoreErrorKind::Data => {
                    is_all = false;
                    let (path, name) = (part.id.to_string(), String::new());
                    failed.push(FailedTable { path, name, reason: with_causes(&source) });
                }
                Err(error) => return Err(error),
            }
            if is_stopped {
                return Ok(true);
            }
        }
        if is_all {
            self.become_state(run, RunState::Finished).await?;
        }
        Ok(false)
    }
}
