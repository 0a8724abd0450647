//! A legacy file of any kind: its tables, and their rows as candles.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use arrow_array::RecordBatch;
use arrow_schema::Schema;
use onetape_ports::LegacyRow;

use crate::csv::CsvFile;
use crate::error::{LegacyError, LegacyErrorKind, io as io_error};
use crate::feather::{self, FeatherFile};
use crate::json::JsonFile;
use crate::layout::{CandleLayout, NumberUnit};
use crate::parquet::ParquetFile;
use crate::pickle::PickleFile;

type Batches<'a> = Box<dyn Iterator<Item = Result<RecordBatch, LegacyError>> + 'a>;

/// A file whose tables were found.
#[derive(Debug)]
pub enum LegacyFile {
    /// Parquet: the file is one table.
    Parquet(ParquetFile),
    /// Feather, which is Arrow: the file is one table.
    Feather(FeatherFile),
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
        let mut file = File::open(path).map_err(|error| io_error(&name, "open", error))?;
        let mut magic = [0; feather::MAGIC.len()];
        let mut read = 0;
        while read < magic.len() {
            match file.read(&mut magic[read..]).map_err(|error| io_error(&name, "read", error))? {
                0 => break,
                more => read += more,
            }
        }
        match &magic[..read] {
            [] => Err(LegacyError::new(LegacyErrorKind::Damaged, &name, "the file is empty")),
            magic if magic == feather::MAGIC => FeatherFile::open(path).map(Self::Feather),
            [b'F', b'E', b'A', b'1', ..] => {
                let message = "is Feather of version 1, which is not read: pandas reads it, and `to_feather` writes version 2";
                Err(LegacyError::new(LegacyErrorKind::Unsupported, &name, message))
            }
            [b'P', b'A', b'R', b'1', ..] => ParquetFile::open(path).map(Self::Parquet),
            [0x80, ..] => PickleFile::open(path).map(Self::Pickle),
            magic if matches!(magic.trim_ascii_start(), [b'{' | b'[', ..]) => {
                JsonFile::open(path).map(Self::Json)
            }
            magic => CsvFile::open(path, magic).map(Self::Csv),
        }
    }

    /// Its path, as errors name it.
    pub fn name(&self) -> &str {
        match self {
            Self::Parquet(file) => file.name(),
            Self::Feather(file) => file.name(),
            Self::Pickle(file) => file.name(),
            Self::Json(file) => file.name(),
            Self::Csv(file) => file.name(),
        }
    }

    /// What kind of file it is: `parquet`, `feather`, `pickle`, `csv` or `json`.
    pub fn format(&self) -> &'static str {
        match self {
            Self::Parquet(_) => "parquet",
            Self::Feather(_) => "feather",
            Self::Pickle(_) => "pickle",
            Self::Json(_) => "json",
            Self::Csv(_) => "csv",
        }
    }

    /// How many tables it has.
    pub fn tables(&self) -> usize {
        match self {
            Self::Parquet(_) | Self::Feather(_) | Self::Json(_) => 1,
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
            Self::Parquet(_) | Self::Feather(_) | Self::Json(_) => &[],
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
            Self::Feather(file) => file.schema(),
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
            Self::Feather(file) => Some(file.rows()),
            Self::Pickle(file) => Some(file.tables()[table].rows()),
            Self::Csv(_) => None,
            Self::Json(file) => file.row_count(),
        }
    }

    /// What the rows of a table say from a row on, in the order of the file, some thousands at a time; after an error no
    /// more. Of the rows before, no more is read than tells what the ones after mean. Floats are rounded to some decimals, half
    /// to even, where that is asked for.
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
        rounding: Option<u8>,
        from: u64,
    ) -> Result<impl Iterator<Item = Result<Vec<LegacyRow>, LegacyError>> + 'a, LegacyError> {
        let mut unit = None;
        let mut first = match self {
            Self::Csv(_) | Self::Json(_) => 0,
            Self::Parquet(_) | Self::Feather(_) | Self::Pickle(_) => {
                if from > 0 && !layout.has_typed_times(self.schema(table)) {
                    unit = self.first_unit(table, layout, from)?;
                }
                from
            }
        };
        let (batches, layout) = self.batches(table, layout, first)?;
        let rows = batches.map(move |batch| {
            let mut batch = batch?;
            let before =
                usize::try_from(from.saturating_sub(first)).unwrap_or(usize::MAX).min(batch.num_rows());
            if before > 0 {
                unit = unit.or_else(|| layout.unit(&batch.slice(0, before)));
                first += before as u64;
                batch = batch.slice(before, batch.num_rows() - before);
            }
            let rows = layout.rows(&batch, first, rounding, &mut unit);
            first += rows.len() as u64;
            Ok(rows)
        });
        Ok(rows.filter(|rows| rows.as_ref().map_or(true, |rows| !rows.is_empty())))
    }

    /// The unit of times that are numbers, as the rows before one tell it.
    fn first_unit(
        &self,
        table: usize,
        layout: &CandleLayout,
        before: u64,
    ) -> Result<Option<NumberUnit>, LegacyError> {
        let (batches, layout) = self.batches(table, layout, 0)?;
        let mut read = 0;
        for batch in batches {
            let batch = batch?;
            let within = usize::try_from(before - read).unwrap_or(usize::MAX).min(batch.num_rows());
            if let Some(unit) = layout.unit(&batch.slice(0, within)) {
                return Ok(Some(unit));
            }
            read += batch.num_rows() as u64;
            if read >= before {
                break;
            }
        }
        Ok(None)
    }

    /// Batches of a table from a row on, and where in them the columns of candles are.
    fn batches<'a>(
        &'a self,
        table: usize,
        layout: &CandleLayout,
        from: u64,
    ) -> Result<(Batches<'a>, CandleLayout), LegacyError> {
        Ok(match self {
            Self::Parquet(file) => (Box::new(file.batches(&layout.columns(), from)?), layout.projected()),
            Self::Feather(file) => (Box::new(file.batches(&layout.columns(), from)), layout.projected()),
            Self::Pickle(file) => (Box::new(file.batches(&file.tables()[table], from)), layout.clone()),
            Self::Json(file) => (Box::new(file.batches()?), layout.clone()),
            Self::Csv(file) => (Box::new(file.batches(table)?), layout.clone()),
        })
    }
}
