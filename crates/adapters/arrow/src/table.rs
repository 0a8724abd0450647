//! A table: which columns a kind of row has, and which of its times orders it.

use arrow_schema::Field;
use onetape_domain::time::Timestamp;

use crate::column::Column;
use crate::decimals::Decimals;

/// The columns of rows of one kind. The tables there are stand in [`tables`](crate::tables).
#[derive(Debug)]
pub struct Table<R: 'static> {
    pub(crate) name: &'static str,
    /// The time by which rows come, and fall into partitions.
    pub(crate) time: (&'static str, fn(&R) -> Timestamp),
    pub(crate) columns: &'static [Column<R>],
    /// Further ones, which other tables of such rows lack.
    pub(crate) more: &'static [Column<R>],
    pub(crate) batch_rows: usize,
}

impl<R: 'static> Table<R> {
    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Name of the column by which its rows are ordered.
    pub fn time_column(&self) -> &'static str {
        self.time.0
    }

    /// A row's own time, which stands in [`time_column`](Self::time_column).
    pub fn time_of(&self, row: &R) -> Timestamp {
        (self.time.1)(row)
    }

    /// Rows of a batch, where nobody asks for another number.
    pub fn batch_rows(&self) -> usize {
        self.batch_rows
    }

    /// Its columns after the instrument.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &Column<R>> {
        self.columns.iter().chain(self.more)
    }

    pub(crate) fn fields(&self, decimals: Decimals) -> impl Iterator<Item = Field> {
        self.columns().map(move |column| column.field(decimals))
    }
}
