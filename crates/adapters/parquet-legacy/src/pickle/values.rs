//! Single values: numbers, texts and times, as plain Python, numpy and pandas write them.

use chrono::{NaiveDate, NaiveDateTime};

use super::array::Dtype;
use super::globals::Global;
use super::graph::{Graph, Id, Node};
use crate::error::LegacyError;

/// Longest single text.
const MAX_TEXT: u64 = 4_096;

/// A single value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    /// A number as decimal text, perhaps with an exponent.
    Decimal(String),
    Text(String),
    /// Nanoseconds since the epoch; a time without a zone counts as UTC.
    Time(i64),
    /// Anything else, and what it is.
    Other(&'static str),
}

impl Graph {
    /// What a value is by itself.
    pub(super) fn value(&self, id: Id) -> Result<Value, LegacyError> {
        Ok(match self.node(id) {
            Node::None | Node::Global(Global::Na) => Value::Null,
            Node::Bool(value) => Value::Bool(value),
            Node::Int(value) => Value::Int(value),
            Node::Float(value) => Value::Float(value),
            Node::Text(_) => match self.text(id, MAX_TEXT)? {
                Some(text) => Value::Text(text),
                None => Value::Other("a text that is too long, or no text at all"),
            },
            Node::Bytes(_) => Value::Other("bytes"),
            Node::Tuple { .. } | Node::List(_) => Value::Other("a list"),
            Node::Dict(_) => Value::Other("a dictionary"),
            Node::Global(_) => Value::Other("the name of a type"),
            Node::Call(_) => self.called_value(id)?,
        })
    }

    fn called_value(&self, id: Id) -> Result<Value, LegacyError> {
        let Some((global, arguments, state)) = self.call_of(id) else { return Ok(Value::Other("an object")) };
        Ok(match global {
            Global::Nat | Global::Na => Value::Null,
            Global::Decimal => match arguments.first().and_then(|text| self.short_text(*text)) {
                Some(text) => Value::Decimal(text.to_owned()),
                None => Value::Other("a decimal without digits"),
            },
            Global::Timestamp => self.timestamp(arguments).map_or(Value::Other(OUT_OF_RANGE), Value::Time),
            Global::Datetime | Global::Date => self.datetime(arguments)?,
            Global::Scalar if state.is_none() => self.scalar(arguments)?,
            _ => Value::Other("an object"),
        })
    }

    /// `_unpickle_timestamp(value, freq, tz, resolution)`: ticks since the epoch in UTC.
    fn timestamp(&self, arguments: &[Id]) -> Option<i64> {
        let ticks = self.int(*arguments.first()?)?;
        let nanos = match arguments.get(3).map(|resolution| self.int(*resolution)) {
            Some(Some(7)) => 1_000_000_000,
            Some(Some(8)) => 1_000_000,
            Some(Some(9)) => 1_000,
            None | Some(Some(10)) => 1,
            _ => return None,
        };
        ticks.checked_mul(nanos)
    }

    /// `datetime(bytes, tz)` and `date(bytes)`: the packed form that CPython writes.
    fn datetime(&self, arguments: &[Id]) -> Result<Value, LegacyError> {
        let packed = match arguments.first().map(|packed| self.node(*packed)) {
            Some(Node::Bytes(payload)) if matches!(self.payload_length(payload), 4 | 10) => {
                let mut packed = [0; 10];
                let length = if self.payload_length(payload) == 4 { 4 } else { 10 };
                self.read_payload(payload, 0, &mut packed[..length])?;
                packed
            }
            _ => return Ok(Value::Other("a time in an unknown form")),
        };
        let offset = match arguments.get(1) {
            None => 0,
            Some(zone) => match self.offset_seconds(*zone) {
                Some(offset) => offset,
                None => return Ok(Value::Other("a time in a zone other than UTC or a fixed offset")),
            },
        };
        let nanos = unpack(packed).and_then(|time| time.and_utc().timestamp_nanos_opt());
        let nanos = nanos.and_then(|nanos| nanos.checked_sub(offset.checked_mul(1_000_000_000)?));
        Ok(nanos.map_or(Value::Other(OUT_OF_RANGE), Value::Time))
    }

    /// Seconds that a zone is ahead of UTC, where it says so itself.
    fn offset_seconds(&self, zone: Id) -> Option<i64> {
        if self.node(zone) == Node::None {
            return Some(0);
        }
        let (global, arguments, _) = self.call_of(zone)?;
        match global {
            Global::PytzUtc => Some(0),
            // Name, seconds ahead of UTC, seconds of daylight saving, abbreviation.
            Global::PytzZone => self.int(*arguments.get(1)?),
            Global::ZoneInfo => self.is_text(*arguments.first()?, "UTC").then_some(0),
            Global::Timezone => {
                let (delta, parts, _) = self.call_of(*arguments.first()?)?;
                let part = |at: usize| parts.get(at).and_then(|part| self.int(*part));
                let (days, seconds) = (part(0)?, part(1)?);
                (delta == Global::Timedelta).then(|| days.checked_mul(86_400)?.checked_add(seconds))?
            }
            _ => None,
        }
    }

    /// `scalar(dtype, bytes)` of numpy.
    fn scalar(&self, arguments: &[Id]) -> Result<Value, LegacyError> {
        let &[dtype, value] = arguments else { return Ok(Value::Other("an object")) };
        let Some(dtype) = Dtype::read(self, dtype) else {
            return Ok(Value::Other("a number of unknown form"));
        };
        let Node::Bytes(payload) = self.node(value) else { return self.value(value) };
        let mut bytes = [0; 8];
        match bytes.get_mut(..usize::try_from(dtype.size).unwrap_or(usize::MAX)) {
            Some(part) => self.read_payload(payload, 0, part)?,
            None => return Ok(Value::Other("a number of unknown form")),
        }
        Ok(dtype.value(bytes))
    }
}

const OUT_OF_RANGE: &str = "a time outside 1677 to 2262";

/// Year in two bytes, month (its highest bit tells the second of two equal hours), day, then hour, minute, second and
/// three bytes of microseconds.
fn unpack(bytes: [u8; 10]) -> Option<NaiveDateTime> {
    let [year_high, year_low, month, day, hour, minute, second, micros @ ..] = bytes;
    let year = i32::from(u16::from_be_bytes([year_high, year_low]));
    let date = NaiveDate::from_ymd_opt(year, u32::from(month & 0x7f), u32::from(day))?;
    let micros = u32::from_be_bytes([0, micros[0], micros[1], micros[2]]);
    date.and_hms_micro_opt(u32::from(hour), u32::from(minute), u32::from(second), micros)
}
