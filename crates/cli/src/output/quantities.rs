//! Amounts as people say them.

/// Bytes in the largest unit that leaves a number of at most four digits.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let mut tenths = u128::from(bytes) * 10;
    let mut unit = 0;
    while tenths >= 10_240 && unit < UNITS.len() - 1 {
        tenths /= 1_024;
        unit += 1;
    }
    match unit {
        0 => format!("{bytes} bytes"),
        _ => format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit]),
    }
}

/// A number with its thousands apart.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// How long something takes, in the unit that says enough.
pub(crate) fn span(micros: i64) -> String {
    match micros {
        ..1_000 => format!("{micros} µs"),
        1_000..10_000_000 => format!("{}.{:03} s", micros / 1_000_000, micros / 1_000 % 1_000),
        10_000_000..7_200_000_000 => format!("{} s", micros / 1_000_000),
        _ => format!("{} min", micros / 60_000_000),
    }
}

/// How long ago something was, in the unit that says enough.
pub(crate) fn ago(micros: i64) -> String {
    if micros < 0 {
        return "ahead of this machine's clock".to_owned();
    }
    let seconds = micros / 1_000_000;
    let (amount, unit) = match seconds {
        0..120 => (seconds, "s"),
        120..7_200 => (seconds / 60, "min"),
        7_200..172_800 => (seconds / 3_600, "h"),
        _ => (seconds / 86_400, "days"),
    };
    format!("{amount} {unit} ago")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_short() {
        let sizes = [0, 1_023, 1_024, 1_536, 5 << 20, 1 << 50].map(bytes);
        assert_eq!(sizes, ["0 bytes", "1023 bytes", "1.0 KiB", "1.5 KiB", "5.0 MiB", "1024.0 TiB"]);
        assert_eq!([7, 999, 1_000, 30_000_000].map(count), ["7", "999", "1,000", "30,000,000"]);
        let spans = [5, 119, 120, 7_199, 86_400, 864_000].map(|seconds| ago(seconds * 1_000_000));
        assert_eq!(spans, ["5 s ago", "119 s ago", "2 min ago", "119 min ago", "24 h ago", "10 days ago"]);
        assert_eq!(ago(-1), "ahead of this machine's clock");
        let spans = [1, 1_500, 90_000_000, 86_400_000_000].map(span);
        assert_eq!(spans, ["1 µs", "0.001 s", "90 s", "1440 min"]);
    }
}
