//! One file: batches in, bytes out.

use std::error::Error;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use arrow_array::RecordBatch;
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions};
use arrow_schema::{DataType, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;

use super::Format;
use super::csv::CsvWriter;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Rows of a row group at most.
const ROW_GROUP_ROWS: usize = 1 << 20;

/// A file that is being written.
pub(super) enum Sink {
    Parquet { writer: Box<ArrowWriter<File>>, row_group_bytes: usize },
    Arrow(Box<FileWriter<Counted>>),
    Csv(CsvWriter<Counted>),
}

impl Sink {
    pub(super) fn create(
        path: &Path,
        format: Format,
        schema: SchemaRef,
        row_group_bytes: usize,
    ) -> Outcome<Self> {
        let file = File::create_new(path)?;
        Ok(match format {
            Format::Parquet => {
                let properties = properties(&schema);
                let writer = Box::new(ArrowWriter::try_new(file, schema, Some(properties))?);
                Self::Parquet { writer, row_group_bytes }
            }
            Format::Arrow => {
                let options = IpcWriteOptions::default().try_with_compression(Some(CompressionType::ZSTD))?;
                Self::Arrow(Box::new(FileWriter::try_new_with_options(Counted::new(file), &schema, options)?))
            }
            Format::Csv => Self::Csv(CsvWriter::begin(Counted::new(file), &schema)?),
        })
    }

    pub(super) fn write(&mut self, batch: &RecordBatch) -> Outcome<()> {
        match self {
            Self::Parquet { writer, row_group_bytes } => {
                writer.write(batch)?;
                if writer.memory_size() >= *row_group_bytes {
                    writer.flush()?;
                }
            }
            Self::Arrow(writer) => writer.write(batch)?,
            Self::Csv(writer) => writer.write(batch)?,
        }
        Ok(())
    }

    /// Bytes that have left the memory.
    pub(super) fn bytes(&self) -> u64 {
        match self {
            Self::Parquet { writer, .. } => writer.bytes_written() as u64,
            Self::Arrow(writer) => writer.get_ref().count,
            Self::Csv(writer) => writer.get_ref().count,
        }
    }

    /// Ends the file and makes it last; returns its size.
    pub(super) fn finish(self) -> Outcome<u64> {
        let file = match self {
            Self::Parquet { writer, .. } => writer.into_inner()?,
            Self::Arrow(mut writer) => {
                writer.finish()?;
                writer.into_inner()?.into_file()?
            }
            Self::Csv(writer) => writer.into_inner().into_file()?,
        };
        file.sync_all()?;
        Ok(file.metadata()?.len())
    }
}

impl std::fmt::Debug for Sink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sink").field("bytes", &self.bytes()).finish_non_exhaustive()
    }
}

/// How columns are stored. Instants and integers grow from row to row, so their differences are; that saves two
/// thirds of a table of candles. What else there is repeats itself, which dictionaries make use of.
fn properties(schema: &Schema) -> WriterProperties {
    let level = ZstdLevel::try_new(3).unwrap_or_default();
    let notes = schema.metadata().iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_key_value_metadata(Some(notes.collect()));
    for field in schema.fields() {
        let path = ColumnPath::from(field.name().as_str());
        match field.data_type() {
            DataType::Timestamp(..) | DataType::Int64 => {
                builder = builder
                    .set_column_dictionary_enabled(path.clone(), false)
                    .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
            }
            // An id is never seen again, and shares its beginning with the one before.
            DataType::Utf8 if field.name() == "trade_id" => {
                builder = builder
                    .set_column_dictionary_enabled(path.clone(), false)
                    .set_column_encoding(path, Encoding::DELTA_BYTE_ARRAY);
            }
            _ => {}
        }
    }
    builder.build()
}

/// A file with a buffer, that counts what goes through.
pub(super) struct Counted {
    inner: BufWriter<File>,
    count: u64,
}

impl Counted {
    fn new(file: File) -> Self {
        Self { inner: BufWriter::with_capacity(256 << 10, file), count: 0 }
    }

    fn into_file(self) -> Outcome<File> {
        Ok(self.inner.into_inner().map_err(|error| error.into_error())?)
    }
}

impl std::io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.count += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}
