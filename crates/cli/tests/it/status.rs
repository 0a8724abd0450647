//! `onetape status`, of a file and of a server.

use serde_json::Value;

use crate::support::{Home, Kind, onetape, replay, tape};

#[test]
fn the_demo_shows_what_it_stored() {
    let home = Home::new();
    home.onetape(&["demo"]).ok();
    let text = home.onetape(&["status"]).ok();
    for part in [
        "onetape.db: ",
        " MiB",
        "largest tables: ",
        "demo:ETH/USDT stands at 2024-08-09T00:1",
        " days ago",
        "ohlcv_1d",
        "trade_events",
        "100 %",
    ] {
        assert!(text.contains(part), "no {part} in\n{text}");
    }
    let named = home.onetape(&["status", "demo:ETH/USDT", "--json"]).ok();
    let json: Value = serde_json::from_str(&named).expect("json");
    let [one] = &json["instruments"].as_array().expect("a list")[..] else { panic!("{json}") };
    let csv = home.onetape(&["query", "trades", "demo:ETH/USDT", "--format", "csv"]).ok();
    let trades =
        one["tables"].as_array().expect("a list").iter().find(|table| table["table"] == "trade_events");
    let trades = trades.expect("trades are stored");
    let rows = trades["rows"].as_u64().expect("a number");
    let stored = csv.lines().count() as u64 - 1;
    match trades["estimated"].as_bool() {
        Some(false) => assert_eq!(rows, stored),
        _ => assert!(rows.abs_diff(stored) <= stored / 5, "{rows} of {stored}"),
    }
    assert_eq!(json["sizes"]["tables"].as_array().map(|tables| tables.is_empty()), Some(false));
}

#[test]
fn several_instruments_have_an_overview() {
    let Some(files) = tape() else { return };
    let home = Home::new();
    home.onetape(&["demo"]).ok();
    let files = files.each_ref().map(|file| file.to_str().expect("text"));
    home.onetape(&["replay", files[0], files[1]]).ok();
    let text = home.onetape(&["status"]).ok();
    let line = |start: &str| text.lines().any(|line| line.starts_with(start));
    assert!(line("| binance:ETH/USDT") && line("| demo:ETH/USDT"), "{text}");
    assert!(text.contains("14,515") || text.contains("about 1"), "{text}");
    let one = home.onetape(&["status", "ETH/USDT"]).ok();
    assert!(one.contains("binance:ETH/USDT stands at") && !one.contains("demo:"), "{one}");
}

async fn a_tape_is_told_as_it_is_in(kind: Kind) {
    let Some(files) = tape() else { return };
    let Some(store) = kind.store().await else { return };
    replay(store.url(), &files, &[]).ok();
    let json: Value =
        serde_json::from_str(&onetape(&["status", "--json", "--store", store.url()]).ok()).expect("json");
    let one = &json["instruments"][0];
    assert_eq!(one["instrument"], "binance:ETH/USDT");
    assert!(json["sizes"]["bytes"].as_u64() > Some(100_000), "{json}");
    let tables: Vec<&str> = one["tables"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|table| table["table"].as_str())
        .collect();
    assert!(
        ["ohlcv_1s", "ohlcv_1m", "ohlcv_5m", "trade_events", "order_book_snapshots", "order_book_imbalances"]
            .iter()
            .all(|table| tables.contains(table)),
        "{tables:?}"
    );
    let trades = &one["coverage"][0];
    assert_eq!(
        (&trades["stream"], &trades["overall"]["percent"]),
        (&"trades".into(), &"100".into()),
        "{one}"
    );
    assert_eq!(trades["overall"]["gaps"], 0);
    assert!(one["age_us"].as_i64() > Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tape_is_told_as_it_is() {
    a_tape_is_told_as_it_is_in(Kind::Server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tape_is_told_as_it_is_in_a_file() {
    a_tape_is_told_as_it_is_in(Kind::File).await;
}
