//! Arguments of `onetape quarantine`.

use clap::{Args, Subcommand};
use onetape::domain::instrument::Market;
use onetape::prelude::Timestamp;

use super::StoreArg;
use super::values::{InstrumentName, parse_instrument, parse_market};

#[derive(Debug, Args)]
pub(crate) struct QuarantineArgs {
    #[command(subcommand)]
    pub(crate) command: QuarantineCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum QuarantineCommand {
    /// Show what was refused and why, newest first
    List(ListQuarantineArgs),
    /// Show one record in full
    Show(ShowArgs),
    /// Read lines of tapes again that were refused, now that parser or settings are others, and say what came of it
    Retry(RetryArgs),
    /// Remove records for good
    Drop(DropArgs),
}

/// Which records are meant.
#[derive(Debug, Args)]
pub(crate) struct QuarantineFilter {
    /// Only those known to be of this instrument
    #[arg(long, value_parser = parse_instrument)]
    pub(crate) instrument: Option<InstrumentName>,
    /// Only those whose origin has this in it: a file, a line, `push`
    #[arg(long, value_name = "TEXT")]
    pub(crate) origin: Option<String>,
    /// Only those received at or after this
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<Timestamp>,
    /// Only those received before this
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<Timestamp>,
}

#[derive(Debug, Args)]
pub(crate) struct ListQuarantineArgs {
    #[command(flatten)]
    pub(crate) filter: QuarantineFilter,
    /// Only those before this id: the next page
    #[arg(long, value_name = "ID")]
    pub(crate) before: Option<u64>,
    /// At most so many
    #[arg(long, default_value_t = 50, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=100_000))]
    pub(crate) limit: usize,
    #[command(flatten)]
    pub(crate) store: StoreArg,
    /// Print as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Its id, as `list` shows it
    pub(crate) id: u64,
    #[command(flatten)]
    pub(crate) store: StoreArg,
    /// Print as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RetryArgs {
    /// Their ids, as `list` shows them
    #[arg(required = true)]
    pub(crate) ids: Vec<u64>,
    /// Market of the venue whose messages they are: spot, usdm or coinm
    #[arg(long, default_value = "spot", value_name = "MARKET", value_parser = parse_market)]
    pub(crate) market: Market,
    #[command(flatten)]
    pub(crate) store: StoreArg,
    /// Print as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DropArgs {
    /// Their ids, as `list` shows them
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub(crate) ids: Vec<u64>,
    /// All that the filters below leave
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) filter: QuarantineFilter,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) store: StoreArg,
}
