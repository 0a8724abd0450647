//! A1, A2 and A8 through `onetape replay` and `onetape query`.

use onetape::domain::decimal::canonical;
use onetape::prelude::Timestamp;
use onetape_testkit::data::golden_rows;
use serde_json::Value;

use crate::support::{Kind, onetape_with_input, query, replay, tape};

fn decimal(text: &str) -> String {
    text.parse().map(canonical).expect("decimal")
}

fn time(text: &str) -> Timestamp {
    text.parse().expect("time")
}

pub(crate) fn assert_candles(store: &str) {
    for timeframe in ["1s", "1m", "5m"] {
        let out = query(store, "candles", &["--timeframe", timeframe, "--format", "csv"]).ok();
        let mut lines = out.lines();
        assert_eq!(lines.next(), Some("timestamp,open,high,low,close,volume,trade_count,state"));
        let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
        let want = golden_rows(&format!("hft_spot_ETHUSDT_{timeframe}.csv"));
        assert_eq!(rows.len(), want.len(), "{timeframe}");
        for (row, want) in rows.iter().zip(&want) {
            assert_eq!(time(row[0]), time(&want[0]));
            let numbers: Vec<String> = want[1..6].iter().map(|field| decimal(field)).collect();
            assert_eq!(row[1..6], numbers, "{timeframe} {}", row[0]);
            assert_eq!(row[6], want[6]);
        }
        assert_eq!(rows.last().expect("rows")[7], "forming");
        assert_eq!(rows[0][7], "traded");
    }
}

pub(crate) fn assert_trades(store: &str) {
    let out = query(store, "trades", &["--format", "csv"]).ok();
    let ids: Vec<i64> =
        out.lines().skip(1).map(|line| line.split(',').nth(1).expect("id").parse().expect("id")).collect();
    assert_eq!(ids.len(), 14_515);
    assert!(ids.windows(2).all(|pair| pair[0] + 1 == pair[1]));
}

fn assert_imbalances(store: &str) {
    let out = query(store, "imbalances", &["--format", "csv"]).ok();
    let rows: Vec<Vec<&str>> = out.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let want = golden_rows("hft_spot_ETHUSDT_imbalance_windows.csv");
    assert_eq!(rows.len(), want.len());
    let number = |text: &str| {
        if text.is_empty() { String::new() } else { decimal(text) }
    };
    for (row, want) in rows.iter().zip(&want) {
        // Columns: imbalance 1s 5s 15s 60s, volume 1s 5s 15s 60s, range; golden interleaves them.
        let got = [row[0], row[1], row[2], row[6], row[3], row[7], row[4], row[8], row[9]];
        assert_eq!(time(got[0]), time(&want[0]));
        assert_eq!(got[1..], want[1..].iter().map(|field| number(field)).collect::<Vec<_>>());
        assert_eq!(row[1], row[5]);
    }
}

fn book(store: &str, more: &[&str]) -> Value {
    let out = query(store, "book", &[&["--format", "json"], more].concat()).ok();
    serde_json::from_str(&out).expect("json")
}

fn assert_books(store: &str) {
    let rows = golden_rows("hft_spot_ETHUSDT_book_1s.csv");
    // One process a second of the tape: four at a time.
    std::thread::scope(|scope| {
        for part in rows.chunks(rows.len().div_ceil(4)) {
            scope.spawn(move || part.iter().for_each(|row| assert_second(store, row)));
        }
    });
}

fn assert_second(store: &str, row: &[String]) {
    let second = time(&row[0]).plus(-1_000_000).to_string();
    let book = book(store, &["--second", &second, "--depth", "1"]);
    let best = |side: &str, i: usize| book[side][0][i].as_str().expect("text").to_owned();
    let text = |field: &str| book[field].as_str().expect("text").to_owned();
    let got = [
        book["sequence"].to_string(),
        best("bids", 0),
        best("bids", 1),
        best("asks", 0),
        best("asks", 1),
        text("mid_price"),
        text("spread"),
        text("bid_volume"),
        text("ask_volume"),
        text("imbalance"),
    ];
    let normal = |(i, field): (usize, &String)| if i == 0 { field.clone() } else { decimal(field) };
    let want: Vec<String> = row[1..].iter().enumerate().map(normal).collect();
    assert_eq!(got.as_slice(), want.as_slice(), "second {second}");
}

