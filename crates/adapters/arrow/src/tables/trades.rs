//! Trades.

use onetape_domain::trade::{Side, Trade};

use super::BATCH_ROWS;
use crate::column::Column;
use crate::decimals::Digits;
use crate::table::Table;

const SIDES: &[&str] = &[Side::Buy.as_str(), Side::Sell.as_str()];

/// Trades in the order of their keys: event time, sequence, index. The sequence is the numeric id of the trade where
/// the venue has one.
pub static TRADES: Table<Trade> = Table {
    name: "trades",
    time: ("event_time", |trade| trade.key.event_time),
    columns: &[
        Column::time("event_time", |trade| trade.key.event_time),
        Column::integer("sequence", |trade| trade.key.sequence),
        Column::integer("index", |trade| trade.key.index.into()),
        Column::text("trade_id", |trade| &trade.trade_id),
        Column::number("price", Digits::AMOUNT, |trade| trade.price.get()),
        Column::number("size", Digits::AMOUNT, |trade| trade.size.get()),
        Column::name("side", SIDES, |trade| trade.side.as_str()),
        Column::optional_integer("first_id", |trade| trade.aggregate.map(|ids| ids.first)),
        Column::optional_integer("last_id", |trade| trade.aggregate.map(|ids| ids.last)),
        Column::integer("trade_count", |trade| trade.trade_count().into()),
        Column::time("received_at", |trade| trade.received_at),
        Column::time("available_at", |trade| trade.available_at),
    ],
    more: &[],
    batch_rows: BATCH_ROWS,
};
