//! Candles: the version a reader knew at an instant, from the current ones and the superseded ones.

use std::sync::LazyLock;

use async_trait::async_trait;
use futures::TryStreamExt;
use onetape_domain::candle::{Candle, Ohlcv, SupersededCandle};
use onetape_domain::decimal::{Price, Quantity};
use onetape_domain::engine::candles::CandleKey;
use onetape_domain::instrument::Instrument;
use onetape_domain::time::{SECOND, Timeframe, Timestamp};
use onetape_domain::trade::TradeKey;
use onetape_domain::violation::{Violation, Violations};
use onetape_ports::store::RowStream;
use onetape_ports::{CandleQuery, CandleStore, Knowledge, Selection, StoreError};
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgConnection, PgRow};

use crate::arguments::Arguments;
use crate::bounds::Bounds;
use crate::columns::{Columns, FromColumns, row_of_records};
use crate::cursor::{self, Request};
use crate::error::{broken_row, failed};
use crate::micros::Micros;
use crate::numeric::Num;
use crate::session::Session;
use crate::store::TimescaleStore;

/// Periods looked back over for each candle asked for, before looking farther: most seconds of a busy
/// market have a trade.
pub(crate) const SLACK: i64 = 16;

/// Looked back over at least: a quiet market has a trade a minute.
const SHORTEST_SPAN: i64 = 6 * 3_600 * SECOND;

const READ: &str = "read candles";

/// A query for each timeframe; the text is that of the first.
pub(crate) struct PerTimeframe(LazyLock<[String; 6]>);

impl PerTimeframe {
    pub(crate) const fn new(build: fn() -> [String; 6]) -> Self {
        Self(LazyLock::new(build))
    }

    pub(crate) fn of(&'static self, timeframe: Timeframe) -> &'static str {
        &self.0[timeframe.index()]
    }
}

/// The query `text`, written for `ohlcv_1s`, for the six tables.
pub(crate) fn for_each_table(text: &str) -> [String; 6] {
    Timeframe::ALL.map(|timeframe| text.replace("ohlcv_1s", &format!("ohlcv_{timeframe}")))
}

static RANGE: PerTimeframe = PerTimeframe::new(|| for_each_table(include_str!("queries/candles_range.sql")));
static LAST: PerTimeframe = PerTimeframe::new(|| for_each_table(include_str!("queries/candles_last.sql")));
static ONE: PerTimeframe = PerTimeframe::new(|| for_each_table(include_str!("queries/candle.sql")));

row_of_records! {
    /// One version of a candle.
    CandleRow {
        timestamp: Micros,
        open_price: Num,
        high_price: Num,
        low_price: Num,
        close_price: Num,
        volume: Num,
        taker_buy_volume: Option<Num>,
        trade_count: i64,
        first_event_time: Micros,
        first_sequence: i64,
        first_index: i64,
        last_event_time: Micros,
        last_sequence: i64,
        last_index: i64,
        revision: i32,
        known_from: Micros,
    }
}

impl CandleRow {
    pub(crate) fn into_candle(self, timeframe: Timeframe) -> Result<Candle, Violations> {
        let Self {
            timestamp,
            open_price,
            high_price,
            low_price,
            close_price,
            volume,
            taker_buy_volume,
            trade_count,
            first_event_time,
            first_sequence,
            first_index,
            last_event_time,
            last_sequence,
            last_index,
            revision,
            known_from,
        } = self;
        let taker_buy_volume = taker_buy_volume
            .map(|volume| Quantity::try_new("candle.taker_buy_volume", volume.0))
            .transpose()?;
        let ohlcv = Ohlcv {
            open: Price::try_new("candle.open", open_price.0)?,
            high: Price::try_new("candle.high", high_price.0)?,
            low: Price::try_new("candle.low", low_price.0)?,
            close: Price::try_new("candle.close", close_price.0)?,
            volume: Quantity::try_new("candle.volume", volume.0)?,
            taker_buy_volume,
            trade_count: Some(natural("candle.trade_count", trade_count)?),
            first: trade_key(first_event_time, first_sequence, first_index)?,
            last: trade_key(last_event_time, last_sequence, last_index)?,
        };
        Candle::closed(timeframe, timestamp.0, ohlcv, natural("candle.revision", revision)?, known_from.0)
    }
}

/// A number that is never negative.
pub(crate) fn natural<N: Copy + std::fmt::Display, T: TryFrom<N>>(
    field: &str,
    number: N,
) -> Result<T, Violations> {
    T::try_from(number).map_err(|_| Violations(vec![Violation::new(field, number, "must not be negative")]))
}

pub(crate) fn trade_key(event_time: Micros, sequence: i64, index: i64) -> Result<TradeKey, Violations> {
    Ok(TradeKey { event_time: event_time.0, sequence, index: natural("trade.index", index)? })
}

#[async_trait]
impl CandleStore for TimescaleStore {
    async fn candles(&self, query: &CandleQuery) -> Result<Vec<Candle>, StoreError> {
        match (query.selection, query.knowledge) {
            (Selection::Last(0), _) => Ok(Vec::new()),
            // The first attempt needs no bounds, and nearly always suffices.
            (Selection::Last(count), Knowledge::AsRecorded) => self.last_candles(query, count).await,
            _ => self.stream_candles(query.clone()).try_collect().await,
        }
    }

