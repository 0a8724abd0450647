//! A length of time in a settings file: a whole number and a unit of fixed length.

use std::fmt;
use std::str::FromStr;

use onetape_domain::time::SECOND;
use sqlx::postgres::types::PgInterval;

/// Units by length, longest first; the first that divides a period is the one it is shown in.
const UNITS: [(&str, i64); 5] = [
    ("week", 7 * Period::DAY.0),
    ("day", Period::DAY.0),
    ("hour", 3_600 * SECOND),
    ("minute", 60 * SECOND),
    ("second", SECOND),
];

/// A positive length of time, in whole seconds, at most [`Period::LONGEST`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(i64);

impl Period {
    /// One day of UTC.
    pub const DAY: Self = Self(86_400 * SECOND);
    /// A hundred years: more than the tables' times can span.
    pub const LONGEST: Self = Self(36_500 * Self::DAY.0);

    /// So many days; none where that is not positive or longer than [`LONGEST`](Self::LONGEST).
    pub fn days(days: i64) -> Option<Self> {
        days.checked_mul(Self::DAY.0).and_then(Self::of_micros)
    }

    /// So many microseconds, under the same rules.
    pub(crate) fn of_micros(micros: i64) -> Option<Self> {
        (micros > 0 && micros <= Self::LONGEST.0 && micros % SECOND == 0).then_some(Self(micros))
    }

    /// The length in microseconds.
    pub const fn micros(self) -> i64 {
        self.0
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }

    pub(crate) fn to_interval(self) -> PgInterval {
        let days = i32::try_from(self.0 / Self::DAY.0).unwrap_or(i32::MAX);
        PgInterval { months: 0, days, microseconds: self.0 % Self::DAY.0 }
    }

    /// None where the interval has months, which have no fixed length, or breaks the rules of a period.
    pub(crate) fn of_interval(interval: &PgInterval) -> Option<Self> {
        let PgInterval { months, days, microseconds } = interval;
        let micros = i64::from(*days).checked_mul(Self::DAY.0)?.checked_add(*microseconds)?;
        if *months == 0 { Self::of_micros(micros) } else { None }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Weeks are read, and shown as days: "730 days" beside "26 weeks" is hard to compare.
        for (unit, length) in &UNITS[1..] {
            if self.0 % length == 0 {
                let count = self.0 / length;
                return write!(f, "{count} {unit}{}", if count == 1 { "" } else { "s" });
            }
        }
        write!(f, "{} microseconds", self.0)
    }
}

impl FromStr for Period {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "must be a whole number and seconds, minutes, hours, days or weeks, as in `7 days`";
        let (number, unit) = text.trim().split_once(' ').ok_or_else(wrong)?;
        let unit = unit.trim();
        let length = UNITS.iter().find(|(name, _)| unit == *name || unit.strip_suffix('s') == Some(name));
        let (_, length) = length.ok_or_else(wrong)?;
        if !number.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(wrong().to_owned());
        }
        let micros = number.parse::<i64>().ok().and_then(|number| number.checked_mul(*length));
        micros
            .and_then(Self::of_micros)
            .ok_or_else(|| format!("must be longer than nothing and at most {}", Self::LONGEST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_read_and_shown() {
        for (text, shown, days) in [
            ("1 day", "1 day", Some(1)),
            ("2 weeks", "14 days", Some(14)),
            ("48 hours", "2 days", Some(2)),
            ("36 hours", "36 hours", None),
            ("90 minutes", "90 minutes", None),
            ("1 second", "1 second", None),
        ] {
            let period: Period = text.parse().unwrap();
            assert_eq!(period.to_string(), shown);
            assert_eq!(shown.parse::<Period>(), Ok(period));
            assert_eq!(Period::of_interval(&period.to_interval()), Some(period));
            if let Some(days) = days {
                assert_eq!(Period::days(days), Some(period));
            }
        }
    }

    #[test]
    fn what_has_no_fixed_length_or_none_at_all_is_refused() {
        for text in
            ["", "7", "days", "1 month", "2 years", "0 days", "-1 days", "+1 days", "1.5 days", "36501 days"]
        {
            assert!(text.parse::<Period>().is_err(), "{text}");
        }
        assert_eq!(Period::of_interval(&PgInterval { months: 1, days: 0, microseconds: 0 }), None);
    }
}
