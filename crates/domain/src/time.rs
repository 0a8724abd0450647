//! Instants in microseconds, half-open ranges and the six candle periods.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

use crate::violation::Violations;

/// Microseconds in a second.
pub const SECOND: i64 = 1_000_000;

/// An instant: microseconds since 1970-01-01 UTC, serialised as that integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// First instant a record may carry: 2009-01-01, when there was nothing to trade yet.
    pub const EARLIEST: Self = Self(1_230_768_000_000_000);
    /// First instant past the accepted ones: 2100-01-01.
    pub const LATEST: Self = Self(4_102_444_800_000_000);

    /// From microseconds since the epoch, unchecked.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Validates an instant given in milliseconds.
    ///
    /// # Errors
    /// A violation for an instant outside [`EARLIEST`](Self::EARLIEST)..[`LATEST`](Self::LATEST),
    /// saying which unit the number looks like.
    pub fn try_from_millis(field: &str, millis: i64) -> Result<Self, Violations> {
        match millis.checked_mul(1_000).map(Self) {
            Some(time) if time.is_sane() => Ok(time),
            _ => Err(Violations::one(field, millis, wrong_unit(millis, "milliseconds"))),
        }
    }

    /// Validates an instant given in microseconds.
    ///
    /// # Errors
    /// As [`try_from_millis`](Self::try_from_millis).
    pub fn try_from_micros(field: &str, micros: i64) -> Result<Self, Violations> {
        let time = Self(micros);
        if time.is_sane() {
            Ok(time)
        } else {
            Err(Violations::one(field, micros, wrong_unit(micros, "microseconds")))
        }
    }

    /// Validates an instant given in nanoseconds; what is below a microsecond is cut.
    ///
    /// # Errors
    /// As [`try_from_millis`](Self::try_from_millis).
    pub fn try_from_nanos(field: &str, nanos: i64) -> Result<Self, Violations> {
        let time = Self(nanos.div_euclid(1_000));
        if time.is_sane() {
            Ok(time)
        } else {
            Err(Violations::one(field, nanos, wrong_unit(nanos, "nanoseconds")))
        }
    }

    /// Whether the instant lies inside the accepted bounds.
    pub fn is_sane(self) -> bool {
        Self::EARLIEST <= self && self < Self::LATEST
    }

    /// The instant moved by some microseconds, saturating at the ends of the axis.
    #[must_use]
    pub const fn plus(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    /// Microseconds from `earlier` to this instant.
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Start of the UTC second.
    #[must_use]
    pub const fn floor_second(self) -> Self {
        Self(self.0 - self.0.rem_euclid(SECOND))
    }

    /// As chrono's type, where it can hold the instant.
    pub fn to_datetime(self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_micros(self.0)
    }
}

fn wrong_unit(value: i64, expected: &str) -> String {
    let plausible = [("seconds", 1_000_000_i64), ("milliseconds", 1_000), ("microseconds", 1)]
        .into_iter()
        .find(|(_, scale)| value.checked_mul(*scale).is_some_and(|micros| Timestamp(micros).is_sane()))
        .map(|(unit, _)| unit)
        .or_else(|| Timestamp(value.div_euclid(1_000)).is_sane().then_some("nanoseconds"));
    match plausible {
        Some(unit) if unit != expected => {
            format!("must be in {expected} between 2009 and 2100; the number looks like {unit}")
        }
        _ => format!("must be in {expected} between 2009 and 2100"),
    }
}

impl From<DateTime<Utc>> for Timestamp {
    fn from(value: DateTime<Utc>) -> Self {
        Self(value.timestamp_micros())
    }
}

/// RFC 3339 in UTC, with as many fractional digits as the instant needs (0, 3 or 6).
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(datetime) = self.to_datetime() else {
            return write!(f, "{}us", self.0);
        };
        let format = match self.0.rem_euclid(SECOND) {
            0 => SecondsFormat::Secs,
            rest if rest % 1_000 == 0 => SecondsFormat::Millis,
            _ => SecondsFormat::Micros,
        };
        f.pad(&datetime.to_rfc3339_opts(format, true))
    }
}

/// Text that is no instant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no instant: give RFC 3339 such as 2024-08-09T00:00:00Z, a date, or microseconds since 1970"
)]
pub struct ParseTimestampError(String);

