//! What a log comes to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{CutoverEvent, CutoverRecord, Evidence, Phase};
use crate::manifest::RunId;
use crate::time::Timestamp;
use crate::violation::Violations;

/// The state of a cut-over: a fold over its log, in memory that grows with the number of runs only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cutover {
    pub(super) last: u64,
    pub(super) folder: Option<String>,
    pub(super) entered: Option<Entered>,
    pub(super) verified: BTreeMap<RunId, LastVerification>,
    pub(super) shadows: Option<Shadows>,
    pub(super) failed: Option<FailedShadow>,
    pub(super) archive: Option<(u64, ArchiveMade)>,
    pub(super) is_removed: bool,
}

/// A phase that was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Entered {
    /// The phase.
    pub phase: Phase,
    /// When it was entered last.
    pub at: Timestamp,
    /// Number of the record that says so.
    pub record: u64,
}

/// The last comparison of a run with its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LastVerification {
    pub(super) record: u64,
    pub(super) differences: u64,
}

/// Comparisons of all old files with the store's answers that found nothing, since the last one that did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shadows {
    /// How many.
    pub count: u64,
    /// Number of the first one's record.
    pub first_record: u64,
    /// When the first one was.
    pub first_at: Timestamp,
    /// Number of the last one's record.
    pub last_record: u64,
    /// When the last one was.
    pub last_at: Timestamp,
    /// The greatest open time that the last one compared.
    pub newest: Option<Timestamp>,
}

/// The last comparison that found something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FailedShadow {
    pub(super) at: Timestamp,
    pub(super) diverging: u64,
}

/// An archive that was made and read back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveMade {
    /// Where it is, absolute.
    pub archive: String,
    /// Of which folder, absolute.
    pub folder: String,
    /// Files in it.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// SHA-256 of its list of sums, 64 hexadecimal digits.
    pub sha256: String,
}

impl Cutover {
    /// What a whole log comes to.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    pub fn of<'a>(log: impl IntoIterator<Item = &'a CutoverRecord>) -> Result<Self, Violations> {
        let mut cutover = Self::default();
        log.into_iter().try_for_each(|record| cutover.apply(record))?;
        Ok(cutover)
    }

    /// Takes in the next record of the log.
    ///
    /// # Errors
    /// A violation for a record that is not the next one, or that does not follow from what came before.
    pub fn apply(&mut self, record: &CutoverRecord) -> Result<(), Violations> {
        let CutoverRecord { number, at, event, .. } = record;
        if *number != self.last + 1 {
            let rule = format!("must be {}, the next one of its log", self.last + 1);
            return Err(Violations::one("cutover.number", number, rule));
        }
        match event {
            CutoverEvent::Advanced { to, evidence, .. } => {
                if to.previous() != self.phase() {
                    let rule = format!("must be entered from the phase before it, not from {}", self.shown());
                    return Err(Violations::one("cutover.phase", to.as_str(), rule));
                }
                if let Evidence::Begun { folder } = evidence {
                    *self = Self { verified: std::mem::take(&mut self.verified), ..Self::default() };
                    self.folder = Some(folder.clone());
                }
                self.enter(Some(*to), *number, *at);
            }
            CutoverEvent::Back { from, .. } => {
                if self.phase() != Some(*from) {
                    let rule = format!("must be the phase that is left, which is {}", self.shown());
                    return Err(Violations::one("cutover.phase", from.as_str(), rule));
                }
                self.enter(from.previous(), *number, *at);
            }
            CutoverEvent::Verified { run, differences, .. } => {
                let verification = LastVerification { record: *number, differences: *differences };
                self.verified.insert(run.clone(), verification);
            }
            CutoverEvent::Shadowed { folder, .. } if self.folder.as_ref() == Some(folder) => {
                self.shadowed(record);
            }
            CutoverEvent::Archived(made) if self.is_deprecated(&made.folder) => {
                self.archive = Some((*number, made.clone()));
            }
            CutoverEvent::Removed { folder, .. } if self.folder.as_ref() == Some(folder) => {
                self.is_removed = true;
            }
            CutoverEvent::Restored { folder, sha256, .. } => {
                let is_last = self.archive.as_ref().is_some_and(|(_, made)| made.sha256 == *sha256);
                if is_last && self.folder.as_ref() == Some(folder) {
                    self.is_removed = false;
                }
            }
            CutoverEvent::Shadowed { .. } | CutoverEvent::Archived(_) | CutoverEvent::Removed { .. } => {}
        }
        self.last = *number;
        Ok(())
    }

    /// What was found out in another phase does not count in this one.
    fn enter(&mut self, phase: Option<Phase>, record: u64, at: Timestamp) {
        (self.shadows, self.failed) = (None, None);
        if phase < Some(Phase::Deprecate) {
            self.archive = None;
        }
        if phase.is_none() {
            self.folder = None;
        }
        self.entered = phase.map(|phase| Entered { phase, at, record });
    }

    /// A comparison of a part of the files counts only where it found something.
    fn shadowed(&mut self, record: &CutoverRecord) {
        let CutoverRecord { number, at, event, .. } = record;
        let CutoverEvent::Shadowed { compared, diverging, newest, range, .. } = event else { return };
        if *diverging > 0 {
            self.shadows = None;
            self.failed = Some(FailedShadow { at: *at, diverging: *diverging });
        } else if *compared > 0 && range.is_none() {
            let before = self.shadows;
            self.shadows = Some(Shadows {
                count: before.map_or(0, |before| before.count) + 1,
                first_record: before.map_or(*number, |before| before.first_record),
                first_at: before.map_or(*at, |before| before.first_at),
                last_record: *number,
                last_at: *at,
                newest: *newest,
            });
        }
    }

    fn shown(&self) -> String {
        self.phase().map_or_else(|| "nothing".to_owned(), |phase| phase.to_string())
    }

    /// Number of the last record; 0 of an empty log.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// The phase that was reached; none before the first one was entered, and after the cut-over was given up.
    pub fn phase(&self) -> Option<Phase> {
        self.entered.map(|entered| entered.phase)
    }

    /// The same with the time when it was reached.
    pub fn entered(&self) -> Option<Entered> {
        self.entered
    }

    /// The folder of the old files, absolute; none where none is being left.
    pub fn folder(&self) -> Option<&str> {
        self.folder.as_deref()
    }

    /// Whether the old files of a folder are not to be written any more.
    pub fn is_deprecated(&self, folder: &str) -> bool {
        self.folder() == Some(folder) && self.phase() >= Some(Phase::Deprecate)
    }

    /// The archive that was made last since the files are not written any more.
    pub fn archive(&self) -> Option<&ArchiveMade> {
        self.archive.as_ref().map(|(_, made)| made)
    }

    /// Comparisons that found nothing in this phase, since the last one that did.
    pub fn shadows(&self) -> Option<&Shadows> {
        self.shadows.as_ref()
    }

    /// Whether the old files were removed, and not put back.
    pub fn is_removed(&self) -> bool {
        self.is_removed
    }
}
