//! A folder of legacy files through its port: what is listed, and the same rows and errors as of single files.

use std::fs;

use onetape_domain::time::Timeframe;
use onetape_domain::validator::DataValidator;
use onetape_parquet_legacy::{LegacyCache, LegacyErrorKind, LegacyFile, MAX_FOLDER_DEPTH};
use onetape_ports::{LegacyReading, LegacySource as _};
use onetape_testkit::data;

use crate::support::{from_port, line, rows, sound};

fn plain() -> LegacyReading {
    LegacyReading::default()
}

#[tokio::test]
async fn files_are_listed_by_path_and_links_and_hidden_ones_are_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("b/c")).expect("a folder");
    fs::create_dir_all(at(".git")).expect("a folder");
    for (name, text) in [("b/c/x.csv", "12345"), ("a.csv", "1"), ("b.csv", ""), (".git/y", "1"), (".z", "1")]
    {
        fs::write(at(name), text).expect("written");
    }
    std::os::unix::fs::symlink(at("b"), at("d")).expect("a link");
    std::os::unix::fs::symlink(at("a.csv"), at("e.csv")).expect("a link");
    let cache = LegacyCache::new(folder.path());
    let files = cache.files().await.expect("files");
    let files: Vec<(&str, u64)> = files.iter().map(|file| (file.path.as_str(), file.bytes)).collect();
    assert_eq!(files, [("a.csv", 1), ("b.csv", 0), ("b/c/x.csv", 5)]);
    let sum = cache.sha256("b/c/x.csv").await.expect("a sum");
    assert_eq!(sum, "5994471abb01112afcc18159f6cc74b4f511b99806da59b3caf5a9c173cacfc5");

    for (path, kind) in [
        ("e.csv", LegacyErrorKind::Refused),
        ("d/c/x.csv", LegacyErrorKind::Refused),
        ("../a.csv", LegacyErrorKind::Refused),
        ("/etc/passwd", LegacyErrorKind::Refused),
        ("b", LegacyErrorKind::Refused),
        ("", LegacyErrorKind::Refused),
        ("c.csv", LegacyErrorKind::Io),
    ] {
        let error = cache.sha256(path).await.expect_err(path);
        assert_eq!(error.kind(), kind, "{path}: {error}");
    }
    let absent = LegacyCache::new(at("nowhere"));
    assert_eq!(absent.files().await.expect_err("no folder").kind(), LegacyErrorKind::Io);
}

#[tokio::test]
async fn folders_end_at_a_depth() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut path = folder.path().to_owned();
    for _ in 0..MAX_FOLDER_DEPTH {
        path.push("x");
    }
    fs::create_dir_all(&path).expect("folders");
    fs::write(path.join("x.csv"), "1").expect("written");
    let cache = LegacyCache::new(folder.path());
    assert_eq!(cache.files().await.expect("files").len(), 1);
    fs::create_dir(path.join("x")).expect("a folder");
    let error = cache.files().await.expect_err("too deep");
    assert_eq!(error.kind(), LegacyErrorKind::Limit, "{error}");
}

#[tokio::test]
async fn every_file_gives_the_same_rows_from_any_row_on() {
    let Some(folder) = data::folder() else { return };
    let cache = LegacyCache::new(&folder);
    let files = cache.files().await.expect("files");
    let mut seen = 0;
    for name in ["legacy_cache/", "coinbase_candles/", "binance_candles/"] {
        for file in
            files.iter().filter(|file| file.path.starts_with(name) && !file.path.ends_with("VERSIONS.json"))
        {
            let path = file.path.as_str();
            let Ok(contents) = cache.contents(path, &plain()).await else {
                assert!(path.contains("dirty/"), "{path}");
                continue;
            };
            let whole = LegacyFile::open(&folder.join(path)).expect("a file");
            assert_eq!((contents.format, contents.tables.len()), (whole.format(), whole.tables()), "{path}");
            for (at, table) in contents.tables.iter().enumerate() {
                assert_eq!((table.names.as_slice(), table.rows), (whole.path(at), whole.rows(at)), "{path}");
                let rows = rows(&whole, at);
                for from in [0, 1, rows.len() / 2, rows.len(), rows.len() + 5] {
                    let given = from_port(&cache, path, &plain(), at, from as u64).await.expect(path);
                    assert_eq!(given, rows.get(from..).unwrap_or_default(), "{path} from {from}");
                }
                seen += 1;
            }
        }
    }
    assert!(seen > 35, "{seen}");
}

