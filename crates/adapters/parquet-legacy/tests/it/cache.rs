//! The caches that pandas 1.5.3 and 2.2.3 wrote, against what other tools computed (A9, its reading half).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use onetape_domain::decimal::{Quantity, canonical};
use onetape_domain::time::Timeframe;
use onetape_parquet_legacy::{CandleLayout, LegacyErrorKind, LegacyFile};
use onetape_testkit::data;

use crate::support::{candles, line, rows, sound};

const VERSIONS: [&str; 2] = ["pandas-1.5.3", "pandas-2.2.3"];

fn cache() -> Option<PathBuf> {
    data::folder().map(|folder| folder.join("legacy_cache"))
}

/// Lines of a golden file as [`line`] writes them.
fn golden(name: &str) -> Vec<String> {
    let number = |text: &str| canonical(*Quantity::parse("golden", text).expect("a number"));
    let row = |row: Vec<String>| {
        let numbers: Vec<String> = row[1..6].iter().map(|text| number(text)).collect();
        let time: onetape_domain::time::Timestamp = row[0].parse().expect("a time");
        format!("{time} {}", numbers.join(" "))
    };
    data::golden_rows(name).into_iter().map(row).collect()
}

fn lines(path: &Path, timeframe: Timeframe) -> Vec<String> {
    sound(path, timeframe).iter().map(line).collect()
}

#[test]
fn every_layout_gives_the_rows_of_the_tape() {
    let Some(cache) = cache() else { return };
    let (minutes, seconds) = (golden("hft_spot_ETHUSDT_1m.csv"), golden("hft_spot_ETHUSDT_1s.csv"));
    let fives = golden("hft_spot_ETHUSDT_5m.csv");
    for version in VERSIONS {
        let at = |name: &str| cache.join(version).join(name);
        for name in ["ETHUSDT_1m.parquet", "ETHUSDT_1m.p4.pkl", "ETHUSDT_1m.p5.pkl", "ETHUSDT_1m_list.pkl"] {
            assert_eq!(lines(&at(name), Timeframe::M1), minutes, "{version} {name}");
        }
        assert_eq!(lines(&at("ETHUSDT_1s.parquet"), Timeframe::S1), seconds, "{version}");
        for name in ["ETHUSDT_5m.parquet", "binance_ETHUSDT_5m.parquet"] {
            assert_eq!(lines(&at(name), Timeframe::M5), fives, "{version} {name}");
        }
        assert_eq!(lines(&at("ETHUSDT_15m.parquet"), Timeframe::M15), Vec::<String>::new());
        let counts = |name: &str| -> Vec<Option<u64>> {
            let file = LegacyFile::open(&at(name)).expect("a file");
            rows(&file, 0).into_iter().map(|row| row.candle.expect("a row").trade_count).collect()
        };
        assert_eq!(counts("ETHUSDT_1m.p5.pkl").iter().flatten().sum::<u64>(), 14_515, "{version}");
        assert!(counts("ETHUSDT_1m.parquet").iter().all(Option::is_none), "{version}: it says no counts");
    }
}

#[test]
fn both_formats_and_both_versions_hold_the_same_published_candles() {
    let Some(cache) = cache() else { return };
    for (name, timeframe, count) in [
        ("BTCBUSD_1m.parquet", Timeframe::M1, 1_440),
        ("BTCBUSD_1m.pkl", Timeframe::M1, 1_440),
        ("BTCUSD_1m.parquet", Timeframe::M1, 1_440),
        ("BTCUSD_1d.parquet", Timeframe::D1, 1_318),
    ] {
        let [old, new] = VERSIONS.map(|version| lines(&cache.join(version).join(name), timeframe));
        assert_eq!(old.len(), count, "{name}");
        assert_eq!(old, new, "{name}");
    }
    let of = |name: &str| lines(&cache.join(VERSIONS[0]).join(name), Timeframe::M1);
    assert_eq!(of("BTCBUSD_1m.parquet"), of("BTCBUSD_1m.pkl"));
}

#[test]
fn columns_that_are_no_candles_are_named_and_left() {
    let Some(cache) = cache() else { return };
    let file = LegacyFile::open(&cache.join("pandas-2.2.3/BTCUSD_1m.parquet")).expect("a file");
    let layout = CandleLayout::of(file.schema(0), None).expect("columns of candles");
    assert_eq!(layout.ignored(), ["rsi_14", "sma_20", "macd"]);
}

#[test]
fn a_cache_of_many_tables_names_each() {
    let Some(cache) = cache() else { return };
    let minutes = golden("hft_spot_ETHUSDT_1m.csv");
    for version in VERSIONS {
        let file = LegacyFile::open(&cache.join(version).join("ohlcv_cache.pkl")).expect("a file");
        let names: Vec<String> = (0..file.tables()).map(|table| file.path(table).join(" ")).collect();
        assert_eq!(names, ["ETH/USDT 1m", "ETH/USDT 1s", "BTC/USDT 1m"]);
        let first: Vec<String> = candles(&file, 0, Timeframe::M1)
            .into_iter()
            .map(|(_, candle)| line(&candle.expect("a sound row")))
            .collect();
        assert_eq!(first, minutes, "{version}");
        assert_eq!(file.rows(1), Some(60));
    }
}

#[test]
fn invalid_rows_are_told_one_by_one_and_the_others_are_read() {
    let Some(cache) = cache() else { return };
    let file = LegacyFile::open(&cache.join("dirty/five_invalid_rows/ETHUSDT_1s.parquet")).expect("a file");
    let (sound, broken): (Vec<_>, Vec<_>) =
        candles(&file, 0, Timeframe::S1).into_iter().partition(|(_, candle)| candle.is_ok());
    assert_eq!((sound.len(), broken.len()), (295, 5));
    let rows: Vec<u64> = broken.iter().map(|(row, _)| *row).collect();
    assert_eq!(rows, [5, 6, 7, 8, 9]);
    for (row, candle) in broken {
        let broken = candle.expect_err("a broken row");
        assert!(!broken.0.is_empty(), "row {row} says what is wrong");
    }
}

#[test]
fn doubled_and_unsorted_rows_are_the_same_rows() {
    let Some(cache) = cache() else { return };
    let of = |name: &str| lines(&cache.join("dirty").join(name).join("ETHUSDT_1s.parquet"), Timeframe::S1);
    let (doubled, unsorted) = (of("exact_duplicates_10"), of("unsorted"));
    assert_eq!((doubled.len(), unsorted.len()), (310, 300));
    let set = |lines: &[String]| lines.iter().cloned().collect::<BTreeSet<_>>();
    assert_eq!(set(&doubled), set(&unsorted));
    assert_eq!(set(&doubled).len(), 300);
}

#[test]
fn what_cannot_be_read_says_so() {
    let Some(cache) = cache() else { return };
    for (name, kind, said) in [
        ("truncated/ETHUSDT_1s.parquet", LegacyErrorKind::Damaged, "does not end as a Parquet file does"),
        ("zero_bytes/ETHUSDT_1s.parquet", LegacyErrorKind::Damaged, "the file is empty"),
        ("hostile_pickle/ETHUSDT_1m.pkl", LegacyErrorKind::Refused, "posix.system"),
    ] {
        let error = LegacyFile::open(&cache.join("dirty").join(name)).expect_err(name);
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(said), "{error}");
    }
    // Nothing was executed: the name is where the file would have left its mark.
    assert!(!Path::new("PICKLE_CANARY_WAS_EXECUTED").exists());
}
