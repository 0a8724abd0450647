//! Published candles in zip archives of one file each, unpacked here without a zip library.

use std::io::Read as _;

use flate2::read::DeflateDecoder;
use onetape_testkit::data::folder;

/// Length of a local file header without name and extra field.
const HEADER: usize = 30;

/// Method of a deflated file.
const DEFLATED: usize = 8;

/// Rows of the first file of an archive, which has no header line; none without test data.
pub(crate) fn rows(path: &str) -> Option<Vec<Vec<String>>> {
    let bytes = std::fs::read(folder()?.join(path)).expect("archive");
    let number = |at: usize| usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
    assert_eq!((&bytes[..4], number(8)), (&b"PK\x03\x04"[..], DEFLATED), "{path}: a deflated file");
    let content = HEADER + number(26) + number(28);
    let mut text = String::new();
    DeflateDecoder::new(&bytes[content..]).read_to_string(&mut text).expect("deflated text");
    Some(text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect())
}
