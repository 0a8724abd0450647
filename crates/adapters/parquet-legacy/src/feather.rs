//! Feather files of version 2, which are files of Arrow: batches of rows that are read one by one, packed or not.
//!
//! What each batch claims is looked at before anything is given memory for it: [`MAX_BATCH_BYTES`] hold for its bytes in the
//! file and for what they unpack to. The categories of columns are not read: no column of candles has some.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::convert::fb_to_schema;
use arrow_ipc::reader::FileDecoder;
use arrow_ipc::{Block, CompressionType, MetadataVersion, root_as_footer, root_as_message};
use arrow_schema::{Schema, SchemaRef};
use bytes::Bytes;
use lz4_flex::frame::FrameDecoder;
use parquet::file::reader::ChunkReader as _;

use crate::BATCH_ROWS;
use crate::error::{LegacyError, LegacyErrorKind, guarded, io as io_error};

/// Most bytes of a batch of rows, in the file and unpacked.
pub const MAX_BATCH_BYTES: u64 = 64 << 20;
/// Most rows of a batch.
pub const MAX_FILE_BATCH_ROWS: u64 = 16 << 20;
/// Most bytes of the description of a file, which stands at its end.
pub const MAX_FOOTER_BYTES: u64 = 16 << 20;
/// Most bytes of the description of a batch.
const MAX_DESCRIPTION_BYTES: u64 = 1 << 20;
/// What a file begins and ends with.
pub(crate) const MAGIC: &[u8; 6] = b"ARROW1";
/// What stands before the length of a message since version 0.15 of Arrow.
const CONTINUATION: [u8; 4] = [0xff; 4];
/// The length of a buffer that is not packed after all.
const NOT_PACKED: i64 = -1;

/// A Feather file whose description was read.
#[derive(Debug)]
pub struct FeatherFile {
    name: String,
    file: File,
    schema: SchemaRef,
    version: MetadataVersion,
    batches: Vec<Batch>,
}

/// Where a batch is, and the rows it says it has.
#[derive(Debug, Clone, Copy)]
struct Batch {
    block: Block,
    rows: u64,
}

impl FeatherFile {
    /// Reads what a file and each batch in it say of themselves.
    ///
    /// # Errors
    /// For a file that cannot be read, is damaged, or has batches of more than [`MAX_BATCH_BYTES`].
    pub fn open(path: &Path) -> Result<Self, LegacyError> {
        let name = path.display().to_string();
        let file = File::open(path).map_err(|error| io_error(&name, "open", error))?;
        let length = file.metadata().map_err(|error| io_error(&name, "look at", error))?.len();
        let mut opened = Self {
            name,
            file,
            schema: Arc::new(Schema::empty()),
            version: MetadataVersion::V5,
            batches: Vec::new(),
        };
        let footer = opened.footer(length)?;
        let (schema, version, blocks) = guarded(&opened.name, || opened.described(&footer))?;
        (opened.schema, opened.version) = (schema, version);
        opened.check_apart(&blocks)?;
        for block in blocks {
            let rows = opened.rows_of(&block, length)?;
            opened.batches.push(Batch { block, rows });
        }
        Ok(opened)
    }

    /// Its path, as errors name it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Its columns. Times without a zone have none here either, and count as UTC.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// How many rows it says it has.
    pub fn rows(&self) -> u64 {
        self.batches.iter().map(|batch| batch.rows).sum()
    }

