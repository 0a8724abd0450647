//! Rows as they come: CSV and JSON stream in bounded memory, a table shows both ends.

use std::collections::VecDeque;
use std::io::{BufWriter, Stdout, Write};

use futures::{Stream, TryStreamExt};
use onetape::domain::canonical;
use serde_json::Value;

use super::grid::Grid;
use super::say;
use crate::args::RowFormat;

/// Rows a table shows at most: the first ones and the last ones.
const FIRST_ROWS: usize = 10;
const LAST_ROWS: usize = 40;

/// A kind of row: its columns, and how it is written.
pub(crate) struct Columns<T> {
    /// Header of the CSV form and of the table.
    pub(crate) header: &'static [&'static str],
    /// Columns that a narrow table leaves out, the first of them first.
    pub(crate) spare: &'static [&'static str],
    /// The fields of the CSV form.
    pub(crate) fields: fn(&T) -> Vec<String>,
    /// The canonical form.
    pub(crate) json: fn(&T) -> Value,
}

/// Writes all rows of a stream.
pub(crate) async fn write<T, E>(
    rows: impl Stream<Item = Result<T, E>>,
    columns: &Columns<T>,
    format: RowFormat,
) -> anyhow::Result<()>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let mut rows = std::pin::pin!(rows);
    let mut writer = Writer::new(columns, format)?;
    while let Some(row) = rows.try_next().await? {
        writer.row(&row)?;
    }
    writer.finish()
}

struct Writer<'a, T> {
    columns: &'a Columns<T>,
    format: RowFormat,
    out: BufWriter<Stdout>,
    count: u64,
    first: Vec<Vec<String>>,
    last: VecDeque<Vec<String>>,
}

impl<'a, T> Writer<'a, T> {
    fn new(columns: &'a Columns<T>, format: RowFormat) -> anyhow::Result<Self> {
        let mut out = BufWriter::new(std::io::stdout());
        match format {
            RowFormat::Csv => writeln!(out, "{}", columns.header.join(","))?,
            RowFormat::Json => write!(out, "[")?,
            RowFormat::Table => {}
        }
        Ok(Self { columns, format, out, count: 0, first: Vec::new(), last: VecDeque::new() })
    }

    fn row(&mut self, row: &T) -> anyhow::Result<()> {
        match self.format {
            RowFormat::Csv => {
                let fields: Vec<String> =
                    (self.columns.fields)(row).iter().map(|field| quoted(field)).collect();
                writeln!(self.out, "{}", fields.join(","))?;
            }
            RowFormat::Json => {
                let separator = if self.count == 0 { "" } else { ",\n" };
                write!(self.out, "{separator}{}", canonical::to_string(&(self.columns.json)(row))?)?;
            }
            RowFormat::Table => {
                let fields = (self.columns.fields)(row);
                if self.first.len() < FIRST_ROWS {
                    self.first.push(fields);
                } else {
                    self.last.push_back(fields);
                }
                if self.last.len() > LAST_ROWS {
                    self.last.pop_front();
                }
            }
        }
        self.count += 1;
        Ok(())
    }

    fn finish(mut self) -> anyhow::Result<()> {
        match self.format {
            RowFormat::Csv => {}
            RowFormat::Json => writeln!(self.out, "]")?,
            RowFormat::Table => return self.table(),
        }
        self.out.flush()?;
        Ok(())
    }

    fn table(self) -> anyhow::Result<()> {
        let (first, last) = (self.first.len(), self.last.len());
        let left_out = self.count - (first + last) as u64;
        let mut grid = Grid::new(self.columns.header).sparing(self.columns.spare);
        self.first.into_iter().for_each(|row| grid.row(row));
        if left_out > 0 {
            grid.row(["…"]);
        }
        self.last.into_iter().for_each(|row| grid.row(row));
        grid.print()?;
        match (self.count, left_out) {
            (0, _) => say!("no rows; `onetape status` shows what is stored")?,
            (_, 0) => {}
            (count, _) => {
                say!("the first {first} and the last {last} of {count} rows; --format csv shows all")?
            }
        }
        Ok(())
    }
}

/// Quotes a CSV field where it must be.
fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}
