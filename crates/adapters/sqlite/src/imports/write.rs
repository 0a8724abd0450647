//! Filling, finishing and removing an import, on a connection that nobody else writes beside.

use std::borrow::Borrow;

use onetape_domain::imported::{Import, ImportId, ImportedCandle, NewImport, RollUp, Source, whole_periods};
use onetape_domain::time::{TimeRange, Timeframe, Timestamp};
use onetape_domain::violation::Violations;
use onetape_ports::{StoreError, StoreErrorKind};
use sqlx::SqliteConnection;

use super::{Stored, WRITE, candle, conflict, find};
use crate::append::insert::Insert;
use crate::archive;
use crate::arguments::Arguments;
use crate::bounds::Bounds;
use crate::columns::Unread;
use crate::error::{broken_row, failed, unfit};

const ADD: Insert<'_> = Insert { sql: include_str!("../queries/imports/add.sql"), columns: 10 };
/// Candles read at once.
const PAGE: usize = 5_000;
/// Candles removed at once.
const REMOVED: u64 = 50_000;

async fn get(connection: &mut SqliteConnection, id: &ImportId) -> Result<Stored, StoreError> {
    let found = find(connection, id).await?;
    found.ok_or_else(|| StoreError::new(StoreErrorKind::Invalid, WRITE, format!("there is no import {id}")))
}

