//! Where the data is.

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct StoreArg {
    /// Where the data is: sqlite://FILE, postgres://user@host/database, or memory: (gone when the command ends);
    /// without it ONETAPE_STORE, the config file's, or a file in your data folder (see `onetape config show`)
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) store: Option<String>,
}
