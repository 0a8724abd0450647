//! The command line's grammar and its help texts.

mod collect;
mod config;
mod copy;
mod cutover;
mod db;
mod demo;
mod doctor;
#[cfg(feature = "export")]
pub(crate) mod export;
mod formats;
mod gaps;
#[cfg(feature = "import")]
pub(crate) mod import;
mod maintain;
mod quarantine;
mod query;
mod replay;
mod shell;
mod status;
mod store;
mod tape;
mod values;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

pub(crate) use collect::CollectArgs;
pub(crate) use config::{ConfigArgs, ConfigCommand};
pub(crate) use copy::CopyArgs;
pub(crate) use cutover::{
    AdvanceArgs, ArchiveArgs, BackArgs, CutoverArgs, CutoverCommand, CutoverStatusArgs, RestoreArgs,
    ShadowArgs,
};
pub(crate) use db::{DbArgs, DbCommand, SetupArgs, SourcesArgs};
pub(crate) use demo::DemoArgs;
pub(crate) use doctor::DoctorArgs;
pub(crate) use formats::{ObjectFormat, RowFormat};
pub(crate) use gaps::{GapsArgs, GapsCommand, ListArgs, RepairArgs};
pub(crate) use maintain::MaintainArgs;
pub(crate) use quarantine::{
    DropArgs, ListQuarantineArgs, QuarantineArgs, QuarantineCommand, QuarantineFilter, RetryArgs, ShowArgs,
};
pub(crate) use query::{
    BookArgs, BucketsArgs, CandlesArgs, InferenceArgs, Query, QueryArgs, RangeArgs, SeriesArgs,
};
pub(crate) use replay::ReplayArgs;
pub(crate) use shell::{CompletionsArgs, ManArgs};
pub(crate) use status::StatusArgs;
pub(crate) use store::StoreArg;
pub(crate) use tape::{ExchangeName, TapeArgs};
pub(crate) use values::InstrumentName;

/// One tape of the market: record it once, ask what was known at any instant.
#[derive(Debug, Parser)]
#[command(name = "onetape", version, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    /// Settings from this file, instead of ONETAPE_CONFIG, ./onetape.toml, or the one in your config folder
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 failed (maintain, copy --verify-only, cutover shadow, import verify: or found differences; doctor: or found errors), 2 wrong usage, 3 done with records quarantined (import: with files or rows left out).

Times are RFC 3339 (2024-08-09T00:00:00Z), a date, or microseconds since 1970; without a zone they are UTC.
Instruments are EXCHANGE:BASE/QUOTE, as in binance:ETH/USDT; futures are binance:BTC/USDT:USDT. Without EXCHANGE
it is the default exchange.
Logs go to standard error; ONETAPE_LOG=debug shows more of them.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Begin here: keep a built-in simulated market, or recorded files, and show a frame of it
    Demo(DemoArgs),
    /// Collect instruments live from their venue until it is told to stop
    Collect(CollectArgs),
    /// Read recorded tapes into a store; reading the same tape again changes nothing
    Replay(ReplayArgs),
    /// Ask a store what was known
    Query(QueryArgs),
    /// Show what is stored: instruments, from when to when, how complete, how large
    Status(StatusArgs),
    /// Show what is missing and why, and fetch missing trades from their venue
    Gaps(GapsArgs),
    /// Write a table to Parquet, Arrow or CSV files
    #[cfg(feature = "export")]
    Export(export::ExportArgs),
    /// Take in the candles of an older system: Parquet, Feather, pickle, CSV and JSON files; verified, and reversible
    #[cfg(feature = "import")]
    Import(import::ImportArgs),
    /// Look at what was refused, read it again, or drop it
    Quarantine(QuarantineArgs),
    /// Set up, migrate or inspect a store
    Db(DbArgs),
    /// Drop what is old enough; on TimescaleDB also refresh aggregates, compress, and check candles against their parts
    Maintain(MaintainArgs),
    /// Copy instruments from store to store, proven equal; after an interruption it goes on where it was
    Copy(CopyArgs),
    /// Leave the files of an old system behind, phase by phase, and with a way back from each
    Cutover(CutoverArgs),
    /// Examine server and store: what is wrong, why it matters, what to do; changes nothing
    Doctor(DoctorArgs),
    /// Show the settings and where each comes from, or write a file of them
    Config(ConfigArgs),
    /// Print completions for a shell
    Completions(CompletionsArgs),
    /// Print the manual page, or write one for each command into a folder
    Man(ManArgs),
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
