//! Fuzz targets of everything that reads outside bytes.
//!
//! Under `cargo test` each runs a moment on random input. For longer, guided by coverage, on stable Rust:
//! `cargo bolero test -p onetape-parquet-legacy pickles --profile release --sanitizer NONE --rustc-bootstrap -T 600s`
//! or, without `cargo-bolero`, on random input:
//! `BOLERO_RANDOM_TEST_TIME_MS=600000 cargo test --release -p onetape-parquet-legacy --test fuzz`.

use std::path::Path;
use std::sync::Arc;

use arrow_array::types::Float64Type;
use arrow_array::{
    ArrayRef, Date32Array, Decimal128Array, Float32Array, Float64Array, Int64Array, NullArray,
    PrimitiveArray, RecordBatch, StringArray, TimestampNanosecondArray, UInt64Array,
};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions};
use bolero::check;
use onetape_parquet_legacy::pickle::PickleFile;
use onetape_parquet_legacy::{CandleLayout, LegacyFile};

/// Pieces of pickles: random bytes alone seldom get past the first instruction.
const PIECES: [&[u8]; 48] = [
    b"(",
    b")",
    b"]",
    b"}",
    b"a",
    b"e",
    b"s",
    b"u",
    b"t",
    b"\x85",
    b"\x86",
    b"\x87",
    b"R",
    b"b",
    b"\x81",
    b"\x93",
    b"0",
    b"1",
    b"2",
    b"\x94",
    b"h\x00",
    b"h\x01",
    b"h\x02",
    b"N",
    b"\x88",
    b"\x89",
    b"K\x01",
    b"K\x02",
    b"J\x00[\xb5f",
    b"G@\xa4\xf7\xf5\xc2\x8f\\)",
    b"\x8c\x01<",
    b"\x8c\x02f8",
    b"\x8c\x02M8",
    b"\x8c\x02O8",
    b"\x8c\x01C",
    b"\x8c\x04open",
    b"\x8c\x04data",
    b"\x8c\x04_mgr",
    b"C\x0812345678",
    b"cnumpy\ndtype\n",
    b"cnumpy.core.numeric\n_frombuffer\n",
    b"cnumpy.core.multiarray\n_reconstruct\n",
    b"cpandas\nDataFrame\n",
    b"cpandas.core.internals.managers\nBlockManager\n",
    b"cpandas._libs.internals\n_unpickle_block\n",
    b"cpandas.core.indexes.base\n_new_Index\n",
    b"cdatetime\ndatetime\n",
    b"cdecimal\nDecimal\n",
];

/// A pickle put together from pieces: a byte below 192 picks one, one above stands for itself.
fn compose(seed: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x80\x04".to_vec();
    for byte in seed {
        match PIECES.get(usize::from(*byte) / 4) {
            Some(piece) => bytes.extend_from_slice(piece),
            None => bytes.push(byte.wrapping_mul(7)),
        }
    }
    bytes.push(b'.');
    bytes
}

fn read(bytes: Vec<u8>) {
    let Ok(file) = PickleFile::of_bytes("fuzz.pkl", bytes) else { return };
    for table in file.tables() {
        let mut rows = 0;
        for batch in file.batches(table, 0) {
            match batch {
                Ok(batch) => rows += batch.num_rows() as u64,
                Err(_) => return,
            }
        }
        assert_eq!(rows, table.rows(), "a table has the rows it says");
    }
}

#[test]
fn pickles() {
    check!().for_each(|seed: &[u8]| {
        read(seed.to_vec());
        read(compose(seed));
    });
}

/// Names that mean something, and some that do not.
const NAMES: [&str; 16] = [
    "timestamp",
    "Open Time",
    "ts",
    "index",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "trades",
    "taker_buy_base",
    "0",
    "price",
    "bids",
    "asks",
    "",
];

/// A column of some rows: which kind, and eight bytes a value.
fn column(kind: u8, values: &[i64]) -> ArrayRef {
    let valid = |value: &i64| (value % 7 != 0).then_some(*value);
    let some = values.iter().map(valid);
    let floats = some.clone().map(|value| value.map(|value| f64::from_bits(value.cast_unsigned())));
    match kind % 9 {
        0 => Arc::new(PrimitiveArray::<Float64Type>::from_iter(floats)),
        1 => Arc::new(Int64Array::from_iter(some)),
        2 => Arc::new(StringArray::from_iter(floats.map(|value| value.map(|value| format!("{value:e}"))))),
        3 => Arc::new(TimestampNanosecondArray::from_iter(some)),
        4 => Arc::new(UInt64Array::from_iter(some.map(|value| value.map(i64::cast_unsigned)))),
        5 => Arc::new(Date32Array::from_iter(some.map(|value| value.map(|value| value as i32)))),
        6 => Arc::new(Float32Array::from_iter(floats.map(|value| value.map(|value| value as f32)))),
        7 => {
            let wide = some.map(|value| value.map(|value| i128::from(value) << (value & 63)));
            let scale = (values.first().unwrap_or(&0) % 38) as i8;
            let decimals = Decimal128Array::from_iter(wide).with_precision_and_scale(38, scale);
            decimals
                .map_or_else(|_| Arc::new(NullArray::new(values.len())) as ArrayRef, |array| Arc::new(array))
        }
        _ => Arc::new(NullArray::new(values.len())),
    }
}

