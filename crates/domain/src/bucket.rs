//! Price buckets: the top of the book grouped by a fixed price width.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Serialize;

use crate::book::{BookLevel, BookSnapshot};
use crate::decimal::{self, Price, Quantity};
use crate::time::Timestamp;
use crate::violation::Violations;

/// Instruments priced at least this much use [`DEFAULT_SIZE`].
pub const DEFAULT_SIZE_FROM_PRICE: Decimal = Decimal::ONE_HUNDRED;
/// Ticks in a bucket of a cheaper instrument.
pub const TICKS_PER_BUCKET: Decimal = Decimal::ONE_HUNDRED;
/// The seed's bucket of one unit of the quote asset.
pub const DEFAULT_SIZE: Decimal = Decimal::ONE;

/// [`DEFAULT_SIZE`] as a price: the width for an instrument of unknown price.
pub(crate) fn default_size() -> Result<Price, Violations> {
    Price::try_new("bucket_size", DEFAULT_SIZE)
}

/// What rests in `[price, price + size)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PriceBucket {
    /// Lower bound: `floor(price / size) · size`; zero for the cheapest bucket.
    pub price: Decimal,
    /// Width.
    pub size: Price,
    /// Volume of bids.
    pub bid_volume: Quantity,
    /// Volume of asks.
    pub ask_volume: Quantity,
    /// Number of bid levels.
    pub bid_count: u32,
    /// Number of ask levels.
    pub ask_count: u32,
}

/// A bucket together with the sample it is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SampledBucket {
    /// Start of the second the sample is labelled with.
    pub second: Timestamp,
    /// The sample's stamp.
    pub available_at: Timestamp,
    /// The bucket.
    pub bucket: PriceBucket,
}

impl SampledBucket {
    /// Buckets of a snapshot with its second and stamp, cheapest first.
    pub fn of(snapshot: &BookSnapshot) -> Vec<Self> {
        let (second, available_at) = (snapshot.second(), snapshot.available_at());
        PriceBucket::of(snapshot).into_iter().map(|bucket| Self { second, available_at, bucket }).collect()
    }
}

/// With the imbalance, as the seed's table has it.
impl Serialize for PriceBucket {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut object = serializer.serialize_struct("PriceBucket", 7)?;
        object.serialize_field("price", &decimal::canonical(self.price))?;
        object.serialize_field("size", &self.size)?;
        object.serialize_field("bid_volume", &self.bid_volume)?;
        object.serialize_field("ask_volume", &self.ask_volume)?;
        object.serialize_field("bid_count", &self.bid_count)?;
        object.serialize_field("ask_count", &self.ask_count)?;
        object.serialize_field("imbalance", &self.imbalance().map(decimal::canonical))?;
        object.end()
    }
}

impl PriceBucket {
    /// Imbalance of the bucket's volume.
    pub fn imbalance(&self) -> Option<Decimal> {
        decimal::imbalance(self.bid_volume.get(), self.ask_volume.get())
    }

    /// Buckets of a snapshot by its own bucket size, cheapest first.
    pub fn of(snapshot: &BookSnapshot) -> Vec<Self> {
        Self::of_levels(snapshot.bids(), snapshot.asks(), snapshot.bucket_size())
    }

    /// Buckets of levels by a given size, cheapest first.
    pub fn of_levels(bids: &[BookLevel], asks: &[BookLevel], size: Price) -> Vec<Self> {
        let mut buckets = BTreeMap::<Decimal, Self>::new();
        let sides = [(bids, true), (asks, false)];
        // Levels come in order of price, so most fall into the bucket of the one before.
        let (mut price, mut end) = (Decimal::ZERO, Decimal::ZERO);
        for (level, is_bid) in
            sides.into_iter().flat_map(|(side, is_bid)| side.iter().map(move |l| (l, is_bid)))
        {
            if level.price.get() < price || end <= level.price.get() {
                price = (level.price.get() / size.get()).floor() * size.get();
                end = price + size.get();
            }
            let bucket = buckets.entry(price).or_insert_with(|| Self {
                price,
                size,
                bid_volume: Quantity::ZERO,
                ask_volume: Quantity::ZERO,
                bid_count: 0,
                ask_count: 0,
            });
            let (volume, count) = if is_bid {
                (&mut bucket.bid_volume, &mut bucket.bid_count)
            } else {
                (&mut bucket.ask_volume, &mut bucket.ask_count)
            };
            // Part of a side whose total the snapshot has already checked.
            *volume = volume.checked_add(level.size).unwrap_or(*volume);
            *count += 1;
        }
        buckets.into_values().collect()
    }

    /// The bucket width for an instrument: 1 from a mid price of 100 on, else 100 ticks.
    pub fn size_for(mid_price: Decimal, tick: Price) -> Price {
        let size =
            if mid_price >= DEFAULT_SIZE_FROM_PRICE { DEFAULT_SIZE } else { tick.get() * TICKS_PER_BUCKET };
        Price::try_new("bucket_size", size).unwrap_or(tick)
    }
}
