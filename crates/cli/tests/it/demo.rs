//! `onetape demo` and usage errors: what a stranger tries first.

use crate::support::{onetape, tape};

#[test]
fn demo_shows_a_frame_without_any_database() {
    let out = onetape(&["demo"]).ok();
    for word in ["binance:ETH/USDT as of", "order book", "imbalances", "RSI 14", "forming"] {
        assert!(out.contains(word), "no `{word}` in:\n{out}");
    }
}

#[test]
fn demo_json_is_one_canonical_frame_and_always_the_same() {
    let out = onetape(&["demo", "--format", "json"]).ok();
    let frame: serde_json::Value = serde_json::from_str(out.trim()).expect("json");
    assert_eq!(frame["symbol"], "binance:ETH/USDT");
    assert_eq!(onetape(&["demo", "--format", "json"]).ok(), out);
}

#[test]
fn demo_replays_a_given_tape() {
    let Some(files) = tape() else { return };
    let paths = files.each_ref().map(|file| file.to_str().expect("text"));
    let out = onetape(&["demo", paths[0], paths[1], "--format", "json"]).ok();
    let frame: serde_json::Value = serde_json::from_str(out.trim()).expect("json");
    assert_eq!(frame["orderbook_snapshot"]["sequence"], 35_346_924_199_u64);
}

#[test]
fn usage_errors_exit_with_2_and_failures_with_1() {
    assert_eq!(onetape(&["replay"]).code, 2);
    assert_eq!(onetape(&["query", "candles", "ETH/USDT", "--timeframe", "1s", "--store", "memory:"]).code, 2);
    assert_eq!(
        onetape(&["query", "candles", "binance:ETH/USDT", "--timeframe", "2s", "--store", "memory:"]).code,
        2
    );
    let unknown =
        onetape(&["query", "candles", "binance:ETH/USDT", "--timeframe", "1s", "--store", "memory:"]);
    assert_eq!(unknown.code, 1);
    assert!(unknown.err.contains("no data of binance:ETH/USDT"), "{}", unknown.err);
    let scheme = onetape(&["query", "trades", "binance:ETH/USDT", "--store", "mysql://x"]);
    assert!(scheme.code == 1 && scheme.err.contains("mysql"), "{}", scheme.err);
}
