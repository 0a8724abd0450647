//! Pickles of pandas and of plain Python.
//!
//! Read are DataFrames (as pandas 1 to 3 write them), arrays of numpy with two dimensions or of records, lists of
//! dictionaries, lists of lists, dictionaries of columns, and dictionaries of all of these by name. Zones of time stay
//! what they are in pandas: every time is an instant, and one without a zone counts as UTC. Floats stay floats; of
//! numbers of more than one kind the column is text, each by the shortest decimal that is its own.

mod array;
mod column;
mod globals;
mod graph;
mod lanes;
mod machine;
mod source;
mod tables;
mod values;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{Field, Schema, SchemaRef};

pub use self::column::MAX_READ;
pub use self::graph::MAX_GRAPH_BYTES;
pub use self::tables::{MAX_COLUMNS, MAX_DEPTH, MAX_TABLES};

use self::column::Column;
use self::graph::Graph;
use self::source::Source;
use crate::BATCH_ROWS;
use crate::error::LegacyError;

/// A pickle that was read, with the tables found in it. Arrays are still in the file, which stays open.
pub struct PickleFile {
    graph: Graph,
    tables: Vec<Table>,
}

/// A table of a pickle.
#[derive(Debug)]
pub struct Table {
    path: Vec<String>,
    schema: SchemaRef,
    columns: Vec<Column>,
    unread: Vec<(String, String)>,
    rows: u64,
}

impl PickleFile {
    /// Reads a file, but for its arrays, and finds the tables in it.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use onetape_parquet_legacy::pickle::PickleFile;
    /// // What Python writes for `pickle.dumps([[1723161600, 2683.98], [1723161660, 2682.5]], protocol=2)`.
    /// let bytes = b"\x80\x02]q\x00(]q\x01(J\x00[\xb5fG@\xa4\xf7\xf5\xc2\x8f\\)e]q\x02(J<[\xb5fG@\xa4\xf5\0\0\0\0\0ee.";
    /// let file = PickleFile::of_bytes("candles.pkl", bytes.to_vec())?;
    /// let table = &file.tables()[0];
    /// assert_eq!(table.rows(), 2);
    /// for batch in file.batches(table, 0) {
    ///     println!("{:?}", batch?);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// For a file that cannot be read, is no pickle of protocol 2 to 5, ends early, asks for a name that is not on the
    /// list, takes more memory than [`MAX_GRAPH_BYTES`], or holds no table.
    pub fn open(path: &Path) -> Result<Self, LegacyError> {
        Self::read(Source::open(path)?)
    }

    /// The same of bytes in memory, under the name that errors give.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn of_bytes(name: &str, bytes: Vec<u8>) -> Result<Self, LegacyError> {
        Self::read(Source::of_bytes(name, bytes))
    }

    fn read(source: Source) -> Result<Self, LegacyError> {
        let (graph, root) = machine::read(source)?;
        let tables = tables::find(&graph, root)?.into_iter().map(Table::new).collect();
        Ok(Self { graph, tables })
    }

    /// Its path, as errors name it.
    pub(crate) fn name(&self) -> &str {
        self.graph.source().name()
    }

    /// The tables, in the order of the file.
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// The rows of a table of this file from a row on, in batches of at most [`BATCH_ROWS`]; after an error no more.
    pub fn batches<'a>(
        &'a self,
        table: &'a Table,
        from: u64,
    ) -> impl Iterator<Item = Result<RecordBatch, LegacyError>> + 'a {
        let mut from = from.min(table.rows);
        let at_once = table.columns.iter().map(Column::rows_at_once).min().unwrap_or(1);
        std::iter::from_fn(move || {
            let count = (table.rows - from).min(at_once);
            if count == 0 {
                return None;
            }
            let batch = table.read(&self.graph, from, usize::try_from(count).unwrap_or(BATCH_ROWS));
            from = if batch.is_ok() { from + count } else { table.rows };
            Some(batch)
        })
    }
}

impl fmt::Debug for PickleFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PickleFile")
            .field("source", self.graph.source())
            .field("tables", &self.tables)
            .finish()
    }
}

impl Table {
    fn new(found: tables::Found) -> Self {
        let tables::Found { path, columns, unread, rows } = found;
        let fields: Vec<Field> =
            columns.iter().map(|(name, column)| Field::new(name, column.data_type(), true)).collect();
        let columns = columns.into_iter().map(|(_, column)| column).collect();
        Self { path, schema: Arc::new(Schema::new(fields)), columns, unread, rows }
    }

    /// Names under which it lies in the file, outermost first; none where the file is the table.
    pub fn path(&self) -> &[String] {
        &self.path
    }

    /// Its columns; those of a list of lists are called by their place: `0`, `1`, … Times are nanoseconds in UTC.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Columns that cannot be read, each with the reason. They are not in the schema.
    pub fn unread(&self) -> &[(String, String)] {
        &self.unread
    }

    /// How many rows it has.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    fn read(&self, graph: &Graph, from: u64, count: usize) -> Result<RecordBatch, LegacyError> {
        let columns =
            self.columns.iter().map(|column| column.read(graph, from, count)).collect::<Result<_, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)
            .map_err(|_| graph.damaged("a column is not what its type says"))
    }
}
