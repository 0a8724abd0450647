//! Rows by position: the SELECT list and the row struct are in the same order, field for field.

use sqlx::postgres::PgRow;
use sqlx::{Decode, Postgres, Row, Type, ValueRef};

/// Reads a row's columns one after the other.
#[derive(Debug)]
pub(crate) struct Columns<'r> {
    row: &'r PgRow,
    at: usize,
}

impl<'r> Columns<'r> {
    pub(crate) fn new(row: &'r PgRow) -> Self {
        Self { row, at: 0 }
    }

    /// The next column.
    pub(crate) fn take<T: Decode<'r, Postgres> + Type<Postgres>>(&mut self) -> Result<T, sqlx::Error> {
        self.at += 1;
        self.row.try_get(self.at - 1)
    }

    /// Whether the next column is null.
    pub(crate) fn is_null(&self) -> Result<bool, sqlx::Error> {
        self.row.try_get_raw(self.at).map(|value| value.is_null())
    }
}

/// A row struct: one column a field.
pub(crate) trait FromColumns: Sized {
    fn read(columns: &mut Columns<'_>) -> Result<Self, sqlx::Error>;
}

/// Declares a row struct whose fields are the columns of a query, in order.
macro_rules! row {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub(crate) struct $name { $(pub(crate) $field: $type),* }

        impl $crate::columns::FromColumns for $name {
            fn read(columns: &mut $crate::columns::Columns<'_>) -> Result<Self, sqlx::Error> {
                Ok(Self { $($field: columns.take()?),* })
            }
        }
    };
}

/// The same for a row struct that is also read from records.
macro_rules! row_of_records {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty),* $(,)? }) => {
        $crate::columns::row! { $(#[$doc])* $name { $($field: $type),* } }

        impl<'r> $crate::records::FromRecord<'r> for $name {
            fn from_record(fields: &mut $crate::records::Fields<'r>) -> Result<Self, sqlx::error::BoxDynError> {
                Ok(Self { $($field: fields.take()?),* })
            }
        }
    };
}

pub(crate) use {row, row_of_records};
