//! Writing the tape: one transaction a batch, some statements a table.

mod books;
mod candles;
mod coverage;
pub(crate) mod insert;
mod trades;

use async_trait::async_trait;
use onetape_domain::candle::{Candle, CandleState};
use onetape_domain::change::{Changes, TapeBatch};
use onetape_domain::clock::InstrumentClock;
use onetape_domain::instrument::Instrument;
use onetape_domain::time::Timestamp;
use onetape_ports::{LoadRows, StoreError, StoreErrorKind, TapeStore};
use sqlx::SqliteConnection;

use crate::archive;
use crate::arguments::Arguments;
use crate::bounds::Bounds;
use crate::clocks;
use crate::error::{failed, unfit};
use crate::imports;
use crate::session::{self, Session};
use crate::store::SqliteStore;

const APPEND: &str = "append to the tape";

#[async_trait]
impl TapeStore for SqliteStore {
    async fn append(&self, batch: &TapeBatch, expected: Option<Timestamp>) -> Result<(), StoreError> {
        check(batch)?;
        let mut session = Session::begin(self.writer(), session::WRITE, APPEND).await?;
        match write(session.connection()?, batch, expected).await {
            Ok(Written::Now) => session.commit_rows().await,
            Ok(Written::Before) => session.rollback().await,
            Err(error) => session.finish(Err(error)).await,
        }
    }

    async fn rehearse(&self, batch: &TapeBatch, expected: Option<Timestamp>) -> Result<(), StoreError> {
        check(batch)?;
        let mut session = Session::begin(self.writer(), session::WRITE, APPEND).await?;
        match write(session.connection()?, batch, expected).await {
            Ok(_) => session.rollback().await,
            Err(error) => session.finish(Err(error)).await,
        }
    }

    async fn resume(&self, instrument: &Instrument) -> Result<Option<InstrumentClock>, StoreError> {
        // A process that dies takes its lock on the file with it, and what it had not committed. Another one, and a call that
        // was given up here, hold the lock until they are through.
        let mut session = Session::begin(self.writer(), session::WRITE, APPEND).await?;
        match clocks::clock(session.connection()?, instrument).await {
            Ok(clock) => session.rollback().await.map(|()| clock),
            Err(error) => session.finish(Err(error)).await,
        }
    }
}

/// When a batch was written.
enum Written {
    Now,
    /// Its acknowledgement was lost.
    Before,
}

fn check(batch: &TapeBatch) -> Result<(), StoreError> {
    if batch.clock.instrument != batch.instrument {
        let (clock, rows) = (&batch.clock.instrument, &batch.instrument);
        return Err(unfit(APPEND, format!("the clock of {clock} came with rows of {rows}")));
    }
    let mut candles = batch.changes.candles.iter().map(|change| change.candle);
    let is_open = |candle: &Candle| candle.state() != CandleState::Traded || candle.known_from().is_none();
    match candles.find(is_open) {
        Some(candle) => {
            let (timeframe, open_time) = (candle.timeframe(), candle.open_time());
            let message =
                format!("the {timeframe} candle of {} at {open_time} is not closed", batch.instrument);
            Err(unfit(APPEND, message))
        }
        None => Ok(()),
    }
}

/// Nobody else writes meanwhile: the transaction began with the file's lock.
async fn write(
    connection: &mut SqliteConnection,
    batch: &TapeBatch,
    expected: Option<Timestamp>,
) -> Result<Written, StoreError> {
    let bounds = Bounds::read(connection, &batch.instrument, APPEND).await?;
    archive::refuse_under_load(&batch.instrument, bounds, APPEND)?;
    let stored = match bounds {
        Some(bounds) => issued(connection, bounds.id).await?,
        None => None,
    };
    if stored != expected || stored.is_some_and(|stored| stored > batch.clock.issued) {
        return if stored == Some(batch.clock.issued) {
            Ok(Written::Before)
        } else {
            Err(conflict(batch, expected, stored))
        };
    }
    let id = match bounds {
        Some(bounds) => bounds.id,
        None => insert_instrument(connection, &batch.instrument).await?,
    };
    let Changes { trades, candles, books, imbalances, coverage, imports } = &batch.changes;
    write_clock(connection, id, &batch.clock).await?;
    widen_bounds(connection, id, batch).await?;
    trades::write(connection, id, trades).await?;
    candles::write(connection, id, candles).await?;
    books::write(connection, id, books).await?;
    books::write_imbalances(connection, id, imbalances).await?;
    coverage::write(connection, id, coverage).await?;
    imports::place(connection, id, imports, expected.is_none()).await?;
    Ok(Written::Now)
}

