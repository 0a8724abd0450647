//! Beginning, filling, finishing and removing an import, on a connection in a transaction.

use std::borrow::Borrow;

use onetape_domain::candle::Ohlcv;
use onetape_domain::imported::{Import, ImportId, ImportedCandle, NewImport, Source, whole_periods};
use onetape_domain::instrument::Instrument;
use onetape_domain::time::{TimeRange, Timeframe};
use onetape_ports::{StoreError, StoreErrorKind};
use sqlx::PgConnection;
use sqlx::error::BoxDynError;

use super::{NO_ROWS_YET, Stored, WRITE};
use crate::append::ROWS_PER_STATEMENT;
use crate::archive;
use crate::arguments::Arguments;
use crate::error::{broken_row, failed, unfit};
use crate::micros::Micros;

fn conflict(message: String) -> StoreError {
    StoreError::new(StoreErrorKind::Conflict, WRITE, message)
}

/// Held to the end of the transaction.
pub(crate) async fn lock_instrument(
    connection: &mut PgConnection,
    instrument: &Instrument,
) -> Result<(), StoreError> {
    sqlx::query(include_str!("../queries/imports/lock_instrument.sql"))
        .bind(instrument.symbol().as_str())
        .bind(instrument.exchange().as_str())
        .execute(connection)
        .await
        .map(drop)
        .map_err(failed(WRITE))
}

pub(crate) async fn find(connection: &mut PgConnection, id: &ImportId) -> Result<Option<Stored>, StoreError> {
    let row = sqlx::query_as(include_str!("../queries/imports/read_one.sql"))
        .bind(id.as_str())
        .fetch_optional(connection)
        .await
        .map_err(failed(WRITE))?;
    row.map(Stored::of_row).transpose().map_err(broken_row(WRITE))
}

/// Finds an import and keeps others from changing it until the end of the transaction.
async fn lock(connection: &mut PgConnection, id: &ImportId) -> Result<Stored, StoreError> {
    sqlx::query(include_str!("../queries/imports/lock_one.sql"))
        .bind(id.as_str())
        .fetch_optional(&mut *connection)
        .await
        .map_err(failed(WRITE))?;
    let found = find(connection, id).await?;
    found.ok_or_else(|| StoreError::new(StoreErrorKind::Invalid, WRITE, format!("there is no import {id}")))
}

pub(super) async fn begin_anew(connection: &mut PgConnection, import: &NewImport) -> Result<(), StoreError> {
    archive::refuse_under_load(connection, &import.instrument, WRITE).await?;
    begin(connection, import).await.map(drop)
}

/// The number of an import that is begun now or was before.
pub(crate) async fn begin(connection: &mut PgConnection, import: &NewImport) -> Result<i64, StoreError> {
    sqlx::query(include_str!("../queries/imports/begin.sql"))
        .bind(import.id.as_str())
        .bind(import.instrument.symbol().as_str())
        .bind(import.instrument.exchange().as_str())
        .bind(import.source.as_str())
        .bind(import.timeframe.as_str())
        .execute(&mut *connection)
        .await
        .map_err(failed(WRITE))?;
    match find(connection, &import.id).await? {
        Some(stored) if stored.new != *import => {
            let NewImport { id, instrument, source, timeframe } = stored.new;
            Err(conflict(format!("import {id} is one of {instrument} {timeframe} from {source}")))
        }
        Some(stored) => Ok(stored.number),
        None => Err(unfit(WRITE, format!("import {} vanished while it was begun", import.id))),
    }
}

/// Arguments that name the candles of an import.
pub(crate) fn key(import: &NewImport, timeframe: Timeframe) -> Result<Arguments, BoxDynError> {
    Arguments::of(&import.instrument)?
        .with(import.source.as_str())?
        .with(import.id.as_str())?
        .with(timeframe.as_str())
}

fn columns<T: Borrow<ImportedCandle>>(import: &NewImport, rows: &[T]) -> Result<Arguments, BoxDynError> {
    fn ohlcv<T: Borrow<ImportedCandle>>(row: &T) -> &Ohlcv {
        row.borrow().ohlcv()
    }
    key(import, import.timeframe)?
        .each(rows, |row| Micros(row.borrow().open_time()))?
        .try_each(rows, |row| ohlcv(row).trade_count.map(i64::try_from).transpose())?
        .values(rows, ohlcv)
}

