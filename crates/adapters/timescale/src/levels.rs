//! Book levels as integers with one scale a side of the pair: prices share one, sizes another.

use onetape_domain::book::{BookLevel, BookSnapshot};
use onetape_domain::decimal::{MAX_DECIMALS, Price, Quantity};
use onetape_domain::violation::Violations;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// The levels of a snapshot as their columns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Levels {
    pub(crate) price_scale: i16,
    pub(crate) size_scale: i16,
    pub(crate) bid_prices: Vec<i64>,
    pub(crate) bid_sizes: Vec<i64>,
    pub(crate) ask_prices: Vec<i64>,
    pub(crate) ask_sizes: Vec<i64>,
    /// All levels, where one of the numbers needs more than 64 bits; the arrays are then empty.
    pub(crate) wide: Option<WideLevels>,
}

/// Levels as exact text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WideLevels {
    bids: Vec<BookLevel>,
    asks: Vec<BookLevel>,
}

impl Levels {
    pub(crate) fn of(book: &BookSnapshot) -> Self {
        Self::narrow(book).unwrap_or_else(|| Self {
            wide: Some(WideLevels { bids: book.bids().to_vec(), asks: book.asks().to_vec() }),
            ..Self::default()
        })
    }

    fn narrow(book: &BookSnapshot) -> Option<Self> {
        let all = || book.bids().iter().chain(book.asks());
        let price_scale = all().map(|level| scale(level.price.get())).max().unwrap_or(0);
        let size_scale = all().map(|level| scale(level.size.get())).max().unwrap_or(0);
        let prices = |side: &[BookLevel]| -> Option<Vec<i64>> {
            side.iter().map(|level| units(level.price.get(), price_scale)).collect()
        };
        let sizes = |side: &[BookLevel]| -> Option<Vec<i64>> {
            side.iter().map(|level| units(level.size.get(), size_scale)).collect()
        };
        Some(Self {
            price_scale: i16::try_from(price_scale).ok()?,
            size_scale: i16::try_from(size_scale).ok()?,
            bid_prices: prices(book.bids())?,
            bid_sizes: sizes(book.bids())?,
            ask_prices: prices(book.asks())?,
            ask_sizes: sizes(book.asks())?,
            wide: None,
        })
    }

    /// Bids and asks.
    pub(crate) fn into_sides(self) -> Result<(Vec<BookLevel>, Vec<BookLevel>), Violations> {
        let Self { price_scale, size_scale, bid_prices, bid_sizes, ask_prices, ask_sizes, wide } = self;
        if let Some(WideLevels { bids, asks }) = wide {
            return Ok((bids, asks));
        }
        let side = |prices: Vec<i64>, sizes: Vec<i64>| -> Result<Vec<BookLevel>, Violations> {
            let level = |(price, size)| {
                Ok(BookLevel {
                    price: Price::try_new("book.price", value(price, price_scale)?)?,
                    size: Quantity::try_new("book.size", value(size, size_scale)?)?,
                })
            };
            prices.into_iter().zip(sizes).map(level).collect()
        };
        Ok((side(bid_prices, bid_sizes)?, side(ask_prices, ask_sizes)?))
    }
}

/// Decimals that matter.
fn scale(value: Decimal) -> u32 {
    // Most values come with few decimals and no trailing zeros: no division for them.
    if value.scale() == 0 { 0 } else { value.normalize().scale() }
}

fn units(value: Decimal, scale: u32) -> Option<i64> {
    let value = if value.scale() > scale { value.normalize() } else { value };
    let factor = 10_i128.checked_pow(scale.checked_sub(value.scale())?)?;
    i64::try_from(value.mantissa().checked_mul(factor)?).ok()
}

fn value(units: i64, scale: i16) -> Result<Decimal, Violations> {
    let wrong = || Violations::one("book.scale", scale, "must be between 0 and 12");
    let scale = u32::try_from(scale).ok().filter(|scale| *scale <= MAX_DECIMALS).ok_or_else(wrong)?;
    Ok(Decimal::new(units, scale))
}

#[cfg(test)]
mod tests {
    use onetape_domain::book::{BookSnapshotParts, SampleFlags};
    use onetape_domain::time::Timestamp;

    use super::*;

    fn level(price: &str, size: &str) -> BookLevel {
        BookLevel { price: Price::parse("p", price).unwrap(), size: Quantity::parse("s", size).unwrap() }
    }

    fn book(bids: Vec<BookLevel>, asks: Vec<BookLevel>) -> BookSnapshot {
        let at = Timestamp::EARLIEST;
        BookSnapshot::try_new(BookSnapshotParts {
            second: at,
            bids,
            asks,
            sequence: 1,
            event_time: at,
            received_at: at,
            available_at: at,
            bucket_size: Price::parse("b", "1").unwrap(),
            flags: SampleFlags::default(),
        })
        .unwrap()
    }

    #[test]
    fn a_side_pair_shares_the_scale_its_values_need() {
        let book = book(vec![level("100.50", "1.250"), level("99", "7")], vec![level("101.125", "0.5000")]);
        let levels = Levels::of(&book);
        assert_eq!((levels.price_scale, levels.size_scale), (3, 2));
        assert_eq!(levels.bid_prices, [100_500, 99_000]);
        assert_eq!(levels.ask_sizes, [50]);
        assert_eq!(levels.into_sides().unwrap(), (book.bids().to_vec(), book.asks().to_vec()));
    }

    #[test]
    fn what_64_bits_do_not_hold_is_kept_as_text() {
        let book = book(vec![level("0.000000000001", "9999999999999999.999999999999")], Vec::new());
        let levels = Levels::of(&book);
        assert!(levels.bid_prices.is_empty() && levels.wide.is_some());
        assert_eq!(levels.into_sides().unwrap(), (book.bids().to_vec(), Vec::new()));
    }

    #[test]
    fn an_empty_book_has_no_levels() {
        let levels = Levels::of(&book(Vec::new(), Vec::new()));
        assert_eq!(levels, Levels::default());
        assert_eq!(levels.into_sides().unwrap(), (Vec::new(), Vec::new()));
    }
}
