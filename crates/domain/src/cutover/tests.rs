//! Every phase with what it asks for, and the way back from each.

use proptest::prelude::*;

use super::*;
use crate::manifest::RunState;

const FOLDER: &str = "/data/old";
const HOUR: i64 = 3_600_000_000;

fn at(hour: i64) -> Timestamp {
    Timestamp::from_micros(1_723_161_600_000_000 + hour * HOUR)
}

fn run(name: &str) -> RunId {
    RunId::try_new(name).expect("a name")
}

fn shadowed(diverging: u64) -> CutoverEvent {
    let folder = FOLDER.to_owned();
    CutoverEvent::Shadowed { folder, files: 6, compared: 600, diverging, newest: Some(at(0)), range: None }
}

fn verified(name: &str, differences: u64) -> CutoverEvent {
    CutoverEvent::Verified { run: run(name), rows: 5, differences, newest: None }
}

fn made() -> ArchiveMade {
    let (archive, folder) = ("/data/archive".to_owned(), FOLDER.to_owned());
    ArchiveMade { archive, folder, files: 6, bytes: 1_000, sha256: "0f".repeat(32) }
}

fn removed() -> CutoverEvent {
    CutoverEvent::Removed { archive: "/data/archive".to_owned(), folder: FOLDER.to_owned(), files: 6 }
}

fn restored() -> CutoverEvent {
    let ArchiveMade { archive, folder, files, sha256, .. } = made();
    CutoverEvent::Restored { archive, folder, files, sha256 }
}

/// Everything as it should be.
fn facts() -> Facts {
    let files = OldFiles { files: 6, missing: Vec::new(), behind: None, newest: Some(at(0)) };
    Facts { runs: vec![(run("a"), RunState::Finished), (run("b"), RunState::Removed)], files }
}

/// A log with what it comes to, and a clock that goes an hour a record.
#[derive(Default)]
struct Log {
    records: Vec<CutoverRecord>,
    cutover: Cutover,
}

impl Log {
    fn record(&mut self, event: CutoverEvent) -> &mut Self {
        let number = self.records.len() as u64 + 1;
        let record = CutoverRecord::try_new(number, at(number as i64), "me", event).expect("a record");
        self.cutover.apply(&record).expect("the next record");
        self.records.push(record);
        self
    }

    fn advance(&mut self, facts: &Facts, required: &Requirements) -> Result<Phase, Vec<Missing>> {
        let folder = self.cutover.phase().is_none().then_some(FOLDER);
        let (to, evidence) = self.cutover.next(folder, facts, required).map_err(|refused| {
            assert!(!refused.missing.is_empty());
            refused.missing
        })?;
        self.record(CutoverEvent::Advanced { to, evidence, note: String::new() });
        Ok(to)
    }

    fn back(&mut self) -> Result<Option<Phase>, Refused> {
        let event = self.cutover.back("why not".to_owned())?;
        self.record(event);
        Ok(self.cutover.phase())
    }

    /// One that has come to a phase.
    fn at(phase: Phase) -> Self {
        let mut log = Self::default();
        let needed = Requirements { shadow_seconds: 3_600, shadow_reports: 2, ..Requirements::default() };
        while log.cutover.phase() != Some(phase) {
            match log.cutover.phase() {
                Some(Phase::Verify) => log.record(verified("a", 0)),
                Some(Phase::ShadowReads | Phase::Switch) => log.record(shadowed(0)).record(shadowed(0)),
                Some(Phase::Deprecate) => log.record(CutoverEvent::Archived(made())),
                _ => &mut log,
            };
            log.advance(&facts(), &needed).expect("the next phase");
        }
        log
    }

    fn missing(&mut self, facts: &Facts, required: &Requirements) -> Vec<Missing> {
        self.advance(facts, required).expect_err("a refusal")
    }
}

#[test]
fn the_phases_are_those_of_the_design_in_order() {
    let log = Log::at(Phase::Archive);
    let phases = log.records.iter().filter_map(|record| match &record.event {
        CutoverEvent::Advanced { to, .. } => Some(*to),
        _ => None,
    });
    assert!(phases.eq(Phase::ALL));
    for phase in Phase::ALL {
        assert_eq!(Phase::parse(phase.as_str()), Ok(phase));
        assert_eq!(serde_json::to_string(&phase).ok(), Some(format!("\"{}\"", phase.as_str())));
        assert_eq!(phase.next().and_then(Phase::previous), phase.next().map(|_| phase));
    }
    assert_eq!(Phase::ShadowReads.to_string(), "shadow reads");
}

