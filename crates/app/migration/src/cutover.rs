//! `CutoverManager`: the phases of a cut-over, recorded in the store with what allowed them.

use std::sync::Arc;

use futures::TryStreamExt as _;
use onetape_domain::cutover::{
    ArchiveMade, Cutover, CutoverEvent, CutoverRecord, Facts, OldFiles, Refused, Requirements,
};
use onetape_domain::time::{TimeRange, Timestamp};
use onetape_domain::violation::Violations;
use onetape_ports::{CutoverStore, ManifestStore, StoreError, StoreErrorKind, WallClock};

use crate::error::MigrationError;
use crate::retry::{PATIENCE, Patient};
use crate::shadow::ShadowReport;
use crate::verification::Verification;

/// How often something that was found out is recorded anew where others record at the same time.
const MAX_ATTEMPTS: usize = 20;

/// A step that is not made, or something that is not recorded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CutoverError {
    /// Something is missing for the step.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Somebody else recorded something between the look at the log and the step.
    #[error("record {number} was added to the log of the cut-over meanwhile, by {by}: {what}")]
    Raced {
        /// Its number.
        number: u64,
        /// Who did.
        by: String,
        /// What it says, as a name.
        what: &'static str,
    },
    /// A note, or the name of who does it, breaks the rules of records.
    #[error("the step cannot be recorded")]
    Invalid(#[source] Violations),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] MigrationError),
}

impl CutoverError {
    /// The store's own error, where it is one.
    pub fn of_store(&self) -> Option<&StoreError> {
        match self {
            Self::Store(MigrationError::Store { source, .. }) => Some(source),
            _ => None,
        }
    }
}

/// Keeps the log of a cut-over.
///
/// Cloning gives another handle to the same store.
#[derive(Debug, Clone)]
pub struct CutoverManager {
    log: Arc<dyn CutoverStore>,
    manifests: Arc<dyn ManifestStore>,
    clock: Arc<dyn WallClock>,
    patient: Patient,
    by: String,
}

impl CutoverManager {
    /// Of a store, through two of its ports; what is recorded is recorded as done `by` somebody.
    pub fn new(
        log: Arc<dyn CutoverStore>,
        manifests: Arc<dyn ManifestStore>,
        clock: Arc<dyn WallClock>,
        by: impl Into<String>,
    ) -> Self {
        let patient = Patient { store: log.to_string(), patience: PATIENCE };
        Self { log, manifests, clock, patient, by: by.into() }
    }

