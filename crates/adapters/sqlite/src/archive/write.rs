//! Loads, on a connection that nobody else writes beside.

use onetape_domain::expiry::Expiry;
use onetape_domain::imported::{Import, NewImport, Place};
use onetape_domain::instrument::Instrument;
use onetape_domain::time::{Timeframe, Timestamp};
use onetape_ports::{Load, LoadEnd, LoadRows, StoreError};
use sqlx::SqliteConnection;

use super::{LOAD, NO_TAPE, conflict, issued, until};
use crate::append::{self, insert_instrument, widen};
use crate::arguments::Arguments;
use crate::bounds::Bounds;
use crate::error::failed;
use crate::imports;

pub(super) async fn begin(connection: &mut SqliteConnection, load: &Load) -> Result<(), StoreError> {
    let Load { instrument, issued: wanted } = load;
    let bounds = Bounds::read(connection, instrument, LOAD).await?;
    let id = match bounds {
        Some(bounds) => bounds.id,
        None => insert_instrument(connection, instrument).await?,
    };
    let to = until(*wanted);
    if let Some(stored) = append::issued(connection, id).await? {
        let message =
            format!("{instrument} is there already, up to {stored}: it cannot be loaded up to {to}");
        return Err(conflict(message));
    }
    match bounds.and_then(|bounds| bounds.loading_to).map(issued) {
        Some(before) if before > *wanted => {
            return Err(conflict(format!(
                "a load of {instrument} up to {} is under way: it cannot go back to {to}",
                until(before)
            )));
        }
        None if count_imports(connection, id).await? > 0 => {
            return Err(conflict(format!(
                "{instrument} has imports and no clock here: it cannot be loaded up to {to}"
            )));
        }
        _ => {}
    }
    let stored = wanted.map_or(NO_TAPE, Timestamp::micros);
    mark(connection, id, Some(stored)).await
}

async fn mark(connection: &mut SqliteConnection, id: i64, to: Option<i64>) -> Result<(), StoreError> {
    let mut arguments = Arguments::new();
    arguments.add(id).add(to);
    append::run(connection, include_str!("../queries/archive_begin.sql"), arguments).await
}

async fn count_imports(connection: &mut SqliteConnection, id: i64) -> Result<i64, StoreError> {
    sqlx::query_scalar(include_str!("../queries/archive_count_imports.sql"))
        .bind(id)
        .fetch_one(connection)
        .await
        .map_err(failed(LOAD))
}

/// The entry of an instrument under load.
async fn under_way(
    connection: &mut SqliteConnection,
    instrument: &Instrument,
) -> Result<(i64, Option<Timestamp>), StoreError> {
    let bounds = Bounds::read(connection, instrument, LOAD).await?;
    let found = bounds.and_then(|bounds| Some((bounds.id, issued(bounds.loading_to?))));
    found.ok_or_else(|| conflict(format!("no load of {instrument} is under way")))
}

pub(super) async fn import(connection: &mut SqliteConnection, import: &Import) -> Result<Import, StoreError> {
    under_way(connection, &import.instrument).await?;
    let Import { id, instrument, source, timeframe, .. } = import.clone();
    let number = imports::begin(connection, &NewImport { id, instrument, source, timeframe }).await?;
    Ok(Import { number: number.unsigned_abs(), ..import.clone() })
}

pub(super) async fn rows(
    connection: &mut SqliteConnection,
    instrument: &Instrument,
    rows: &LoadRows,
) -> Result<(), StoreError> {
    let (id, _) = under_way(connection, instrument).await?;
    if let LoadRows::Imported { id, timeframe, candles } = rows {
        let Some(stored) = imports::find(connection, id).await? else {
            return Err(conflict(format!("import {id} was not begun")));
        };
        return imports::write::insert(connection, stored.number, *timeframe, candles).await;
    }
    if let Some((first_time, lead)) = reach(rows) {
        widen(connection, id, first_time, lead).await?;
    }
    append::load(connection, id, rows).await
}

