//! Messages as lines of a Binance spot tape: `<received ns> <json>`.

use std::fmt::Write as _;

use onetape_domain::book::BookLevel;
use onetape_domain::message::{FeedMessage, Payload};
use onetape_domain::time::Timestamp;
use onetape_domain::trade::{Side, TradeEvent, TradeId};
use rust_decimal::Decimal;

/// Decimals Binance writes at least.
const DECIMALS: u32 = 8;

/// The lines of messages of one spot instrument, whose REST snapshots do not name it. What such a
/// tape has no line for is left out: heartbeats, tickers, trades without a numeric id.
pub fn binance_tape_lines(messages: &[FeedMessage]) -> Vec<String> {
    let mut lines = Vec::new();
    for message in messages {
        let native = message.instrument.symbol().as_str().replace('/', "");
        let nanos = message.received_at.micros().saturating_mul(1_000);
        let sent = millis(message.sent_at.unwrap_or(message.received_at));
        match &message.payload {
            Payload::Trades(events) => {
                lines.extend(events.iter().filter_map(|event| Some(format!("{nanos} {}", trade(&native, sent, event)?))));
            }
            Payload::BookDiff(diff) => lines.push(format!(
                "{nanos} {{\"stream\":\"{}@depth@100ms\",\"data\":{{\"e\":\"depthUpdate\",\"E\":{sent},\"s\":\"{native}\",\
                 \"U\":{},\"u\":{},\"b\":{},\"a\":{}}}}}",
                native.to_lowercase(),
                diff.first_update,
                diff.last_update,
                levels(&diff.bids),
                levels(&diff.asks),
            )),
            Payload::BookSnapshot(book) => lines.push(format!(
                "{nanos} {{\"lastUpdateId\":{},\"bids\":{},\"asks\":{}}}",
                book.last_update,
                levels(&book.bids),
                levels(&book.asks),
            )),
            _ => {}
        }
    }
    lines
}

fn trade(native: &str, sent: i64, event: &TradeEvent) -> Option<String> {
    let TradeId::Numeric(id) = event.id() else { return None };
    Some(format!(
        "{{\"stream\":\"{}@trade\",\"data\":{{\"e\":\"trade\",\"E\":{sent},\"s\":\"{native}\",\"t\":{id},\"p\":\"{}\",\
         \"q\":\"{}\",\"T\":{},\"m\":{},\"M\":true}}}}",
        native.to_lowercase(),
        padded(event.price().get()),
        padded(event.size().get()),
        millis(event.event_time()),
        event.side() == Side::Sell,
    ))
}

fn levels(side: &[BookLevel]) -> String {
    let mut text = String::from("[");
    for (place, level) in side.iter().enumerate() {
        let comma = if place > 0 { "," } else { "" };
        let (price, size) = (padded(level.price.get()), padded(level.size.get()));
        // Writing to a string cannot fail.
        let _ = write!(text, "{comma}[\"{price}\",\"{size}\"]");
    }
    text.push(']');
    text
}

fn padded(value: Decimal) -> String {
    let mut value = value.normalize();
    if value.scale() < DECIMALS {
        value.rescale(DECIMALS);
    }
    value.to_string()
}

fn millis(time: Timestamp) -> i64 {
    time.micros().div_euclid(1_000)
}
