//! Columns of a pickled table, read a stretch of rows at a time.

use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float32Type, Float64Type, Int64Type, TimestampNanosecondType, UInt64Type};
use arrow_array::{
    Array as _, ArrayRef, BooleanArray, Float32Array, Float64Array, Int64Array, NullArray, StringArray,
    TimestampNanosecondArray, UInt64Array,
};
use arrow_schema::{DataType, TimeUnit};

use super::array::{Dtype, Scalar};
use super::graph::{Graph, Id};
use super::values::Value;
use crate::BATCH_ROWS;
use crate::error::{LegacyError, LegacyErrorKind};

/// Most bytes read from the file for one column of one batch.
pub const MAX_READ: u64 = 8 << 20;

/// A column.
#[derive(Debug, Clone)]
pub(super) enum Column {
    /// Numbers, times or characters, at equal distances in a payload.
    Strided(Strided),
    /// The same, null where another column says so.
    Masked { values: Strided, mask: Strided },
    /// The same, null where a bit is not set.
    Valid { values: Strided, bits: Bits },
    /// Single bits.
    Bits { values: Bits, valid: Option<Bits>, length: u64 },
    /// Texts, one after the other, with the places where each begins.
    Texts { offsets: Strided, data: u32, valid: Option<Bits> },
    /// Single values.
    Objects { values: Vec<Id>, kind: Kind },
    /// One of a few values, by its number; null where the number is negative.
    Coded { codes: Strided, levels: Vec<Value>, kind: Kind },
    /// Whole numbers at equal distances.
    Steps { start: i64, step: i64, length: u64 },
}

/// Elements at equal distances.
#[derive(Debug, Clone)]
pub(super) struct Strided {
    pub(super) payload: u32,
    pub(super) dtype: Dtype,
    /// First byte of the first element.
    pub(super) offset: u64,
    /// Bytes from one element to the next.
    pub(super) stride: u64,
    pub(super) length: u64,
}

/// Bits, the lowest of a byte first, from a bit on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bits {
    pub(super) payload: u32,
    pub(super) from: u64,
}

/// What all values of a column have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    Bool,
    Int,
    Float,
    /// Numbers of more than one kind, or exact ones: as text.
    Number,
    Text,
    Time,
}

impl Kind {
    /// The kind of all these values.
    pub(super) fn of(
        values: impl IntoIterator<Item = Result<Value, LegacyError>>,
    ) -> Result<Result<Self, String>, LegacyError> {
        let mut kind = Self::Null;
        for value in values {
            let of_value = match value? {
                Value::Null => continue,
                Value::Bool(_) => Self::Bool,
                Value::Int(_) => Self::Int,
                Value::Float(_) => Self::Float,
                Value::Decimal(_) => Self::Number,
                Value::Text(_) => Self::Text,
                Value::Time(_) => Self::Time,
                Value::Other(what) => return Ok(Err(format!("holds {what}"))),
            };
            kind = match (kind, of_value) {
                (Self::Null, kind) => kind,
                (before, now) if before == now => now,
                (Self::Int | Self::Float | Self::Number, Self::Int | Self::Float | Self::Number) => {
                    Self::Number
                }
                (Self::Text, Self::Int | Self::Float | Self::Number)
                | (Self::Int | Self::Float | Self::Number, Self::Text) => Self::Text,
                _ => return Ok(Err("holds values of kinds that do not go together".to_owned())),
            };
        }
        Ok(Ok(kind))
    }

    fn data_type(self) -> DataType {
        match self {
            Self::Null => DataType::Null,
            Self::Bool => DataType::Boolean,
            Self::Int => DataType::Int64,
            Self::Float => DataType::Float64,
            Self::Number | Self::Text => DataType::Utf8,
            Self::Time => time(),
        }
    }

    /// Values of this kind as an array.
    fn array(self, values: &[Value]) -> ArrayRef {
        let values = values.iter();
        match self {
            Self::Null => Arc::new(NullArray::new(values.len())),
            Self::Bool => Arc::new(BooleanArray::from_iter(values.map(|value| match value {
                Value::Bool(value) => Some(*value),
                _ => None,
            }))),
            Self::Int => Arc::new(Int64Array::from_iter(values.map(|value| match value {
                Value::Int(value) => Some(*value),
                _ => None,
            }))),
            Self::Float => Arc::new(Float64Array::from_iter(values.map(|value| match value {
                Value::Float(value) => Some(*value),
                _ => None,
            }))),
            Self::Time => Arc::new(
                TimestampNanosecondArray::from_iter(values.map(|value| match value {
                    Value::Time(value) => Some(*value),
                    _ => None,
                }))
                .with_timezone(UTC),
            ),
            Self::Number | Self::Text => Arc::new(StringArray::from_iter(values.map(text))),
        }
    }
}

