//! Many rows by COPY, in its binary form: nothing is parsed and no array is unnested on the server.
//!
//! COPY knows no `ON CONFLICT`, so it is for rows that are not there yet; where one is, the caller writes the same rows
//! by INSERT (`archive/load.rs`).

mod rows;

use onetape_domain::instrument::Instrument;
use onetape_ports::StoreError;
use rust_decimal::Decimal;
use sqlx::PgConnection;
use sqlx::error::BoxDynError;

use crate::error::{answer, failed};
use crate::micros::Micros;
use crate::numeric;

pub(crate) use rows::{books, candles, coverage, imbalances, imported, superseded, trades};

const COPY: &str = "copy rows into a table";
/// `feature_not_supported`: a server without COPY, such as TimescaleDB as WebAssembly.
const NO_COPY: &str = "0A000";
/// Bytes of one message: the server works on one while the next is made.
const PIECE: usize = 256 << 10;
/// What binary data begins with: the signature, no flags, no extension.
const HEADER: &[u8; 19] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What it ends with: a row of minus one columns.
const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();
/// Stands for null instead of a length.
const NULL: [u8; 4] = (-1_i32).to_be_bytes();
/// `int8`, in an array.
const BIGINT: i32 = 20;
/// Version of the binary form of `jsonb`.
const JSONB: u8 = 1;

/// Writes rows, all of so many columns, of which the first two are the instrument's; `write` adds the others of one row.
///
/// The end of a COPY is bounded by the transaction's `statement_timeout` alone: where it is given up half-way, the
/// connection cannot be used any more, and its session closes it.
async fn copy<T>(
    connection: &mut PgConnection,
    sql: &str,
    columns: i16,
    instrument: &Instrument,
    rows: &[T],
    write: impl Fn(&mut Row, &T) -> Result<(), BoxDynError>,
) -> Result<(), StoreError> {
    let mut row = Row { bytes: HEADER.to_vec(), columns, written: 0 };
    let mut head = Row { bytes: Vec::new(), columns, written: 0 };
    let named =
        head.text(instrument.symbol().as_str()).and_then(|head| head.text(instrument.exchange().as_str()));
    named.map_err(unwritable)?;
    let head = head.bytes;
    let mut copy = connection.copy_in_raw(sql).await.map_err(failed(COPY))?;
    for one in rows {
        row.begin(&head);
        if let Err(error) = write(&mut row, one).and_then(|()| row.end()) {
            copy.abort("a row cannot be written").await.map_err(failed(COPY))?;
            return Err(unwritable(error));
        }
        if row.bytes.len() >= PIECE {
            copy.send(row.bytes.as_slice()).await.map_err(failed(COPY))?;
            row.bytes.clear();
        }
    }
    row.bytes.extend_from_slice(&TRAILER);
    copy.send(row.bytes.as_slice()).await.map_err(failed(COPY))?;
    copy.finish().await.map(drop).map_err(failed(COPY))
}

/// Whether the server has no COPY.
pub(crate) fn is_unsupported(error: &StoreError) -> bool {
    answer(error).is_some_and(|answer| answer.code().as_deref() == Some(NO_COPY))
}

fn unwritable(error: BoxDynError) -> StoreError {
    failed(COPY)(sqlx::Error::Encode(error))
}

/// Rows end to end, column by column.
#[derive(Debug)]
struct Row {
    bytes: Vec<u8>,
    columns: i16,
    /// Columns of the row that is being written.
    written: i16,
}

impl Row {
    fn begin(&mut self, head: &[u8]) {
        self.bytes.extend_from_slice(&self.columns.to_be_bytes());
        self.bytes.extend_from_slice(head);
        self.written = 2;
    }

    fn end(&self) -> Result<(), BoxDynError> {
        if self.written == self.columns {
            return Ok(());
        }
        Err(format!("a row of {} columns has {}", self.columns, self.written).into())
    }

    /// A value whose length is known.
    fn field(&mut self, value: &[u8]) -> Result<&mut Self, BoxDynError> {
        self.bytes.extend_from_slice(&i32::try_from(value.len())?.to_be_bytes());
        self.bytes.extend_from_slice(value);
        self.written += 1;
        Ok(self)
    }

