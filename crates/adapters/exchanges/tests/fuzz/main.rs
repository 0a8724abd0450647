//! Fuzz targets of everything that reads outside bytes.
//!
//! Under `cargo test` each runs a moment on random input. For longer, guided by coverage, on stable Rust:
//! `cargo bolero test -p onetape-exchanges spot_messages --profile release --sanitizer NONE --rustc-bootstrap -T 600s`
//! or, without `cargo-bolero`, on random input:
//! `BOLERO_RANDOM_TEST_TIME_MS=600000 cargo test --release -p onetape-exchanges --test fuzz`.

use bolero::check;
use onetape_domain::instrument::Market;
use onetape_domain::time::Timestamp;
use onetape_exchanges::{BinanceParser, TapeFeed, TapeOptions, WireParser};
use onetape_ports::Feed;

/// Pieces of messages: random bytes alone seldom get past the first brace.
const PIECES: [&str; 64] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\n",
    " ",
    "0",
    "1",
    "-",
    ".",
    "e",
    "\\u00e9",
    "null",
    "true",
    "false",
    "{\"stream\":\"ethusdt@trade\",\"data\":",
    "\"e\":\"trade\",",
    "\"e\":\"aggTrade\",",
    "\"e\":\"depthUpdate\",",
    "\"e\":\"kline\",\"k\":{",
    "\"e\":\"forceOrder\",\"o\":{",
    "\"E\":1723161255310,",
    "\"T\":1723161255309,",
    "\"E\":1723161255,",
    "\"s\":\"ETHUSDT\",",
    "\"s\":\"BTCUSD_PERP\",",
    "\"s\":\"BTCUSDT_241227\",",
    "\"symbol\":\"ETHUSD_PERP\",",
    "\"t\":7,",
    "\"p\":\"2683.81\",",
    "\"p\":\"0\",",
    "\"p\":1.5,",
    "\"q\":\"0.5\",",
    "\"q\":\"-1\",",
    "\"m\":true",
    "\"X\":\"NA\",",
    "\"X\":\"MARKET\",",
    "\"a\":5,",
    "\"f\":3,",
    "\"l\":4,",
    "\"U\":100,",
    "\"u\":110,",
    "\"pu\":99,",
    "\"b\":[",
    "\"a\":[",
    "[\"2683.80\",\"1\"]",
    "[\"NaN\",\"1\"]",
    "],",
    "\"lastUpdateId\":105,",
    "\"bids\":[",
    "\"asks\":[",
    "\"result\":null,",
    "\"id\":1",
    "\"code\":-1121,",
    "\"error\":{",
    "1723161254024619568 ",
    "\n1723161254024619568 ",
    "1723161254 ",
    "-1 ",
    "{\"e\":\"trade\",\"E\":1723161255310,\"s\":\"ETHUSDT\",\"t\":1,\"p\":\"1\",\"q\":\"2\",\"T\":1723161255309,\"m\":true}",
    "{\"lastUpdateId\":7,\"bids\":[],\"asks\":[]}",
];

/// Bytes put together from pieces: a byte below 192 picks one, one above stands for itself.
fn compose(seed: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    for byte in seed {
        match PIECES.get(usize::from(*byte) / 3) {
            Some(piece) => text.extend_from_slice(piece.as_bytes()),
            None => text.push(byte.wrapping_mul(7)),
        }
    }
    text
}

fn parse_all(market: Market, seed: &[u8]) {
    let mut parser = BinanceParser::new(market);
    for bytes in [seed, &compose(seed)] {
        let once = parser.parse(bytes, Timestamp::EARLIEST, 0);
        assert_eq!(once, parser.parse(bytes, Timestamp::EARLIEST, 0), "the same bytes, the same verdict");
        if let Err(refused) = once {
            assert!(!refused.violations.0.is_empty(), "a refusal has a reason");
        }
    }
}

fn read_tape(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("tape");
    std::fs::write(&file, bytes).expect("a file");
    let options = TapeOptions { max_line_bytes: 200, ..TapeOptions::default() };
    let mut feed = TapeFeed::open(vec![file], BinanceParser::new(Market::Spot), options).expect("a tape");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let mut events = Vec::new();
    let end = loop {
        match runtime.block_on(feed.next_batch(&mut events, 5)) {
            Ok(true) => {}
            end => break end,
        }
    };
    let stats = feed.stats();
    assert_eq!(events.len() as u64, stats.messages() + stats.quarantined);
    if end.is_ok() {
        let settled = stats.messages() + stats.quarantined + stats.ignored + stats.blank;
        assert_eq!(stats.lines, settled, "every line is accounted for");
    }
}

#[test]
fn spot_messages() {
    check!().for_each(|seed: &[u8]| parse_all(Market::Spot, seed));
}

#[test]
fn usdm_messages() {
    check!().for_each(|seed: &[u8]| parse_all(Market::Usdm, seed));
}

#[test]
fn coinm_messages() {
    check!().for_each(|seed: &[u8]| parse_all(Market::Coinm, seed));
}

#[test]
fn tape_of_raw_bytes() {
    check!().for_each(|seed: &[u8]| read_tape(seed));
}

#[test]
fn tape_of_messages() {
    check!().for_each(|seed: &[u8]| read_tape(&compose(seed)));
}

#[test]
fn tape_of_damaged_compression() {
    check!().for_each(|seed: &[u8]| {
        for magic in [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0][..], &[0x28, 0xb5, 0x2f, 0xfd][..]] {
            read_tape(&[magic, seed].concat());
        }
    });
}
