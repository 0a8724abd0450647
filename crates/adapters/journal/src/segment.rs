//! The form of a segment: a head, then records, each with a checksum over its head and one over its body.
//!
//! Both checksums are over the segment's number and the record's place too, so that bytes of another file or of another
//! place are never taken for a record. The one over the head makes its length certain: behind a damaged body the next
//! record is found at once, behind a damaged head by looking at every byte.

/// First bytes of every segment; the last one is the version of the form.
const MAGIC: [u8; 8] = *b"onetape\x01";
/// Length of a segment's head: magic, number, checksum.
pub(crate) const SEGMENT_HEAD: usize = 20;
/// Length of a record's head: length of the body, checksum of that, checksum of the body.
pub(crate) const RECORD_HEAD: usize = 12;
/// Longest body; a book of 20,000 levels a side takes less than 1 MiB.
pub(crate) const MAX_BODY: usize = 16 << 20;

/// The head of a segment.
pub(crate) fn segment_head(number: u64) -> [u8; SEGMENT_HEAD] {
    let mut head = [0; SEGMENT_HEAD];
    head[..8].copy_from_slice(&MAGIC);
    head[8..16].copy_from_slice(&number.to_le_bytes());
    let checksum = crc32c::crc32c(&head[..16]);
    head[16..].copy_from_slice(&checksum.to_le_bytes());
    head
}

/// Appends a record that will lie at `offset` of a segment.
pub(crate) fn put_record(out: &mut Vec<u8>, number: u64, offset: u64, body: &[u8]) {
    let place = place(number, offset);
    let length = (body.len() as u32).to_le_bytes();
    out.extend(length);
    out.extend(crc32c::crc32c_append(place, &length).to_le_bytes());
    out.extend(crc32c::crc32c_append(place, body).to_le_bytes());
    out.extend_from_slice(body);
}

/// Checksum that begins every other one at this place.
fn place(number: u64, offset: u64) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&number.to_le_bytes()), &offset.to_le_bytes())
}

/// What lies at a place of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found<'a> {
    /// A whole record.
    Record { body: &'a [u8] },
    /// A record whose body is damaged or cut, of this many bytes with its head.
    Damaged { bytes: usize },
    /// No head of a record.
    Nothing,
}

/// Looks at `offset` of a segment whose bytes from there on are `rest`.
pub(crate) fn look(number: u64, offset: u64, rest: &[u8]) -> Found<'_> {
    let Some((head, rest)) = rest.split_first_chunk::<RECORD_HEAD>() else {
        return Found::Nothing;
    };
    let word = |at: usize| [head[at], head[at + 1], head[at + 2], head[at + 3]];
    let place = place(number, offset);
    if crc32c::crc32c_append(place, &word(0)) != u32::from_le_bytes(word(4)) {
        return Found::Nothing;
    }
    let length = u32::from_le_bytes(word(0)) as usize;
    match rest.get(..length) {
        Some(body) if crc32c::crc32c_append(place, body) == u32::from_le_bytes(word(8)) => {
            Found::Record { body }
        }
        Some(_) => Found::Damaged { bytes: RECORD_HEAD + length },
        None => Found::Damaged { bytes: RECORD_HEAD + rest.len() },
    }
}
