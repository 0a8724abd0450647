//! Times of a column as microseconds, whatever they are written as.

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use arrow_array::{Array as _, ArrayRef, Int64Array, LargeStringArray, StringArray};
use arrow_schema::{DataType, TimeUnit};
use chrono::{DateTime, NaiveDate, NaiveDateTime};
use onetape_domain::decimal::Decimal;
use onetape_domain::violation::Violations;

use super::numbers::{Numbers, of_text};

const FIELD: &str = "candle.open_time";

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
    pub(crate) fn of(number: i64) -> Option<Self> {
        const SECONDS: std::ops::Range<i64> = 1_230_768_000..4_102_444_800;
        Self::ALL.into_iter().find(|unit| SECONDS.contains(&number.div_euclid(unit.name().1)))
    }
}

/// Whether values of a type can be instants.
pub(super) fn can_be_times(data_type: &DataType) -> bool {
    says_its_unit(data_type)
        || matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Null)
        || data_type.is_integer()
        || data_type.is_floating()
}

/// Whether a type says what its values are, whatever stands in the rows before.
pub(super) fn says_its_unit(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Timestamp(..) | DataType::Date32 | DataType::Date64)
}

/// The times of a column.
pub(super) enum Times {
    /// In a unit of which so many are a microsecond, or that is so many microseconds.
    Instants(Int64Array, PerMicro),
    Text(StringArray),
    LargeText(LargeStringArray),
    Numbers(Numbers),
}

#[derive(Clone, Copy)]
pub(super) enum PerMicro {
    Of(i64),
    Is(i64),
}

impl Times {
    pub(super) fn of(column: &ArrayRef) -> Self {
        fn instants<T: ArrowPrimitiveType<Native: Into<i64>>>(column: &ArrayRef, unit: PerMicro) -> Times {
            Times::Instants(column.as_primitive::<T>().unary(Into::into), unit)
        }
        match column.data_type() {
            DataType::Timestamp(TimeUnit::Second, _) => {
                instants::<TimestampSecondType>(column, PerMicro::Is(1_000_000))
            }
            DataType::Timestamp(TimeUnit::Millisecond, _) => {
                instants::<TimestampMillisecondType>(column, PerMicro::Is(1_000))
            }
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                instants::<TimestampMicrosecondType>(column, PerMicro::Is(1))
            }
            DataType::Timestamp(TimeUnit::Nanosecond, _) => {
                instants::<TimestampNanosecondType>(column, PerMicro::Of(1_000))
            }
            DataType::Date32 => instants::<Date32Type>(column, PerMicro::Is(86_400_000_000)),
            DataType::Date64 => instants::<Date64Type>(column, PerMicro::Is(1_000)),
            DataType::Utf8 => Self::Text(column.as_string::<i32>().clone()),
            DataType::LargeUtf8 => Self::LargeText(column.as_string::<i64>().clone()),
            _ => Self::Numbers(Numbers::of(column, None)),
        }
    }

    /// The time of a row, in microseconds since the epoch.
    #[inline]
    pub(super) fn get(&self, row: usize, unit: &mut Option<NumberUnit>) -> Result<i64, Violations> {
        let missing = || Violations::one(FIELD, "", "is missing");
        match self {
            Self::Instants(values, _) if values.is_null(row) => Err(missing()),
            Self::Instants(values, PerMicro::Is(micros)) => {
                let value = values.value(row);
                let outside = || Violations::one(FIELD, value, "must be between 2009 and 2100");
                value.checked_mul(*micros).ok_or_else(outside)
            }
            Self::Instants(values, PerMicro::Of(count)) => whole_micros(values.value(row), *count),
            Self::Text(values) if values.is_null(row) => Err(missing()),
            Self::Text(values) => instant(values.value(row), unit),
            Self::LargeText(values) if values.is_null(row) => Err(missing()),
            Self::LargeText(values) => instant(values.value(row), unit),
            Self::Numbers(values) => numbered(values.get(FIELD, row, &mut 0)?, unit),
        }
    }
}

fn whole_micros(value: i64, per_micro: i64) -> Result<i64, Violations> {
    if value % per_micro == 0 {
        Ok(value / per_micro)
    } else {
        Err(Violations::one(FIELD, value, "must be whole microseconds"))
    }
}

/// An instant written as text: with a zone or in UTC, a date, or a number.
fn instant(text: &str, unit: &mut Option<NumberUnit>) -> Result<i64, Violations> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) && text.len() > 8 {
        return numbered(of_text(FIELD, text)?, unit);
    }
    for form in ["%Y-%m-%d", "%Y%m%d"] {
        let day = NaiveDate::parse_from_str(text, form).ok().and_then(|day| day.and_hms_opt(0, 0, 0));
        if let Some(day) = day {
            return Ok(day.and_utc().timestamp_micros());
        }
    }
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
    numbered(of_text(FIELD, text)?, unit)
}

/// An instant written as a number, whose unit is that of the column.
fn numbered(value: Decimal, unit: &mut Option<NumberUnit>) -> Result<i64, Violations> {
    let value = value.normalize();
    let whole = (value.scale() == 0).then(|| i64::try_from(value.mantissa()).ok()).flatten();
    let number = whole.ok_or_else(|| Violations::one(FIELD, value, "must be a time"))?;
    let Some(own) = NumberUnit::of(number) else {
        return Err(Violations::one(
            FIELD,
            number,
            "must be a time between 2009 and 2100, in seconds, milliseconds, microseconds or nanoseconds",
        ));
    };
    let unit = *unit.get_or_insert(own);
    if own != unit {
        let reason = format!("is in {}, where the column began with {}", own.name().0, unit.name().0);
        return Err(Violations::one(FIELD, number, reason));
    }
    match unit.name().1 {
        a_second if a_second <= 1_000_000 => Ok(number * (1_000_000 / a_second)),
        a_second => whole_micros(number, a_second / 1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_of_a_number_is_told_by_its_size() {
        let at = 1_723_161_600_i64;
        for (factor, unit) in
            [(1, NumberUnit::Seconds), (1_000, NumberUnit::Millis), (1_000_000, NumberUnit::Micros)]
        {
            let mut seen = None;
            assert_eq!(numbered((at * factor).into(), &mut seen), Ok(at * 1_000_000));
            assert_eq!(seen, Some(unit));
        }
        let mut seen = Some(NumberUnit::Seconds);
        assert!(numbered((at * 1_000).into(), &mut seen).is_err());
        assert!(numbered(5.into(), &mut None).is_err());
    }
}
