//! Candles of imports, in one statement for all imports and timeframes of a query.

use onetape_domain::decimal::{Price, Quantity};
use onetape_domain::imported::{Import, ImportedCandle, ImportedRow, ImportedValues};
use onetape_domain::time::{Timeframe, Timestamp};
use onetape_domain::violation::Violations;
use onetape_ports::{ImportedQuery, Selection, StoreError};
use sqlx::PgConnection;
use sqlx::error::BoxDynError;
use sqlx::postgres::PgRow;

use super::READ;
use crate::arguments::Arguments;
use crate::candles::{natural, span};
use crate::columns::{Columns, FromColumns, row};
use crate::error::{broken_row, failed};
use crate::micros::Micros;
use crate::numeric::Num;
use crate::session::Session;
use crate::store::TimescaleStore;

row! {
    /// Of which import a candle is, by its position, and its period.
    PlaceRow { position: i32, timeframe: String }
}

row! {
    /// A candle of an import.
    CandleRow {
        timestamp: Micros,
        open_price: Num,
        high_price: Num,
        low_price: Num,
        close_price: Num,
        volume: Num,
        taker_buy_volume: Option<Num>,
        trade_count: Option<i64>,
    }
}

impl CandleRow {
    pub(crate) fn into_imported(self, timeframe: Timeframe) -> Result<ImportedCandle, Violations> {
        let Self { timestamp: Micros(open_time), open_price, high_price, low_price, close_price, .. } = self;
        let taker =
            self.taker_buy_volume.map(|volume| Quantity::try_new("candle.taker_buy_volume", volume.0));
        let values = ImportedValues {
            open: Price::try_new("candle.open", open_price.0)?,
            high: Price::try_new("candle.high", high_price.0)?,
            low: Price::try_new("candle.low", low_price.0)?,
            close: Price::try_new("candle.close", close_price.0)?,
            volume: Quantity::try_new("candle.volume", self.volume.0)?,
            taker_buy_volume: taker.transpose()?,
            trade_count: self.trade_count.map(|count| natural("candle.trade_count", count)).transpose()?,
        };
        ImportedCandle::try_new(timeframe, open_time, values)
    }
}

fn placed(place: PlaceRow, candle: CandleRow) -> Result<(Timeframe, ImportedRow), Violations> {
    let timeframe: Timeframe = place.timeframe.parse()?;
    let import = natural("import.position", place.position)?;
    Ok((timeframe, ImportedRow { import, candle: candle.into_imported(timeframe)? }))
}

/// The candles of one import and timeframe that are wanted: those in `[lower, upper)`, of which the last `count`.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    position: usize,
    timeframe: Timeframe,
    lower: Timestamp,
    upper: Timestamp,
    count: Option<usize>,
    /// Before the first candle the import can have.
    first: Timestamp,
}

pub(super) async fn candles(
    store: &TimescaleStore,
    query: &ImportedQuery,
) -> Result<[Vec<ImportedRow>; 6], StoreError> {
    let mut rows: [Vec<ImportedRow>; 6] = Default::default();
    let mut wanted = wanted(query);
    if wanted.is_empty() {
        return Ok(rows);
    }
    let mut session = Session::single(store.readers(), READ).await?;
    while !wanted.is_empty() {
        let found = fetch(session.connection()?, query, &wanted).await?;
        // Fewer than wanted, and older ones may be there: those are looked for once more, from the import's begin.
        let of = |wanted: &Wanted| {
            let same = |row: &&(Timeframe, ImportedRow)| {
                (row.0, row.1.import) == (wanted.timeframe, wanted.position)
            };
            found.iter().filter(same).count()
        };
        let is_short = |wanted: &Wanted| {
            wanted.lower > wanted.first && wanted.count.is_some_and(|count| of(wanted) < count)
        };
        let short: Vec<Wanted> = wanted.iter().filter(|wanted| is_short(wanted)).copied().collect();
        for (timeframe, row) in found {
            let again = |short: &Wanted| (short.timeframe, short.position) == (timeframe, row.import);
            if !short.iter().any(again) {
                rows[timeframe.index()].push(row);
            }
        }
        wanted = short.into_iter().map(|wanted| Wanted { lower: wanted.first, ..wanted }).collect();
    }
    session.commit().await?;
    Ok(rows)
}

fn wanted(query: &ImportedQuery) -> Vec<Wanted> {
    let of_import = |(position, import): (usize, &Import)| {
        let (covered, own) = (import.covered, import.timeframe);
        Timeframe::ALL.into_iter().filter(move |timeframe| *timeframe >= own).filter_map(move |timeframe| {
            let first = covered.start();
            let end = query.closed_by.plus(1 - timeframe.micros()).min(covered.end());
            let (lower, upper, count) = match query.selections[timeframe.index()]? {
                Selection::Range(range) => (range.start().max(first), range.end().min(end), None),
                Selection::Last(0) => return None,
                Selection::Last(count) => (end.plus(-span(timeframe, count)).max(first), end, Some(count)),
            };
            (lower < upper).then_some(Wanted { position, timeframe, lower, upper, count, first })
        })
    };
    query.imports.iter().enumerate().flat_map(of_import).collect()
}

async fn fetch(
    connection: &mut PgConnection,
    query: &ImportedQuery,
    wanted: &[Wanted],
) -> Result<Vec<(Timeframe, ImportedRow)>, StoreError> {
    let arguments = arguments(query, wanted).map_err(|error| failed(READ)(sqlx::Error::Encode(error)))?;
    let rows = sqlx::query_with(include_str!("../queries/imports/candles.sql"), arguments.done())
        .fetch_all(connection)
        .await
        .map_err(failed(READ))?;
    let decode = |row: &PgRow| {
        let mut columns = Columns::new(row);
        let place = PlaceRow::read(&mut columns).map_err(failed(READ))?;
        let candle = CandleRow::read(&mut columns).map_err(failed(READ))?;
        placed(place, candle).map_err(broken_row(READ))
    };
    rows.iter().map(decode).collect()
}

fn arguments(query: &ImportedQuery, wanted: &[Wanted]) -> Result<Arguments, BoxDynError> {
    let import = |wanted: &Wanted| &query.imports[wanted.position];
    let lower = wanted.iter().map(|wanted| wanted.lower).min().unwrap_or(Timestamp::EARLIEST);
    let upper = wanted.iter().map(|wanted| wanted.upper).max().unwrap_or(Timestamp::LATEST);
    Arguments::of(&query.instrument)?
        .try_each(wanted, |wanted| i32::try_from(wanted.position))?
        .each(wanted, |wanted| import(wanted).source.as_str())?
        .each(wanted, |wanted| import(wanted).id.as_str())?
        .each(wanted, |wanted| wanted.timeframe.as_str())?
        .each(wanted, |wanted| Micros(wanted.lower))?
        .each(wanted, |wanted| Micros(wanted.upper))?
        .try_each(wanted, |wanted| wanted.count.map(i64::try_from).transpose())?
        .time(lower)?
        .time(upper)
}