fn assert_states(store: &str) {
    let path =
        onetape_testkit::data::folder().expect("data").join("golden/hft_spot_ETHUSDT_book_states.json");
    let golden: Value = serde_json::from_str(&std::fs::read_to_string(path).expect("file")).expect("json");
    for (mark, state) in golden["ethusdt"].as_object().expect("marks") {
        let second = (mark != "final").then(|| time(mark).plus(-1_000_000).to_string());
        let args: Vec<&str> = second.iter().flat_map(|second| ["--second", second.as_str()]).collect();
        let shown = book(store, &args);
        assert_eq!(shown["sequence"], state["last_u"]);
        assert_eq!(shown["partial"], mark == "final");
        let args = if mark == "final" { vec!["--at", "2030-01-01"] } else { args };
        let out = query(store, "buckets", &[&["--format", "csv"], args.as_slice()].concat()).ok();
        let buckets = state["buckets_floor_1usd_top50"].as_object().expect("buckets");
        assert_eq!(out.lines().count(), buckets.len() + 1, "{mark}");
        for line in out.lines().skip(1) {
            let fields: Vec<&str> = line.split(',').collect();
            let want = &buckets[fields[1]];
            let volume = |i: usize| decimal(want[i].as_str().expect("volume"));
            assert_eq!((fields[3].to_owned(), fields[5].to_owned()), (volume(0), volume(2)));
            assert_eq!(
                (fields[4].to_owned(), fields[6].to_owned()),
                (want[1].to_string(), want[3].to_string())
            );
        }
    }
}

/// A8 through the provider: at the stamp that closes a second, the indicators of that second.
fn assert_indicators(store: &str) {
    let want = golden_rows("indicators_hft_spot_ETHUSDT_1s.csv");
    let out = query(store, "candles", &["--timeframe", "1s", "--format", "json"]).ok();
    let candles: Vec<Value> = serde_json::from_str(&out).expect("json");
    let sampled: Vec<(usize, i64)> = (0..500.min(want.len() - 5))
        .step_by(37)
        .map(|i| (i, candles[i]["known_from"].as_i64().expect("closed")))
        .collect();
    let instants: String = sampled.iter().map(|(_, stamp)| format!("{stamp}\n")).collect();
    let args = ["query", "inference", "binance:ETH/USDT", "--format", "json", "--at-stdin", "--store", store];
    let frames = onetape_with_input(&args, instants).ok();
    for ((i, _), frame) in sampled.iter().zip(frames.lines()) {
        let frame: Value = serde_json::from_str(frame).expect("json");
        let rows = frame["ohlcv_1s"]["rows"].as_array().expect("rows");
        let last = rows.iter().rev().find(|row| row["state"] == "traded").expect("closed");
        if last["open_time"] != candles[*i]["open_time"] {
            continue;
        }
        let got = &frame["indicators"]["1s"];
        let header = onetape_testkit::data::golden_header("indicators_hft_spot_ETHUSDT_1s.csv");
        let column =
            |name: &str| header.iter().position(|h| h.contains(name)).map(|at| want[*i][at].as_str());
        for (name, golden) in
            [("rsi_14", "rsi"), ("macd_signal", "signal"), ("bb_upper", "upper"), ("bb_lower", "lower")]
        {
            let want = column(golden).expect("column");
            match got[name].as_f64() {
                None => assert!(want.is_empty(), "{name} at {i}: {want}"),
                Some(value) => {
                    let want: f64 = want.parse().expect("number");
                    let tolerance = if name == "rsi_14" { 5e-5 } else { (want.abs() * 1e-8).max(5e-9) };
                    assert!((value - want).abs() <= tolerance, "{name} at {i}: {value} {want}");
                }
            }
        }
    }
}

async fn the_tape_through_the_command_line_gives_the_golden_numbers_in(kind: Kind) {
    let Some(files) = tape() else { return };
    let Some(db) = kind.store().await else { return };
    let summary: Value = serde_json::from_str(&replay(db.url(), &files, &[]).ok()).expect("json");
    assert_eq!(summary["rows"]["trades"], 14_515);
    assert_eq!(summary["rows"]["revisions"], 0);
    assert_candles(db.url());
    assert_trades(db.url());
    assert_imbalances(db.url());
    assert_books(db.url());
    assert_states(db.url());
    assert_indicators(db.url());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tape_through_the_command_line_gives_the_golden_numbers() {
    the_tape_through_the_command_line_gives_the_golden_numbers_in(Kind::Server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tape_through_the_command_line_gives_the_golden_numbers_in_a_file() {
    the_tape_through_the_command_line_gives_the_golden_numbers_in(Kind::File).await;
}

async fn without_lateness_44_trades_revise_and_the_candles_are_the_same_in(kind: Kind) {
    let Some(files) = tape() else { return };
    let Some(db) = kind.store().await else { return };
    replay(db.url(), &files, &["--lateness-ms", "0"]).ok();
    assert_candles(db.url());
    let out = query(db.url(), "candles", &["--timeframe", "1s", "--format", "json"]).ok();
    let candles: Vec<Value> = serde_json::from_str(&out).expect("json");
    let revisions: u64 =
        candles.iter().filter_map(|candle| candle["revision"].as_u64()).map(|r| r.saturating_sub(1)).sum();
    assert_eq!(revisions, 44);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_lateness_44_trades_revise_and_the_candles_are_the_same() {
    without_lateness_44_trades_revise_and_the_candles_are_the_same_in(Kind::Server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_lateness_44_trades_revise_and_the_candles_are_the_same_in_a_file() {
    without_lateness_44_trades_revise_and_the_candles_are_the_same_in(Kind::File).await;
}
