//! What holds for any input: no panic, and what is written is read back.

use onetape_domain::decimal::canonical;
use onetape_domain::instrument::Market;
use onetape_domain::message::Payload;
use onetape_domain::time::Timestamp;
use onetape_domain::trade::{Side, TradeEvent, TradeId};
use onetape_exchanges::{BinanceParser, Parsed, WireParser};
use proptest::prelude::*;
use rust_decimal::Decimal;

use crate::tapes::{self, START};

const MARKETS: [Market; 3] = [Market::Spot, Market::Usdm, Market::Coinm];

fn price() -> impl Strategy<Value = Decimal> {
    (1_i64..1_000_000_000_000, 0_u32..=12).prop_map(|(mantissa, scale)| Decimal::new(mantissa, scale))
}

/// A price or size as venues write it: with trailing zeros, here up to `scale` decimals.
fn written(value: Decimal, scale: u32) -> String {
    let mut padded = value;
    padded.rescale(scale.max(value.normalize().scale()));
    padded.to_string()
}

fn parse(market: Market, json: &str) -> Payload {
    match BinanceParser::new(market).parse(json.as_bytes(), Timestamp::EARLIEST, 0) {
        Ok(Parsed::Message(message)) => message.payload,
        Ok(Parsed::Unaddressed(book)) => Payload::BookSnapshot(book.book),
        other => panic!("{json}\n{other:?}"),
    }
}

