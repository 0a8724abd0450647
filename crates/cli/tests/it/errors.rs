//! Every error ends with what to do next.

use crate::support::{Home, Ran};

/// Runs what must fail, and returns its last line.
fn hint(ran: &Ran, args: &[&str]) -> String {
    assert!(ran.code == 1 || ran.code == 2, "{args:?} ended with {}: {}", ran.code, ran.err);
    assert!(!ran.err.contains("panicked"), "{args:?}: {}", ran.err);
    assert!(ran.err.starts_with("error: ") || ran.err.contains("\nerror: "), "{args:?}: {}", ran.err);
    let last = ran.err.trim_end().lines().last().unwrap_or_default().to_owned();
    assert!(last.starts_with("hint: "), "{args:?} ends without a hint:\n{}", ran.err);
    last
}

#[test]
fn every_wrong_command_ends_with_what_to_do() {
    let home = Home::new();
    home.onetape(&["demo"]).ok();
    home.write("text", "this is no database, but long enough to be one");
    home.write("tape.jsonl", "1723161254340863867 {\"e\":\"nothing\"}\n");
    home.write("wrong.toml", "[tables.ohlcv_1s]\ncompress_after = \"1 day\"\n");
    home.write("collect.toml", "[collect.spot]\nrest = \"ftp://127.0.0.1\"\n");
    home.write("config.toml", "stroe = \"memory:\"\n");
    let instrument = "demo:ETH/USDT";
    let commands: &[&[&str]] = &[
        // Grammar.
        &["demoo"],
        &["query"],
        &["query", "candels", instrument],
        &["query", "candles", instrument],
        &["query", "candles", instrument, "--timeframe", "1min"],
        &["query", "candles", "ETHUSDT", "--timeframe", "1m"],
        &["query", "trades", instrument, "--limit", "many"],
        &["query", "trades", instrument, "--from", "yesterday"],
        &["query", "inference", instrument, "--min-quality", "exellent"],
        &["query", "inference", instrument, "--window", "5"],
        &["replay"],
        &["replay", "tape.jsonl", "--market", "spto"],
        &["replay", "tape.jsonl", "--batch-size", "0"],
        &["cutover"],
        &["cutover", "shadow"],
        &["cutover", "shadow", "nowhere"],
        &["cutover", "advance"],
        &["cutover", "advance", "nowhere"],
        &["cutover", "advance", ".", "--note", "two\nlines"],
        &["cutover", "advance", ".", "--reports", "0"],
        &["cutover", "advance", ".", "--over", "long"],
        &["cutover", "back"],
        &["cutover", "status", "--store", "sqlite://none.db"],
        &["cutover", "archive"],
        &["cutover", "archive", "packed"],
        &["cutover", "restore", "nowhere", "old"],
        &["cutover", "restore", ".", "old"],
        &["cutover", "shadow", ".", "--from", "2024-08-09", "--to", "2024-08-08"],
        &["cutover", "shadow", ".", "--round-floats", "20"],
        &["completions", "basch"],
        &["gaps"],
        &["gaps", "list", "ETHUSDT"],
        &["gaps", "list", "--stream", "candles"],
        &["gaps", "list", "binance:SOL/USDT"],
        &["gaps", "repair", "binance:SOL/USDT"],
        &["gaps", "repair", "--patience", "5"],
        &["gaps", "repair", "--store", "sqlite://none.db"],
        &["collect", instrument, "--metrics", "localhost"],
        &["quarantine"],
        &["quarantine", "show", "one"],
        &["quarantine", "show", "999"],
        &["quarantine", "retry"],
        &["quarantine", "retry", "999"],
        &["quarantine", "list", "--from", "2024-08-10", "--to", "2024-08-09"],
        &["quarantine", "list", "--limit", "0"],
        &["quarantine", "drop"],
        &["quarantine", "drop", "1"],
        &["quarantine", "drop", "1", "--origin", "tape", "--yes"],
        &["maintain", "--metrics", "9464"],
        &["collect"],
        &["collect", "ETHUSDT"],
        &["collect", "kraken:ETH/USDT"],
        &["collect", "binance:ETH/USDT", "--for", "0s"],
        &["collect", "binance:ETH/USDT", "--config", "collect.toml"],
        &["collect", "binance:ETH/USDT", "--record"],
        // Stores.
        &["status", "--store", "mysql://u:pw@h/db"],
        &["status", "--store", "sqlite:"],
        &["status", "--store", "sqlite://none.db"],
        &["status", "--store", "sqlite://none/market.db"],
        &["status", "--store", "sqlite://text"],
        &["status", "--store", "sqlite://."],
        &["status", "--store", "postgres://nobody@127.0.0.1:1/none?sslmode=disable"],
        &["status", "--store", "postgres://nobody@db.example.com/none?sslmode=disable"],
        &["doctor", "--store", "memory:"],
        &["maintain", "--store", "memory:"],
        &["db", "setup", "--roles", "--store", "sqlite://roles.db"],
        &["db", "setup", "--settings", "none.toml"],
        &["db", "setup", "--settings", "wrong.toml"],
        &["db", "migrate", "--store", "sqlite://none.db"],
        // Instruments and instants.
        &["query", "trades", "binance:ETH/USDT"],
        &["query", "trades", "ETH/USDT"],
        &["query", "trades", instrument, "--store", "memory:"],
        &["query", "trades", instrument, "--from", "2024-08-10", "--to", "2024-08-09"],
        &["query", "book", instrument, "--second", "2020-01-01"],
        &["query", "book", instrument, "--at", "2020-01-01"],
        &["query", "inference", instrument, "--at", "2099-01-01", "--strict"],
        &["query", "inference", instrument, "--at", "2020-01-01", "--min-quality", "good"],
        &["query", "inference", instrument, "--limit", "99999999"],
        &["query", "inference", instrument, "--window", "99d"],
        &["status", "binance:ETH/USDT"],
        // Tapes and files.
        &["replay", "none.gz"],
        &["replay", "."],
        &["demo", "none.gz"],
        &["demo", "tape.jsonl", "--store", "memory:"],
        &["status", "--config", "none.toml"],
        &["status", "--config", "config.toml"],
        &["import"],
        &["import", "run"],
        &["import", "plan", "none"],
        &["import", "run", "."],
        &["import", "run", ".", "--on-conflict", "guess"],
        &["import", "run", ".", "--quiet", "1s"],
        &["import", "run", ".", "--quiet", "2s=5m"],
        &["import", "run", ".", "--pattern", "{coin}.csv"],
        &["import", "run", ".", "--mapping", "text"],
        &["import", "run", ".", "--mapping", "none.toml"],
        &["import", "run", ".", "--name", "a b"],
        &["import", "resume"],
        &["import", "verify", "none"],
        &["import", "status", "none"],
        &["import", "rollback", "none"],
        &["config", "init", "text"],
        &["config", "init", "text/onetape.toml"],
        &["man", "--dir", "text"],
        &["maintain", "--every", "1h", "--metrics", "203.0.113.1:1"],
    ];
    for args in commands {
        hint(&home.onetape(args), args);
    }
}