pub(crate) async fn issued(
    connection: &mut SqliteConnection,
    id: i64,
) -> Result<Option<Timestamp>, StoreError> {
    let issued: Option<i64> = sqlx::query_scalar(include_str!("queries/issued.sql"))
        .bind(id)
        .fetch_optional(connection)
        .await
        .map_err(failed(APPEND))?;
    Ok(issued.map(Timestamp::from_micros))
}

pub(crate) async fn insert_instrument(
    connection: &mut SqliteConnection,
    instrument: &Instrument,
) -> Result<i64, StoreError> {
    sqlx::query_scalar(include_str!("queries/insert_instrument.sql"))
        .bind(instrument.exchange().as_str())
        .bind(instrument.symbol().as_str())
        .fetch_one(connection)
        .await
        .map_err(failed(APPEND))
}

pub(crate) async fn write_clock(
    connection: &mut SqliteConnection,
    id: i64,
    clock: &InstrumentClock,
) -> Result<(), StoreError> {
    let unwritable =
        |error: serde_json::Error| unfit(APPEND, "the clock cannot be written").with_source(error);
    let state = serde_json::to_string(&clock.state).map_err(unwritable)?;
    let book = clock.book.as_ref().map(serde_json::to_string).transpose().map_err(unwritable)?;
    let mut arguments = Arguments::new();
    arguments.add(id).time(clock.issued).time(clock.live_since).optional_time(clock.watermark);
    arguments.add(state).add(book);
    run(connection, include_str!("queries/write_clock.sql"), arguments).await
}

/// Keeps what readers rely on: see the table `instruments`.
async fn widen_bounds(
    connection: &mut SqliteConnection,
    id: i64,
    batch: &TapeBatch,
) -> Result<(), StoreError> {
    let Changes { trades, candles, books, imbalances, coverage, imports: _ } = &batch.changes;
    let times = trades.iter().map(|row| row.key.event_time);
    let times = times.chain(candles.iter().map(|row| row.candle.ohlcv().first.event_time));
    let times = times.chain(books.iter().map(|row| row.second()));
    let times = times.chain(imbalances.iter().map(|row| row.second));
    let times = times.chain(coverage.iter().map(|row| row.available_at));
    let Some(first_time) = times.min() else { return Ok(()) };
    let leads = trades.iter().map(|row| row.key.event_time.since(row.available_at));
    let leads = leads.chain(coverage.iter().map(|row| row.end.since(row.available_at)));
    widen(connection, id, first_time, leads.max().unwrap_or(0)).await
}

/// Rows begin by then, and lie so far ahead of their stamps.
pub(crate) async fn widen(
    connection: &mut SqliteConnection,
    id: i64,
    first_time: Timestamp,
    lead: i64,
) -> Result<(), StoreError> {
    let mut arguments = Arguments::new();
    arguments.add(id).time(first_time).add(lead.max(0));
    run(connection, include_str!("queries/widen_bounds.sql"), arguments).await
}

fn conflict(batch: &TapeBatch, expected: Option<Timestamp>, stored: Option<Timestamp>) -> StoreError {
    let instant =
        |time: Option<Timestamp>| time.map_or_else(|| "nothing".to_owned(), |time| time.to_string());
    let message = format!(
        "another writer moved the clock of {}: it stands at {}, not at {}",
        batch.instrument,
        instant(stored),
        instant(expected),
    );
    StoreError::new(StoreErrorKind::Conflict, APPEND, message)
}

/// Writes rows of one table as another store had them.
pub(crate) async fn load(
    connection: &mut SqliteConnection,
    id: i64,
    rows: &LoadRows,
) -> Result<(), StoreError> {
    match rows {
        LoadRows::Candles(rows) => candles::load(connection, id, rows).await,
        LoadRows::Superseded(rows) => candles::write_superseded(connection, id, rows).await,
        LoadRows::Trades(rows) => trades::write(connection, id, rows).await,
        LoadRows::Books(rows) => books::write(connection, id, rows).await,
        LoadRows::Imbalances(rows) => books::write_imbalances(connection, id, rows).await,
        LoadRows::Coverage(rows) => coverage::write(connection, id, rows).await,
        LoadRows::Imported { .. } => Ok(()),
    }
}

/// Runs one statement with its arguments.
pub(crate) async fn run(
    connection: &mut SqliteConnection,
    sql: &str,
    arguments: Arguments,
) -> Result<(), StoreError> {
    let arguments = arguments.done().map_err(failed(APPEND))?;
    sqlx::query_with(sql, arguments).execute(connection).await.map(drop).map_err(failed(APPEND))
}
