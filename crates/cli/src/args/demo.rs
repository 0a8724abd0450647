//! Arguments of `onetape demo`.

use std::path::PathBuf;

use clap::Args;

use super::{ObjectFormat, StoreArg, TapeArgs};

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Tapes to replay instead of the simulated market: lines of `<received ns> <json>`, plain, .gz or .zst
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) tape: TapeArgs,
    #[command(flatten)]
    pub(crate) store: StoreArg,
    /// How to show the frame
    #[arg(long, value_enum, default_value_t = ObjectFormat::Table)]
    pub(crate) format: ObjectFormat,
}
