//! Candle versions: the last of a batch becomes the current one, what it replaces is superseded.

use std::collections::BTreeMap;

use onetape_domain::candle::{Candle, SupersededCandle};
use onetape_domain::change::CandleChange;
use onetape_domain::instrument::Instrument;
use onetape_domain::time::{Timeframe, Timestamp};
use onetape_ports::StoreError;
use sqlx::PgConnection;
use sqlx::error::BoxDynError;

use super::{APPEND, ROWS_PER_STATEMENT, run};
use crate::arguments::Arguments;
use crate::candles::{PerTimeframe, for_each_table};
use crate::error::unfit;
use crate::micros::Micros;

static UPSERT: PerTimeframe =
    PerTimeframe::new(|| for_each_table(include_str!("../queries/upsert_candles.sql")));
static SUPERSEDE: PerTimeframe =
    PerTimeframe::new(|| for_each_table(include_str!("../queries/supersede_candles.sql")));

/// The versions of a batch, sorted by what becomes of them.
#[derive(Debug, Default)]
struct Versions {
    /// The last of each candle, by timeframe.
    current: [Vec<Candle>; 6],
    /// The first of each candle that is no first version: what is stored makes way for it.
    replacing: [Vec<Candle>; 6],
    /// Known to be replaced from the batch alone.
    superseded: Vec<SupersededCandle>,
}

impl Versions {
    fn of(changes: &[CandleChange]) -> Self {
        let mut versions = Self::default();
        let mut last = BTreeMap::<(usize, Timestamp), Candle>::new();
        for change in changes {
            let candle = change.candle;
            let index = candle.timeframe().index();
            versions.superseded.extend(change.superseded());
            match last.insert((index, candle.open_time()), candle) {
                None if candle.revision() > 1 => versions.replacing[index].push(candle),
                None => {}
                Some(before) => {
                    let replaced = CandleChange { candle, replaces: Some(before) };
                    if change.replaces != Some(before) {
                        versions.superseded.extend(replaced.superseded());
                    }
                }
            }
        }
        for ((index, _), candle) in last {
            versions.current[index].push(candle);
        }
        versions
    }
}

pub(super) async fn write(
    connection: &mut PgConnection,
    instrument: &Instrument,
    changes: &[CandleChange],
) -> Result<(), StoreError> {
    let Versions { current, replacing, superseded } = Versions::of(changes);
    write_superseded(connection, instrument, &superseded).await?;
    for timeframe in Timeframe::ALL {
        for part in replacing[timeframe.index()].chunks(ROWS_PER_STATEMENT) {
            let arguments = replacing_arguments(instrument, timeframe, part);
            run(connection, SUPERSEDE.of(timeframe), arguments).await?;
        }
        upsert(connection, instrument, timeframe, &current[timeframe.index()]).await?;
    }
    Ok(())
}

pub(crate) async fn write_superseded(
    connection: &mut PgConnection,
    instrument: &Instrument,
    rows: &[SupersededCandle],
) -> Result<(), StoreError> {
    for part in rows.chunks(ROWS_PER_STATEMENT) {
        let arguments = superseded_arguments(instrument, part);
        run(connection, include_str!("../queries/insert_superseded.sql"), arguments).await?;
    }
    Ok(())
}

/// Of each candle the version of the highest revision stays.
pub(crate) async fn upsert(
    connection: &mut PgConnection,
    instrument: &Instrument,
    timeframe: Timeframe,
    candles: &[Candle],
) -> Result<(), StoreError> {
    for part in candles.chunks(ROWS_PER_STATEMENT) {
        if let Some(candle) = part.iter().find(|candle| candle.known_from().is_none()) {
            let message = format!("the {timeframe} candle of {} is not closed", candle.open_time());
            return Err(unfit(APPEND, message));
        }
        let arguments = Arguments::of(instrument).and_then(|start| columns(start, part, |candle| candle));
        run(connection, UPSERT.of(timeframe), arguments).await?;
    }
    Ok(())
}

/// The columns of `ohlcv_*` in the order of the insert.
fn columns<T>(start: Arguments, rows: &[T], candle: fn(&T) -> &Candle) -> Result<Arguments, BoxDynError> {
    let ohlcv = |row| candle(row).ohlcv();
    start
        .each(rows, |row| Micros(candle(row).open_time()))?
        .each(rows, |row| candle(row).known_from().map(Micros))?
        .each(rows, |row| Micros(ohlcv(row).first.event_time))?
        .each(rows, |row| ohlcv(row).first.sequence)?
        .each(rows, |row| i64::from(ohlcv(row).first.index))?
        .each(rows, |row| Micros(ohlcv(row).last.event_time))?
        .each(rows, |row| ohlcv(row).last.sequence)?
        .each(rows, |row| i64::from(ohlcv(row).last.index))?
        .try_each(rows, |row| ohlcv(row).trade_count.map(i64::try_from).transpose())?
        .try_each(rows, |row| i32::try_from(candle(row).revision()))?
        .values(rows, ohlcv)
}

fn superseded_arguments(
    instrument: &Instrument,
    rows: &[SupersededCandle],
) -> Result<Arguments, BoxDynError> {
    let start = Arguments::of(instrument)?
        .each(rows, |row| row.candle.timeframe().as_str())?
        .each(rows, |row| Micros(row.known_to))?;
    columns(start, rows, |row| &row.candle)
}

fn replacing_arguments(
    instrument: &Instrument,
    timeframe: Timeframe,
    rows: &[Candle],
) -> Result<Arguments, BoxDynError> {
    Arguments::of(instrument)?
        .with(timeframe.as_str())?
        .each(rows, |row| Micros(row.open_time()))?
        .try_each(rows, |row| i32::try_from(row.revision()))?
        .each(rows, |row| row.known_from().map(Micros))
}
