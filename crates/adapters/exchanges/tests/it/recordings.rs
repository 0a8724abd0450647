//! Recordings of three Binance venues made by others: every frame is read.

use std::collections::BTreeMap;

use onetape_domain::instrument::Market;
use onetape_domain::message::Payload;
use onetape_domain::time::Timestamp;
use onetape_exchanges::{BinanceParser, Parsed, WireParser};
use serde_json::Value;

use crate::data;

#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    trades: usize,
    diffs: usize,
    tickers: usize,
    books: usize,
    other: usize,
    instruments: BTreeMap<String, usize>,
}

/// Reads a recording; its REST answers other than depth are no messages of a stream.
fn count(name: &str, market: Market) -> Option<Counts> {
    let file = std::fs::File::open(data::dir()?.join("exchange_recordings").join(name)).expect("a recording");
    let text = std::io::read_to_string(zstd::Decoder::new(file).expect("zstd")).expect("text");
    let mut parser = BinanceParser::new(market);
    let mut counts = Counts::default();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).expect("a JSON line");
        let is_book = line["url"].as_str().is_some_and(|url| url.contains("/depth?"));
        if line["t"] != "recv" && !is_book {
            continue;
        }
        let micros = (line["ts"].as_f64().expect("a receive time") * 1e6) as i64;
        let frame = line["data"].as_str().expect("a frame");
        match parser.parse(frame.as_bytes(), Timestamp::from_micros(micros), 0) {
            Ok(Parsed::Message(message)) => {
                *counts.instruments.entry(message.instrument.to_string()).or_default() += 1;
                match message.payload {
                    Payload::Trades(_) => counts.trades += 1,
                    Payload::BookDiff(_) => counts.diffs += 1,
                    Payload::Ticker => counts.tickers += 1,
                    _ => counts.other += 1,
                }
            }
            Ok(Parsed::Unaddressed(_)) => counts.books += 1,
            Ok(Parsed::Ignored(_)) => counts.other += 1,
            Err(refused) => panic!("{name}: {frame}\n{}", refused.violations),
        }
    }
    eprintln!("{name}: {counts:?}");
    Some(counts)
}

fn check(name: &str, market: Market, expected: Counts) {
    if let Some(counts) = count(name, market) {
        assert_eq!(counts, expected);
    }
}

fn named(names: &[(&str, usize)]) -> BTreeMap<String, usize> {
    names.iter().map(|(name, count)| (format!("binance:{name}"), *count)).collect()
}

#[test]
fn spot() {
    check(
        "BINANCE.jsonl.zst",
        Market::Spot,
        Counts {
            trades: 2,
            diffs: 177,
            tickers: 86,
            books: 4,
            other: 0,
            instruments: named(&[("BLZ/ETH", 11), ("LRC/BTC", 26), ("NKN/USDT", 226), ("RUNE/EUR", 2)]),
        },
    );
}

#[test]
fn usd_margined_futures() {
    check(
        "BINANCE_FUTURES.jsonl.zst",
        Market::Usdm,
        Counts {
            trades: 91,
            diffs: 764,
            tickers: 680,
            books: 4,
            other: 0,
            instruments: named(&[
                ("AKRO/USDT:USDT", 293),
                ("CTK/USDT:USDT", 400),
                ("KEEP/USDT:USDT", 220),
                ("SUSHI/USDT:USDT", 622),
            ]),
        },
    );
}

#[test]
fn united_states() {
    check(
        "BINANCE_US.jsonl.zst",
        Market::Spot,
        Counts {
            trades: 11,
            diffs: 336,
            tickers: 133,
            books: 4,
            other: 0,
            instruments: named(&[("COMP/USDT", 151), ("CRV/USDT", 40), ("OMG/BUSD", 233), ("ZRX/USDT", 56)]),
        },
    );
}