async fn count(
    connection: &mut SqliteConnection,
    import: i64,
    timeframe: Timeframe,
) -> Result<u64, StoreError> {
    let count: i64 = sqlx::query_scalar(include_str!("../queries/imports/count.sql"))
        .bind(import)
        .bind(timeframe.as_str())
        .fetch_one(connection)
        .await
        .map_err(failed(WRITE))?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// Writes candles that are not there.
pub(crate) async fn insert<T: Borrow<ImportedCandle> + Sync>(
    connection: &mut SqliteConnection,
    import: i64,
    timeframe: Timeframe,
    candles: &[T],
) -> Result<(), StoreError> {
    ADD.rows(connection, candles, columns(import, timeframe)).await
}

/// Binds the columns of a candle.
pub(crate) fn columns<T: Borrow<ImportedCandle>>(
    import: i64,
    timeframe: Timeframe,
) -> impl Fn(&mut Arguments, &T) + Send + Sync {
    move |arguments, candle| {
        let candle = candle.borrow();
        let ohlcv = candle.ohlcv();
        arguments.add(import).text(timeframe.as_str()).time(candle.open_time());
        arguments.price(ohlcv.open).price(ohlcv.high).price(ohlcv.low).price(ohlcv.close);
        arguments.quantity(ohlcv.volume).optional_decimal(ohlcv.taker_buy_volume.map(|volume| volume.get()));
        arguments.optional_natural(ohlcv.trade_count);
    }
}

pub(super) async fn add(
    connection: &mut SqliteConnection,
    id: &ImportId,
    candles: &[ImportedCandle],
) -> Result<u64, StoreError> {
    let Stored { number, new, finished } = get(connection, id).await?;
    let before = count(connection, number, new.timeframe).await?;
    insert(connection, number, new.timeframe, candles).await?;
    let added = count(connection, number, new.timeframe).await? - before;
    if added < candles.len() as u64 {
        refuse_differing(connection, number, &new, candles).await?;
    }
    match finished {
        Some(_) if added > 0 => {
            Err(conflict(format!("import {id} is finished, and lacks {added} of these candles")))
        }
        _ => Ok(added),
    }
}

/// Some candles were there already: with the same values, or else all of them are refused.
async fn refuse_differing(
    connection: &mut SqliteConnection,
    number: i64,
    import: &NewImport,
    candles: &[ImportedCandle],
) -> Result<(), StoreError> {
    let timeframe = import.timeframe;
    for given in candles {
        let open_time = given.open_time();
        let stored = page(connection, number, timeframe, open_time, 1).await?;
        if stored.first() != Some(given) {
            let id = &import.id;
            return Err(conflict(format!("import {id} has another {timeframe} candle at {open_time}")));
        }
    }
    Ok(())
}

/// So many candles from an instant on.
async fn page(
    connection: &mut SqliteConnection,
    import: i64,
    timeframe: Timeframe,
    from: Timestamp,
    limit: usize,
) -> Result<Vec<ImportedCandle>, StoreError> {
    let mut arguments = Arguments::new();
    arguments.add(import).text(timeframe.as_str()).time(from).count(limit);
    let arguments = arguments.done().map_err(failed(WRITE))?;
    let rows = sqlx::query_with(include_str!("../queries/imports/page.sql"), arguments)
        .fetch_all(connection)
        .await
        .map_err(failed(WRITE))?;
    rows.iter().map(|row| candle(row, timeframe)).collect::<Result<_, _>>().map_err(Unread::of(WRITE))
}

pub(super) async fn finish(
    connection: &mut SqliteConnection,
    id: &ImportId,
    covered: TimeRange,
) -> Result<Import, StoreError> {
    let Stored { number, new, finished } = get(connection, id).await?;
    match finished {
        Some(finished) if finished.covered == covered => return Ok(finished),
        Some(Import { covered, .. }) => {
            let (start, end) = (covered.start(), covered.end());
            return Err(conflict(format!("import {id} is finished for {start} to {end}")));
        }
        None => {}
    }
    let bounds = Bounds::read(connection, &new.instrument, WRITE).await?;
    archive::refuse_under_load(&new.instrument, bounds, WRITE)?;
    check_range(connection, number, &new, covered).await?;
    roll_up(connection, number, new.timeframe, covered).await?;
    sqlx::query(include_str!("../queries/imports/finish.sql"))
        .bind(number)
        .bind(covered.start().micros())
        .bind(covered.end().micros())
        .execute(&mut *connection)
        .await
        .map_err(failed(WRITE))?;
    let finished = find(connection, id).await?.and_then(|stored| stored.finished);
    finished.ok_or_else(|| unfit(WRITE, format!("import {id} vanished while it was finished")))
}

async fn check_range(
    connection: &mut SqliteConnection,
    number: i64,
    import: &NewImport,
    covered: TimeRange,
) -> Result<(), StoreError> {
    let NewImport { id, timeframe, .. } = import;
    if whole_periods(covered, *timeframe) != covered {
        return Err(unfit(WRITE, format!("the range of import {id} is not on the {timeframe} grid")));
    }
    let outside: Option<i64> = sqlx::query_scalar(include_str!("../queries/imports/outside.sql"))
        .bind(number)
        .bind(timeframe.as_str())
        .bind(covered.start().micros())
        .bind(covered.end().micros())
        .fetch_one(connection)
        .await
        .map_err(failed(WRITE))?;
    match outside.map(Timestamp::from_micros) {
        Some(time) => Err(unfit(WRITE, format!("import {id} has a candle at {time}, outside its range"))),
        None => Ok(()),
    }
}

/// Rolls up into all coarser timeframes in one pass. SQLite cannot sum decimals exactly, so it is done here.
async fn roll_up(
    connection: &mut SqliteConnection,
    number: i64,
    own: Timeframe,
    covered: TimeRange,
) -> Result<(), StoreError> {
    let coarser = Timeframe::ALL.into_iter().filter(|timeframe| *timeframe > own);
    let mut roll_ups: Vec<RollUp> = coarser.map(|timeframe| RollUp::new(covered, timeframe)).collect();
    let mut from = covered.start();
    loop {
        let candles = page(connection, number, own, from, PAGE).await?;
        let is_last = candles.len() < PAGE;
        for roll_up in &mut roll_ups {
            let done = rolled(roll_up, &candles, is_last).map_err(broken_row(WRITE))?;
            insert(connection, number, roll_up.timeframe(), &done).await?;
        }
        match candles.last() {
            Some(last) if !is_last => from = last.open_time().plus(1),
            _ => return Ok(()),
        }
    }
}

/// The periods that end with a page, and the last one where it is the last page.
fn rolled(
    roll_up: &mut RollUp,
    candles: &[ImportedCandle],
    is_last: bool,
) -> Result<Vec<ImportedCandle>, Violations> {
    let mut done = Vec::new();
    for candle in candles {
        done.extend(roll_up.add(candle)?);
    }
    if is_last {
        done.extend(roll_up.end()?);
    }
    Ok(done)
}

pub(super) async fn remove(connection: &mut SqliteConnection, id: &ImportId) -> Result<u64, StoreError> {
    let Some(Stored { number, new, .. }) = find(connection, id).await? else { return Ok(0) };
    let mut removed = 0;
    for timeframe in Timeframe::ALL {
        removed += remove_candles(connection, number, timeframe).await?;
    }
    sqlx::query(include_str!("../queries/imports/remove.sql"))
        .bind(number)
        .execute(&mut *connection)
        .await
        .map_err(failed(WRITE))?;
    if let Some(bounds) = Bounds::read(connection, &new.instrument, WRITE).await? {
        sqlx::query(include_str!("../queries/imports/forget_instrument.sql"))
            .bind(bounds.id)
            .execute(connection)
            .await
            .map_err(failed(WRITE))?;
    }
    Ok(removed)
}

/// Removes all candles of an import and a timeframe, in pieces: memory does not grow with them.
async fn remove_candles(
    connection: &mut SqliteConnection,
    number: i64,
    timeframe: Timeframe,
) -> Result<u64, StoreError> {
    let mut removed = 0;
    loop {
        let mut arguments = Arguments::new();
        arguments.add(number).text(timeframe.as_str()).natural(REMOVED);
        let arguments = arguments.done().map_err(failed(WRITE))?;
        let piece = sqlx::query_with(include_str!("../queries/imports/remove_candles.sql"), arguments)
            .execute(&mut *connection)
            .await
            .map_err(failed(WRITE))?
            .rows_affected();
        removed += piece;
        if piece < REMOVED {
            return Ok(removed);
        }
    }
}

pub(super) async fn rank(connection: &mut SqliteConnection, order: &[Source]) -> Result<(), StoreError> {
    sqlx::query(include_str!("../queries/imports/clear_sources.sql"))
        .execute(&mut *connection)
        .await
        .map_err(failed(WRITE))?;
    for (rank, source) in (0_i64..).zip(order) {
        sqlx::query(include_str!("../queries/imports/rank_source.sql"))
            .bind(source.as_str().to_owned())
            .bind(rank)
            .execute(&mut *connection)
            .await
            .map_err(failed(WRITE))?;
    }
    Ok(())
}
