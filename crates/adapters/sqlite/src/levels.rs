//! Book levels as bytes: a sampled book of a hundred levels takes some 400.
//!
//! The first byte says how the rest is packed.
//!
//! 1. Shared scales: one byte each for the decimals of prices and of sizes, the number of bids and of asks; then each
//!    bid and each ask, best first, as the distance of its price from the one before (the first from zero) and its size,
//!    both in units of 10^-scale.
//! 2. Scales of their own, where shared ones need more than 128 bits: the number of bids and of asks; then of each level
//!    the decimals and the digits of its price, and the same of its size.
//!
//! Numbers are LEB128: seven bits a byte, the lowest first, the top bit set on all but the last. A distance is never
//! negative, since levels come in order of price.

use onetape_domain::book::{BookLevel, BookSnapshot};
use onetape_domain::decimal::{MAX_DECIMALS, Price, Quantity};
use onetape_domain::violation::Violations;
use rust_decimal::Decimal;

const SHARED: u8 = 1;
const OWN: u8 = 2;

/// Packs the levels of a book.
pub(crate) fn pack(book: &BookSnapshot) -> Vec<u8> {
    shared(book).unwrap_or_else(|| own(book))
}

/// Bids and asks.
pub(crate) fn unpack(bytes: &[u8]) -> Result<(Vec<BookLevel>, Vec<BookLevel>), Violations> {
    let mut reader = Reader(bytes);
    let sides = match reader.byte()? {
        SHARED => {
            let scales = (reader.byte()?, reader.byte()?);
            let counts = (reader.count()?, reader.count()?);
            (reader.shared_side(counts.0, scales, true)?, reader.shared_side(counts.1, scales, false)?)
        }
        OWN => {
            let counts = (reader.count()?, reader.count()?);
            (reader.own_side(counts.0)?, reader.own_side(counts.1)?)
        }
        _ => return Err(wrong()),
    };
    if reader.0.is_empty() { Ok(sides) } else { Err(wrong()) }
}

fn shared(book: &BookSnapshot) -> Option<Vec<u8>> {
    let all = || book.bids().iter().chain(book.asks());
    let price_scale = all().map(|level| scale(level.price.get())).max().unwrap_or(0);
    let size_scale = all().map(|level| scale(level.size.get())).max().unwrap_or(0);
    let mut bytes = vec![SHARED, u8::try_from(price_scale).ok()?, u8::try_from(size_scale).ok()?];
    put(&mut bytes, book.bids().len() as u128);
    put(&mut bytes, book.asks().len() as u128);
    for (side, falls) in [(book.bids(), true), (book.asks(), false)] {
        let mut before = None;
        for level in side {
            let price = units(level.price.get(), price_scale)?;
            let distance = match before {
                None => price,
                Some(before) if falls => u128::checked_sub(before, price)?,
                Some(before) => price.checked_sub(before)?,
            };
            before = Some(price);
            put(&mut bytes, distance);
            put(&mut bytes, units(level.size.get(), size_scale)?);
        }
    }
    Some(bytes)
}

fn own(book: &BookSnapshot) -> Vec<u8> {
    let mut bytes = vec![OWN];
    put(&mut bytes, book.bids().len() as u128);
    put(&mut bytes, book.asks().len() as u128);
    for level in book.bids().iter().chain(book.asks()) {
        for value in [level.price.get(), level.size.get()] {
            let value = value.normalize();
            // A price or size is never negative, and has at most 12 decimals.
            put(&mut bytes, u128::from(value.scale()));
            put(&mut bytes, value.mantissa().unsigned_abs());
        }
    }
    bytes
}

/// Decimals that matter.
fn scale(value: Decimal) -> u32 {
    // Most values come with few decimals and no trailing zeros: no division for them.
    if value.scale() == 0 { 0 } else { value.normalize().scale() }
}

fn units(value: Decimal, scale: u32) -> Option<u128> {
    let value = if value.scale() > scale { value.normalize() } else { value };
    let factor = 10_u128.checked_pow(scale.checked_sub(value.scale())?)?;
    u128::try_from(value.mantissa()).ok()?.checked_mul(factor)
}

fn put(bytes: &mut Vec<u8>, mut number: u128) {
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// What is left of the bytes.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn byte(&mut self) -> Result<u8, Violations> {
        let (first, rest) = self.0.split_first().ok_or_else(wrong)?;
        self.0 = rest;
        Ok(*first)
    }

    fn number(&mut self) -> Result<u128, Violations> {
        let mut number = 0_u128;
        for shift in (0..128).step_by(7) {
            let byte = self.byte()?;
            let bits = u128::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                return Err(wrong());
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(wrong())
    }

    /// A number of levels: each takes two bytes at least.
    fn count(&mut self) -> Result<usize, Violations> {
        usize::try_from(self.number()?).ok().filter(|count| *count <= self.0.len()).ok_or_else(wrong)
    }

    fn shared_side(
        &mut self,
        count: usize,
        (price_scale, size_scale): (u8, u8),
        falls: bool,
    ) -> Result<Vec<BookLevel>, Violations> {
        let mut levels = Vec::with_capacity(count);
        let mut before = None;
        for _ in 0..count {
            let distance = self.number()?;
            let price = match before {
                None => Some(distance),
                Some(before) if falls => u128::checked_sub(before, distance),
                Some(before) => u128::checked_add(before, distance),
            };
            let price = price.ok_or_else(wrong)?;
            before = Some(price);
            levels.push(level(value(price, price_scale.into())?, value(self.number()?, size_scale.into())?)?);
        }
        Ok(levels)
    }

    fn own_side(&mut self, count: usize) -> Result<Vec<BookLevel>, Violations> {
        let mut levels = Vec::with_capacity(count);
        for _ in 0..count {
            let price = (self.number()?, self.number()?);
            let size = (self.number()?, self.number()?);
            levels.push(level(value(price.1, price.0)?, value(size.1, size.0)?)?);
        }
        Ok(levels)
    }
}

