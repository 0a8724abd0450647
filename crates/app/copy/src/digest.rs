//! A checksum of rows that any store gives in any order: the sum of their SHA-256, modulo 2^256, beside their number.
//!
//! A row is hashed in one form of its own, whatever a store makes of it: fixed columns, decimals without trailing zeros.

use std::fmt;

use onetape_domain::time::Timestamp;
use rust_decimal::Decimal;
use sha2::{Digest as _, Sha256};

/// Of the rows of a table and day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Checksum {
    pub(crate) rows: u64,
    /// Lowest part first.
    sum: [u64; 4],
}

impl Checksum {
    pub(crate) fn add(&mut self, row: &Columns) {
        self.rows += 1;
        let hash: [u8; 32] = Sha256::digest(&row.0).into();
        let mut carry = false;
        for (part, bytes) in self.sum.iter_mut().zip(hash.chunks_exact(8)) {
            let word = bytes.iter().rev().fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
            let (sum, over) = part.overflowing_add(word);
            let (sum, over_again) = sum.overflowing_add(u64::from(carry));
            (*part, carry) = (sum, over || over_again);
        }
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sum.iter().rev().try_for_each(|part| write!(f, "{part:016x}"))
    }
}

/// SHA-256 of a text.
pub(crate) fn of_text(text: &str) -> String {
    let hash: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The columns of a row, end to end.
#[derive(Debug, Default)]
pub(crate) struct Columns(Vec<u8>);

impl Columns {
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn time(&mut self, time: Timestamp) -> &mut Self {
        self.int(time.micros())
    }

    pub(crate) fn optional_time(&mut self, time: Option<Timestamp>) -> &mut Self {
        self.optional(time, |row, time| row.time(time))
    }

    pub(crate) fn int(&mut self, number: i64) -> &mut Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    pub(crate) fn natural(&mut self, number: u64) -> &mut Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    pub(crate) fn optional<T>(
        &mut self,
        value: Option<T>,
        write: impl FnOnce(&mut Self, T) -> &mut Self,
    ) -> &mut Self {
        self.0.push(u8::from(value.is_some()));
        match value {
            Some(value) => write(self, value),
            None => self,
        }
    }

    pub(crate) fn flag(&mut self, flag: bool) -> &mut Self {
        self.0.push(u8::from(flag));
        self
    }

    pub(crate) fn decimal(&mut self, value: Decimal) -> &mut Self {
        // Most values have no decimals to cut.
        let value = if value.scale() == 0 { value } else { value.normalize() };
        self.0.extend_from_slice(&value.mantissa().to_be_bytes());
        self.0.extend_from_slice(&value.scale().to_be_bytes());
        self
    }

    pub(crate) fn optional_decimal(&mut self, value: Option<Decimal>) -> &mut Self {
        self.optional(value, |row, value| row.decimal(value))
    }

    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.natural(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: i64) -> Columns {
        let mut row = Columns::default();
        row.int(number);
        row
    }

    fn of(numbers: impl IntoIterator<Item = i64>) -> Checksum {
        let mut checksum = Checksum::default();
        numbers.into_iter().for_each(|number| checksum.add(&row(number)));
        checksum
    }

    #[test]
    fn the_order_of_rows_does_not_matter_and_every_row_does() {
        assert_eq!(of(0..100), of((0..100).rev()));
        assert_ne!(of(0..100), of(1..101));
        assert_ne!(of([1, 1]), of([1]), "a row that is there twice");
        assert_ne!(of([1, 1, 2]), of([1, 2, 2]));
        assert_ne!(of([]), of([0]));
    }

    #[test]
    fn one_row_is_its_hash() {
        let mut hash: [u8; 32] = Sha256::digest(7_i64.to_be_bytes()).into();
        hash.reverse();
        let text: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(of([7]).to_string(), text);
    }

    #[test]
    fn equal_numbers_are_equal_however_they_are_written() {
        let columns = |text: &str| {
            let mut row = Columns::default();
            row.decimal(Decimal::from_str_exact(text).expect("a decimal"));
            row.0
        };
        assert_eq!(columns("1.50"), columns("1.5"));
        assert_eq!(columns("100.000"), columns("100"));
        assert_ne!(columns("1.5"), columns("15"));
        assert_ne!(columns("0.1"), columns("0.01"));
    }

    #[test]
    fn neighbouring_texts_do_not_run_together() {
        let texts = |a: &str, b: &str| {
            let mut row = Columns::default();
            row.text(a).text(b);
            row.0
        };
        assert_ne!(texts("ab", "c"), texts("a", "bc"));
    }
}
