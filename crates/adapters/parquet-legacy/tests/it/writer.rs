//! Files that are written on: by what pandas makes of them, by what the reader does, and through kills.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use onetape_domain::candle::{Candle, Ohlcv};
use onetape_domain::time::{Timeframe, Timestamp};
use onetape_domain::validator::{DataValidator, RawCandle};
use onetape_parquet_legacy::writer::GROUP_ROWS;
use onetape_parquet_legacy::{LegacyErrorKind, LegacyWriter};
use onetape_ports::LegacyAppended;
use onetape_testkit::data;
use onetape_testkit::python::python;
use proptest::prelude::*;
use serde_json::Value;

use crate::support::sound;

/// 2024-08-09, in seconds.
const START: i64 = 1_723_161_600;

/// A candle of a second, all of whose values depend on both numbers.
fn candle(second: i64, variant: i64) -> Candle {
    let price = |more: i64| {
        format!(
            "{}.{:02}",
            2_000 + (second * 7 + variant * 13).rem_euclid(500) + more,
            second.rem_euclid(100)
        )
    };
    let raw = RawCandle {
        open_time: (START + second) * 1_000_000,
        open: price(1),
        high: price(3),
        low: price(0),
        close: price(2),
        // More digits than a float has: the nearest one is written.
        volume: format!("{}.{:012}", 1 + second.rem_euclid(9), 123_456_789_012 + variant),
        trade_count: u64::try_from(second.rem_euclid(1_000) + variant).expect("a count"),
    };
    DataValidator::validate_ohlcv(Timeframe::S1, &raw).expect("a candle")
}

/// Time in microseconds, floats and count of a candle.
type Row = (i64, Vec<String>, u64);

/// A candle as floats and count, as they are written.
fn written(candle: &Candle) -> Row {
    row(candle.open_time(), candle.ohlcv())
}

fn row(open_time: Timestamp, ohlcv: &Ohlcv) -> Row {
    let decimals =
        [ohlcv.open.to_string(), ohlcv.high.to_string(), ohlcv.low.to_string(), ohlcv.close.to_string()];
    let floats = decimals.into_iter().chain([ohlcv.volume.to_string()]);
    let floats = floats.map(|text| format!("{:?}", text.parse::<f64>().expect("a number")));
    (open_time.micros(), floats.collect(), ohlcv.trade_count.unwrap_or(0))
}

fn read(path: &Path, timeframe: Timeframe) -> Vec<Row> {
    sound(path, timeframe).iter().map(|candle| row(candle.open_time(), candle.ohlcv())).collect()
}

/// What pandas makes of files; none where there is no Python.
fn pandas(files: &[PathBuf]) -> Option<Vec<Value>> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("a target folder");
    let python = python(target)?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/read_caches.py");
    let ran = Command::new(python).arg(script).args(files).output().expect("Python runs");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let lines = ran.stdout.lines().map(|line| line.expect("text"));
    Some(lines.map(|line| serde_json::from_str(&line).expect("json")).collect())
}

/// The rows of a file as pandas has them.
fn rows_of(said: &Value) -> Vec<Row> {
    let list = |key: &str| said[key].as_array().cloned().unwrap_or_default();
    let counts = list("counts");
    let times = list("times").into_iter().zip(list("values")).enumerate();
    times
        .map(|(at, (time, values))| {
            let float = |value: &Value| {
                let text = value.as_str().expect("a float");
                format!("{:?}", text.parse::<f64>().expect("a float"))
            };
            let values = values.as_array().expect("values").iter().map(float).collect();
            (time.as_i64().expect("a time"), values, counts.get(at).and_then(Value::as_u64).unwrap_or(0))
        })
        .collect()
}

#[test]
fn a_file_begun_here_is_what_pandas_would_have_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let writer = LegacyWriter::open(folder.path()).expect("a writer");
    let candles: Vec<Candle> = (0..10).map(|second| candle(second, 0)).collect();
    let done = writer.put("ETHUSDT_1s", &candles[..4]).expect("written");
    assert_eq!((done.new, done.replaced, done.same), (4, 0, 0));
    writer.put("ETHUSDT_1s", &candles[4..]).expect("written");
    let expected: Vec<_> = candles.iter().map(written).collect();
    assert_eq!(writer.greatest("ETHUSDT_1s").expect("a time"), Some(candles[9].open_time()));
    assert_eq!(writer.greatest("none").expect("no file"), None);
    let path = writer.path("ETHUSDT_1s");
    assert_eq!(read(&path, Timeframe::S1), expected);
    let Some(said) = pandas(&[path]) else { return };
    let said = &said[0];
    assert_eq!(said["index"], serde_json::json!(["RangeIndex", "int64", null, 0, 10, 1]));
    let dtypes = serde_json::json!({
        "timestamp": "datetime64[ns, UTC]", "open": "float64", "high": "float64", "low": "float64",
        "close": "float64", "volume": "float64", "trade_count": "int64",
    });
    assert_eq!(said["dtypes"], dtypes);
    assert_eq!(rows_of(said), expected);
}

