//! `onetape export` as an operator uses it: what is written, what is refused, and what is left when it fails.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use onetape_testkit::generator::Market;
use onetape_testkit::generator::faults::late_trades;
use onetape_testkit::generator::tape::binance_tape_lines;
use serde_json::Value;

use crate::support::{Kind, Ran, TestStore, onetape, query, replay, write};

/// Every table by the name of its file.
pub(crate) const TABLES: [(&str, &[&str]); 7] = [
    ("candles_1m", &["candles", "--timeframe", "1m"]),
    ("candle_versions_1s", &["candle-versions", "--timeframe", "1s"]),
    ("trades", &["trades"]),
    ("books", &["books"]),
    ("buckets", &["buckets"]),
    ("imbalances", &["imbalances"]),
    ("coverage", &["coverage"]),
];

/// Replays a market that crosses midnight and has trades so late that they revise candles.
pub(crate) fn market(store: &str, folder: &Path) {
    let instrument = "binance:ETH/USDT".parse().expect("an instrument");
    let start = "2024-08-08T23:58:30Z".parse().expect("a time");
    let market = Market { start, seconds: 200, ..Market::new(instrument, 11) };
    let messages = late_trades(market.messages(), 5, 60, 4_000);
    let tape = write(folder, "market.jsonl", binance_tape_lines(&messages));
    replay(store, &[tape], &[]).ok();
}

/// Exports a table.
pub(crate) fn export(store: &str, table: &[&str], more: &[&str]) -> Ran {
    onetape(&[&["export", "--store", store], table, more].concat())
}

/// A store with the market, and a folder to export to.
async fn filled() -> (TestStore, tempfile::TempDir) {
    let store = Kind::File.store().await.expect("a file");
    let folder = tempfile::tempdir().expect("a folder");
    let tape = tempfile::tempdir().expect("a folder");
    market(store.url(), tape.path());
    (store, folder)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("text path")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("text")).collect();
    names.sort();
    names
}

#[tokio::test]
async fn csv_has_the_rows_that_queries_print() {
    let (store, folder) = filled().await;
    let out = folder.path().join("trades.csv");
    let said = export(store.url(), &["trades"], &["--out", text(&out)]).ok();
    assert!(said.contains("rows of trades in 1 file") && said.contains("binance:ETH/USDT as of "), "{said}");
    let printed = query(store.url(), "trades", &["--format", "csv"]).ok();
    let exported = fs::read_to_string(&out).expect("a file");
    assert_eq!(exported.lines().count(), printed.lines().count());
    // The same fields in both: time, id, price, size, side.
    let fields = |line: &str, places: [usize; 5]| {
        let fields: Vec<&str> = line.split(',').collect();
        places.map(|place| fields[place].to_owned())
    };
    for (exported, printed) in exported.lines().zip(printed.lines()).skip(1) {
        assert_eq!(fields(exported, [1, 4, 5, 6, 7]), fields(printed, [0, 1, 2, 3, 4]));
    }
}

#[tokio::test]
async fn a_range_and_an_instant_are_kept_to() {
    let (store, folder) = filled().await;
    let out = folder.path().join("rows.csv");
    let json = |more: &[&str]| -> Value {
        let args = [&["--json", "--overwrite", "--out", text(&out)], more].concat();
        serde_json::from_str(&export(store.url(), &["trades"], &args).ok()).expect("json")
    };
    let all = json(&[]);
    let some = json(&["--from", "2024-08-09T00:00:00Z", "--to", "2024-08-09T00:00:10Z"]);
    assert!(some["rows"].as_u64() < all["rows"].as_u64() && some["rows"].as_u64() > Some(0), "{some}");
    assert!(some["first"].as_i64() >= Some(1_723_161_600_000_000), "{some}");
    assert!(some["last"].as_i64() < Some(1_723_161_610_000_000), "{some}");
    let then = json(&["--at", "2024-08-09T00:00:10Z"]);
    assert_eq!(then["as_of"]["binance:ETH/USDT"], 1_723_161_610_000_000_i64);
    let stamps = fs::read_to_string(&out).expect("a file");
    let late = stamps.lines().skip(1).filter(|line| line.rsplit(',').next() > Some("2024-08-09T00:00:10Z"));
    assert_eq!(late.count(), 0, "nothing of later");
    assert_eq!(then["bytes"], stamps.len());
}

