//! Rows by position: the SELECT list and the code that reads it are in the same order.

use std::fmt::Display;

use onetape_domain::decimal::{Price, Quantity, parse_exact};
use onetape_domain::time::Timestamp;
use onetape_domain::trade::TradeKey;
use onetape_domain::violation::{Violation, Violations};
use onetape_ports::StoreError;
use rust_decimal::Decimal;
use sqlx::sqlite::SqliteRow;
use sqlx::{Decode, Row, Sqlite, Type, ValueRef};

use crate::error::{broken_row, failed};

/// Why a row cannot be read.
#[derive(Debug)]
pub(crate) enum Unread {
    Column(sqlx::Error),
    Broken(Violations),
}

impl From<Violations> for Unread {
    fn from(violations: Violations) -> Self {
        Self::Broken(violations)
    }
}

impl Unread {
    /// As the error of an operation.
    pub(crate) fn of(operation: &'static str) -> impl FnOnce(Self) -> StoreError {
        move |unread| match unread {
            Self::Column(error) => failed(operation)(error),
            Self::Broken(violations) => broken_row(operation)(violations),
        }
    }
}

/// Values one after the other, as the models take them.
pub(crate) trait Values {
    fn int(&mut self) -> Result<i64, Unread>;

    fn text(&mut self) -> Result<&str, Unread>;

    fn optional_text(&mut self) -> Result<Option<&str>, Unread>;

    fn time(&mut self) -> Result<Timestamp, Unread> {
        self.int().map(Timestamp::from_micros)
    }

    fn price(&mut self, field: &str) -> Result<Price, Unread> {
        Ok(Price::parse(field, self.text()?)?)
    }

    fn quantity(&mut self, field: &str) -> Result<Quantity, Unread> {
        Ok(Quantity::parse(field, self.text()?)?)
    }

    fn optional_quantity(&mut self, field: &str) -> Result<Option<Quantity>, Unread> {
        Ok(self.optional_text()?.map(|text| Quantity::parse(field, text)).transpose()?)
    }

    fn optional_decimal(&mut self, field: &str) -> Result<Option<Decimal>, Unread> {
        Ok(self.optional_text()?.map(|text| parse_exact(field, text)).transpose()?)
    }

    /// A number that is never negative, and no larger than its type.
    fn natural<T: TryFrom<i64>>(&mut self, field: &str) -> Result<T, Unread> {
        let number = self.int()?;
        Ok(T::try_from(number).map_err(|_| out_of_bounds(field, number))?)
    }

    fn flag(&mut self) -> Result<bool, Unread> {
        Ok(self.int()? != 0)
    }

    /// Event time, sequence and index.
    fn trade_key(&mut self) -> Result<TradeKey, Unread> {
        Ok(TradeKey { event_time: self.time()?, sequence: self.int()?, index: self.natural("trade.index")? })
    }
}

/// Reads a row's columns one after the other.
pub(crate) struct Columns<'r> {
    row: &'r SqliteRow,
    at: usize,
}

impl<'r> Columns<'r> {
    pub(crate) fn new(row: &'r SqliteRow) -> Self {
        Self { row, at: 0 }
    }

    /// The next column.
    pub(crate) fn take<T: Decode<'r, Sqlite> + Type<Sqlite>>(&mut self) -> Result<T, Unread> {
        self.at += 1;
        self.row.try_get(self.at - 1).map_err(Unread::Column)
    }

    /// Whether the next column is null.
    pub(crate) fn is_null(&self) -> Result<bool, Unread> {
        self.row.try_get_raw(self.at).map(|value| value.is_null()).map_err(Unread::Column)
    }

    pub(crate) fn optional_time(&mut self) -> Result<Option<Timestamp>, Unread> {
        Ok(self.take::<Option<i64>>()?.map(Timestamp::from_micros))
    }
}

impl Values for Columns<'_> {
    fn int(&mut self) -> Result<i64, Unread> {
        self.take()
    }

    fn text(&mut self) -> Result<&str, Unread> {
        self.take()
    }

    fn optional_text(&mut self) -> Result<Option<&str>, Unread> {
        self.take()
    }
}

/// Reads the values of a line of a section, which are separated by spaces; see `frame.sql`.
#[derive(Debug)]
pub(crate) struct Fields<'t>(std::str::Split<'t, char>);

impl<'t> Fields<'t> {
    pub(crate) fn new(line: &'t str) -> Self {
        Self(line.split(' '))
    }

    fn next(&mut self) -> Result<&'t str, Unread> {
        self.0.next().ok_or_else(|| wrong_line("a line of a section has fewer values than its row"))
    }

    /// There must be no more.
    pub(crate) fn end(mut self) -> Result<(), Unread> {
        match self.0.next() {
            None => Ok(()),
            Some(_) => Err(wrong_line("a line of a section has more values than its row")),
        }
    }
}

impl Values for Fields<'_> {
    fn int(&mut self) -> Result<i64, Unread> {
        self.next()?
            .parse()
            .map_err(|error: std::num::ParseIntError| Unread::Column(sqlx::Error::Decode(error.into())))
    }

    fn text(&mut self) -> Result<&str, Unread> {
        self.next()
    }

    fn optional_text(&mut self) -> Result<Option<&str>, Unread> {
        Ok(Some(self.next()?).filter(|text| *text != "-"))
    }
}

fn wrong_line(what: &'static str) -> Unread {
    Unread::Column(sqlx::Error::Decode(what.into()))
}

fn out_of_bounds(field: &str, number: impl Display) -> Violations {
    Violations(vec![Violation::new(field, number, "must not be negative, nor larger than its type")])
}
