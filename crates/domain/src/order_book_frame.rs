//! Order book data with imbalances, as the seed's `OrderBookDataFrame`.

use std::str::FromStr;
use std::sync::Arc;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::book::{BookLevel, BookSnapshot};
use crate::bucket::PriceBucket;
use crate::canonical;
use crate::decimal::Quantity;
use crate::frame::FrameMetadata;
use crate::imbalance::Imbalances;
use crate::instrument::Instrument;
use crate::quality::Quality;
use crate::time::Timestamp;
use crate::violation::Violations;

/// Cadence of order book data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum BookAggregation {
    /// As stored, partial samples included; without an instant, the live book itself.
    #[serde(rename = "raw")]
    Raw,
    /// The sample of each second.
    #[serde(rename = "1s")]
    S1,
    /// The last second of each minute.
    #[serde(rename = "1m")]
    M1,
}

impl FromStr for BookAggregation {
    type Err = Violations;

    fn from_str(text: &str) -> Result<Self, Violations> {
        match text {
            "raw" => Ok(Self::Raw),
            "1s" => Ok(Self::S1),
            "1m" => Ok(Self::M1),
            _ => Err(Violations::one("aggregation", text, "must be raw, 1s or 1m")),
        }
    }
}

/// One point of an order book's history.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BookPoint {
    /// The sample.
    pub snapshot: Arc<BookSnapshot>,
    /// Its imbalances; none for a second that was not wholly covered.
    pub imbalances: Option<Imbalances>,
}

/// An order book at one instant, with its history.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OrderBookDataFrame {
    /// Whose book it is.
    pub symbol: Instrument,
    /// The effective instant: nothing later is in the frame.
    pub as_of: Timestamp,
    /// Cadence of `points`.
    pub aggregation: BookAggregation,
    /// Bids, best first.
    pub bids: Vec<BookLevel>,
    /// Asks, best first.
    pub asks: Vec<BookLevel>,
    /// Buckets of those levels, cheapest first.
    pub price_buckets: Vec<PriceBucket>,
    /// Imbalance of the last second and its windows, null where undefined.
    pub imbalances: Option<Imbalances>,
    /// Half-way between the best prices.
    #[serde(with = "crate::decimal::text::option")]
    pub mid_price: Option<Decimal>,
    /// Best ask less best bid.
    #[serde(with = "crate::decimal::text::option")]
    pub spread: Option<Decimal>,
    /// Volume of the bids.
    pub bid_volume: Quantity,
    /// Volume of the asks.
    pub ask_volume: Quantity,
    /// Whether an as-of query can give this frame again; not so for the live book.
    pub replayable: bool,
    /// Samples, oldest first; the last one is the book above unless that is the live one.
    pub points: Vec<BookPoint>,
    /// Completeness of the points.
    pub quality: Quality,
    /// Route and timing; left out of the canonical form.
    #[serde(skip)]
    pub metadata: Option<FrameMetadata>,
}

impl OrderBookDataFrame {
    /// A frame of stored points; the last one is the book it shows. Empty without points.
    pub fn of_points(
        symbol: Instrument,
        as_of: Timestamp,
        aggregation: BookAggregation,
        points: Vec<BookPoint>,
        quality: Quality,
    ) -> Self {
        let last = points.last().map(|point| point.snapshot.clone());
        let book = last.as_deref();
        Self {
            symbol,
            as_of,
            aggregation,
            bids: book.map(|book| book.bids().to_vec()).unwrap_or_default(),
            asks: book.map(|book| book.asks().to_vec()).unwrap_or_default(),
            price_buckets: book.map(PriceBucket::of).unwrap_or_default(),
            imbalances: points.last().and_then(|point| point.imbalances),
            mid_price: book.and_then(BookSnapshot::mid_price),
            spread: book.and_then(BookSnapshot::spread),
            bid_volume: book.map_or(Quantity::ZERO, BookSnapshot::bid_volume),
            ask_volume: book.map_or(Quantity::ZERO, BookSnapshot::ask_volume),
            replayable: true,
            points,
            quality,
            metadata: None,
        }
    }

    /// The canonical text.
    pub fn to_canonical_json(&self) -> String {
        canonical::to_string(self).unwrap_or_default()
    }
}
