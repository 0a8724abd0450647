//! Trades into their table.

use onetape_domain::instrument::Instrument;
use onetape_domain::trade::Trade;
use onetape_ports::StoreError;
use sqlx::PgConnection;
use sqlx::error::BoxDynError;

use super::{ROWS_PER_STATEMENT, run};
use crate::arguments::Arguments;
use crate::micros::Micros;
use crate::numeric::Num;

pub(crate) async fn write(
    connection: &mut PgConnection,
    instrument: &Instrument,
    trades: &[Trade],
) -> Result<(), StoreError> {
    for part in trades.chunks(ROWS_PER_STATEMENT) {
        run(connection, include_str!("../queries/insert_trades.sql"), arguments(instrument, part)).await?;
    }
    Ok(())
}

fn arguments(instrument: &Instrument, trades: &[Trade]) -> Result<Arguments, BoxDynError> {
    Arguments::of(instrument)?
        .each(trades, |trade| Micros(trade.key.event_time))?
        .each(trades, |trade| trade.key.sequence)?
        .each(trades, |trade| i64::from(trade.key.index))?
        .each(trades, |trade| Micros(trade.received_at))?
        .each(trades, |trade| Micros(trade.available_at))?
        .each(trades, |trade| trade.aggregate.map(|ids| ids.first))?
        .each(trades, |trade| trade.aggregate.map(|ids| ids.last))?
        .each(trades, |trade| Num(trade.price.get()))?
        .each(trades, |trade| Num(trade.size.get()))?
        .each(trades, |trade| trade.side.as_str())?
        .each(trades, |trade| &*trade.trade_id)
}
