//! The way back: the candles of a run are removed, and the record of it stays.

use onetape_domain::manifest::{RunId, RunState};

use crate::error::MigrationError;
use crate::manager::DataMigrationManager;
use crate::metrics;
use crate::progress::{Progress, Step, Watcher, fraction};
use crate::report::RemovalReport;

impl DataMigrationManager {
    /// Removes the candles of a run, finished or not: afterwards the store holds what it would hold had the run never been. It
    /// changes what past instants answer, as nothing else does, and is recorded with the run. Removing it again changes nothing.
    ///
    /// # Errors
    /// Where there is no such run, and where the store fails for longer than is waited for; what is left is removed by the next
    /// call.
    pub async fn rollback(
        &self,
        run: &RunId,
        watch: &mut Watcher<'_>,
    ) -> Result<RemovalReport, MigrationError> {
        let manifest = self.manifest(run).await?;
        let report =
            |state, candles, is_stopped| RemovalReport { run: run.clone(), state, candles, is_stopped };
        if manifest.state == RunState::Removed {
            return Ok(report(RunState::Removed, 0, false));
        }
        self.become_state(run, RunState::Removing).await?;
        let (parts, mut candles) = (&manifest.run.parts, 0);
        for (done, part) in parts.iter().enumerate() {
            let fraction = fraction(done as u64, parts.len() as u64);
            let progress =
                Progress { step: Step::Removing, subject: part.id.as_str(), rows: candles, fraction };
            let is_stopped = watch(&progress).is_break();
            let doing = || format!("removing {}", part.id);
            let removed = self.patient.call(doing, || self.imports.remove_import(&part.id)).await?;
            candles += removed;
            metrics::removed(removed);
            // Something is done in every call.
            if is_stopped && removed > 0 {
                return Ok(report(RunState::Removing, candles, true));
            }
        }
        self.become_state(run, RunState::Removed).await?;
        Ok(report(RunState::Removed, candles, false))
    }
}
