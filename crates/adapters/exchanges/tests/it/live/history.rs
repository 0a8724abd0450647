//! Past trades by their ids.

use std::time::Duration;

use onetape_domain::instrument::Market;
use onetape_domain::trade::{AggregateIds, Side, TradeId, TradeKind};
use onetape_exchanges::live::{ApiKey, BinanceHistory, LiveConfig, Trades};
use onetape_ports::{HistoryErrorKind, TradeHistory};

use super::instrument;
use super::venue::Venue;

const SINGLE: &str = r#"[{"id":7,"price":"2683.81","qty":"0.5","quoteQty":"1","time":1723161255309,"isBuyerMaker":true,"isBestMatch":true},
    {"id":8,"price":"2683.80","qty":"0.25","quoteQty":"1","time":1723161255310,"isBuyerMaker":false,"isBestMatch":true}]"#;
const AGGREGATE: &str = r#"[{"a":3,"p":"2683.81","q":"0.5","f":7,"l":9,"T":1723161255309,"m":false}]"#;

fn history(venue: &Venue, market: Market, trades: Trades, key: Option<&str>) -> BinanceHistory {
    let config = LiveConfig { rest: venue.rest(), trades, ..LiveConfig::new(market) };
    let key = key.and_then(ApiKey::try_new);
    BinanceHistory::new(&[config], key.as_ref()).expect("an address")
}

#[tokio::test]
async fn pages_have_the_ids_and_times_of_the_stream() {
    let venue = Venue::start().await;
    venue.answer("/api/v3/historicalTrades", SINGLE);
    let spot = history(&venue, Market::Spot, Trades::Single, Some("secret"));
    let eth = instrument("binance:ETH/USDT");
    let source = spot.source(&eth).expect("a source");
    assert_eq!((source.kind, source.max_page, source.omits_void_ids), (TradeKind::Single, 1_000, false));
    let page = spot.trades_from(&eth, 7, 5_000).await.expect("a page");
    assert_eq!(venue.asked(), ["/api/v3/historicalTrades?symbol=ETHUSDT&fromId=7&limit=1000"]);
    let ids: Vec<&TradeId> = page.trades.iter().map(|trade| trade.id()).collect();
    assert_eq!(ids, [&TradeId::Numeric(7), &TradeId::Numeric(8)]);
    assert_eq!((page.trades[0].side(), page.trades[1].side()), (Side::Sell, Side::Buy));
    assert_eq!(page.trades[0].event_time().micros(), 1_723_161_255_309_000);

    venue.answer("/fapi/v1/aggTrades", AGGREGATE);
    let usdm = history(&venue, Market::Usdm, Trades::Aggregate, Some("other"));
    let btc = instrument("binance:BTC/USDT:USDT");
    let page = usdm.trades_from(&btc, 3, 10).await.expect("a page");
    assert_eq!(venue.asked(), ["/fapi/v1/aggTrades?symbol=BTCUSDT&fromId=3&limit=10"]);
    assert_eq!(page.trades[0].aggregate(), Some(AggregateIds { first: 7, last: 9 }));
    assert!(!venue.heads().iter().any(|head| head.contains("other")), "aggregate trades want no key");
    assert!(usdm.source(&eth).is_none(), "another market");
}

#[tokio::test]
async fn a_key_is_sent_where_one_is_wanted_and_shown_nowhere() {
    let venue = Venue::start().await;
    venue.answer("/dapi/v1/historicalTrades", SINGLE);
    let coinm = history(&venue, Market::Coinm, Trades::Single, Some("secret"));
    assert!(!format!("{coinm:?}").contains("secret"));
    let eth = instrument("binance:ETH/USD:ETH");
    assert!(coinm.source(&eth).expect("a source").omits_void_ids);
    coinm.trades_from(&eth, 7, 10).await.expect("a page");
    assert!(venue.heads().iter().any(|head| head.contains("x-mbx-apikey: secret")), "{:?}", venue.heads());
}

#[tokio::test]
async fn what_the_venue_refuses_is_told_apart() {
    let venue = Venue::start().await;
    let spot = history(&venue, Market::Spot, Trades::Single, None);
    let eth = instrument("binance:ETH/USDT");
    let path = "/api/v3/historicalTrades";
    let cases = [
        (401, HistoryErrorKind::Permission),
        (400, HistoryErrorKind::Refused),
        (503, HistoryErrorKind::Connection),
        (200, HistoryErrorKind::Response),
        (429, HistoryErrorKind::Limited { retry_after: Duration::from_secs(9) }),
    ];
    for (status, kind) in cases {
        venue.answer_with(path, status, "retry-after: 9\r\n", r#"{"code":-1,"msg":"no"}"#);
        let error = spot.trades_from(&eth, 1, 10).await.expect_err("refused");
        assert_eq!(error.kind(), kind, "{error:?}");
    }
    venue.asked();
    let error = spot.trades_from(&eth, 1, 10).await.expect_err("refused");
    assert!(
        matches!(error.kind(), HistoryErrorKind::Limited { retry_after } if retry_after.as_secs() >= 8),
        "{error:?}"
    );
    assert_eq!(venue.asked(), [""; 0], "the venue is left alone");
}
