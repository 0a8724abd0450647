//! What is bound to a statement, in the order of its parameters.

use onetape_domain::decimal::{Price, Quantity, canonical};
use onetape_domain::time::Timestamp;
use rust_decimal::Decimal;
use sqlx::error::BoxDynError;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments as _, Encode, Sqlite, Type};

/// The arguments of a statement. The first value that does not fit is remembered, and told at the end.
#[derive(Debug, Default)]
pub(crate) struct Arguments {
    arguments: SqliteArguments<'static>,
    error: Option<BoxDynError>,
}

impl Arguments {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn add<T: Encode<'static, Sqlite> + Type<Sqlite> + 'static>(&mut self, value: T) -> &mut Self {
        if let Err(error) = self.arguments.add(value) {
            self.error.get_or_insert(error);
        }
        self
    }

    pub(crate) fn with<T: Encode<'static, Sqlite> + Type<Sqlite> + 'static>(mut self, value: T) -> Self {
        self.add(value);
        self
    }

    pub(crate) fn time(&mut self, time: Timestamp) -> &mut Self {
        self.add(time.micros())
    }

    pub(crate) fn optional_time(&mut self, time: Option<Timestamp>) -> &mut Self {
        self.add(time.map(Timestamp::micros))
    }

    pub(crate) fn decimal(&mut self, value: Decimal) -> &mut Self {
        self.add(canonical(value))
    }

    pub(crate) fn optional_decimal(&mut self, value: Option<Decimal>) -> &mut Self {
        self.add(value.map(canonical))
    }

    pub(crate) fn price(&mut self, price: Price) -> &mut Self {
        self.decimal(price.get())
    }

    pub(crate) fn quantity(&mut self, quantity: Quantity) -> &mut Self {
        self.decimal(quantity.get())
    }

    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.add(text.to_owned())
    }

    /// A number that SQLite's 64 bits, of which one is the sign, may not hold.
    pub(crate) fn natural(&mut self, number: u64) -> &mut Self {
        match i64::try_from(number) {
            Ok(number) => self.add(number),
            Err(error) => {
                self.error.get_or_insert(error.into());
                self
            }
        }
    }

    /// The same for what may be unknown.
    pub(crate) fn optional_natural(&mut self, number: Option<u64>) -> &mut Self {
        match number {
            Some(number) => self.natural(number),
            None => self.add(None::<i64>),
        }
    }

    /// The most rows that are wanted.
    pub(crate) fn count(&mut self, count: usize) -> &mut Self {
        self.add(i64::try_from(count).unwrap_or(i64::MAX))
    }

    pub(crate) fn done(self) -> Result<SqliteArguments<'static>, sqlx::Error> {
        match self.error {
            Some(error) => Err(sqlx::Error::Encode(error)),
            None => Ok(self.arguments),
        }
    }
}
