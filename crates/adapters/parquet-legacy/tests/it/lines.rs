//! Lines of values: published candles in zips, headers or none, and files that are none of it.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use onetape_domain::decimal::{Quantity, canonical};
use onetape_domain::time::{Timeframe, Timestamp};
use onetape_parquet_legacy::csv::MAX_LINE_BYTES;
use onetape_parquet_legacy::{CandleLayout, LegacyError, LegacyErrorKind, LegacyFile};
use onetape_testkit::data;
use zip::write::SimpleFileOptions;

use crate::support::{candles, line, rows, sound};

fn written(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, bytes).expect("written");
    path
}

/// Reads everything.
fn read(path: &Path) -> Result<u64, LegacyError> {
    let file = LegacyFile::open(path)?;
    let mut read = 0;
    for table in 0..file.tables() {
        let layout = CandleLayout::of(file.schema(table), None).expect("candles");
        for rows in file.candles(table, &layout, None, 0)? {
            read += rows?.len() as u64;
        }
    }
    Ok(read)
}

#[test]
fn published_candles_are_those_that_other_tools_read() {
    let Some(folder) = data::folder() else { return };
    for (name, timeframe, golden, column) in [
        ("coinbase_candles/second/btcusd", Timeframe::S1, "lean_coinbase_BTCUSD_1s.csv", 0),
        ("coinbase_candles/minute/btcusd", Timeframe::M1, "lean_coinbase_BTCUSD_1m_from1s.csv", 0),
    ] {
        let mut read = Vec::new();
        for day in ["20161007", "20161008"] {
            let path = folder.join(name).join(format!("{day}_trade.zip"));
            read.extend(sound(&path, timeframe).iter().map(line));
        }
        let number = |text: &str| canonical(*Quantity::parse("golden", text).expect("a number"));
        let row = |row: &Vec<String>| {
            let time: Timestamp = row[column].parse().expect("a time");
            let numbers: Vec<String> = row[column + 1..column + 6].iter().map(|text| number(text)).collect();
            format!("{time} {}", numbers.join(" "))
        };
        let golden: Vec<String> = data::golden_rows(golden).iter().map(row).collect();
        assert_eq!(read, golden, "{name}");
    }
    let days = sound(&folder.join("coinbase_candles/daily/btcusd_trade.zip"), Timeframe::D1);
    assert_eq!(days.len(), 1_318);
    let minutes = sound(&folder.join("binance_candles/minute/btcbusd/20221213_trade.zip"), Timeframe::M1);
    assert_eq!(minutes.len(), 1_440);
}

#[test]
fn a_header_names_columns_and_packing_does_not_matter() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "\u{feff}Date;Close;Open;High;Low;Volume BTC;Volume\n2024-08-09 00:00:00;2;1;3;0.5;9;1e-7\n2024-08-09T00:01:00Z;\"2\";1;3;0.5;9;4\n";
    let mut gz = GzEncoder::new(Vec::new(), Compression::default());
    gz.write_all(text.as_bytes()).expect("packed");
    let gz = gz.finish().expect("packed");
    for (name, bytes) in [("x.csv", text.as_bytes()), ("x.csv.gz", &gz)] {
        let path = written(folder.path(), name, bytes);
        let lines: Vec<String> = sound(&path, Timeframe::M1).iter().map(line).collect();
        assert_eq!(lines, ["2024-08-09T00:00:00Z 1 3 0.5 2 0.0000001", "2024-08-09T00:01:00Z 1 3 0.5 2 4",]);
    }
}

#[test]
fn a_line_with_values_missing_is_told_and_the_others_are_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "1723161600000,1,3,0.5,2,7\n1723161660000,1,3\n1723161720000,1,x,0.5,2,7\n1723161780000,1,3,0.5,2,7\n";
    let file = LegacyFile::open(&written(folder.path(), "x.csv", text.as_bytes())).expect("a file");
    let candles = candles(&file, 0, Timeframe::M1);
    let broken: Vec<u64> =
        candles.iter().filter(|(_, candle)| candle.is_err()).map(|(row, _)| *row).collect();
    assert_eq!(broken, [1, 2]);
    let said = rows(&file, 0)[1].candle.clone().expect_err("a broken row").to_string();
    assert!(said.contains("candle.low is missing"), "{said}");
}

#[test]
fn a_zip_of_many_files_has_as_many_tables() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("many.zip");
    let mut zip = zip::ZipWriter::new(fs::File::create(&path).expect("a file"));
    for (name, text) in [
        ("a/20240809_btcusd_minute_trade.csv", "0,1,3,0.5,2,7\n60000,1,3,0.5,2,7\n"),
        ("README.txt", "not a table"),
        ("b.csv", "1723161600,1,3,0.5,2,7\n"),
    ] {
        zip.start_file(name, SimpleFileOptions::default()).expect("an entry");
        zip.write_all(text.as_bytes()).expect("written");
    }
    zip.finish().expect("a zip");
    let file = LegacyFile::open(&path).expect("a file");
    assert_eq!(file.tables(), 2);
    assert_eq!(file.path(0), ["a/20240809_btcusd_minute_trade.csv"]);
    let times: Vec<i64> =
        (0..2).flat_map(|table| rows(&file, table)).map(|row| row.candle.expect("a row").open_time).collect();
    assert_eq!(times, [1_723_161_600_000_000, 1_723_161_660_000_000, 1_723_161_600_000_000]);

    // A byte of the packed text is another one: the sum tells.
    let mut bytes = fs::read(&path).expect("bytes");
    let at = bytes.windows(5).position(|five| five == b"b.csv").expect("the entry") + 12;
    bytes[at] ^= 1;
    let error = read(&written(folder.path(), "flipped.zip", &bytes)).expect_err("damage");
    assert_eq!(error.kind(), LegacyErrorKind::Damaged, "{error}");
    for cut in (1..bytes.len()).step_by(11) {
        read(&written(folder.path(), "cut.zip", &bytes[..cut])).expect_err("the end is missing");
    }
}

#[test]
fn what_is_no_table_of_lines_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let long = vec![b'1'; MAX_LINE_BYTES + 2];
    let far = [b"1723161600,1,3,0.5,2,7\n".as_slice(), &long].concat();
    for (bytes, kind) in [
        (b"no commas in here\n".to_vec(), LegacyErrorKind::Unsupported),
        (vec![0xff, 0xfe, 0, 1, 2], LegacyErrorKind::Unsupported),
        (long, LegacyErrorKind::Limit),
        (far, LegacyErrorKind::Damaged),
        (Vec::new(), LegacyErrorKind::Damaged),
    ] {
        let error = read(&written(folder.path(), "x.csv", &bytes)).expect_err("no table");
        assert_eq!(error.kind(), kind, "{error}");
    }
}
