//! Indicators of closed candles for SQL users, of a minute and longer: each version at the stamp that brought it about.
//!
//! A close changes the indicators of its own candle and of the 499 after it. Answers of the library do not read these
//! rows; they calculate from the closes they give.

use std::collections::BTreeMap;

use onetape_domain::change::CandleChange;
use onetape_domain::decimal::Price;
use onetape_domain::frame::indicator_input;
use onetape_domain::indicator::{CloseSeries, FEATURE_VERSION, IndicatorSet, MAX_WINDOW};
use onetape_domain::instrument::Instrument;
use onetape_domain::time::{Timeframe, Timestamp};
use onetape_ports::StoreError;
use sqlx::PgConnection;
use sqlx::error::BoxDynError;

use super::{APPEND, ROWS_PER_STATEMENT, run};
use crate::arguments::Arguments;
use crate::bounds::Bounds;
use crate::candles::{PerTimeframe, for_each_table, span};
use crate::error::{broken_row, failed};
use crate::micros::Micros;
use crate::numeric::Num;

static CLOSES: PerTimeframe =
    PerTimeframe::new(|| for_each_table(include_str!("../queries/closes_around.sql")));

/// Candles read from the first changed one on: what one change reaches, and as many again.
const AHEAD: usize = 2 * MAX_WINDOW;

/// A version of a candle's indicators.
pub(crate) struct Row {
    pub(crate) open_time: Timestamp,
    pub(crate) known_from: Timestamp,
    pub(crate) set: IndicatorSet,
}

/// Must come before the candles themselves are written.
pub(super) async fn write(
    connection: &mut PgConnection,
    instrument: &Instrument,
    changes: &[CandleChange],
) -> Result<(), StoreError> {
    for timeframe in Timeframe::ALL.into_iter().filter(|timeframe| *timeframe >= Timeframe::M1) {
        // By open time, the closes of each with their stamps, which rise.
        let mut changed: BTreeMap<Timestamp, Vec<(Timestamp, f64)>> = BTreeMap::new();
        for candle in changes.iter().map(|change| &change.candle).filter(|it| it.timeframe() == timeframe) {
            if let Some(known_from) = candle.known_from() {
                let close = indicator_input(candle.ohlcv().close.get());
                changed.entry(candle.open_time()).or_default().push((known_from, close));
            }
        }
        while let Some((first, _)) = changed.first_key_value() {
            let (mut series, reaches) = closes(connection, instrument, timeframe, *first).await?;
            let rest = changed.split_off(&reaches);
            let rows = versions(&mut series, changed);
            changed = rest;
            insert(connection, instrument, timeframe, &rows).await?;
        }
    }
    Ok(())
}

/// Writes those that are not there.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    instrument: &Instrument,
    timeframe: Timeframe,
    rows: &[Row],
) -> Result<(), StoreError> {
    for part in rows.chunks(ROWS_PER_STATEMENT) {
        let arguments = arguments(instrument, timeframe, part);
        run(connection, include_str!("../queries/insert_indicators.sql"), arguments).await?;
    }
    Ok(())
}

/// Stamp by stamp, what the closes make of the indicators.
fn versions(series: &mut CloseSeries, changed: BTreeMap<Timestamp, Vec<(Timestamp, f64)>>) -> Vec<Row> {
    let mut by_stamp: BTreeMap<Timestamp, Vec<(Timestamp, f64)>> = BTreeMap::new();
    for (open_time, closes) in changed {
        for (known_from, close) in closes {
            by_stamp.entry(known_from).or_default().push((open_time, close));
        }
    }
    let of_stamp = |(known_from, closes): (Timestamp, Vec<(Timestamp, f64)>)| {
        let sets = series.put(&closes);
        sets.into_iter().map(move |(open_time, set)| Row { open_time, known_from, set })
    };
    by_stamp.into_iter().flat_map(of_stamp).collect()
}

/// The closes that matter to candles from `first` on, and up to where changes may be calculated from them.
async fn closes(
    connection: &mut PgConnection,
    instrument: &Instrument,
    timeframe: Timeframe,
    first: Timestamp,
) -> Result<(CloseSeries, Timestamp), StoreError> {
    let mut lower = first.plus(-span(timeframe, MAX_WINDOW - 1));
    let mut bounds = None;
    loop {
        let rows = fetch(connection, instrument, timeframe, first, lower).await?;
        let before = rows.keys().take_while(|open_time| **open_time < first).count();
        if before < MAX_WINDOW - 1 && lower > Timestamp::EARLIEST && bounds.is_none() {
            // Fewer than a window, and there may be older ones.
            let known = Bounds::read(&mut *connection, instrument).await.map_err(failed(APPEND))?;
            let known = known.of_candles(timeframe);
            bounds = Some(known);
            if known.first_time < lower {
                lower = known.first_time;
                continue;
            }
        }
        let after = rows.len() - before;
        let reaches = if after < AHEAD {
            Timestamp::LATEST
        } else {
            // A change here still reaches no further than what was read.
            rows.keys().nth(before + MAX_WINDOW).copied().unwrap_or(Timestamp::LATEST)
        };
        let series =
            rows.into_iter().map(|(open_time, close)| (open_time, indicator_input(close.get()))).collect();
        return Ok((series, reaches));
    }
}

async fn fetch(
    connection: &mut PgConnection,
    instrument: &Instrument,
    timeframe: Timeframe,
    first: Timestamp,
    lower: Timestamp,
) -> Result<BTreeMap<Timestamp, Price>, StoreError> {
    let arguments = Arguments::of(instrument)
        .and_then(|arguments| arguments.time(first)?.time(lower)?.limit(MAX_WINDOW - 1)?.limit(AHEAD));
    let arguments = arguments.map_err(|error| failed(APPEND)(sqlx::Error::Encode(error)))?;
    let rows: Vec<(Micros, Num)> = sqlx::query_as_with(CLOSES.of(timeframe), arguments.done())
        .fetch_all(connection)
        .await
        .map_err(failed(APPEND))?;
    let row =
        |(Micros(open_time), close): (Micros, Num)| Ok((open_time, Price::try_new("candle.close", close.0)?));
    rows.into_iter().map(row).collect::<Result<_, _>>().map_err(broken_row(APPEND))
}

fn arguments(instrument: &Instrument, timeframe: Timeframe, rows: &[Row]) -> Result<Arguments, BoxDynError> {
    Arguments::of(instrument)?
        .with(timeframe.as_str())?
        .with(i32::try_from(FEATURE_VERSION)?)?
        .each(rows, |row| Micros(row.open_time))?
        .each(rows, |row| Micros(row.known_from))?
        .each(rows, |row| row.set.rsi_14)?
        .each(rows, |row| row.set.macd)?
        .each(rows, |row| row.set.macd_signal)?
        .each(rows, |row| row.set.macd_hist)?
        .each(rows, |row| row.set.bb_upper)?
        .each(rows, |row| row.set.bb_middle)?
        .each(rows, |row| row.set.bb_lower)
}
