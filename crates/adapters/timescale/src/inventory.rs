//! What a database holds, without looking through it.

use async_trait::async_trait;
use onetape_domain::instrument::Instrument;
use onetape_domain::time::{TimeRange, Timeframe, Timestamp};
use onetape_ports::inventory::{COUNTED_ROWS, PIECE_ROWS, Probe, estimate, pieces};
use onetape_ports::{Extent, Inventory, InventoryStore, Sizes, StoreError, TableSize};
use sqlx::PgConnection;

use crate::bounds::Bounds;
use crate::error::failed;
use crate::micros::Micros;
use crate::session::{self, Session};
use crate::status;
use crate::store::TimescaleStore;

const READ: &str = "read what is stored";

#[async_trait]
impl InventoryStore for TimescaleStore {
    async fn inventory(&self, instrument: &Instrument) -> Result<Inventory, StoreError> {
        self.readers()
            .within(READ, async {
                let mut session = Session::begin(self.readers(), session::SNAPSHOT, READ).await?;
                let inventory = inventory(session.connection()?, instrument).await?;
                session.commit().await?;
                Ok(inventory)
            })
            .await
    }

    async fn sizes(&self) -> Result<Option<Sizes>, StoreError> {
        let tables = status::tables(self.readers()).await?;
        let table = |table: status::TableStatus| TableSize { name: table.name, bytes: table.bytes };
        let mut tables: Vec<TableSize> = tables.into_iter().map(table).collect();
        tables.sort_by_key(|table| std::cmp::Reverse(table.bytes));
        Ok(Some(Sizes { bytes: tables.iter().map(|table| table.bytes).sum(), tables }))
    }
}

async fn inventory(connection: &mut PgConnection, instrument: &Instrument) -> Result<Inventory, StoreError> {
    let bounds = Bounds::read(&mut *connection, instrument).await.map_err(failed(READ))?;
    let mut candles = [None; 6];
    for timeframe in Timeframe::ALL {
        let from = bounds.of_candles(timeframe).first_time;
        let table = format!("ohlcv_{timeframe}");
        candles[timeframe.index()] = Rows { table: &table, instrument, from }.extent(connection).await?;
    }
    let mut extents = [None; 3];
    let tables = ["trade_events", "order_book_snapshots", "order_book_imbalances"];
    for (extent, table) in extents.iter_mut().zip(tables) {
        *extent = Rows { table, instrument, from: bounds.first_time }.extent(connection).await?;
    }
    let [trades, books, imbalances] = extents;
    Ok(Inventory { candles, trades, books, imbalances })
}

/// An instrument's rows of a table of ours, none of which is earlier.
struct Rows<'a> {
    table: &'a str,
    instrument: &'a Instrument,
    from: Timestamp,
}

impl Rows<'_> {
    async fn extent(&self, connection: &mut PgConnection) -> Result<Option<Extent>, StoreError> {
        let statement = include_str!("queries/extent.sql").replace("ohlcv_1s", self.table);
        let (first, last, rows): (Option<Micros>, Option<Micros>, i64) = sqlx::query_as(&statement)
            .bind(self.instrument.symbol().as_str())
            .bind(self.instrument.exchange().as_str())
            .bind(Micros(self.from))
            .bind(i64::try_from(COUNTED_ROWS + 1).unwrap_or(i64::MAX))
            .fetch_one(&mut *connection)
            .await
            .map_err(failed(READ))?;
        let Some((Micros(first), Micros(last))) = first.zip(last) else { return Ok(None) };
        let (rows, estimated) = match rows.unsigned_abs() {
            rows if rows <= COUNTED_ROWS => (rows, false),
            _ => (self.estimated(connection, first, last).await?, true),
        };
        Ok(Some(Extent { first, last, rows, estimated }))
    }

    async fn estimated(
        &self,
        connection: &mut PgConnection,
        first: Timestamp,
        last: Timestamp,
    ) -> Result<u64, StoreError> {
        let statement = include_str!("queries/probe.sql").replace("ohlcv_1s", self.table);
        let mut probes = Vec::new();
        for piece in pieces(first, last) {
            probes.push(self.probe(connection, &statement, piece).await?);
        }
        Ok(estimate(&probes))
    }

    async fn probe(
        &self,
        connection: &mut PgConnection,
        statement: &str,
        piece: TimeRange,
    ) -> Result<Probe, StoreError> {
        let row: (i64, Option<Micros>, Option<Micros>, Option<Micros>) = sqlx::query_as(statement)
            .bind(self.instrument.symbol().as_str())
            .bind(self.instrument.exchange().as_str())
            .bind(Micros(piece.start()))
            .bind(Micros(piece.end()))
            .bind(i64::try_from(PIECE_ROWS).unwrap_or(i64::MAX))
            .fetch_one(connection)
            .await
            .map_err(failed(READ))?;
        let (rows, first, until, last) = row;
        let [first, until, last] = [first, until, last].map(|time| time.map(Timestamp::from));
        Ok(Probe { rows: rows.unsigned_abs(), counted: first.zip(until), last })
    }
}
