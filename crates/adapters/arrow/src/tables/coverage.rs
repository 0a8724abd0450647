//! The log of what is proven complete.

use onetape_domain::coverage::{CoverageRow, CoverageState, Stream};

use super::BATCH_ROWS;
use crate::column::Column;
use crate::table::Table;

const STREAMS: &[&str] = &[Stream::Trades.as_str(), Stream::Book.as_str()];

const STATES: &[&str] = &[
    CoverageState::Alive.as_str(),
    CoverageState::Gap.as_str(),
    CoverageState::Filled.as_str(),
    CoverageState::Unfillable.as_str(),
];

/// Rows of the log by stamp, stream, state and begin.
pub static COVERAGE: Table<CoverageRow> = Table {
    name: "coverage",
    time: ("available_at", |row| row.available_at),
    columns: &[
        Column::name("stream", STREAMS, |row| row.stream.as_str()),
        Column::time("begin", |row| row.begin),
        Column::time("end", |row| row.end),
        Column::name("state", STATES, |row| row.state.as_str()),
        Column::text("reason", |row| &row.reason),
        Column::time("available_at", |row| row.available_at),
    ],
    more: &[],
    batch_rows: BATCH_ROWS,
};
