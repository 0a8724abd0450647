//! Trades: the event a venue sends, and the stored record with its stamp.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::decimal::{Price, Quantity};
use crate::time::Timestamp;
use crate::violation::Violations;

/// Longest trade id accepted, in bytes.
pub const MAX_TRADE_ID_BYTES: usize = 100;

/// Highest numeric trade id accepted: ids are counted on from it.
pub const MAX_TRADE_ID: i64 = i64::MAX - 1;

/// Side of the taker: the order that removed liquidity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The taker bought.
    Buy,
    /// The taker sold.
    Sell,
}

impl Side {
    /// `buy` or `sell`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Buy => "buy",
            Self::Sell => "sell",
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for Side {
    type Err = Violations;

    fn from_str(text: &str) -> Result<Self, Violations> {
        match text {
            "buy" => Ok(Self::Buy),
            "sell" => Ok(Self::Sell),
            _ => Err(Violations::one("side", text, "must be buy or sell")),
        }
    }
}

/// Position of a trade in its instrument: time first, then the venue's sequence, then the place in
/// the message. The first trade of a period opens its candle, the last closes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TradeKey {
    /// When it happened at the venue.
    pub event_time: Timestamp,
    /// Numeric trade id, else the venue's own sequence, else a hash of the fields.
    pub sequence: i64,
    /// Place in the message; for trades without an id, the ordinal among equals.
    pub index: u32,
}

/// How a venue names a trade.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TradeId {
    /// A number that grows with time.
    Numeric(i64),
    /// Text, with the venue's sequence where it has one.
    Text {
        /// The id as sent.
        id: Box<str>,
        /// The venue's own sequence.
        sequence: Option<i64>,
    },
    /// None; the key becomes a hash of the fields with an ordinal among equals.
    Missing,
}

/// The first and last venue trade an aggregate trade stands for, and how many they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AggregateIds {
    /// First trade id.
    pub first: i64,
    /// Last trade id.
    pub last: i64,
}

/// Which kind of trades a stream is of; an instrument has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TradeKind {
    /// Each trade of the venue by itself.
    Single,
    /// Trades that one order made at one price, put together; the ids are those of the aggregates.
    Aggregate,
}

impl fmt::Display for TradeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Single => "single",
            Self::Aggregate => "aggregate",
        })
    }
}

/// A validated trade as the venue sent it, not yet stamped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TradeEvent {
    event_time: Timestamp,
    id: TradeId,
    price: Price,
    size: Quantity,
    side: Side,
    aggregate: Option<AggregateIds>,
}

impl TradeEvent {
    /// Validates a trade.
    ///
    /// # Errors
    /// Every broken rule: time bounds, zero size, id length, an aggregate that ends before it begins.
    pub fn try_new(
        event_time: Timestamp,
        id: TradeId,
        price: Price,
        size: Quantity,
        side: Side,
        aggregate: Option<AggregateIds>,
    ) -> Result<Self, Violations> {
        let mut violations = Violations::default();
        if !event_time.is_sane() {
            violations.push("trade.event_time", event_time, "must be between 2009 and 2100");
        }
        if size.is_zero() {
            violations.push("trade.size", size, "must be positive");
        }
        match &id {
            TradeId::Numeric(id) if *id < 0 => violations.push("trade.id", id, "must not be negative"),
            TradeId::Numeric(id) if *id > MAX_TRADE_ID => {
                violations.push("trade.id", id, "must leave room for a next one");
            }
            TradeId::Text { id, .. } if id.is_empty() || id.len() > MAX_TRADE_ID_BYTES => {
                violations.push("trade.id", id, "must be 1 to 100 bytes");
            }
            _ => {}
        }
        if let Some(AggregateIds { first, last }) = aggregate
            && (first < 0 || last < first || last - first >= i64::from(u32::MAX))
        {
            violations.push(
                "trade.aggregate",
                format!("{first}..={last}"),
                "must name a first and a later last id",
            );
        }
        violations.into_result(Self { event_time, id, price, size, side, aggregate })
    }

    /// When it happened at the venue.
    pub fn event_time(&self) -> Timestamp {
        self.event_time
    }

    /// The venue's name for it.
    pub fn id(&self) -> &TradeId {
        &self.id
    }

    /// Price.
    pub fn price(&self) -> Price {
        self.price
    }

    /// Amount of the base asset, or contracts.
    pub fn size(&self) -> Quantity {
        self.size
    }

    /// Side of the taker.
    pub fn side(&self) -> Side {
        self.side
    }

    /// The trades an aggregate stands for.
    pub fn aggregate(&self) -> Option<AggregateIds> {
        self.aggregate
    }

    /// How many venue trades it stands for.
    pub fn trade_count(&self) -> u32 {
        self.aggregate.map_or(1, |ids| u32::try_from(ids.last - ids.first + 1).unwrap_or(u32::MAX))
    }
}

/// A stored trade.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trade {
    /// Its place among the instrument's trades.
    #[serde(flatten)]
    pub key: TradeKey,
    /// The venue's id as text; `h` and a hash where the venue has none.
    pub trade_id: Box<str>,
    /// Price.
    pub price: Price,
    /// Amount of the base asset, or contracts.
    pub size: Quantity,
    /// Side of the taker.
    pub side: Side,
    /// The trades an aggregate stands for.
    pub aggregate: Option<AggregateIds>,
    /// Our clock at receipt.
    pub received_at: Timestamp,
    /// The stamp: from when on a reader sees it.
    pub available_at: Timestamp,
}

impl Trade {
    /// How many venue trades it stands for.
    pub fn trade_count(&self) -> u32 {
        self.aggregate.map_or(1, |ids| u32::try_from(ids.last - ids.first + 1).unwrap_or(u32::MAX))
    }
}
