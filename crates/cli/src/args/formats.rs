//! Forms in which answers are written.

use clap::ValueEnum;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RowFormat {
    /// For people
    Table,
    /// Comma-separated, one header line
    Csv,
    /// Canonical JSON: decimals as strings, times as microseconds, keys sorted
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ObjectFormat {
    /// For people
    Table,
    /// Canonical JSON: decimals as strings, times as microseconds, keys sorted
    Json,
}
