//! Where the data is.

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct StoreArg {
    /// Where the data is: sqlite://FILE, postgres://user@host/database, or memory: (gone when the command ends)
    #[arg(long, env = "ONETAPE_STORE", hide_env_values = true, value_name = "URL")]
    pub(crate) store: String,
}