#[tokio::test]
async fn the_unit_of_times_is_that_of_the_first_row_wherever_reading_begins() {
    let folder = tempfile::tempdir().expect("a folder");
    let lines: String = (0..20_000).map(|row| format!("{},1,3,0.5,2,7\n", 1_723_161_600 + row)).collect();
    // The one after is in milliseconds, so it is no time of this table.
    fs::write(folder.path().join("x.csv"), lines + "1723161600000,1,3,0.5,2,7\n").expect("written");
    let cache = LegacyCache::new(folder.path());
    for from in [0, 8_192, 12_345, 20_000] {
        let rows = from_port(&cache, "x.csv", &plain(), 0, from).await.expect("rows");
        assert_eq!(rows.len() as u64, 20_001 - from);
        assert!(rows.iter().zip(from..).all(|(row, number)| row.number == number));
        let last = rows.last().expect("a row").candle.as_ref().expect_err("another unit");
        assert!(last.to_string().contains("is in milliseconds"), "{last}");
    }
}

#[tokio::test]
async fn lean_files_have_the_times_of_their_day() {
    let Some(folder) = data::folder() else { return };
    let cache = LegacyCache::new(&folder);
    for (path, timeframe, count) in [
        ("coinbase_candles/second/btcusd/20161007_trade.zip", Timeframe::S1, None),
        ("coinbase_candles/minute/btcusd/20161008_trade.zip", Timeframe::M1, Some(1_400)),
        ("coinbase_candles/daily/btcusd_trade.zip", Timeframe::D1, Some(1_318)),
        ("binance_candles/minute/btcbusd/20221213_trade.zip", Timeframe::M1, Some(1_440)),
    ] {
        let rows = from_port(&cache, path, &plain(), 0, 0).await.expect(path);
        let given: Vec<String> = rows
            .into_iter()
            .map(|row| {
                let candle = row.candle.and_then(|raw| DataValidator::validate_imported(timeframe, &raw));
                line(&candle.expect("a candle"))
            })
            .collect();
        assert!(count.is_none_or(|count| given.len() == count), "{path}");
        let expected: Vec<String> = sound(&folder.join(path), timeframe).iter().map(line).collect();
        assert_eq!(given, expected, "{path}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_says_so_through_the_port() {
    let Some(folder) = data::folder() else { return };
    let cache = LegacyCache::new(folder.join("legacy_cache/dirty"));
    for (path, kind) in [
        ("truncated/ETHUSDT_1s.parquet", LegacyErrorKind::Damaged),
        ("zero_bytes/ETHUSDT_1s.parquet", LegacyErrorKind::Damaged),
        ("hostile_pickle/ETHUSDT_1m.pkl", LegacyErrorKind::Refused),
    ] {
        let error = cache.contents(path, &plain()).await.expect_err(path);
        assert_eq!(error.kind(), kind, "{error}");
        let error = from_port(&cache, path, &plain(), 0, 0).await.expect_err(path);
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(path), "{error}");
        cache.sha256(path).await.expect("bytes have a sum, whatever they are");
    }
    let error =
        from_port(&cache, "unsorted/ETHUSDT_1s.parquet", &plain(), 1, 0).await.expect_err("one table");
    assert!(error.to_string().contains("has 1 tables"), "{error}");
    let reading = LegacyReading { time_column: Some("when".to_owned()), ..plain() };
    let error = from_port(&cache, "unsorted/ETHUSDT_1s.parquet", &reading, 0, 0).await.expect_err("no such");
    assert!(error.to_string().contains("holds no candles: time has no column"), "{error}");
}
