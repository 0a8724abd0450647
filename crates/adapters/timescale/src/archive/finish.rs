//! Ending a load: everything becomes visible at once, or goes.

use onetape_domain::expiry::Expiry;
use onetape_domain::imported::{Import, Place};
use onetape_domain::instrument::Instrument;
use onetape_domain::time::{Timeframe, Timestamp};
use onetape_ports::{LoadEnd, StoreError};
use sqlx::PgConnection;

use super::load::count_imports;
use super::{LOAD, conflict, lock, under_way, until};
use crate::append;
use crate::arguments::Arguments;
use crate::error::failed;
use crate::imports;
use crate::micros::Micros;
use crate::tables::TABLES;

pub(super) async fn finish(connection: &mut PgConnection, end: &LoadEnd) -> Result<(), StoreError> {
    let LoadEnd { instrument, clock, expiry, imports } = end;
    let wanted = clock.as_ref().map(|clock| clock.issued);
    imports::write::lock_instrument(connection, instrument).await?;
    if under_way(connection, instrument).await?.is_none() {
        let stored = append::stored_clock(connection, instrument).await.map_err(failed(LOAD))?;
        let is_done = match wanted {
            Some(_) => stored == wanted,
            None => !imports.is_empty() && count_imports(connection, instrument).await? == imports.len(),
        };
        if is_done {
            return Ok(());
        }
    }
    let to = lock(connection, instrument).await?;
    if to != wanted {
        let (to, wanted) = (until(to), until(wanted));
        return Err(conflict(format!("the load of {instrument} is one up to {to}, not {wanted}")));
    }
    if count_imports(connection, instrument).await? != imports.len()
        || finish_imports(connection, instrument, imports).await? != imports.len() as u64
    {
        return Err(conflict(format!("{instrument} has other imports than those that were loaded")));
    }
    finish_instrument(connection, instrument, !imports.is_empty(), expiry).await?;
    match clock {
        Some(clock) => append::move_clock(connection, clock, None).await.map(drop).map_err(failed(LOAD)),
        None => Ok(()),
    }
}

/// Says how many there were.
async fn finish_imports(
    connection: &mut PgConnection,
    instrument: &Instrument,
    imports: &[Import],
) -> Result<u64, StoreError> {
    let stamp = |import: &Import| match import.place {
        Place::At(stamp) => Some(Micros(stamp)),
        Place::Before | Place::Waiting => None,
    };
    let arguments = Arguments::of(instrument).and_then(|arguments| {
        arguments
            .each(imports, |import| import.id.as_str())?
            .each(imports, |import| Micros(import.covered.start()))?
            .each(imports, |import| Micros(import.covered.end()))?
            .each(imports, |import| import.place == Place::Before)?
            .each(imports, stamp)
    });
    let arguments = arguments.map_err(|error| failed(LOAD)(sqlx::Error::Encode(error)))?;
    let finished = sqlx::query_with(include_str!("../queries/archive/finish_imports.sql"), arguments.done())
        .execute(connection)
        .await
        .map_err(failed(LOAD))?;
    Ok(finished.rows_affected())
}

async fn finish_instrument(
    connection: &mut PgConnection,
    instrument: &Instrument,
    has_imports: bool,
    expiry: &Expiry,
) -> Result<(), StoreError> {
    let (tables, instants): (Vec<String>, Vec<Micros>) = dropped(expiry).into_iter().unzip();
    sqlx::query(include_str!("../queries/archive/finish.sql"))
        .bind(instrument.symbol().as_str())
        .bind(instrument.exchange().as_str())
        .bind(has_imports)
        .bind(tables)
        .bind(instants)
        .bind(expiry.first.map(Micros))
        .execute(connection)
        .await
        .map(drop)
        .map_err(failed(LOAD))
}

fn dropped(expiry: &Expiry) -> Vec<(String, Micros)> {
    let Expiry { first: _, candles, trades, books, imbalances, coverage } = expiry;
    let timeframes = Timeframe::ALL.into_iter().zip(candles);
    let candles = timeframes.map(|(timeframe, before)| (format!("ohlcv_{timeframe}"), *before));
    let others = [
        ("trade_events", trades),
        ("order_book_snapshots", books),
        ("order_book_imbalances", imbalances),
        ("stream_coverage", coverage),
    ];
    let others = others.map(|(table, before)| (table.to_owned(), *before));
    let known = |(table, before): (String, Option<Timestamp>)| Some((table, Micros(before?)));
    candles.chain(others).filter_map(known).collect()
}

pub(super) async fn discard(
    connection: &mut PgConnection,
    instrument: &Instrument,
) -> Result<(), StoreError> {
    imports::write::lock_instrument(connection, instrument).await?;
    if under_way(connection, instrument).await?.is_none() {
        return Ok(());
    }
    // The entry goes last: it says that a load is under way.
    let others = ["stream_coverage_runs", "imports", "instruments"];
    for table in TABLES.iter().map(|table| table.name).chain(others) {
        let sql = include_str!("../queries/archive/discard.sql").replace("ohlcv_1s", table);
        sqlx::query(&sql)
            .bind(instrument.symbol().as_str())
            .bind(instrument.exchange().as_str())
            .execute(&mut *connection)
            .await
            .map_err(failed(LOAD))?;
    }
    Ok(())
}
