//! The seed's `DataValidator`: every broken rule of raw input, with field and value.

use crate::book::{BookLevel, check_sides};
use crate::candle::{Candle, Ohlcv};
use crate::decimal::{Decimal, Price, Quantity};
use crate::imported::{ImportedCandle, ImportedValues};
use crate::message::FullBook;
use crate::time::{Timeframe, Timestamp};
use crate::trade::TradeKey;
use crate::violation::Violations;

/// A candle as a caller supplies it, numbers still as text.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
pub struct RawCandle {
    /// Start of the period in microseconds since the epoch.
    pub open_time: i64,
    /// First price.
    pub open: String,
    /// Highest price.
    pub high: String,
    /// Lowest price.
    pub low: String,
    /// Last price.
    pub close: String,
    /// Volume in the base asset.
    pub volume: String,
    /// Number of trades, 0 where unknown.
    pub trade_count: u64,
}

/// A candle as another system kept it: numbers exact, and nothing else known of it yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UncheckedCandle {
    /// Start of the period in microseconds since the epoch.
    pub open_time: i64,
    /// First price.
    pub open: Decimal,
    /// Highest price.
    pub high: Decimal,
    /// Lowest price.
    pub low: Decimal,
    /// Last price.
    pub close: Decimal,
    /// Volume in the base asset.
    pub volume: Decimal,
    /// Its part in which the taker bought, where that is known.
    pub taker_buy_volume: Option<Decimal>,
    /// Number of trades, where that is known.
    pub trade_count: Option<u64>,
}

/// Checks raw input before it may become a record.
#[derive(Debug, Clone, Copy, Default)]
pub struct DataValidator;

impl DataValidator {
    /// Validates a candle a caller supplies; it counts as one revision, known from its close on.
    ///
    /// # Errors
    /// Every broken rule: numbers that are no exact decimals (NaN and infinities included), negative
    /// volume, prices out of order, a time off the grid, outside bounds or in another unit.
    pub fn validate_ohlcv(timeframe: Timeframe, raw: &RawCandle) -> Result<Candle, Violations> {
        let mut violations = Violations::default();
        let [open, high, low, close] = [
            ("candle.open", &raw.open),
            ("candle.high", &raw.high),
            ("candle.low", &raw.low),
            ("candle.close", &raw.close),
        ]
        .map(|(field, text)| keep(Price::parse(field, text), &mut violations));
        let volume = keep(Quantity::parse("candle.volume", &raw.volume), &mut violations);
        let open_time = keep(Timestamp::try_from_micros("candle.open_time", raw.open_time), &mut violations);
        if let (Some(high), Some(low)) = (high, low)
            && high < low
            && !violations.0.is_empty()
        {
            violations.push("candle.high", high, format!("must not be below the low {low}"));
        }
        let (Some(open), Some(high), Some(low), Some(close), Some(volume), Some(open_time)) =
            (open, high, low, close, volume, open_time)
        else {
            return Err(violations);
        };
        let key = |event_time| TradeKey { event_time, sequence: 0, index: 0 };
        let close_time = timeframe.close_time(open_time);
        let ohlcv = Ohlcv {
            open,
            high,
            low,
            close,
            volume,
            taker_buy_volume: None,
            trade_count: Some(raw.trade_count),
            first: key(open_time),
            last: key(close_time.plus(-1)),
        };
        Candle::closed(timeframe, open_time, ohlcv, 1, close_time)
    }

    /// Validates a candle that another system kept.
    ///
    /// # Errors
    /// Every broken rule, as of [`validate_ohlcv`](Self::validate_ohlcv).
    pub fn validate_imported(
        timeframe: Timeframe,
        raw: &UncheckedCandle,
    ) -> Result<ImportedCandle, Violations> {
        let mut violations = Violations::default();
        let mut price = |field, value| keep(Price::try_new(field, value), &mut violations);
        let prices = (
            price("candle.open", raw.open),
            price("candle.high", raw.high),
            price("candle.low", raw.low),
            price("candle.close", raw.close),
        );
        let volume = keep(Quantity::try_new("candle.volume", raw.volume), &mut violations);
        let taker_buy_volume = raw
            .taker_buy_volume
            .and_then(|volume| keep(Quantity::try_new("candle.taker_buy_volume", volume), &mut violations));
        let open_time = keep(Timestamp::try_from_micros("candle.open_time", raw.open_time), &mut violations);
        let ((Some(open), Some(high), Some(low), Some(close)), Some(volume), Some(open_time), true) =
            (prices, volume, open_time, violations.0.is_empty())
        else {
            if raw.high < raw.low {
                violations.push("candle.high", raw.high, format!("must not be below the low {}", raw.low));
            }
            return Err(violations);
        };
        let values =
            ImportedValues { open, high, low, close, volume, taker_buy_volume, trade_count: raw.trade_count };
        ImportedCandle::try_new(timeframe, open_time, values)
    }

    /// Validates a book a caller supplies: both sides best first.
    ///
    /// # Errors
    /// Every broken rule: order, empty levels, a crossed book.
    pub fn validate_orderbook(bids: &[BookLevel], asks: &[BookLevel]) -> Result<FullBook, Violations> {
        let mut violations = Violations::default();
        check_sides(bids, asks, &mut violations);
        violations.into_result(FullBook { last_update: 0, bids: bids.to_vec(), asks: asks.to_vec() })
    }
}

fn keep<T>(result: Result<T, Violations>, violations: &mut Violations) -> Option<T> {
    result.map_err(|broken| violations.0.extend(broken.0)).ok()
}
