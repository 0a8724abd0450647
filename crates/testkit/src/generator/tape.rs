//! Messages as lines of a Binance spot tape: `<received ns> <json>`.

use onetape_domain::instrument::Market;
use onetape_domain::message::{FeedMessage, Payload};
use onetape_domain::trade::TradeId;

use super::binance;

/// The lines of messages of one spot instrument, whose REST snapshots do not name it. What such a
/// tape has no line for is left out: heartbeats, tickers, trades without a numeric id.
pub fn binance_tape_lines(messages: &[FeedMessage]) -> Vec<String> {
    let mut lines = Vec::new();
    for message in messages {
        let native = message.instrument.symbol().as_str().replace('/', "");
        let stream = native.to_lowercase();
        let nanos = message.received_at.micros().saturating_mul(1_000);
        let sent_at = message.sent_at.unwrap_or(message.received_at);
        match &message.payload {
            Payload::Trades(events) => {
                for event in events {
                    let TradeId::Numeric(id) = event.id() else { continue };
                    let data = binance::trade(Market::Spot, &native, sent_at, *id, event);
                    lines.push(format!("{nanos} {{\"stream\":\"{stream}@trade\",\"data\":{data}}}"));
                }
            }
            Payload::BookDiff(diff) => {
                let data = binance::diff(Market::Spot, &native, sent_at, diff);
                lines.push(format!("{nanos} {{\"stream\":\"{stream}@depth@100ms\",\"data\":{data}}}"));
            }
            Payload::BookSnapshot(book) => lines.push(format!(
                "{nanos} {{\"lastUpdateId\":{},\"bids\":{},\"asks\":{}}}",
                book.last_update,
                binance::levels(Market::Spot, &book.bids),
                binance::levels(Market::Spot, &book.asks),
            )),
            _ => {}
        }
    }
    lines
}