#[test]
fn files_of_either_pandas_keep_their_form_and_their_rows() {
    let Some(cache) = data::folder().map(|folder| folder.join("legacy_cache")) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let (mut before, mut after, mut added) = (Vec::new(), Vec::new(), Vec::new());
    for version in ["pandas-1.5.3", "pandas-2.2.3"] {
        let ours = folder.path().join(version);
        let writer = LegacyWriter::open(&ours).expect("a writer");
        for entry in fs::read_dir(cache.join(version)).expect("a cache") {
            let path = entry.expect("an entry").path();
            let name = path.file_stem().and_then(|name| name.to_str()).expect("a name").to_owned();
            if path.extension().is_none_or(|ending| ending != "parquet") {
                continue;
            }
            fs::copy(&path, ours.join(format!("{name}.parquet"))).expect("copied");
            // Later than any row, and on every grid.
            let days = [20_500, 20_501].map(|day| candle(day * 86_400 - START, 1));
            match writer.put(&name, &days) {
                Ok(done) => assert_eq!((done.new, done.replaced, done.same), (2, 0, 0), "{version} {name}"),
                Err(error) => {
                    assert_eq!(error.kind(), LegacyErrorKind::Unsupported, "{error}");
                    assert!(error.to_string().contains("INT96"), "{error}");
                    continue;
                }
            }
            before.push(path);
            after.push(ours.join(format!("{name}.parquet")));
            added.push(days.map(|day| written(&day)));
        }
    }
    // One of each version has times of 96 bits.
    assert_eq!(after.len(), 14);
    let (Some(before), Some(said)) = (pandas(&before), pandas(&after)) else { return };
    for ((before, said), (path, added)) in before.iter().zip(&said).zip(after.iter().zip(&added)) {
        let path = path.display();
        let count = before["times"].as_array().map_or(0, Vec::len) + 2;
        let mut index = before["index"].clone();
        if let Some(stop) = index.get_mut(4) {
            *stop = count.into();
        }
        assert_eq!((&said["index"], &said["dtypes"]), (&index, &before["dtypes"]), "{path}");
        let mut expected = rows_of(before);
        let has_counts = !before["counts"].is_null();
        expected.extend(
            added.clone().map(|(time, values, count)| (time, values, if has_counts { count } else { 0 })),
        );
        assert_eq!(rows_of(said), expected, "{path}");
    }
}

