//! The way of an old system's readers from its files to the store: phases, what is recorded of them, and what each asks for.
//!
//! Everything that happens is a [`CutoverRecord`] of one log, which is only added to. [`Cutover`] is what the log comes to: the
//! phase that was reached, and what was found out since. [`Cutover::next`] tells whether the next phase may be entered, by what
//! was recorded and what is so at the moment, and else what is missing and which command provides it.

mod check;
mod state;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::manifest::{RunId, known};
use crate::time::{TimeRange, Timestamp};
use crate::violation::Violations;

pub use check::{Facts, Missing, OldFiles, Refused, Requirements};
pub use state::{ArchiveMade, Cutover, Entered, Shadows};

/// Most bytes of a note, and of the name of who did something.
pub const MAX_NOTE_BYTES: usize = 1_000;
/// Most bytes of a record's text form.
pub const MAX_RECORD_BYTES: usize = 16 << 20;

/// Where a cut-over is. Each phase says what is going on while it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// What is taken in live goes into the old files too.
    DualWrite,
    /// The old files are taken into the store.
    Backfill,
    /// Store and files are compared, run by run.
    Verify,
    /// What readers of the files are told is compared with what the store answers, again and again.
    ShadowReads,
    /// Readers ask the store. The old files are still written, so that there is a way back.
    Switch,
    /// The old files are not written any more.
    Deprecate,
    /// The old files are in an archive.
    Archive,
}

impl Phase {
    /// Every phase, in order.
    pub const ALL: [Self; 7] = [
        Self::DualWrite,
        Self::Backfill,
        Self::Verify,
        Self::ShadowReads,
        Self::Switch,
        Self::Deprecate,
        Self::Archive,
    ];

    /// Its name in a store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DualWrite => "dual_write",
            Self::Backfill => "backfill",
            Self::Verify => "verify",
            Self::ShadowReads => "shadow_reads",
            Self::Switch => "switch",
            Self::Deprecate => "deprecate",
            Self::Archive => "archive",
        }
    }

    /// The phase of a name.
    ///
    /// # Errors
    /// A violation for a name that none has.
    pub fn parse(name: &str) -> Result<Self, Violations> {
        known("cutover.phase", &Self::ALL, Self::as_str, name)
    }

    /// The phase that follows; none after the last one.
    pub fn next(self) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| *phase > self)
    }

    /// The phase before; none before the first one.
    pub fn previous(self) -> Option<Self> {
        Self::ALL.into_iter().rev().find(|phase| *phase < self)
    }

    /// What is to be done, or goes on, while it lasts.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::DualWrite => "candles taken in live go into the old files too",
            Self::Backfill => "the old files are taken into the store",
            Self::Verify => "every run is compared with its files",
            Self::ShadowReads => "answers of the store are compared with the old files",
            Self::Switch => "readers ask onetape; the old files are still written",
            Self::Deprecate => "the old files are not written any more",
            Self::Archive => "the old files are in an archive",
        }
    }

    /// What whoever goes back from it has to see to.
    pub const fn way_back(self) -> &'static str {
        match self {
            Self::DualWrite => {
                "the cut-over is given up: nothing was changed but the old files, which have more candles"
            }
            Self::Backfill => "what was taken in stays: `onetape import rollback RUN` takes it out",
            Self::Verify => "runs may be taken in, or rolled back, again",
            Self::ShadowReads => "runs have to be verified, and then compared anew",
            Self::Switch => "let the readers ask the old files again: they were written all the time",
            Self::Deprecate => {
                "start `onetape collect` with --legacy again: it writes into the old files what they lack since"
            }
            Self::Archive => "the archive stays where it is; a new one may be made",
        }
    }
}

/// The name with spaces, as people read it.
impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.as_str().replace('_', " "))
    }
}

/// Something that happened, in its place in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CutoverRecord {
    /// Its place, from 1 on, without gaps.
    pub number: u64,
    /// When, by the clock of who recorded it.
    pub at: Timestamp,
    /// Who recorded it.
    pub by: String,
    /// What.
    pub event: CutoverEvent,
}

