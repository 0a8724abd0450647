//! The caches that pandas 1.5.3 and 2.2.3 wrote, whole and broken (A9).

use onetape_domain::manifest::{Decision, Left, RunState};
use onetape_migration::{MigrationError, PlanOptions, Settings, Verification};

use crate::support::{Moving, data, on, options};

async fn verified(moving: &Moving, run: &onetape_domain::manifest::RunId) -> Verification {
    let found = moving.manager.verify(&moving.folder, run, &mut on).await.expect("verified");
    assert!(found.is_equal(), "{:?}", found.differences);
    found
}

#[tokio::test]
async fn a_cache_is_taken_in_verified_and_taken_out_again() {
    for version in ["pandas-1.5.3", "pandas-2.2.3"] {
        let Some(folder) = data("legacy_cache").map(|folder| folder.join(version)) else { return };
        let moving = Moving::from(&folder);
        let plan = moving.plan(&options(&folder)).await;
        let report = moving.run(&plan).await;
        assert_eq!(report.state, RunState::Finished, "{version}: {:?}", report.failed);
        assert!(!report.has_refusals(), "{version}: {:#?}", report.tables);
        let left: Vec<&str> = report
            .tables
            .iter()
            .filter(|table| matches!(table.table.decision, Decision::Leave { why: Left::NotCandles, .. }))
            .map(|table| table.table.path.as_str())
            .collect();
        assert_eq!(left, ["VERSIONS.json"], "{version}");
        // 1s, 1m, 5m, 15m, 1h, 1d: its own, and of seconds and minutes the whole periods that they hold.
        assert_eq!(moving.counts("binance:ETH/USDT").await, [610, 12 + 10, 4 + 2 + 2, 0, 0, 0], "{version}");
        let btc = moving.counts("binance:BTC/BUSD").await;
        assert_eq!(btc, [0, 1_440, 288, 96, 24, 1], "{version}");
        assert_eq!(moving.counts("binance:BTC/USD").await[1], 1_440, "{version}");
        let stored = moving.stored("binance:ETH/USDT").await;
        let minute = "1m 2024-08-08T23:59:00Z 2683.98 2685.37 2682.34 2682.5 914.6337 Some(1403)";
        assert!(stored.iter().any(|line| line == minute), "{version}: rows that count trades count");

        let found = verified(&moving, &plan.run.id).await;
        let seconds = found.candles.iter().find(|check| check.survey.candles == 610).expect("seconds");
        assert_eq!(seconds.survey.holes.count, 0, "{version}");

        let again = moving.run(&moving.plan(&options(&folder)).await).await;
        assert_eq!(
            (again.rows_now, &again.run),
            (0, &report.run),
            "{version}: the same run, and nothing to do"
        );
        assert_eq!(moving.stored("binance:ETH/USDT").await, stored, "{version}");

        let removed = moving.manager.rollback(&plan.run.id, &mut on).await.expect("removed");
        assert_eq!((removed.state, removed.candles > 4_000), (RunState::Removed, true), "{version}");
        for instrument in ["binance:ETH/USDT", "binance:BTC/BUSD", "binance:BTC/USD", "binance:BTC/USDT"] {
            assert_eq!(moving.stored(instrument).await, Vec::<String>::new(), "{version}");
        }
        let removed = moving.manager.rollback(&plan.run.id, &mut on).await.expect("removed");
        assert_eq!(removed.candles, 0, "{version}: again");
        let refused = moving.manager.run(&moving.folder, &plan.run, &mut on).await;
        assert!(
            matches!(refused, Err(MigrationError::State { state: RunState::Removed, .. })),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn broken_files_are_named_and_the_others_are_taken_in() {
    let Some(folder) = data("legacy_cache").map(|folder| folder.join("dirty")) else { return };
    let moving = Moving::from(&folder);
    let plan = moving.plan(&options(&folder)).await;
    let report = moving.run(&plan).await;
    assert!(report.has_refusals() && report.failed.is_empty());
    let told: Vec<String> = report
        .tables
        .iter()
        .map(|table| {
            let (what, progress) = (&table.table, &table.progress);
            let folder = what.path.split('/').next().unwrap_or_default();
            match &what.decision {
                Decision::Take { .. } => format!(
                    "{folder}: {} rows, {} new, {} same, {} conflicting, {} invalid",
                    progress.rows_read, progress.new, progress.same, progress.conflicting, progress.invalid
                ),
                Decision::Leave { why, reason } => format!("{folder}: {why:?}, {reason}"),
            }
        })
        .collect();
    let expected = [
        "exact_duplicates_10: 310 rows, 300 new, 10 same, 0 conflicting, 0 invalid",
        "five_invalid_rows: 300 rows, 0 new, 295 same, 0 conflicting, 5 invalid",
        "unsorted: 300 rows, 0 new, 300 same, 0 conflicting, 0 invalid",
    ];
    for line in expected {
        assert!(told.iter().any(|told| told == line), "{line} is not in {told:#?}");
    }
    for start in ["hostile_pickle: Refused", "truncated: Damaged", "zero_bytes: Damaged"] {
        assert!(told.iter().any(|told| told.starts_with(start)), "{start} is not in {told:#?}");
    }
    let refused = moving.manager.refused(&plan.run.id, 100).await.expect("refused rows");
    assert_eq!(refused.iter().map(|row| row.row).collect::<Vec<_>>(), [5, 6, 7, 8, 9]);
    assert_eq!(moving.counts("binance:ETH/USDT").await[0], 300);
    verified(&moving, &plan.run.id).await;
}

#[tokio::test]
async fn what_was_changed_since_is_found() {
    let Some(cache) = data("legacy_cache/pandas-2.2.3") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["ETHUSDT_1s.parquet", "ETHUSDT_1m.p5.pkl", "ETHUSDT_5m.parquet"] {
        std::fs::copy(cache.join(name), folder.path().join(name)).expect("copied");
    }
    let moving = Moving::from(folder.path());
    let options = options(folder.path());
    let plan = moving.plan(&options).await;
    // Another file of the same name before anything of it is read: it is not taken in, the others are.
    std::fs::copy(cache.join("ETHUSDT_15m.parquet"), folder.path().join("ETHUSDT_5m.parquet"))
        .expect("copied");
    let report = moving.run(&plan).await;
    assert_eq!(report.state, RunState::Running);
    assert!(report.failed[0].reason.contains("has changed since"), "{:?}", report.failed);
    let finished: Vec<bool> = report.parts.iter().map(|part| part.place.is_some()).collect();
    assert_eq!(finished, [true, true, false]);
    // Mended, it is resumed.
    std::fs::copy(cache.join("ETHUSDT_5m.parquet"), folder.path().join("ETHUSDT_5m.parquet"))
        .expect("copied");
    let report = moving.manager.resume(&moving.folder, &plan.run.id, &mut on).await.expect("resumed");
    assert_eq!((report.state, report.rows_now), (RunState::Finished, 4));
    verified(&moving, &plan.run.id).await;

    std::fs::remove_file(folder.path().join("ETHUSDT_5m.parquet")).expect("removed");
    let found = moving.manager.verify(&moving.folder, &plan.run.id, &mut on).await.expect("compared");
    let told: Vec<String> = found.differences.iter().map(ToString::to_string).collect();
    assert!(told[0].starts_with("ETHUSDT_5m.parquet: "), "{told:?}");
    let other = moving.plan(&options).await;
    assert_ne!(other.run.id, plan.run.id, "another folder is another run");
}

#[tokio::test]
async fn a_folder_gives_the_same_run_wherever_it_lies() {
    let (one, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let sound = "timestamp,open,high,low,close,volume\n2024-08-09T00:00:00Z,1,2,1,2,5\n";
    for folder in [&one, &other] {
        std::fs::write(folder.path().join("ETHUSDT_1m.csv"), sound).expect("written");
        std::fs::write(folder.path().join("BTCUSDT_1m.parquet"), "PAR1 and no more").expect("written");
        std::fs::write(folder.path().join("BTCUSDT_1s.parquet"), "").expect("written");
    }
    let moving = Moving::from(one.path());
    let plan = moving.plan(&options(one.path())).await;
    let again = Moving::from(other.path()).plan(&options(other.path())).await;
    assert_eq!(plan.run.id, again.run.id);
    moving.run(&plan).await;
    let report = moving.manager.run(&moving.folder, &again.run, &mut on).await.expect("the same run");
    assert_eq!((report.new_candles(), report.rows_now), (1, 0));
}

#[tokio::test]
async fn a_file_of_candles_that_cannot_be_told_is_asked_about() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
    write("ETHUSDT_1m.csv", "time,date,open,high,low,close,volume\n1723161600,2024-08-09,1,2,1,2,5\n");
    write("BTCUSDT_1m.csv", "timestamp,open,high,low,close\n1723161600,1,2,1,2\n");
    write("SOLUSDT_1m.csv", "x\0y,open,close,volume\n1723161600,1,2,5\n");
    write("notes.csv", "author,text\nme,nothing\n");
    write("XRPUSDT_1m.csv", "timestamp,open,high,low,close,volume\n1723161600,1,2,1,2,5\n");
    let moving = Moving::from(folder.path());
    let plan = moving.plan(&options(folder.path())).await;
    let why = |path: &str| {
        let table = plan.run.tables.iter().find(|table| table.path == path).expect("a table");
        match &table.decision {
            Decision::Leave { why, reason } => Some((*why, reason.clone())),
            Decision::Take { .. } => None,
        }
    };
    assert_eq!(why("ETHUSDT_1m.csv").expect("left").0, Left::Ambiguous);
    assert_eq!(why("BTCUSDT_1m.csv").expect("left").0, Left::Ambiguous);
    assert_eq!(why("notes.csv").expect("left").0, Left::NotCandles);
    assert!(plan.has_refusals());
    let (_, reason) = why("SOLUSDT_1m.csv").expect("left");
    assert!(!reason.contains('\0'), "{reason}");
    assert_eq!(moving.run(&plan).await.new_candles(), 1);
    // A column that is named is asked of every table.
    let settings = Settings { time_column: Some("date".to_owned()), ..Settings::default() };
    let plan = moving
        .plan(&PlanOptions { settings, name: Some("two".parse().expect("a name")), ..options(folder.path()) })
        .await;
    let taken = plan.run.tables.iter().filter(|table| matches!(table.decision, Decision::Take { .. }));
    assert_eq!(taken.map(|table| table.path.as_str()).collect::<Vec<_>>(), ["ETHUSDT_1m.csv"]);
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_not_looked_at_is_named_and_is_no_part_of_the_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let sound = "timestamp,open,high,low,close,volume\n2024-08-09T00:00:00Z,1,2,1,2,5\n";
    std::fs::write(at("ETHUSDT_1m.csv"), sound).expect("written");
    let moving = Moving::from(folder.path());
    let before = moving.plan(&options(folder.path())).await;
    assert!(before.left.is_empty() && !before.has_refusals());
    std::fs::write(at(".DS_Store"), "").expect("written");
    let hidden = moving.plan(&options(folder.path())).await;
    assert_eq!((hidden.left.len(), hidden.has_refusals()), (1, false));
    std::os::unix::fs::symlink(at("ETHUSDT_1m.csv"), at("BTCUSDT_1m.csv")).expect("a link");
    let plan = moving.plan(&options(folder.path())).await;
    let left: Vec<String> = plan.left.iter().map(|left| format!("{}: {}", left.path, left.why)).collect();
    assert_eq!(
        left,
        [
            ".DS_Store: is hidden: its name begins with a dot",
            "BTCUSDT_1m.csv: is a link, which is not followed"
        ]
    );
    assert_eq!((plan.has_refusals(), &plan.run), (true, &before.run));
    let exclude = vec!["BTCUSDT_1m.csv".to_owned()];
    let plan = moving.plan(&PlanOptions { exclude, ..options(folder.path()) }).await;
    assert_eq!((plan.left.len(), plan.has_refusals()), (1, false), "what was excluded is not asked about");
}
