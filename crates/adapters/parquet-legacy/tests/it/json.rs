//! JSON: lists, lines and what is none of it. What pandas and Python write is read in `python.rs`.

use std::path::{Path, PathBuf};

use onetape_domain::time::Timeframe;
use onetape_parquet_legacy::json::MAX_ELEMENT_BYTES;
use onetape_parquet_legacy::{CandleLayout, LegacyError, LegacyErrorKind, LegacyFile};

use crate::support::{line, rows, sound};

fn written(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("x.json");
    std::fs::write(&path, text).expect("written");
    path
}

fn read(path: &Path) -> Result<u64, LegacyError> {
    let file = LegacyFile::open(path)?;
    let layout = CandleLayout::of(file.schema(0), None).expect("candles");
    let mut read = 0;
    for rows in file.candles(0, &layout, None, 0)? {
        read += rows?.len() as u64;
    }
    Ok(read)
}

#[test]
fn numbers_keep_all_their_digits() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = r#"[ {"ts": 1723161600, "o": 1.1234567890125, "h": "3.000000000001", "l": 1e-12, "c": 2, "v": 12345678901234567.5, "x": [1, "],"]} ]"#;
    let text = text.replace("1.1234567890125", "1.123456789012");
    let lines: Vec<String> = sound(&written(folder.path(), &text), Timeframe::M1).iter().map(line).collect();
    assert_eq!(
        lines,
        ["2024-08-09T00:00:00Z 1.123456789012 3.000000000001 0.000000000001 2 12345678901234567.5"]
    );
}

#[test]
fn rows_may_name_their_values_in_another_order_or_lack_some() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = r#"{"t":1723161600,"o":1,"h":3,"l":1,"c":2,"v":4}
        {"c":2,"v":4,"t":1723161660,"o":1,"h":3,"l":1,"more":{}}
        {"t":1723161720,"o":1,"h":3,"l":null,"c":2}"#;
    let file = LegacyFile::open(&written(folder.path(), text)).expect("a file");
    let rows: Vec<_> = rows(&file, 0).into_iter().map(|row| row.candle).collect();
    assert_eq!(
        rows[0].as_ref().map(|row| (&row.open, &row.close)),
        rows[1].as_ref().map(|row| (&row.open, &row.close))
    );
    let broken = rows[2].as_ref().expect_err("two values are missing").to_string();
    assert!(
        broken.contains("candle.low is missing") && broken.contains("candle.volume is missing"),
        "{broken}"
    );
}

#[test]
fn an_empty_list_has_no_rows_and_no_columns() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = LegacyFile::open(&written(folder.path(), " [ ]\n")).expect("a file");
    assert!(file.schema(0).fields().is_empty());
    assert!(CandleLayout::of(file.schema(0), None).is_err());
}

#[test]
fn what_is_damaged_or_no_table_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let row = r#"{"t":1723161600,"o":1,"h":3,"l":1,"c":2,"v":4}"#;
    let long = format!("[{{\"t\":\"{}\"}}]", "1".repeat(MAX_ELEMENT_BYTES));
    let deep = format!("[{}", "[".repeat(100_000));
    for (text, kind) in [
        (format!("[{row},{row}"), LegacyErrorKind::Damaged),
        (format!("[{row}] {row}"), LegacyErrorKind::Damaged),
        (format!("[{row},{{\"t\":17"), LegacyErrorKind::Damaged),
        (format!("{row} x"), LegacyErrorKind::Damaged),
        ("[1, 2]".to_owned(), LegacyErrorKind::Damaged),
        (long, LegacyErrorKind::Damaged),
        (deep, LegacyErrorKind::Damaged),
        (r#"{"a": {"b": {"c": 1}}}"#.to_owned(), LegacyErrorKind::Unsupported),
        (r#"{"open": {"1": 1}, "close": {"2": 1}}"#.to_owned(), LegacyErrorKind::Unsupported),
    ] {
        let shown = &text[..text.len().min(60)];
        let error =
            read(&written(folder.path(), &text)).map(|rows| panic!("{rows} rows of {shown}")).unwrap_err();
        assert_eq!(error.kind(), kind, "{shown}: {error}");
    }
}
