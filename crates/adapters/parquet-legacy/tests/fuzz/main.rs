//! Fuzz targets of everything that reads outside bytes.
//!
//! Under `cargo test` each runs a moment on random input. For longer, guided by coverage, on stable Rust:
//! `cargo bolero test -p onetape-parquet-legacy pickles --profile release --sanitizer NONE --rustc-bootstrap -T 600s`
//! or, without `cargo-bolero`, on random input:
//! `BOLERO_RANDOM_TEST_TIME_MS=600000 cargo test --release -p onetape-parquet-legacy --test fuzz`.

use bolero::check;
use onetape_parquet_legacy::pickle::PickleFile;

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
