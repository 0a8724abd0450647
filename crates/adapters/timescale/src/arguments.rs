//! Arguments of a query, bound in order.

use onetape_domain::candle::Ohlcv;
use onetape_domain::instrument::Instrument;
use onetape_domain::time::Timestamp;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArguments, PgHasArrayType};
use sqlx::{Arguments as _, Encode, Postgres, Type};

use crate::micros::Micros;
use crate::numeric::Num;

/// Collects arguments; those of an instrument begin with its symbol and exchange.
#[derive(Debug, Clone)]
pub(crate) struct Arguments(PgArguments);

impl Arguments {
    pub(crate) fn empty() -> Self {
        Self(PgArguments::default())
    }

    pub(crate) fn of(instrument: &Instrument) -> Result<Self, BoxDynError> {
        Self::empty().with(instrument.symbol().as_str())?.with(instrument.exchange().as_str())
    }

    pub(crate) fn with<'q, T: Encode<'q, Postgres> + Type<Postgres> + 'q>(
        mut self,
        value: T,
    ) -> Result<Self, BoxDynError> {
        self.0.add(value)?;
        Ok(self)
    }

    pub(crate) fn time(self, time: Timestamp) -> Result<Self, BoxDynError> {
        self.with(Micros(time))
    }

    /// An array with one element a row, written straight from the rows.
    pub(crate) fn each<'q, R, T>(
        self,
        rows: &'q [R],
        column: impl Fn(&'q R) -> T,
    ) -> Result<Self, BoxDynError>
    where
        T: Encode<'q, Postgres> + Type<Postgres> + PgHasArrayType + 'q,
    {
        self.with(rows.iter().map(column).collect::<Vec<T>>())
    }

    /// The same for values that may not fit.
    pub(crate) fn try_each<'q, R, T, E>(
        self,
        rows: &'q [R],
        column: impl Fn(&'q R) -> Result<T, E>,
    ) -> Result<Self, BoxDynError>
    where
        T: Encode<'q, Postgres> + Type<Postgres> + PgHasArrayType + 'q,
        E: Into<BoxDynError>,
    {
        let values = rows.iter().map(column).collect::<Result<Vec<T>, E>>().map_err(Into::into)?;
        self.with(values)
    }

    /// The columns from `open_price` to `taker_buy_volume` of candles, an array each.
    pub(crate) fn values<'q, R>(
        self,
        rows: &'q [R],
        ohlcv: impl Fn(&'q R) -> &'q Ohlcv,
    ) -> Result<Self, BoxDynError> {
        self.each(rows, |row| Num(ohlcv(row).open.get()))?
            .each(rows, |row| Num(ohlcv(row).high.get()))?
            .each(rows, |row| Num(ohlcv(row).low.get()))?
            .each(rows, |row| Num(ohlcv(row).close.get()))?
            .each(rows, |row| Num(ohlcv(row).volume.get()))?
            .each(rows, |row| ohlcv(row).taker_buy_volume.map(|volume| Num(volume.get())))
    }

    /// A number of rows.
    pub(crate) fn limit(self, limit: usize) -> Result<Self, BoxDynError> {
        self.with(i64::try_from(limit).unwrap_or(i64::MAX))
    }

    pub(crate) fn done(self) -> PgArguments {
        self.0
    }
}
