//! `onetape demo` and usage errors: what a stranger tries first.

use serde_json::Value;

use crate::support::{Home, onetape, tape};

#[test]
fn demo_shows_a_frame_without_any_set_up() {
    let home = Home::new();
    let ran = home.onetape(&["demo"]);
    assert!(ran.err.contains("default store: sqlite:") && ran.err.contains("onetape.db"), "{}", ran.err);
    let out = ran.ok();
    for word in ["demo:ETH/USDT as of", "order book", "imbalances", "RSI 14", "forming", "▁"] {
        assert!(out.contains(word), "no `{word}` in:\n{out}");
    }
    assert!(home.path().join(".local/share/onetape/onetape.db").is_file());
}

#[test]
fn the_commands_that_demo_prints_work_as_they_are_printed() {
    let home = Home::new();
    let out = home.onetape(&["demo"]).ok();
    let commands: Vec<&str> = out.lines().filter_map(|line| line.strip_prefix("  onetape ")).collect();
    assert!(commands.len() >= 4, "{out}");
    for command in commands {
        let words: Vec<&str> = command.split(' ').collect();
        let answer = home.onetape(&words).ok();
        assert!(answer.contains("2024-08-0"), "{command}:\n{answer}");
    }
    let elsewhere = home.onetape(&["demo", "--store", "sqlite://elsewhere.db"]).ok();
    assert!(elsewhere.contains("onetape status --store 'sqlite:elsewhere.db'"), "{elsewhere}");
    let by_cargo = home.onetape_with(&[("CARGO_MANIFEST_DIR", "/somewhere")], &["demo"]).ok();
    assert!(by_cargo.contains("  cargo run -- query inference demo:ETH/USDT"), "{by_cargo}");
}

#[test]
fn demo_twice_changes_nothing_and_says_so() {
    let home = Home::new();
    let frame = |args: &[&str]| -> Value {
        serde_json::from_str(home.onetape(args).ok().trim()).expect("one canonical frame")
    };
    let first = frame(&["demo", "--format", "json"]);
    assert_eq!(first["symbol"], "demo:ETH/USDT");
    let status = || home.onetape(&["status"]).ok().replace(|c: char| c.is_ascii_digit(), "");
    let before = status();
    assert_eq!(frame(&["demo", "--format", "json"]), first);
    let again = home.onetape(&["demo"]).ok();
    assert!(again.contains("The store had all of it already; nothing was changed."), "{again}");
    assert_eq!(frame(&["query", "inference", "demo:ETH/USDT", "--format", "json"]), first);
    assert_eq!(status(), before);
}

#[test]
fn a_demo_in_memory_keeps_nothing() {
    let home = Home::new();
    let ran = home.onetape(&["demo", "--store", "memory:"]);
    assert_eq!(ran.err, "");
    assert!(ran.ok().contains("Nothing is kept"));
    assert_eq!(std::fs::read_dir(home.path()).expect("read").count(), 0);
}

#[test]
fn demo_replays_and_keeps_a_given_tape() {
    let Some(files) = tape() else { return };
    let home = Home::new();
    let paths = files.each_ref().map(|file| file.to_str().expect("text"));
    let out = home.onetape(&["demo", paths[0], paths[1], "--format", "json"]).ok();
    let frame: Value = serde_json::from_str(out.trim()).expect("json");
    assert_eq!(frame["orderbook_snapshot"]["sequence"], 35_346_924_199_u64);
    // A bare symbol is one of the default exchange.
    let kept = home.onetape(&["query", "inference", "ETH/USDT", "--format", "json"]).ok();
    assert_eq!(kept, out);
}

#[test]
fn usage_errors_exit_with_2_and_failures_with_1() {
    assert_eq!(onetape(&["replay"]).code, 2);
    assert_eq!(onetape(&["query", "candles", "ETHUSDT", "--timeframe", "1s", "--store", "memory:"]).code, 2);
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