#[test]
fn a_corrected_candle_takes_the_place_of_its_row_and_the_same_again_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let writer = LegacyWriter::open(folder.path()).expect("a writer");
    let path = writer.path("ETHUSDT_1s");
    // Three row groups, of which the first is touched by a correction and by a candle that was missing.
    let count = i64::try_from(GROUP_ROWS).expect("a number") * 2 + 100;
    let mut candles: Vec<Candle> =
        (0..count).filter(|second| *second != 50).map(|second| candle(second, 0)).collect();
    for part in candles.chunks(70_000) {
        writer.put("ETHUSDT_1s", part).expect("written");
    }
    let changes = [candle(7, 1), candle(count, 0), candle(50, 0), candle(8, 0)];
    let done = writer.put("ETHUSDT_1s", &changes).expect("written");
    assert_eq!((done.new, done.replaced, done.same), (2, 1, 1));
    candles[7] = candle(7, 1);
    candles.insert(50, candle(50, 0));
    candles.push(candle(count, 0));
    let expected: Vec<_> = candles.iter().map(written).collect();
    assert_eq!(read(&path, Timeframe::S1), expected);
    let bytes = fs::read(&path).expect("bytes");
    let again = writer.put("ETHUSDT_1s", &changes).expect("nothing to do");
    assert_eq!(again, LegacyAppended { same: 4, ..LegacyAppended::default() });
    assert_eq!(fs::read(&path).expect("bytes"), bytes);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_order_of_candles_and_corrections_leaves_the_last_of_each(
        calls in prop::collection::vec(prop::collection::vec((0..40_i64, 0..3_i64), 0..12), 1..6),
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let writer = LegacyWriter::open(folder.path()).expect("a writer");
        let mut model = BTreeMap::new();
        for call in calls {
            let candles: Vec<Candle> = call.into_iter().map(|(second, variant)| candle(second, variant)).collect();
            let last: BTreeMap<Timestamp, Candle> = candles.iter().map(|candle| (candle.open_time(), *candle)).collect();
            let done = writer.put("ETHUSDT_1s", &candles).expect("written");
            let (mut new, mut replaced, mut same) = (0, 0, 0);
            for (time, candle) in last {
                match model.insert(time, candle) {
                    None => new += 1,
                    Some(before) if written(&before) == written(&candle) => same += 1,
                    Some(_) => replaced += 1,
                }
            }
            prop_assert_eq!((done.new, done.replaced, done.same), (new, replaced, same));
        }
        let expected: Vec<_> = model.values().map(written).collect();
        let path = writer.path("ETHUSDT_1s");
        let found = if path.exists() { read(&path, Timeframe::S1) } else { Vec::new() };
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn doubled_rows_of_an_unsorted_file_become_the_one_that_counts() {
    let Some(cache) = data::folder().map(|folder| folder.join("legacy_cache/dirty")) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let writer = LegacyWriter::open(folder.path()).expect("a writer");
    for (kind, rows) in [("exact_duplicates_10", 309), ("unsorted", 300)] {
        let path = writer.path(kind);
        fs::copy(cache.join(kind).join("ETHUSDT_1s.parquet"), &path).expect("copied");
        let old = sound(&path, Timeframe::S1);
        let doubled =
            old.iter().position(|a| old.iter().filter(|b| b.open_time() == a.open_time()).count() > 1);
        let changed = old[doubled.unwrap_or(100)].open_time();
        let candle = candle(changed.micros() / 1_000_000 - START, 5);
        let done = writer.put(kind, &[candle]).expect("written");
        assert_eq!((done.new, done.replaced, done.same), (0, 1, 0), "{kind}");
        let new = read(&path, Timeframe::S1);
        assert_eq!(new.len(), rows, "{kind}");
        let of_it: Vec<_> = new.iter().filter(|row| row.0 == changed.micros()).collect();
        assert_eq!(of_it, [&written(&candle)], "{kind}");
    }
}

#[test]
fn what_cannot_be_written_is_left_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join(".ETHUSDT_1s.parquet.onetape-tmp"), "half").expect("written");
    let writer = LegacyWriter::open(folder.path()).expect("a writer");
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "only the lock is left");
    let error = LegacyWriter::open(folder.path()).expect_err("a second writer");
    assert!(error.to_string().contains("another process writes"), "{error}");
    let candles = [candle(0, 0)];
    for (name, kind) in [("", LegacyErrorKind::Unsupported), ("../x", LegacyErrorKind::Unsupported)] {
        assert_eq!(writer.put(name, &candles).expect_err(name).kind(), kind);
    }
    fs::write(writer.path("cut"), "PAR1 and no end").expect("written");
    assert_eq!(writer.put("cut", &candles).expect_err("damaged").kind(), LegacyErrorKind::Damaged);
    assert_eq!(fs::read(writer.path("cut")).expect("bytes"), b"PAR1 and no end");
    let many = vec![candle(0, 0); onetape_parquet_legacy::writer::MAX_CANDLES + 1];
    assert_eq!(writer.put("many", &many).expect_err("too many").kind(), LegacyErrorKind::Limit);
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(writer.path("cut"), writer.path("link")).expect("linked");
        assert_eq!(writer.put("link", &candles).expect_err("a link").kind(), LegacyErrorKind::Unsupported);
    }
}

/// Folder of the child that is killed.
const FOLDER: &str = "ONETAPE_TEST_LEGACY_FOLDER";

#[test]
fn a_kill_leaves_the_file_as_it_was_or_as_it_was_to_be() {
    if let Ok(folder) = std::env::var(FOLDER) {
        let writer = LegacyWriter::open(Path::new(&folder)).expect("a writer");
        let from = if writer.path("ETHUSDT_1s").exists() {
            sound(&writer.path("ETHUSDT_1s"), Timeframe::S1).len()
        } else {
            0
        };
        for second in i64::try_from(from).expect("a number").. {
            writer.put("ETHUSDT_1s", &[candle(second, 0)]).expect("written");
            println!("acknowledged {}", second + 1);
        }
    }
    let folder = tempfile::tempdir().expect("a folder");
    for kill in 1..=5 {
        let mut child = Command::new(std::env::current_exe().expect("this binary"))
            .args(["writer::a_kill_leaves_the_file_as_it_was_or_as_it_was_to_be", "--exact", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let mut acknowledged = 0;
        let mut seen = 0;
        for line in BufReader::new(child.stdout.take().expect("piped")).lines() {
            let line = line.expect("text");
            let Some(count) = line.strip_prefix("acknowledged ") else { continue };
            // A line may be cut by the kill.
            acknowledged = count.parse().unwrap_or(acknowledged).max(acknowledged);
            seen += 1;
            if seen == 3 * kill {
                child.kill().expect("killed");
            }
        }
        child.wait().expect("a child");
        let found = read(&folder.path().join("ETHUSDT_1s.parquet"), Timeframe::S1);
        let count = i64::try_from(found.len()).expect("a number");
        assert!(
            count == acknowledged || count == acknowledged + 1,
            "{count} rows, {acknowledged} acknowledged"
        );
        assert_eq!(found, (0..count).map(|second| written(&candle(second, 0))).collect::<Vec<_>>());
    }
    LegacyWriter::open(folder.path()).expect("a writer");
    let left: Vec<_> =
        fs::read_dir(folder.path()).expect("a folder").map(|entry| entry.expect("one").file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}
