//! Order books: price levels and the sampled snapshot of a second.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::decimal::{self, Price, Quantity};
use crate::time::{SECOND, Timestamp};
use crate::violation::Violations;

/// Levels a side in a stored snapshot, and those that imbalances and buckets are computed from.
pub const DEPTH: usize = 50;

/// Total size at one price, serialised as `["price", "size"]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "(Price, Quantity)", into = "(Price, Quantity)")]
pub struct BookLevel {
    /// Price of the level.
    pub price: Price,
    /// Size resting there; in a diff, zero removes the level.
    pub size: Quantity,
}

impl From<(Price, Quantity)> for BookLevel {
    fn from((price, size): (Price, Quantity)) -> Self {
        Self { price, size }
    }
}

impl From<BookLevel> for (Price, Quantity) {
    fn from(level: BookLevel) -> Self {
        (level.price, level.size)
    }
}

/// How a snapshot came about, beyond the regular sample of a whole second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SampleFlags {
    /// Taken because the watermark reached the second's end before the book stream did.
    pub early: bool,
    /// Taken at an orderly end of feed, before the second was over; a complete sample supersedes it.
    pub partial: bool,
    /// The book stream was proven from the second's start to its end.
    pub covered: bool,
}

/// Top of the book at the end of a second, as stored. Best level first on each side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookSnapshot {
    second: Timestamp,
    bids: Vec<BookLevel>,
    asks: Vec<BookLevel>,
    bid_volume: Quantity,
    ask_volume: Quantity,
    sequence: u64,
    event_time: Timestamp,
    received_at: Timestamp,
    available_at: Timestamp,
    bucket_size: Price,
    flags: SampleFlags,
}

/// The parts of a [`BookSnapshot`].
#[derive(Debug, Clone)]
pub struct BookSnapshotParts {
    /// Start of the second the sample is labelled with.
    pub second: Timestamp,
    /// Bids, best (highest) first, at most [`DEPTH`].
    pub bids: Vec<BookLevel>,
    /// Asks, best (lowest) first, at most [`DEPTH`].
    pub asks: Vec<BookLevel>,
    /// The venue's sequence of the last diff applied.
    pub sequence: u64,
    /// The venue's time of that diff.
    pub event_time: Timestamp,
    /// Our clock when that diff was received.
    pub received_at: Timestamp,
    /// The stamp.
    pub available_at: Timestamp,
    /// Width of the price buckets of this instrument.
    pub bucket_size: Price,
    /// How it was taken.
    pub flags: SampleFlags,
}

impl BookSnapshot {
    /// Validates a sample.
    ///
    /// # Errors
    /// Every broken rule: label off the second, over [`DEPTH`] levels, sides out of order, empty
    /// levels, a crossed book.
    pub fn try_new(parts: BookSnapshotParts) -> Result<Self, Violations> {
        let BookSnapshotParts { second, bids, asks, sequence, event_time, received_at, .. } = parts;
        let mut violations = Violations::default();
        if second.micros() % SECOND != 0 {
            violations.push("book.second", second, "must be the start of a second");
        }
        check_sides(&bids, &asks, &mut violations);
        let deepest = bids.len().max(asks.len());
        if deepest > DEPTH {
            violations.push("book", deepest, format!("must have at most {DEPTH} levels a side"));
        }
        let bid_volume = total("book.bids", &bids, &mut violations);
        let ask_volume = total("book.asks", &asks, &mut violations);
        let snapshot = Self {
            second,
            bids,
            asks,
            bid_volume,
            ask_volume,
            sequence,
            event_time,
            received_at,
            available_at: parts.available_at,
            bucket_size: parts.bucket_size,
            flags: parts.flags,
        };
        violations.into_result(snapshot)
    }

    /// Start of the second the sample is labelled with.
    pub fn second(&self) -> Timestamp {
        self.second
    }

    /// Bids, best first.
    pub fn bids(&self) -> &[BookLevel] {
        &self.bids
    }

    /// Asks, best first.
    pub fn asks(&self) -> &[BookLevel] {
        &self.asks
    }

    /// Volume of the stored bids.
    pub fn bid_volume(&self) -> Quantity {
        self.bid_volume
    }

