//! Parquet files of pandas, pyarrow and others, whatever their codec.
//!
//! Columns are read by what Parquet itself says of them, not by what the writer's library noted beside: text is text also
//! where pandas had a category. Before anything is decompressed, the headers of all pages are looked at, so that none
//! asks for more memory than [`MAX_PAGE_BYTES`].

mod pages;

use std::fs::File;
use std::path::Path;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::file::metadata::ParquetMetaData;

use crate::BATCH_ROWS;
use crate::error::{self, LegacyError, LegacyErrorKind, io as io_error};

/// Most bytes of a page once it is decompressed.
pub const MAX_PAGE_BYTES: u64 = 64 << 20;
/// Most bytes of the description of a file, which stands at its end.
pub const MAX_FOOTER_BYTES: u64 = 64 << 20;

/// A Parquet file whose description was read.
#[derive(Debug)]
pub struct ParquetFile {
    name: String,
    file: File,
    metadata: ArrowReaderMetadata,
}

impl ParquetFile {
    /// Reads what a file says of itself.
    ///
    /// # Errors
    /// For a file that cannot be read, is no Parquet file or a damaged one, or is described by more than
    /// [`MAX_FOOTER_BYTES`].
    pub fn open(path: &Path) -> Result<Self, LegacyError> {
        let name = path.display().to_string();
        let file = File::open(path).map_err(|error| io_error(&name, "open", error))?;
        pages::check_footer(&file).map_err(|problem| problem.at(&name))?;
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let metadata = guarded(&name, || ArrowReaderMetadata::load(&file, options))?;
        Ok(Self { name, file, metadata })
    }

    /// Its path, as errors name it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Its columns. Times without a zone have none here either, and count as UTC.
    pub fn schema(&self) -> &SchemaRef {
        self.metadata.schema()
    }

    /// How many rows it says it has.
    pub fn rows(&self) -> u64 {
        u64::try_from(self.metadata.metadata().file_metadata().num_rows()).unwrap_or(0)
    }

    /// What it says of its row groups.
    pub(crate) fn metadata(&self) -> &ParquetMetaData {
        self.metadata.metadata()
    }

    /// Its bytes.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// What a reader of it is made of.
    pub(crate) fn parts(&self) -> std::io::Result<(File, ArrowReaderMetadata)> {
        Ok((self.file.try_clone()?, self.metadata.clone()))
    }

    /// Checks the headers of all pages.
    pub(crate) fn check_all(&self) -> Result<(), LegacyError> {
        let columns: Vec<usize> = (0..self.schema().fields().len()).collect();
        pages::check_pages(&self.file, self.metadata(), &columns).map_err(|problem| problem.at(&self.name))
    }

    /// The rows of some columns from a row on, columns by their places in the schema and in its order, in batches; after an
    /// error no more. Groups of rows before are not looked at.
    ///
    /// # Errors
    /// For a page of more than [`MAX_PAGE_BYTES`], for pages that are not where the file says, and as a batch for what
    /// cannot be decoded.
    pub fn batches(
        &self,
        columns: &[usize],
        from: u64,
    ) -> Result<impl Iterator<Item = Result<RecordBatch, LegacyError>> + '_, LegacyError> {
        pages::check_pages(&self.file, self.metadata.metadata(), columns)
            .map_err(|problem| problem.at(&self.name))?;
        let file = self.file.try_clone().map_err(|error| io_error(&self.name, "open", error))?;
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone());
        let (groups, skipped) = self.groups_from(from);
        let mask = ProjectionMask::roots(builder.parquet_schema(), columns.iter().copied());
        let builder = builder.with_projection(mask).with_batch_size(BATCH_ROWS).with_row_groups(groups);
        let offset = usize::try_from(from - skipped).unwrap_or(usize::MAX);
        let mut reader = guarded(&self.name, || match offset {
            0 => builder.build(),
            offset => builder.with_offset(offset).build(),
        })?;
        let (mut is_over, mut left) = (false, self.rows().saturating_sub(from));
        Ok(std::iter::from_fn(move || {
            if is_over {
                return None;
            }
            match guarded(&self.name, || reader.next().transpose()) {
                Ok(Some(batch)) => {
                    left = left.saturating_sub(batch.num_rows() as u64);
                    Some(Ok(batch))
                }
                Err(error) => {
                    is_over = true;
                    Some(Err(error))
                }
                Ok(None) => {
                    is_over = true;
                    let message = format!("ends {left} rows before what it says");
                    (left > 0).then(|| Err(LegacyError::new(LegacyErrorKind::Damaged, &self.name, message)))
                }
            }
        }))
    }

    /// The groups of rows in which a row and those after it are, and how many rows are before these groups.
    fn groups_from(&self, from: u64) -> (Vec<usize>, u64) {
        let groups = self.metadata.metadata().row_groups();
        let mut skipped = 0;
        for (at, group) in groups.iter().enumerate() {
            let end = skipped + u64::try_from(group.num_rows()).unwrap_or(0);
            if end > from {
                return ((at..groups.len()).collect(), skipped);
            }
            skipped = end;
        }
        (Vec::new(), from)
    }
}

/// Calls the library, which panics over some damaged files.
pub(crate) fn guarded<T, E: std::fmt::Display>(
    name: &str,
    call: impl FnOnce() -> Result<T, E>,
) -> Result<T, LegacyError> {
    error::guarded(name, || {
        call().map_err(|reason| {
            let message = format_args!("is damaged, or is no Parquet file: {reason}");
            LegacyError::new(LegacyErrorKind::Damaged, name, message)
        })
    })
}