    fn stream_candles(&self, query: CandleQuery) -> RowStream<'_, Candle> {
        let timeframe = query.timeframe;
        let instrument = query.instrument.clone();
        let corrected = query.knowledge == Knowledge::AsCorrected;
        cursor::rows_at(
            self.readers(),
            READ,
            instrument,
            corrected.then_some(query.as_of),
            move |bounds, watermark| request(&query, bounds, watermark),
            move |row| decode(row, timeframe),
        )
    }

    async fn candle(&self, instrument: &Instrument, key: CandleKey) -> Result<Option<Candle>, StoreError> {
        self.readers()
            .within(READ, async {
                let mut session = Session::single(self.readers(), READ).await?;
                let row = sqlx::query(ONE.of(key.timeframe))
                    .bind(instrument.symbol().as_str())
                    .bind(instrument.exchange().as_str())
                    .bind(Micros(key.open_time))
                    .fetch_optional(session.connection()?)
                    .await
                    .map_err(failed(READ))?;
                session.commit().await?;
                row.map(|row| decode(&row, key.timeframe)).transpose()
            })
            .await
    }

    async fn superseded(
        &self,
        instrument: &Instrument,
        key: CandleKey,
    ) -> Result<Vec<SupersededCandle>, StoreError> {
        self.readers()
            .within(READ, async {
                let mut session = Session::single(self.readers(), READ).await?;
                let rows = sqlx::query(include_str!("queries/superseded.sql"))
                    .bind(instrument.symbol().as_str())
                    .bind(instrument.exchange().as_str())
                    .bind(key.timeframe.as_str())
                    .bind(Micros(key.open_time))
                    .fetch_all(session.connection()?)
                    .await
                    .map_err(failed(READ))?;
                session.commit().await?;
                let decode = |row: &PgRow| -> Result<SupersededCandle, StoreError> {
                    let mut columns = Columns::new(row);
                    let candle = CandleRow::read(&mut columns).map_err(failed(READ))?;
                    let Micros(known_to) = columns.take().map_err(failed(READ))?;
                    Ok(SupersededCandle {
                        candle: candle.into_candle(key.timeframe).map_err(broken_row(READ))?,
                        known_to,
                    })
                };
                rows.iter().map(decode).collect()
            })
            .await
    }
}

impl TimescaleStore {
    async fn last_candles(&self, query: &CandleQuery, count: usize) -> Result<Vec<Candle>, StoreError> {
        self.readers()
            .within(READ, async {
                let mut session = Session::single(self.readers(), READ).await?;
                let candles = last_candles(session.connection()?, query, count).await?;
                session.commit().await?;
                Ok(candles)
            })
            .await
    }
}

