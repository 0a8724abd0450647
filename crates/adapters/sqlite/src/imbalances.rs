//! Imbalances by second.

use async_trait::async_trait;
use onetape_domain::imbalance::Imbalances;
use onetape_domain::time::Timestamp;
use onetape_ports::store::RowStream;
use onetape_ports::{ImbalanceStore, Selection, StoreError, TimeQuery};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use crate::bounds::Bounds;
use crate::columns::{Columns, Unread, Values};
use crate::keyset::{Keyset, Part, Table, TablePages};
use crate::pages::{self, PAGE};
use crate::store::SqliteStore;

const READ: &str = "read imbalances";

/// The columns of a second's imbalances.
pub(crate) fn imbalances(columns: &mut impl Values) -> Result<Imbalances, Unread> {
    Ok(Imbalances {
        second: columns.time()?,
        available_at: columns.time()?,
        imbalance_1s: columns.optional_decimal("imbalance.imbalance_1s")?,
        imbalance_5s: columns.optional_decimal("imbalance.imbalance_5s")?,
        imbalance_15s: columns.optional_decimal("imbalance.imbalance_15s")?,
        imbalance_60s: columns.optional_decimal("imbalance.imbalance_60s")?,
        volume_imbalance_1s: columns.optional_decimal("imbalance.volume_imbalance_1s")?,
        volume_imbalance_5s: columns.optional_decimal("imbalance.volume_imbalance_5s")?,
        volume_imbalance_15s: columns.optional_decimal("imbalance.volume_imbalance_15s")?,
        volume_imbalance_60s: columns.optional_decimal("imbalance.volume_imbalance_60s")?,
        price_range: columns.optional_decimal("imbalance.price_range")?,
        bid_volume: columns.quantity("imbalance.bid_volume")?,
        ask_volume: columns.quantity("imbalance.ask_volume")?,
    })
}

struct Rows(TimeQuery);

#[async_trait]
impl Table for Rows {
    type Row = Imbalances;

    async fn open(&self, connection: &mut SqliteConnection) -> Result<Option<Keyset>, StoreError> {
        let TimeQuery { instrument, selection, as_of } = &self.0;
        let Some(bounds) = Bounds::read(connection, instrument, READ).await? else { return Ok(None) };
        let horizon = as_of.plus(1);
        let keyset = |start: Timestamp, end: Timestamp| {
            let fixed = [bounds.id, end.micros(), as_of.micros()];
            let key = vec![Part::Int(start.micros())];
            Keyset::new(READ, include_str!("queries/imbalances_page.sql"), &[0], PAGE, fixed, key)
        };
        Ok(Some(match selection {
            Selection::Range(range) => keyset(range.start(), range.end().min(horizon)),
            Selection::Last(count) => {
                let mut keyset = keyset(Timestamp::from_micros(i64::MIN), horizon);
                let start = include_str!("queries/imbalances_start.sql");
                keyset.begin_at_last(connection, start, *count).await?;
                keyset
            }
        }))
    }

    fn decode(&self, rows: &[SqliteRow]) -> Result<Vec<Imbalances>, StoreError> {
        let rows = rows.iter().map(|row| imbalances(&mut Columns::new(row)));
        rows.collect::<Result<_, _>>().map_err(Unread::of(READ))
    }
}

impl ImbalanceStore for SqliteStore {
    fn stream_imbalances(&self, query: TimeQuery) -> RowStream<'_, Imbalances> {
        pages::stream(self.readers(), READ, TablePages::of(Rows(query)))
    }
}