#[test]
fn a_mistyped_name_gets_a_suggestion() {
    let home = Home::new();
    home.onetape(&["demo"]).ok();
    for (args, suggestion) in [
        (&["demoo"][..], "'demo'"),
        (&["query", "trades", "demo:ETH/USDT", "--limt", "5"], "'--limit'"),
        (&["query", "candles", "demo:ETH/USDT", "--timeframe", "1min"], "did you mean 1m?"),
        (&["replay", "x", "--market", "spto"], "did you mean spot?"),
        (&["query", "inference", "demo:ETH/USDT", "--min-quality", "exellent"], "did you mean excellent?"),
        (&["query", "trades", "ETH/USDT"], "did you mean demo:ETH/USDT?"),
        (&["query", "trades", "demo:ETH/USDC"], "stored here are demo:ETH/USDT; did you mean demo:ETH/USDT?"),
    ] {
        let ran = home.onetape(args);
        assert!(ran.err.contains(suggestion), "{args:?}: {}", ran.err);
    }
}

#[test]
fn a_wrong_instant_on_standard_input_is_named() {
    let home = Home::new();
    home.onetape(&["demo"]).ok();
    let file = home.write("instants", "2024-08-09T00:00:00Z\nyesterday\n");
    let args = ["query", "inference", "demo:ETH/USDT", "--at-stdin"];
    let mut command = home.command();
    command.args(args).stdin(std::fs::File::open(file).expect("opened"));
    let ran = Ran::from(command.output().expect("the binary runs"));
    assert!(
        hint(&ran, &args).contains("one instant a line") && ran.err.contains("`yesterday`"),
        "{}",
        ran.err
    );
}
