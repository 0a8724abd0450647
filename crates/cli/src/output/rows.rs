//! Rows as they come: CSV and JSON stream in bounded memory, a table shows the end.

use std::collections::VecDeque;
use std::io::{BufWriter, Stdout, Write};

use futures::{Stream, TryStreamExt};
use onetape::domain::canonical;
use serde_json::Value;

use super::table;
use crate::args::RowFormat;

/// Rows a table shows at most.
const TABLE_ROWS: usize = 50;

/// A kind of row: its columns, and how it is written.
pub(crate) struct Columns<T> {
    /// Header of the CSV form and of the table.
    pub(crate) header: &'static [&'static str],
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
    shown: VecDeque<Vec<String>>,
}

impl<'a, T> Writer<'a, T> {
    fn new(columns: &'a Columns<T>, format: RowFormat) -> anyhow::Result<Self> {
        let mut out = BufWriter::new(std::io::stdout());
        match format {
            RowFormat::Csv => writeln!(out, "{}", columns.header.join(","))?,
            RowFormat::Json => write!(out, "[")?,
            RowFormat::Table => {}
        }
        Ok(Self { columns, format, out, count: 0, shown: VecDeque::new() })
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
                if self.shown.len() == TABLE_ROWS {
                    self.shown.pop_front();
                }
                self.shown.push_back((self.columns.fields)(row));
            }
        }
        self.count += 1;
        Ok(())
    }

    fn finish(mut self) -> anyhow::Result<()> {
        match self.format {
            RowFormat::Csv => {}
            RowFormat::Json => writeln!(self.out, "]")?,
            RowFormat::Table => {
                let mut table = table(self.columns.header);
                let shown = self.shown.len() as u64;
                self.shown.into_iter().for_each(|row| {
                    table.add_row(row);
                });
                writeln!(self.out, "{table}")?;
                if shown < self.count {
                    writeln!(self.out, "the last {shown} of {} rows; --format csv shows all", self.count)?;
                }
            }
        }
        self.out.flush()?;
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
