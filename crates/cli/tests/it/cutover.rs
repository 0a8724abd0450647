//! Old files beside the store: written on by a replay, compared with it, and changed by hand.

use std::fs;
use std::path::Path;

use onetape::legacy::LegacyWriter;
use onetape::prelude::*;
use serde_json::Value;

use crate::support::{Kind, lines, onetape, replay, tape, write};

/// What a comparison prints.
fn shadow(store: &str, folder: &Path, code: i32) -> Value {
    let ran =
        onetape(&["cutover", "shadow", folder.to_str().expect("text path"), "--store", store, "--json"]);
    assert_eq!(ran.code, code, "{}", ran.err);
    serde_json::from_str(&ran.out).expect("json")
}

fn sum(report: &Value, field: &str) -> u64 {
    report["files"].as_array().expect("files").iter().map(|file| file[field].as_u64().expect("a count")).sum()
}

/// One day of the tape, then all of it: the second run goes on in the files of the first.
async fn shadowed(kind: Kind) {
    let Some(files) = tape() else { return };
    let Some(store) = kind.store().await else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_str().expect("text path");
    replay(store.url(), &files[..1], &["--legacy", path]).ok();
    replay(store.url(), &files, &["--legacy", path]).ok();
    let report = shadow(store.url(), folder.path(), 0);
    for field in ["different", "not_in_store", "not_in_file", "unreadable", "behind"] {
        assert_eq!(sum(&report, field), 0, "{field}: {report}");
    }
    let seconds = &report["files"][0];
    assert_eq!(seconds["path"], "ETHUSDT_1s.parquet");
    // All seconds of the golden file but those that had not closed at the end.
    assert!(seconds["equal"].as_u64() > Some(600), "{report}");
    assert_eq!(sum(&report, "equal"), sum(&report, "compared"));
    // A row is changed by hand.
    let writer = LegacyWriter::open(folder.path()).expect("a writer");
    let raw = RawCandle {
        open_time: 1_723_161_660_000_000,
        open: "2679.40".to_owned(),
        high: "2679.41".to_owned(),
        low: "2673.60".to_owned(),
        close: "2677.41".to_owned(),
        volume: "841.985".to_owned(),
        trade_count: 2_799,
    };
    let changed =
        onetape::domain::validator::DataValidator::validate_ohlcv(Timeframe::M1, &raw).expect("a candle");
    writer.put("ETHUSDT_1m", &[changed]).expect("written");
    drop(writer);
    let report = shadow(store.url(), folder.path(), 1);
    assert_eq!(
        (sum(&report, "different"), sum(&report, "not_in_store"), sum(&report, "not_in_file")),
        (1, 0, 0)
    );
    let minutes =
        report["files"].as_array().expect("files").iter().find(|file| file["path"] == "ETHUSDT_1m.parquet");
    let found = &minutes.expect("minutes")["divergences"];
    assert_eq!(found.as_array().map(Vec::len), Some(1), "{found}");
    let found = &found[0];
    assert_eq!(
        (&found["field"], &found["legacy"], &found["store"]),
        (&"high".into(), &"2679.41".into(), &"2679.4".into())
    );
    assert_eq!(found["open_time"], 1_723_161_660_000_000_i64);
    // The next run corrects it: the candle is one of the last day.
    replay(store.url(), &files, &["--legacy", path]).ok();
    shadow(store.url(), folder.path(), 0);
}

#[tokio::test]
async fn shadow_reads_agree_until_a_row_is_changed_by_hand_in_sqlite() {
    shadowed(Kind::File).await;
}

#[tokio::test]
async fn shadow_reads_agree_until_a_row_is_changed_by_hand_in_timescale() {
    shadowed(Kind::Server).await;
}

#[tokio::test]
async fn files_that_cannot_be_written_hold_no_replay_back() {
    let Some(files) = tape() else { return };
    let store = Kind::File.store().await.expect("a file");
    let folder = tempfile::tempdir().expect("a folder");
    let short = write(folder.path(), "short.jsonl", lines(&files[..1]).into_iter().take(2_000));
    let old = folder.path().join("old");
    fs::create_dir(&old).expect("made");
    fs::write(old.join("ETHUSDT_1s.parquet"), "no Parquet file").expect("written");
    let ran = replay(store.url(), &[short], &["--legacy", old.to_str().expect("text path")]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.err.contains("an old file is behind"), "{}", ran.err);
    assert_eq!(fs::read(old.join("ETHUSDT_1s.parquet")).expect("bytes"), b"no Parquet file");
}
