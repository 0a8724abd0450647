//! A dataset on its way: batches of one part after the other.

use std::path::PathBuf;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use onetape_domain::instrument::Instrument;
use onetape_domain::time::Timestamp;

use super::error::{FileError, refused};
use super::sink::Sink;
use super::staging::Staging;
use super::{Format, Options, Partition, names};

/// Where rows belong: those of one instrument, and of one period where the dataset is divided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Whose rows.
    pub instrument: Instrument,
    /// Any instant of the period.
    pub time: Timestamp,
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    /// Number of files.
    pub files: u64,
    /// Number of rows.
    pub rows: u64,
    /// Size of all files.
    pub bytes: u64,
}

/// Files that are being written. Given up, it leaves nothing; [`finish`](Self::finish) puts it in its place.
#[derive(Debug)]
pub struct Dataset {
    options: Options,
    staging: Staging,
    open: Option<(PathBuf, Sink)>,
    written: Written,
}

impl Dataset {
    /// Looks at the target and begins. Nothing is there under its name before [`finish`](Self::finish).
    ///
    /// # Errors
    /// Where the target is there and not to be replaced, or its folder cannot be written.
    pub fn begin(options: Options) -> Result<Self, FileError> {
        let staging = Staging::begin(&options.target, options.partition.is_tree(), options.overwrite)?;
        Ok(Self { options, staging, open: None, written: Written::default() })
    }

    /// Writes the rows of a batch, all of one part. Parts come one after the other; the batches of a file, all of one
    /// schema.
    ///
    /// # Errors
    /// When the system refuses, and for a part that was left before.
    pub fn write(&mut self, part: &Part, batch: &RecordBatch) -> Result<(), FileError> {
        let path = self.path(part);
        if self.open.as_ref().is_none_or(|(open, _)| *open != path) {
            self.close()?;
            self.open = Some((path.clone(), self.create(path.clone(), batch.schema())?));
        }
        if let Some((_, sink)) = &mut self.open {
            sink.write(batch).map_err(|source| self.refused(source))?;
        }
        self.written.rows += batch.num_rows() as u64;
        Ok(())
    }

    /// What was written so far; of a file that is open, what has left the memory.
    pub fn written(&self) -> Written {
        let open = self.open.as_ref().map_or(0, |(_, sink)| sink.bytes());
        Written { bytes: self.written.bytes + open, ..self.written }
    }

    /// Ends the last file and puts all of them in their place. Where there was no row, there is one file without
    /// rows, of the given schema.
    ///
    /// # Errors
    /// When the system refuses; what was there before is there still.
    pub fn finish(mut self, schema: &SchemaRef) -> Result<Written, FileError> {
        self.close()?;
        if self.written.files == 0 {
            let path = match self.options.partition {
                Partition::None => self.staging.data(),
                _ => self.staging.data().join(names::part_file(self.options.format)),
            };
            self.open = Some((path.clone(), self.create(path, schema.clone())?));
            self.close()?;
        }
        self.staging.publish()?;
        Ok(self.written)
    }

    fn path(&self, part: &Part) -> PathBuf {
        let Options { partition, format, .. } = self.options;
        match partition {
            Partition::None => self.staging.data(),
            _ => self.staging.data().join(names::part(partition, &part.instrument, Some(part.time), format)),
        }
    }

    fn create(&self, path: PathBuf, schema: SchemaRef) -> Result<Sink, FileError> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(refused("made", &self.options.target))?;
        }
        if path.exists() {
            return Err(FileError::Torn { path });
        }
        let Options { format, row_group_bytes, .. } = self.options;
        Sink::create(&path, format, schema, row_group_bytes).map_err(|source| self.refused(source))
    }

    fn close(&mut self) -> Result<(), FileError> {
        if let Some((_, sink)) = self.open.take() {
            self.written.bytes += sink.finish().map_err(|source| self.refused(source))?;
            self.written.files += 1;
        }
        Ok(())
    }

    /// People know the target, not the file beside it.
    fn refused(&self, source: Box<dyn std::error::Error + Send + Sync>) -> FileError {
        FileError::Refused { path: self.options.target.clone(), action: "written", source }
    }
}

impl Format {
    /// The kind of file that a name's ending says.
    pub fn of_name(path: &std::path::Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "parquet" | "pq" => Some(Self::Parquet),
            "arrow" | "feather" | "ipc" => Some(Self::Arrow),
            "csv" => Some(Self::Csv),
            _ => None,
        }
    }
}
