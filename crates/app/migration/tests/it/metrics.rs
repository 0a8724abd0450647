//! What an import records of itself.

use std::collections::BTreeMap;

use metrics_util::debugging::{DebugValue, DebuggingRecorder};

use crate::support::{Moving, on, options};

/// Counters by name and label.
fn counters(recorder: &DebuggingRecorder) -> BTreeMap<String, u64> {
    let line = |(key, _, _, value): (metrics_util::CompositeKey, _, _, DebugValue)| {
        let labels: Vec<&str> = key.key().labels().map(|label| label.value()).collect();
        let DebugValue::Counter(count) = value else { panic!("{key:?} is no counter") };
        (format!("{} {}", key.key().name(), labels.join(" ")).trim().to_owned(), count)
    };
    recorder.snapshotter().snapshot().into_vec().into_iter().map(line).collect()
}

#[tokio::test(flavor = "current_thread")]
async fn rows_parts_and_removals_are_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, rows: &str| {
        std::fs::write(folder.path().join(name), format!("timestamp,open,high,low,close,volume\n{rows}"))
            .expect("written");
    };
    write(
        "ETHUSDT_1m.csv",
        "2024-08-09T00:00:00Z,1,2,1,2,5\n2024-08-09T00:01:00Z,1,2,1,2,5\n2024-08-09T00:02:00Z,1,2,1,2,-5\n",
    );
    write("binance_ETHUSDT_1m.csv", "2024-08-09T00:00:00Z,1,2,1,2,5\n2024-08-09T00:01:00Z,1,2,1,1,5\n");
    write("BTCUSDT_1h.csv", "2024-08-09T00:00:00Z,1,2,1,2,5\n");
    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let moving = Moving::from(folder.path());
    let plan = moving.plan(&options(folder.path())).await;
    // A batch a row: what is counted does not depend on it.
    let manager = moving.manager.clone().with_batch_rows(1);
    let report = manager.run(&moving.folder, &plan.run, &mut on).await.expect("a run");
    assert_eq!(report.parts.len(), 2, "{:?}", report.parts);
    let removed = manager.rollback(&plan.run.id, &mut on).await.expect("removed");
    assert!(removed.candles >= 3);
    let expected = [
        ("onetape_import_rows_total new", 3),
        ("onetape_import_rows_total same", 1),
        ("onetape_import_rows_total conflicting", 1),
        ("onetape_import_rows_total invalid", 1),
        ("onetape_import_parts_finished_total", 2),
        ("onetape_import_failures_total", 0),
        ("onetape_import_removed_candles_total", removed.candles),
    ];
    let expected: BTreeMap<String, u64> =
        expected.into_iter().map(|(name, count)| (name.to_owned(), count)).collect();
    assert_eq!(counters(&recorder), expected);
}
