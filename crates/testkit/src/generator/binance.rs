//! Messages as Binance writes them: the JSON of trades, diffs and levels.

use std::fmt::Write as _;

use onetape_domain::book::BookLevel;
use onetape_domain::instrument::Market;
use onetape_domain::message::BookDiff;
use onetape_domain::time::Timestamp;
use onetape_domain::trade::{AggregateIds, Side, TradeEvent};
use rust_decimal::Decimal;

/// Decimals that spot writes at least.
const SPOT_DECIMALS: u32 = 8;

/// A single trade of a `@trade` stream.
pub fn trade(market: Market, native: &str, sent_at: Timestamp, id: i64, event: &TradeEvent) -> String {
    let sent = millis(sent_at);
    let (price, size) = (number(market, event.price().get()), number(market, event.size().get()));
    let (time, is_sell) = (millis(event.event_time()), event.side() == Side::Sell);
    match market {
        Market::Spot => format!(
            "{{\"e\":\"trade\",\"E\":{sent},\"s\":\"{native}\",\"t\":{id},\"p\":\"{price}\",\"q\":\"{size}\",\
             \"T\":{time},\"m\":{is_sell},\"M\":true}}"
        ),
        Market::Usdm | Market::Coinm => format!(
            "{{\"e\":\"trade\",\"E\":{sent},\"T\":{time},\"s\":\"{native}\",\"t\":{id},\"p\":\"{price}\",\
             \"q\":\"{size}\",\"X\":\"MARKET\",\"m\":{is_sell}}}"
        ),
    }
}

/// Fills of one order at one price, of an `@aggTrade` stream, under their own id.
pub fn aggregate_trade(
    market: Market,
    native: &str,
    sent_at: Timestamp,
    id: i64,
    fills: AggregateIds,
    event: &TradeEvent,
) -> String {
    let (price, size) = (number(market, event.price().get()), number(market, event.size().get()));
    format!(
        "{{\"e\":\"aggTrade\",\"E\":{},\"s\":\"{native}\",\"a\":{id},\"p\":\"{price}\",\"q\":\"{size}\",\"f\":{},\
         \"l\":{},\"T\":{},\"m\":{}{}}}",
        millis(sent_at),
        fills.first,
        fills.last,
        millis(event.event_time()),
        event.side() == Side::Sell,
        if market == Market::Spot { ",\"M\":true" } else { "" },
    )
}

/// A diff of a `@depth` stream.
pub fn diff(market: Market, native: &str, sent_at: Timestamp, diff: &BookDiff) -> String {
    let sent = millis(sent_at);
    let mut text = format!("{{\"e\":\"depthUpdate\",\"E\":{sent},");
    // Writing to a string cannot fail.
    if market != Market::Spot {
        let _ = write!(text, "\"T\":{sent},");
    }
    let _ = write!(text, "\"s\":\"{native}\",\"U\":{},\"u\":{}", diff.first_update, diff.last_update);
    if market != Market::Spot {
        let _ = write!(text, ",\"pu\":{}", diff.previous_update.unwrap_or_default());
    }
    let _ = write!(text, ",\"b\":{},\"a\":{}}}", levels(market, &diff.bids), levels(market, &diff.asks));
    text
}

/// Levels as pairs of price and size.
pub fn levels(market: Market, side: &[BookLevel]) -> String {
    let mut text = String::from("[");
    for (place, level) in side.iter().enumerate() {
        let comma = if place > 0 { "," } else { "" };
        let (price, size) = (number(market, level.price.get()), number(market, level.size.get()));
        // Writing to a string cannot fail.
        let _ = write!(text, "{comma}[\"{price}\",\"{size}\"]");
    }
    text.push(']');
    text
}

/// A price or a size as the market writes it: spot with eight decimals at least, futures as they are.
pub fn number(market: Market, value: Decimal) -> String {
    if market != Market::Spot {
        return value.to_string();
    }
    let mut value = value.normalize();
    if value.scale() < SPOT_DECIMALS {
        value.rescale(SPOT_DECIMALS);
    }
    value.to_string()
}

/// Times are in milliseconds.
pub fn millis(time: Timestamp) -> i64 {
    time.micros().div_euclid(1_000)
}
