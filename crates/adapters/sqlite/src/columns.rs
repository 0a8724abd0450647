//! Rows by position: the SELECT list and the code that reads it are in the same order.

use std::fmt::Display;

use onetape_domain::decimal::{Price, Quantity, parse_exact};
use onetape_domain::time::Timestamp;
use onetape_domain::trade::TradeKey;
use onetape_domain::violation::{Violation, Violations};
use onetape_ports::StoreError;
use rust_decimal::Decimal;
use sqlx::sqlite::SqliteRow;
use sqlx::{Decode, Row, Sqlite, Type};

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

    pub(crate) fn time(&mut self) -> Result<Timestamp, Unread> {
        self.take().map(Timestamp::from_micros)
    }

    pub(crate) fn optional_time(&mut self) -> Result<Option<Timestamp>, Unread> {
        Ok(self.take::<Option<i64>>()?.map(Timestamp::from_micros))
    }

    pub(crate) fn price(&mut self, field: &str) -> Result<Price, Unread> {
        Ok(Price::parse(field, self.take()?)?)
    }

    pub(crate) fn quantity(&mut self, field: &str) -> Result<Quantity, Unread> {
        Ok(Quantity::parse(field, self.take()?)?)
    }

    pub(crate) fn optional_quantity(&mut self, field: &str) -> Result<Option<Quantity>, Unread> {
        let text: Option<&str> = self.take()?;
        Ok(text.map(|text| Quantity::parse(field, text)).transpose()?)
    }

    pub(crate) fn optional_decimal(&mut self, field: &str) -> Result<Option<Decimal>, Unread> {
        let text: Option<&str> = self.take()?;
        Ok(text.map(|text| parse_exact(field, text)).transpose()?)
    }

    /// A number that is never negative, and no larger than its type.
    pub(crate) fn natural<T: TryFrom<i64>>(&mut self, field: &str) -> Result<T, Unread> {
        let number: i64 = self.take()?;
        Ok(T::try_from(number).map_err(|_| out_of_bounds(field, number))?)
    }

    pub(crate) fn flag(&mut self) -> Result<bool, Unread> {
        Ok(self.take::<i64>()? != 0)
    }

    /// Event time, sequence and index.
    pub(crate) fn trade_key(&mut self) -> Result<TradeKey, Unread> {
        Ok(TradeKey { event_time: self.time()?, sequence: self.take()?, index: self.natural("trade.index")? })
    }
}

fn out_of_bounds(field: &str, number: impl Display) -> Violations {
    Violations(vec![Violation::new(field, number, "must not be negative, nor larger than its type")])
}