/// The first time of rows, and the most one lies ahead of its stamp: what readers rely on.
fn reach(rows: &LoadRows) -> Option<(Timestamp, i64)> {
    let first = match rows {
        LoadRows::Candles(rows) => rows.iter().map(|row| row.ohlcv().first.event_time).min(),
        LoadRows::Superseded(rows) => rows.iter().map(|row| row.candle.ohlcv().first.event_time).min(),
        LoadRows::Trades(rows) => rows.iter().map(|row| row.key.event_time).min(),
        LoadRows::Books(rows) => rows.iter().map(|row| row.second()).min(),
        LoadRows::Imbalances(rows) => rows.iter().map(|row| row.second).min(),
        LoadRows::Coverage(rows) => rows.iter().map(|row| row.available_at).min(),
        LoadRows::Imported { .. } => None,
    };
    let lead = match rows {
        LoadRows::Trades(rows) => rows.iter().map(|row| row.key.event_time.since(row.available_at)).max(),
        LoadRows::Coverage(rows) => rows.iter().map(|row| row.end.since(row.available_at)).max(),
        _ => None,
    };
    Some((first?, lead.unwrap_or(0)))
}

pub(super) async fn finish(connection: &mut SqliteConnection, end: &LoadEnd) -> Result<(), StoreError> {
    let LoadEnd { instrument, clock, expiry, imports } = end;
    let wanted = clock.as_ref().map(|clock| clock.issued);
    let bounds = Bounds::read(connection, instrument, LOAD).await?;
    if let Some(Bounds { id, loading_to: None, .. }) = bounds {
        let is_done = match wanted {
            Some(_) => append::issued(connection, id).await? == wanted,
            None => !imports.is_empty() && count_imports(connection, id).await? == imports.len() as i64,
        };
        if is_done {
            return Ok(());
        }
    }
    let (id, to) = under_way(connection, instrument).await?;
    if to != wanted {
        return Err(conflict(format!(
            "the load of {instrument} is one up to {}, not {}",
            until(to),
            until(wanted)
        )));
    }
    if count_imports(connection, id).await? != imports.len() as i64 {
        return Err(conflict(format!("{instrument} has other imports than those that were loaded")));
    }
    for import in imports {
        finish_import(connection, id, import).await?;
    }
    write_expiry(connection, id, expiry).await?;
    mark(connection, id, None).await?;
    match clock {
        Some(clock) => append::write_clock(connection, id, clock).await,
        None => Ok(()),
    }
}

async fn finish_import(
    connection: &mut SqliteConnection,
    id: i64,
    import: &Import,
) -> Result<(), StoreError> {
    let (place, stamp) = match import.place {
        Place::Before => ("before", None),
        Place::Waiting => ("waiting", None),
        Place::At(stamp) => ("at", Some(stamp)),
    };
    let mut arguments = Arguments::new();
    arguments.text(import.id.as_str()).add(id).text(place).optional_time(stamp);
    arguments.time(import.covered.start()).time(import.covered.end());
    let arguments = arguments.done().map_err(failed(LOAD))?;
    let finished = sqlx::query_with(include_str!("../queries/archive_finish_import.sql"), arguments)
        .execute(connection)
        .await
        .map_err(failed(LOAD))?;
    if finished.rows_affected() == 1 {
        Ok(())
    } else {
        Err(conflict(format!("import {} was not loaded", import.id)))
    }
}

async fn write_expiry(connection: &mut SqliteConnection, id: i64, expiry: &Expiry) -> Result<(), StoreError> {
    let Expiry { first, candles, trades, books, imbalances, coverage } = expiry;
    let timeframes = Timeframe::ALL.into_iter().zip(candles);
    let candles = timeframes.map(|(timeframe, dropped)| (format!("ohlcv_{timeframe}"), *dropped));
    let others = [
        ("trade_events", trades),
        ("order_book_snapshots", books),
        ("order_book_imbalances", imbalances),
        ("stream_coverage", coverage),
    ];
    let others = others.map(|(table, dropped)| (table.to_owned(), *dropped));
    for (table, dropped) in candles.chain(others) {
        let Some(dropped) = dropped else { continue };
        let mut arguments = Arguments::new();
        arguments.add(id).text(&table).time(dropped);
        append::run(connection, include_str!("../queries/write_expired.sql"), arguments).await?;
    }
    match first {
        Some(first) => widen(connection, id, *first, 0).await,
        None => Ok(()),
    }
}

pub(super) async fn discard(
    connection: &mut SqliteConnection,
    instrument: &Instrument,
) -> Result<(), StoreError> {
    let bounds = Bounds::read(connection, instrument, LOAD).await?;
    let Some(Bounds { id, loading_to: Some(_), .. }) = bounds else { return Ok(()) };
    for statement in include_str!("../queries/archive_discard.sql").split(';') {
        let mut arguments = Arguments::new();
        arguments.add(id);
        append::run(connection, statement, arguments).await?;
    }
    Ok(())
}
