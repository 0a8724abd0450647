//! Records end to end in a byte string, as `record_send` writes them: a section of a frame is one of these.
//!
//! One aggregate a section is far less for the server to plan and run than one a column.

use sqlx::error::BoxDynError;

use crate::micros::Micros;
use crate::numeric::{self, Num};

/// A row struct whose fields are those of a record, in order.
pub(crate) trait FromRecord<'r>: Sized {
    fn from_record(fields: &mut Fields<'r>) -> Result<Self, BoxDynError>;
}

/// The records of a column, none where it is null: the aggregate of no rows.
pub(crate) fn read<'r, T: FromRecord<'r>>(column: Option<&'r [u8]>) -> Result<Vec<T>, BoxDynError> {
    let mut fields = Fields { bytes: column.unwrap_or_default(), left: 0 };
    let mut rows = Vec::new();
    while !fields.bytes.is_empty() {
        fields.left = fields.int()?;
        rows.push(T::from_record(&mut fields)?);
        if fields.left != 0 {
            return Err("a record has more fields than its row".into());
        }
    }
    Ok(rows)
}

/// Reads a record's fields one after the other.
#[derive(Debug)]
pub(crate) struct Fields<'r> {
    bytes: &'r [u8],
    /// Fields left of this record.
    left: i32,
}

impl<'r> Fields<'r> {
    pub(crate) fn take<T: Field<'r>>(&mut self) -> Result<T, BoxDynError> {
        if self.left <= 0 {
            return Err("a record has fewer fields than its row".into());
        }
        self.left -= 1;
        let _type = self.int()?;
        // A negative length stands for null.
        let Ok(length) = usize::try_from(self.int()?) else { return T::from_field(None) };
        let (value, rest) = self.bytes.split_at_checked(length).ok_or("a record is cut off")?;
        self.bytes = rest;
        T::from_field(Some(value))
    }

    fn int(&mut self) -> Result<i32, BoxDynError> {
        let (head, rest) = self.bytes.split_first_chunk().ok_or("a record is cut off")?;
        self.bytes = rest;
        Ok(i32::from_be_bytes(*head))
    }
}

/// A value in a record.
pub(crate) trait Field<'r>: Sized {
    fn from_field(bytes: Option<&'r [u8]>) -> Result<Self, BoxDynError>;
}

impl<'r, T: Field<'r>> Field<'r> for Option<T> {
    fn from_field(bytes: Option<&'r [u8]>) -> Result<Self, BoxDynError> {
        bytes.map(|bytes| T::from_field(Some(bytes))).transpose()
    }
}

/// Fields that are never null.
macro_rules! field {
    ($type:ty, $bytes:ident => $value:expr) => {
        impl<'r> Field<'r> for $type {
            fn from_field(bytes: Option<&'r [u8]>) -> Result<Self, BoxDynError> {
                let $bytes = bytes.ok_or("a record lacks a value")?;
                Ok($value)
            }
        }
    };
}

field!(i64, bytes => i64::from_be_bytes(bytes.try_into()?));
field!(i32, bytes => i32::from_be_bytes(bytes.try_into()?));
field!(Micros, bytes => Micros::from_wire(i64::from_be_bytes(bytes.try_into()?)));
field!(Num, bytes => Num(numeric::decode(bytes)?));
field!(&'r str, bytes => std::str::from_utf8(bytes)?);
field!(Box<str>, bytes => std::str::from_utf8(bytes)?.into());
field!(String, bytes => std::str::from_utf8(bytes)?.to_owned());

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Pair(i64, Option<Num>);

    impl<'r> FromRecord<'r> for Pair {
        fn from_record(fields: &mut Fields<'r>) -> Result<Self, BoxDynError> {
            Ok(Self(fields.take()?, fields.take()?))
        }
    }

    fn record(fields: u8, number: i64) -> Vec<u8> {
        let mut bytes = vec![0, 0, 0, fields, 0, 0, 0, 20, 0, 0, 0, 8];
        bytes.extend(number.to_be_bytes());
        bytes.extend([0, 0, 6, 164, 255, 255, 255, 255]);
        bytes
    }

    #[test]
    fn records_come_out_in_order_with_their_nulls() {
        let bytes = [record(2, 7), record(2, -1)].concat();
        assert_eq!(read::<Pair>(Some(&bytes)).unwrap(), [Pair(7, None), Pair(-1, None)]);
        assert!(read::<Pair>(None).unwrap().is_empty());
    }

    #[test]
    fn a_record_of_another_number_of_fields_is_an_error() {
        for fields in [0, 1, 3] {
            assert!(read::<Pair>(Some(&record(fields, 7))).is_err(), "{fields}");
        }
    }

    #[test]
    fn what_is_cut_off_is_an_error_wherever_it_is_cut() {
        let bytes = record(2, 7);
        for length in 1..bytes.len() {
            assert!(read::<Pair>(Some(&bytes[..length])).is_err(), "{length}");
        }
    }
}