fn level(price: Decimal, size: Decimal) -> Result<BookLevel, Violations> {
    Ok(BookLevel { price: Price::try_new("book.price", price)?, size: Quantity::try_new("book.size", size)? })
}

fn value(units: u128, scale: u128) -> Result<Decimal, Violations> {
    let scale = u32::try_from(scale).ok().filter(|scale| *scale <= MAX_DECIMALS).ok_or_else(wrong)?;
    let mut units = i128::try_from(units).map_err(|_| wrong())?;
    let mut scale = scale;
    // A shared scale can make more digits than a decimal holds of a number that has few.
    while scale > 0 && units % 10 == 0 && units > i128::from(i64::MAX) {
        units /= 10;
        scale -= 1;
    }
    Decimal::try_from_i128_with_scale(units, scale).map_err(|_| wrong())
}

fn wrong() -> Violations {
    Violations::one("book.levels", "these bytes", "must be levels as this version packs them")
}

#[cfg(test)]
mod tests {
    use onetape_domain::book::{BookSnapshotParts, SampleFlags};
    use onetape_domain::time::Timestamp;

    use super::*;

    fn side(levels: &[(&str, &str)]) -> Vec<BookLevel> {
        let level = |(price, size): &(&str, &str)| BookLevel {
            price: Price::parse("p", price).unwrap(),
            size: Quantity::parse("s", size).unwrap(),
        };
        levels.iter().map(level).collect()
    }

    fn book(bids: &[(&str, &str)], asks: &[(&str, &str)]) -> BookSnapshot {
        let at = Timestamp::EARLIEST;
        BookSnapshot::try_new(BookSnapshotParts {
            second: at,
            bids: side(bids),
            asks: side(asks),
            sequence: 1,
            event_time: at,
            received_at: at,
            available_at: at,
            bucket_size: Price::parse("b", "1").unwrap(),
            flags: SampleFlags::default(),
        })
        .unwrap()
    }

    fn goes_round(book: &BookSnapshot) -> Vec<u8> {
        let bytes = pack(book);
        assert_eq!(unpack(&bytes).unwrap(), (book.bids().to_vec(), book.asks().to_vec()));
        bytes
    }

    #[test]
    fn levels_are_distances_in_units_of_their_scale() {
        let bytes = goes_round(&book(&[("100.50", "1.250"), ("99", "7")], &[("101.125", "0.5000")]));
        // 100500 and 1.25 in hundredths, 1500 below it and 700; 101125 and 50.
        assert_eq!(bytes, [1, 3, 2, 2, 1, 0x94, 0x91, 6, 125, 0xdc, 0x0b, 0xbc, 5, 0x85, 0x96, 6, 50]);
    }

    #[test]
    fn an_empty_book_has_no_levels() {
        assert_eq!(goes_round(&book(&[], &[])), [1, 0, 0, 0, 0]);
    }

    #[test]
    fn the_widest_numbers_are_kept_exactly() {
        let largest = "9999999999999999999999999999";
        goes_round(&book(&[("0.000000000001", "9999999999999999.999999999999")], &[]));
        assert_eq!(goes_round(&book(&[("0.000000000001", "1")], &[(largest, "0.000000000001")]))[0], OWN);
        assert_eq!(goes_round(&book(&[(largest, "1"), ("1.5", "2")], &[]))[0], SHARED);
        goes_round(&book(&[("9000000000000000000000000000", "3"), ("1.000000000001", "2.5")], &[]));
    }

    #[test]
    fn bytes_that_are_no_levels_are_refused() {
        let bytes = pack(&book(&[("100.5", "1.25"), ("99", "7")], &[("101.125", "0.5")]));
        for length in 0..bytes.len() {
            assert!(unpack(&bytes[..length]).is_err(), "{length}");
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        let unknown = [&[3], &bytes[1..]].concat();
        let scale = [&[1, 13], &bytes[2..]].concat();
        let endless = [[1, 0, 0, 1, 0].as_slice(), &[0xff; 19]].concat();
        for wrong in [longer, unknown, scale, endless, vec![1, 0, 0, 0xff, 0xff, 0x7f, 0]] {
            assert!(unpack(&wrong).is_err(), "{wrong:?}");
        }
    }
}
