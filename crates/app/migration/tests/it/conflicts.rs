//! Rows that contradict one another, in a file and between files.

use std::path::Path;

use onetape_domain::manifest::{RowRefusal, RunState};
use onetape_domain::time::Timeframe;
use onetape_migration::{ConflictPolicy, HolePolicy, MigrationError, PlanOptions, QuietRuns, Settings};
use onetape_ports::ImportStore as _;

use crate::support::{Moving, on, options};

fn csv(folder: &Path, name: &str, rows: &[&str]) {
    let text = format!("timestamp,open,high,low,close,volume\n{}\n", rows.join("\n"));
    std::fs::write(folder.join(name), text).expect("written");
}

fn with(folder: &Path, on_conflict: ConflictPolicy) -> PlanOptions {
    let settings = Settings { on_conflict, ..Settings::default() };
    PlanOptions { settings, ..options(folder) }
}

/// Two files whose rows contradict one another: in the first file and between both.
fn contradicting() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    csv(
        folder.path(),
        "a_ETHUSDT_1m.csv",
        &[
            "2024-08-09T00:00:00Z,1,2,1,2,5",
            "2024-08-09T00:01:00Z,2,3,2,3,5",
            "2024-08-09T00:00:00Z,1,2,1,1.5,5",
        ],
    );
    std::fs::rename(folder.path().join("a_ETHUSDT_1m.csv"), folder.path().join("ETHUSDT_1m.csv"))
        .expect("named");
    std::fs::create_dir(folder.path().join("later")).expect("a folder");
    csv(
        folder.path(),
        "later/ETHUSDT_1m.csv",
        &[
            "2024-08-09T00:01:00Z,2,3,2,2.5,5",
            "2024-08-09T00:01:00Z,2,3,2,2.5,5",
            "2024-08-09T00:02:00Z,2,2,2,2,1",
        ],
    );
    folder
}

#[tokio::test]
async fn the_policy_says_which_row_counts() {
    for (policy, closes) in
        [(ConflictPolicy::KeepFirst, ["2", "3", "2"]), (ConflictPolicy::KeepLast, ["1.5", "2.5", "2"])]
    {
        let folder = contradicting();
        let moving = Moving::from(folder.path());
        let plan = moving.plan(&with(folder.path(), policy)).await;
        let mut of_one = None;
        for batch_rows in [1, 2, 3, 100] {
            let moving = Moving::from(folder.path());
            let manager = moving.manager.clone().with_batch_rows(batch_rows);
            let report = manager.run(&moving.folder, &plan.run, &mut on).await.expect("a run");
            assert_eq!(report.state, RunState::Finished);
            let stored = moving.stored("binance:ETH/USDT").await;
            let found: Vec<&str> =
                stored.iter().map(|line| line.split(' ').nth(5).unwrap_or_default()).collect();
            assert_eq!(found, closes, "{policy} by {batch_rows}: {stored:?}");
            assert_eq!(report.new_candles(), 3);
            let refused = moving.manager.refused(&plan.run.id, 10).await.expect("refused rows");
            assert!(refused.iter().all(|row| row.why == RowRefusal::Outvoted && !row.reasons.0.is_empty()));
            let counts: u64 = report.tables.iter().map(|table| table.progress.conflicting).sum();
            assert_eq!(refused.len() as u64, counts);
            let progress: Vec<_> = report.tables.into_iter().map(|table| table.progress).collect();
            let outcome = (progress, refused);
            assert_eq!(outcome, *of_one.get_or_insert_with(|| outcome.clone()), "{policy} by {batch_rows}");
            let found = moving.manager.verify(&moving.folder, &plan.run.id, &mut on).await.expect("compared");
            assert!(found.is_equal(), "{policy} by {batch_rows}: {:?}", found.differences);
        }
    }
}

#[tokio::test]
async fn where_neither_counts_the_table_is_not_taken_in() {
    let folder = contradicting();
    let moving = Moving::from(folder.path());
    let plan = moving.plan(&with(folder.path(), ConflictPolicy::Refuse)).await;
    let report = moving.run(&plan).await;
    assert_eq!((report.state, report.failed.len()), (RunState::Running, 1), "{:?}", report.failed);
    assert!(report.failed[0].reason.contains("row 2 of table 0 says something else"), "{:?}", report.failed);
    assert!(moving.stored("binance:ETH/USDT").await.is_empty(), "nothing is said of them");
    moving.manager.rollback(&plan.run.id, &mut on).await.expect("removed");
    assert!(moving.stored("binance:ETH/USDT").await.is_empty());
}

