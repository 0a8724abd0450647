//! Arguments of `onetape status`.

use clap::Args;

use super::StoreArg;
use super::values::{InstrumentName, parse_instrument};

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Only these, with all their tables
    #[arg(value_parser = parse_instrument)]
    pub(crate) instruments: Vec<InstrumentName>,
    #[command(flatten)]
    pub(crate) store: StoreArg,
    /// Print as JSON
    #[arg(long)]
    pub(crate) json: bool,
}
