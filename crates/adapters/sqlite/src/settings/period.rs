//! A length of time in a settings file: a whole number and a unit of fixed length.

use std::fmt;
use std::str::FromStr;

use onetape_domain::time::SECOND;

/// Units by length, longest first; the first but the week that divides a period is the one it is shown in.
const UNITS: [(&str, i64); 5] = [
    ("week", 7 * 86_400 * SECOND),
    ("day", 86_400 * SECOND),
    ("hour", 3_600 * SECOND),
    ("minute", 60 * SECOND),
    ("second", SECOND),
];

/// A positive length of time, in whole seconds, at most a hundred years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(i64);

impl Period {
    const LONGEST: i64 = 36_500 * 86_400 * SECOND;

    /// So many days; none where that is not positive or too long.
    pub fn days(days: i64) -> Option<Self> {
        days.checked_mul(86_400 * SECOND).and_then(Self::of_micros)
    }

    /// So many microseconds, under the same rules.
    pub(crate) fn of_micros(micros: i64) -> Option<Self> {
        (micros > 0 && micros <= Self::LONGEST && micros % SECOND == 0).then_some(Self(micros))
    }

    /// The length in microseconds.
    pub const fn micros(self) -> i64 {
        self.0
    }
}

impl FromStr for Period {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            "must be `forever`, or a whole number with seconds, minutes, hours, days or weeks, at most 100 years, as in \
             `7 days`"
                .to_owned()
        };
        let (number, unit) = text.trim().split_once(' ').ok_or_else(wrong)?;
        let unit = unit.trim();
        let length = UNITS.iter().find(|(name, _)| unit.strip_suffix('s').unwrap_or(unit) == *name);
        let (_, length) = length.ok_or_else(wrong)?;
        let number: i64 = number.parse().map_err(|_| wrong())?;
        number.checked_mul(*length).and_then(Self::of_micros).ok_or_else(wrong)
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = UNITS[1..].iter().find(|(_, length)| self.0 % length == 0);
        let (name, length) = unit.unwrap_or(&("microsecond", 1));
        let number = self.0 / length;
        write!(f, "{number} {name}{}", if number == 1 { "" } else { "s" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_numbers_with_a_unit() {
        for (text, shown) in
            [("7 days", "7 days"), ("1 week", "7 days"), ("90 seconds", "90 seconds"), ("1 day", "1 day")]
        {
            assert_eq!(text.parse::<Period>().expect("right").to_string(), shown);
        }
        for text in [
            "",
            "7",
            "days",
            "7days",
            "0 days",
            "-1 days",
            "1.5 days",
            "1 month",
            "36501 days",
            "9999999999999 weeks",
        ] {
            assert!(text.parse::<Period>().is_err(), "{text}");
        }
    }
}
