//! Bytes out and in: variable-length integers (LEB128), exact decimals, texts.

use onetape_domain::book::BookLevel;
use onetape_domain::decimal::{Price, Quantity};
use onetape_domain::time::Timestamp;
use rust_decimal::Decimal;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Builds the body of a record.
#[derive(Debug)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn of_kind(kind: u8) -> Self {
        let mut bytes = Vec::with_capacity(256);
        bytes.push(kind);
        Self(bytes)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    pub(crate) fn unsigned(&mut self, value: u64) {
        self.wide(value.into());
    }

    pub(crate) fn signed(&mut self, value: i64) {
        self.unsigned(((value << 1) ^ (value >> 63)).cast_unsigned());
    }

    fn wide(&mut self, mut value: u128) {
        while value >= 0x80 {
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    pub(crate) fn time(&mut self, time: Timestamp) {
        self.signed(time.micros());
    }

    /// Prices and quantities are never negative.
    pub(crate) fn decimal(&mut self, value: Decimal) {
        self.byte(value.scale() as u8);
        self.wide(value.mantissa().unsigned_abs());
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.unsigned(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
    }

    /// What is rare and has many fields.
    pub(crate) fn json<T: Serialize>(&mut self, value: &T) {
        self.text(&serde_json::to_string(value).unwrap_or_default());
    }

    pub(crate) fn option<T>(&mut self, value: Option<T>, put: impl FnOnce(&mut Self, T)) {
        self.byte(value.is_some().into());
        if let Some(value) = value {
            put(self, value);
        }
    }

    pub(crate) fn levels(&mut self, levels: &[BookLevel]) {
        self.unsigned(levels.len() as u64);
        for level in levels {
            self.decimal(*level.price);
            self.decimal(*level.size);
        }
    }
}

/// Takes the body of a record apart. Whatever the bytes are, it gives none rather than a wrong value, and never makes
/// room for more than the bytes can hold.
#[derive(Debug)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    pub(crate) fn unsigned(&mut self) -> Option<u64> {
        self.wide()?.try_into().ok()
    }

    pub(crate) fn signed(&mut self) -> Option<i64> {
        let value = self.unsigned()?;
        Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    fn wide(&mut self) -> Option<u128> {
        let mut value = 0_u128;
        for shift in (0..128).step_by(7) {
            let byte = self.byte()?;
            let part = u128::from(byte & 0x7f);
            if part.leading_zeros() < shift {
                return None;
            }
            value |= part << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    pub(crate) fn time(&mut self) -> Option<Timestamp> {
        self.signed().map(Timestamp::from_micros)
    }

    fn decimal(&mut self) -> Option<Decimal> {
        let scale = u32::from(self.byte()?);
        let mantissa = i128::try_from(self.wide()?).ok()?;
        Decimal::try_from_i128_with_scale(mantissa, scale).ok()
    }

    pub(crate) fn price(&mut self) -> Option<Price> {
        Price::try_new("price", self.decimal()?).ok()
    }

    pub(crate) fn quantity(&mut self) -> Option<Quantity> {
        Quantity::try_new("quantity", self.decimal()?).ok()
    }

    pub(crate) fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(self.unsigned()?).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }

    pub(crate) fn json<T: DeserializeOwned>(&mut self) -> Option<T> {
        serde_json::from_str(self.text()?).ok()
    }

    pub(crate) fn option<T>(&mut self, get: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        match self.byte()? {
            0 => Some(None),
            1 => get(self).map(Some),
            _ => None,
        }
    }

    /// A number of items, each of at least `least` bytes.
    pub(crate) fn count(&mut self, least: usize) -> Option<usize> {
        let count = usize::try_from(self.unsigned()?).ok()?;
        (count <= self.0.len() / least).then_some(count)
    }

    pub(crate) fn levels(&mut self) -> Option<Vec<BookLevel>> {
        let count = self.count(4)?;
        let mut levels = Vec::with_capacity(count);
        for _ in 0..count {
            levels.push(BookLevel { price: self.price()?, size: self.quantity()? });
        }
        Some(levels)
    }
}
