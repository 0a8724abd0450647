//! Every kind of message of the three markets, by literal samples.

use onetape_domain::book::BookLevel;
use onetape_domain::decimal::{Price, Quantity};
use onetape_domain::instrument::Market;
use onetape_domain::message::{BookDiff, FeedMessage, FullBook, Payload};
use onetape_domain::time::Timestamp;
use onetape_domain::trade::{AggregateIds, Side, TradeEvent, TradeId};
use onetape_domain::venue::VenueRules;
use onetape_exchanges::{BinanceParser, Parsed, Refused, WireParser};

const RECEIVED: Timestamp = Timestamp::from_micros(1_723_161_254_024_619);

pub(crate) fn parse(market: Market, json: &str) -> Result<Parsed, Refused> {
    BinanceParser::new(market).parse(json.as_bytes(), RECEIVED, 3)
}

fn message(market: Market, json: &str) -> FeedMessage {
    match parse(market, json) {
        Ok(Parsed::Message(message)) => message,
        other => panic!("{json}\n{other:?}"),
    }
}

fn millis(millis: i64) -> Timestamp {
    Timestamp::from_micros(millis * 1_000)
}

fn level(price: &str, size: &str) -> BookLevel {
    BookLevel {
        price: Price::parse("price", price).expect("a price"),
        size: Quantity::parse("size", size).expect("a size"),
    }
}

fn event(time: i64, id: i64, price: &str, size: &str, side: Side, ids: Option<(i64, i64)>) -> Payload {
    let BookLevel { price, size } = level(price, size);
    let ids = ids.map(|(first, last)| AggregateIds { first, last });
    let event = TradeEvent::try_new(millis(time), TradeId::Numeric(id), price, size, side, ids);
    Payload::Trades(vec![event.expect("a trade")])
}

