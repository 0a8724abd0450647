//! `DataMigrationManager`: what is planned, taken in, compared and removed, between a folder and a store.

use std::sync::Arc;
use std::time::Duration;

use onetape_domain::manifest::{Manifest, RefusedRow, RunId, RunState};
use onetape_ports::{ImportStore, ManifestStore, WallClock};

use crate::error::MigrationError;
use crate::retry::{PATIENCE, Patient};
use crate::settings::Settings;
use crate::table::BATCH_ROWS;

/// The seed's `DataMigrationManager`: keeps the imports of a store.
///
/// Cloning gives another handle to the same store.
#[derive(Debug, Clone)]
pub struct DataMigrationManager {
    pub(crate) manifests: Arc<dyn ManifestStore>,
    pub(crate) imports: Arc<dyn ImportStore>,
    pub(crate) clock: Arc<dyn WallClock>,
    pub(crate) patient: Patient,
    pub(crate) batch_rows: u64,
}

impl DataMigrationManager {
    /// Of a store, through two of its ports.
    pub fn new(
        manifests: Arc<dyn ManifestStore>,
        imports: Arc<dyn ImportStore>,
        clock: Arc<dyn WallClock>,
    ) -> Self {
        let patient = Patient { store: manifests.to_string(), patience: PATIENCE };
        Self { manifests, imports, clock, patient, batch_rows: BATCH_ROWS }
    }

    /// Rows that are written in one transaction; [`BATCH_ROWS`] unless set.
    #[must_use]
    pub fn with_batch_rows(mut self, rows: u64) -> Self {
        self.batch_rows = rows.clamp(1, 16 * BATCH_ROWS);
        self
    }

    /// How long a failing store is asked again, pauses added up; 5 minutes unless set.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patient.patience = patience;
        self
    }

    /// The runs with their states, oldest first.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn runs(&self) -> Result<Vec<(RunId, RunState)>, MigrationError> {
        self.patient.call(|| "listing imports".to_owned(), || self.manifests.runs()).await
    }

    /// What is recorded of a run.
    ///
    /// # Errors
    /// Where there is none of this name, or the store fails.
    pub async fn manifest(&self, run: &RunId) -> Result<Manifest, MigrationError> {
        match self.known(run).await? {
            Some(manifest) => Ok(manifest),
            None => {
                let known = self.runs().await?.into_iter().map(|(run, _)| run).collect();
                Err(MigrationError::UnknownRun { run: run.clone(), known })
            }
        }
    }

    /// The run that is meant where none is named: the only one, or the only one in one of these states.
    ///
    /// # Errors
    /// Where there is none such, or more than one, or the store fails.
    pub async fn only(&self, states: &[RunState]) -> Result<RunId, MigrationError> {
        let runs = self.runs().await?;
        let mut meant = runs.iter().filter(|(_, state)| states.contains(state));
        match (meant.next(), meant.next()) {
            (Some((run, _)), None) => Ok(run.clone()),
            (None, _) if !runs.is_empty() => {
                Err(MigrationError::NoneSuch { wanted: states.to_vec(), known: runs })
            }
            _ => Err(MigrationError::WhichRun { known: runs.into_iter().map(|(run, _)| run).collect() }),
        }
    }

    /// The first refused rows of a run that are kept, by table, then row.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn refused(&self, run: &RunId, most: usize) -> Result<Vec<RefusedRow>, MigrationError> {
        use futures::{StreamExt as _, TryStreamExt as _};
        let read = || async { self.manifests.stream_refused(run).take(most).try_collect().await };
        self.patient.call(|| format!("reading refused rows of {run}"), read).await
    }

    pub(crate) async fn known(&self, run: &RunId) -> Result<Option<Manifest>, MigrationError> {
        self.patient
            .call(|| format!("reading what is recorded of {run}"), || self.manifests.manifest(run))
            .await
    }

    pub(crate) async fn become_state(&self, run: &RunId, state: RunState) -> Result<(), MigrationError> {
        let at = self.clock.now();
        let doing = || format!("recording that {run} is {}", state.as_str());
        self.patient.call(doing, || self.manifests.set_run_state(run, state, at)).await
    }
}

/// What was chosen of a run, as it is recorded.
pub(crate) fn settings_of(manifest: &Manifest) -> Result<Settings, MigrationError> {
    serde_json::from_str(&manifest.run.settings)
        .map_err(|source| MigrationError::Settings { run: manifest.run.id.clone(), source })
}
