//! Arguments of `onetape gaps`.

use clap::{Args, Subcommand};
use onetape::domain::coverage::Stream;
use onetape::prelude::Timestamp;

use super::StoreArg;
use super::values::{InstrumentName, parse_instrument};

#[derive(Debug, Args)]
pub(crate) struct GapsArgs {
    #[command(subcommand)]
    pub(crate) command: GapsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum GapsCommand {
    /// Show where streams are not proven complete, and why
    List(ListArgs),
}

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
