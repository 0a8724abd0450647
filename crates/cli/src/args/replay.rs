//! Arguments of `onetape replay`.

use std::path::PathBuf;

use clap::Args;

use super::{StoreArg, TapeArgs};

#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// Tapes in the order they were recorded: lines of `<received ns> <json>`, plain, .gz or .zst
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) tape: TapeArgs,
    #[command(flatten)]
    pub(crate) store: StoreArg,
    /// Write closed candles into the Parquet files of an old system in this folder too, as in ETHUSDT_1m.parquet
    #[arg(long, value_name = "DIR")]
    pub(crate) legacy: Option<PathBuf>,
    /// Rows that make a batch, 5000 unless given here or in the config; the rows stored do not depend on it
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) batch_size: Option<u32>,
    /// Print the summary as JSON
    #[arg(long)]
    pub(crate) json: bool,
}
