//! Beginning a run and writing its batches, on a connection that nobody else writes beside.

use std::collections::HashMap;

use onetape_domain::imported::{ImportId, ImportedCandle};
use onetape_domain::manifest::{
    Decision, Manifest, NewRun, PlannedPart, PlannedTable, RunId, RunState, TableProgress,
};
use onetape_domain::time::Timestamp;
use onetape_ports::manifest::{BatchOutcome, check_state};
use onetape_ports::{ImportBatch, SourcedCandle, StoreError, StoreErrorKind};
use sqlx::SqliteConnection;

use super::{BATCH, READ, Run, WRITE, find, manifest, progress};
use crate::append::insert::Insert;
use crate::arguments::Arguments;
use crate::columns::{Columns, Unread};
use crate::error::{failed, unfit};
use crate::imports::{self, Stored, candle};

const TABLES: Insert<'_> =
    Insert { sql: include_str!("../queries/manifests/insert_tables.sql"), columns: 13 };
const PARTS: Insert<'_> = Insert { sql: include_str!("../queries/manifests/insert_parts.sql"), columns: 8 };
const REFUSED: Insert<'_> =
    Insert { sql: include_str!("../queries/manifests/insert_refused.sql"), columns: 5 };
const REPLACE: Insert<'_> =
    Insert { sql: include_str!("../queries/manifests/replace_candles.sql"), columns: 10 };

fn conflict(message: String) -> StoreError {
    StoreError::new(StoreErrorKind::Conflict, WRITE, message)
}

fn missing(operation: &'static str, run: &RunId) -> StoreError {
    StoreError::new(StoreErrorKind::Invalid, operation, format!("there is no run {run}"))
}

pub(super) async fn begin(
    connection: &mut SqliteConnection,
    run: &NewRun,
    at: Timestamp,
) -> Result<Manifest, StoreError> {
    if let Some(begun) = manifest(connection, &run.id).await? {
        return match begun.run == *run {
            true => Ok(begun),
            false => Err(conflict(format!("run {} was begun with other tables or settings", run.id))),
        };
    }
    let mut arguments = Arguments::new();
    arguments.text(run.id.as_str()).text(RunState::Running.as_str()).text(&run.origin);
    arguments.text(run.source.as_str()).text(&run.settings).time(at);
    let arguments = arguments.done().map_err(failed(WRITE))?;
    let number: i64 = sqlx::query_scalar_with(include_str!("../queries/manifests/begin.sql"), arguments)
        .fetch_one(&mut *connection)
        .await
        .map_err(failed(WRITE))?;
    let tables: Vec<(i64, &PlannedTable)> = (0..).zip(&run.tables).collect();
    let bind = |arguments: &mut Arguments, (position, table): &(i64, &PlannedTable)| {
        let PlannedTable { path, name, format, bytes, sha256, rows, decision } = table;
        arguments.add(number).add(*position).text(path).text(name).text(format).natural(*bytes);
        arguments.text(sha256).natural(*rows);
        match decision {
            Decision::Take { instrument, timeframe } => {
                arguments.text("take").add(None::<String>).text(instrument.exchange().as_str());
                arguments.text(instrument.symbol().as_str()).text(timeframe.as_str());
            }
            Decision::Leave { why, reason } => {
                arguments.text(why.as_str()).text(reason);
                arguments.add(None::<String>).add(None::<String>).add(None::<String>);
            }
        }
    };
    TABLES.rows(connection, &tables, bind).await?;
    let parts: Vec<(i64, &PlannedPart)> = (0..).zip(&run.parts).collect();
    let bind = |arguments: &mut Arguments, (position, part): &(i64, &PlannedPart)| {
        let PlannedPart { id, instrument, timeframe, covered } = part;
        arguments.add(number).add(*position).text(id.as_str()).text(instrument.exchange().as_str());
        arguments.text(instrument.symbol().as_str()).text(timeframe.as_str());
        arguments.time(covered.start()).time(covered.end());
    };
    PARTS.rows(connection, &parts, bind).await?;
    for part in &run.parts {
        imports::begin_anew(connection, &part.to_import(&run.source)).await?;
    }
    let begun = manifest(connection, &run.id).await?;
    begun.ok_or_else(|| unfit(WRITE, format!("run {} vanished while it was begun", run.id)))
}

pub(super) async fn set_state(
    connection: &mut SqliteConnection,
    id: &RunId,
    state: RunState,
    at: Timestamp,
) -> Result<(), StoreError> {
    let Run { number, state: before, .. } = find(connection, id).await?.ok_or_else(|| missing(WRITE, id))?;
    if !check_state(before, state)? {
        return Ok(());
    }
    sqlx::query(include_str!("../queries/manifests/set_state.sql"))
        .bind(number)
        .bind(state.as_str())
        .bind(at.micros())
        .execute(connection)
        .await
        .map(drop)
        .map_err(failed(WRITE))
}

