//! Which columns of a table are those of candles, and what a row of them says.

use std::fmt::Display;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    Date32Type, Date64Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, Schema, TimeUnit};
use chrono::{DateTime, NaiveDate, NaiveDateTime};
use onetape_domain::validator::RawCandle;
use onetape_domain::violation::Violations;

/// Names of the time at which a candle opens, as found in caches; those of an index without a name come last.
const TIMES: &[&str] = &["open_time", "opentime", "timestamp", "time", "datetime", "date", "ts", "t"];
const INDEXES: &[&str] = &["index", "__index_level_0__"];
/// Names of what a candle holds.
const VALUES: [(&str, &[&str]); 5] = [
    ("open", &["open", "o", "open_price"]),
    ("high", &["high", "h", "high_price"]),
    ("low", &["low", "l", "low_price"]),
    ("close", &["close", "c", "close_price"]),
    ("volume", &["volume", "v", "vol", "base_volume"]),
];
const COUNTS: &[&str] = &["trade_count", "trades", "count", "number_of_trades", "num_trades", "n"];
/// Columns of a list of lists as CCXT gives it, and of the twelve of Binance, whose ninth counts trades.
const POSITIONS: [&str; 6] = ["0", "1", "2", "3", "4", "5"];
const BINANCE_WIDTH: usize = 12;
const BINANCE_COUNT: &str = "8";

/// Most zeros that an exponent may stand for.
const MAX_EXPONENT: i32 = 64;

/// A row of a legacy table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegacyRow {
    /// Place in its table, from 0 on.
    pub number: u64,
    /// What it says, numbers as exact decimal text and the time in microseconds since the epoch, or why it says nothing.
    /// Prices are not checked yet: that is for [`DataValidator`](onetape_domain::validator::DataValidator).
    pub candle: Result<RawCandle, Violations>,
}

/// The places of a candle's columns in a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CandleLayout {
    time: usize,
    /// Open, high, low, close, volume.
    values: [usize; 5],
    trade_count: Option<usize>,
    ignored: Vec<String>,
}

impl CandleLayout {
    /// Finds the columns of candles by their names, whatever their case. `time` names the column of opening times where
    /// the names alone do not tell.
    ///
    /// # Errors
    /// Every column that is missing or there twice, and times of a type that is none.
    pub fn of(schema: &Schema, time: Option<&str>) -> Result<Self, Violations> {
        let names: Vec<String> = schema.fields().iter().map(|field| plain_name(field.name())).collect();
        let mut violations = Violations::default();
        let is_positional = names.len() >= POSITIONS.len()
            && names.iter().enumerate().all(|(at, name)| *name == at.to_string());
        let mut one = |what: &str, candidates: &[&str]| -> Option<usize> {
            let found: Vec<usize> =
                (0..names.len()).filter(|at| candidates.contains(&names[*at].as_str())).collect();
            match found.as_slice() {
                [at] => return Some(*at),
                [] => violations.push(what, names.join(", "), "has no column among these"),
                _ => {
                    let found: Vec<&str> = found.iter().map(|at| names[*at].as_str()).collect();
                    violations.push(
                        what,
                        found.join(", "),
                        "has more than one column: name the one that counts",
                    );
                }
            }
            None
        };
        let given = time.map(plain_name);
        let (time, values, trade_count) = if is_positional && given.is_none() {
            let place = |at: usize| one(VALUES[at].0, &[POSITIONS[at + 1]]);
            let count =
                (names.len() == BINANCE_WIDTH).then(|| names.iter().position(|name| name == BINANCE_COUNT));
            (Some(0), [0, 1, 2, 3, 4].map(place), count.flatten())
        } else {
            let is_there = |candidates: &[&str]| names.iter().any(|name| candidates.contains(&name.as_str()));
            let time = match &given {
                Some(given) => one("time", &[given.as_str()]),
                None if is_there(TIMES) => one("time", TIMES),
                None => one("time", INDEXES),
            };
            let values = VALUES.map(|(what, candidates)| one(what, candidates));
            let count = if is_there(COUNTS) { one("trade_count", COUNTS) } else { None };
            (time, values, count)
        };
        if let Some(at) = time
            && !is_time(schema.field(at).data_type())
        {
            let data_type = schema.field(at).data_type();
            violations.push(
                "time",
                format!("{} of type {data_type}", names[at]),
                "must be times, whole numbers or text",
            );
        }
        let [Some(open), Some(high), Some(low), Some(close), Some(volume)] = values else {
            return Err(violations);
        };
        let (Some(time), true) = (time, violations.0.is_empty()) else { return Err(violations) };
        let values = [open, high, low, close, volume];
        let is_used = |at: usize| at == time || values.contains(&at) || trade_count == Some(at);
        let ignored =
            (0..names.len()).filter(|at| !is_used(*at)).map(|at| schema.field(at).name().clone()).collect();
        Ok(Self { time, values, trade_count, ignored })
    }

