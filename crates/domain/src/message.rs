//! What a feed delivers: one validated venue message, addressed to its instrument.

use crate::book::BookLevel;
use crate::candle::Candle;
use crate::instrument::Instrument;
use crate::time::Timestamp;
use crate::trade::TradeEvent;
use crate::violation::Violations;

/// A connection within one run of a feed; order and liveness are proven per connection.
pub type ConnectionId = u32;

/// One message of a venue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedMessage {
    /// What it is about.
    pub instrument: Instrument,
    /// What it came through.
    pub connection: ConnectionId,
    /// The venue's time on the message, where it has one.
    pub sent_at: Option<Timestamp>,
    /// Our clock at receipt.
    pub received_at: Timestamp,
    /// What it says.
    pub payload: Payload,
}

/// Content of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// Trades in the order of the message.
    Trades(Vec<TradeEvent>),
    /// An id of the trade stream that stands for no trade, such as a liquidation record: its place in the
    /// sequence is taken, so nothing is missing there.
    VoidTrade {
        /// The id.
        id: i64,
        /// When it happened at the venue.
        event_time: Timestamp,
    },
    /// Ids of the trade stream that will never come: the gaps they are missing in are given up.
    Unfillable {
        /// The first of them.
        first_id: i64,
        /// The last of them.
        last_id: i64,
        /// Why, for people.
        reason: Box<str>,
    },
    /// Changes to a book.
    BookDiff(BookDiff),
    /// A whole book, or its top.
    BookSnapshot(FullBook),
    /// A whole book that takes the place of the one before, from feeds without diffs; its update id
    /// must grow.
    BookState(FullBook),
    /// A closed candle of a feed that has no trades. One timeframe an instrument; coarser ones are
    /// rolled up from it.
    Candle(Candle),
    /// Proof of life without data.
    Heartbeat,
    /// Best prices and the like: neither stored nor proof of anything.
    Ticker,
}

/// Changes to a book since the diff before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookDiff {
    /// First update id in the diff.
    pub first_update: u64,
    /// Last update id in the diff: the book's sequence once it is applied.
    pub last_update: u64,
    /// Last update id of the diff before, where the venue sends it (Binance futures).
    pub previous_update: Option<u64>,
    /// Changed bid levels in any order; size zero removes.
    pub bids: Vec<BookLevel>,
    /// Changed ask levels.
    pub asks: Vec<BookLevel>,
}

/// A whole book as of an update id.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FullBook {
    /// The update id it includes.
    pub last_update: u64,
    /// Bids in any order.
    pub bids: Vec<BookLevel>,
    /// Asks in any order.
    pub asks: Vec<BookLevel>,
}

impl FullBook {
    /// Best bid and best ask, where both exist.
    pub fn best(&self) -> Option<(BookLevel, BookLevel)> {
        let bid = self.bids.iter().max_by_key(|level| level.price)?;
        let ask = self.asks.iter().min_by_key(|level| level.price)?;
        Some((*bid, *ask))
    }
}

/// A record that was refused, kept with its reason.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct QuarantinedRecord {
    /// Where it came from: a file with line number, a connection, the push interface.
    pub origin: String,
    /// The instrument, where it could be told.
    pub instrument: Option<Instrument>,
    /// Every broken rule.
    pub violations: Violations,
    /// The record itself, cut to [`MAX_PAYLOAD_BYTES`](Self::MAX_PAYLOAD_BYTES).
    pub payload: String,
    /// Length of the whole record in bytes.
    pub payload_bytes: u64,
    /// Our clock at receipt, where known.
    pub received_at: Option<Timestamp>,
}

impl QuarantinedRecord {
    /// Longest payload kept.
    pub const MAX_PAYLOAD_BYTES: usize = 4_096;

    /// Builds a record, cutting a long payload at a character boundary.
    pub fn new(origin: impl Into<String>, violations: Violations, payload: &[u8]) -> Self {
        let kept = &payload[..payload.len().min(Self::MAX_PAYLOAD_BYTES)];
        let text = String::from_utf8_lossy(kept).replace('\0', "\u{fffd}");
        Self {
            origin: origin.into(),
            instrument: None,
            violations,
            payload: text,
            payload_bytes: payload.len() as u64,
            received_at: None,
        }
    }
}