/// A value as text: numbers by the shortest decimal that is theirs.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) | Value::Decimal(text) => Some(text.clone()),
        Value::Int(value) => Some(value.to_string()),
        Value::Float(value) => Some(value.to_string()),
        Value::Null | Value::Bool(_) | Value::Time(_) | Value::Other(_) => None,
    }
}

const UTC: &str = "UTC";

fn time() -> DataType {
    DataType::Timestamp(TimeUnit::Nanosecond, Some(UTC.into()))
}

impl Column {
    pub(super) fn length(&self) -> u64 {
        match self {
            Self::Strided(values) | Self::Masked { values, .. } | Self::Valid { values, .. } => values.length,
            Self::Bits { length, .. } | Self::Steps { length, .. } => *length,
            // Each text ends where the next begins, so that there is one place more.
            Self::Texts { offsets, .. } => offsets.length.saturating_sub(1),
            Self::Objects { values, .. } => values.len() as u64,
            Self::Coded { codes, .. } => codes.length,
        }
    }

    pub(super) fn data_type(&self) -> DataType {
        match self {
            Self::Strided(values) | Self::Masked { values, .. } | Self::Valid { values, .. } => {
                values.data_type()
            }
            Self::Bits { .. } => DataType::Boolean,
            Self::Texts { .. } => DataType::Utf8,
            Self::Objects { kind, .. } | Self::Coded { kind, .. } => kind.data_type(),
            Self::Steps { .. } => DataType::Int64,
        }
    }

    /// Most rows that a batch may have, so that it reads no more than [`MAX_READ`] of this column.
    pub(super) fn rows_at_once(&self) -> u64 {
        let stride = match self {
            Self::Strided(values) | Self::Masked { values, .. } | Self::Valid { values, .. } => values.stride,
            Self::Coded { codes, .. } => codes.stride,
            Self::Bits { .. } | Self::Texts { .. } | Self::Objects { .. } | Self::Steps { .. } => 1,
        };
        (MAX_READ / stride.max(1)).clamp(1, BATCH_ROWS as u64)
    }

    /// All values, of a column that is not long.
    pub(super) fn values(&self, graph: &Graph) -> Result<Vec<Value>, LegacyError> {
        let mut values = Vec::new();
        while (values.len() as u64) < self.length() {
            let from = values.len() as u64;
            let count = self.rows_at_once().min(self.length() - from);
            let rows = self.read(graph, from, usize::try_from(count).unwrap_or(usize::MAX))?;
            values.extend(of_rows(&rows));
        }
        Ok(values)
    }

    /// Rows `[from, from + count)` as an array.
    pub(super) fn read(&self, graph: &Graph, from: u64, count: usize) -> Result<ArrayRef, LegacyError> {
        match self {
            Self::Strided(values) => values.read(graph, from, count, None),
            Self::Masked { values, mask } => {
                let mut is_there = Vec::with_capacity(count);
                mask.each(graph, from, count, |byte| is_there.push(byte[0] == 0))?;
                values.read(graph, from, count, Some(&is_there))
            }
            Self::Valid { values, bits } => {
                let is_there = bits.read(graph, from, count)?;
                values.read(graph, from, count, Some(&is_there))
            }
            Self::Bits { values, valid, .. } => {
                let is_there = valid.map(|valid| valid.read(graph, from, count)).transpose()?;
                let values = values.read(graph, from, count)?;
                let row = |(at, value): (usize, bool)| {
                    is_there.as_ref().is_none_or(|there| there[at]).then_some(value)
                };
                Ok(Arc::new(BooleanArray::from_iter(values.into_iter().enumerate().map(row))))
            }
            Self::Texts { offsets, data, valid } => texts(graph, offsets, *data, *valid, from, count),
            Self::Objects { values, kind } => {
                let start = usize::try_from(from).unwrap_or(usize::MAX);
                let rows = values.iter().skip(start).take(count);
                let rows: Vec<Value> = rows.map(|id| graph.value(*id)).collect::<Result<_, _>>()?;
                Ok(kind.array(&rows))
            }
            Self::Coded { codes, levels, kind } => {
                let mut rows = Vec::with_capacity(count);
                codes.each(graph, from, count, |bytes| {
                    let code = usize::try_from(codes.dtype.signed(bytes)).ok();
                    rows.push(code.and_then(|code| levels.get(code)).cloned().unwrap_or(Value::Null));
                })?;
                Ok(kind.array(&rows))
            }
            Self::Steps { start, step, .. } => {
                let row = |at: u64| i64::try_from(from + at).ok()?.checked_mul(*step)?.checked_add(*start);
                Ok(Arc::new(Int64Array::from_iter((0..count as u64).map(row))))
            }
        }
    }
}

