//! A whole cut-over through the command line: from a folder of old files to an archive, with refusals, steps back, and the way home.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use onetape::legacy::LegacyWriter;
use onetape::prelude::*;
use serde_json::Value;

use crate::support::{Home, Kind, Ran, TestStore, tape};

/// Somebody who leaves `old` behind.
struct Leaving {
    home: Home,
    store: TestStore,
    tape: [PathBuf; 2],
}

impl Leaving {
    fn run(&self, args: &[&str]) -> Ran {
        self.home.onetape(&[args, &["--store", self.store.url()]].concat())
    }

    fn replay(&self, files: &[PathBuf], more: &[&str]) -> Ran {
        let files: Vec<&str> = files.iter().map(|file| file.to_str().expect("text path")).collect();
        self.run(&[&["replay", "--json"], more, &files].concat())
    }

    fn status(&self) -> Value {
        serde_json::from_str(&self.run(&["cutover", "status", "--json"]).ok()).expect("json")
    }

    fn phase(&self) -> String {
        self.status()["entered"]["phase"].as_str().unwrap_or("none").to_owned()
    }

    /// Steps into a phase.
    fn enters(&self, phase: &str, more: &[&str]) {
        let said = self.run(&[&["cutover", "advance"], more].concat()).ok();
        assert_eq!(self.phase(), phase, "{said}");
    }

    /// Does not step, and says what is missing and which command provides it.
    fn stays(&self, more: &[&str], missing: &str, command: &str) {
        let before = self.status();
        let ran = self.run(&[&["cutover", "advance"], more].concat());
        refused(&ran, missing, command);
        assert_eq!(self.status(), before, "a refusal changed something");
    }

    fn shadow(&self, code: i32) {
        let ran = self.run(&["cutover", "shadow", "old"]);
        assert_eq!(ran.code, code, "{}{}", ran.out, ran.err);
    }

    fn old(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        files(&self.home.path().join("old"))
    }
}

fn refused(ran: &Ran, missing: &str, command: &str) {
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains(missing), "{}", ran.err);
    let hint = ran.err.trim_end().lines().last().unwrap_or_default();
    assert!(hint.starts_with("hint: ") && hint.contains(command), "{}", ran.err);
}

/// Every file of a folder, but its writer's lock.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let files = entries.filter(|path| !path.ends_with(".onetape-legacy.lock"));
    files.map(|path| (path.clone(), fs::read(path).expect("bytes"))).collect()
}

const MINUTES: &str =
    "timestamp,open,high,low,close,volume\n2024-08-01 00:00:00,1,2,1,2,5\n2024-08-01 00:01:00,2,3,2,3,7\n";

/// Comes to the phase in which readers are to be switched.
fn to_shadow_reads(leaving: &Leaving) {
    let Leaving { home, tape, .. } = leaving;
    leaving.enters("dual_write", &["old"]);
    leaving.run(&["cutover", "back"]).ok();
    assert_eq!(leaving.phase(), "none");
    refused(&leaving.run(&["cutover", "back"]), "no cut-over was begun", "cutover advance FOLDER");
    leaving.enters("dual_write", &["old", "--note", "as agreed"]);
    leaving.stays(&[], "no candle live", "collect --legacy");
    leaving.replay(&tape[..1], &[]).ok();
    leaving.stays(&[], "old files are missing: ETHUSDT_1s.parquet", "collect --legacy");
    leaving.replay(&tape[..1], &["--legacy", "old"]).ok();
    leaving.stays(&["elsewhere"], "the cut-over is one of ", "leave the folder out");
    leaving.enters("backfill", &[]);
    leaving.stays(&[], "no run of an import is finished", "import run");
    leaving.run(&["import", "run", "cache", "--name", "first"]).ok();
    leaving.enters("verify", &[]);
    leaving.stays(&[], "runs were not verified: first", "import verify first");
    // One that found something does not count, and is named.
    let minutes = home.path().join("cache/BTCUSDT_1m.csv");
    fs::write(&minutes, MINUTES.replace(",5", ",6")).expect("written");
    assert_eq!(leaving.run(&["import", "verify"]).code, 1);
    leaving.stays(&[], "first differed from its files", "import verify first");
    fs::write(&minutes, MINUTES).expect("written");
    leaving.run(&["import", "verify"]).ok();
    leaving.enters("shadow_reads", &[]);
}

