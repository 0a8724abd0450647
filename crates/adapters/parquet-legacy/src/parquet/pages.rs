//! What a file claims, looked at before anything is given memory for it.
//!
//! Headers of pages are in the compact protocol of Thrift (`parquet.thrift`, struct `PageHeader`): field 2 is the size of
//! the page once decompressed, field 3 that in the file. All others are passed over.

use std::fs::File;

use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::{ChunkReader, Length as _};

use super::{MAX_FOOTER_BYTES, MAX_PAGE_BYTES};
use crate::error::{LegacyError, LegacyErrorKind};

/// Most bytes of the header of a page, statistics included.
const MAX_HEADER: usize = 64 << 10;
/// Most pages of a file.
const MAX_PAGES: u64 = 10_000_000;
/// Deepest nesting of a header.
const MAX_NESTING: usize = 8;

/// A claim that does not hold.
pub(super) struct Problem(LegacyErrorKind, String);

impl Problem {
    pub(super) fn at(self, name: &str) -> LegacyError {
        LegacyError::new(self.0, name, self.1)
    }
}

fn damaged(message: impl Into<String>) -> Problem {
    Problem(LegacyErrorKind::Damaged, message.into())
}

/// Checks the last eight bytes: the length of the description, and `PAR1`.
pub(super) fn check_footer(file: &File) -> Result<(), Problem> {
    let length = file.len();
    if length == 0 {
        return Err(damaged("the file is empty"));
    }
    let end = length
        .checked_sub(8)
        .filter(|end| *end >= 4)
        .ok_or_else(|| damaged("is too short for a Parquet file"))?;
    let footer = file.get_bytes(end, 8).map_err(|error| damaged(format!("cannot be read: {error}")))?;
    let [a, b, c, d, magic @ ..] = footer.as_ref() else {
        return Err(damaged("is too short for a Parquet file"));
    };
    if magic != b"PAR1" {
        return Err(damaged("does not end as a Parquet file does: it was cut off, or is something else"));
    }
    let description = u64::from(u32::from_le_bytes([*a, *b, *c, *d]));
    if description > end {
        return Err(damaged("says that its description is longer than the file"));
    }
    if description > MAX_FOOTER_BYTES {
        let message = format!("is described by more than {} MiB", MAX_FOOTER_BYTES >> 20);
        return Err(Problem(LegacyErrorKind::Limit, message));
    }
    Ok(())
}

/// Checks the headers of all pages of some columns.
pub(super) fn check_pages(file: &File, metadata: &ParquetMetaData, columns: &[usize]) -> Result<(), Problem> {
    let mut pages = 0;
    for (group, row_group) in metadata.row_groups().iter().enumerate() {
        for (at, column) in row_group.columns().iter().enumerate() {
            let root = metadata.file_metadata().schema_descr().get_column_root_idx(at);
            if !columns.contains(&root) {
                continue;
            }
            let place = || format!("column `{}`, row group {group}", column.column_path());
            let start =
                u64::try_from(column.dictionary_page_offset().unwrap_or(column.data_page_offset())).ok();
            let length = u64::try_from(column.compressed_size()).ok();
            let end = start.zip(length).and_then(|(start, length)| start.checked_add(length));
            let (Some(start), Some(end)) = (start, end.filter(|end| *end <= file.len())) else {
                return Err(damaged(format!("{} lies outside the file", place())));
            };
            let mut from = start;
            while from < end {
                pages += 1;
                if pages > MAX_PAGES {
                    return Err(Problem(LegacyErrorKind::Limit, format!("has more than {MAX_PAGES} pages")));
                }
                let header = header(file, from, end)
                    .ok_or_else(|| damaged(format!("{}: the page at byte {from} has no header", place())))?;
                if header.decompressed > MAX_PAGE_BYTES {
                    let message = format!(
                        "{}: the page at byte {from} would take {} bytes decompressed; at most {} MiB are",
                        place(),
                        header.decompressed,
                        MAX_PAGE_BYTES >> 20
                    );
                    return Err(Problem(LegacyErrorKind::Limit, message));
                }
                from = from.saturating_add(header.length).saturating_add(header.compressed);
            }
            if from != end {
                return Err(damaged(format!("{}: the last page does not end where it should", place())));
            }
        }
    }
    Ok(())
}

/// What of a page's header matters here.
struct Header {
    length: u64,
    decompressed: u64,
    compressed: u64,
}

fn header(file: &File, from: u64, end: u64) -> Option<Header> {
    // Most have some dozens of bytes.
    for ahead in [256, MAX_HEADER] {
        let bytes = usize::try_from(end - from).unwrap_or(usize::MAX).min(ahead);
        let read = file.get_bytes(from, bytes).ok()?;
        let mut thrift = Thrift(&read);
        if let Some((decompressed, compressed)) = thrift.page_header() {
            let length = (bytes - thrift.0.len()) as u64;
            return Some(Header { length, decompressed, compressed });
        }
    }
    None
}

/// Bytes in the compact protocol.
struct Thrift<'a>(&'a [u8]);

impl Thrift<'_> {
    /// Sizes of a page, decompressed and in the file.
    fn page_header(&mut self) -> Option<(u64, u64)> {
        let (mut id, mut sizes) = (0, [None; 2]);
        loop {
            let (next, kind) = self.field(id)?;
            if kind == 0 {
                return Some((sizes[0]?, sizes[1]?));
            }
            id = next;
            match (id, kind) {
                (2 | 3, 5) => {
                    sizes[usize::try_from(id - 2).ok()?] = Some(u64::try_from(self.zigzag()?).ok()?)
                }
                _ => self.pass(kind, 0)?,
            }
        }
    }

    /// Number and type of the next field; type 0 ends a struct.
    fn field(&mut self, before: i64) -> Option<(i64, u8)> {
        let byte = self.byte()?;
        let kind = byte & 0x0f;
        match byte >> 4 {
            _ if kind == 0 => Some((before, 0)),
            0 => Some((self.zigzag()?, kind)),
            delta => Some((before + i64::from(delta), kind)),
        }
    }

    /// Passes over a value.
    fn pass(&mut self, kind: u8, depth: usize) -> Option<()> {
        if depth > MAX_NESTING {
            return None;
        }
        match kind {
            // The type says it all.
            1 | 2 => Some(()),
            3 => self.byte().map(drop),
            4..=6 => self.varint().map(drop),
            7 => self.take(8),
            8 => {
                let length = usize::try_from(self.varint()?).ok()?;
                self.take(length)
            }
            9 | 10 => {
                let byte = self.byte()?;
                let count = match byte >> 4 {
                    15 => self.varint()?,
                    count => u64::from(count),
                };
                // In a list a truth value has a byte of its own.
                let kind = if matches!(byte & 0x0f, 1 | 2) { 3 } else { byte & 0x0f };
                (0..count).try_for_each(|_| self.pass(kind, depth + 1))
            }
            12 => {
                let mut id = 0;
                loop {
                    let (next, kind) = self.field(id)?;
                    if kind == 0 {
                        return Some(());
                    }
                    id = next;
                    self.pass(kind, depth + 1)?;
                }
            }
            _ => None,
        }
    }

    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    fn take(&mut self, count: usize) -> Option<()> {
        self.0 = self.0.get(count..)?;
        Some(())
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn zigzag(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }
}