fn encoded(arguments: Result<Arguments, BoxDynError>) -> Result<Arguments, StoreError> {
    arguments.map_err(|error| failed(WRITE)(sqlx::Error::Encode(error)))
}

/// Writes candles of the import's timeframe that are not there; says how many.
pub(crate) async fn insert<T: Borrow<ImportedCandle> + Sync>(
    connection: &mut PgConnection,
    import: &NewImport,
    candles: &[T],
) -> Result<u64, StoreError> {
    let arguments = encoded(columns(import, candles))?.done();
    let inserted = sqlx::query_with(include_str!("../queries/imports/add.sql"), arguments)
        .execute(connection)
        .await
        .map_err(failed(WRITE))?;
    Ok(inserted.rows_affected())
}

pub(super) async fn add(
    connection: &mut PgConnection,
    id: &ImportId,
    candles: &[ImportedCandle],
) -> Result<u64, StoreError> {
    let stored = lock(connection, id).await?;
    let mut added = 0;
    for part in candles.chunks(ROWS_PER_STATEMENT) {
        let inserted = insert(connection, &stored.new, part).await?;
        if inserted < part.len() as u64 {
            refuse_differing(connection, &stored.new, part).await?;
        }
        added += inserted;
    }
    match stored.finished {
        Some(_) if added > 0 => {
            Err(conflict(format!("import {id} is finished, and lacks {added} of these candles")))
        }
        _ => Ok(added),
    }
}

/// Some candles were there already: with the same values, or else all of them are refused.
async fn refuse_differing(
    connection: &mut PgConnection,
    import: &NewImport,
    candles: &[ImportedCandle],
) -> Result<(), StoreError> {
    let times = || candles.iter().map(ImportedCandle::open_time);
    let (Some(first), Some(last)) = (times().min(), times().max()) else { return Ok(()) };
    let arguments = columns(import, candles).and_then(|arguments| arguments.time(first)?.time(last));
    let differing: Option<Micros> =
        sqlx::query_scalar_with(include_str!("../queries/imports/differing.sql"), encoded(arguments)?.done())
            .fetch_optional(connection)
            .await
            .map_err(failed(WRITE))?;
    match differing {
        Some(Micros(open_time)) => {
            let NewImport { id, timeframe, .. } = import;
            Err(conflict(format!("import {id} has another {timeframe} candle at {open_time}")))
        }
        None => Ok(()),
    }
}

pub(super) async fn finish(
    connection: &mut PgConnection,
    id: &ImportId,
    covered: TimeRange,
) -> Result<Import, StoreError> {
    let Some(Stored { new, .. }) = find(connection, id).await? else {
        return Err(StoreError::new(StoreErrorKind::Invalid, WRITE, format!("there is no import {id}")));
    };
    archive::refuse_under_load(connection, &new.instrument, WRITE).await?;
    match lock(connection, id).await?.finished {
        Some(finished) if finished.covered == covered => return Ok(finished),
        Some(Import { covered, .. }) => {
            return Err(conflict(format!(
                "import {id} is finished for {} to {}",
                covered.start(),
                covered.end()
            )));
        }
        None => {}
    }
    check_range(connection, &new, covered).await?;
    roll_up(connection, &new, covered).await?;
    sqlx::query(include_str!("../queries/imports/finish.sql"))
        .bind(id.as_str())
        .bind(Micros(covered.start()))
        .bind(Micros(covered.end()))
        .execute(&mut *connection)
        .await
        .map_err(failed(WRITE))?;
    sqlx::query(include_str!("../queries/imports/note_imports.sql"))
        .bind(new.instrument.symbol().as_str())
        .bind(new.instrument.exchange().as_str())
        .bind(NO_ROWS_YET)
        .execute(&mut *connection)
        .await
        .map_err(failed(WRITE))?;
    let finished = find(connection, id).await?.and_then(|stored| stored.finished);
    finished.ok_or_else(|| unfit(WRITE, format!("import {id} vanished while it was finished")))
}

