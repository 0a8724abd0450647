//! The real tape as feed messages, decoded here independently of the exchange adapter, and its engine runs.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use flate2::read::GzDecoder;
use onetape_domain::book::BookLevel;
use onetape_domain::change::Changes;
use onetape_domain::decimal::{Price, Quantity};
use onetape_domain::engine::{InstrumentEngine, Outcome};
use onetape_domain::instrument::Instrument;
use onetape_domain::message::{BookDiff, FeedMessage, FullBook, Payload};
use onetape_domain::time::Timestamp;
use onetape_domain::trade::{Side, TradeEvent, TradeId};
use onetape_domain::venue::VenueRules;
use serde_json::{Value, json};

/// Folder of real inputs; none, with one visible line, where it is absent and not required.
pub(crate) fn data_dir() -> Option<PathBuf> {
    let setting = std::env::var("ONETAPE_TEST_DATA").ok();
    let named = setting.as_deref().filter(|value| *value != "required").map(PathBuf::from);
    let dir = named.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"));
    if dir.is_dir() {
        return Some(dir);
    }
    assert!(setting.is_none(), "test data required but {} is no folder", dir.display());
    eprintln!("skipped: no test data at {}", dir.display());
    None
}

pub(crate) fn golden(name: &str) -> Option<Vec<Vec<String>>> {
    let text = std::fs::read_to_string(data_dir()?.join("golden").join(name)).expect("golden file");
    Some(text.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect())
}

pub(crate) fn instrument() -> Instrument {
    "binance:ETH/USDT".parse().expect("valid instrument")
}

fn millis(value: &Value) -> Timestamp {
    Timestamp::try_from_millis("time", value.as_i64().expect("integer time")).expect("sane time")
}

fn levels(value: &Value) -> Vec<BookLevel> {
    let level = |pair: &Value| BookLevel {
        price: Price::parse("price", pair[0].as_str().expect("price")).expect("valid price"),
        size: Quantity::parse("size", pair[1].as_str().expect("size")).expect("valid size"),
    };
    value.as_array().expect("levels").iter().map(level).collect()
}

fn decode(line: &str) -> FeedMessage {
    let (received, json) = line.split_once(' ').expect("receive time");
    let received_at = Timestamp::try_from_nanos("received", received.parse().expect("number")).expect("sane");
    let value: Value = serde_json::from_str(json).expect("json");
    let data = value.get("data").unwrap_or(&value);
    let payload = match data.get("e").and_then(Value::as_str) {
        Some("trade") => {
            let text = |key: &str| data[key].as_str().expect("text");
            let side = if data["m"] == true { Side::Sell } else { Side::Buy };
            let id = TradeId::Numeric(data["t"].as_i64().expect("id"));
            let price = Price::parse("p", text("p")).expect("price");
            let size = Quantity::parse("q", text("q")).expect("size");
            let event = TradeEvent::try_new(millis(&data["T"]), id, price, size, side, None).expect("trade");
            Payload::Trades(vec![event])
        }
        Some("depthUpdate") => Payload::BookDiff(BookDiff {
            first_update: data["U"].as_u64().expect("U"),
            last_update: data["u"].as_u64().expect("u"),
            previous_update: None,
            bids: levels(&data["b"]),
            asks: levels(&data["a"]),
        }),
        Some(other) => panic!("unexpected event {other}"),
        None if data.get("lastUpdateId").is_some() => Payload::BookSnapshot(FullBook {
            last_update: data["lastUpdateId"].as_u64().expect("id"),
            bids: levels(&data["bids"]),
            asks: levels(&data["asks"]),
        }),
        None => Payload::Ticker,
    };
    let sent_at = data.get("E").map(millis);
    FeedMessage { instrument: instrument(), connection: 0, sent_at, received_at, payload }
}

/// All lines of the two files, in order.
fn lines() -> Option<impl Iterator<Item = String>> {
    let dir = data_dir()?.join("binance_spot_raw");
    let lines = |name: &str| {
        let file = File::open(dir.join(name)).expect("tape file");
        BufReader::new(GzDecoder::new(file)).lines().map(|line| line.expect("line"))
    };
    Some(["ethusdt_20240808.gz", "ethusdt_20240809.gz"].map(lines).into_iter().flatten())
}

/// All messages of the two files, in order.
pub(crate) fn messages() -> Option<Vec<FeedMessage>> {
    Some(lines()?.map(|line| decode(&line)).collect())
}

/// Best bid and best ask as the venue's own ticker gives them, by update id.
pub(crate) fn tickers() -> Option<BTreeMap<u64, (BookLevel, BookLevel)>> {
    let mut tickers = BTreeMap::new();
    for line in lines()?.filter(|line| line.contains("@bookTicker")) {
        let (_, json) = line.split_once(' ').expect("receive time");
        let value: Value = serde_json::from_str(json).expect("json");
        let data = &value["data"];
        let level = |price: &str, size: &str| levels(&json!([[data[price], data[size]]]))[0];
        let best = (level("b", "B"), level("a", "A"));
        let before = tickers.insert(data["u"].as_u64().expect("u"), best);
        assert!(before.is_none_or(|before| before == best), "two tops of one update: {line}");
    }
    Some(tickers)
}

/// Runs messages through a fresh engine to the end of the feed.
pub(crate) fn run(messages: &[FeedMessage], lateness: i64) -> (InstrumentEngine, Changes) {
    let mut engine = InstrumentEngine::new(instrument(), VenueRules::BINANCE_SPOT.with_lateness(lateness));
    let mut changes = Changes::default();
    for message in messages {
        let step = engine.process(message, &mut changes);
        assert!(!matches!(step.outcome, Outcome::Refused(_) | Outcome::NeedsCandles(_)), "{step:?}");
        assert_eq!(step.refused, []);
    }
    engine.end_of_feed(&mut changes);
    (engine, changes)
}
