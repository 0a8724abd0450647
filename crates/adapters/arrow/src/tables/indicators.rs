//! Indicators of a frame: no table of a store, but a section as the others are.

use onetape_domain::indicator::IndicatorSet;
use onetape_domain::time::{Timeframe, Timestamp};

use super::candles::TIMEFRAMES;
use crate::column::Column;
use crate::table::Table;

/// The indicators of one timeframe at an instant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct IndicatorRow {
    /// The instant.
    pub as_of: Timestamp,
    /// Over the closed candles of which timeframe.
    pub timeframe: Timeframe,
    /// Their values.
    pub set: IndicatorSet,
}

/// One row a timeframe. The values are doubles whatever decimals are; undefined is null.
pub static INDICATORS: Table<IndicatorRow> = Table {
    name: "indicators",
    time: ("as_of", |row| row.as_of),
    columns: &[
        Column::time("as_of", |row| row.as_of),
        Column::name("timeframe", TIMEFRAMES, |row| row.timeframe.as_str()),
        Column::optional_float("rsi_14", |row| row.set.rsi_14),
        Column::optional_float("macd", |row| row.set.macd),
        Column::optional_float("macd_signal", |row| row.set.macd_signal),
        Column::optional_float("macd_hist", |row| row.set.macd_hist),
        Column::optional_float("bb_upper", |row| row.set.bb_upper),
        Column::optional_float("bb_middle", |row| row.set.bb_middle),
        Column::optional_float("bb_lower", |row| row.set.bb_lower),
    ],
    more: &[],
    batch_rows: super::BATCH_ROWS,
};
