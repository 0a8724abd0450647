//! `onetape copy`, as an operator runs it.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{Kind, onetape, query};

fn copy(from: &str, to: &str, more: &[&str]) -> crate::support::Ran {
    onetape(&[&["copy", "--from", from, "--to", to], more].concat())
}

#[tokio::test]
async fn a_market_is_copied_to_the_server_and_back_and_compared() {
    let Some(server) = Kind::Server.store().await else { return };
    let (first, last) =
        (Kind::File.store().await.expect("a file"), Kind::File.store().await.expect("a file"));
    onetape(&["demo", "--format", "json", "--store", first.url()]).ok();
    let there: Value =
        serde_json::from_str(&copy(first.url(), server.url(), &["--json"]).ok()).expect("json");
    let back: Value = serde_json::from_str(&copy(server.url(), last.url(), &["--json"]).ok()).expect("json");
    let one = &there["instruments"][0];
    assert_eq!(one["outcome"], "copied");
    assert!(
        one["rows"].as_u64() > Some(0) && one["checksum"] == back["instruments"][0]["checksum"],
        "{there} {back}"
    );
    let shown = |store: &str| {
        let instrument = one["instrument"].as_str().expect("an instrument");
        onetape(&["query", "inference", instrument, "--format", "json", "--store", store]).ok()
    };
    assert_eq!(shown(first.url()), shown(server.url()));
    assert_eq!(shown(first.url()), shown(last.url()));

    let again = copy(first.url(), server.url(), &[]).ok();
    assert!(again.contains("unchanged") && again.contains("the same in both stores"), "{again}");
    let same = copy(first.url(), last.url(), &["--verify-only"]).ok();
    assert!(same.contains("the stores hold the same"), "{same}");

    // Another market under the same names is told apart, and nothing is written.
    let other = Kind::File.store().await.expect("a file");
    onetape(&["db", "setup", "--store", other.url()]).ok();
    let differs = copy(first.url(), other.url(), &["--verify-only"]);
    assert_eq!(differs.code, 1, "{}", differs.out);
    assert!(differs.out.contains("clock") && differs.err.contains("the stores differ"), "{}", differs.err);
    let unknown = copy(first.url(), other.url(), &["--instrument", "binance:SOL/USDT"]);
    assert!(unknown.code == 1 && unknown.err.contains("has no binance:SOL/USDT"), "{}", unknown.err);
    let asked = query(other.url(), "trades", &[]);
    assert_eq!(asked.code, 1, "{}", asked.out);
}

#[cfg(unix)]
#[tokio::test]
async fn a_copy_that_is_interrupted_goes_on() {
    let (first, last) =
        (Kind::File.store().await.expect("a file"), Kind::File.store().await.expect("a file"));
    onetape(&["demo", "--format", "json", "--store", first.url()]).ok();
    for signal in ["INT", "KILL"] {
        let child = Command::new(env!("CARGO_BIN_EXE_onetape"))
            .args(["copy", "--from", first.url(), "--to", last.url()])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let killed = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status();
        killed.expect("kill runs");
        let ended = child.wait_with_output().expect("the binary ends");
        let text = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.code() != Some(1) || text.contains("goes on from there"), "{text}");
    }
    let done = copy(first.url(), last.url(), &[]).ok();
    assert!(done.contains("the same in both stores"), "{done}");
}
