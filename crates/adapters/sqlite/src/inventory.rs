//! What a file holds, without looking through it.

use async_trait::async_trait;
use onetape_domain::instrument::Instrument;
use onetape_domain::time::{TimeRange, Timeframe, Timestamp};
use onetape_ports::inventory::{COUNTED_ROWS, PIECE_ROWS, Probe, estimate, pieces};
use onetape_ports::{Extent, Inventory, InventoryStore, Sizes, StoreError, TableSize};
use sqlx::SqliteConnection;

use crate::bounds::Bounds;
use crate::error::failed;
use crate::maintain::free_pages;
use crate::session::{self, Session};
use crate::store::SqliteStore;

const READ: &str = "read what is stored";

/// Largest file whose tables are measured: that reads all of it.
const MEASURED_BYTES: u64 = 256 << 20;

#[async_trait]
impl InventoryStore for SqliteStore {
    async fn inventory(&self, instrument: &Instrument) -> Result<Inventory, StoreError> {
        let mut session = Session::begin(self.readers(), session::READ, READ).await?;
        let inventory = inventory(session.connection()?, instrument).await;
        session.finish(inventory).await
    }

    async fn sizes(&self) -> Result<Option<Sizes>, StoreError> {
        let mut session = Session::begin(self.readers(), session::READ, READ).await?;
        let sizes = sizes(session.connection()?).await;
        session.finish(sizes).await.map(Some)
    }
}

async fn inventory(
    connection: &mut SqliteConnection,
    instrument: &Instrument,
) -> Result<Inventory, StoreError> {
    let Some(Bounds { id, .. }) = Bounds::read(connection, instrument, READ).await? else {
        return Ok(Inventory::default());
    };
    let mut candles = [None; 6];
    for timeframe in Timeframe::ALL {
        candles[timeframe.index()] = extent(connection, &format!("ohlcv_{timeframe}"), id).await?;
    }
    Ok(Inventory {
        candles,
        trades: extent(connection, "trade_events", id).await?,
        books: extent(connection, "order_book_snapshots", id).await?,
        imbalances: extent(connection, "order_book_imbalances", id).await?,
    })
}

/// `table` is one of ours.
async fn extent(
    connection: &mut SqliteConnection,
    table: &str,
    id: i64,
) -> Result<Option<Extent>, StoreError> {
    let statement = include_str!("queries/extent.sql").replace("ohlcv_1s", table);
    let limit = i64::try_from(COUNTED_ROWS + 1).unwrap_or(i64::MAX);
    let (first, last, rows): (Option<i64>, Option<i64>, i64) = sqlx::query_as(&statement)
        .bind(id)
        .bind(limit)
        .fetch_one(&mut *connection)
        .await
        .map_err(failed(READ))?;
    let Some((first, last)) = first.zip(last) else { return Ok(None) };
    let (first, last) = (Timestamp::from_micros(first), Timestamp::from_micros(last));
    let (rows, estimated) = match rows.unsigned_abs() {
        rows if rows <= COUNTED_ROWS => (rows, false),
        _ => (estimated(connection, table, id, (first, last)).await?, true),
    };
    Ok(Some(Extent { first, last, rows, estimated }))
}

async fn estimated(
    connection: &mut SqliteConnection,
    table: &str,
    id: i64,
    (first, last): (Timestamp, Timestamp),
) -> Result<u64, StoreError> {
    let statement = include_str!("queries/probe.sql").replace("ohlcv_1s", table);
    let mut probes = Vec::new();
    for piece in pieces(first, last) {
        probes.push(probe(connection, &statement, id, piece).await?);
    }
    Ok(estimate(&probes))
}

async fn probe(
    connection: &mut SqliteConnection,
    statement: &str,
    id: i64,
    piece: TimeRange,
) -> Result<Probe, StoreError> {
    let row: (i64, Option<i64>, Option<i64>, Option<i64>) = sqlx::query_as(statement)
        .bind(id)
        .bind(piece.start().micros())
        .bind(piece.end().micros())
        .bind(i64::try_from(PIECE_ROWS).unwrap_or(i64::MAX))
        .fetch_one(connection)
        .await
        .map_err(failed(READ))?;
    let (rows, first, until, last) = row;
    let [first, until, last] = [first, until, last].map(|micros| micros.map(Timestamp::from_micros));
    Ok(Probe { rows: rows.unsigned_abs(), counted: first.zip(until), last })
}

async fn sizes(connection: &mut SqliteConnection) -> Result<Sizes, StoreError> {
    let (pages, _, page_bytes) = free_pages(connection, READ).await?;
    let bytes = (pages * page_bytes).unsigned_abs();
    if bytes > MEASURED_BYTES {
        return Ok(Sizes { bytes, tables: Vec::new() });
    }
    let rows: Vec<(String, i64)> = sqlx::query_as(include_str!("queries/table_sizes.sql"))
        .fetch_all(connection)
        .await
        .map_err(failed(READ))?;
    let table = |(name, bytes): (String, i64)| TableSize { name, bytes: bytes.unsigned_abs() };
    let mut tables: Vec<TableSize> = rows.into_iter().map(table).collect();
    tables.sort_by_key(|table| std::cmp::Reverse(table.bytes));
    Ok(Sizes { bytes, tables })
}
