//! What other programs make of exported files: pyarrow, pandas, polars and DuckDB, in a virtual environment.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::export::{TABLES, export, market};
use crate::support::{Kind, Ran, query};

/// What a query prints of closed rows.
fn queried(store: &str, what: &str, more: &[&str]) -> String {
    let all = query(store, what, &[more, &["--format", "json"]].concat()).ok();
    let mut rows: Vec<Value> = serde_json::from_str(&all).expect("json");
    rows.retain(|row| row["state"] != "forming");
    serde_json::to_string(&rows).expect("json")
}

#[tokio::test]
async fn other_programs_read_the_values_that_queries_print() {
    // The folder of the build, whatever its name.
    let target = Path::new(env!("CARGO_BIN_EXE_onetape")).ancestors().nth(2).expect("a target folder");
    let Some(python) = onetape_testkit::python::python(target) else { return };
    let store = Kind::File.store().await.expect("a file");
    let folder = tempfile::tempdir().expect("a folder");
    let url = store.url();
    market(url, folder.path());
    let out = |name: &str| folder.path().join(name).to_str().expect("text path").to_owned();
    for (name, table) in TABLES {
        for ending in ["parquet", "arrow", "csv"] {
            export(url, table, &["--out", &out(&format!("{name}.{ending}"))]).ok();
        }
        export(url, table, &["--decimals", "float", "--out", &out(&format!("{name}.float.parquet"))]).ok();
        let days =
            export(url, table, &["--partition", "day", "--json", "--out", &out(&format!("{name}.days"))]);
        let days: Value = serde_json::from_str(&days.ok()).expect("json");
        assert_eq!(days["files"], 2, "{days}");
    }
    std::fs::write(out("candles_1m.json"), queried(url, "candles", &["--timeframe", "1m"])).expect("written");
    for table in ["trades", "buckets", "imbalances", "coverage"] {
        std::fs::write(out(&format!("{table}.json")), queried(url, table, &[])).expect("written");
    }
    let at = "2024-08-09T00:00:20.25Z";
    std::fs::write(out("as_of.txt"), at).expect("written");
    export(url, &["candles", "--timeframe", "1s"], &["--at", at, "--out", &out("as_of.csv")]).ok();

    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/check_exports.py");
    let ran: Ran = Command::new(python).arg(script).arg(folder.path()).output().expect("Python runs").into();
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("as of 2024-08-09"), "{}", ran.out);
}