pub(super) async fn batch(
    connection: &mut SqliteConnection,
    batch: &ImportBatch,
) -> Result<TableProgress, StoreError> {
    let run = find(connection, &batch.run).await?.ok_or_else(|| missing(BATCH, &batch.run))?;
    let before = read_progress(connection, &run, batch.table).await?;
    if !batch.continues(run.state, &before)? {
        return Ok(before);
    }
    let mut parts = Vec::with_capacity(batch.candles.len());
    let mut sorted = Vec::with_capacity(batch.candles.len());
    for (id, candles) in &batch.candles {
        let part = find_part(connection, &run, batch, id).await?;
        let stored = stored_among(connection, &part, candles).await?;
        sorted.push(batch.sort_out(candles, |open_time| stored.get(&open_time).copied()));
        parts.push(part);
    }
    let BatchOutcome { progress, refused } = batch.outcome(&before, &sorted)?;
    for (part, sorted) in parts.iter().zip(&mut sorted) {
        // The key is the table: rows in its order are put beside one another.
        sorted.new.sort_unstable_by_key(|candle| candle.open_time());
        imports::write::insert(connection, part.number, part.timeframe(), &sorted.new).await?;
        let bind = imports::write::columns(part.number, part.timeframe());
        REPLACE.rows(connection, &sorted.replacing, bind).await?;
    }
    let rows = refused.iter().map(|row| Ok((row, serde_json::to_string(&row.reasons.0)?)));
    let rows = rows.collect::<Result<Vec<_>, serde_json::Error>>();
    let rows = rows.map_err(|error| unfit(BATCH, "reasons cannot be written").with_source(error))?;
    let bind = |arguments: &mut Arguments, (row, reasons): &(&_, String)| {
        let onetape_domain::manifest::RefusedRow { table, row, why, reasons: _ } = row;
        arguments.add(run.number).add(i64::from(*table)).natural(*row).text(why.as_str()).text(reasons);
    };
    REFUSED.rows(connection, &rows, bind).await?;
    write_progress(connection, &run, batch.table, &progress).await?;
    Ok(progress)
}

async fn read_progress(
    connection: &mut SqliteConnection,
    run: &Run,
    table: u32,
) -> Result<TableProgress, StoreError> {
    let row = sqlx::query(include_str!("../queries/manifests/progress.sql"))
        .bind(run.number)
        .bind(i64::from(table))
        .fetch_optional(connection)
        .await
        .map_err(failed(BATCH))?;
    let row = row.ok_or_else(|| {
        let message = format!("run {} has no table {table}", run.id);
        StoreError::new(StoreErrorKind::Invalid, BATCH, message)
    })?;
    progress(&mut Columns::new(&row)).map_err(Unread::of(BATCH))
}

async fn write_progress(
    connection: &mut SqliteConnection,
    run: &Run,
    table: u32,
    progress: &TableProgress,
) -> Result<(), StoreError> {
    let TableProgress { rows_read, new, same, conflicting, invalid, first, last, sums, is_done } = progress;
    let mut arguments = Arguments::new();
    arguments.add(run.number).add(i64::from(table)).natural(*rows_read).natural(*new).natural(*same);
    arguments.natural(*conflicting).natural(*invalid).optional_time(*first).optional_time(*last);
    arguments.text(&serde_json::json!(sums.0).to_string()).add(i64::from(*is_done));
    let arguments = arguments.done().map_err(failed(BATCH))?;
    sqlx::query_with(include_str!("../queries/manifests/write_progress.sql"), arguments)
        .execute(connection)
        .await
        .map(drop)
        .map_err(failed(BATCH))
}

/// A part that may be written.
async fn find_part(
    connection: &mut SqliteConnection,
    run: &Run,
    batch: &ImportBatch,
    id: &ImportId,
) -> Result<Stored, StoreError> {
    let is_part: bool = sqlx::query_scalar(include_str!("../queries/manifests/is_part.sql"))
        .bind(run.number)
        .bind(id.as_str().to_owned())
        .fetch_one(&mut *connection)
        .await
        .map_err(failed(BATCH))?;
    let found = imports::find(connection, id).await?.filter(|_| is_part);
    batch.open_part(id, found, Stored::is_finished)
}

/// What a part has at the open times of these candles.
async fn stored_among(
    connection: &mut SqliteConnection,
    part: &Stored,
    candles: &[SourcedCandle],
) -> Result<HashMap<Timestamp, ImportedCandle>, StoreError> {
    let times: Vec<Timestamp> = candles.iter().map(|candle| candle.candle.open_time()).collect();
    let Some((first, last)) = times.iter().min().zip(times.iter().max()) else { return Ok(HashMap::new()) };
    let mut arguments = Arguments::new();
    arguments.add(part.number).text(part.timeframe().as_str()).time(*first).time(*last);
    let arguments = arguments.done().map_err(failed(BATCH))?;
    let is_any: bool =
        sqlx::query_scalar_with(include_str!("../queries/manifests/any_between.sql"), arguments)
            .fetch_one(&mut *connection)
            .await
            .map_err(failed(BATCH))?;
    let stored = if is_any { candles_at(connection, part, &times).await? } else { Vec::new() };
    Ok(stored.into_iter().map(|candle| (candle.open_time(), candle)).collect())
}

async fn candles_at(
    connection: &mut SqliteConnection,
    import: &Stored,
    times: &[Timestamp],
) -> Result<Vec<ImportedCandle>, StoreError> {
    let mut times: Vec<i64> = times.iter().map(|time| time.micros()).collect();
    times.sort_unstable();
    times.dedup();
    let mut arguments = Arguments::new();
    arguments.add(import.number).text(import.timeframe().as_str());
    arguments.text(&serde_json::json!(times).to_string());
    let arguments = arguments.done().map_err(failed(READ))?;
    let rows = sqlx::query_with(include_str!("../queries/manifests/candles_at.sql"), arguments)
        .fetch_all(connection)
        .await
        .map_err(failed(READ))?;
    let candles = rows.iter().map(|row| candle(row, import.timeframe())).collect::<Result<_, _>>();
    candles.map_err(Unread::of(READ))
}

pub(super) async fn import_at(
    connection: &mut SqliteConnection,
    id: &ImportId,
    open_times: &[Timestamp],
) -> Result<Vec<ImportedCandle>, StoreError> {
    match imports::find(connection, id).await? {
        Some(import) => candles_at(connection, &import, open_times).await,
        None => Ok(Vec::new()),
    }
}