/// Rows of an array that a column made.
fn of_rows(rows: &ArrayRef) -> Vec<Value> {
    let each = |value: &dyn Fn(usize) -> Value| -> Vec<Value> {
        (0..rows.len()).map(|row| if rows.is_valid(row) { value(row) } else { Value::Null }).collect()
    };
    match rows.data_type() {
        DataType::Boolean => each(&|row| Value::Bool(rows.as_boolean().value(row))),
        DataType::Int64 => each(&|row| Value::Int(rows.as_primitive::<Int64Type>().value(row))),
        DataType::UInt64 => {
            each(&|row| Value::Decimal(rows.as_primitive::<UInt64Type>().value(row).to_string()))
        }
        DataType::Float32 => {
            each(&|row| Value::Decimal(rows.as_primitive::<Float32Type>().value(row).to_string()))
        }
        DataType::Float64 => each(&|row| Value::Float(rows.as_primitive::<Float64Type>().value(row))),
        DataType::Utf8 => each(&|row| Value::Text(rows.as_string::<i32>().value(row).to_owned())),
        DataType::Timestamp(..) => {
            each(&|row| Value::Time(rows.as_primitive::<TimestampNanosecondType>().value(row)))
        }
        _ => vec![Value::Null; rows.len()],
    }
}

impl Strided {
    fn data_type(&self) -> DataType {
        match &self.dtype.scalar {
            Scalar::Float if self.dtype.size == 4 => DataType::Float32,
            Scalar::Float => DataType::Float64,
            Scalar::Int => DataType::Int64,
            Scalar::Unsigned => DataType::UInt64,
            Scalar::Bool => DataType::Boolean,
            Scalar::Time(_) => time(),
            Scalar::Text => DataType::Utf8,
            Scalar::Object | Scalar::Record(_) => DataType::Null,
        }
    }

    /// Calls for the bytes of each element, of which those past its size are zero.
    fn each(
        &self,
        graph: &Graph,
        from: u64,
        count: usize,
        mut then: impl FnMut([u8; 8]),
    ) -> Result<(), LegacyError> {
        self.each_slice(graph, from, count, |bytes| {
            let mut element = [0; 8];
            element[..bytes.len()].copy_from_slice(bytes);
            then(element);
        })
    }

    fn each_slice(
        &self,
        graph: &Graph,
        from: u64,
        count: usize,
        mut then: impl FnMut(&[u8]),
    ) -> Result<(), LegacyError> {
        let Some(gaps) = count.checked_sub(1) else { return Ok(()) };
        let too_long = || {
            let message = "rows are too long to be read";
            LegacyError::new(LegacyErrorKind::Limit, graph.source().name(), message)
        };
        // Checked when the column was made: its last element lies within the payload.
        let bytes = gaps as u64 * self.stride + self.dtype.size;
        let bytes =
            usize::try_from(bytes).ok().filter(|bytes| *bytes as u64 <= 2 * MAX_READ).ok_or_else(too_long)?;
        let (stride, size) = (
            usize::try_from(self.stride).unwrap_or(usize::MAX),
            usize::try_from(self.dtype.size).unwrap_or(usize::MAX),
        );
        let mut read = vec![0; bytes];
        graph.read_payload(self.payload, self.offset + from * self.stride, &mut read)?;
        for at in 0..count {
            then(&read[at * stride..at * stride + size]);
        }
        Ok(())
    }

