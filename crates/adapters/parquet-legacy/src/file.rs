//! A legacy file of any kind: its tables, and their rows as candles.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use arrow_array::RecordBatch;
use arrow_schema::Schema;

use crate::error::{LegacyError, LegacyErrorKind};
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
}

impl LegacyFile {
    /// Opens a file. Its first bytes tell what it is, whatever its name.
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
            _ => {
                let message = "is neither a Parquet file nor a pickle of protocol 2 to 5";
                Err(LegacyError::new(LegacyErrorKind::Unsupported, &name, message))
            }
        }
    }

    /// How many tables it has.
    pub fn tables(&self) -> usize {
        match self {
            Self::Parquet(_) => 1,
            Self::Pickle(file) => file.tables().len(),
        }
    }

    /// Names under which a table lies in the file, outermost first; none where the file is the table.
    ///
    /// # Panics
    /// Where there is no such table.
    pub fn path(&self, table: usize) -> &[String] {
        match self {
            Self::Parquet(_) => &[],
            Self::Pickle(file) => file.tables()[table].path(),
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
        }
    }

    /// Rows that a table says it has.
    ///
    /// # Panics
    /// Where there is no such table.
    pub fn rows(&self, table: usize) -> u64 {
        match self {
            Self::Parquet(file) => file.rows(),
            Self::Pickle(file) => file.tables()[table].rows(),
        }
    }

    /// The candles of a table, in the order of the file, some thousands at a time; after an error no more.
    ///
    /// # Errors
    /// What [`ParquetFile::batches`] reports.
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