async fn last_candles(
    connection: &mut PgConnection,
    query: &CandleQuery,
    count: usize,
) -> Result<Vec<Candle>, StoreError> {
    let end = query.as_of.plus(1);
    let lower = end.plus(-span(query.timeframe, count));
    let candles = fetch_last(connection, query, lower, end, count).await?;
    if candles.len() == count {
        return Ok(candles);
    }
    let bounds = Bounds::read(&mut *connection, &query.instrument).await.map_err(failed(READ))?;
    let bounds = bounds.of_candles(query.timeframe);
    let mut candles = candles;
    for lower in bounds.lowers(end, span(query.timeframe, count)).into_iter().filter(|wider| *wider < lower) {
        candles = fetch_last(connection, query, lower, end, count).await?;
        if candles.len() == count {
            break;
        }
    }
    Ok(candles)
}

/// Time in which so many candles are looked for first.
pub(crate) fn span(timeframe: Timeframe, count: usize) -> i64 {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    timeframe.micros().saturating_mul(SLACK).saturating_mul(count).max(SHORTEST_SPAN)
}

async fn fetch_last(
    connection: &mut PgConnection,
    query: &CandleQuery,
    lower: Timestamp,
    end: Timestamp,
    count: usize,
) -> Result<Vec<Candle>, StoreError> {
    let arguments = last_arguments(query, lower, end, query.as_of.into(), count)
        .map_err(|error| failed(READ)(sqlx::Error::Encode(error)))?;
    let rows = sqlx::query_with(LAST.of(query.timeframe), arguments.done())
        .fetch_all(connection)
        .await
        .map_err(failed(READ))?;
    rows.iter().map(|row| decode(row, query.timeframe)).collect()
}

/// The candles that open in `[start, end)`, as `known`, on a connection that is held already.
pub(crate) async fn fetch_range(
    connection: &mut PgConnection,
    query: &CandleQuery,
    start: Timestamp,
    end: Timestamp,
    known: Micros,
) -> Result<Vec<Candle>, StoreError> {
    let arguments = range_arguments(query, start, end, known)
        .map_err(|error| failed(READ)(sqlx::Error::Encode(error)))?;
    let rows = sqlx::query_with(RANGE.of(query.timeframe), arguments.done())
        .fetch_all(connection)
        .await
        .map_err(failed(READ))?;
    rows.iter().map(|row| decode(row, query.timeframe)).collect()
}

fn last_arguments(
    query: &CandleQuery,
    lower: Timestamp,
    end: Timestamp,
    known: Micros,
    count: usize,
) -> Result<Arguments, BoxDynError> {
    range_arguments(query, lower, end, known)?.limit(count)
}

fn range_arguments(
    query: &CandleQuery,
    lower: Timestamp,
    end: Timestamp,
    known: Micros,
) -> Result<Arguments, BoxDynError> {
    Arguments::of(&query.instrument)?.with(query.timeframe.as_str())?.time(lower)?.time(end)?.with(known)
}

/// What to read as of the instant, or, with a watermark, of the final candles it closed.
fn request(
    query: &CandleQuery,
    bounds: &Bounds,
    watermark: Option<Timestamp>,
) -> Result<Request, BoxDynError> {
    let (horizon, known) = match query.knowledge {
        Knowledge::AsRecorded => (query.as_of, query.as_of.into()),
        Knowledge::AsCorrected => {
            let Some(watermark) = watermark else { return Ok(Request::nothing()) };
            (watermark.plus(-query.timeframe.micros()), Micros::FOREVER)
        }
    };
    let bounds = bounds.of_candles(query.timeframe);
    match query.selection {
        Selection::Range(range) => {
            let (start, end) = bounds.clip(range, horizon, 0);
            let arguments = range_arguments(query, start, end, known)?.done();
            Ok(Request { sql: RANGE.of(query.timeframe), attempts: vec![arguments], wanted: None })
        }
        Selection::Last(count) => {
            let end = horizon.plus(1);
            let lowers = bounds.lowers(end, span(query.timeframe, count));
            let attempt = |lower| Ok(last_arguments(query, lower, end, known, count)?.done());
            let attempts = lowers.into_iter().map(attempt).collect::<Result<_, BoxDynError>>()?;
            Ok(Request { sql: LAST.of(query.timeframe), attempts, wanted: Some(count) })
        }
    }
}

pub(crate) fn decode(row: &PgRow, timeframe: Timeframe) -> Result<Candle, StoreError> {
    let row = CandleRow::read(&mut Columns::new(row)).map_err(failed(READ))?;
    row.into_candle(timeframe).map_err(broken_row(READ))
}