    /// Volume of the stored asks.
    pub fn ask_volume(&self) -> Quantity {
        self.ask_volume
    }

    /// The venue's sequence of the last diff applied.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The venue's time of the last diff applied.
    pub fn event_time(&self) -> Timestamp {
        self.event_time
    }

    /// Our clock when the last diff was received.
    pub fn received_at(&self) -> Timestamp {
        self.received_at
    }

    /// The stamp.
    pub fn available_at(&self) -> Timestamp {
        self.available_at
    }

    /// Width of the price buckets of this instrument.
    pub fn bucket_size(&self) -> Price {
        self.bucket_size
    }

    /// How the sample was taken.
    pub fn flags(&self) -> SampleFlags {
        self.flags
    }

    /// Half-way between the best prices; none when a side is empty.
    pub fn mid_price(&self) -> Option<Decimal> {
        let (bid, ask) = (self.bids.first()?, self.asks.first()?);
        Some((bid.price.get() + ask.price.get()) / Decimal::TWO)
    }

    /// Best ask less best bid; none when a side is empty.
    pub fn spread(&self) -> Option<Decimal> {
        let (bid, ask) = (self.bids.first()?, self.asks.first()?);
        Some(ask.price.get() - bid.price.get())
    }

    /// Highest stored ask less lowest stored bid; none when a side is empty.
    pub fn price_range(&self) -> Option<Decimal> {
        let (bid, ask) = (self.bids.last()?, self.asks.last()?);
        Some(ask.price.get() - bid.price.get())
    }

    /// Imbalance of the stored levels' volume.
    pub fn imbalance(&self) -> Option<Decimal> {
        decimal::imbalance(self.bid_volume.get(), self.ask_volume.get())
    }
}

/// With the derived values the seed's model has: mid price, spread and imbalance.
impl Serialize for BookSnapshot {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let text = |value: Option<Decimal>| value.map(decimal::canonical);
        let mut object = serializer.serialize_struct("BookSnapshot", 16)?;
        object.serialize_field("second", &self.second)?;
        object.serialize_field("bids", &self.bids)?;
        object.serialize_field("asks", &self.asks)?;
        object.serialize_field("bid_volume", &self.bid_volume)?;
        object.serialize_field("ask_volume", &self.ask_volume)?;
        object.serialize_field("mid_price", &text(self.mid_price()))?;
        object.serialize_field("spread", &text(self.spread()))?;
        object.serialize_field("imbalance", &text(self.imbalance()))?;
        object.serialize_field("sequence", &self.sequence)?;
        object.serialize_field("event_time", &self.event_time)?;
        object.serialize_field("received_at", &self.received_at)?;
        object.serialize_field("available_at", &self.available_at)?;
        object.serialize_field("bucket_size", &self.bucket_size)?;
        object.serialize_field("early", &self.flags.early)?;
        object.serialize_field("partial", &self.flags.partial)?;
        object.serialize_field("covered", &self.flags.covered)?;
        object.end()
    }
}

/// Checks the order of both sides, and that they do not cross.
pub(crate) fn check_sides(bids: &[BookLevel], asks: &[BookLevel], violations: &mut Violations) {
    for (field, side) in [("book.bids", bids), ("book.asks", asks)] {
        if side.iter().any(|level| level.size.is_zero()) {
            violations.push(field, "0", "must have no empty level");
        }
    }
    if !bids.is_sorted_by(|a, b| a.price > b.price) {
        violations.push("book.bids", bids.len(), "must fall strictly in price");
    }
    if !asks.is_sorted_by(|a, b| a.price < b.price) {
        violations.push("book.asks", asks.len(), "must rise strictly in price");
    }
    if let (Some(bid), Some(ask)) = (bids.first(), asks.first())
        && bid.price >= ask.price
    {
        violations.push("book", format!("{} / {}", bid.price, ask.price), "must not be crossed");
    }
}

fn total(field: &str, side: &[BookLevel], violations: &mut Violations) -> Quantity {
    let sum = side.iter().try_fold(Quantity::ZERO, |sum, level| sum.checked_add(level.size));
    sum.unwrap_or_else(|| {
        violations.push(field, side.len(), "hold a volume of more than 28 digits");
        Quantity::ZERO
    })
}
