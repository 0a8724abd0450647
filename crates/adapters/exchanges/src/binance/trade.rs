//! `trade` and `aggTrade`.
//!
//! The futures `@trade` stream tells kinds of trades by `X`. `MARKET` and `RPI` (retail price improvement)
//! are fills. The others are none of the market: `NA` comes with price and quantity zero (0.3 % of the records
//! of BTCUSDT), `INSURANCE_FUND` and `ADL` at a bankruptcy price; `@aggTrade` and klines leave them out, and
//! as trades they would put a low of zero into candles. Their ids are of the same sequence as the fills', so
//! they become ids without a trade: nothing is missing where they stand.

use onetape_domain::decimal::{Price, Quantity};
use onetape_domain::instrument::Market;
use onetape_domain::message::Payload;
use onetape_domain::time::Timestamp;
use onetape_domain::trade::{AggregateIds, Side, TradeEvent, TradeId};
use onetape_domain::violation::Violations;

use super::fields::{Fields, Key, Value};

/// What `X` is on a fill.
const FILLS: [&str; 2] = ["MARKET", "RPI"];
/// What `X` is on a record that is no trade of the market.
const NOT_OF_THE_MARKET: [&str; 3] = ["NA", "INSURANCE_FUND", "ADL"];

/// A `trade`.
pub(super) fn single(fields: &Fields<'_>, market: Market, violations: &mut Violations) -> Option<Payload> {
    let id = fields.get(Key::TradeId).integer("trade.id", violations);
    match fields.get(Key::TradeKind) {
        Value::Text(kind) if market != Market::Spot && !FILLS.contains(&&**kind) => {
            if NOT_OF_THE_MARKET.contains(&&**kind) {
                let event_time = fields.get(Key::Time).millis("trade.event_time", violations);
                if let Some(id) = id.filter(|id| *id < 0) {
                    violations.push("trade.id", id, "must not be negative");
                }
                return Some(Payload::VoidTrade { id: id?, event_time: event_time? });
            }
            violations.push("trade.X", kind, "must be MARKET, RPI, NA, INSURANCE_FUND or ADL");
        }
        _ => {}
    }
    trade(fields, id, None, violations)
}

/// An `aggTrade`: fills of one taker order at one price, with an id sequence of its own.
pub(super) fn aggregate(fields: &Fields<'_>, violations: &mut Violations) -> Option<Payload> {
    let id = fields.get(Key::Asks).integer("trade.id", violations);
    let first = fields.get(Key::FirstTrade).integer("trade.first_id", violations);
    let last = fields.get(Key::LastTrade).integer("trade.last_id", violations);
    let aggregate = first.zip(last).map(|(first, last)| AggregateIds { first, last });
    trade(fields, id, aggregate, violations)
}

fn trade(
    fields: &Fields<'_>,
    id: Option<i64>,
    aggregate: Option<AggregateIds>,
    violations: &mut Violations,
) -> Option<Payload> {
    let event_time = fields.get(Key::Time).millis("trade.event_time", violations);
    let price = fields.get(Key::Price).price("trade.price", violations);
    let size = fields.get(Key::Size).quantity("trade.size", violations);
    // The buyer's order rested in the book: the taker sold.
    let side = match fields.get(Key::Maker).flag("trade.m", violations) {
        Some(true) => Side::Sell,
        _ => Side::Buy,
    };
    if let (Some(event_time), Some(id), Some(price), Some(size)) = (event_time, id, price, size) {
        let trade = TradeEvent::try_new(event_time, TradeId::Numeric(id), price, size, side, aggregate);
        return trade
            .map(|trade| Payload::Trades(vec![trade]))
            .map_err(|broken| violations.0.extend(broken.0))
            .ok();
    }
    // With something harmless for what could not be read, the rules of the rest are still checked.
    let event_time = event_time.unwrap_or(Timestamp::EARLIEST);
    let price = price.or_else(|| Price::parse("trade.price", "1").ok())?;
    let size = size.or_else(|| Quantity::parse("trade.size", "1").ok())?;
    let rest =
        TradeEvent::try_new(event_time, TradeId::Numeric(id.unwrap_or(0)), price, size, side, aggregate);
    violations.0.extend(rest.err().unwrap_or_default().0);
    None
}
