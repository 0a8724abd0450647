//! Feather files: what pandas writes is read in `python.rs`; here are those that claim more than they hold, or are damaged.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions};
use onetape_parquet_legacy::feather::MAX_BATCH_BYTES;
use onetape_parquet_legacy::{CandleLayout, LegacyCache, LegacyError, LegacyErrorKind, LegacyFile};
use onetape_ports::{LegacyReading, LegacySource as _};
use proptest::prelude::*;

use crate::support::{from_port, rows};

const CODECS: [Option<CompressionType>; 3] =
    [None, Some(CompressionType::LZ4_FRAME), Some(CompressionType::ZSTD)];

/// Candles of some seconds, and a column of text that is none of theirs.
fn candles(first: i64, count: i64, note: &str) -> RecordBatch {
    let times = Int64Array::from_iter_values((first..first + count).map(|row| 1_723_161_600 + row));
    let prices: ArrayRef =
        Arc::new(Float64Array::from_iter_values((0..count).map(|row| 1.0 + row as f64 / 8.0)));
    let notes = StringArray::from_iter_values((0..count).map(|_| note));
    RecordBatch::try_from_iter([
        ("note", Arc::new(notes) as ArrayRef),
        ("ts", Arc::new(times)),
        ("open", prices.clone()),
        ("high", prices.clone()),
        ("low", prices.clone()),
        ("close", prices.clone()),
        ("volume", prices),
    ])
    .expect("a batch")
}

fn bytes(batches: &[RecordBatch], codec: Option<CompressionType>) -> Vec<u8> {
    let options = IpcWriteOptions::default().try_with_compression(codec).expect("options");
    let mut writer =
        FileWriter::try_new_with_options(Vec::new(), &batches[0].schema(), options).expect("a writer");
    batches.iter().for_each(|batch| writer.write(batch).expect("written"));
    writer.into_inner().expect("finished")
}

/// The footer's description of a batch: place, length of its description, length of its body.
fn block(bytes: &[u8], batch: usize) -> [u8; 24] {
    let described = u32::from_le_bytes(*bytes[bytes.len() - 10..].first_chunk().expect("a length"));
    let footer = bytes.len() - 10 - described as usize;
    let footer = arrow_ipc::root_as_footer(&bytes[footer..bytes.len() - 10]).expect("a footer");
    footer.recordBatches().expect("batches").get(batch).0
}

#[test]
fn batches_over_one_another_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut bytes = bytes(&[candles(0, 10, "a"), candles(10, 10, "b")], None);
    let path = written(folder.path(), &bytes);
    assert_eq!(read(&path).expect("rows"), 20);
    let (first, second) = (block(&bytes, 0), block(&bytes, 1));
    let at = bytes.windows(24).rposition(|window| window == second).expect("a block");
    bytes[at..at + 24].copy_from_slice(&first);
    let error = read(&written(folder.path(), &bytes)).expect_err("the same batch twice");
    assert_eq!(error.kind(), LegacyErrorKind::Damaged);
    assert!(error.to_string().contains("lie over one another"), "{error}");
}

fn written(folder: &Path, bytes: &[u8]) -> PathBuf {
    let path = folder.join("x.feather");
    fs::write(&path, bytes).expect("written");
    path
}

fn read(path: &Path) -> Result<u64, LegacyError> {
    let file = LegacyFile::open(path)?;
    let Ok(layout) = CandleLayout::of(file.schema(0), None) else { return Ok(0) };
    let mut read = 0;
    for rows in file.candles(0, &layout, None, 0)? {
        read += rows?.len() as u64;
    }
    Ok(read)
}

