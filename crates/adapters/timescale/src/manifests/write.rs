//! Beginning a run and writing its batches, on a connection in a transaction.

use std::collections::{BTreeSet, HashMap};

use onetape_domain::imported::{ImportedCandle, NewImport};
use onetape_domain::instrument::Instrument;
use onetape_domain::manifest::{
    Decision, Manifest, NewRun, PlannedPart, PlannedTable, RefusedRow, RunId, RunState, TableProgress,
};
use onetape_domain::time::Timestamp;
use onetape_ports::manifest::{BatchOutcome, SortedCandles, check_state};
use onetape_ports::{ImportBatch, SourcedCandle, StoreError, StoreErrorKind};
use sqlx::PgConnection;
use sqlx::error::BoxDynError;
use sqlx::postgres::PgArguments;

use super::read::{self, ProgressRow};
use super::{BATCH, READ, WRITE};
use crate::append::ROWS_PER_STATEMENT;
use crate::archive;
use crate::arguments::Arguments;
use crate::bulk;
use crate::columns::{Columns, FromColumns as _};
use crate::error::{broken_row, failed, unfit};
use crate::imports::Stored;
use crate::imports::write::{find, insert, key};
use crate::micros::Micros;

/// How candles get into their table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// By COPY.
    Copy,
    /// By INSERT, where the server has no COPY.
    Insert,
}

fn conflict(message: String) -> StoreError {
    StoreError::new(StoreErrorKind::Conflict, WRITE, message)
}

fn missing(operation: &'static str, run: &RunId) -> StoreError {
    StoreError::new(StoreErrorKind::Invalid, operation, format!("there is no run {run}"))
}

fn encoded(arguments: Result<Arguments, BoxDynError>) -> Result<PgArguments, StoreError> {
    arguments.map(Arguments::done).map_err(|error| failed(WRITE)(sqlx::Error::Encode(error)))
}

async fn execute(
    connection: &mut PgConnection,
    sql: &'static str,
    arguments: Result<Arguments, BoxDynError>,
) -> Result<u64, StoreError> {
    let done = sqlx::query_with(sql, encoded(arguments)?).execute(connection).await;
    done.map(|done| done.rows_affected()).map_err(failed(WRITE))
}

pub(super) async fn begin(
    connection: &mut PgConnection,
    run: &NewRun,
    at: Timestamp,
) -> Result<Manifest, StoreError> {
    let instruments: BTreeSet<&Instrument> = run.parts.iter().map(|part| &part.instrument).collect();
    for instrument in instruments {
        archive::refuse_under_load(connection, instrument, WRITE).await?;
    }
    let begun = Arguments::empty().with(run.id.as_str()).and_then(|arguments| {
        let arguments = arguments.with(RunState::Running.as_str())?.with(run.origin.as_str())?;
        arguments.with(run.source.as_str())?.with(run.settings.as_str())?.time(at)
    });
    if execute(connection, include_str!("../queries/manifests/begin.sql"), begun).await? == 0 {
        return match read::manifest(connection, &run.id).await? {
            Some(begun) if begun.run == *run => Ok(begun),
            _ => Err(conflict(format!("run {} was begun with other tables or settings", run.id))),
        };
    }
    for (part, tables) in (0_i32..).zip(run.tables.chunks(ROWS_PER_STATEMENT)) {
        let sql = include_str!("../queries/manifests/insert_tables.sql");
        execute(connection, sql, tables_from(&run.id, part, tables)).await?;
    }
    for (part, parts) in (0_i32..).zip(run.parts.chunks(ROWS_PER_STATEMENT)) {
        let sql = include_str!("../queries/manifests/insert_parts.sql");
        execute(connection, sql, parts_from(&run.id, part, parts)).await?;
    }
    let of_run = || Arguments::empty().with(run.id.as_str())?.with(run.source.as_str());
    execute(connection, include_str!("../queries/manifests/begin_parts.sql"), of_run()).await?;
    let other: Option<(String, String, String, String)> =
        sqlx::query_as_with(include_str!("../queries/manifests/other_import.sql"), encoded(of_run())?)
            .fetch_optional(&mut *connection)
            .await
            .map_err(failed(WRITE))?;
    if let Some((id, instrument, timeframe, source)) = other {
        return Err(conflict(format!("import {id} is one of {instrument} {timeframe} from {source}")));
    }
    let begun = read::manifest(connection, &run.id).await?;
    begun.ok_or_else(|| unfit(WRITE, format!("run {} vanished while it was begun", run.id)))
}

/// Positions of rows that are written in pieces of one size.
fn positions(piece: i32, count: usize) -> Vec<i32> {
    let first = piece.saturating_mul(i32::try_from(ROWS_PER_STATEMENT).unwrap_or(i32::MAX));
    (first..).take(count).collect()
}