    /// Columns that say nothing of candles.
    pub fn ignored(&self) -> &[String] {
        &self.ignored
    }

    /// Places of the columns that are read, in the order of the table.
    pub fn columns(&self) -> Vec<usize> {
        let mut columns: Vec<usize> =
            self.values.into_iter().chain([self.time]).chain(self.trade_count).collect();
        columns.sort_unstable();
        columns
    }

    /// The same layout in a table that has only the columns that are read.
    #[must_use]
    pub fn projected(&self) -> Self {
        let columns = self.columns();
        let place = |at: usize| columns.iter().position(|column| *column == at).unwrap_or(at);
        Self {
            time: place(self.time),
            values: self.values.map(place),
            trade_count: self.trade_count.map(place),
            ignored: Vec::new(),
        }
    }

    /// What the rows of a batch say. `unit` is that of times that are numbers, in all batches of a table: the first
    /// number tells it.
    pub fn rows(&self, batch: &RecordBatch, first: u64, unit: &mut Option<NumberUnit>) -> Vec<LegacyRow> {
        (0..batch.num_rows())
            .map(|row| LegacyRow { number: first + row as u64, candle: self.row(batch, row, unit) })
            .collect()
    }

    fn row(
        &self,
        batch: &RecordBatch,
        row: usize,
        unit: &mut Option<NumberUnit>,
    ) -> Result<RawCandle, Violations> {
        let mut violations = Violations::default();
        let mut keep = |result: Result<String, Violations>| {
            result.unwrap_or_else(|broken| {
                violations.0.extend(broken.0);
                String::new()
            })
        };
        let mut at = 0;
        let [open, high, low, close, volume] = self.values.map(|column| {
            let field = format!("candle.{}", VALUES[at].0);
            at += 1;
            keep(number(&field, batch.column(column), row))
        });
        let trade_count = match self.trade_count.map(|column| batch.column(column)) {
            Some(column) if column.is_valid(row) => count(column, row),
            _ => Ok(0),
        };
        let open_time = micros(batch.column(self.time), row, unit);
        match (open_time, trade_count) {
            (Ok(open_time), Ok(trade_count)) if violations.0.is_empty() => {
                Ok(RawCandle { open_time, open, high, low, close, volume, trade_count })
            }
            (open_time, trade_count) => {
                violations
                    .0
                    .extend(open_time.err().into_iter().chain(trade_count.err()).flat_map(|broken| broken.0));
                Err(violations)
            }
        }
    }
}

/// A name without what differs between writers: case, spaces for underscores, and spaces around it.
fn plain_name(name: &str) -> String {
    name.trim().to_lowercase().replace([' ', '-'], "_")
}

/// Whether a name is one of those that columns of candles have.
pub(crate) fn is_known_name(name: &str) -> bool {
    let name = plain_name(name);
    let values = VALUES.iter().flat_map(|(_, names)| names.iter());
    TIMES.iter().chain(values).chain(COUNTS).any(|known| **known == *name)
}

/// Whether values of a type can be instants.
fn is_time(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Timestamp(..)
            | DataType::Date32
            | DataType::Date64
            | DataType::Utf8
            | DataType::LargeUtf8
            | DataType::Null
    ) || data_type.is_integer()
        || data_type.is_floating()
}

/// The unit of times that are numbers. Between 2009 and 2100 no number could be of two of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberUnit {
    /// Seconds since the epoch.
    Seconds,
    /// Milliseconds.
    Millis,
    /// Microseconds.
    Micros,
    /// Nanoseconds.
    Nanos,
}

impl NumberUnit {
    const ALL: [Self; 4] = [Self::Seconds, Self::Millis, Self::Micros, Self::Nanos];