    fn read(
        &self,
        graph: &Graph,
        from: u64,
        count: usize,
        is_there: Option<&[bool]>,
    ) -> Result<ArrayRef, LegacyError> {
        let dtype = &self.dtype;
        macro_rules! rows {
            ($make:ty, $value:expr) => {{
                let mut rows = Vec::with_capacity(count);
                self.each(graph, from, count, |bytes| {
                    let there = is_there.is_none_or(|there| there[rows.len()]);
                    rows.push(if there { $value(bytes) } else { None });
                })?;
                <$make>::from_iter(rows)
            }};
        }
        Ok(match &dtype.scalar {
            Scalar::Float if dtype.size == 4 => Arc::new(rows!(Float32Array, |b| Some(dtype.float32(b)))),
            Scalar::Float => Arc::new(rows!(Float64Array, |b| Some(f64::from_bits(dtype.unsigned(b))))),
            Scalar::Int => Arc::new(rows!(Int64Array, |b| Some(dtype.signed(b)))),
            Scalar::Unsigned => Arc::new(rows!(UInt64Array, |b| Some(dtype.unsigned(b)))),
            Scalar::Bool => Arc::new(rows!(BooleanArray, |b: [u8; 8]| Some(b[0] != 0))),
            Scalar::Time(_) => {
                let mut is_outside = false;
                let times = rows!(TimestampNanosecondArray, |b| match dtype.value(b) {
                    Value::Time(nanos) => Some(nanos),
                    Value::Null => None,
                    _ => {
                        is_outside = true;
                        None
                    }
                });
                if is_outside {
                    return Err(graph.damaged("a time lies outside 1677 to 2262"));
                }
                Arc::new(times.with_timezone(UTC))
            }
            Scalar::Text => {
                let mut rows = Vec::with_capacity(count);
                self.each_slice(graph, from, count, |bytes| rows.push(characters(bytes, dtype.big_endian)))?;
                Arc::new(StringArray::from_iter(rows))
            }
            Scalar::Object | Scalar::Record(_) => Arc::new(NullArray::new(count)),
        })
    }
}

/// Characters of four bytes each, up to the first that is zero.
fn characters(bytes: &[u8], big_endian: bool) -> Option<String> {
    let character = |four: &[u8]| {
        let four = [four[0], four[1], four[2], four[3]];
        if big_endian { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) }
    };
    bytes.chunks_exact(4).map(character).take_while(|code| *code != 0).map(char::from_u32).collect()
}

impl Bits {
    fn read(self, graph: &Graph, from: u64, count: usize) -> Result<Vec<bool>, LegacyError> {
        let first = self.from + from;
        let bytes = (first % 8 + count as u64).div_ceil(8);
        let mut read = vec![0; usize::try_from(bytes).unwrap_or_default()];
        graph.read_payload(self.payload, first / 8, &mut read)?;
        let shift = usize::try_from(first % 8).unwrap_or_default();
        Ok((0..count).map(|at| read[(shift + at) / 8] >> ((shift + at) % 8) & 1 == 1).collect())
    }
}

fn texts(
    graph: &Graph,
    offsets: &Strided,
    data: u32,
    valid: Option<Bits>,
    from: u64,
    count: usize,
) -> Result<ArrayRef, LegacyError> {
    let mut places = Vec::with_capacity(count + 1);
    offsets
        .each(graph, from, count + 1, |bytes| places.push(u64::try_from(offsets.dtype.signed(bytes)).ok()))?;
    let is_there = valid.map(|valid| valid.read(graph, from, count)).transpose()?;
    let contradicts = || graph.damaged("the places of texts contradict one another");
    let (Some(Some(begin)), Some(Some(end))) = (places.first(), places.last()) else {
        return Err(contradicts());
    };
    let bytes = end.checked_sub(*begin).ok_or_else(contradicts)?;
    if bytes > MAX_READ {
        let message = "texts are too long to be read";
        return Err(LegacyError::new(LegacyErrorKind::Limit, graph.source().name(), message));
    }
    let mut read = vec![0; usize::try_from(bytes).unwrap_or_default()];
    graph.read_payload(data, *begin, &mut read)?;
    let place = |at: usize| Some(usize::try_from(places[at]?.checked_sub(*begin)?).unwrap_or(usize::MAX));
    let mut rows = Vec::with_capacity(count);
    for at in 0..count {
        let text = place(at).zip(place(at + 1)).and_then(|(from, to)| read.get(from..to));
        let text = text.and_then(|text| std::str::from_utf8(text).ok()).ok_or_else(contradicts)?;
        rows.push(is_there.as_ref().is_none_or(|there| there[at]).then_some(text));
    }
    Ok(Arc::new(StringArray::from_iter(rows)))
}
