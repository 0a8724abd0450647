//! Trades into their table.

use onetape_domain::trade::Trade;
use onetape_ports::StoreError;
use sqlx::SqliteConnection;

use super::insert::Insert;

const INSERT: Insert<'_> = Insert { sql: include_str!("../queries/insert_trades.sql"), columns: 12 };

pub(super) async fn write(
    connection: &mut SqliteConnection,
    id: i64,
    trades: &[Trade],
) -> Result<(), StoreError> {
    let bind = |arguments: &mut crate::arguments::Arguments, trade: &Trade| {
        arguments.add(id).time(trade.key.event_time).add(trade.key.sequence).add(i64::from(trade.key.index));
        arguments.time(trade.received_at).time(trade.available_at);
        arguments.add(trade.aggregate.map(|ids| ids.first)).add(trade.aggregate.map(|ids| ids.last));
        arguments.price(trade.price).quantity(trade.size);
        arguments.add(trade.side.as_str()).text(&trade.trade_id);
    };
    INSERT.rows(connection, trades, bind).await
}
