//! A1 through the command line from a tape whose trades come late and out of order: revisions make it right.

use std::path::{Path, PathBuf};

use onetape_testkit::generator::Rng;
use serde_json::Value;

use crate::golden::{assert_candles, assert_trades};
use crate::support::{database, lines, query, replay, tape, write};

/// Longest delay of a trade in nanoseconds.
const MAX_DELAY: i64 = 30_000_000_000;

fn received(line: &str) -> (i64, &str) {
    let (received, message) = line.split_once(' ').expect("receive time");
    (received.parse().expect("nanoseconds"), message)
}

/// 5 % of the trades are received up to 30 s later than they were, among what came meanwhile.
fn delayed(folder: &Path, lines: &[String], seed: u64) -> (PathBuf, usize) {
    let mut random = Rng::new(seed);
    let (mut clock, mut count) = (0, 0);
    let mut timed: Vec<(i64, &str)> = Vec::with_capacity(lines.len());
    for line in lines {
        let (at, message) = received(line);
        clock = clock.max(at);
        let is_late = message.contains("@trade") && random.per_mille(50);
        count += usize::from(is_late);
        let delay = if is_late { random.between(1, MAX_DELAY) } else { 0 };
        timed.push((clock + delay, message));
    }
    timed.sort_by_key(|(at, _)| *at);
    let lines = timed.into_iter().map(|(at, message)| format!("{at} {message}"));
    (write(folder, &format!("delayed{seed}.jsonl"), lines), count)
}

fn revisions(store: &str) -> u64 {
    let of = |timeframe: &str| -> u64 {
        let out = query(store, "candles", &["--timeframe", timeframe, "--format", "json"]).ok();
        let candles: Vec<Value> = serde_json::from_str(&out).expect("json");
        candles.iter().filter_map(|candle| candle["revision"].as_u64()).map(|r| r.saturating_sub(1)).sum()
    };
    ["1s", "1m", "5m", "15m", "1h", "1d"].map(of).iter().sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a1_holds_in_the_database_with_trades_delayed_and_shuffled() {
    let Some(files) = tape() else { return };
    let lines = lines(&files);
    let folder = tempfile::tempdir().expect("folder");
    for seed in [1, 2] {
        let Some(db) = database().await else { return };
        let (file, late) = delayed(folder.path(), &lines, seed);
        assert!((600..850).contains(&late), "{late} of 14,515 trades are late");
        let summary: Value = serde_json::from_str(&replay(db.url(), &[file], &[]).ok()).expect("json");
        assert_eq!((&summary["rows"]["trades"], &summary["quarantined"]), (&14_515.into(), &0.into()));
        assert_candles(db.url());
        assert_trades(db.url());
        let revised = revisions(db.url());
        assert!(revised > 500, "{revised} revisions by {late} late trades");
        assert_eq!(summary["rows"]["revisions"], revised, "the versions in the tables are those counted");
    }
}
