//! `onetape gaps`, of a file and of a server.

use onetape::prelude::Instrument;
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
