//! Trades in the order of their keys.

use async_trait::async_trait;
use onetape_domain::time::Timestamp;
use onetape_domain::trade::{AggregateIds, Side, Trade};
use onetape_ports::store::RowStream;
use onetape_ports::{Selection, StoreError, TimeQuery, TradeStore};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use crate::bounds::Bounds;
use crate::columns::{Columns, Unread, Values as _};
use crate::keyset::{Keyset, Part, Table, TablePages};
use crate::pages::{self, PAGE};
use crate::store::SqliteStore;

const READ: &str = "read trades";

/// The columns of a trade.
fn trade(columns: &mut Columns<'_>) -> Result<Trade, Unread> {
    let key = columns.trade_key()?;
    let (received_at, available_at) = (columns.time()?, columns.time()?);
    let ids = (columns.take::<Option<i64>>()?, columns.take::<Option<i64>>()?);
    let (price, size) = (columns.price("trade.price")?, columns.quantity("trade.size")?);
    let side: Side = columns.take::<&str>()?.parse()?;
    Ok(Trade {
        key,
        trade_id: columns.take::<&str>()?.into(),
        price,
        size,
        side,
        aggregate: ids.0.zip(ids.1).map(|(first, last)| AggregateIds { first, last }),
        received_at,
        available_at,
    })
}

/// Trades with an event time in `[start, end)` known at the instant, as pages.
pub(crate) fn between(
    instrument: i64,
    (start, end): (Timestamp, Timestamp),
    known: Timestamp,
    operation: &'static str,
) -> Keyset {
    let key = vec![Part::Int(start.micros()), Part::Int(i64::MIN), Part::Int(i64::MIN)];
    let fixed = [instrument, end.micros(), known.micros()];
    Keyset::new(operation, include_str!("queries/trades_page.sql"), &[0, 1, 2], PAGE, fixed, key)
}

pub(crate) fn decode(rows: &[SqliteRow], operation: &'static str) -> Result<Vec<Trade>, StoreError> {
    let rows = rows.iter().map(|row| trade(&mut Columns::new(row)));
    rows.collect::<Result<_, _>>().map_err(Unread::of(operation))
}

struct Trades(TimeQuery);

#[async_trait]
impl Table for Trades {
    type Row = Trade;

    async fn open(&self, connection: &mut SqliteConnection) -> Result<Option<Keyset>, StoreError> {
        let TimeQuery { instrument, selection, as_of } = &self.0;
        let Some(bounds) = Bounds::read(connection, instrument, READ).await? else { return Ok(None) };
        // A trade may lie ahead of its stamp.
        let horizon = as_of.plus(bounds.lead).plus(1);
        Ok(Some(match selection {
            Selection::Range(range) => {
                between(bounds.id, (range.start(), range.end().min(horizon)), *as_of, READ)
            }
            Selection::Last(count) => {
                let all = (Timestamp::from_micros(i64::MIN), horizon);
                let mut keyset = between(bounds.id, all, *as_of, READ);
                keyset.begin_at_last(connection, include_str!("queries/trades_start.sql"), *count).await?;
                keyset
            }
        }))
    }

    fn decode(&self, rows: &[SqliteRow]) -> Result<Vec<Trade>, StoreError> {
        decode(rows, READ)
    }
}

impl TradeStore for SqliteStore {
    fn stream_trades(&self, query: TimeQuery) -> RowStream<'_, Trade> {
        pages::stream(self.readers(), READ, TablePages::of(Trades(query)))
    }
}