#[tokio::test]
async fn holes_divide_and_too_many_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let rows: Vec<String> =
        (0..20).map(|day| format!("2024-08-{:02}T00:00:00Z,1,2,1,2,5", day + 1)).collect();
    csv(folder.path(), "ETHUSDT_1m.csv", &rows.iter().map(String::as_str).collect::<Vec<_>>());
    let moving = Moving::from(folder.path());
    let plan = moving.plan(&options(folder.path())).await;
    assert_eq!(plan.run.parts.len(), 20);
    let report = moving.run(&plan).await;
    assert_eq!(report.parts.iter().filter(|part| part.place.is_some()).count(), 20);
    let found = moving.manager.verify(&moving.folder, &plan.run.id, &mut on).await.expect("compared");
    assert_eq!(found.candles[0].survey.holes.count, 19);

    let mut runs = QuietRuns::default();
    runs.set(Timeframe::M1, 86_400);
    for holes in [HolePolicy::WholeDays, HolePolicy::Quiet(runs)] {
        let settings = Settings { holes, ..Settings::default() };
        let plan = moving.plan(&PlanOptions { settings, ..options(folder.path()) }).await;
        assert_eq!(plan.run.parts.len(), 1);
    }
    let few = PlanOptions { max_parts: 19, ..options(folder.path()) };
    let refused = onetape_migration::plan(&moving.folder, &few, &mut on).await;
    assert!(matches!(refused, Err(MigrationError::TooManyParts { most: 19, .. })), "{refused:?}");
}

#[tokio::test]
async fn a_table_that_fails_keeps_those_of_its_candles_waiting() {
    for policy in [ConflictPolicy::KeepFirst, ConflictPolicy::KeepLast] {
        let folder = contradicting();
        let (moving, other) = (Moving::from(folder.path()), Moving::from(folder.path()));
        csv(folder.path(), "BTCUSDT_1m.csv", &["2024-08-09T00:00:00Z,1,2,1,2,5"]);
        let plan = moving.plan(&with(folder.path(), policy)).await;
        other.run(&plan).await;
        let (first, away) = (folder.path().join("ETHUSDT_1m.csv"), folder.path().join("away"));
        std::fs::rename(&first, &away).expect("moved");
        let report = moving.run(&plan).await;
        assert_eq!((report.failed.len(), report.state), (1, RunState::Running));
        assert_eq!(moving.counts("binance:BTC/USDT").await[1], 1, "other candles wait for nothing");
        assert_eq!(moving.counts("binance:ETH/USDT").await, [0; 6]);
        std::fs::rename(&away, &first).expect("moved");
        let report = moving.manager.resume(&moving.folder, &plan.run.id, &mut on).await.expect("resumed");
        assert_eq!((report.failed.len(), report.state), (0, RunState::Finished));
        assert_eq!(moving.stored("binance:ETH/USDT").await, other.stored("binance:ETH/USDT").await);
        let found = moving.manager.verify(&moving.folder, &plan.run.id, &mut on).await.expect("compared");
        assert!(found.is_equal(), "{found:?}");
    }
}

#[tokio::test]
async fn a_part_that_cannot_be_finished_keeps_no_other_from_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let most = "9".repeat(28);
    let rows =
        [format!("2024-08-09T00:00:00Z,1,2,1,2,{most}"), format!("2024-08-09T00:01:00Z,1,2,1,2,{most}")];
    let filling = ["02", "03", "04"].map(|minute| format!("2024-08-09T00:{minute}:00Z,1,2,1,2,1"));
    let rows: Vec<&str> = rows.iter().chain(&filling).map(String::as_str).collect();
    csv(folder.path(), "BTCUSDT_1m.csv", &rows);
    csv(folder.path(), "ETHUSDT_1m.csv", &["2024-08-09T00:00:00Z,1,2,1,2,5"]);
    let moving = Moving::from(folder.path());
    let plan = moving.plan(&options(folder.path())).await;
    let report = moving.run(&plan).await;
    assert_eq!((report.failed.len(), report.state), (1, RunState::Running));
    assert!(report.failed[0].reason.contains("28"), "{:?}", report.failed);
    assert_eq!(moving.counts("binance:ETH/USDT").await[1], 1);
}

#[tokio::test]
async fn a_run_whose_imports_are_there_without_it_is_refused() {
    let folder = contradicting();
    let moving = Moving::from(folder.path());
    let plan = moving.plan(&options(folder.path())).await;
    // As a copy of a store has them.
    let part = &plan.run.parts[0];
    moving.store.begin_import(&part.to_import(&plan.run.source)).await.expect("begun");
    moving.store.finish_import(&part.id, part.covered).await.expect("finished");
    let refused = moving.manager.run(&moving.folder, &plan.run, &mut on).await;
    assert!(matches!(refused, Err(MigrationError::Taken { .. })), "{refused:?}");
    assert!(moving.manager.runs().await.expect("runs").is_empty());
}

#[tokio::test]
async fn more_trades_than_anybody_counts_are_a_fault_of_their_row() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "timestamp,open,high,low,close,volume,trade_count\n\
                2024-08-09T00:00:00Z,1,2,1,2,5,18446744073709551615\n\
                2024-08-09T00:01:00Z,1,2,1,2,5,7\n";
    std::fs::write(folder.path().join("ETHUSDT_1m.csv"), text).expect("written");
    let moving = Moving::from(folder.path());
    let plan = moving.plan(&options(folder.path())).await;
    let report = moving.run(&plan).await;
    let progress = &report.tables[0].progress;
    assert_eq!((report.state, progress.new, progress.invalid), (RunState::Finished, 1, 1));
}
