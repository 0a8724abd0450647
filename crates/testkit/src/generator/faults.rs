//! What real feeds do to messages: delay, reorder, lose and repeat them. All deterministic.

use onetape_domain::book::BookLevel;
use onetape_domain::decimal::{Price, Quantity};
use onetape_domain::message::{ConnectionId, FeedMessage, Payload};
use onetape_domain::time::Timestamp;
use onetape_domain::trade::TradeId;
use rust_decimal::Decimal;

use super::rng::Rng;

/// Sends some trade messages (so many in a thousand) up to `max_ms` later than the venue did.
#[must_use]
pub fn late_trades(messages: Vec<FeedMessage>, seed: u64, per_mille: u32, max_ms: i64) -> Vec<FeedMessage> {
    let mut rng = Rng::new(seed);
    let mut highest = None;
    let mut timed: Vec<(Timestamp, FeedMessage)> = Vec::with_capacity(messages.len());
    for mut message in messages {
        highest = highest.max(message.sent_at);
        let mut place = highest.unwrap_or(message.received_at);
        if matches!(message.payload, Payload::Trades(_)) && rng.per_mille(per_mille) {
            let delay = rng.between(1, max_ms) * 1_000;
            place = place.plus(delay);
            message.sent_at = message.sent_at.map(|sent| sent.plus(delay));
            message.received_at = message.received_at.plus(delay);
        }
        timed.push((place, message));
    }
    timed.sort_by_key(|(place, _)| *place);
    timed.into_iter().map(|(_, message)| message).collect()
}

/// Delivers messages out of order, each at most about `window` places off, receipt times in the new order.
#[must_use]
pub fn shuffled(messages: Vec<FeedMessage>, seed: u64, window: i64) -> Vec<FeedMessage> {
    let mut rng = Rng::new(seed);
    let mut received: Vec<Timestamp> = messages.iter().map(|message| message.received_at).collect();
    received.sort_unstable();
    let mut placed: Vec<(i64, FeedMessage)> =
        (0..).zip(messages).map(|(place, message)| (place + rng.between(0, window), message)).collect();
    placed.sort_by_key(|(place, _)| *place);
    let in_order = placed.into_iter().map(|(_, message)| message);
    in_order.zip(received).map(|(message, received_at)| FeedMessage { received_at, ..message }).collect()
}

/// Takes some trade messages out; returns what is left, and what was lost.
#[must_use]
pub fn drop_trades(
    messages: Vec<FeedMessage>,
    seed: u64,
    per_mille: u32,
) -> (Vec<FeedMessage>, Vec<FeedMessage>) {
    let mut rng = Rng::new(seed);
    let kept =
        |message: &FeedMessage| !matches!(message.payload, Payload::Trades(_)) || !rng.per_mille(per_mille);
    messages.into_iter().partition(kept)
}

/// Takes some diffs out.
#[must_use]
pub fn drop_diffs(messages: Vec<FeedMessage>, seed: u64, per_mille: u32) -> Vec<FeedMessage> {
    let mut rng = Rng::new(seed);
    let kept =
        |message: &FeedMessage| !matches!(message.payload, Payload::BookDiff(_)) || !rng.per_mille(per_mille);
    messages.into_iter().filter(kept).collect()
}

/// Adds a bid far above every ask to some diffs: the sign of a book that has lost its synchrony.
#[must_use]
pub fn crossed(mut messages: Vec<FeedMessage>, seed: u64, per_mille: u32) -> Vec<FeedMessage> {
    let mut rng = Rng::new(seed);
    for message in &mut messages {
        if let Payload::BookDiff(diff) = &mut message.payload
            && rng.per_mille(per_mille)
        {
            let highest = diff.asks.iter().chain(&diff.bids).max_by_key(|level| level.price);
            let price =
                highest.and_then(|level| Price::try_new("price", level.price.get() * Decimal::TWO).ok());
            let size = Quantity::try_new("size", Decimal::ONE).ok();
            diff.bids.extend(price.zip(size).map(|(price, size)| BookLevel { price, size }));
        }
    }
    messages
}

/// Makes ids without a trade of some trade messages, as venues use them for other records.
#[must_use]
pub fn voided(mut messages: Vec<FeedMessage>, seed: u64, per_mille: u32) -> Vec<FeedMessage> {
    let mut rng = Rng::new(seed);
    for message in &mut messages {
        if let Payload::Trades(events) = &message.payload
            && let [event] = events.as_slice()
            && let TradeId::Numeric(id) = event.id()
            && rng.per_mille(per_mille)
        {
            message.payload = Payload::VoidTrade { id: *id, event_time: event.event_time() };
        }
    }
    messages
}

/// Loses everything received in `[from, to)`.
#[must_use]
pub fn outage(messages: Vec<FeedMessage>, from: Timestamp, to: Timestamp) -> Vec<FeedMessage> {
    messages.into_iter().filter(|message| message.received_at < from || message.received_at >= to).collect()
}

/// Everything received at or after `at` comes through another connection.
#[must_use]
pub fn reconnected(messages: Vec<FeedMessage>, at: Timestamp, connection: ConnectionId) -> Vec<FeedMessage> {
    let moved = messages.into_iter().map(|message| {
        let connection = if message.received_at >= at { connection } else { message.connection };
        FeedMessage { connection, ..message }
    });
    moved.collect()
}

/// Delivers some messages again, up to `window` places later.
#[must_use]
pub fn duplicated(messages: Vec<FeedMessage>, seed: u64, per_mille: u32, window: i64) -> Vec<FeedMessage> {
    let mut rng = Rng::new(seed);
    let mut placed: Vec<(i64, FeedMessage)> = Vec::with_capacity(messages.len());
    for (place, message) in (0..).zip(messages) {
        if rng.per_mille(per_mille) {
            placed.push((place + rng.between(1, window), message.clone()));
        }
        placed.push((place, message));
    }
    placed.sort_by_key(|(place, _)| *place);
    placed.into_iter().map(|(_, message)| message).collect()
}

/// Interleaves the messages of several markets by receipt.
#[must_use]
pub fn merged(markets: Vec<Vec<FeedMessage>>) -> Vec<FeedMessage> {
    let mut all: Vec<FeedMessage> = markets.into_iter().flatten().collect();
    all.sort_by_key(|message| message.received_at);
    all
}