fn tables_from(run: &RunId, piece: i32, tables: &[PlannedTable]) -> Result<Arguments, BoxDynError> {
    let taken = |table: &PlannedTable| match &table.decision {
        Decision::Take { instrument, timeframe } => Some((instrument.clone(), *timeframe)),
        Decision::Leave { .. } => None,
    };
    let decision = |table: &PlannedTable| match &table.decision {
        Decision::Take { .. } => "take",
        Decision::Leave { why, .. } => why.as_str(),
    };
    let reason = |table: &PlannedTable| match &table.decision {
        Decision::Take { .. } => None,
        Decision::Leave { reason, .. } => Some(reason.clone()),
    };
    Arguments::empty()
        .with(run.as_str())?
        .with(positions(piece, tables.len()))?
        .each(tables, |table| table.path.as_str())?
        .each(tables, |table| table.name.as_str())?
        .each(tables, |table| table.format.as_str())?
        .try_each(tables, |table| i64::try_from(table.bytes))?
        .each(tables, |table| table.sha256.as_str())?
        .try_each(tables, |table| i64::try_from(table.rows))?
        .each(tables, decision)?
        .each(tables, reason)?
        .each(tables, |table| taken(table).map(|(instrument, _)| instrument.exchange().to_string()))?
        .each(tables, |table| taken(table).map(|(instrument, _)| instrument.symbol().to_string()))?
        .each(tables, |table| taken(table).map(|(_, timeframe)| timeframe.as_str()))
}

fn parts_from(run: &RunId, piece: i32, parts: &[PlannedPart]) -> Result<Arguments, BoxDynError> {
    Arguments::empty()
        .with(run.as_str())?
        .with(positions(piece, parts.len()))?
        .each(parts, |part| part.id.as_str())?
        .each(parts, |part| part.instrument.exchange().as_str())?
        .each(parts, |part| part.instrument.symbol().as_str())?
        .each(parts, |part| part.timeframe.as_str())?
        .each(parts, |part| Micros(part.covered.start()))?
        .each(parts, |part| Micros(part.covered.end()))
}

async fn state(
    connection: &mut PgConnection,
    sql: &'static str,
    operation: &'static str,
    run: &RunId,
) -> Result<RunState, StoreError> {
    let state: Option<String> = sqlx::query_scalar(sql)
        .bind(run.as_str())
        .fetch_optional(connection)
        .await
        .map_err(failed(operation))?;
    RunState::parse(&state.ok_or_else(|| missing(operation, run))?).map_err(broken_row(operation))
}

pub(super) async fn set_state(
    connection: &mut PgConnection,
    run: &RunId,
    to: RunState,
    at: Timestamp,
) -> Result<(), StoreError> {
    let before = state(connection, include_str!("../queries/manifests/lock.sql"), WRITE, run).await?;
    if !check_state(before, to)? {
        return Ok(());
    }
    let arguments = Arguments::empty().with(run.as_str());
    let arguments = arguments.and_then(|arguments| arguments.with(to.as_str())?.time(at));
    execute(connection, include_str!("../queries/manifests/set_state.sql"), arguments).await.map(drop)
}

pub(super) async fn batch(
    connection: &mut PgConnection,
    batch: &ImportBatch,
    how: How,
) -> Result<TableProgress, StoreError> {
    let of_run = include_str!("../queries/manifests/state.sql");
    let state = state(connection, of_run, BATCH, &batch.run).await?;
    let before = lock_progress(connection, batch).await?;
    if !batch.continues(state, &before)? {
        return Ok(before);
    }
    let imports = lock_parts(connection, batch).await?;
    let mut sorted = Vec::with_capacity(batch.candles.len());
    for (import, (_, candles)) in imports.iter().zip(&batch.candles) {
        let stored = stored_among(connection, import, candles).await?;
        sorted.push(batch.sort_out(candles, |open_time| stored.get(&open_time).copied()));
    }
    let BatchOutcome { progress, refused } = batch.outcome(&before, &sorted)?;
    for (import, sorted) in imports.iter().zip(sorted) {
        write_candles(connection, import, sorted, how).await?;
    }
    write_refused(connection, batch, &refused).await?;
    write_progress(connection, batch, &progress).await?;
    Ok(progress)
}

async fn lock_progress(
    connection: &mut PgConnection,
    batch: &ImportBatch,
) -> Result<TableProgress, StoreError> {
    let row = sqlx::query(include_str!("../queries/manifests/progress.sql"))
        .bind(batch.run.as_str())
        .bind(i32::try_from(batch.table).unwrap_or(i32::MAX))
        .fetch_optional(connection)
        .await
        .map_err(failed(BATCH))?;
    let row = row.ok_or_else(|| {
        let message = format!("run {} has no table {}", batch.run, batch.table);
        StoreError::new(StoreErrorKind::Invalid, BATCH, message)
    })?;
    let row = ProgressRow::read(&mut Columns::new(&row)).map_err(failed(BATCH))?;
    row.into_progress().map_err(broken_row(BATCH))
}