#[test]
fn every_step_back_leads_to_the_phase_before() {
    for phase in Phase::ALL {
        let mut log = Log::at(phase);
        assert_eq!(log.back().expect("a step back"), phase.previous(), "from {phase}");
        assert_eq!(log.cutover.folder().is_some(), phase != Phase::DualWrite);
    }
    let refused = Log::default().back().expect_err("nothing to leave");
    assert_eq!(refused.missing, [Missing::NotBegun]);
}

#[test]
fn the_first_phase_needs_a_folder_and_the_others_no_other_one() {
    let cutover = Cutover::default();
    let refused = cutover.next(None, &facts(), &Requirements::default()).expect_err("no folder");
    assert_eq!(refused.missing, [Missing::Folder]);
    let log = Log::at(Phase::DualWrite);
    let refused = log.cutover.next(Some("/elsewhere"), &facts(), &Requirements::default());
    assert_eq!(
        refused.map_err(|refused| refused.missing),
        Err(vec![Missing::OtherFolder { folder: FOLDER.to_owned() }])
    );
    assert!(log.cutover.next(Some(FOLDER), &facts(), &Requirements::default()).is_ok());
}

#[test]
fn dual_write_ends_once_no_old_file_is_behind() {
    let required = Requirements { behind_seconds: 60, ..Requirements::default() };
    let with = |files: OldFiles| Facts { files, ..facts() };
    let mut log = Log::at(Phase::DualWrite);
    assert_eq!(log.missing(&with(OldFiles::default()), &required), [Missing::NothingWritten]);
    let files = OldFiles {
        files: 5,
        missing: vec!["ETHUSDT_1m.parquet".to_owned()],
        behind: Some(("ETHUSDT_1s.parquet".to_owned(), 60_000_001)),
        newest: None,
    };
    let behind = Missing::Behind { file: "ETHUSDT_1s.parquet".to_owned(), micros: 60_000_001, most: 60 };
    let missing = Missing::Files { files: files.missing.clone() };
    assert_eq!(log.missing(&with(files.clone()), &required), [missing, behind]);
    let files = OldFiles { missing: Vec::new(), behind: Some(("x".to_owned(), 60_000_000)), ..files };
    assert_eq!(log.advance(&with(files.clone()), &required), Ok(Phase::Backfill));
    let last = &log.records.last().expect("a record").event;
    assert!(
        matches!(last, CutoverEvent::Advanced { evidence: Evidence::Written { files: seen }, .. } if *seen == files)
    );
}

#[test]
fn backfill_ends_once_every_run_is_finished_or_gone() {
    let required = Requirements::default();
    let mut log = Log::at(Phase::Backfill);
    let with = |runs: Vec<(RunId, RunState)>| Facts { runs, ..facts() };
    assert_eq!(log.missing(&with(Vec::new()), &required), [Missing::Run]);
    assert_eq!(log.missing(&with(vec![(run("a"), RunState::Removed)]), &required), [Missing::Run]);
    for state in [RunState::Running, RunState::Removing] {
        let runs = vec![(run("a"), RunState::Finished), (run("b"), state)];
        assert_eq!(log.missing(&with(runs), &required), [Missing::Unfinished { runs: vec![run("b")] }]);
    }
    assert_eq!(log.advance(&facts(), &required), Ok(Phase::Verify));
}

#[test]
fn verify_ends_once_each_run_was_last_verified_without_a_difference() {
    let required = Requirements::default();
    let mut log = Log::at(Phase::Verify);
    let two = Facts { runs: vec![(run("a"), RunState::Finished), (run("c"), RunState::Finished)], ..facts() };
    log.record(verified("a", 0)).record(verified("a", 2));
    let different = Missing::Different { run: run("a"), differences: 2 };
    let unverified = Missing::Unverified { runs: vec![run("c")] };
    assert_eq!(log.missing(&two, &required), [different, unverified]);
    log.record(verified("c", 0)).record(verified("a", 0));
    assert_eq!(log.advance(&two, &required), Ok(Phase::ShadowReads));
    let CutoverEvent::Advanced { evidence: Evidence::Verified { records }, .. } =
        &log.records.last().expect("a record").event
    else {
        panic!("another record")
    };
    let said: Vec<u64> =
        log.records[log.records.len() - 3..][..2].iter().map(|record| record.number).collect();
    assert_eq!(records, &[said[1], said[0]]);
    // A run that came in later is not hidden by the others.
    let mut log = Log::at(Phase::Verify);
    log.record(verified("a", 0));
    let open = Facts { runs: vec![(run("a"), RunState::Finished), (run("d"), RunState::Running)], ..facts() };
    assert_eq!(log.missing(&open, &required), [Missing::Unfinished { runs: vec![run("d")] }]);
}