/// Accepts RFC 3339, a bare `YYYY-MM-DD[ T]HH:MM[:SS]` taken as UTC, a date, and integer microseconds.
impl FromStr for Timestamp {
    type Err = ParseTimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ParseTimestampError(text.to_owned());
        let text = text.trim();
        let parsed = if let Ok(micros) = text.parse::<i64>() {
            Self(micros)
        } else if let Ok(datetime) = DateTime::parse_from_rfc3339(text) {
            Self::from(datetime.with_timezone(&Utc))
        } else {
            let naive = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"]
                .into_iter()
                .find_map(|format| chrono::NaiveDateTime::parse_from_str(text, format).ok())
                .or_else(|| chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0));
            Self::from(naive.ok_or_else(wrong)?.and_utc())
        };
        if parsed.is_sane() { Ok(parsed) } else { Err(wrong()) }
    }
}

/// A half-open range of instants: `start` is inside, `end` is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TimeRange {
    start: Timestamp,
    end: Timestamp,
}

impl TimeRange {
    /// All sane instants.
    pub const ALL: Self = Self { start: Timestamp::EARLIEST, end: Timestamp::LATEST };

    /// Builds `[start, end)`.
    ///
    /// # Errors
    /// A violation when `end` is before `start`.
    pub fn try_new(start: Timestamp, end: Timestamp) -> Result<Self, Violations> {
        if end < start {
            return Err(Violations::one("range.end", end, format!("must not be before the start {start}")));
        }
        Ok(Self { start, end })
    }

    /// First instant inside.
    pub const fn start(self) -> Timestamp {
        self.start
    }

    /// First instant past the range.
    pub const fn end(self) -> Timestamp {
        self.end
    }

    /// Whether the instant lies inside.
    pub fn contains(self, time: Timestamp) -> bool {
        self.start <= time && time < self.end
    }
}

/// A candle period. Candles are aligned to the epoch; a day is the UTC day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Timeframe {
    /// One second.
    #[serde(rename = "1s")]
    S1,
    /// One minute.
    #[serde(rename = "1m")]
    M1,
    /// Five minutes.
    #[serde(rename = "5m")]
    M5,
    /// Fifteen minutes.
    #[serde(rename = "15m")]
    M15,
    /// One hour.
    #[serde(rename = "1h")]
    H1,
    /// One UTC day.
    #[serde(rename = "1d")]
    D1,
}

impl Timeframe {
    /// All six, finest first.
    pub const ALL: [Self; 6] = [Self::S1, Self::M1, Self::M5, Self::M15, Self::H1, Self::D1];

    /// Length in microseconds.
    pub const fn micros(self) -> i64 {
        SECOND
            * match self {
                Self::S1 => 1,
                Self::M1 => 60,
                Self::M5 => 300,
                Self::M15 => 900,
                Self::H1 => 3_600,
                Self::D1 => 86_400,
            }
    }

    /// Position in [`ALL`](Self::ALL).
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The next finer period, from whose candles this one is rolled up.
    pub const fn finer(self) -> Option<Self> {
        match self {
            Self::S1 => None,
            Self::M1 => Some(Self::S1),
            Self::M5 => Some(Self::M1),
            Self::M15 => Some(Self::M5),
            Self::H1 => Some(Self::M15),
            Self::D1 => Some(Self::H1),
        }
    }

    /// Start of the period the instant falls into.
    pub const fn open_time(self, time: Timestamp) -> Timestamp {
        let micros = time.micros();
        Timestamp::from_micros(micros - micros.rem_euclid(self.micros()))
    }

    /// End of the period that opens at `open_time`.
    pub const fn close_time(self, open_time: Timestamp) -> Timestamp {
        open_time.plus(self.micros())
    }

    /// The field's short name: `1s`, `1m`, `5m`, `15m`, `1h`, `1d`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::S1 => "1s",
            Self::M1 => "1m",
            Self::M5 => "5m",
            Self::M15 => "15m",
            Self::H1 => "1h",
            Self::D1 => "1d",
        }
    }
}

impl fmt::Display for Timeframe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Timeframe {
    type Err = Violations;

    fn from_str(text: &str) -> Result<Self, Violations> {
        Self::ALL
            .into_iter()
            .find(|timeframe| timeframe.as_str() == text)
            .ok_or_else(|| Violations::one("timeframe", text, "must be one of 1s, 1m, 5m, 15m, 1h, 1d"))
    }
}
