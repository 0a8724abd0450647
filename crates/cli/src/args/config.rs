//! Arguments of `onetape config`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print every setting as it holds, and where it comes from
    Show {
        /// Print as JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the file that is read, or where one is looked for
    Path,
    /// Write a file that explains every setting and sets none; one that is there stays as it is
    Init {
        /// Where; without it the one in your config folder, or that of --config
        file: Option<PathBuf>,
    },
}
