//! `onetape gaps`, of a file and of a server.

use onetape::domain::instrument::Market as MarketKind;
use onetape::prelude::Instrument;
use onetape_simulator::Simulator;
use onetape_testkit::generator::{Market, binance_tape_lines, faults};
use serde_json::Value;

use crate::support::{Home, Kind, TestStore, onetape, replay, write};

const SECOND: i64 = 1_000_000;

fn list(store: &TestStore, more: &[&str]) -> Value {
    let args = [&["gaps", "list", "--json", "--store", store.url()], more].concat();
    let text = onetape(&args).ok();
    serde_json::from_str(&text).expect("json")
}

async fn a_cut_is_listed_until_what_was_missed_has_come(kind: Kind) {
    let Some(store) = kind.store().await else { return };
    let instrument: Instrument = "binance:ETH/USDT".parse().expect("instrument");
    let market = Market { seconds: 180, ..Market::new(instrument, 7) };
    let (all, at) = (market.messages(), |second| market.start.plus(second * SECOND));
    let cut = faults::outage(all.clone(), at(40), at(130));
    let folder = tempfile::tempdir().expect("folder");
    let [cut, whole] = [("cut", cut), ("whole", all)]
        .map(|(name, messages)| write(folder.path(), name, binance_tape_lines(&messages)));
    replay(store.url(), &[cut], &[]).ok();

    let before = list(&store, &[]);
    let one = &before[0];
    let [trades, book] = &one["gaps"].as_array().expect("a list")[..] else { panic!("{one}") };
    assert_eq!((&trades["stream"], &trades["state"]), (&"trades".into(), &"open".into()));
    assert_eq!((&book["stream"], &book["state"]), (&"book".into(), &"unproven".into()));
    for gap in [trades, book] {
        let length = gap["length_us"].as_i64().expect("a number");
        assert!((85 * SECOND..105 * SECOND).contains(&length), "{gap}");
    }
    assert!(trades["missing_ids"].as_u64() > Some(100), "{trades}");
    let reason = trades["reason"].as_str().expect("text");
    assert!(reason.starts_with("missing trade ids "), "{reason}");
    assert_eq!(list(&store, &["--stream", "book"])[0]["gaps"], Value::Array(vec![book.clone()]));
    let text = onetape(&["gaps", "list", "ETH/USDT", "--store", store.url()]).ok();
    assert!(
        text.contains("binance:ETH/USDT as of ") && text.contains("| open") && text.contains("unproven"),
        "{text}"
    );

    // Before the cut nothing was missing; when half of it has come, half is.
    let early = at(30).to_string();
    assert_eq!(list(&store, &["--at", &early])[0]["gaps"], Value::Array(Vec::new()));
    let clock = one["as_of"].as_i64().expect("micros").to_string();
    replay(store.url(), &[whole], &[]).ok();
    let trades_left = list(&store, &["--stream", "trades"]);
    assert_eq!(trades_left[0]["gaps"], Value::Array(Vec::new()), "{trades_left}");
    assert_eq!(list(&store, &["--at", &clock]), before, "what was missing then is missing as of then");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_is_listed_until_what_was_missed_has_come_to_a_file() {
    a_cut_is_listed_until_what_was_missed_has_come(Kind::File).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_is_listed_until_what_was_missed_has_come_to_a_server() {
    a_cut_is_listed_until_what_was_missed_has_come(Kind::Server).await;
}

#[test]
fn a_market_without_gaps_says_so() {
    let home = Home::new();
    home.onetape(&["demo"]).ok();
    let text = home.onetape(&["gaps", "list"]).ok();
    assert!(text.starts_with("demo:ETH/USDT has no gaps as of 2024-08-09T00:1"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_feed_missed_is_fetched_from_its_venue() {
    let instrument: Instrument = "binance:ETH/USDT".parse().expect("instrument");
    // Ids as the venue gives them.
    let market = Market { seconds: 120, first_trade_id: 0, ..Market::new(instrument, 7) };
    let venue =
        Simulator::builder().market(&market).speed(10_000).begin_with(0).start().await.expect("a venue");
    venue.ended().await;
    let (all, at) = (market.messages(), |second| market.start.plus(second * SECOND));
    let home = Home::new();
    let cut = write(home.path(), "cut", binance_tape_lines(&faults::outage(all.clone(), at(40), at(80))));
    home.write("onetape.toml", &format!("[collect.spot]\nrest = \"{}\"\n", venue.rest_url(MarketKind::Spot)));
    home.onetape(&["replay", cut.to_str().expect("text")]).ok();

    let planned = home.onetape(&["gaps", "repair", "--dry-run"]).ok();
    assert!(
        planned.contains("binance:ETH/USDT: ") && planned.contains(" single trades in 1 gaps"),
        "{planned}"
    );
    let listed = |args: &[&str]| -> Value {
        serde_json::from_str(&home.onetape(&[&["gaps", "list", "--json"], args].concat()).ok()).expect("json")
    };
    let before = listed(&[]);
    let text = home.onetape(&["gaps", "repair", "ETH/USDT", "--json"]).ok();
    let report: Value = serde_json::from_str(&text).expect("json");
    let [gap] = &report["gaps"].as_array().expect("a list")[..] else { panic!("{report}") };
    assert_eq!(gap["outcome"]["state"], "filled", "{report}");
    assert_eq!(gap["trades"], before[0]["gaps"][0]["missing_ids"], "{report}");
    assert_eq!(listed(&["--stream", "trades"])[0]["gaps"], Value::Array(Vec::new()));
    let again = home.onetape(&["gaps", "repair"]).ok();
    assert!(again.starts_with("nothing to repair"), "{again}");

    // The tables are those of a feed that missed nothing.
    let whole = Home::new();
    let tape = write(whole.path(), "whole", binance_tape_lines(&all));
    whole.onetape(&["replay", tape.to_str().expect("text")]).ok();
    let rows = |home: &Home, what: &[&str], columns: std::ops::Range<usize>| -> Vec<String> {
        let args =
            [&["query"], what, &["--from", "2024-08-08", "--to", "2024-08-10", "--format", "csv"]].concat();
        let text = home.onetape(&args).ok();
        text.lines()
            .map(|line| line.split(',').take(columns.end).skip(columns.start).collect::<Vec<_>>().join(","))
            .collect()
    };
    let trades = ["trades", "binance:ETH/USDT"];
    assert_eq!(rows(&home, &trades, 0..4), rows(&whole, &trades, 0..4));
    let candles = ["candles", "binance:ETH/USDT", "--timeframe", "1m"];
    assert_eq!(rows(&home, &candles, 0..6), rows(&whole, &candles, 0..6));
}