fn check(market: Market, json: &str, instrument: &str, sent_at: Option<i64>, payload: Payload) {
    let expected = FeedMessage {
        instrument: instrument.parse().expect("an instrument"),
        connection: 3,
        sent_at: sent_at.map(millis),
        received_at: RECEIVED,
        payload,
    };
    assert_eq!(message(market, json), expected, "{json}");
    let enveloped = format!(r#"{{"stream":"some@stream","data":{json}}}"#);
    assert_eq!(message(market, &enveloped), expected, "{enveloped}");
}

#[test]
fn spot_trades() {
    check(
        Market::Spot,
        r#"{"e":"trade","E":1723161601551,"s":"ETHUSDT","t":1520545031,"p":"2682.51000000","q":"0.00460000","T":1723161601550,"m":false,"M":true}"#,
        "binance:ETH/USDT",
        Some(1_723_161_601_551),
        event(1_723_161_601_550, 1_520_545_031, "2682.51", "0.0046", Side::Buy, None),
    );
    // Order ids under `b` and `a`, as until 2023.
    check(
        Market::Spot,
        r#"{"e":"trade","E":1643135979291,"s":"BTCUSDT","t":1235805672,"p":"37396.04000000","q":"0.09252000","b":9140832801,"a":9140832790,"T":1643135979290,"m":true,"M":true}"#,
        "binance:BTC/USDT",
        Some(1_643_135_979_291),
        event(1_643_135_979_290, 1_235_805_672, "37396.04", "0.09252", Side::Sell, None),
    );
}

#[test]
fn aggregate_trades() {
    check(
        Market::Spot,
        r#"{"e":"aggTrade","E":1633998523963,"s":"NKNUSDT","a":15683430,"p":"0.35280000","q":"58.00000000","f":19862788,"l":19862790,"T":1633998523962,"m":false,"M":true}"#,
        "binance:NKN/USDT",
        Some(1_633_998_523_963),
        event(1_633_998_523_962, 15_683_430, "0.3528", "58", Side::Buy, Some((19_862_788, 19_862_790))),
    );
    check(
        Market::Usdm,
        r#"{"e":"aggTrade","E":1626992741575,"a":16599292,"s":"CTKUSDT","p":"1.01100","q":"10","nq":"10","f":23961322,"l":23961322,"T":1626992741421,"m":true}"#,
        "binance:CTK/USDT:USDT",
        Some(1_626_992_741_575),
        event(1_626_992_741_421, 16_599_292, "1.011", "10", Side::Sell, Some((23_961_322, 23_961_322))),
    );
    check(
        Market::Coinm,
        r#"{"e":"aggTrade","E":1591261134288,"a":424951,"s":"BTCUSD_200626","p":"9643.5","q":"2","f":606073,"l":606073,"T":1591261134199,"m":false}"#,
        "binance:BTC/USD:BTC-200626",
        Some(1_591_261_134_288),
        event(1_591_261_134_199, 424_951, "9643.5", "2", Side::Buy, Some((606_073, 606_073))),
    );
}

#[test]
fn futures_trades_of_the_market() {
    for kind in [r#""X":"MARKET","#, r#""X":"RPI","#, ""] {
        check(
            Market::Usdm,
            &format!(
                r#"{{"e":"trade","E":1679851564490,"T":1679851564486,"s":"BTCUSDT","t":3493102749,"p":"27785.00","q":"0.014",{kind}"m":true}}"#
            ),
            "binance:BTC/USDT:USDT",
            Some(1_679_851_564_490),
            event(1_679_851_564_486, 3_493_102_749, "27785", "0.014", Side::Sell, None),
        );
    }
    check(
        Market::Coinm,
        r#"{"e":"trade","E":1679851564490,"T":1679851564486,"s":"ETHUSD_PERP","t":7,"p":"1785.01","q":"3","X":"MARKET","m":false}"#,
        "binance:ETH/USD:ETH",
        Some(1_679_851_564_490),
        event(1_679_851_564_486, 7, "1785.01", "3", Side::Buy, None),
    );
}

#[test]
fn futures_records_that_are_no_trades_of_the_market_take_their_id_only() {
    let record = |kind: &str, price: &str, size: &str| {
        format!(
            r#"{{"e":"trade","E":1756220468099,"T":1756220468099,"s":"BTCUSDT","t":6587981240,"p":"{price}","q":"{size}","X":"{kind}","m":true}}"#
        )
    };
    for (kind, price, size) in
        [("NA", "0", "0"), ("INSURANCE_FUND", "25000.1", "1.5"), ("ADL", "25000.1", "1.5")]
    {
        let json = record(kind, price, size);
        let event_time = Timestamp::from_micros(1_756_220_468_099_000);
        let void = Payload::VoidTrade { id: 6_587_981_240, event_time };
        check(Market::Usdm, &json, "binance:BTC/USDT:USDT", Some(1_756_220_468_099), void.clone());
    }
    let refused = parse(Market::Usdm, &record("NA", "0", "0").replace("6587981240", "-1"));
    assert!(refused.is_err(), "{refused:?}");
    let refused = parse(Market::Usdm, &record("SOMETHING_NEW", "25000.1", "1")).expect_err("an unknown kind");
    assert!(refused.violations.to_string().contains("trade.X must be MARKET"), "{}", refused.violations);
    let refused = parse(Market::Usdm, &record("MARKET", "0", "0")).expect_err("no price");
    assert!(
        refused.violations.to_string().contains("trade.price must be positive"),
        "{}",
        refused.violations
    );
}

#[test]
fn book_diffs() {
    check(
        Market::Spot,
        r#"{"e":"depthUpdate","E":1723161255508,"s":"ETHUSDT","U":35346513513,"u":35346513514,"b":[["2676.78000000","4.24540000"],["2672.03000000","0.00000000"]],"a":[]}"#,
        "binance:ETH/USDT",
        Some(1_723_161_255_508),
        Payload::BookDiff(BookDiff {
            first_update: 35_346_513_513,
            last_update: 35_346_513_514,
            previous_update: None,
            bids: vec![level("2676.78", "4.2454"), level("2672.03", "0")],
            asks: vec![],
        }),
    );
    for (market, symbol, instrument) in [
        (Market::Usdm, r#""SUSHIUSDT","ps":"SUSHIUSDT""#, "binance:SUSHI/USDT:USDT"),
        (Market::Coinm, r#""BTCUSD_200626","ps":"BTCUSD""#, "binance:BTC/USD:BTC-200626"),
    ] {
        check(
            market,
            &format!(
                r#"{{"e":"depthUpdate","E":1626992741037,"T":1626992741024,"s":{symbol},"U":600859599090,"u":600859600917,"pu":600859598061,"b":[["7.5040","813"]],"a":[["7.6150","0"]],"st":1}}"#
            ),
            instrument,
            Some(1_626_992_741_037),
            Payload::BookDiff(BookDiff {
                first_update: 600_859_599_090,
                last_update: 600_859_600_917,
                previous_update: Some(600_859_598_061),
                bids: vec![level("7.504", "813")],
                asks: vec![level("7.615", "0")],
            }),
        );
    }
    // Old spot messages have an empty third element in a level.
    let old = r#"{"e":"depthUpdate","E":1523161255508,"s":"ETHUSDT","U":1,"u":2,"b":[["2676.78","4.2",[]]],"a":[]}"#;
    let Payload::BookDiff(diff) = message(Market::Spot, old).payload else { panic!("a diff") };
    assert_eq!(diff.bids, [level("2676.78", "4.2")]);
}

#[test]
fn snapshots() {
    let book =
        FullBook { last_update: 7, bids: vec![level("2683.8", "3")], asks: vec![level("2683.81", "1.5")] };
    let levels = r#""bids":[["2683.80","3"]],"asks":[["2683.81","1.50"]]"#;
    for (market, times, sent_at) in [
        (Market::Spot, "", None),
        (Market::Usdm, r#""E":1626992741264,"T":1626992741261,"#, Some(millis(1_626_992_741_264))),
    ] {
        let json = format!(r#"{{"lastUpdateId":7,{times}{levels}}}"#);
        let Ok(Parsed::Unaddressed(found)) = parse(market, &json) else { panic!("{json}") };
        assert_eq!((&found.book, found.sent_at), (&book, sent_at));
    }
    check(
        Market::Coinm,
        &format!(
            r#"{{"lastUpdateId":7,"symbol":"BTCUSD_PERP","pair":"BTCUSD","E":1591250106370,"T":1591250106368,{levels}}}"#
        ),
        "binance:BTC/USD:BTC",
        Some(1_591_250_106_370),
        Payload::BookSnapshot(book),
    );
}

#[test]
fn a_crossed_snapshot_is_delivered_for_the_engine_to_refuse() {
    let crossed = r#"{"lastUpdateId":7,"bids":[["2684","3"]],"asks":[["2683","1"]]}"#;
    assert!(matches!(parse(Market::Spot, crossed), Ok(Parsed::Unaddressed(_))));
}

#[test]
fn what_is_not_stored() {
    let spot = [
        r#"{"u":35346513501,"s":"ETHUSDT","b":"2683.80000000","B":"3.02920000","a":"2683.81000000","A":"31.43950000"}"#,
        r#"{"e":"kline","E":1633998523963,"s":"ETHUSDT","k":{"t":1633998480000,"T":1633998539999,"s":"ETHUSDT","i":"1m","o":"0.35","x":false}}"#,
        r#"{"e":"24hrTicker","E":1672515782136,"s":"ETHUSDT","p":"0.0015","P":"250.00","b":"0.0024","B":"10","a":"0.0026","A":"100","o":"0.0010","h":"0.0025","l":"0.0010","v":"10000","q":"18","O":0,"C":1675216573749,"F":0,"L":18150,"n":18151}"#,
        r#"{"e":"24hrMiniTicker","E":1672515782136,"s":"ETHUSDT","c":"0.0025","o":"0.0010","h":"0.0025","l":"0.0010","v":"10000","q":"18"}"#,
        r#"{"e":"avgPrice","E":1693907033000,"s":"ETHUSDT","i":"5m","w":"25776.86000000","T":1693907032213}"#,
    ];
    let usdm = [
        r#"{"e":"bookTicker","u":600859600576,"s":"ETHUSDT","b":"7.6110","B":"2","a":"7.6120","A":"297","T":1626992741012,"E":1626992741017}"#,
        r#"{"e":"markPriceUpdate","E":1562305380000,"s":"ETHUSDT","p":"11794.15","i":"11784.62","P":"11784.25","r":"0.00038167","T":1562306400000}"#,
        r#"{"e":"forceOrder","E":1568014460893,"o":{"s":"ETHUSDT","S":"SELL","o":"LIMIT","f":"IOC","q":"0.014","p":"9910","ap":"9910","X":"FILLED","l":"0.014","z":"0.014","T":1568014460893}}"#,
    ];
    for (market, samples, instrument) in
        [(Market::Spot, &spot[..], "binance:ETH/USDT"), (Market::Usdm, &usdm[..], "binance:ETH/USDT:USDT")]
    {
        for json in samples {
            let message = message(market, json);
            assert_eq!(
                (message.instrument.to_string().as_str(), message.payload),
                (instrument, Payload::Ticker)
            );
        }
    }
    for stream in ["ethusdt@depth20@100ms", "ethusdt@depth5", "ethusdt@rpiDepth@500ms"] {
        let json = format!(
            r#"{{"stream":"{stream}","data":{{"e":"depthUpdate","E":1626992741037,"s":"ETHUSDT","U":1,"u":2,"pu":0,"b":[["7","8"]],"a":[]}}}}"#
        );
        assert_eq!(message(Market::Usdm, &json).payload, Payload::Ticker, "{stream}");
    }
    let partial = r#"{"stream":"ethusdt@depth10","data":{"lastUpdateId":1,"bids":[["7","8"]],"asks":[]}}"#;
    let found = message(Market::Spot, partial);
    assert_eq!((found.instrument.to_string().as_str(), found.payload), ("binance:ETH/USDT", Payload::Ticker));
}

#[test]
fn what_is_ignored() {
    for json in [
        r#"{"result":null,"id":1}"#,
        r#"{"result":["btcusdt@aggTrade"],"id":3}"#,
        r#"[{"e":"24hrMiniTicker","E":1672515782136,"s":"ETHUSDT"},{"e":"24hrMiniTicker"}]"#,
        r#"{"stream":"!markPrice@arr","data":[{"e":"markPriceUpdate","E":1562305380000,"s":"BTCUSDT"}]}"#,
        r#"{"stream":"!ticker@arr","data":[]}"#,
        r#"{"e":"assetIndexUpdate","E":1686749230000,"i":"27462.99"}"#,
    ] {
        let parsed = parse(Market::Spot, json);
        assert!(matches!(parsed, Ok(Parsed::Ignored(_))), "{json}: {parsed:?}");
    }
}

#[test]
fn errors_and_unknown_kinds_are_refused() {
    for (json, reason) in [
        (r#"{"error":{"code":2,"msg":"Invalid request"},"id":2}"#, "`2 Invalid request`"),
        (r#"{"code":-1121,"msg":"Invalid symbol."}"#, "`-1121 Invalid symbol.`"),
        (r#"{"e":"somethingNew","E":1672515782136,"s":"ETHUSDT"}"#, "is no event type known at this venue"),
        (r#"{"e":3,"E":1672515782136,"s":"ETHUSDT"}"#, "message.e must be text"),
        ("{}", "is of no kind known"),
        ("[]", "is of no kind known"),
        (r#"[{"e":"trade"}]"#, "must be a single event"),
        (r#"{"id":1}"#, "is of no kind known"),
        (r#"{"result":{"x":1},"id":1}"#, "is of no kind known"),
        ("17", "must be a JSON message"),
    ] {
        let refused = parse(Market::Spot, json).expect_err(json);
        assert!(refused.violations.to_string().contains(reason), "{json}: {}", refused.violations);
    }
}

#[test]
fn the_rules_are_those_of_the_market() {
    for (market, rules) in [
        (Market::Spot, VenueRules::BINANCE_SPOT),
        (Market::Usdm, VenueRules::BINANCE_FUTURES),
        (Market::Coinm, VenueRules::BINANCE_FUTURES),
    ] {
        assert_eq!(BinanceParser::new(market).rules(), rules);
    }
}