    /// The rows of some columns from a row on, columns by their places in the schema and in its order, at most [`BATCH_ROWS`]
    /// at a time; after an error no more. Batches of the file before are not read.
    pub fn batches(
        &self,
        columns: &[usize],
        from: u64,
    ) -> impl Iterator<Item = Result<RecordBatch, LegacyError>> + '_ {
        let decoder = FileDecoder::new(self.schema.clone(), self.version).with_projection(columns.to_vec());
        let (mut waiting, mut skipped, mut rest) = (self.batches.iter(), from, None::<RecordBatch>);
        std::iter::from_fn(move || {
            while rest.as_ref().is_none_or(|rest| rest.num_rows() == 0) {
                let next = waiting.find(|batch| {
                    let is_before = batch.rows <= skipped;
                    skipped -= if is_before { batch.rows } else { 0 };
                    !is_before
                })?;
                match self.read(&decoder, next) {
                    Ok(read) => {
                        let first = usize::try_from(std::mem::take(&mut skipped)).unwrap_or(usize::MAX);
                        rest = Some(read.slice(first, read.num_rows() - first));
                    }
                    Err(error) => {
                        waiting = [].iter();
                        return Some(Err(error));
                    }
                }
            }
            let whole = rest.take()?;
            let count = whole.num_rows().min(BATCH_ROWS);
            rest = Some(whole.slice(count, whole.num_rows() - count));
            Some(Ok(whole.slice(0, count)))
        })
    }

    /// The description at the end.
    fn footer(&self, length: u64) -> Result<Bytes, LegacyError> {
        let end = length.checked_sub(10).filter(|end| *end >= 8);
        let end = end.ok_or_else(|| self.damaged("is too short for a Feather file"))?;
        let tail: [u8; 10] = *self.bytes(end, 10)?.first_chunk().unwrap_or(&[0; 10]);
        let [a, b, c, d, magic @ ..] = tail;
        if magic != *MAGIC {
            return Err(
                self.damaged("does not end as a Feather file does: it was cut off, or is something else")
            );
        }
        let described = u64::from(u32::from_le_bytes([a, b, c, d]));
        if described > MAX_FOOTER_BYTES {
            return Err(self.limit(format_args!("is described by more than {} MiB", MAX_FOOTER_BYTES >> 20)));
        }
        let from = end.checked_sub(described);
        let from = from.ok_or_else(|| self.damaged("says that its description is longer than the file"))?;
        self.bytes(from, described)
    }

    /// Columns, version and places of batches of a description.
    fn described(&self, footer: &[u8]) -> Result<(SchemaRef, MetadataVersion, Vec<Block>), LegacyError> {
        let footer = root_as_footer(footer).map_err(|reason| self.damaged(reason))?;
        let schema = footer.schema().ok_or_else(|| self.damaged("says nothing of its columns"))?;
        if !schema.endianness().equals_to_target_endianness() {
            let message = "was written by a machine with another order of bytes";
            return Err(LegacyError::new(LegacyErrorKind::Unsupported, &self.name, message));
        }
        let blocks = footer.recordBatches().map(|blocks| blocks.iter().copied().collect());
        Ok((Arc::new(fb_to_schema(schema)), footer.version(), blocks.unwrap_or_default()))
    }

    /// Checks that no two batches are of the same bytes: a small file could claim any number of rows so.
    fn check_apart(&self, blocks: &[Block]) -> Result<(), LegacyError> {
        let place = |block: &Block| {
            let lengths = i64::from(block.metaDataLength()).checked_add(block.bodyLength());
            (
                block.offset(),
                lengths.and_then(|length| length.checked_add(block.offset())).unwrap_or(i64::MAX),
            )
        };
        let mut places: Vec<(i64, i64)> = blocks.iter().map(place).collect();
        places.sort_unstable();
        match places.windows(2).find(|pair| pair[1].0 < pair[0].1) {
            Some(pair) => {
                Err(self.damaged(format_args!("two batches lie over one another at byte {}", pair[1].0)))
            }
            None => Ok(()),
        }
    }

    /// Checks what a batch claims, and returns the rows it says it has.
    fn rows_of(&self, block: &Block, length: u64) -> Result<u64, LegacyError> {
        let place = u64::try_from(block.offset()).ok();
        let sizes = u64::try_from(block.metaDataLength()).ok().zip(u64::try_from(block.bodyLength()).ok());
        let (Some(from), Some((described, body))) = (place, sizes) else {
            return Err(self.damaged("a batch has a negative place or length"));
        };
        let end = from.checked_add(described).and_then(|end| end.checked_add(body));
        if described < 8 || end.is_none_or(|end| end > length) {
            return Err(self.damaged("a batch lies outside the file"));
        }
        if described > MAX_DESCRIPTION_BYTES || body > MAX_BATCH_BYTES {
            return Err(self.limit(too_large(from)));
        }
        let description = self.bytes(from, described)?;
        let stored = |place: u64, count: u64| self.bytes(from + described + place, count);
        guarded(&self.name, || self.rows_described(&description, body, from, &stored))
    }

    /// The same by its description; `stored` gives bytes of what is described.
    fn rows_described(
        &self,
        description: &[u8],
        body: u64,
        from: u64,
        stored: &dyn Fn(u64, u64) -> Result<Bytes, LegacyError>,
    ) -> Result<u64, LegacyError> {
        let message =
            if description.starts_with(&CONTINUATION) { &description[8..] } else { &description[4..] };
        let message = root_as_message(message).map_err(|reason| self.damaged(reason))?;
        let batch = message.header_as_record_batch();
        let batch = batch.ok_or_else(|| self.damaged(format_args!("no batch is at byte {from}")))?;
        let mut unpacked = 0_u64;
        for buffer in batch.buffers().into_iter().flatten() {
            let place = u64::try_from(buffer.offset()).ok().zip(u64::try_from(buffer.length()).ok());
            let end = place.and_then(|(offset, length)| offset.checked_add(length));
            let (Some((offset, length)), true) = (place, end.is_some_and(|end| end <= body)) else {
                return Err(
                    self.damaged(format_args!("a column of the batch at byte {from} lies outside it"))
                );
            };
            let claimed = match batch.compression() {
                Some(_) if length >= 8 => {
                    i64::from_le_bytes(*stored(offset, 8)?.first_chunk().unwrap_or(&[0; 8]))
                }
                _ => NOT_PACKED,
            };
            let claimed = if claimed == NOT_PACKED { Some(length) } else { u64::try_from(claimed).ok() };
            let claimed = claimed.ok_or_else(|| self.damaged("a column unpacks to less than nothing"))?;
            unpacked = unpacked.saturating_add(claimed);
        }
        let rows =
            u64::try_from(batch.length()).map_err(|_| self.damaged("a batch has a negative length"))?;
        if unpacked > MAX_BATCH_BYTES || rows > MAX_FILE_BATCH_ROWS {
            return Err(self.limit(too_large(from)));
        }
        Ok(rows)
    }

    /// Reads a batch that was checked.
    fn read(&self, decoder: &FileDecoder, batch: &Batch) -> Result<RecordBatch, LegacyError> {
        let Batch { block, rows } = batch;
        let described = u64::try_from(block.metaDataLength()).unwrap_or_default();
        let (from, body) = (block.offset().unsigned_abs(), block.bodyLength().unsigned_abs());
        let bytes = self.bytes(from, described + body)?;
        let read = guarded(&self.name, || {
            self.check_packed(&bytes, described)?;
            let read = decoder.read_record_batch(block, &Buffer::from(bytes));
            read.map_err(|reason| self.damaged(reason))
        })?;
        read.filter(|read| read.num_rows() as u64 == *rows)
            .ok_or_else(|| self.damaged("a batch has not the rows that it says"))
    }

    /// Checks that what LZ4 packed is as long as it claims: the library would unpack as much as there is. Others stop there.
    fn check_packed(&self, bytes: &[u8], described: u64) -> Result<(), LegacyError> {
        let (description, body) = bytes.split_at(usize::try_from(described).unwrap_or(usize::MAX));
        let message =
            if description.starts_with(&CONTINUATION) { &description[8..] } else { &description[4..] };
        let message = root_as_message(message).map_err(|reason| self.damaged(reason))?;
        let batch = message.header_as_record_batch();
        let Some(batch) = batch.filter(|batch| {
            batch.compression().is_some_and(|packed| packed.codec() == CompressionType::LZ4_FRAME)
        }) else {
            return Ok(());
        };
        for buffer in batch.buffers().into_iter().flatten() {
            let [offset, length] =
                [buffer.offset(), buffer.length()].map(|value| usize::try_from(value).ok());
            let place = offset.zip(length).and_then(|(from, length)| body.get(from..)?.get(..length));
            let Some((claimed, packed)) = place.and_then(|bytes| bytes.split_first_chunk()) else { continue };
            // What claims to be empty or not packed is not unpacked.
            let claimed = u64::try_from(i64::from_le_bytes(*claimed)).unwrap_or(0);
            if claimed == 0 {
                continue;
            }
            let mut unpacked = FrameDecoder::new(packed).take(claimed.saturating_add(1));
            match io::copy(&mut unpacked, &mut io::sink()) {
                Ok(read) if read == claimed => {}
                Ok(_) => return Err(self.damaged("a column does not unpack to the length it claims")),
                Err(reason) => return Err(self.damaged(reason)),
            }
        }
        Ok(())
    }

    fn bytes(&self, from: u64, count: u64) -> Result<Bytes, LegacyError> {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        self.file.get_bytes(from, count).map_err(|error| {
            LegacyError::new(LegacyErrorKind::Io, &self.name, "cannot read the file").with_source(error)
        })
    }

    fn damaged(&self, reason: impl Display) -> LegacyError {
        let message = format_args!("is damaged, or is no Feather file: {reason}");
        LegacyError::new(LegacyErrorKind::Damaged, &self.name, message)
    }

    fn limit(&self, message: impl Display) -> LegacyError {
        LegacyError::new(LegacyErrorKind::Limit, &self.name, message)
    }
}

fn too_large(from: u64) -> String {
    format!(
        "the batch of rows at byte {from} would take more than {} MiB or has more than {MAX_FILE_BATCH_ROWS} rows: write it in \
         smaller ones, as pandas does with `to_feather(path, chunksize=65536)`",
        MAX_BATCH_BYTES >> 20
    )
}
