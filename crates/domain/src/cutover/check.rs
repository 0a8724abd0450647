//! What each phase asks for before it is entered.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Cutover, CutoverEvent, Evidence, Phase};
use crate::manifest::{RunId, RunState};
use crate::time::{SECOND, Timestamp};

/// Names of many that an error shows.
const SHOWN: usize = 5;

/// How much a user wants to be sure of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requirements {
    /// Comparisons without a divergence before readers are switched.
    pub shadow_reports: u64,
    /// Seconds from the first of them to the last one.
    pub shadow_seconds: u64,
    /// Seconds that a candle may be in the store before it is in the old files.
    pub behind_seconds: u64,
}

impl Default for Requirements {
    /// Three comparisons over a day; a large file is written anew every few minutes only, so a quarter of an hour.
    fn default() -> Self {
        Self { shadow_reports: 3, shadow_seconds: 24 * 3_600, behind_seconds: 900 }
    }
}

/// How far the old files are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OldFiles {
    /// Files that have every candle of the store that they are to have, or will have it soon.
    pub files: u64,
    /// Files that are not there, although the store has candles for them.
    pub missing: Vec<String>,
    /// The file that is behind the most, and the microseconds since the first candle that it lacks closed.
    pub behind: Option<(String, u64)>,
    /// The greatest open time in any of them.
    pub newest: Option<Timestamp>,
}

/// What is so at the moment, and stands in no log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The runs of the store's imports.
    pub runs: Vec<(RunId, RunState)>,
    /// How far the old files are.
    pub files: OldFiles,
}

/// Something without which a phase is not entered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "missing", rename_all = "snake_case")]
pub enum Missing {
    /// Nobody said which folder is to be left.
    Folder,
    /// The cut-over is one of another folder.
    OtherFolder {
        /// The one it is of.
        folder: String,
    },
    /// The store has no candle that the old files could have.
    NothingWritten,
    /// Old files are not there.
    Files {
        /// Their names.
        files: Vec<String>,
    },
    /// Old files lack candles for longer than they may.
    Behind {
        /// The file that lacks one for the longest time.
        file: String,
        /// For how long, in microseconds.
        micros: u64,
        /// For how long it may, in seconds.
        most: u64,
    },
    /// Nothing was taken in.
    Run,
    /// Runs are not finished, or not removed as a whole.
    Unfinished {
        /// The runs.
        runs: Vec<RunId>,
    },
    /// Runs were not compared with their files.
    Unverified {
        /// The runs.
        runs: Vec<RunId>,
    },
    /// A run and its files differ.
    Different {
        /// The run.
        run: RunId,
        /// How often they did when they were compared last.
        differences: u64,
    },
    /// There are too few comparisons of the old files with the store's answers since this phase was entered.
    Shadows {
        /// How many there are, since the last one that found something.
        count: u64,
        /// How many there have to be.
        required: u64,
        /// The last one that found something, and how much.
        failed: Option<(Timestamp, u64)>,
    },
    /// They do not lie far enough apart.
    ShadowTime {
        /// Seconds from the first to the last one.
        seconds: u64,
        /// Seconds that have to lie between them.
        required: u64,
    },
    /// The old files are still written.
    Ended,
    /// The old files are in no archive.
    Archive,
    /// The old files were removed.
    RemovedFiles {
        /// Where they are.
        archive: String,
        /// Where they were.
        folder: String,
    },
    /// No phase was reached yet.
    NotBegun,
    /// No phase follows.
    Done,
}

impl Missing {
    /// The command that provides it.
    pub fn command(&self) -> String {
        match self {
            Self::Folder | Self::NotBegun => "`onetape cutover advance FOLDER` names the folder of the old files".to_owned(),
            Self::OtherFolder { .. } => {
                "leave the folder out; `onetape cutover back` from the first phase gives the cut-over up".to_owned()
            }
            Self::NothingWritten | Self::Files { .. } | Self::Behind { .. } => {
                "`onetape collect --legacy FOLDER` writes them; its log names files that fail, and --behind allows for more"
                    .to_owned()
            }
            Self::Run => "`onetape import run FOLDER` takes old files in".to_owned(),
            Self::Unfinished { runs } => {
                format!("`onetape import resume {0}` goes on, `onetape import rollback {0}` gives it up", first(runs))
            }
            Self::Unverified { runs } => format!("`onetape import verify {}` compares", first(runs)),
            Self::Different { run, .. } => format!(
                "`onetape import verify {run}` shows the differences, `onetape import rollback {run}` takes it out"
            ),
            Self::Shadows { .. } | Self::ShadowTime { .. } => {
                "`onetape cutover shadow FOLDER`, without --from and --to, makes one; --reports and --over ask for less"
                    .to_owned()
            }
            Self::Ended => "`onetape cutover advance` leads to the phase in which they are not".to_owned(),
            Self::Archive => "`onetape cutover archive ARCHIVE` makes one".to_owned(),
            Self::RemovedFiles { archive, folder } => {
                format!("`onetape cutover restore {archive} {folder}` puts them back")
            }
            Self::Done => "`onetape cutover status` shows the way here, `onetape cutover back` leads back".to_owned(),
        }
    }
}

