//! `onetape db setup --settings` and `onetape maintain`, as an operator runs them.

use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sqlx::{Connection as _, PgConnection};

use crate::support::{ask, database, get, onetape, replay, tape};

/// A settings file in a folder of the test's own.
fn file(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("settings.toml");
    std::fs::write(&path, text).expect("the folder is writable");
    path
}

fn setup(store: &str, settings: &Path) -> crate::support::Ran {
    onetape(&["db", "setup", "--store", store, "--settings", settings.to_str().expect("text path")])
}

#[tokio::test]
async fn settings_are_printed_checked_as_a_whole_and_applied() {
    let printed = onetape(&["db", "settings", "--store", "postgres://localhost/any"]).ok();
    assert!(printed.contains("[tables.ohlcv_1s]") && printed.contains("repair_horizon"), "{printed}");
    let Some(database) = database().await else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let wrong = "[tables.ohlcv_1s]\nretain_for = \"5 days\"\n[tables.books]\n";
    let refused = setup(database.url(), &file(folder.path(), wrong));
    assert_eq!(refused.code, 1, "{}", refused.err);
    assert!(refused.err.contains("tables.books is no setting"), "{}", refused.err);
    let unsafe_ones = "[tables.ohlcv_1s]\nretain_for = \"5 days\"\ncompress_after = \"1 day\"\n";
    let refused = setup(database.url(), &file(folder.path(), unsafe_ones));
    let lines = refused.err.lines().filter(|line| line.starts_with("  ")).count();
    assert_eq!((refused.code, lines), (1, 2), "{}", refused.err);
    setup(database.url(), &file(folder.path(), &printed)).ok();
    let missing = setup(database.url(), &folder.path().join("none.toml"));
    assert!(missing.err.contains("none.toml cannot be read"), "{}", missing.err);
    let memory = onetape(&["maintain", "--store", "memory:"]);
    assert!(memory.code == 1 && memory.err.contains("needs no maintenance"), "{}", memory.err);
}

#[tokio::test]
async fn the_real_tape_is_maintained_audited_and_what_differs_fails_the_run() {
    let Some(tape) = tape() else { return };
    let Some(database) = database().await else { return };
    let folder = tempfile::tempdir().expect("a folder");
    // The tape is old: by the default settings all of it would be dropped.
    let tables = [
        "ohlcv_1s",
        "ohlcv_1m",
        "ohlcv_5m",
        "trade_events",
        "order_book_snapshots",
        "order_book_1s_agg",
        "order_book_imbalances",
        "stream_coverage",
    ];
    let forever: String =
        tables.iter().map(|table| format!("[tables.{table}]\nretain_for = \"forever\"\n")).collect();
    setup(database.url(), &file(folder.path(), &forever)).ok();
    replay(database.url(), &tape, &[]).ok();
    let candles = |timeframe: &str| {
        let all =
            ["--from", "2024-08-01", "--to", "2024-09-01", "--timeframe", timeframe, "--format", "json"];
        crate::support::query(database.url(), "candles", &all).ok()
    };
    let before = ["1s", "1m", "5m"].map(candles);
    let report = onetape(&["maintain", "--json", "--store", database.url()]);
    assert!(report.err.contains("maintenance is done"), "{}", report.err);
    let report: serde_json::Value = serde_json::from_str(&report.ok()).expect("JSON");
    let minutes = &report["audited"][0];
    // Whole minutes closed by the watermark: those of the golden file but the last.
    assert_eq!((&minutes["compared"], &minutes["different"]), (&11.into(), &0.into()), "{report}");
    assert_eq!(report["dropped"], serde_json::json!([]), "{report}");
    assert_eq!(["1s", "1m", "5m"].map(candles), before);

    let mut connection = PgConnection::connect(database.url()).await.expect("connected");
    sqlx::query("UPDATE ohlcv_1m SET trade_count = trade_count + 1 WHERE timestamp = '2024-08-09 00:01Z'")
        .execute(&mut connection)
        .await
        .expect("updated");
    let failed = onetape(&["maintain", "--store", database.url()]);
    assert_eq!(failed.code, 1, "{}", failed.err);
    assert!(failed.out.contains("2024-08-09T00:01:00Z: the table has"), "{}", failed.out);
    assert!(failed.err.contains("candles differ"), "{}", failed.err);

    sqlx::query("SELECT pg_advisory_lock(x'6f6e657461706502'::bigint)")
        .execute(&mut connection)
        .await
        .expect("locked");
    let busy = onetape(&["maintain", "--store", database.url()]).ok();
    assert!(busy.starts_with("nothing done: maintenance is under way by"), "{busy}");
}