    /// A value whose length shows when it is written.
    fn measured(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), BoxDynError>,
    ) -> Result<&mut Self, BoxDynError> {
        let at = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 4]);
        write(&mut self.bytes)?;
        let length = i32::try_from(self.bytes.len() - at - 4)?;
        self.bytes[at..at + 4].copy_from_slice(&length.to_be_bytes());
        self.written += 1;
        Ok(self)
    }

    fn null(&mut self) -> Result<&mut Self, BoxDynError> {
        self.bytes.extend_from_slice(&NULL);
        self.written += 1;
        Ok(self)
    }

    fn text(&mut self, text: &str) -> Result<&mut Self, BoxDynError> {
        self.field(text.as_bytes())
    }

    fn time(&mut self, time: onetape_domain::time::Timestamp) -> Result<&mut Self, BoxDynError> {
        self.long(Micros(time).to_wire())
    }

    fn long(&mut self, number: i64) -> Result<&mut Self, BoxDynError> {
        self.field(&number.to_be_bytes())
    }

    fn int(&mut self, number: i32) -> Result<&mut Self, BoxDynError> {
        self.field(&number.to_be_bytes())
    }

    fn short(&mut self, number: i16) -> Result<&mut Self, BoxDynError> {
        self.field(&number.to_be_bytes())
    }

    fn flag(&mut self, flag: bool) -> Result<&mut Self, BoxDynError> {
        self.field(&[u8::from(flag)])
    }

    fn number(&mut self, number: Decimal) -> Result<&mut Self, BoxDynError> {
        self.measured(|bytes| numeric::encode(number, bytes))
    }

    fn optional_number(&mut self, number: Option<Decimal>) -> Result<&mut Self, BoxDynError> {
        match number {
            Some(number) => self.number(number),
            None => self.null(),
        }
    }

    fn optional_long(&mut self, number: Option<i64>) -> Result<&mut Self, BoxDynError> {
        match number {
            Some(number) => self.long(number),
            None => self.null(),
        }
    }

    /// An array; one without elements has no dimension.
    fn longs(&mut self, numbers: &[i64]) -> Result<&mut Self, BoxDynError> {
        self.measured(|bytes| {
            let dimensions = i32::from(!numbers.is_empty());
            for word in [dimensions, 0, BIGINT] {
                bytes.extend_from_slice(&word.to_be_bytes());
            }
            if dimensions > 0 {
                for word in [i32::try_from(numbers.len())?, 1] {
                    bytes.extend_from_slice(&word.to_be_bytes());
                }
            }
            for number in numbers {
                bytes.extend_from_slice(&8_i32.to_be_bytes());
                bytes.extend_from_slice(&number.to_be_bytes());
            }
            Ok(())
        })
    }

    fn optional_json<T: serde::Serialize>(&mut self, value: Option<&T>) -> Result<&mut Self, BoxDynError> {
        let Some(value) = value else { return self.null() };
        self.measured(|bytes| {
            bytes.push(JSONB);
            Ok(serde_json::to_writer(bytes, value)?)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_their_length_before_them() {
        let mut row = Row { bytes: Vec::new(), columns: 4, written: 0 };
        row.begin(&[]);
        row.text("ab").and_then(|row| row.null()).expect("written");
        assert_eq!(row.bytes, [0, 4, 0, 0, 0, 2, b'a', b'b', 0xff, 0xff, 0xff, 0xff]);
        row.end().expect("four columns, two of them the instrument's");
        row.flag(true).expect("written");
        assert!(row.end().is_err(), "five columns in a row of four");
    }

    #[test]
    fn an_empty_array_has_no_dimension() {
        let mut row = Row { bytes: Vec::new(), columns: 2, written: 0 };
        row.longs(&[]).expect("written");
        assert_eq!(row.bytes, [0, 0, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20]);
        row.bytes.clear();
        row.longs(&[7]).expect("written");
        assert_eq!(row.bytes[..12], [0, 0, 0, 32, 0, 0, 0, 1, 0, 0, 0, 0]);
        assert_eq!(row.bytes[16..], [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 7]);
    }

    #[test]
    fn a_number_is_written_as_a_parameter_would_be() {
        let mut row = Row { bytes: Vec::new(), columns: 2, written: 0 };
        row.number(Decimal::new(12_345, 2)).expect("written");
        let mut value = Vec::new();
        numeric::encode(Decimal::new(12_345, 2), &mut value).expect("encoded");
        assert_eq!(row.bytes[..4], 12_i32.to_be_bytes());
        assert_eq!(row.bytes[4..], value);
    }
}