fn first(runs: &[RunId]) -> &str {
    runs.first().map_or("RUN", RunId::as_str)
}

fn listed<T: fmt::Display>(names: &[T]) -> String {
    let shown: Vec<String> = names.iter().take(SHOWN).map(ToString::to_string).collect();
    let more = if names.len() > SHOWN { format!(" and {} more", names.len() - SHOWN) } else { String::new() };
    shown.join(", ") + &more
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |seconds: &u64| format!("{:?}", Duration::from_secs(*seconds));
        match self {
            Self::Folder => f.write_str("the folder of the old files is not named"),
            Self::OtherFolder { folder } => write!(f, "the cut-over is one of {folder}"),
            Self::NothingWritten => {
                f.write_str("the store has taken in no candle live that the old files could have")
            }
            Self::Files { files } => write!(f, "old files are missing: {}", listed(files)),
            Self::Behind { file, micros, most } => write!(
                f,
                "{file} lacks a candle that closed {} before the store's clock, and {} are allowed",
                seconds(&(micros / SECOND.unsigned_abs())),
                seconds(most)
            ),
            Self::Run => f.write_str("no run of an import is finished"),
            Self::Unfinished { runs } => write!(f, "runs are not finished: {}", listed(runs)),
            Self::Unverified { runs } => write!(f, "runs were not verified: {}", listed(runs)),
            Self::Different { run, differences } => {
                write!(f, "{run} differed from its files {differences} times when it was verified last")
            }
            Self::Shadows { count, required, failed } => {
                write!(f, "{count} of {required} comparisons of all old files without a divergence")?;
                match failed {
                    Some((at, diverging)) => write!(f, " since the one of {at}, which found {diverging}"),
                    None => f.write_str(" since this phase began"),
                }
            }
            Self::ShadowTime { seconds: between, required } => write!(
                f,
                "{} from the first comparison to the last one, and {} are asked for",
                seconds(between),
                seconds(required)
            ),
            Self::Ended => f.write_str("the old files are still written"),
            Self::Archive => {
                f.write_str("the old files are in no archive since they are not written any more")
            }
            Self::RemovedFiles { archive, folder } => {
                write!(f, "the old files were removed from {folder}; they are in {archive}")
            }
            Self::NotBegun => f.write_str("no cut-over was begun"),
            Self::Done => f.write_str("no phase follows"),
        }
    }
}

/// A phase that is not left, with everything that is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The phase; none where none was reached.
    pub from: Option<Phase>,
    /// Where it would have led; none: nowhere.
    pub to: Option<Phase>,
    /// What is missing; never empty.
    pub missing: Vec<Missing>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.from, self.to) {
            (Some(from), Some(to)) => write!(f, "{from} cannot be left for {to}")?,
            (Some(from), None) => write!(f, "{from} cannot be left")?,
            (None, Some(to)) => write!(f, "{to} cannot begin")?,
            (None, None) => f.write_str("nothing can be left")?,
        }
        for (i, missing) in self.missing.iter().enumerate() {
            write!(f, "{} {missing}", if i == 0 { ":" } else { ";" })?;
        }
        Ok(())
    }
}

impl std::error::Error for Refused {}

impl Cutover {
    /// The step into the next phase: of a folder, absolute, into the first one.
    ///
    /// # Errors
    /// Everything that is missing for it.
    pub fn next(
        &self,
        folder: Option<&str>,
        facts: &Facts,
        required: &Requirements,
    ) -> Result<(Phase, Evidence), Refused> {
        let from = self.phase();
        let to = from.map_or(Some(Phase::DualWrite), Phase::next);
        let refused = |missing| Refused { from, to, missing };
        let other = self.folder().filter(|own| folder.is_some_and(|folder| folder != *own));
        if let Some(folder) = other {
            return Err(refused(vec![Missing::OtherFolder { folder: folder.to_owned() }]));
        }
        let Some(to) = to else { return Err(refused(vec![Missing::Done])) };
        let evidence = match to {
            Phase::DualWrite => {
                let begun = folder.map(|folder| Evidence::Begun { folder: folder.to_owned() });
                begun.ok_or_else(|| vec![Missing::Folder])
            }
            Phase::Backfill => {
                let missing = written(&facts.files, required);
                by(missing, || Evidence::Written { files: facts.files.clone() })
            }
            Phase::Verify => {
                let missing = unfinished(facts);
                by(missing, || Evidence::Finished { runs: finished(facts).cloned().collect() })
            }
            Phase::ShadowReads => self.all_verified(facts),
            Phase::Switch => self.shadowed_enough(Some(&facts.files), required),
            // Once more, so that what goes into the archive is right.
            Phase::Deprecate => {
                let once = Requirements { shadow_reports: 1, shadow_seconds: 0, ..*required };
                self.shadowed_enough(None, &once)
            }
            Phase::Archive => {
                let record = self.archive.as_ref().map(|(record, _)| *record);
                record.map(|record| Evidence::Archived { record }).ok_or_else(|| vec![Missing::Archive])
            }
        };
        evidence.map(|evidence| (to, evidence)).map_err(refused)
    }

