//! Arguments of `onetape copy`.

use clap::Args;

use super::values::{InstrumentName, parse_instrument};

#[derive(Debug, Args)]
pub(crate) struct CopyArgs {
    /// Store to copy from: sqlite://FILE or postgres://user@host/database
    #[arg(long, value_name = "URL")]
    pub(crate) from: String,
    /// Store to copy into; a file is made where it is missing, a database must be set up
    #[arg(long, value_name = "URL")]
    pub(crate) to: String,
    /// Only this instrument, as in binance:ETH/USDT; may be given several times. All of the source without it
    #[arg(long = "instrument", value_name = "INSTRUMENT", value_parser = parse_instrument)]
    pub(crate) instruments: Vec<InstrumentName>,
    /// Write nothing, and compare what both stores have; exits with 1 where they differ
    #[arg(long, conflicts_with = "restart")]
    pub(crate) verify_only: bool,
    /// Throw away what an interrupted copy left of an instrument, and begin anew
    #[arg(long)]
    pub(crate) restart: bool,
    /// Print the report as JSON
    #[arg(long)]
    pub(crate) json: bool,
}