/// The imports of the batch's candles, in its order. Nobody else adds to them or finishes them meanwhile.
async fn lock_parts(
    connection: &mut PgConnection,
    batch: &ImportBatch,
) -> Result<Vec<NewImport>, StoreError> {
    let ids: Vec<&str> = batch.candles.iter().map(|(id, _)| id.as_str()).collect();
    let parts: Vec<String> = sqlx::query_scalar(include_str!("../queries/manifests/parts_among.sql"))
        .bind(batch.run.as_str())
        .bind(ids)
        .fetch_all(&mut *connection)
        .await
        .map_err(failed(BATCH))?;
    let mut imports = Vec::with_capacity(batch.candles.len());
    for (id, _) in &batch.candles {
        let is_part = parts.iter().any(|part| part == id.as_str());
        let part = find(connection, id).await?.filter(|_| is_part);
        imports.push(batch.open_part(id, part, Stored::is_finished)?.new);
    }
    Ok(imports)
}

/// What an import has at the open times of these candles.
async fn stored_among(
    connection: &mut PgConnection,
    import: &NewImport,
    candles: &[SourcedCandle],
) -> Result<HashMap<Timestamp, ImportedCandle>, StoreError> {
    let times: Vec<Timestamp> = candles.iter().map(|candle| candle.candle.open_time()).collect();
    let Some((first, last)) = times.iter().min().zip(times.iter().max()) else { return Ok(HashMap::new()) };
    let arguments = key(import, import.timeframe).and_then(|arguments| arguments.time(*first)?.time(*last));
    let sql = include_str!("../queries/manifests/any_between.sql");
    let is_any: bool = sqlx::query_scalar_with(sql, encoded(arguments)?)
        .fetch_one(&mut *connection)
        .await
        .map_err(failed(READ))?;
    let stored = if is_any { read::candles_at(connection, import, &times).await? } else { Vec::new() };
    Ok(stored.into_iter().map(|candle| (candle.open_time(), candle)).collect())
}

async fn write_candles(
    connection: &mut PgConnection,
    import: &NewImport,
    sorted: SortedCandles<'_>,
    how: How,
) -> Result<(), StoreError> {
    let SortedCandles { mut new, replacing, .. } = sorted;
    if let Some((first, last)) = replacing
        .iter()
        .map(|candle| candle.open_time())
        .min()
        .zip(replacing.iter().map(|candle| candle.open_time()).max())
    {
        let arguments = key(import, import.timeframe).and_then(|arguments| {
            arguments.each(&replacing, |candle| Micros(candle.open_time()))?.time(first)?.time(last)
        });
        execute(connection, include_str!("../queries/manifests/remove_at.sql"), arguments).await?;
        new.extend(replacing);
    }
    new.sort_unstable_by_key(|candle| candle.open_time());
    if new.is_empty() {
        return Ok(());
    }
    match how {
        How::Copy => bulk::imported(connection, import, import.timeframe, &new).await,
        How::Insert => {
            for part in new.chunks(ROWS_PER_STATEMENT) {
                insert(connection, import, part).await?;
            }
            Ok(())
        }
    }
}

async fn write_refused(
    connection: &mut PgConnection,
    batch: &ImportBatch,
    rows: &[RefusedRow],
) -> Result<(), StoreError> {
    for rows in rows.chunks(ROWS_PER_STATEMENT) {
        let arguments = || {
            Arguments::empty()
                .with(batch.run.as_str())?
                .with(i32::try_from(batch.table)?)?
                .try_each(rows, |row| i64::try_from(row.row))?
                .each(rows, |row| row.why.as_str())?
                .try_each(rows, |row| serde_json::to_string(&row.reasons.0))
        };
        execute(connection, include_str!("../queries/manifests/insert_refused.sql"), arguments()).await?;
    }
    Ok(())
}

async fn write_progress(
    connection: &mut PgConnection,
    batch: &ImportBatch,
    progress: &TableProgress,
) -> Result<(), StoreError> {
    let TableProgress { rows_read, new, same, conflicting, invalid, first, last, sums, is_done } = progress;
    let arguments = || {
        let mut arguments = Arguments::empty().with(batch.run.as_str())?.with(i32::try_from(batch.table)?)?;
        for count in [rows_read, new, same, conflicting, invalid] {
            arguments = arguments.with(i64::try_from(*count)?)?;
        }
        let sums = serde_json::to_string(&sums.0)?;
        arguments.with(first.map(Micros))?.with(last.map(Micros))?.with(sums)?.with(*is_done)
    };
    execute(connection, include_str!("../queries/manifests/write_progress.sql"), arguments()).await.map(drop)
}
