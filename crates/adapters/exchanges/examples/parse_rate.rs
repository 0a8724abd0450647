//! Messages a second of a Binance spot tape: parsed by this crate, read through the whole feed, and the
//! floor to compare with: JSON to decimals and diffs into two ordered maps, with nothing around it.
//!
//! `cargo run --release -p onetape-exchanges --example parse_rate -- FILE…`

#![expect(clippy::print_stdout, reason = "it reports to a terminal")]
#![expect(clippy::disallowed_methods, reason = "it measures time")]

// Instrumented for fuzzing, every binary `cargo test` builds needs the fuzzing engine's symbols.
use bolero as _;

use std::collections::BTreeMap;
use std::hint::black_box;
use std::io::Read;
use std::path::PathBuf;
use std::time::Instant;

use onetape_domain::instrument::Market;
use onetape_domain::time::Timestamp;
use onetape_exchanges::{BinanceParser, TapeFeed, TapeOptions, WireParser};
use onetape_ports::feed::Feed;
use rust_decimal::Decimal;
use serde::Deserialize;

type Failure = Box<dyn std::error::Error>;
const ROUNDS: usize = 7;

#[derive(Deserialize)]
struct Envelope<T> {
    data: T,
}

#[derive(Deserialize)]
struct Trade<'a> {
    p: &'a str,
    q: &'a str,
}

#[derive(Deserialize)]
struct Diff<'a> {
    #[serde(borrow)]
    b: Vec<(&'a str, &'a str)>,
    #[serde(borrow)]
    a: Vec<(&'a str, &'a str)>,
}

#[derive(Deserialize)]
struct Ticker<'a> {
    #[serde(rename = "b")]
    bid: &'a str,
    #[serde(rename = "B")]
    bid_size: &'a str,
    #[serde(rename = "a")]
    ask: &'a str,
    #[serde(rename = "A")]
    ask_size: &'a str,
}

fn main() -> Result<(), Failure> {
    let files: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let mut text = String::new();
    for file in &files {
        let opened = std::fs::File::open(file)?;
        if file.extension().is_some_and(|extension| extension == "gz") {
            flate2::read::MultiGzDecoder::new(opened).read_to_string(&mut text)?;
        } else {
            std::io::BufReader::new(opened).read_to_string(&mut text)?;
        }
    }
    let lines: Vec<(Timestamp, &str)> = text
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(time, json)| Ok((Timestamp::try_from_nanos("received_at", time.parse()?)?, json)))
        .collect::<Result<_, Failure>>()?;
    report("parse to domain messages", lines.len(), || {
        let mut parser = BinanceParser::new(Market::Spot);
        for (received_at, json) in &lines {
            black_box(parser.parse(json.as_bytes(), *received_at, 0).map_err(|refused| refused.violations)?);
        }
        Ok(())
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    report("tape feed, decompression included", lines.len(), || {
        let mut feed =
            TapeFeed::open(files.clone(), BinanceParser::new(Market::Spot), TapeOptions::default())?;
        runtime.block_on(async {
            let mut events = Vec::new();
            while feed.next_batch(&mut events, 1_024).await? {
                black_box(&events);
                events.clear();
            }
            Ok(())
        })
    })?;
    report("decompression alone", lines.len(), || {
        for file in &files {
            let mut text = Vec::new();
            flate2::read::MultiGzDecoder::new(std::fs::File::open(file)?).read_to_end(&mut text)?;
            black_box(text);
        }
        Ok(())
    })?;
    report("floor: decimals and two maps", lines.len(), || floor(&lines))
}

fn floor(lines: &[(Timestamp, &str)]) -> Result<(), Failure> {
    let (mut bids, mut asks) = (BTreeMap::new(), BTreeMap::new());
    let apply = |side: &mut BTreeMap<Decimal, Decimal>, levels: &[(&str, &str)]| -> Result<(), Failure> {
        for (price, size) in levels {
            let (price, size) = (Decimal::from_str_exact(price)?, Decimal::from_str_exact(size)?);
            if size.is_zero() {
                side.remove(&price);
            } else {
                side.insert(price, size);
            }
        }
        Ok(())
    };
    for (_, json) in lines {
        if json.contains("@trade") {
            let Envelope { data: Trade { p, q } } = serde_json::from_str(json)?;
            black_box((Decimal::from_str_exact(p)?, Decimal::from_str_exact(q)?));
        } else if json.contains("@depth") {
            let Envelope { data: Diff { b, a } } = serde_json::from_str(json)?;
            apply(&mut bids, &b)?;
            apply(&mut asks, &a)?;
        } else if json.contains("@bookTicker") {
            let Envelope { data: Ticker { bid, bid_size, ask, ask_size } } = serde_json::from_str(json)?;
            black_box([bid, bid_size, ask, ask_size].map(|text| Decimal::from_str_exact(text).ok()));
        }
    }
    black_box((bids.len(), asks.len()));
    Ok(())
}

fn report(what: &str, messages: usize, mut run: impl FnMut() -> Result<(), Failure>) -> Result<(), Failure> {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        run()?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = messages as f64 / best;
    println!("{what}: {messages} messages in {:.1} ms, {rate:.0} messages/s (best of {ROUNDS})", best * 1e3);
    Ok(())
}
