//! Parquet files that claim more than they hold, or hold more than anybody wants.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use onetape_parquet_legacy::parquet::{MAX_PAGE_BYTES, ParquetFile};
use onetape_parquet_legacy::{LegacyError, LegacyErrorKind};
use onetape_testkit::data;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use proptest::prelude::*;

fn write(folder: &Path, columns: &[(&str, ArrayRef)], properties: WriterProperties) -> PathBuf {
    let path = folder.join("table.parquet");
    let batch = RecordBatch::try_from_iter(columns.iter().map(|(name, column)| (*name, column.clone())))
        .expect("a batch");
    let file = fs::File::create(&path).expect("a file");
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).expect("a writer");
    writer.write(&batch).expect("written");
    writer.close().expect("closed");
    path
}

fn read(path: &Path) -> Result<u64, LegacyError> {
    let file = ParquetFile::open(path)?;
    let columns: Vec<usize> = (0..file.schema().fields().len()).collect();
    let mut rows = 0;
    for batch in file.batches(&columns, 0)? {
        rows += batch?.num_rows() as u64;
    }
    Ok(rows)
}

#[test]
fn every_codec_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let column: ArrayRef = Arc::new(Float64Array::from_iter_values((0..20_000).map(f64::from)));
    for codec in [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(Default::default()),
        Compression::BROTLI(Default::default()),
        Compression::LZ4,
        Compression::LZ4_RAW,
        Compression::ZSTD(Default::default()),
    ] {
        let properties = WriterProperties::builder().set_compression(codec).build();
        let path = write(folder.path(), &[("x", column.clone())], properties);
        assert_eq!(read(&path).expect("rows"), 20_000, "{codec:?}");
    }
}

#[test]
fn a_page_that_unpacks_to_more_than_the_limit_is_not_unpacked() {
    let folder = tempfile::tempdir().expect("a folder");
    // One text of blanks, some kilobytes in the file.
    let blanks = " ".repeat(usize::try_from(MAX_PAGE_BYTES).expect("a length") + 1);
    let column: ArrayRef = Arc::new(StringArray::from(vec![blanks.as_str()]));
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(Default::default()))
        .set_dictionary_enabled(false)
        .set_statistics_enabled(parquet::file::properties::EnabledStatistics::None)
        .build();
    let path = write(folder.path(), &[("x", column)], properties);
    assert!(fs::metadata(&path).expect("a file").len() < 1 << 20);
    let error = read(&path).expect_err("too much");
    assert_eq!(error.kind(), LegacyErrorKind::Limit, "{error}");
    assert!(error.to_string().contains("column `\"x\"`, row group 0"), "{error}");
}

#[test]
fn a_column_that_nobody_asks_for_is_not_looked_at() {
    let folder = tempfile::tempdir().expect("a folder");
    let blanks = " ".repeat(usize::try_from(MAX_PAGE_BYTES).expect("a length") + 1);
    let columns: [(&str, ArrayRef); 2] = [
        ("x", Arc::new(Int64Array::from(vec![1]))),
        ("note", Arc::new(StringArray::from(vec![blanks.as_str()]))),
    ];
    let properties =
        WriterProperties::builder().set_compression(Compression::ZSTD(Default::default())).build();
    let path = write(folder.path(), &columns, properties);
    let file = ParquetFile::open(&path).expect("a file");
    assert_eq!(
        file.batches(&[0], 0)
            .expect("sound pages")
            .map(|batch| batch.expect("a batch").num_rows())
            .sum::<usize>(),
        1
    );
}

#[test]
fn a_description_longer_than_the_file_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.parquet");
    for (bytes, said) in [
        (b"PAR1\xff\xff\xff\x7fPAR1".to_vec(), "longer than the file"),
        (b"PAR1".to_vec(), "too short"),
        (b"PAR1 and then nothing of the kind".to_vec(), "does not end as a Parquet file does"),
    ] {
        fs::write(&path, bytes).expect("written");
        let error = read(&path).expect_err("no Parquet file");
        assert!(error.to_string().contains(said), "{error}");
    }
}

#[test]
fn a_file_cut_anywhere_is_an_error() {
    let Some(folder) = data::folder() else { return };
    let bytes = fs::read(folder.join("legacy_cache/pandas-2.2.3/ETHUSDT_5m.parquet")).expect("a file");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("cut.parquet");
    for cut in (0..bytes.len()).step_by(7) {
        fs::write(&path, &bytes[..cut]).expect("written");
        assert_eq!(read(&path).expect_err("the end is missing").kind(), LegacyErrorKind::Damaged);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn flipped_bits_never_panic(flips in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..8), 1..6)) {
        if let Some(folder) = data::folder() {
            let mut bytes = fs::read(folder.join("legacy_cache/pandas-2.2.3/ETHUSDT_1m.parquet")).expect("a file");
            for (at, bit) in flips {
                let at = at.index(bytes.len());
                bytes[at] ^= 1 << bit;
            }
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("flipped.parquet");
            fs::write(&path, bytes).expect("written");
            let _ = read(&path);
        }
    }
}
