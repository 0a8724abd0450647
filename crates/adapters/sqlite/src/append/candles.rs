//! Candle versions: the last of a batch becomes the current one, what it replaces is superseded.

use std::collections::BTreeMap;

use onetape_domain::candle::{Candle, SupersededCandle};
use onetape_domain::change::CandleChange;
use onetape_domain::engine::candles::CandleKey;
use onetape_domain::time::{Timeframe, Timestamp};
use onetape_ports::StoreError;
use sqlx::SqliteConnection;

use super::APPEND;
use super::insert::Insert;
use crate::arguments::Arguments;
use crate::candles::{self, PerTimeframe, for_each_table};

static UPSERT: PerTimeframe =
    PerTimeframe::new(|| for_each_table(include_str!("../queries/upsert_candles.sql")));

const COLUMNS: usize = 17;
const SUPERSEDED: Insert<'_> =
    Insert { sql: include_str!("../queries/insert_superseded.sql"), columns: COLUMNS + 2 };

pub(super) async fn write(
    connection: &mut SqliteConnection,
    id: i64,
    changes: &[CandleChange],
) -> Result<(), StoreError> {
    let mut periods = [const { BTreeMap::<Timestamp, Vec<Candle>>::new() }; 6];
    for CandleChange { candle, replaces: _ } in changes {
        periods[candle.timeframe().index()].entry(candle.open_time()).or_default().push(*candle);
    }
    let mut superseded = Vec::new();
    for (timeframe, periods) in Timeframe::ALL.into_iter().zip(periods) {
        let mut current = Vec::with_capacity(periods.len());
        for (open_time, versions) in periods {
            let key = CandleKey { timeframe, open_time };
            current.extend(last(connection, id, key, &versions, &mut superseded).await?);
        }
        upsert(connection, id, timeframe, &current).await?;
    }
    write_superseded(connection, id, &superseded).await
}

/// Current versions as another store had them: none of them makes a replaced one of what is stored.
pub(super) async fn load(
    connection: &mut SqliteConnection,
    id: i64,
    candles: &[Candle],
) -> Result<(), StoreError> {
    for timeframe in Timeframe::ALL {
        let own: Vec<Candle> =
            candles.iter().filter(|candle| candle.timeframe() == timeframe).copied().collect();
        upsert(connection, id, timeframe, &own).await?;
    }
    Ok(())
}

async fn upsert(
    connection: &mut SqliteConnection,
    id: i64,
    timeframe: Timeframe,
    candles: &[Candle],
) -> Result<(), StoreError> {
    let insert = Insert { sql: UPSERT.of(timeframe), columns: COLUMNS };
    let bind = |arguments: &mut Arguments, candle: &Candle| {
        bind(arguments.add(id), candle);
    };
    insert.rows(connection, candles, bind).await
}

pub(super) async fn write_superseded(
    connection: &mut SqliteConnection,
    id: i64,
    rows: &[SupersededCandle],
) -> Result<(), StoreError> {
    let bind = |arguments: &mut Arguments, row: &SupersededCandle| {
        bind(arguments.add(id).add(row.candle.timeframe().as_str()).time(row.known_to), &row.candle);
    };
    SUPERSEDED.rows(connection, rows, bind).await
}

/// The version that becomes the current one; those it comes after go to the superseded ones. None where what is stored
/// is of no lower revision.
async fn last(
    connection: &mut SqliteConnection,
    id: i64,
    key: CandleKey,
    versions: &[Candle],
    superseded: &mut Vec<SupersededCandle>,
) -> Result<Option<Candle>, StoreError> {
    if let [first] = versions
        && first.revision() == 1
    {
        // It can take the place of nothing.
        return Ok(Some(*first));
    }
    let stored = candles::current(connection, id, key, APPEND).await?;
    let mut current = stored;
    for version in versions {
        match current {
            Some(before) if before.revision() >= version.revision() => continue,
            Some(candle) => {
                let known_to = version.known_from();
                superseded.extend(known_to.map(|known_to| SupersededCandle { candle, known_to }));
            }
            None => {}
        }
        current = Some(*version);
    }
    Ok(current.filter(|_| current != stored))
}

/// The columns of `ohlcv_*` in the order of the insert, but for the instrument.
fn bind(arguments: &mut Arguments, candle: &Candle) {
    let ohlcv = candle.ohlcv();
    arguments.time(candle.open_time()).optional_time(candle.known_from());
    arguments.price(ohlcv.open).price(ohlcv.high).price(ohlcv.low).price(ohlcv.close);
    arguments.quantity(ohlcv.volume).optional_decimal(ohlcv.taker_buy_volume.map(|volume| volume.get()));
    arguments.optional_natural(ohlcv.trade_count);
    for key in [ohlcv.first, ohlcv.last] {
        arguments.time(key.event_time).add(key.sequence).add(i64::from(key.index));
    }
    arguments.add(i64::from(candle.revision()));
}