#[test]
fn readers_are_switched_after_so_many_comparisons_over_so_long_without_a_divergence() {
    let required = Requirements { shadow_reports: 2, shadow_seconds: 2 * 3_600, ..Requirements::default() };
    let mut log = Log::at(Phase::ShadowReads);
    let shadows = |count, failed| Missing::Shadows { count, required: 2, failed };
    assert_eq!(log.missing(&facts(), &required), [shadows(0, None)]);
    // Of a part, of nothing, of another folder: none of them counts.
    let mut part = shadowed(0);
    let mut nothing = shadowed(0);
    let mut elsewhere = shadowed(3);
    if let CutoverEvent::Shadowed { range, .. } = &mut part {
        *range = TimeRange::try_new(at(0), at(1)).ok();
    }
    if let CutoverEvent::Shadowed { compared, .. } = &mut nothing {
        *compared = 0;
    }
    if let CutoverEvent::Shadowed { folder, .. } = &mut elsewhere {
        *folder = "/elsewhere".to_owned();
    }
    log.record(part).record(nothing).record(elsewhere);
    assert_eq!(log.missing(&facts(), &required), [shadows(0, None)]);
    log.record(shadowed(0));
    assert_eq!(log.missing(&facts(), &required), [shadows(1, None)]);
    log.record(shadowed(0));
    assert_eq!(
        log.missing(&facts(), &required),
        [Missing::ShadowTime { seconds: 3_600, required: 2 * 3_600 }]
    );
    log.record(shadowed(0));
    let behind = OldFiles { behind: Some(("x".to_owned(), u64::MAX)), ..facts().files };
    let missing = log.missing(&Facts { files: behind, ..facts() }, &required);
    assert!(matches!(missing[..], [Missing::Behind { .. }]), "{missing:?}");
    // One that finds something makes all before it worthless, also one of a part.
    log.record(shadowed(1)).record(shadowed(0));
    let failed = log.records[log.records.len() - 2].at;
    assert_eq!(log.missing(&facts(), &required), [shadows(1, Some((failed, 1)))]);
    log.record(shadowed(0)).record(shadowed(0));
    assert_eq!(log.advance(&facts(), &required), Ok(Phase::Switch));
}

#[test]
fn comparisons_count_in_the_phase_in_which_they_were_made() {
    let once = Requirements { shadow_reports: 0, shadow_seconds: 0, ..Requirements::default() };
    let mut log = Log::at(Phase::Switch);
    // None is needed by the user, and one by what goes into the archive.
    assert!(matches!(log.missing(&facts(), &once)[..], [Missing::Shadows { count: 0, required: 1, .. }]));
    assert_eq!(log.back().expect("back"), Some(Phase::ShadowReads));
    assert!(matches!(log.missing(&facts(), &once)[..], [Missing::Shadows { count: 0, .. }]));
}

#[test]
fn files_are_not_written_on_while_they_are_only_in_the_archive() {
    // One of files that are still written is worth nothing.
    let missing = |cutover: &Cutover| cutover.folder_to_archive().expect_err("nothing to pack").missing;
    assert_eq!(missing(&Cutover::default()), [Missing::NotBegun]);
    let mut log = Log::at(Phase::Switch);
    assert_eq!(missing(&log.cutover), [Missing::Ended]);
    assert_eq!(log.record(CutoverEvent::Archived(made())).cutover.archive(), None);
    let mut log = Log::at(Phase::Deprecate);
    assert_eq!(log.cutover.folder_to_archive(), Ok(FOLDER));
    assert!(log.cutover.is_deprecated(FOLDER) && !log.cutover.is_deprecated("/elsewhere"));
    assert_eq!(log.missing(&facts(), &Requirements::default()), [Missing::Archive]);
    log.record(CutoverEvent::Archived(made())).record(removed());
    let refused = log.back().expect_err("the files are gone");
    assert!(matches!(refused.missing[..], [Missing::RemovedFiles { .. }]));
    assert!(refused.missing[0].command().contains("restore /data/archive /data/old"));
    let mut elsewhere = restored();
    if let CutoverEvent::Restored { folder, .. } = &mut elsewhere {
        *folder = "/elsewhere".to_owned();
    }
    assert!(log.record(elsewhere).back().is_err());
    assert_eq!(log.record(restored()).back().expect("they are there again"), Some(Phase::Switch));
    assert!(!log.cutover.is_deprecated(FOLDER) && log.cutover.archive().is_none());
    let mut log = Log::at(Phase::Archive);
    assert_eq!(log.missing(&facts(), &Requirements::default()), [Missing::Done]);
    // Nothing is written in the phase before.
    assert_eq!(log.record(removed()).back().expect("back"), Some(Phase::Deprecate));
}