    /// Name and how many there are in a second.
    const fn name(self) -> (&'static str, i64) {
        match self {
            Self::Seconds => ("seconds", 1),
            Self::Millis => ("milliseconds", 1_000),
            Self::Micros => ("microseconds", 1_000_000),
            Self::Nanos => ("nanoseconds", 1_000_000_000),
        }
    }

    /// The unit of a number of 2009 to 2100.
    fn of(number: i64) -> Option<Self> {
        const SECONDS: std::ops::Range<i64> = 1_230_768_000..4_102_444_800;
        Self::ALL.into_iter().find(|unit| SECONDS.contains(&number.div_euclid(unit.name().1)))
    }
}

const FIELD: &str = "candle.open_time";

/// An instant in microseconds since the epoch.
fn micros(column: &dyn Array, row: usize, unit: &mut Option<NumberUnit>) -> Result<i64, Violations> {
    if column.is_null(row) {
        return Err(Violations::one(FIELD, "", "is missing"));
    }
    let exact = |value: i64, per_micro: i64| {
        if value % per_micro == 0 {
            Ok(value / per_micro)
        } else {
            Err(Violations::one(FIELD, value, "must be whole microseconds"))
        }
    };
    let wide = |value: i64, micros: i64| {
        value
            .checked_mul(micros)
            .ok_or_else(|| Violations::one(FIELD, value, "must be between 2009 and 2100"))
    };
    match column.data_type() {
        DataType::Timestamp(TimeUnit::Second, _) => {
            wide(column.as_primitive::<TimestampSecondType>().value(row), 1_000_000)
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            wide(column.as_primitive::<TimestampMillisecondType>().value(row), 1_000)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            Ok(column.as_primitive::<TimestampMicrosecondType>().value(row))
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            exact(column.as_primitive::<TimestampNanosecondType>().value(row), 1_000)
        }
        DataType::Date32 => wide(column.as_primitive::<Date32Type>().value(row).into(), 86_400_000_000),
        DataType::Date64 => wide(column.as_primitive::<Date64Type>().value(row), 1_000),
        DataType::Utf8 => instant(column.as_string::<i32>().value(row), unit),
        DataType::LargeUtf8 => instant(column.as_string::<i64>().value(row), unit),
        _ => numbered(&number(FIELD, column, row)?, unit),
    }
}

/// An instant written as text: with a zone or in UTC, a date, or a number.
fn instant(text: &str, unit: &mut Option<NumberUnit>) -> Result<i64, Violations> {
    let text = text.trim();
    if let Ok(time) = DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f%:z"))
    {
        return Ok(time.timestamp_micros());
    }
    for form in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y%m%d %H:%M"] {
        if let Ok(time) = NaiveDateTime::parse_from_str(text, form) {
            return Ok(time.and_utc().timestamp_micros());
        }
    }
    if let Some(day) =
        NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().and_then(|day| day.and_hms_opt(0, 0, 0))
    {
        return Ok(day.and_utc().timestamp_micros());
    }
    numbered(&plain(FIELD, text)?, unit)
}

/// An instant written as a number, whose unit is that of the column.
fn numbered(text: &str, unit: &mut Option<NumberUnit>) -> Result<i64, Violations> {
    let whole = text
        .split_once('.')
        .map_or(text, |(whole, rest)| if rest.bytes().all(|b| b == b'0') { whole } else { text });
    let number: i64 = whole.parse().map_err(|_| Violations::one(FIELD, text, "must be a time"))?;
    let Some(own) = NumberUnit::of(number) else {
        return Err(Violations::one(
            FIELD,
            text,
            "must be a time between 2009 and 2100, in seconds, milliseconds, microseconds or nanoseconds",
        ));
    };
    let unit = *unit.get_or_insert(own);
    if own != unit {
        let reason = format!("is in {}, where the column began with {}", own.name().0, unit.name().0);
        return Err(Violations::one(FIELD, text, reason));
    }
    let (_, a_second) = unit.name();
    if a_second <= 1_000_000 {
        Ok(number * (1_000_000 / a_second))
    } else if number % 1_000 == 0 {
        Ok(number / 1_000)
    } else {
        Err(Violations::one(FIELD, text, "must be whole microseconds"))
    }
}

