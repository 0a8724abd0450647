//! A folder of legacy files through its port: what is listed, and the same rows and errors as of single files.

use std::fs;
use std::io::Write as _;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch};
use flate2::Compression;
use flate2::write::GzEncoder;
use onetape_domain::time::Timeframe;
use onetape_domain::validator::DataValidator;
use onetape_parquet_legacy::{LegacyCache, LegacyErrorKind, LegacyFile, MAX_FOLDER_DEPTH};
use onetape_ports::{LegacyLeftWhy, LegacyReading, LegacySource as _};
use onetape_testkit::data;
use parquet::arrow::ArrowWriter;

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
    let listing = cache.files().await.expect("files");
    let files: Vec<(&str, u64)> = listing.files.iter().map(|file| (file.path.as_str(), file.bytes)).collect();
    assert_eq!(files, [("a.csv", 1), ("b.csv", 0), ("b/c/x.csv", 5)]);
    let left: Vec<_> = listing.left.iter().map(|left| (left.path.as_str(), &left.why)).collect();
    use LegacyLeftWhy::{Hidden, Link};
    assert_eq!(left, [(".git", &Hidden), (".z", &Hidden), ("d", &Link), ("e.csv", &Link)]);
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
    assert_eq!(cache.files().await.expect("files").files.len(), 1);
    fs::create_dir(path.join("x")).expect("a folder");
    let listing = cache.files().await.expect("the other files");
    assert_eq!((listing.files.len(), listing.left.len()), (1, 1));
    assert!(listing.left[0].why.to_string().contains("deeper than 16 folders"), "{:?}", listing.left);
}

#[tokio::test]
async fn a_folder_that_cannot_be_read_hides_no_other() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("a folder");
    let closed = folder.path().join("closed");
    fs::create_dir(&closed).expect("a folder");
    fs::write(closed.join("x.csv"), "1").expect("written");
    fs::write(folder.path().join("y.csv"), "1").expect("written");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o0)).expect("closed");
    let may_read = fs::read_dir(&closed).is_ok();
    let listing = LegacyCache::new(folder.path()).files().await.expect("files");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).expect("open again");
    if may_read {
        // Root may read everything.
        assert_eq!((listing.files.len(), listing.left.len()), (2, 0));
        return;
    }
    assert_eq!(listing.files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(), ["y.csv"]);
    assert!(matches!(&listing.left[0].why, LegacyLeftWhy::Folder(_)) && listing.left[0].why.may_be_meant());
}

#[tokio::test]
async fn every_file_gives_the_same_rows_from_any_row_on() {
    let Some(folder) = data::folder() else { return };
    let cache = LegacyCache::new(&folder);
    let files = cache.files().await.expect("files").files;
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

/// A Parquet file of candles that says it has two thousand million rows, in its description or also in all below.
fn with_claimed_rows(everywhere: bool) -> Vec<u8> {
    let times: ArrayRef = Arc::new(Int64Array::from_iter_values(1_723_161_600..1_723_173_945));
    let prices: ArrayRef = Arc::new(Float64Array::from_iter_values((0..12_345).map(f64::from)));
    let columns = ["open", "high", "low", "close", "volume"].map(|name| (name, prices.clone()));
    let batch = RecordBatch::try_from_iter([("ts", times)].into_iter().chain(columns)).expect("a batch");
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).expect("a writer");
    writer.write(&batch).expect("written");
    let mut bytes = writer.into_inner().expect("closed");
    // 12,345 and 2,000,000,000 as Thrift writes them, after the sign of a number of 64 bits; a list comes after the one of the file.
    let (said, claimed) = ([0x16, 0xf2, 0xc0, 0x01], [0x16, 0x80, 0xd0, 0xac, 0xf3, 0x0e]);
    let length = bytes.len();
    let described = u32::from_le_bytes(bytes[length - 8..length - 4].try_into().expect("four bytes"));
    let mut footer = bytes.split_off(length - 8 - described as usize);
    footer.truncate(described as usize);
    let mut at = 0;
    while let Some(next) = footer[at..].windows(4).position(|four| four == said) {
        at += next;
        if everywhere || footer[at + 4] == 0x19 {
            footer.splice(at..at + 4, claimed);
        }
        at += 4;
    }
    assert_ne!(footer.len(), described as usize, "the claim is there");
    bytes.extend(&footer);
    bytes.extend(u32::try_from(footer.len()).expect("a length").to_le_bytes());
    bytes.extend(b"PAR1");
    bytes
}

#[tokio::test]
async fn claims_bombs_and_other_kinds_of_files_are_told_through_the_port() {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = LegacyCache::new(folder.path());
    let mut bomb = GzEncoder::new(Vec::new(), Compression::default());
    bomb.write_all(&vec![b'1'; 32 << 20]).expect("packed");
    for (name, bytes, kind) in [
        ("rows.parquet", with_claimed_rows(false), LegacyErrorKind::Damaged),
        ("all.parquet", with_claimed_rows(true), LegacyErrorKind::Damaged),
        ("bomb.csv.gz", bomb.finish().expect("packed"), LegacyErrorKind::Limit),
        ("x.parquet", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec(), LegacyErrorKind::Unsupported),
        ("x.pkl", b"SQLite format 3\0\x10\0".to_vec(), LegacyErrorKind::Unsupported),
        ("x.feather", b"FEA1\0\0\0\0".to_vec(), LegacyErrorKind::Unsupported),
    ] {
        fs::write(folder.path().join(name), bytes).expect("written");
        let error = from_port(&cache, name, &plain(), 0, 0).await.expect_err(name);
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(name), "{error}");
    }
}