#[tokio::test]
async fn without_rows_there_are_columns_and_it_says_so() {
    let (store, folder) = filled().await;
    let said = export(
        store.url(),
        &["candles", "--timeframe", "1d"],
        &["--to", "2010-01-01", "--format", "csv", "--out", text(folder.path())],
    );
    let said = said.ok();
    assert!(said.contains("no rows of candles_1d in this range"), "{said}");
    let header = fs::read_to_string(folder.path().join("candles_1d.csv")).expect("a file in the folder");
    assert!(header.starts_with("instrument,timeframe,open_time,") && header.lines().count() == 1, "{header}");
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_with_what_to_do() {
    let (store, folder) = filled().await;
    let url = store.url();
    let out = folder.path().join("trades.parquet");
    export(url, &["trades"], &["--out", text(&out)]).ok();
    let before = fs::read(&out).expect("a file");
    let path = text(&out);
    let cases: [(&[&str], &str); 9] = [
        (&["trades", "--out", path], "is there already"),
        (&["trades", "--out", path, "--partition", "day", "--overwrite"], "is a file"),
        (&["trades", "--out", &format!("{path}/below")], "there is no folder"),
        (&["trades", "--out", "x.csv", "--instrument", "binance:XRP/USDT"], "the store has binance:ETH/USDT"),
        (&["trades", "--out", "x.csv", "--decimals", "float"], "decimals as float are for Parquet and Arrow"),
        (&["trades", "--out", "x.csv", "--timeframe", "1m"], "leave --timeframe out"),
        (&["trades", "--out", "x.csv", "--corrected"], "only candles have"),
        (
            &["trades", "--out", "x.csv", "--from", "2024-08-09", "--to", "2024-08-08"],
            "must not be before the start",
        ),
        (&["trades", "--out", "/", "--partition", "day"], "names no file"),
    ];
    for (args, reason) in cases {
        let ran = export(url, args, &[]);
        assert!(ran.code == 1 && ran.err.contains(reason), "{args:?}: {}", ran.err);
    }
    let ran = export(url, &["candles", "--out", path], &[]);
    assert!(ran.code == 2 && ran.err.contains("--timeframe"), "{}", ran.err);
    let empty = Kind::File.store().await.expect("a file");
    onetape(&["db", "setup", "--store", empty.url()]).ok();
    let ran = export(empty.url(), &["trades", "--out", path, "--overwrite"], &[]);
    assert!(ran.code == 1 && ran.err.contains("the store is empty"), "{}", ran.err);
    assert_eq!(fs::read(&out).expect("a file"), before, "what was there is as it was");
    assert_eq!(names(folder.path()), ["trades.parquet"]);
}

/// A limit on the size of a file does what a full disk does: a write in the middle fails.
#[cfg(unix)]
#[tokio::test]
async fn a_disk_that_is_full_leaves_what_was_there() {
    let (store, folder) = filled().await;
    let out = folder.path().join("books.csv");
    fs::write(&out, "before").expect("written");
    // Of 1,024 bytes in some shells, of 512 in others; the export needs over a megabyte.
    let script = "trap '' XFSZ; ulimit -f 256; exec \"$0\" \"$@\"";
    let ran: Ran = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_onetape"), "export", "books", "--overwrite"])
        .args(["--store", store.url(), "--out", text(&out)])
        .output()
        .expect("a shell")
        .into();
    assert!(ran.code == 1 && ran.err.contains("books.csv cannot be written"), "{}", ran.err);
    assert!(ran.err.contains("because "), "the system's reason: {}", ran.err);
    assert_eq!(fs::read_to_string(&out).expect("a file"), "before");
    assert_eq!(names(folder.path()), ["books.csv"]);
}

/// Waits for a file that a process makes.
#[cfg(unix)]
fn wait_for(path: &Path, child: &mut std::process::Child) {
    while !path.exists() {
        assert!(child.try_wait().expect("a child").is_none(), "it ended before {} was there", path.display());
        std::thread::yield_now();
    }
}

#[cfg(unix)]
#[tokio::test]
async fn an_export_that_is_killed_leaves_nothing_under_its_name_and_the_next_one_works() {
    let (store, folder) = filled().await;
    let out = folder.path().join("books");
    let command = |signal: Option<&str>| -> Ran {
        let mut child = Command::new(env!("CARGO_BIN_EXE_onetape"))
            .args(["export", "books", "--format", "csv", "--partition", "day", "--store", store.url()])
            .args(["--out", text(&out)])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        if let Some(signal) = signal {
            wait_for(&folder.path().join(".books.partial/lock"), &mut child);
            let id = child.id().to_string();
            assert!(Command::new("kill").args([signal, &id]).status().expect("kill runs").success());
        }
        child.wait_with_output().expect("it ends").into()
    };
    // What the killed one leaves is taken over by the last.
    for signal in ["-INT", "-KILL"] {
        let ran = command(Some(signal));
        if out.exists() {
            // It was done before the signal came; then all of it is there.
            let days = out.join("exchange=binance/symbol=ETH%2FUSDT");
            assert_eq!(names(&days), ["date=2024-08-08", "date=2024-08-09"], "{signal}");
            assert!(!ran.err.contains("nothing was exported"), "{}", ran.err);
            fs::remove_dir_all(&out).expect("removed");
        } else if signal == "-INT" {
            assert!(ran.code == 1 && ran.err.contains("interrupted: nothing was exported"), "{}", ran.err);
            assert!(names(folder.path()).is_empty(), "{:?}", names(folder.path()));
        } else {
            assert_eq!(ran.code, -1, "{}", ran.err);
        }
    }
    assert!(command(None).ok().contains("rows of books in 2 files"));
    assert_eq!(names(folder.path()), ["books"]);
}