#[test]
fn what_does_not_follow_is_no_log() {
    let record = |number, event| CutoverRecord { number, at: at(1), by: String::new(), event };
    let advanced =
        |to| CutoverEvent::Advanced { to, evidence: Evidence::Archived { record: 1 }, note: String::new() };
    assert!(Cutover::of(&[record(2, shadowed(0))]).is_err());
    assert!(Cutover::of(&[record(1, advanced(Phase::Backfill))]).is_err());
    let back = CutoverEvent::Back { from: Phase::Verify, note: String::new() };
    assert!(Cutover::of(&[record(1, advanced(Phase::DualWrite)), record(2, back)]).is_err());
    let long = "x".repeat(MAX_NOTE_BYTES + 1);
    for by in ["a\nb", "\0", long.as_str()] {
        assert!(CutoverRecord::try_new(1, at(1), by, shadowed(0)).is_err());
        let back = CutoverEvent::Back { from: Phase::Verify, note: by.to_owned() };
        assert!(CutoverRecord::try_new(1, at(1), "me", back).is_err());
    }
}

#[test]
fn every_refusal_names_a_command() {
    let mut log = Log::at(Phase::Verify);
    let refused = log.cutover.next(None, &facts(), &Requirements::default()).expect_err("not verified");
    assert_eq!(refused.to_string(), "verify cannot be left for shadow reads: runs were not verified: a");
    assert_eq!(refused.missing[0].command(), "`onetape import verify a` compares");
    log.record(verified("a", 0)).advance(&facts(), &Requirements::default()).expect("shadow reads");
    let refused = log.record(shadowed(7)).cutover.next(None, &facts(), &Requirements::default());
    assert_eq!(
        refused.expect_err("not compared").to_string(),
        "shadow reads cannot be left for switch: 0 of 3 comparisons of all old files without a divergence since the one of \
         2024-08-09T06:00:00Z, which found 7"
    );
}

proptest! {
    /// Whatever happens in whatever order: a record comes back from its text, the log comes to the same read again, and no
    /// phase from the switch on is entered without what it asks for.
    #[test]
    fn whatever_happens_a_log_is_read_again_as_it_was(steps in prop::collection::vec(0_u8..9, 0..60)) {
        let required = Requirements { shadow_reports: 2, shadow_seconds: 3_600, ..Requirements::default() };
        let mut log = Log::default();
        let (mut good, mut archived) = (0, false);
        for step in steps {
            match step {
                0..=2 => {
                    let before = log.cutover.phase();
                    if log.advance(&facts(), &required).is_ok() {
                        prop_assert!(before != Some(Phase::ShadowReads) || good >= 2);
                        prop_assert!(before != Some(Phase::Deprecate) || archived);
                        good = 0;
                    }
                }
                3 => {
                    if log.back().is_ok() {
                        good = 0;
                        archived &= log.cutover.phase() >= Some(Phase::Deprecate);
                    }
                }
                4 => drop(log.record(verified("a", 0))),
                5 => {
                    good += u64::from(log.cutover.folder().is_some());
                    log.record(shadowed(0));
                }
                6 => {
                    good = 0;
                    log.record(shadowed(1));
                }
                7 => {
                    archived |= log.cutover.phase() >= Some(Phase::Deprecate);
                    log.record(CutoverEvent::Archived(made()));
                }
                _ => drop(log.record(restored())),
            }
        }
        let again = |record: &CutoverRecord| {
            let event = CutoverEvent::parse(&record.event.to_text().expect("a text")).expect("an event");
            CutoverRecord { event, ..record.clone() }
        };
        let read: Vec<CutoverRecord> = log.records.iter().map(again).collect();
        prop_assert_eq!(&read, &log.records);
        prop_assert_eq!(Cutover::of(&read).expect("a log"), log.cutover);
    }
}
