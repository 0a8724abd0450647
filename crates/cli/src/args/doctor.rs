//! Arguments of `onetape doctor`.

use clap::Args;

use super::StoreArg;

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) store: StoreArg,
    /// Print the report as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Fail for warnings too
    #[arg(long)]
    pub(crate) strict: bool,
}
