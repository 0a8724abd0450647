//! Arguments of `onetape gaps`.

use clap::{Args, Subcommand};
use onetape::domain::coverage::Stream;
use onetape::prelude::Timestamp;

use super::StoreArg;
use super::values::{InstrumentName, parse_duration, parse_instrument};

#[derive(Debug, Args)]
pub(crate) struct GapsArgs {
    #[command(subcommand)]
    pub(crate) command: GapsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum GapsCommand {
    /// Show where streams are not proven complete, and why
    List(ListArgs),
    /// Fetch missing trades from their venue; what it does not have any more is declared unfillable
    Repair(RepairArgs),
}

#[derive(Debug, Args)]
#[command(after_help = REPAIR)]
pub(crate) struct RepairArgs {
    /// Only these
    #[arg(value_parser = parse_instrument)]
    pub(crate) instruments: Vec<InstrumentName>,
    /// Show what would be asked for, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// How long to wait in all where the venue's limits leave no room, as in 90s or 5m
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = parse_duration)]
    pub(crate) patience: std::time::Duration,
    /// The folder of the journal that `onetape collect` was given, so that what it holds comes first
    #[arg(long, value_name = "DIR")]
    pub(crate) journal: Option<std::path::PathBuf>,
    #[command(flatten)]
    pub(crate) store: StoreArg,
    /// Print as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

const REPAIR: &str = "\
`onetape collect` does this by itself for what it collects; while it runs, this command refuses to. What comes carries the stamp
of now: answers as of before stay as they were. An interrupted repair is taken up by the next one. Single trades of futures want
a key of the venue, in BINANCE_API_KEY. Exit code 1: gaps are left open.";

#[derive(Debug, Args)]
#[command(after_help = STATES)]
pub(crate) struct ListArgs {
    /// Only these
    #[arg(value_parser = parse_instrument)]
    pub(crate) instruments: Vec<InstrumentName>,
    /// Only those of trades (and candles), or of the book (and imbalances)
    #[arg(long, value_name = "trades|book")]
    pub(crate) stream: Option<Stream>,
    /// As of this instant: what was known then; without it, what is known now
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<Timestamp>,
    #[command(flatten)]
    pub(crate) store: StoreArg,
    /// Print as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

const STATES: &str = "\
States: open, trades are missing that may still come; unfillable, they never will; unproven, nothing says what was missed.
A candle of a time in a gap claims neither to be traded to the full nor to be quiet. What came later closes a gap:
--at shows those of then.";