#[test]
fn layouts() {
    check!().with_type::<(Vec<(u8, u8)>, Vec<i64>, Option<u8>)>().for_each(|(columns, values, rounding)| {
        let named = |(name, kind): &(u8, u8)| {
            let name = NAMES[usize::from(*name) % NAMES.len()].to_owned();
            (name, column(*kind, values))
        };
        // A whole candle, and what else there may be.
        let whole = NAMES[4..9].iter().zip(columns.iter().chain(&[(0, 0)]).cycle());
        let whole = whole.map(|(name, (_, kind))| ((*name).to_owned(), column(*kind, values)));
        let time = [("time".to_owned(), column(columns.first().map_or(3, |column| column.0), values))];
        for columns in
            [columns.iter().map(named).collect::<Vec<_>>(), time.into_iter().chain(whole).collect()]
        {
            let Ok(batch) = RecordBatch::try_from_iter(columns) else { return };
            let schema = batch.schema();
            let Ok(layout) = CandleLayout::of(&schema, None) else { continue };
            let read = layout.columns();
            assert!(read.iter().all(|at| *at < schema.fields().len()), "columns are those of the table");
            assert_eq!(read.len() + layout.ignored().len(), schema.fields().len(), "none is forgotten");
            let rows = layout.rows(&batch, 5, rounding.map(|decimals| decimals % 13), &mut None);
            assert_eq!(rows.len(), values.len(), "every row says something");
        }
    });
}

/// Opens a file and reads what candles are in it.
fn read_file(path: &Path) {
    let Ok(file) = LegacyFile::open(path) else { return };
    for table in 0..file.tables() {
        let Ok(layout) = CandleLayout::of(file.schema(table), None) else { continue };
        let Ok(batches) = file.candles(table, &layout, None, 1) else { continue };
        for (row, number) in batches.map_while(Result::ok).flatten().zip(1..) {
            assert_eq!(row.number, number, "rows are numbered one by one");
        }
    }
}

#[test]
fn lines_and_names() {
    let folder = tempfile::tempdir().expect("a folder");
    check!().with_type::<(Vec<u8>, Vec<u8>, Vec<u8>)>().for_each(|(name, first, rest)| {
        let of = |letters: &[u8], bytes: &[u8]| -> String {
            bytes
                .iter()
                .map(|byte| char::from(letters[usize::from(*byte) % letters.len()]))
                .take(200)
                .collect()
        };
        let text = |bytes: &[u8]| of(b"0123456789.,,,\n;\"-:eT", bytes);
        // What LEAN would write, and what nobody would.
        let name = of(b"0123456789_-a ", name);
        let lines = format!("{},1,3,0.5,2,7\n{}", text(first), text(rest));
        for (name, bytes) in
            [(format!("{name}.csv"), lines.as_bytes()), (format!("20240809{name}.csv"), rest)]
        {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).expect("written");
            read_file(&path);
            std::fs::remove_file(&path).expect("removed");
        }
    });
}

/// A sound Feather file of two batches.
fn feather(codec: Option<CompressionType>) -> Vec<u8> {
    let values = Float64Array::from_iter_values((0..64).map(f64::from));
    let times = Int64Array::from_iter_values(1_723_161_600..1_723_161_664);
    let values = NAMES[4..9].iter().map(|name| (*name, Arc::new(values.clone()) as ArrayRef));
    let columns = std::iter::once(("ts", Arc::new(times) as ArrayRef)).chain(values);
    let batch = RecordBatch::try_from_iter(columns).expect("a batch");
    let options = IpcWriteOptions::default().try_with_compression(codec).expect("options");
    let mut writer =
        FileWriter::try_new_with_options(Vec::new(), &batch.schema(), options).expect("a writer");
    for _ in 0..2 {
        writer.write(&batch).expect("written");
    }
    writer.into_inner().expect("finished")
}

#[test]
fn feathers() {
    let sound = [None, Some(CompressionType::LZ4_FRAME), Some(CompressionType::ZSTD)].map(feather);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.feather");
    check!().with_type::<(u8, Vec<(u16, u8)>)>().for_each(|(which, changes)| {
        let mut bytes = sound[usize::from(*which) % sound.len()].clone();
        for (at, value) in changes.iter().take(16) {
            let at = usize::from(*at) % bytes.len();
            bytes[at] = *value;
        }
        std::fs::write(&path, &bytes).expect("written");
        read_file(&path);
    });
}