/// Comes to the phase in which the old files are not written any more.
fn to_deprecate(leaving: &Leaving) {
    let Leaving { home, tape, .. } = leaving;
    leaving.stays(&[], "0 of 3 comparisons", "cutover shadow");
    leaving.shadow(0);
    leaving.stays(&["--reports", "1"], "and 86400s are asked for", "cutover shadow");
    // A row is changed by hand.
    let writer = LegacyWriter::open(&home.path().join("old")).expect("a writer");
    let raw = RawCandle {
        open_time: 1_723_161_300_000_000,
        open: "1".to_owned(),
        high: "2".to_owned(),
        low: "1".to_owned(),
        close: "2".to_owned(),
        volume: "5".to_owned(),
        trade_count: 3,
    };
    let changed =
        onetape::domain::validator::DataValidator::validate_ohlcv(Timeframe::M1, &raw).expect("a candle");
    writer.put("ETHUSDT_1m", &[changed]).expect("written");
    drop(writer);
    leaving.shadow(1);
    leaving.stays(&["--reports", "1", "--over", "0s"], "which found 1", "cutover shadow");
    // The rest of the tape: the files are behind until they are written, and then they are right.
    leaving.replay(tape, &[]).ok();
    leaving.stays(&["--behind", "60s"], "ETHUSDT_1s.parquet lacks a candle that closed", "collect --legacy");
    leaving.replay(tape, &["--legacy", "old"]).ok();
    leaving.shadow(0);
    leaving.stays(&["--reports", "2", "--over", "0s"], "1 of 2 comparisons", "cutover shadow");
    leaving.shadow(0);
    leaving.enters("switch", &["--reports", "2", "--over", "0s"]);
    // Back, and on: what was found before does not count again.
    let said = leaving.run(&["cutover", "back", "--note", "too early"]).ok();
    assert!(said.contains("let the readers ask the old files again"), "{said}");
    leaving.stays(&["--reports", "1", "--over", "0s"], "0 of 1 comparisons", "cutover shadow");
    leaving.shadow(0);
    leaving.enters("switch", &["--reports", "1", "--over", "0s"]);
    refused(
        &leaving.run(&["cutover", "archive", "packed"]),
        "the old files are still written",
        "cutover advance",
    );
    leaving.stays(&[], "0 of 1 comparisons", "cutover shadow");
    leaving.shadow(0);
    leaving.enters("deprecate", &[]);
}

async fn left_behind(kind: Kind) {
    let Some(tape) = tape() else { return };
    let Some(store) = kind.store().await else { return };
    let home = Home::new();
    home.write("cache/BTCUSDT_1m.csv", MINUTES);
    home.write("old/BTCUSDT_1m.csv", MINUTES);
    home.write("old/notes.txt", "of the old system");
    let leaving = Leaving { home, store, tape };
    to_shadow_reads(&leaving);
    to_deprecate(&leaving);
    let old = leaving.old();
    assert!(old.len() >= 8, "{:?}", old.keys());
    // Nothing writes the files any more: what names them is refused, what only has them set collects without.
    let ran = leaving.replay(&leaving.tape, &["--legacy", "old"]);
    refused(&ran, "its files are not written any more", "leave the folder out");
    let folder = leaving.home.path().join("old");
    let set = [
        ("ONETAPE_LEGACY_FOLDER", folder.to_str().expect("text path")),
        ("ONETAPE_STORE", leaving.store.url()),
    ];
    let tape = leaving.tape[0].to_str().expect("text path");
    let ran = leaving.home.onetape_with(&set, &["replay", "--json", tape]);
    assert!(ran.code == 0 && ran.err.contains("its files are not written any more"), "{}", ran.err);
    assert_eq!(leaving.old(), old);
    archived(&leaving, &old);
}

fn archived(leaving: &Leaving, old: &BTreeMap<PathBuf, Vec<u8>>) {
    let packed = leaving.home.path().join("packed");
    leaving.stays(&[], "the old files are in no archive", "cutover archive");
    let said = leaving.run(&["cutover", "archive", "packed"]).ok();
    assert!(said.contains("was made and read back") && said.contains("SHA256SUMS"), "{said}");
    leaving.enters("archive", &[]);
    leaving.stays(&[], "no phase follows", "cutover status");
    let said = leaving.run(&["cutover", "archive", "packed", "--remove"]).ok();
    assert!(
        said.contains("is whole") && said.contains(&format!("{} files were removed", old.len())),
        "{said}"
    );
    assert!(!leaving.home.path().join("old").exists());
    leaving.run(&["cutover", "archive", "packed", "--remove"]).ok();
    // The way back: where files are to be written on, they have to be there.
    leaving.run(&["cutover", "back"]).ok();
    refused(&leaving.run(&["cutover", "back"]), "the old files were removed", "cutover restore ");
    leaving.home.write("old/new.csv", "somebody else's");
    refused(
        &leaving.run(&["cutover", "restore", "packed", "old"]),
        "with something else in it",
        "another place",
    );
    fs::remove_dir_all(leaving.home.path().join("old")).expect("removed");
    leaving.run(&["cutover", "restore", "packed", "old"]).ok();
    assert_eq!(leaving.old(), *old);
    leaving.run(&["cutover", "restore", "packed", "old"]).ok();
    leaving.run(&["cutover", "back"]).ok();
    assert_eq!(leaving.phase(), "switch");
    leaving.replay(&leaving.tape, &["--legacy", "old"]).ok();
    // A damaged archive gives nothing back.
    fs::write(packed.join("files/notes.txt"), "of somebody else").expect("written");
    let ran = leaving.run(&["cutover", "restore", "packed", "elsewhere"]);
    refused(&ran, "is not what its SHA-256 says", "sha256sum -c SHA256SUMS");
    assert!(!leaving.home.path().join("elsewhere").exists());
    // For people, with everything that happened.
    let said = leaving.run(&["cutover", "status", "--log", "100"]).ok();
    for line in [
        "entered dual write",
        "(as agreed)",
        "verified first",
        "went back from switch (too early)",
        "packed",
        "removed",
    ] {
        assert!(said.contains(line), "no {line}: {said}");
    }
}

#[tokio::test]
async fn a_folder_is_left_behind_phase_by_phase_in_sqlite() {
    left_behind(Kind::File).await;
}

#[tokio::test]
async fn a_folder_is_left_behind_phase_by_phase_in_timescale() {
    left_behind(Kind::Server).await;
}
