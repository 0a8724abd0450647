//! Bad input: each a quarantined record or an error with its reason, and reading goes on.

use onetape_domain::instrument::Market;
use onetape_exchanges::{BinanceParser, TapeFeed, TapeOptions};
use onetape_ports::Feed;

use crate::messages::parse;
use crate::tapes::{self, Delivered, START, lines, read, read_bytes, trade};

/// A tape of a bad line between two good ones.
async fn between(bad: &str) -> Delivered {
    let good = |id| format!("{START} {}\n", trade("ETHUSDT", id));
    let delivered = read_bytes("some.tape", format!("{}{bad}\n{}", good(1), good(2))).await;
    assert_eq!(delivered.messages.len(), 2, "the lines around are delivered: {delivered:?}");
    assert!(delivered.error.is_none(), "{delivered:?}");
    delivered
}

#[tokio::test]
async fn a_bad_line_is_quarantined_with_its_place_and_reason() {
    for (bad, reasons) in [
        ("1723161254024619568 {\"e\":\"trade\"", &["must be a JSON message: EOF"][..]),
        ("1723161254024619568 {\"e\":\"trade\",}", &["must be a JSON message"]),
        ("1723161254024619568", &["must be a JSON message: EOF"]),
        ("{\"e\":\"trade\"}", &["tape.received_at is missing"]),
        ("yesterday {\"e\":\"trade\"}", &["tape.received_at must be an integer of nanoseconds"]),
        ("-5 {}", &["tape.received_at must be in nanoseconds between 2009 and 2100"]),
        ("1723161254 {}", &["must be in nanoseconds", "the number looks like seconds"]),
        ("1723161254024 {}", &["the number looks like milliseconds"]),
        ("1723161254024619 {}", &["the number looks like microseconds"]),
        ("99999999999999999999999 {}", &["tape.received_at must be an integer of nanoseconds"]),
        ("9223372036854775807 {}", &["tape.received_at must be in nanoseconds between 2009 and 2100"]),
    ] {
        let delivered = between(bad).await;
        let [record] = &delivered.quarantined[..] else { panic!("{bad}: {delivered:?}") };
        assert_eq!((record.origin.as_str(), record.payload.as_str()), ("some.tape:2", bad));
        for reason in reasons {
            assert!(record.violations.to_string().contains(reason), "{bad}: {}", record.violations);
        }
    }
}

#[tokio::test]
async fn a_bad_receive_time_does_not_hide_what_else_is_wrong() {
    let bad = trade("ETHUSDT", 3).replace("\"0.5\"", "\"NaN\"");
    let delivered = between(&format!("1723161254 {bad}")).await;
    let [record] = &delivered.quarantined[..] else { panic!("{delivered:?}") };
    assert_eq!(record.violations.0.len(), 2, "{}", record.violations);
    assert_eq!(record.instrument.as_ref().map(ToString::to_string).as_deref(), Some("binance:ETH/USDT"));
}

#[tokio::test]
async fn text_that_is_no_utf8_is_quarantined() {
    let mut bytes = format!("{START} {{\"e\":\"trade\",\"x\":\"").into_bytes();
    bytes.extend([0xff, 0xfe]);
    bytes.extend(b"\"}\n\xf0\x28\x8c\x28\n");
    let delivered = read_bytes("tape", bytes).await;
    assert_eq!(delivered.quarantined.len(), 2);
    assert!(delivered.reasons()[0].contains("must be UTF-8"), "{:?}", delivered.reasons());
}

#[tokio::test]
async fn blank_lines_and_windows_line_ends_are_no_fault() {
    let delivered = read_bytes("tape", format!("\n  \r\n{START} {}\r\n\n", trade("ETHUSDT", 1))).await;
    assert_eq!((delivered.messages.len(), delivered.quarantined.len()), (1, 0));
}