#[tokio::test]
async fn batches_of_any_length_are_read_from_any_row_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let batches = [candles(0, 5, "a"), candles(5, 0, "b"), candles(5, 20_000, "c"), candles(20_005, 1, "d")];
    for codec in CODECS {
        let path = written(folder.path(), &bytes(&batches, codec));
        let file = LegacyFile::open(&path).expect("a file");
        assert_eq!((file.format(), file.rows(0)), ("feather", Some(20_006)));
        let whole = rows(&file, 0);
        assert_eq!(whole.len(), 20_006);
        assert!(whole.iter().zip(0..).all(|(row, number)| row.number == number));
        let cache = LegacyCache::new(folder.path());
        let contents = cache.contents("x.feather", &LegacyReading::default()).await.expect("a table");
        assert_eq!(contents.tables[0].candles, Ok(vec!["note".to_owned()]));
        for from in [0, 4, 5, 6, 8_197, 20_004, 20_005, 20_006, 30_000] {
            let rest = from_port(&cache, "x.feather", &LegacyReading::default(), 0, from as u64).await;
            assert_eq!(rest.expect("rows"), whole.get(from..).unwrap_or_default(), "{codec:?} from {from}");
        }
    }
}

#[test]
fn a_batch_that_takes_more_than_the_limit_is_not_unpacked() {
    let folder = tempfile::tempdir().expect("a folder");
    // Zeros, some hundred kilobytes in the file.
    let count = usize::try_from(MAX_BATCH_BYTES).expect("a count") / 8 + 1;
    let zeros: ArrayRef = Arc::new(Float64Array::from(vec![0.0; count]));
    let batch = RecordBatch::try_from_iter([("open", zeros)]).expect("a batch");
    for codec in CODECS {
        let error = read(&written(folder.path(), &bytes(std::slice::from_ref(&batch), codec)))
            .expect_err("too large");
        assert_eq!(error.kind(), LegacyErrorKind::Limit, "{error}");
        assert!(error.to_string().contains("chunksize"), "{error}");
    }
}

#[test]
fn a_column_that_claims_another_length_is_damaged_and_takes_no_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    for codec in [CompressionType::LZ4_FRAME, CompressionType::ZSTD] {
        let sound = bytes(&[candles(0, 4_096, "")], Some(codec));
        // The length of a column of eight bytes a row, before what is packed.
        let length = (4_096_i64 * 8).to_le_bytes();
        let places: Vec<usize> =
            sound.windows(8).enumerate().filter(|(_, eight)| *eight == length).map(|(at, _)| at).collect();
        assert!(places.len() >= 6, "{codec:?}");
        for (claim, kind) in [
            (8_i64, LegacyErrorKind::Damaged),
            (4_097 * 8, LegacyErrorKind::Damaged),
            (1 << 45, LegacyErrorKind::Limit),
            (i64::MAX, LegacyErrorKind::Limit),
            (-2, LegacyErrorKind::Damaged),
        ] {
            let mut bytes = sound.clone();
            let at = *places.last().expect("a place");
            bytes[at..at + 8].copy_from_slice(&claim.to_le_bytes());
            let error = read(&written(folder.path(), &bytes)).expect_err("another length");
            assert_eq!(error.kind(), kind, "{codec:?} {claim}: {error}");
        }
    }
}

#[test]
fn what_is_cut_off_or_of_version_one_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let sound = bytes(&[candles(0, 20, "x"), candles(20, 20, "y")], Some(CompressionType::LZ4_FRAME));
    assert_eq!(read(&written(folder.path(), &sound)).expect("rows"), 40);
    for cut in (0..sound.len()).step_by(7) {
        let error = read(&written(folder.path(), &sound[..cut])).expect_err("the end is missing");
        let is_told = matches!(error.kind(), LegacyErrorKind::Damaged | LegacyErrorKind::Unsupported);
        assert!(is_told, "{cut}: {error}");
    }
    let error = read(&written(folder.path(), b"FEA1\0\0\0\0")).expect_err("version 1");
    assert_eq!(error.kind(), LegacyErrorKind::Unsupported, "{error}");
    assert!(error.to_string().contains("version 1"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn flipped_bits_never_panic(which in 0_usize..3, flips in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..8), 1..6)) {
        let folder = tempfile::tempdir().expect("a folder");
        let mut bytes = bytes(&[candles(0, 50, "x"), candles(50, 3, "y")], CODECS[which]);
        for (at, bit) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        // Some flips change a value, which nothing can tell here; others are errors.
        let _ = read(&written(folder.path(), &bytes));
    }
}