/// A run of `onetape` that goes on, ended with this value.
struct Daemon(std::process::Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_daemon_serves_what_its_runs_did() {
    let Some(database) = database().await else { return };
    let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
    let address = port.to_string();
    let arguments = ["maintain", "--every", "1s", "--metrics", &address, "--json", "--store", database.url()];
    let mut command = Command::new(env!("CARGO_BIN_EXE_onetape"));
    let child = command.args(arguments).stdout(Stdio::piped()).spawn().expect("the binary runs");
    let mut daemon = Daemon(child);
    let mut reports = BufReader::new(daemon.0.stdout.take().expect("piped")).lines();
    for _ in 0..2 {
        let report = reports.next().expect("a report").expect("text");
        assert!(report.contains("\"audited\""), "{report}");
    }
    let get = |path: &str| get(port, path);
    let answer = get("/metrics");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let value = |series: &str| -> f64 {
        let line = answer.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{series} is missing:\n{answer}")).parse().expect("a number")
    };
    assert!(value("onetape_maintenance_runs_total{outcome=\"done\"}") >= 2.0, "{answer}");
    assert!(value("onetape_maintenance_runs_total{outcome=\"failed\"}") < 1.0, "{answer}");
    assert!(value("onetape_maintenance_duration_seconds_count{outcome=\"done\"}") >= 2.0, "{answer}");
    assert!(value("onetape_maintenance_last_success_timestamp_seconds") > 1.7e9, "{answer}");
    assert!(value("onetape_maintenance_audit_differences{aggregate=\"ohlcv_1m_continuous\"}") < 1.0);
    assert!(answer.contains("# HELP onetape_maintenance_runs_total `done`; `busy`"), "{answer}");
    assert!(answer.contains("onetape_maintenance_duration_seconds_bucket{"), "{answer}");

    let (alive, ready) = (get("/healthz"), get("/readyz?verbose"));
    assert!(alive.starts_with("HTTP/1.1 200") && alive.ends_with("{\"checks\":[],\"ok\":true}\n"), "{alive}");
    assert!(ready.starts_with("HTTP/1.1 200") && ready.contains("the last one is done"), "{ready}");
    assert!(get("/").starts_with("HTTP/1.1 404"));
    let posted = ask(port, "POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello");
    assert!(posted.starts_with("HTTP/1.1 405"), "{posted}");
    let head = ask(port, "HEAD /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200") && head.ends_with("\r\n\r\n"), "{head}");
    // Too much, nonsense, and too many: all are turned away, and it goes on.
    let long = get(&format!("/{}", "a".repeat(64 << 10)));
    assert!(long.is_empty() || long.starts_with("HTTP/1.1 4"), "{long}");
    let lines: String = (0..200).map(|number| format!("X-{number}: 1\r\n")).collect();
    let many = ask(port, &format!("GET /metrics HTTP/1.1\r\n{lines}\r\n"));
    assert!(many.is_empty() || many.starts_with("HTTP/1.1 4"), "{many}");
    assert!(!ask(port, "\0\0\0\r\n\r\n").starts_with("HTTP/1.1 200"));
    let idle: Vec<TcpStream> =
        (0..40).map(|_| TcpStream::connect(("127.0.0.1", port)).expect("it listens")).collect();
    assert_eq!(get("/healthz"), "", "sixteen are silent already");
    drop(idle);
    let back = (0..200).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        get("/healthz").starts_with("HTTP/1.1 200")
    });
    assert!(back, "it answers once the others are gone");

    let arguments = ["maintain", "--every", "1h", "--metrics", &address, "--store", database.url()];
    let second = onetape(&arguments);
    assert_eq!(second.code, 1, "{}", second.err);
    assert!(second.err.contains(&format!("metrics cannot be served at 127.0.0.1:{port}")), "{}", second.err);
    let once = onetape(&["maintain", "--metrics", &address, "--store", database.url()]);
    assert_eq!(once.code, 2, "{}", once.err);
}
