//! Trades in the order of their keys.

use onetape_domain::decimal::{Price, Quantity};
use onetape_domain::time::SECOND;
use onetape_domain::trade::{AggregateIds, Trade};
use onetape_domain::violation::Violations;
use onetape_ports::store::RowStream;
use onetape_ports::{StoreError, TimeQuery, TradeStore};
use sqlx::postgres::PgRow;

use crate::by_time::ByTime;
use crate::candles::trade_key;
use crate::columns::{Columns, FromColumns, row_of_records};
use crate::cursor;
use crate::error::{broken_row, failed};
use crate::micros::Micros;
use crate::numeric::Num;
use crate::store::TimescaleStore;

/// Time in which the last trades are looked for first.
const FIRST_SPAN: i64 = 3_600 * SECOND;

const READ: &str = "read trades";

const ROWS: ByTime = ByTime {
    range: include_str!("queries/trades_range.sql"),
    last: include_str!("queries/trades_last.sql"),
    leads: true,
    span: |_| FIRST_SPAN,
};

row_of_records! {
    /// A stored trade.
    TradeRow {
        timestamp: Micros,
        sequence: i64,
        message_index: i64,
        trade_id: Box<str>,
        price: Num,
        size: Num,
        side: Box<str>,
        first_trade_id: Option<i64>,
        last_trade_id: Option<i64>,
        received_at: Micros,
        available_at: Micros,
    }
}

impl TradeRow {
    pub(crate) fn into_trade(self) -> Result<Trade, Violations> {
        let Self {
            timestamp,
            sequence,
            message_index,
            trade_id,
            price,
            size,
            side,
            first_trade_id,
            last_trade_id,
            received_at,
            available_at,
        } = self;
        Ok(Trade {
            key: trade_key(timestamp, sequence, message_index)?,
            trade_id,
            price: Price::try_new("trade.price", price.0)?,
            size: Quantity::try_new("trade.size", size.0)?,
            side: side.parse()?,
            aggregate: first_trade_id.zip(last_trade_id).map(|(first, last)| AggregateIds { first, last }),
            received_at: received_at.0,
            available_at: available_at.0,
        })
    }
}

impl TradeStore for TimescaleStore {
    fn stream_trades(&self, query: TimeQuery) -> RowStream<'_, Trade> {
        let instrument = query.instrument.clone();
        cursor::rows(self.readers(), READ, instrument, move |bounds| ROWS.request(&query, bounds), decode)
    }
}

fn decode(row: &PgRow) -> Result<Trade, StoreError> {
    let row = TradeRow::read(&mut Columns::new(row)).map_err(failed(READ))?;
    row.into_trade().map_err(broken_row(READ))
}
