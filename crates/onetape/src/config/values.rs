//! How values are written in a config file and in the environment: counts, and periods with a unit.

use std::time::Duration;

/// Units of a period, the largest first, in milliseconds.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// The longest period that is taken: a year.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

/// A whole number within bounds.
pub(super) fn count<T: TryFrom<u64>>(text: &str, least: u64, most: u64) -> Result<T, String> {
    let wrong = || format!("must be a whole number from {least} to {most}");
    let number: u64 = text.replace('_', "").parse().map_err(|_| wrong())?;
    if !(least..=most).contains(&number) {
        return Err(wrong());
    }
    T::try_from(number).map_err(|_| wrong())
}

/// A period such as `250ms`, `5s` or `1d`; one of nothing only where that means something.
pub(super) fn period(text: &str, least: Duration) -> Result<Duration, String> {
    let wrong = || format!("must be a number with ms, s, m, h or d, as in \"5s\", from {}", shown(least));
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let millis = match UNITS.iter().find(|(name, _)| *name == unit.trim()) {
        Some((_, millis)) => number.checked_mul(*millis).ok_or_else(wrong)?,
        None => return Err(wrong()),
    };
    let period = Duration::from_millis(millis);
    if period < least {
        return Err(wrong());
    }
    if period > LONGEST {
        return Err(format!("must be at most {}", shown(LONGEST)));
    }
    Ok(period)
}

/// A period in the largest unit that divides it.
pub(super) fn shown(period: Duration) -> String {
    let millis = u64::try_from(period.as_millis()).unwrap_or(u64::MAX);
    let divides = |(_, unit): &&(&str, u64)| millis >= *unit && millis % unit == 0;
    let (name, unit) = UNITS.iter().find(divides).copied().unwrap_or(("s", 1_000));
    format!("{}{name}", millis / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_read_as_they_are_shown() {
        for text in ["250ms", "5s", "90s", "5m", "36h", "1d"] {
            let read = period(text, Duration::ZERO).expect("a period");
            assert_eq!(shown(read), text);
        }
        assert_eq!(shown(Duration::ZERO), "0s");
        assert_eq!(period("60s", Duration::ZERO).map(shown), Ok("1m".to_owned()));
        for wrong in ["", "5", "s", "5w", "-5s", "1.5s", "99999999999999999999d", "9999d"] {
            assert!(period(wrong, Duration::ZERO).is_err(), "{wrong}");
        }
        assert!(period("0s", Duration::from_millis(1)).is_err());
    }

    #[test]
    fn counts_have_bounds() {
        assert_eq!(count::<usize>("50_000", 1, 100_000), Ok(50_000));
        for wrong in ["0", "100001", "-1", "1.5", "many", ""] {
            let error = count::<usize>(wrong, 1, 100_000).expect_err(wrong);
            assert!(error.contains("from 1 to 100000"), "{error}");
        }
    }
}
