//! Beginning a load, and rows into the tables: by COPY, or by INSERT where some are there already.

use onetape_domain::candle::Candle;
use onetape_domain::imported::{Import, ImportId, ImportedCandle, NewImport};
use onetape_domain::instrument::Instrument;
use onetape_domain::time::{Timeframe, Timestamp};
use onetape_ports::{Load, LoadRows, StoreError};
use sqlx::PgConnection;

use super::{BEGIN_LONG, LOAD, conflict, issued, lock, under_way, until};
use crate::append::{self, Reach};
use crate::bulk;
use crate::error::{answer, failed};
use crate::imports::{self, NO_ROWS_YET};
use crate::micros::Micros;
use crate::session::Session;
use crate::store::TimescaleStore;

/// `unique_violation`: a row is there already.
const IS_THERE: &str = "23505";

pub(super) async fn begin(connection: &mut PgConnection, load: &Load) -> Result<(), StoreError> {
    let Load { instrument, issued: wanted } = load;
    imports::write::lock_instrument(connection, instrument).await?;
    let to = until(*wanted);
    let clock = append::stored_clock(connection, instrument).await.map_err(failed(LOAD))?;
    if let Some(stored) = clock {
        let message =
            format!("{instrument} is there already, up to {stored}: it cannot be loaded up to {to}");
        return Err(conflict(message));
    }
    match under_way(connection, instrument).await?.map(issued) {
        Some(before) if before > *wanted => {
            return Err(conflict(format!(
                "a load of {instrument} up to {} is under way: it cannot go back to {to}",
                until(before)
            )));
        }
        None if count_imports(connection, instrument).await? > 0 => {
            return Err(conflict(format!(
                "{instrument} has imports and no clock here: it cannot be loaded up to {to}"
            )));
        }
        _ => {}
    }
    sqlx::query(include_str!("../queries/archive/begin.sql"))
        .bind(instrument.symbol().as_str())
        .bind(instrument.exchange().as_str())
        .bind(NO_ROWS_YET)
        .bind(wanted.map_or(Micros::FOREVER, Micros))
        .execute(connection)
        .await
        .map(drop)
        .map_err(failed(LOAD))
}

pub(super) async fn count_imports(
    connection: &mut PgConnection,
    instrument: &Instrument,
) -> Result<usize, StoreError> {
    let count: i64 = sqlx::query_scalar(include_str!("../queries/archive/count_imports.sql"))
        .bind(instrument.symbol().as_str())
        .bind(instrument.exchange().as_str())
        .fetch_one(connection)
        .await
        .map_err(failed(LOAD))?;
    Ok(usize::try_from(count).unwrap_or(0))
}

pub(super) async fn import(connection: &mut PgConnection, import: &Import) -> Result<Import, StoreError> {
    lock(connection, &import.instrument).await?;
    let Import { id, instrument, source, timeframe, .. } = import.clone();
    let number = imports::write::begin(connection, &NewImport { id, instrument, source, timeframe }).await?;
    Ok(Import { number: number.unsigned_abs(), ..import.clone() })
}

pub(super) async fn rows(
    store: &TimescaleStore,
    instrument: &Instrument,
    rows: &LoadRows,
) -> Result<(), StoreError> {
    match once(store, instrument, rows, How::Copy).await {
        Err(error) if wants_insert(&error) => once(store, instrument, rows, How::Insert).await,
        outcome => outcome,
    }
}

/// How rows get into a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// Fast, and refused where one of them is there.
    Copy,
    /// What is there stays.
    Insert,
}

fn wants_insert(error: &StoreError) -> bool {
    let is_there = answer(error).is_some_and(|answer| answer.code().as_deref() == Some(IS_THERE));
    is_there || bulk::is_unsupported(error)
}

/// One transaction.
async fn once(
    store: &TimescaleStore,
    instrument: &Instrument,
    rows: &LoadRows,
    how: How,
) -> Result<(), StoreError> {
    let mut session = Session::begin(store.writers(), BEGIN_LONG, LOAD).await?;
    let written = write(session.connection()?, instrument, rows, how).await;
    session.finish(written).await
}

async fn write(
    connection: &mut PgConnection,
    instrument: &Instrument,
    rows: &LoadRows,
    how: How,
) -> Result<(), StoreError> {
    lock(connection, instrument).await?;
    if let LoadRows::Imported { id, timeframe, candles } = rows {
        return write_imported(connection, id, *timeframe, candles, how).await;
    }
    match how {
        How::Copy => copy(connection, instrument, rows).await?,
        How::Insert => insert(connection, instrument, rows).await?,
    }
    if let LoadRows::Coverage(rows) = rows
        && how == How::Copy
    {
        append::coverage::write_runs(connection, instrument, rows).await?;
    }
    match reach(rows) {
        Some(reach) => reach.write(connection, instrument).await,
        None => Ok(()),
    }
}

