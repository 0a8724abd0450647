//! What retention has taken of an instrument.

use onetape_domain::expiry::Expiry;
use onetape_domain::instrument::Instrument;
use onetape_domain::time::{Timeframe, Timestamp};
use onetape_ports::StoreError;
use sqlx::SqliteConnection;

use crate::bounds::Bounds;
use crate::error::failed;

const READ: &str = "read what retention has taken";

pub(crate) async fn read(
    connection: &mut SqliteConnection,
    instrument: &Instrument,
) -> Result<Expiry, StoreError> {
    let Some(bounds) = Bounds::read(connection, instrument, READ).await? else { return Ok(Expiry::NOTHING) };
    let rows: Vec<(String, i64)> = sqlx::query_as(include_str!("queries/expiry.sql"))
        .bind(bounds.id)
        .fetch_all(connection)
        .await
        .map_err(failed(READ))?;
    if rows.is_empty() {
        return Ok(Expiry::NOTHING);
    }
    let dropped = |table: &str| {
        rows.iter().find(|(name, _)| name == table).map(|(_, before)| Timestamp::from_micros(*before))
    };
    Ok(Expiry {
        first: bounds.first_time,
        candles: Timeframe::ALL.map(|timeframe| dropped(&format!("ohlcv_{timeframe}"))),
        trades: dropped("trade_events"),
        books: dropped("order_book_snapshots"),
        imbalances: dropped("order_book_imbalances"),
        coverage: dropped("stream_coverage"),
    })
}
