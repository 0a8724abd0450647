//! Imbalances by second.

use onetape_domain::decimal::Quantity;
use onetape_domain::imbalance::Imbalances;
use onetape_domain::time::SECOND;
use onetape_domain::violation::Violations;
use onetape_ports::store::RowStream;
use onetape_ports::{ImbalanceStore, StoreError, TimeQuery};
use sqlx::postgres::PgRow;

use crate::by_time::ByTime;
use crate::columns::{Columns, FromColumns, row_of_records};
use crate::cursor;
use crate::error::{broken_row, failed};
use crate::micros::Micros;
use crate::numeric::Num;
use crate::store::TimescaleStore;

const READ: &str = "read imbalances";

const ROWS: ByTime = ByTime {
    range: include_str!("queries/imbalances_range.sql"),
    last: include_str!("queries/imbalances_last.sql"),
    leads: false,
    span,
};

row_of_records! {
    /// The imbalances of a second.
    ImbalanceRow {
        timestamp: Micros,
        imbalance_1s: Option<Num>,
        imbalance_5s: Option<Num>,
        imbalance_15s: Option<Num>,
        imbalance_60s: Option<Num>,
        volume_imbalance_1s: Option<Num>,
        volume_imbalance_5s: Option<Num>,
        volume_imbalance_15s: Option<Num>,
        volume_imbalance_60s: Option<Num>,
        price_range: Option<Num>,
        bid_volume: Num,
        ask_volume: Num,
        available_at: Micros,
    }
}

impl ImbalanceRow {
    pub(crate) fn into_imbalances(self) -> Result<Imbalances, Violations> {
        let Self {
            timestamp,
            imbalance_1s,
            imbalance_5s,
            imbalance_15s,
            imbalance_60s,
            volume_imbalance_1s,
            volume_imbalance_5s,
            volume_imbalance_15s,
            volume_imbalance_60s,
            price_range,
            bid_volume,
            ask_volume,
            available_at,
        } = self;
        let decimal = |value: Option<Num>| value.map(|value| value.0);
        Ok(Imbalances {
            second: timestamp.0,
            imbalance_1s: decimal(imbalance_1s),
            imbalance_5s: decimal(imbalance_5s),
            imbalance_15s: decimal(imbalance_15s),
            imbalance_60s: decimal(imbalance_60s),
            volume_imbalance_1s: decimal(volume_imbalance_1s),
            volume_imbalance_5s: decimal(volume_imbalance_5s),
            volume_imbalance_15s: decimal(volume_imbalance_15s),
            volume_imbalance_60s: decimal(volume_imbalance_60s),
            price_range: decimal(price_range),
            bid_volume: Quantity::try_new("imbalance.bid_volume", bid_volume.0)?,
            ask_volume: Quantity::try_new("imbalance.ask_volume", ask_volume.0)?,
            available_at: available_at.0,
        })
    }
}

impl ImbalanceStore for TimescaleStore {
    fn stream_imbalances(&self, query: TimeQuery) -> RowStream<'_, Imbalances> {
        let instrument = query.instrument.clone();
        cursor::rows(self.readers(), READ, instrument, move |bounds| ROWS.request(&query, bounds), decode)
    }
}

/// Time in which the rows of so many seconds are looked for first: an hour at least.
pub(crate) fn span(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX).max(900).saturating_mul(4 * SECOND)
}

fn decode(row: &PgRow) -> Result<Imbalances, StoreError> {
    let row = ImbalanceRow::read(&mut Columns::new(row)).map_err(failed(READ))?;
    row.into_imbalances().map_err(broken_row(READ))
}
