//! Arguments of `onetape cutover`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use onetape::prelude::Timestamp;

use super::StoreArg;

#[derive(Debug, Args)]
pub(crate) struct CutoverArgs {
    #[command(subcommand)]
    pub(crate) command: CutoverCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CutoverCommand {
    /// Compare what the old system's files say with what the store answers, value by value; changes nothing
    Shadow(ShadowArgs),
}

#[derive(Debug, Args)]
#[command(after_help = SHADOW)]
pub(crate) struct ShadowArgs {
    /// The folder of the old system's Parquet files; legacy.folder of the config unless it is named here
    pub(crate) folder: Option<PathBuf>,
    /// Only candles that open at this instant or later
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<Timestamp>,
    /// Only candles that open before this instant
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<Timestamp>,
    /// The column of opening times, where names do not tell
    #[arg(long, value_name = "COLUMN")]
    pub(crate) time_column: Option<String>,
    /// Round the files' floats to so many decimals before they are compared, as `onetape import run` did
    #[arg(long, value_name = "DECIMALS", value_parser = clap::value_parser!(u8).range(0..=12))]
    pub(crate) round_floats: Option<u8>,
    #[command(flatten)]
    pub(crate) store: StoreArg,
    /// Print as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

const SHADOW: &str = "\
Files are compared that have the name of an instrument in the store: ETHUSDT_1m.parquet, with the venue before it where it is
not the default exchange. A price is the same where the store's decimal rounds to the file's float. Candles later than a file's
last row make it behind, not different, and those earlier than its first row are counted and named. Exit code 1: something differs.";
