//! Names of folders and files in a dataset: safe on every system, and told from any other.

use std::path::{Path, PathBuf};

use onetape_domain::instrument::Instrument;
use onetape_domain::time::Timestamp;

use super::{Format, Partition};

/// `exchange=…/symbol=…/date=…/part-0.parquet`. The keys are no columns of the files, so that readers may add them.
pub(super) fn part(
    partition: Partition,
    instrument: &Instrument,
    period: Option<Timestamp>,
    format: Format,
) -> PathBuf {
    let mut path = PathBuf::new();
    if let Some(period) = period.and_then(|time| partition.folder(time)) {
        path.push(format!("exchange={}", escaped(instrument.exchange().as_str())));
        path.push(format!("symbol={}", escaped(instrument.symbol().as_str())));
        path.push(period);
    }
    path.join(part_file(format))
}

/// The file of a part.
pub(super) fn part_file(format: Format) -> String {
    format!("part-0.{}", format.as_str())
}

/// Whether a folder is one that [`part`] makes.
pub(super) fn is_folder(name: &str) -> bool {
    let known = ["exchange=", "symbol=", "date=", "month="];
    known.iter().any(|key| name.strip_prefix(key).is_some_and(|value| !value.is_empty()))
}

/// Whether a file is one that [`part`] makes.
pub(super) fn is_file(name: &str) -> bool {
    [Format::Parquet, Format::Arrow, Format::Csv].into_iter().any(|format| name == part_file(format))
}

/// Percent-encoded where a byte is no letter, digit, `-`, `_` or inner `.`: no system takes offence at the rest, and
/// readers of such paths decode it.
fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for (at, byte) in value.bytes().enumerate() {
        let inner = byte == b'.' && at + 1 < value.len();
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') || inner {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// The name that is written first: hidden, beside the target.
pub(super) fn staging(target: &Path) -> Option<PathBuf> {
    let mut name = std::ffi::OsString::from(".");
    name.push(target.file_name()?);
    name.push(".partial");
    Some(target.with_file_name(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_and_distinct() {
        let path = |instrument: &str, partition| {
            let instrument = instrument.parse().expect("instrument");
            let time = "2024-08-09T23:59:59Z".parse().expect("time");
            part(partition, &instrument, Some(time), Format::Parquet)
        };
        assert_eq!(
            path("binance:BTC/USDT:USDT", Partition::Day),
            Path::new("exchange=binance/symbol=BTC%2FUSDT%3AUSDT/date=2024-08-09/part-0.parquet")
        );
        assert_eq!(
            path("x.:1*?<>|\"\\/Ü.", Partition::Month),
            Path::new("exchange=x%2E/symbol=1%2A%3F%3C%3E%7C%22%5C%2F%C3%9C%2E/month=2024-08/part-0.parquet")
        );
        let folders = path("binance:BTC/USDT", Partition::Day);
        let mut names: Vec<_> = folders.iter().map(|name| name.to_str().expect("text")).collect();
        assert!(is_file(names.pop().expect("a file")) && names.into_iter().all(is_folder));
        for other in ["part-1.parquet", "part-0.txt", "part-0", "notes", "date="] {
            assert!(!is_file(other) && !is_folder(other), "{other}");
        }
    }

    #[test]
    fn the_longest_names_fit_every_file_system() {
        let instrument =
            Instrument::try_new(&"x".repeat(64), &format!("{}/B", "/".repeat(0) + &"Ü".repeat(31)));
        let path = part(
            Partition::Day,
            &instrument.expect("instrument"),
            Some(Timestamp::EARLIEST),
            Format::Parquet,
        );
        assert!(path.iter().all(|name| name.len() <= 255), "{}", path.display());
    }
}