    /// What the log comes to.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn state(&self) -> Result<Cutover, CutoverError> {
        let read = || async {
            let mut cutover = Cutover::default();
            read_on(self.log.as_ref(), &mut cutover).await?;
            Ok(cutover)
        };
        Ok(self.patient.call(|| "reading the log of the cut-over".to_owned(), read).await?)
    }

    /// The records after a number, by number.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn records(&self, after: u64) -> Result<Vec<CutoverRecord>, CutoverError> {
        let read = || self.log.stream_cutover(after).try_collect();
        Ok(self.patient.call(|| "reading the log of the cut-over".to_owned(), read).await?)
    }

    /// Whether the next phase may be entered, without entering it.
    ///
    /// # Errors
    /// [`CutoverError::Refused`] with everything that is missing, and where the store fails.
    pub async fn check(
        &self,
        folder: Option<&str>,
        files: OldFiles,
        required: &Requirements,
    ) -> Result<(), CutoverError> {
        let cutover = self.state().await?;
        cutover.next(folder, &self.facts(files).await?, required)?;
        Ok(())
    }

    /// Enters the next phase: the first one of a folder, absolute.
    ///
    /// # Errors
    /// [`CutoverError::Refused`] with everything that is missing, [`CutoverError::Raced`] where somebody else was faster, and
    /// where the store fails.
    pub async fn advance(
        &self,
        folder: Option<&str>,
        files: OldFiles,
        required: &Requirements,
        note: &str,
    ) -> Result<CutoverRecord, CutoverError> {
        // The log first: what comes into it while the rest is looked at makes the step fail.
        let cutover = self.state().await?;
        let (to, evidence) = cutover.next(folder, &self.facts(files).await?, required)?;
        self.step(&cutover, CutoverEvent::Advanced { to, evidence, note: note.to_owned() }).await
    }

    /// Goes back to the phase before.
    ///
    /// # Errors
    /// As [`advance`](Self::advance).
    pub async fn back(&self, note: &str) -> Result<CutoverRecord, CutoverError> {
        let cutover = self.state().await?;
        let event = cutover.back(note.to_owned())?;
        self.step(&cutover, event).await
    }

    /// Records what a comparison of a run with its files came to.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn verified(&self, found: &Verification) -> Result<CutoverRecord, CutoverError> {
        let doing = || format!("reading what is recorded of {}", found.run);
        let manifest = self.patient.call(doing, || self.manifests.manifest(&found.run)).await?;
        let newest =
            manifest.and_then(|manifest| manifest.progress.iter().filter_map(|table| table.last).max());
        let (run, rows, differences) = (found.run.clone(), found.rows, found.count);
        self.record(CutoverEvent::Verified { run, rows, differences, newest }).await
    }

    /// Records what a comparison of old files with the store's answers came to: of the files of a folder, absolute, or of
    /// rows in a range of them.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn shadowed(
        &self,
        folder: &str,
        range: Option<TimeRange>,
        report: &ShadowReport,
    ) -> Result<CutoverRecord, CutoverError> {
        let newest: Option<Timestamp> = report.files.iter().filter_map(|file| file.last).max();
        let event = CutoverEvent::Shadowed {
            folder: folder.to_owned(),
            files: report.files.len() as u64,
            compared: report.compared(),
            diverging: report.diverging(),
            newest,
            range,
        };
        self.record(event).await
    }

    /// Records an archive that was made and read back.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn archived(&self, made: ArchiveMade) -> Result<CutoverRecord, CutoverError> {
        self.record(CutoverEvent::Archived(made)).await
    }

    /// Records that files of a folder were removed which an archive has, or are about to be.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn removed(&self, made: &ArchiveMade) -> Result<CutoverRecord, CutoverError> {
        let ArchiveMade { archive, folder, files, .. } = made.clone();
        self.record(CutoverEvent::Removed { archive, folder, files }).await
    }

    /// Records that the files of an archive are in a folder, as they were.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn restored(&self, made: &ArchiveMade) -> Result<CutoverRecord, CutoverError> {
        let ArchiveMade { archive, folder, files, sha256, .. } = made.clone();
        self.record(CutoverEvent::Restored { archive, folder, files, sha256 }).await
    }

    async fn facts(&self, files: OldFiles) -> Result<Facts, CutoverError> {
        let runs = self.patient.call(|| "listing imports".to_owned(), || self.manifests.runs()).await?;
        Ok(Facts { runs, files })
    }

    /// A step follows from the whole log before it.
    async fn step(&self, cutover: &Cutover, event: CutoverEvent) -> Result<CutoverRecord, CutoverError> {
        match self.append(cutover.last(), event).await {
            Err(error) if is_conflict(&error) => {
                let since = self.records(cutover.last()).await?;
                match since.into_iter().next() {
                    Some(CutoverRecord { number, by, event, .. }) => {
                        Err(CutoverError::Raced { number, by, what: event.name() })
                    }
                    None => Err(error),
                }
            }
            added => added,
        }
    }

    /// What was found out is so wherever it stands.
    async fn record(&self, event: CutoverEvent) -> Result<CutoverRecord, CutoverError> {
        let mut attempt = 1;
        loop {
            let last = self.state().await?.last();
            match self.append(last, event.clone()).await {
                Err(error) if is_conflict(&error) && attempt < MAX_ATTEMPTS => attempt += 1,
                added => return added,
            }
        }
    }

    async fn append(&self, last: u64, event: CutoverEvent) -> Result<CutoverRecord, CutoverError> {
        let record = CutoverRecord::try_new(last + 1, self.clock.now(), &self.by, event);
        let record = record.map_err(CutoverError::Invalid)?;
        let doing = || "adding to the log of the cut-over".to_owned();
        self.patient.call(doing, || self.log.append_cutover(&record)).await?;
        Ok(record)
    }
}

fn is_conflict(error: &CutoverError) -> bool {
    error.of_store().is_some_and(|error| error.kind() == StoreErrorKind::Conflict)
}

/// Takes what a log has more than a state knows into it.
pub(crate) async fn read_on(store: &dyn CutoverStore, cutover: &mut Cutover) -> Result<(), StoreError> {
    let mut records = store.stream_cutover(cutover.last());
    while let Some(record) = records.try_next().await? {
        cutover.apply(&record).map_err(|violations| {
            let message = format!("the log of the cut-over contradicts itself: {violations}");
            StoreError::new(StoreErrorKind::Data, "read the log of the cut-over", message)
        })?;
    }
    Ok(())
}