async fn copy(
    connection: &mut PgConnection,
    instrument: &Instrument,
    rows: &LoadRows,
) -> Result<(), StoreError> {
    match rows {
        LoadRows::Candles(rows) => {
            for (timeframe, own) in by_timeframe(rows) {
                bulk::candles(connection, instrument, timeframe, &own).await?;
            }
            Ok(())
        }
        LoadRows::Superseded(rows) => bulk::superseded(connection, instrument, rows).await,
        LoadRows::Trades(rows) => bulk::trades(connection, instrument, rows).await,
        LoadRows::Books(rows) => bulk::books(connection, instrument, rows).await,
        LoadRows::Imbalances(rows) => bulk::imbalances(connection, instrument, rows).await,
        LoadRows::Coverage(rows) => bulk::coverage(connection, instrument, rows).await,
        LoadRows::Imported { .. } => Ok(()),
    }
}

async fn insert(
    connection: &mut PgConnection,
    instrument: &Instrument,
    rows: &LoadRows,
) -> Result<(), StoreError> {
    match rows {
        LoadRows::Candles(rows) => {
            for (timeframe, own) in by_timeframe(rows) {
                append::candles::upsert(connection, instrument, timeframe, &own).await?;
            }
            Ok(())
        }
        LoadRows::Superseded(rows) => append::candles::write_superseded(connection, instrument, rows).await,
        LoadRows::Trades(rows) => append::trades::write(connection, instrument, rows).await,
        LoadRows::Books(rows) => append::books::write(connection, instrument, rows).await,
        LoadRows::Imbalances(rows) => append::books::write_imbalances(connection, instrument, rows).await,
        LoadRows::Coverage(rows) => append::coverage::write(connection, instrument, rows).await,
        LoadRows::Imported { .. } => Ok(()),
    }
}

fn by_timeframe(rows: &[Candle]) -> impl Iterator<Item = (Timeframe, Vec<Candle>)> {
    let own =
        |timeframe| rows.iter().filter(move |candle| candle.timeframe() == timeframe).copied().collect();
    let all = Timeframe::ALL.into_iter().map(move |timeframe| (timeframe, own(timeframe)));
    all.filter(|(_, own): &(_, Vec<Candle>)| !own.is_empty())
}

async fn write_imported(
    connection: &mut PgConnection,
    id: &ImportId,
    timeframe: Timeframe,
    candles: &[ImportedCandle],
    how: How,
) -> Result<(), StoreError> {
    let Some(stored) = imports::write::find(connection, id).await? else {
        return Err(conflict(format!("import {id} was not begun")));
    };
    match how {
        How::Copy => bulk::imported(connection, &stored.new, timeframe, candles).await,
        How::Insert => {
            let as_if = NewImport { timeframe, ..stored.new };
            imports::write::insert(connection, &as_if, candles).await.map(drop)
        }
    }
}

/// Where rows lie: what readers rely on.
fn reach(rows: &LoadRows) -> Option<Reach> {
    let nowhere = Reach {
        first_time: Timestamp::LATEST,
        first_trade: None,
        first_book: None,
        first_imbalance: None,
        lead: 0,
        lag: 0,
    };
    match rows {
        LoadRows::Candles(rows) => {
            let first_time = rows.iter().map(|row| row.ohlcv().first.event_time).min()?;
            Some(Reach { first_time, ..nowhere })
        }
        LoadRows::Superseded(rows) => {
            let first_time = rows.iter().map(|row| row.candle.ohlcv().first.event_time).min()?;
            Some(Reach { first_time, ..nowhere })
        }
        LoadRows::Trades(rows) => {
            let first_time = rows.iter().map(|row| row.key.event_time).min()?;
            let lead = rows.iter().map(|row| row.key.event_time.since(row.available_at)).max()?.max(0);
            Some(Reach { first_time, first_trade: Some(first_time), lead, ..nowhere })
        }
        LoadRows::Books(rows) => {
            let first_time = rows.iter().map(|row| row.second()).min()?;
            let lag = rows.iter().map(|row| row.available_at().since(row.second())).max()?.max(0);
            Some(Reach { first_time, first_book: Some(first_time), lag, ..nowhere })
        }
        LoadRows::Imbalances(rows) => {
            let first_time = rows.iter().map(|row| row.second).min()?;
            Some(Reach { first_time, first_imbalance: Some(first_time), ..nowhere })
        }
        LoadRows::Coverage(rows) => {
            let first_time = rows.iter().map(|row| row.available_at).min()?;
            let lead = rows.iter().map(|row| row.end.since(row.available_at)).max()?.max(0);
            Some(Reach { first_time, lead, ..nowhere })
        }
        LoadRows::Imported { .. } => None,
    }
}
