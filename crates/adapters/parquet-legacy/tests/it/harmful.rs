//! Pickles that are damaged, or made to do harm: an error that says what, in bounded time and memory, and never a panic.

use onetape_parquet_legacy::pickle::PickleFile;
use onetape_parquet_legacy::{LegacyError, LegacyErrorKind};
use onetape_testkit::data;
use proptest::prelude::*;

/// Opens a pickle and reads all of its rows.
fn read(bytes: &[u8]) -> Result<u64, LegacyError> {
    let file = PickleFile::of_bytes("test.pkl", bytes.to_vec())?;
    let mut rows = 0;
    for table in file.tables() {
        for batch in file.batches(table, 0) {
            rows += batch?.num_rows() as u64;
        }
    }
    Ok(rows)
}

fn refused(bytes: &[u8]) -> String {
    let error = read(bytes).expect_err("an error");
    assert_eq!(error.kind(), LegacyErrorKind::Refused, "{error}");
    error.to_string()
}

fn kind(bytes: &[u8]) -> LegacyErrorKind {
    read(bytes).expect_err("an error").kind()
}

#[test]
fn names_outside_the_list_are_refused_however_they_are_written() {
    assert!(refused(b"\x80\x02cos\nsystem\nX\x02\0\0\0id\x85R.").contains("`os.system`"));
    assert!(refused(b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R.").contains("`builtins.eval`"));
    // A module that is on the list, with a name that is not.
    assert!(refused(b"\x80\x02cpandas\nread_pickle\n.").contains("`pandas.read_pickle`"));
    // A name with a dot, which would be an attribute of one that is on the list.
    assert!(refused(b"\x80\x04\x8c\x05numpy\x8c\x0bdtype.mro()\x93.").contains("dtype.mro()"));
    // Any attribute but the one that zones of time are written with.
    assert!(
        refused(b"\x80\x02cbuiltins\ngetattr\ncnumpy\nndarray\nX\x06\0\0\0tofile\x86R.")
            .contains("attribute")
    );
}

#[test]
fn what_leads_outside_the_file_is_not_followed() {
    for code in
        [b"\x80\x04Pabc\n.".as_slice(), b"\x80\x04\x8c\x01aQ.", b"\x80\x02\x82\x01.", b"\x80\x05\x97."]
    {
        assert_eq!(kind(code), LegacyErrorKind::Unsupported, "{code:?}");
    }
    // Protocol 0 has no first byte that says so, protocol 6 does not exist.
    assert_eq!(kind(b"(lp0\nI1\na."), LegacyErrorKind::Unsupported);
    assert_eq!(kind(b"\x80\x06."), LegacyErrorKind::Unsupported);
}

#[test]
fn a_stream_that_makes_no_sense_is_damaged() {
    for code in [
        b"".as_slice(),
        b"\x80\x04",
        b"\x80\x04.",
        b"\x80\x04(.",
        b"\x80\x04(t",
        b"\x80\x04h\x05.",
        b"\x80\x04]K\x01s.",
        b"\x80\x04}(K\x01u.",
        b"\x80\x04K\x01K\x02a.",
        b"\x80\x04K\x01K\x02b.",
        b"\x80\x04K\x01)R.",
        b"\x80\x04N\x85N\x86\x87.",
        b"\x80\x04X\xff\xff\xff\xffab.",
        b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\xffab.",
    ] {
        assert_eq!(kind(code), LegacyErrorKind::Damaged, "{code:?}");
    }
    assert_eq!(kind(b"\x80\x04\x8a\x09123456789."), LegacyErrorKind::Limit, "an integer of 72 bits");
}

#[test]
fn values_that_hold_themselves_end() {
    // A list in itself, a hundred times.
    let mut inside = b"\x80\x04]\x94(".to_vec();
    inside.extend(b"h\x00".repeat(100));
    inside.extend(b"e.");
    assert_eq!(kind(&inside), LegacyErrorKind::Limit);
    // A dictionary of tables that holds itself.
    assert_eq!(kind(b"\x80\x04}\x94(\x8c\x01ah\x00u."), LegacyErrorKind::Limit);
}

#[test]
fn small_files_cannot_stand_for_more_than_memory_holds() {
    // One record of ten values, named five million times.
    let mut again = b"\x80\x04]\x94}\x94(".to_vec();
    for name in b'a'..=b'j' {
        again.extend([0x8c, 1, name, b'K', 1]);
    }
    again.extend(b"u0h\x00(");
    again.extend(b"h\x01".repeat(5_000_000));
    again.extend(b"e.");
    assert_eq!(kind(&again), LegacyErrorKind::Limit);
    // Millions of empty lists, and nothing but marks.
    assert_eq!(kind(&[b"\x80\x04(".as_slice(), &b"]".repeat(2_000_000)].concat()), LegacyErrorKind::Limit);
    assert_eq!(kind(&[b"\x80\x04".as_slice(), &b"(".repeat(11_000_000)].concat()), LegacyErrorKind::Limit);
}

#[test]
fn arrays_that_claim_more_than_their_bytes_are_not_read() {
    // `_frombuffer(b'12345678', dtype('f8'), (1 << 40, 2), 'C')`, with the state of the type.
    let mut bytes =
        b"\x80\x04cnumpy.core.numeric\n_frombuffer\n(C\x0812345678cnumpy\ndtype\n\x8c\x02f8\x89\x88\x87R"
            .to_vec();
    bytes.extend(b"(K\x03\x8c\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb");
    bytes.extend(b"\x8a\x06\0\0\0\0\0\x01K\x02\x86\x8c\x01CtR.");
    let error = read(&bytes).expect_err("no such array");
    assert_eq!(error.kind(), LegacyErrorKind::Unsupported, "{error}");
}

#[test]
fn lists_whose_rows_differ_name_the_row() {
    // [[1, 2], [3]]
    let error = read(b"\x80\x04](](K\x01K\x02e](K\x03ee.").expect_err("no table");
    assert!(error.to_string().contains("row 1 of a list has not 2 values"), "{error}");
}

/// Pickles of real caches, the smaller ones.
fn caches() -> Vec<Vec<u8>> {
    let Some(folder) = data::folder() else { return Vec::new() };
    ["pandas-1.5.3/ETHUSDT_1m.p5.pkl", "pandas-2.2.3/ETHUSDT_1m_list.pkl", "pandas-2.2.3/ohlcv_cache.pkl"]
        .map(|name| std::fs::read(folder.join("legacy_cache").join(name)).expect("a file"))
        .to_vec()
}

#[test]
fn a_pickle_cut_at_any_byte_is_an_error() {
    for bytes in caches() {
        let whole = read(&bytes).expect("a sound file");
        assert!(whole > 0);
        for cut in 0..bytes.len() {
            read(&bytes[..cut]).expect_err("the end is missing");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn flipped_bits_never_panic(which in 0_usize..3, flips in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..8), 1..6)) {
        let caches = caches();
        if let Some(mut bytes) = caches.get(which).cloned() {
            for (at, bit) in flips {
                let at = at.index(bytes.len());
                bytes[at] ^= 1 << bit;
            }
            // Some flips change a value, which nothing can tell here; others are errors.
            let _ = read(&bytes);
        }
    }
}
