//! Rows that are refused are holes: nobody is told that nothing was traded there.

use onetape_domain::manifest::RunState;
use onetape_domain::time::TimeRange;
use onetape_migration::{Plan, PlanOptions, Settings};

use crate::support::{Moving, data, on, options};

/// Of the five rows.
const HOLE: [&str; 2] = ["2024-08-08T23:54:22Z", "2024-08-08T23:54:27Z"];

/// What a plan would speak of, as text.
fn spoken(plan: &Plan) -> Vec<String> {
    let shown = |covered: TimeRange| format!("{} {}", covered.start(), covered.end());
    plan.run.parts.iter().map(|part| shown(part.covered)).collect()
}

#[tokio::test]
async fn five_invalid_rows_are_holes() {
    let Some(folder) = data("legacy_cache/dirty/five_invalid_rows") else { return };
    let moving = Moving::from(&folder);
    let plan = moving.plan(&options(&folder)).await;
    let report = moving.run(&plan).await;
    let progress = &report.tables[0].progress;
    assert_eq!((report.state, progress.new, progress.invalid), (RunState::Finished, 295, 5));
    let found = moving.manager.verify(&moving.folder, &plan.run.id, &mut on).await.expect("compared");
    assert!(found.is_equal(), "{:?}", found.differences);
    let survey = &found.candles[0].survey;
    assert_eq!((survey.quiet_periods, survey.holes.count), (25, 1));
    let hole = survey.holes.first[0];
    assert_eq!((hole.start().to_string(), hole.end().to_string()), HOLE.map(str::to_owned).into());
}

#[tokio::test]
async fn what_a_row_without_a_time_may_mean_is_a_hole() {
    let folder = tempfile::tempdir().expect("a folder");
    let rows = [
        "2024-08-09T00:00:00Z,1,2,1,2,5",
        "2024-08-09T00:02:00Z,1,2,1,2,5",
        "not a time,1,2,1,2,5",
        "2024-08-09T00:05:00Z,1,2,1,2,5",
        "2024-08-09T00:06:00Z,1,2,1,2,-5",
        "2024-08-09T00:08:00Z,1,2,1,2,5",
    ];
    let text = format!("timestamp,open,high,low,close,volume\n{}\n", rows.join("\n"));
    std::fs::write(folder.path().join("ETHUSDT_1m.csv"), text).expect("written");
    let moving = Moving::from(folder.path());
    let plan = moving.plan(&options(folder.path())).await;
    let expected = [
        "2024-08-09T00:00:00Z 2024-08-09T00:03:00Z",
        "2024-08-09T00:05:00Z 2024-08-09T00:06:00Z",
        "2024-08-09T00:07:00Z 2024-08-09T00:09:00Z",
    ];
    assert_eq!(spoken(&plan), expected);
    let settings = Settings { holes: onetape_migration::HolePolicy::WholeDays, ..Settings::default() };
    let whole = moving.plan(&PlanOptions { settings, ..options(folder.path()) }).await;
    let expected = [
        "2024-08-09T00:00:00Z 2024-08-09T00:03:00Z",
        "2024-08-09T00:05:00Z 2024-08-09T00:06:00Z",
        "2024-08-09T00:07:00Z 2024-08-10T00:00:00Z",
    ];
    assert_eq!(spoken(&whole), expected);
    let report = moving.run(&whole).await;
    assert_eq!(report.state, RunState::Finished);
    // 5m: 00:10 on; the first two five minutes are not whole.
    let fives: Vec<String> =
        moving.stored("binance:ETH/USDT").await.into_iter().filter(|line| line.starts_with("5m")).collect();
    assert_eq!(fives, Vec::<String>::new());
}