    /// The step back into the phase before, or out of the first one.
    ///
    /// # Errors
    /// Where no phase was reached, and where files are to be written on that were removed.
    pub fn back(&self, note: String) -> Result<CutoverEvent, Refused> {
        let from = self.phase();
        let refused =
            |missing| Err(Refused { from, to: from.and_then(Phase::previous), missing: vec![missing] });
        let Some(phase) = from else { return refused(Missing::NotBegun) };
        match (phase, self.folder(), self.archive()) {
            (Phase::Deprecate, Some(folder), Some(made)) if self.is_removed => {
                refused(Missing::RemovedFiles { archive: made.archive.clone(), folder: folder.to_owned() })
            }
            _ => Ok(CutoverEvent::Back { from: phase, note }),
        }
    }

    /// The folder whose files may be packed.
    ///
    /// # Errors
    /// Where there is none, and where its files are still written.
    pub fn folder_to_archive(&self) -> Result<&str, Refused> {
        let from = self.phase();
        let refused = |missing| Refused { from, to: Some(Phase::Archive), missing: vec![missing] };
        let folder = self.folder().ok_or_else(|| refused(Missing::NotBegun))?;
        if self.is_deprecated(folder) { Ok(folder) } else { Err(refused(Missing::Ended)) }
    }

    fn all_verified(&self, facts: &Facts) -> Result<Evidence, Vec<Missing>> {
        let (mut missing, mut unverified, mut records) = (unfinished(facts), Vec::new(), Vec::new());
        for run in finished(facts) {
            match self.verified.get(run) {
                None => unverified.push(run.clone()),
                Some(last) if last.differences > 0 => {
                    missing.push(Missing::Different { run: run.clone(), differences: last.differences });
                }
                Some(last) => records.push(last.record),
            }
        }
        if !unverified.is_empty() {
            missing.push(Missing::Unverified { runs: unverified });
        }
        by(missing, || Evidence::Verified { records })
    }

    fn shadowed_enough(
        &self,
        files: Option<&OldFiles>,
        required: &Requirements,
    ) -> Result<Evidence, Vec<Missing>> {
        let mut missing = files.map_or_else(Vec::new, |files| written(files, required));
        let count = self.shadows.map_or(0, |shadows| shadows.count);
        // None at all is never enough.
        let wanted = required.shadow_reports.max(1);
        match self.shadows {
            Some(shadows) if count >= wanted => {
                let between = shadows.last_at.since(shadows.first_at).max(0).unsigned_abs();
                let between = between / SECOND.unsigned_abs();
                if between < required.shadow_seconds {
                    missing.push(Missing::ShadowTime { seconds: between, required: required.shadow_seconds });
                }
                let (required, files) = (*required, files.cloned());
                by(missing, || Evidence::Shadowed { shadows, required, files })
            }
            _ => {
                let failed = self.failed.map(|failed| (failed.at, failed.diverging));
                missing.push(Missing::Shadows { count, required: wanted, failed });
                Err(missing)
            }
        }
    }
}

fn by(missing: Vec<Missing>, evidence: impl FnOnce() -> Evidence) -> Result<Evidence, Vec<Missing>> {
    if missing.is_empty() { Ok(evidence()) } else { Err(missing) }
}

fn finished(facts: &Facts) -> impl Iterator<Item = &RunId> {
    facts.runs.iter().filter(|(_, state)| *state == RunState::Finished).map(|(run, _)| run)
}

fn unfinished(facts: &Facts) -> Vec<Missing> {
    let is_open = |state: &RunState| matches!(state, RunState::Running | RunState::Removing);
    let open = facts.runs.iter().filter(|(_, state)| is_open(state)).map(|(run, _)| run.clone());
    let open: Vec<RunId> = open.collect();
    if !open.is_empty() {
        return vec![Missing::Unfinished { runs: open }];
    }
    if finished(facts).next().is_none() { vec![Missing::Run] } else { Vec::new() }
}

fn written(files: &OldFiles, required: &Requirements) -> Vec<Missing> {
    let mut missing = Vec::new();
    if files.files == 0 && files.missing.is_empty() {
        missing.push(Missing::NothingWritten);
    }
    if !files.missing.is_empty() {
        missing.push(Missing::Files { files: files.missing.clone() });
    }
    let most = required.behind_seconds;
    if let Some((file, micros)) = &files.behind
        && *micros > most.saturating_mul(SECOND.unsigned_abs())
    {
        missing.push(Missing::Behind { file: file.clone(), micros: *micros, most });
    }
    missing
}
