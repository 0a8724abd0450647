//! Pages of a table in the order of its key: each begins after the last row of the one before.

use async_trait::async_trait;
use onetape_ports::StoreError;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection, TypeInfo as _, ValueRef as _};

use crate::arguments::Arguments;
use crate::error::failed;
use crate::pages::Pages;

/// A part of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    Int(i64),
    Text(String),
}

impl Part {
    fn of(row: &SqliteRow, column: usize) -> Result<Self, sqlx::Error> {
        if row.try_get_raw(column)?.type_info().name() == "TEXT" {
            return row.try_get(column).map(Self::Text);
        }
        row.try_get(column).map(Self::Int)
    }

    fn bind(&self, arguments: &mut Arguments) {
        match self {
            Self::Int(number) => arguments.add(*number),
            Self::Text(text) => arguments.text(text),
        };
    }
}

/// Where the next page of a statement begins.
///
/// The statement's parameters are the fixed ones, the parts of the key, whether a row of that very key is wanted, and
/// the number of rows.
#[derive(Debug)]
pub(crate) struct Keyset {
    pub(crate) operation: &'static str,
    pub(crate) sql: &'static str,
    /// Columns of the key.
    pub(crate) key_columns: &'static [usize],
    /// Rows of a page.
    pub(crate) size: usize,
    fixed: Vec<Part>,
    key: Vec<Part>,
    inclusive: bool,
    is_done: bool,
}

impl Keyset {
    /// Begins at `key`, that one included.
    pub(crate) fn new(
        operation: &'static str,
        sql: &'static str,
        key_columns: &'static [usize],
        size: usize,
        fixed: impl IntoIterator<Item = i64>,
        key: Vec<Part>,
    ) -> Self {
        let fixed = fixed.into_iter().map(Part::Int).collect();
        Self { operation, sql, key_columns, size, fixed, key, inclusive: true, is_done: false }
    }

    /// The same with another begin.
    pub(crate) fn beginning_at(self, key: &[i64]) -> Self {
        Self { key: key.iter().copied().map(Part::Int).collect(), ..self }
    }

    /// Moves the begin to the first of the last so many rows, which a statement with the fixed parameters and that
    /// number finds; where there are fewer, it stays.
    pub(crate) async fn begin_at_last(
        &mut self,
        connection: &mut SqliteConnection,
        sql: &'static str,
        count: usize,
    ) -> Result<(), StoreError> {
        let Some(offset) = count.checked_sub(1) else {
            self.is_done = true;
            return Ok(());
        };
        let mut arguments = Arguments::new();
        self.fixed.iter().for_each(|part| part.bind(&mut arguments));
        arguments.count(offset);
        let arguments = arguments.done().map_err(failed(self.operation))?;
        let row = sqlx::query_with(sql, arguments)
            .fetch_optional(connection)
            .await
            .map_err(failed(self.operation))?;
        if let Some(row) = row {
            let parts = (0..row.len()).map(|column| Part::of(&row, column));
            self.key = parts.collect::<Result<_, _>>().map_err(failed(self.operation))?;
        }
        Ok(())
    }

    /// The next rows; none after the last ones.
    pub(crate) async fn next(
        &mut self,
        connection: &mut SqliteConnection,
    ) -> Result<Option<Vec<SqliteRow>>, StoreError> {
        if self.is_done {
            return Ok(None);
        }
        let mut arguments = Arguments::new();
        self.fixed.iter().chain(&self.key).for_each(|part| part.bind(&mut arguments));
        arguments.add(i64::from(self.inclusive)).count(self.size);
        let arguments = arguments.done().map_err(failed(self.operation))?;
        let rows = sqlx::query_with(self.sql, arguments)
            .fetch_all(connection)
            .await
            .map_err(failed(self.operation))?;
        self.is_done = rows.len() < self.size;
        self.inclusive = false;
        if let Some(last) = rows.last() {
            let parts = self.key_columns.iter().map(|column| Part::of(last, *column));
            self.key = parts.collect::<Result<_, _>>().map_err(failed(self.operation))?;
        }
        Ok(Some(rows))
    }
}

/// What is read of a table.
#[async_trait]
pub(crate) trait Table: Send + Sync + 'static {
    type Row: Send + 'static;

    /// Where it begins; none where there is nothing to find.
    async fn open(&self, connection: &mut SqliteConnection) -> Result<Option<Keyset>, StoreError>;

    /// The rows of a page.
    fn decode(&self, rows: &[SqliteRow]) -> Result<Vec<Self::Row>, StoreError>;
}

/// The pages of a table.
#[derive(Debug)]
pub(crate) struct TablePages<T> {
    table: T,
    keyset: Option<Keyset>,
}

impl<T> TablePages<T> {
    pub(crate) fn of(table: T) -> Self {
        Self { table, keyset: None }
    }
}

#[async_trait]
impl<T: Table> Pages for TablePages<T> {
    type Row = T::Row;

    async fn next(&mut self, connection: &mut SqliteConnection) -> Result<Option<Vec<T::Row>>, StoreError> {
        let keyset = match &mut self.keyset {
            Some(keyset) => keyset,
            None => match self.table.open(connection).await? {
                Some(keyset) => self.keyset.insert(keyset),
                None => return Ok(None),
            },
        };
        let Some(rows) = keyset.next(connection).await? else { return Ok(None) };
        self.table.decode(&rows).map(Some)
    }
}
