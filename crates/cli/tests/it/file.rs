//! A SQLite file on the command line, as an operator uses it.

use serde_json::Value;

use crate::support::{Kind, onetape, query, replay, tape};

const WEEKS: &str = "[tables.trade_events]\nretain_for = \"2 weeks\"\n";

#[tokio::test]
async fn a_file_is_set_up_filled_inspected_and_maintained() {
    let Some(files) = tape() else { return };
    let store = Kind::File.store().await.expect("a file");
    let url = store.url();
    onetape(&["db", "setup", "--store", url]).ok();
    let status: Value =
        serde_json::from_str(&onetape(&["db", "status", "--json", "--store", url]).ok()).expect("json");
    assert_eq!(status["migrations"].as_array().expect("list").len(), 12);
    onetape(&["db", "migrate", "--store", url]).ok();

    // The tape is old: by the default settings most of it would be dropped.
    let printed = onetape(&["db", "settings", "--store", url]).ok();
    assert!(printed.contains("[tables.ohlcv_1s]") && !printed.contains("compress_after"), "{printed}");
    let folder = tempfile::tempdir().expect("a folder");
    let settings = folder.path().join("settings.toml");
    let setup = |text: &str| {
        std::fs::write(&settings, text).expect("written");
        onetape(&["db", "setup", "--store", url, "--settings", settings.to_str().expect("text path")])
    };
    let refused = setup("[tables.ohlcv_1s]\ncompress_after = \"1 day\"\n");
    assert!(refused.code == 1 && refused.err.contains("compress_after"), "{}", refused.err);
    let forever = |line| if str::starts_with(line, "retain_for") { "retain_for = \"forever\"" } else { line };
    setup(&printed.lines().map(forever).collect::<Vec<_>>().join("\n")).ok();
    replay(url, &files, &[]).ok();
    let trades = || query(url, "trades", &["--format", "csv"]).ok().lines().count();
    assert_eq!(trades(), 14_516);
    let report: Value =
        serde_json::from_str(&onetape(&["maintain", "--json", "--store", url]).ok()).expect("json");
    assert_eq!(report["dropped"], serde_json::json!([]), "{report}");
    let doctor = onetape(&["doctor", "--strict", "--store", url]).ok();
    assert!(doctor.contains("the file is whole") && doctor.ends_with("0 errors, 0 warnings\n"), "{doctor}");

    setup(WEEKS).ok();
    onetape(&["maintain", "--store", url]).ok();
    assert_eq!(trades(), 1);
    let frame: Value =
        serde_json::from_str(&query(url, "inference", &["--format", "json"]).ok()).expect("json");
    assert_eq!(frame["ohlcv_1s"]["quality"]["tier"], "expired", "what retention took is not empty");
}

#[tokio::test]
async fn what_is_no_store_is_refused_with_its_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = folder.path().join("text");
    std::fs::write(&text, "this is no database, but long enough to be one").expect("written");
    let url = |name: &str| format!("sqlite:{}", folder.path().join(name).display());
    for (store, reason) in [
        (url("text"), "is no SQLite database"),
        (url("none/market.db"), "there is no folder"),
        (url("none.db"), "there is no file"),
        (format!("sqlite:{}", folder.path().display()), "is a folder"),
        ("sqlite:".to_owned(), "names no file"),
        (url("market.db?mode=ro"), "names no file"),
    ] {
        for command in [["db", "status"].as_slice(), &["doctor"], &["maintain"]] {
            let ran = onetape(&[command, &["--store", &store]].concat());
            assert!(ran.code == 1 && ran.err.contains(reason), "{store} {command:?}: {}", ran.err);
        }
    }
    let asked = query(&url("none.db"), "trades", &[]);
    assert!(asked.code == 1 && asked.err.contains("there is no file"), "{}", asked.err);
    assert_eq!(std::fs::read_dir(folder.path()).expect("read").count(), 1, "nothing was made");
    let roles = onetape(&["db", "setup", "--roles", "onetape", "--store", &url("roles.db")]);
    assert!(roles.code == 1 && roles.err.contains("only a server has roles"), "{}", roles.err);
}

#[tokio::test]
async fn a_demo_can_be_kept() {
    let store = Kind::File.store().await.expect("a file");
    let shown = onetape(&["demo", "--format", "json", "--store", store.url()]).ok();
    let kept =
        onetape(&["query", "inference", "demo:ETH/USDT", "--format", "json", "--store", store.url()]).ok();
    assert_eq!(shown.trim(), kept.trim());
}
