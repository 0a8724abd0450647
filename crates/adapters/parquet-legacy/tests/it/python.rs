//! Pickles and Parquet files that the pandas of today writes, in all their forms, against what Python says is in them.

use std::path::Path;
use std::process::Command;

use onetape_domain::decimal::{canonical, parse_exact};
use onetape_domain::validator::UncheckedCandle;
use onetape_parquet_legacy::{LegacyCache, LegacyFile};
use onetape_ports::LegacyReading;
use onetape_testkit::python::python;
use serde_json::Value;

use crate::support::{from_port, rows};

/// A row as the script writes it: microseconds, five numbers, trades.
fn expected(row: &Value, counts: bool) -> String {
    let exact = |at: usize| {
        let text = row[at].as_str().expect("a number as text");
        canonical(parse_exact("number", text).unwrap_or_else(|broken| panic!("{broken}")))
    };
    let numbers: Vec<String> = (1..6).map(exact).collect();
    let count = counts.then(|| row[6].as_u64().expect("a number of trades"));
    format!("{} {} {count:?}", row[0].as_i64().expect("a time"), numbers.join(" "))
}

fn found(candle: &UncheckedCandle) -> String {
    let numbers = [candle.open, candle.high, candle.low, candle.close, candle.volume].map(canonical);
    format!("{} {} {:?}", candle.open_time, numbers.join(" "), candle.trade_count)
}

#[tokio::test]
async fn what_pandas_writes_is_what_is_read() {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("a target folder");
    let Some(python) = python(target) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/write_caches.py");
    let ran = Command::new(python).arg(script).arg(folder.path()).output().expect("Python runs");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let text = std::fs::read(folder.path().join("expected.json")).expect("what is in them");
    let said: Value = serde_json::from_slice(&text).expect("json");
    let cache = LegacyCache::new(folder.path());
    let said_rows = said["rows"].as_array().expect("rows");
    let files = said["files"].as_array().expect("files");
    assert!(files.len() > 200);
    let mut wrong = Vec::new();
    for entry in files {
        let name = entry["file"].as_str().expect("a name");
        let counts = entry["counts"] == true;
        let file = match LegacyFile::open(&folder.path().join(name)) {
            Ok(file) => file,
            Err(error) => {
                wrong.push(error.to_string());
                continue;
            }
        };
        if file.tables() != 1 {
            wrong.push(format!("{name}: {} tables", file.tables()));
            continue;
        }
        let rows = rows(&file, 0);
        // Whatever the form: from a row on, in another group of rows, they are the same.
        let rest = from_port(&cache, name, &LegacyReading::default(), 0, 301).await;
        if rest.as_ref().ok().map(Vec::as_slice) != rows.get(301..) {
            wrong.push(format!("{name}: from row 301 on, other rows"));
        }
        if rows.len() != said_rows.len() {
            wrong.push(format!("{name}: {} rows", rows.len()));
        }
        for (row, said) in rows.into_iter().zip(said_rows) {
            let number = row.number;
            let found = row.candle.map(|candle| found(&candle)).unwrap_or_else(|broken| broken.to_string());
            let said = expected(said, counts);
            if found != said {
                wrong.push(format!("{name} row {number}: {found}, not {said}"));
                break;
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