/// What can happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum CutoverEvent {
    /// A phase was entered from the one before it, or the first one from nothing.
    Advanced {
        /// The phase.
        to: Phase,
        /// What allowed it.
        evidence: Evidence,
        /// What the user had to say about it.
        note: String,
    },
    /// A phase was left for the one before it.
    Back {
        /// The phase that was left.
        from: Phase,
        /// What the user had to say about it.
        note: String,
    },
    /// A run was compared with its files, value by value.
    Verified {
        /// The run.
        run: RunId,
        /// Rows that were read of its files.
        rows: u64,
        /// How often files and store differed.
        differences: u64,
        /// The greatest open time of its candles.
        newest: Option<Timestamp>,
    },
    /// Old files were compared with what the store answers.
    Shadowed {
        /// Their folder, absolute.
        folder: String,
        /// Files that were compared.
        files: u64,
        /// Rows that were compared.
        compared: u64,
        /// How often they and the answers differed.
        diverging: u64,
        /// The greatest open time that was compared.
        newest: Option<Timestamp>,
        /// Which part of the files was compared; none: all of them.
        range: Option<TimeRange>,
    },
    /// The old files were packed, and the archive was read back.
    Archived(ArchiveMade),
    /// Files that an archive has were removed from their folder.
    Removed {
        /// The archive.
        archive: String,
        /// The folder.
        folder: String,
        /// How many.
        files: u64,
    },
    /// The files of an archive were put into a folder, and read back.
    Restored {
        /// The archive.
        archive: String,
        /// The folder, absolute.
        folder: String,
        /// Files of it.
        files: u64,
        /// SHA-256 of the archive's list of sums, 64 hexadecimal digits.
        sha256: String,
    },
}

/// What allowed a phase to be entered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Evidence {
    /// The cut-over was begun, of this folder.
    Begun {
        /// The folder of the old files, absolute.
        folder: String,
    },
    /// The old files were as far as the store.
    Written {
        /// How far they were.
        files: OldFiles,
    },
    /// Every run was finished.
    Finished {
        /// The runs that are in the store.
        runs: Vec<RunId>,
    },
    /// Every run was compared without a difference.
    Verified {
        /// Numbers of the records that say so, one a run.
        records: Vec<u64>,
    },
    /// Comparisons of old files with the store's answers found nothing, one after another.
    Shadowed {
        /// What they were.
        shadows: Shadows,
        /// What was asked for.
        required: Requirements,
        /// How far the old files were; none where that was not asked for.
        files: Option<OldFiles>,
    },
    /// The old files are in an archive.
    Archived {
        /// Number of the record that says so.
        record: u64,
    },
}

impl CutoverRecord {
    /// A record for the end of a log.
    ///
    /// # Errors
    /// Violations for a name or a note that is too long or has control characters.
    pub fn try_new(number: u64, at: Timestamp, by: &str, event: CutoverEvent) -> Result<Self, Violations> {
        let mut violations = Violations::default();
        let mut check = |field: &str, text: &str| {
            if text.len() > MAX_NOTE_BYTES || text.chars().any(char::is_control) {
                let rule = format!("must have at most {MAX_NOTE_BYTES} bytes, and no control characters");
                violations.push(field, text, rule);
            }
        };
        check("cutover.by", by);
        if let CutoverEvent::Advanced { note, .. } | CutoverEvent::Back { note, .. } = &event {
            check("cutover.note", note);
        }
        violations.into_result(Self { number, at, by: by.to_owned(), event })
    }
}

impl CutoverEvent {
    /// As a store keeps it: canonical JSON.
    ///
    /// # Errors
    /// A violation where it is longer than [`MAX_RECORD_BYTES`].
    pub fn to_text(&self) -> Result<String, Violations> {
        let text = crate::canonical::to_string(self)
            .map_err(|error| Violations::one("cutover.event", error, "must be JSON"))?;
        if text.len() > MAX_RECORD_BYTES {
            let rule = format!("must have at most {MAX_RECORD_BYTES} bytes");
            return Err(Violations::one("cutover.event", format!("{} bytes", text.len()), rule));
        }
        Ok(text)
    }

    /// The event of a text.
    ///
    /// # Errors
    /// A violation for a text that is none.
    pub fn parse(text: &str) -> Result<Self, Violations> {
        serde_json::from_str(text).map_err(|error| Violations::one("cutover.event", text, error.to_string()))
    }

    /// What happened, as a name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Advanced { .. } => "advanced",
            Self::Back { .. } => "back",
            Self::Verified { .. } => "verified",
            Self::Shadowed { .. } => "shadowed",
            Self::Archived(_) => "archived",
            Self::Removed { .. } => "removed",
            Self::Restored { .. } => "restored",
        }
    }
}
