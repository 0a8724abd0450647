//! The command line's grammar and its help texts.

mod db;
mod demo;
mod doctor;
mod formats;
mod maintain;
mod query;
mod replay;
mod store;
mod tape;
mod values;

use clap::{Parser, Subcommand};

pub(crate) use db::{DbArgs, DbCommand};
pub(crate) use demo::DemoArgs;
pub(crate) use doctor::DoctorArgs;
pub(crate) use formats::{ObjectFormat, RowFormat};
pub(crate) use maintain::MaintainArgs;
pub(crate) use query::{
    BookArgs, BucketsArgs, CandlesArgs, InferenceArgs, Query, QueryArgs, RangeArgs, SeriesArgs,
};
pub(crate) use replay::ReplayArgs;
pub(crate) use store::StoreArg;
pub(crate) use tape::{ExchangeName, TapeArgs};

/// One tape of the market: record it once, ask what was known at any instant.
#[derive(Debug, Parser)]
#[command(name = "onetape", version, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 failed (maintain: or found differences; doctor: or found errors), 2 wrong usage, 3 done with records quarantined.

Times are RFC 3339 (2024-08-09T00:00:00Z), a date, or microseconds since 1970; without a zone they are UTC.
Instruments are EXCHANGE:BASE/QUOTE, as in binance:ETH/USDT; futures are binance:BTC/USDT:USDT.
Logs go to standard error; ONETAPE_LOG=debug shows more of them.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show a frame without any database: of recorded files, or of a built-in simulated market
    Demo(DemoArgs),
    /// Read recorded tapes into a store; reading the same tape again changes nothing
    Replay(ReplayArgs),
    /// Ask a store what was known
    Query(QueryArgs),
    /// Set up, migrate or inspect a store
    Db(DbArgs),
    /// Drop what is old enough; on TimescaleDB also refresh aggregates, compress, and check candles against their parts
    Maintain(MaintainArgs),
    /// Examine server and store: what is wrong, why it matters, what to do; changes nothing
    Doctor(DoctorArgs),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_grammar_is_consistent() {
        Cli::command().debug_assert();
    }
}