async fn check_range(
    connection: &mut PgConnection,
    import: &NewImport,
    covered: TimeRange,
) -> Result<(), StoreError> {
    let NewImport { id, timeframe, .. } = import;
    if whole_periods(covered, *timeframe) != covered {
        return Err(unfit(WRITE, format!("the range of import {id} is not on the {timeframe} grid")));
    }
    let arguments = key(import, *timeframe);
    let arguments = arguments.and_then(|arguments| arguments.time(covered.start())?.time(covered.end()));
    let outside: Option<Micros> =
        sqlx::query_scalar_with(include_str!("../queries/imports/outside.sql"), encoded(arguments)?.done())
            .fetch_optional(connection)
            .await
            .map_err(failed(WRITE))?;
    match outside {
        Some(Micros(time)) => {
            Err(unfit(WRITE, format!("import {id} has a candle at {time}, outside its range")))
        }
        None => Ok(()),
    }
}

/// Into one timeframe after the other, each from the one before: only the finest candles are all read.
async fn roll_up(
    connection: &mut PgConnection,
    import: &NewImport,
    covered: TimeRange,
) -> Result<(), StoreError> {
    let mut finer = import.timeframe;
    for coarser in Timeframe::ALL.into_iter().filter(|timeframe| *timeframe > import.timeframe) {
        let whole = whole_periods(covered, coarser);
        let arguments = key(import, finer).and_then(|arguments| {
            let arguments = arguments.with(coarser.as_str())?.with(coarser.micros())?;
            arguments.time(whole.start())?.time(whole.end())
        });
        sqlx::query_with(include_str!("../queries/imports/roll_up.sql"), encoded(arguments)?.done())
            .execute(&mut *connection)
            .await
            .map_err(failed(WRITE))?;
        finer = coarser;
    }
    Ok(())
}

pub(super) async fn remove(connection: &mut PgConnection, id: &ImportId) -> Result<u64, StoreError> {
    let Some(Stored { new, .. }) = find(connection, id).await? else { return Ok(0) };
    lock_instrument(connection, &new.instrument).await?;
    let removed = sqlx::query(include_str!("../queries/imports/remove_candles.sql"))
        .bind(new.instrument.symbol().as_str())
        .bind(new.instrument.exchange().as_str())
        .bind(new.source.as_str())
        .bind(id.as_str())
        .execute(&mut *connection)
        .await
        .map_err(failed(WRITE))?;
    sqlx::query(include_str!("../queries/imports/remove.sql"))
        .bind(id.as_str())
        .execute(&mut *connection)
        .await
        .map_err(failed(WRITE))?;
    forget(connection, &new.instrument).await?;
    Ok(removed.rows_affected())
}

/// Leaves nothing of an instrument behind that an import alone had brought.
async fn forget(connection: &mut PgConnection, instrument: &Instrument) -> Result<(), StoreError> {
    sqlx::query(include_str!("../queries/imports/forget.sql"))
        .bind(instrument.symbol().as_str())
        .bind(instrument.exchange().as_str())
        .execute(&mut *connection)
        .await
        .map_err(failed(WRITE))?;
    sqlx::query(include_str!("../queries/imports/forget_instrument.sql"))
        .bind(instrument.symbol().as_str())
        .bind(instrument.exchange().as_str())
        .bind(NO_ROWS_YET)
        .execute(connection)
        .await
        .map(drop)
        .map_err(failed(WRITE))
}

pub(super) async fn rank(connection: &mut PgConnection, order: &[Source]) -> Result<(), StoreError> {
    sqlx::query(include_str!("../queries/imports/clear_sources.sql"))
        .execute(&mut *connection)
        .await
        .map_err(failed(WRITE))?;
    let names: Vec<&str> = order.iter().map(Source::as_str).collect();
    sqlx::query(include_str!("../queries/imports/rank_sources.sql"))
        .bind(names)
        .execute(connection)
        .await
        .map(drop)
        .map_err(failed(WRITE))
}