fn levels_text(levels: &[(Decimal, Decimal)], scale: u32) -> String {
    let level = |(price, size): &(Decimal, Decimal)| {
        format!(r#"["{}","{}"]"#, written(*price, scale), written(*size, scale))
    };
    format!("[{}]", levels.iter().map(level).collect::<Vec<_>>().join(","))
}

fn canonical_levels(levels: &[onetape_domain::book::BookLevel]) -> Vec<(String, String)> {
    levels.iter().map(|level| (canonical(level.price.get()), canonical(level.size.get()))).collect()
}

fn canonical_pairs(levels: &[(Decimal, Decimal)]) -> Vec<(String, String)> {
    levels.iter().map(|(price, size)| (canonical(*price), canonical(*size))).collect()
}

/// Bytes that look like a message often enough to get past the first checks.
fn message_like() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"e\"",
            "\"trade\"",
            "\"aggTrade\"",
            "\"depthUpdate\"",
            "\"E\"",
            "\"s\"",
            "\"ETHUSDT\"",
            "\"ETHUSD_PERP\"",
            "\"p\"",
            "\"q\"",
            "\"b\"",
            "\"a\"",
            "\"U\"",
            "\"u\"",
            "\"pu\"",
            "\"T\"",
            "\"t\"",
            "\"m\"",
            "\"X\"",
            "\"NA\"",
            "\"data\"",
            "\"stream\"",
            "\"lastUpdateId\"",
            "\"bids\"",
            "\"asks\"",
            "\"1.5\"",
            "\"-1\"",
            "\"NaN\"",
            "1",
            "-1",
            "1.5",
            "1e999",
            "true",
            "null",
            "1723161255310",
            "\"o\"",
            "\\",
            "\"\\u0041\"",
            "\"error\"",
            "\"code\"",
            " ",
            "\n",
        ])
        .prop_map(|text: &str| text.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..3),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_bytes_make_a_parser_panic(bytes in prop_oneof![message_like(), prop::collection::vec(any::<u8>(), 0..300)]) {
        for market in MARKETS {
            let _ = BinanceParser::new(market).parse(&bytes, Timestamp::EARLIEST, 0);
        }
    }

    #[test]
    fn no_file_makes_a_tape_panic_or_loses_a_line(
        pieces in prop::collection::vec(prop_oneof![
            message_like(),
            Just(format!("\n{START} ").into_bytes()),
            Just(b"\n".to_vec()),
            Just(format!("{START} {}\n", tapes::trade("ETHUSDT", 1)).into_bytes()),
        ], 0..20),
        magic in prop::sample::select(vec![&b""[..], b"\x1f\x8b\x08\x00", b"\x28\xb5\x2f\xfd"]),
    ) {
        let bytes = [magic, &pieces.concat()].concat();
        let folder = tapes::folder();
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let mut feed = tapes::open(vec![tapes::write(folder.path(), "tape", &bytes)]);
        let delivered = runtime.block_on(tapes::drain(&mut feed, 3));
        let stats = feed.stats();
        if magic.is_empty() {
            prop_assert!(delivered.error.is_none());
            let settled = stats.messages() + stats.quarantined + stats.ignored + stats.blank;
            prop_assert_eq!(stats.lines, settled, "every line is accounted for");
        }
        prop_assert_eq!(delivered.messages.len() as u64, stats.messages());
        prop_assert_eq!(delivered.quarantined.len() as u64, stats.quarantined);
    }

    #[test]
    fn a_written_trade_is_read_back(
        millis in 1_300_000_000_000_i64..4_000_000_000_000,
        id in 0..i64::MAX,
        price in price(),
        size in price(),
        maker in any::<bool>(),
        scale in 0_u32..=12,
    ) {
        let (price_text, size_text) = (written(price, scale), written(size, scale));
        let json = format!(
            r#"{{"e":"trade","E":{millis},"s":"ETHUSDT","t":{id},"p":"{price_text}","q":"{size_text}","T":{millis},"m":{maker}}}"#
        );
        let Payload::Trades(trades) = parse(Market::Spot, &json) else { panic!("{json}") };
        let [trade] = &trades[..] else { panic!("{trades:?}") };
        let expected = TradeEvent::try_new(
            Timestamp::from_micros(millis * 1_000),
            TradeId::Numeric(id),
            onetape_domain::decimal::Price::try_new("price", price).expect("a price"),
            onetape_domain::decimal::Quantity::try_new("size", size).expect("a size"),
            if maker { Side::Sell } else { Side::Buy },
            None,
        );
        prop_assert_eq!(trade, &expected.expect("a trade"));
        prop_assert_eq!(trade.price().to_string(), canonical(price));
    }

    #[test]
    fn a_written_book_is_read_back(
        first in 0..1_u64 << 40,
        length in 0_u64..100,
        bids in prop::collection::vec((price(), price()), 0..20),
        asks in prop::collection::vec((price(), price()), 0..20),
        scale in 0_u32..=12,
        reversed in any::<bool>(),
    ) {
        let last = first + length;
        let (bid_text, ask_text) = (levels_text(&bids, scale), levels_text(&asks, scale));
        let mut fields = [
            r#""e":"depthUpdate""#.to_owned(),
            r#""E":1723161255408"#.to_owned(),
            r#""s":"BTCUSDT""#.to_owned(),
            format!(r#""U":{first}"#),
            format!(r#""u":{last}"#),
            format!(r#""pu":{first}"#),
            format!(r#""b":{bid_text}"#),
            format!(r#""a":{ask_text}"#),
        ];
        if reversed {
            fields.reverse();
        }
        let Payload::BookDiff(diff) = parse(Market::Usdm, &format!("{{{}}}", fields.join(", "))) else { panic!() };
        prop_assert_eq!((diff.first_update, diff.last_update, diff.previous_update), (first, last, Some(first)));
        prop_assert_eq!(canonical_levels(&diff.bids), canonical_pairs(&bids));
        prop_assert_eq!(canonical_levels(&diff.asks), canonical_pairs(&asks));
        let rest = format!(r#"{{"lastUpdateId":{last},"bids":{bid_text},"asks":{ask_text}}}"#);
        let Payload::BookSnapshot(book) = parse(Market::Spot, &rest) else { panic!() };
        prop_assert_eq!((book.last_update, canonical_levels(&book.bids)), (last, canonical_pairs(&bids)));
    }
}