#[test]
fn every_broken_rule_of_a_message_is_reported() {
    let json =
        r#"{"e":"trade","E":1723161255,"s":"FOOBAR","t":-4,"p":2683.81,"q":"-0.5","T":"now","m":"yes"}"#;
    let refused = parse(Market::Spot, json).expect_err("a bad trade");
    let fields: Vec<&str> = refused.violations.0.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(
        fields,
        ["symbol", "message.sent_at", "trade.event_time", "trade.price", "trade.size", "trade.m", "trade.id"]
    );
    let text = refused.violations.to_string();
    assert!(text.contains("ends with no quote asset known at this venue: got `FOOBAR`"), "{text}");
    assert!(text.contains("the number looks like seconds: got `1723161255`"), "{text}");
    assert!(text.contains("must be text: other than text is not exact: got `2683.81`"), "{text}");
    assert!(text.contains("trade.size must not be negative: got `-0.5`"), "{text}");
}

#[test]
fn values_that_are_no_exact_numbers_are_refused() {
    let with_price = |price: &str| trade("ETHUSDT", 1).replace("\"2683.81\"", price);
    for price in [
        "\"NaN\"",
        "\"Infinity\"",
        "\"1e5\"",
        "\"\"",
        "\"-1\"",
        "\"0\"",
        "\"0.0000000000001\"",
        "\"12345678901234567890123456789\"",
        "null",
        "[]",
        "{}",
        "true",
        "1e400",
    ] {
        let refused = parse(Market::Spot, &with_price(price));
        assert!(refused.is_err(), "{price}: {refused:?}");
    }
    assert!(parse(Market::Spot, &with_price("NaN")).is_err(), "a bare NaN is no JSON");
}

#[test]
fn bad_levels_are_reported_by_side_and_place() {
    let json = r#"{"e":"depthUpdate","E":1723161255408,"s":"ETHUSDT","U":5,"u":4,"b":[["1","1"],["NaN","-1"],["1"]],"a":[[1.5,"1"]]}"#;
    let refused = parse(Market::Spot, json).expect_err("bad levels");
    assert_eq!(refused.instrument.map(|i| i.to_string()).as_deref(), Some("binance:ETH/USDT"));
    let fields: Vec<&str> = refused.violations.0.iter().map(|violation| violation.field.as_str()).collect();
    let expected = [
        "book.bids[1].price",
        "book.bids[1].size",
        "book.bids[2].size",
        "book.asks[0].price",
        "book.last_update",
    ];
    assert_eq!(fields, expected);
}

