//! What retention has taken of an instrument.

use onetape_domain::expiry::Expiry;
use onetape_domain::instrument::Instrument;
use onetape_domain::time::{Timeframe, Timestamp};
use onetape_ports::StoreError;
use sqlx::PgConnection;

use crate::error::failed;
use crate::micros::Micros;

const READ: &str = "read what retention has taken";

const TRADES: &str = "trade_events";
const BOOKS: &str = "order_book_snapshots";
const IMBALANCES: &str = "order_book_imbalances";
const COVERAGE: &str = "stream_coverage";

pub(super) async fn read(
    connection: &mut PgConnection,
    instrument: &Instrument,
) -> Result<Expiry, StoreError> {
    let rows: Vec<(Micros, String, Micros)> = sqlx::query_as(include_str!("../queries/expiry.sql"))
        .bind(instrument.symbol().as_str())
        .bind(instrument.exchange().as_str())
        .fetch_all(connection)
        .await
        .map_err(failed(READ))?;
    let Some(first) = rows.first().map(|(Micros(first), ..)| *first) else { return Ok(Expiry::NOTHING) };
    let dropped = |table: &str| -> Option<Timestamp> {
        rows.iter().find(|(_, name, _)| name == table).map(|(_, _, Micros(since))| *since)
    };
    Ok(Expiry {
        first: Some(first),
        candles: Timeframe::ALL.map(|timeframe| dropped(&format!("ohlcv_{timeframe}"))),
        trades: dropped(TRADES),
        books: dropped(BOOKS),
        imbalances: dropped(IMBALANCES),
        coverage: dropped(COVERAGE),
    })
}
