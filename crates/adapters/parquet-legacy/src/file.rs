//! A legacy file of any kind: its tables, and their rows as candles.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use arrow_array::RecordBatch;
use arrow_schema::Schema;

use crate::csv::CsvFile;
use crate::error::{LegacyError, LegacyErrorKind};
use crate::json::JsonFile;
use crate::layout::{CandleLayout, LegacyRow};
use crate::parquet::ParquetFile;
use crate::pickle::PickleFile;

/// A file whose tables were found.
#[derive(Debug)]
pub enum LegacyFile {
    /// Parquet: the file is one table.
    Parquet(ParquetFile),
    /// A pickle: as many tables as are in it.
    Pickle(PickleFile),
    /// JSON: the file is one table.
    Json(JsonFile),
    /// Lines of values; of a zip, each file in it is a table.
    Csv(CsvFile),
}

impl LegacyFile {
    /// Opens a file. Its first bytes tell what it is, whatever its name; what is nothing else is taken for lines of text.
    ///
    /// # Errors
    /// For a file that cannot be read, is of no kind that is read, or is damaged.
    pub fn open(path: &Path) -> Result<Self, LegacyError> {
        let name = path.display();
        let mut file = File::open(path).map_err(|error| LegacyError::io(&name, "open", error))?;
        let mut magic = [0; 4];
        let mut read = 0;
        while read < magic.len() {
            match file.read(&mut magic[read..]).map_err(|error| LegacyError::io(&name, "read", error))? {
                0 => break,
                more => read += more,
            }
        }
        match &magic[..read] {
            [] => Err(LegacyError::new(LegacyErrorKind::Damaged, &name, "the file is empty")),
            b"PAR1" => ParquetFile::open(path).map(Self::Parquet),
            [0x80, ..] => PickleFile::open(path).map(Self::Pickle),
            magic if matches!(magic.trim_ascii_start(), [b'{' | b'[', ..]) => {
                JsonFile::open(path).map(Self::Json)
            }
            magic => CsvFile::open(path, magic).map(Self::Csv),
        }
    }

    /// How many tables it has.
    pub fn tables(&self) -> usize {
        match self {
            Self::Parquet(_) | Self::Json(_) => 1,
            Self::Pickle(file) => file.tables().len(),
            Self::Csv(file) => file.tables(),
        }
    }

    /// Names under which a table lies in the file, outermost first; none where the file is the table.
    ///
    /// # Panics
    /// Where there is no such table.
    pub fn path(&self, table: usize) -> &[String] {
        match self {
            Self::Parquet(_) | Self::Json(_) => &[],
            Self::Pickle(file) => file.tables()[table].path(),
            Self::Csv(file) => file.path(table),
        }
    }

    /// Columns of a table.
    ///
    /// # Panics
    /// Where there is no such table.
    pub fn schema(&self, table: usize) -> &Schema {
        match self {
            Self::Parquet(file) => file.schema(),
            Self::Pickle(file) => file.tables()[table].schema(),
            Self::Csv(file) => file.schema(table),
            Self::Json(file) => file.schema(),
        }
    }

    /// Rows that a table says it has; none where only reading it tells.
    ///
    /// # Panics
    /// Where there is no such table.
    pub fn rows(&self, table: usize) -> Option<u64> {
        match self {
            Self::Parquet(file) => Some(file.rows()),
            Self::Pickle(file) => Some(file.tables()[table].rows()),
            Self::Csv(_) => None,
            Self::Json(file) => file.row_count(),
        }
    }

    /// The candles of a table, in the order of the file, some thousands at a time; after an error no more.
    ///
    /// # Errors
    /// For a file that is not there any more, and what [`ParquetFile::batches`] reports.
    ///
    /// # Panics
    /// Where there is no such table.
    pub fn candles<'a>(
        &'a self,
        table: usize,
        layout: &'a CandleLayout,
    ) -> Result<impl Iterator<Item = Result<Vec<LegacyRow>, LegacyError>> + 'a, LegacyError> {
        type Batches<'a> = Box<dyn Iterator<Item = Result<RecordBatch, LegacyError>> + 'a>;
        let (batches, layout): (Batches<'a>, _) = match self {
            Self::Parquet(file) => (Box::new(file.batches(&layout.columns())?), layout.projected()),
            Self::Pickle(file) => (Box::new(file.batches(&file.tables()[table])), layout.clone()),
            Self::Json(file) => (Box::new(file.batches()?), layout.clone()),
            Self::Csv(file) => (Box::new(file.batches(table)?), layout.clone()),
        };
        let (mut first, mut unit) = (0, None);
        Ok(batches.map(move |batch| {
            let batch = batch?;
            let rows = layout.rows(&batch, first, &mut unit);
            first += batch.num_rows() as u64;
            Ok(rows)
        }))
    }
}