#[test]
fn the_number_of_reported_rules_is_bounded() {
    let levels = vec!["[\"x\",\"y\"]"; 10_000].join(",");
    let json = format!(r#"{{"lastUpdateId":1,"bids":[{levels}],"asks":[]}}"#);
    let refused = parse(Market::Spot, &json).expect_err("bad levels");
    assert!((64..=70).contains(&refused.violations.0.len()), "{}", refused.violations.0.len());
}

#[test]
fn missing_and_doubled_fields_are_refused() {
    let good = trade("ETHUSDT", 1);
    for field in [r#""E":1723161255310,"#, r#""s":"ETHUSDT","#, r#""t":1,"#, r#""q":"0.5","#, r#""m":true,"#]
    {
        let refused = parse(Market::Spot, &good.replace(field, "")).expect_err(field);
        assert!(refused.violations.to_string().contains("is missing"), "{field}: {}", refused.violations);
        let refused = parse(Market::Spot, &good.replace(field, &field.repeat(2))).expect_err(field);
        assert!(refused.violations.to_string().contains("is given twice"), "{field}: {}", refused.violations);
    }
    let futures = tapes::diff("ETHUSDT", 1, 2);
    assert!(parse(Market::Usdm, &futures).is_err(), "futures diffs name the one before");
}

#[test]
fn deep_nesting_ends_in_an_error() {
    for nested in
        ["[".repeat(100_000), "{\"data\":".repeat(100_000), format!("{{\"k\":{}", "[".repeat(100_000))]
    {
        assert!(parse(Market::Spot, &nested).is_err());
    }
}

#[tokio::test]
async fn a_line_of_ten_megabytes_is_quarantined_and_the_next_one_read() {
    let long = format!("{START} {{\"e\":\"trade\",\"x\":\"{}\"}}", "y".repeat(10 << 20));
    let delivered = between(&long).await;
    let [record] = &delivered.quarantined[..] else { panic!("{:?}", delivered.reasons()) };
    assert_eq!((record.origin.as_str(), record.payload_bytes), ("some.tape:2", long.len() as u64));
    assert_eq!(record.payload, long[..4_096]);
    assert_eq!(
        record.violations.to_string(),
        format!("tape.line must be at most 8388608 bytes: got `{} bytes`", long.len())
    );
}

#[tokio::test]
async fn the_limit_of_a_line_is_exact() {
    let folder = tapes::folder();
    let good = format!("{START} {}", trade("ETHUSDT", 1));
    for (limit, kept) in [(good.len(), 2), (good.len() - 1, 0), (1, 0)] {
        let file = tapes::write(folder.path(), "tape", format!("{good}\n{good}"));
        let options = TapeOptions { max_line_bytes: limit, ..TapeOptions::default() };
        let mut feed = TapeFeed::open(vec![file], BinanceParser::new(Market::Spot), options).expect("a tape");
        let delivered = tapes::drain(&mut feed, 10).await;
        assert_eq!(
            (delivered.messages.len(), delivered.quarantined.len()),
            (kept, 2 - kept),
            "limit {limit}"
        );
    }
}

#[tokio::test]
async fn truncated_compression_delivers_what_came_before_and_names_the_place() {
    let text = lines(&(0..20_000).map(|id| trade("ETHUSDT", id)).collect::<Vec<_>>());
    for (name, whole) in [("cut.gz", tapes::gzip(text.as_bytes())), ("cut.zst", tapes::zstd(text.as_bytes()))]
    {
        let folder = tapes::folder();
        let file = tapes::write(folder.path(), name, &whole[..whole.len() / 2]);
        let good = tapes::write(folder.path(), "good", &text);
        let mut feed = tapes::open(vec![file, good]);
        let delivered = tapes::drain(&mut feed, 777).await;
        let error = delivered.error.as_ref().expect("an error");
        let read = delivered.messages.len();
        assert!((5_000..15_000).contains(&read), "{name}: {read} lines");
        assert!(error.feed.contains(&format!("{name}:{}", read + 1)), "{error}");
        assert!(error.to_string().contains("the compressed data ends too early"), "{error}");
        assert!(delivered.quarantined.is_empty(), "{:?}", delivered.reasons());
        let again = feed.next_batch(&mut Vec::new(), 1).await.expect_err("it cannot go on");
        assert_eq!(again.to_string(), error.to_string());
    }
}

#[tokio::test]
async fn damaged_and_cut_headers_are_errors() {
    let gzip = tapes::gzip(trade("ETHUSDT", 1).as_bytes());
    let mut flipped = gzip.clone();
    let checksum = flipped.len() - 6;
    flipped[checksum] ^= 0xff;
    let zstd = tapes::zstd(trade("ETHUSDT", 1).as_bytes());
    for (name, bytes) in [
        ("header.gz", &gzip[..5]),
        ("magic.gz", &gzip[..2]),
        ("checksum.gz", &flipped[..]),
        ("trailer.gz", &gzip[..gzip.len() - 3]),
        ("garbage.gz", &[&gzip[..], b"garbage"].concat()[..]),
        ("header.zst", &zstd[..5]),
        ("garbage.zst", &[&zstd[..], b"garbage"].concat()[..]),
        ("empty.gz", b""),
        ("empty.zst", b""),
    ] {
        let delivered = read_bytes(name, bytes).await;
        let error = delivered.error.unwrap_or_else(|| panic!("{name}: no error"));
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[tokio::test]
async fn files_that_cannot_be_opened_are_named() {
    let folder = tapes::folder();
    let open = |files| TapeFeed::open(files, BinanceParser::new(Market::Spot), TapeOptions::default());
    let error = open(vec![folder.path().join("nothing.gz")]).expect_err("no file");
    assert!(error.to_string().contains("nothing.gz"), "{error}");
    let error = open(vec![folder.path().to_owned()]).expect_err("a folder");
    assert!(error.to_string().contains("is a directory"), "{error}");
    assert!(open(vec![]).is_err(), "no file at all");
    let delivered = read(vec![tapes::write(folder.path(), "empty", "")]).await;
    assert!(
        delivered.error.is_none() && delivered.messages.is_empty(),
        "an empty plain file is an empty tape"
    );
}