/// A value as exact decimal text; of a float the shortest decimal that is its own.
fn number(field: &str, column: &dyn Array, row: usize) -> Result<String, Violations> {
    if column.is_null(row) {
        return Err(Violations::one(field, "", "is missing"));
    }
    macro_rules! shown {
        ($kind:ty) => {
            Ok(column.as_primitive::<$kind>().value(row).to_string())
        };
    }
    match column.data_type() {
        DataType::Float64 => shown!(Float64Type),
        DataType::Float32 => shown!(Float32Type),
        DataType::Int64 => shown!(Int64Type),
        DataType::Int32 => shown!(Int32Type),
        DataType::Int16 => shown!(Int16Type),
        DataType::Int8 => shown!(Int8Type),
        DataType::UInt64 => shown!(UInt64Type),
        DataType::UInt32 => shown!(UInt32Type),
        DataType::UInt16 => shown!(UInt16Type),
        DataType::UInt8 => shown!(UInt8Type),
        DataType::Decimal128(..) => Ok(column.as_primitive::<Decimal128Type>().value_as_string(row)),
        DataType::Utf8 => plain(field, column.as_string::<i32>().value(row).trim()),
        DataType::LargeUtf8 => plain(field, column.as_string::<i64>().value(row).trim()),
        other => Err(Violations::one(field, other, "must be a number")),
    }
}

/// A number of trades; one that is not known counts as none.
fn count(column: &dyn Array, row: usize) -> Result<u64, Violations> {
    let text = number("candle.trade_count", column, row)?;
    let whole = text.strip_suffix(".0").unwrap_or(&text);
    match whole {
        "NaN" | "" => Ok(0),
        _ => {
            whole.parse().map_err(|_| Violations::one("candle.trade_count", &text, "must be a whole number"))
        }
    }
}

/// Decimal text without an exponent, as Python writes small floats with one; other text stays as it is.
fn plain(field: &str, text: &str) -> Result<String, Violations> {
    let Some((digits, exponent)) = text.split_once(['e', 'E']) else { return Ok(text.to_owned()) };
    let wrong = |value: &dyn Display| Violations::one(field, value, "must be a decimal number");
    let exponent: i32 = exponent.parse().map_err(|_| wrong(&text))?;
    if exponent.abs() > MAX_EXPONENT {
        return Err(wrong(&text));
    }
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |digits| ("-", digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() + fraction.len() == 0
        || whole.len() + fraction.len() > 400
        || !is_number(whole)
        || !is_number(fraction)
    {
        return Err(wrong(&text));
    }
    let all = format!("{whole}{fraction}");
    // Where the point goes among all digits.
    let point = i32::try_from(whole.len()).unwrap_or(i32::MAX).saturating_add(exponent);
    let moved = match usize::try_from(point) {
        Ok(point) if point >= all.len() => format!("{all}{}", "0".repeat(point - all.len())),
        Ok(point) if point > 0 => format!("{}.{}", &all[..point], &all[point..]),
        _ => format!("0.{}{all}", "0".repeat(usize::try_from(-point).unwrap_or_default())),
    };
    Ok(format!("{sign}{moved}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponents_become_plain_decimals() {
        let moved = |text| plain("x", text).expect("a number");
        assert_eq!(moved("1e-07"), "0.0000001");
        assert_eq!(moved("1.25e-3"), "0.00125");
        assert_eq!(moved("-2.5E2"), "-250");
        assert_eq!(moved("12.5e1"), "125");
        assert_eq!(moved("1.25e1"), "12.5");
        assert_eq!(moved("3.3"), "3.3");
        for text in ["1e999", "e5", "1e", "1.2.3e4", "1e-99999999999"] {
            assert!(plain("x", text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_unit_of_a_number_is_told_by_its_size() {
        let at = 1_723_161_600_i64;
        for (factor, unit) in
            [(1, NumberUnit::Seconds), (1_000, NumberUnit::Millis), (1_000_000, NumberUnit::Micros)]
        {
            let mut seen = None;
            assert_eq!(numbered(&(at * factor).to_string(), &mut seen), Ok(at * 1_000_000));
            assert_eq!(seen, Some(unit));
        }
        let mut seen = Some(NumberUnit::Seconds);
        assert!(numbered(&(at * 1_000).to_string(), &mut seen).is_err());
        assert!(numbered("5", &mut None).is_err());
    }
}
