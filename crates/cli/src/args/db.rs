//! Arguments of `onetape db`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use onetape::domain::imported::Source;

use super::StoreArg;

#[derive(Debug, Args)]
pub(crate) struct DbArgs {
    #[command(subcommand)]
    pub(crate) command: DbCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DbCommand {
    /// Create the database if it is missing, the extension, all tables, and what follows from the settings
    Setup(SetupArgs),
    /// Bring the tables of a database up to this version
    Migrate(StoreArg),
    /// Show edition, versions, migrations and sizes; what is in them, `onetape status` shows
    Status(DbStatusArgs),
    /// Print the default settings file of the store's kind, which explains every setting
    Settings(SettingsArgs),
    /// Print or set the order in which sources of imported candles are preferred
    Sources(SourcesArgs),
}

#[derive(Debug, Args)]
pub(crate) struct SourcesArgs {
    /// The sources, best first; those that are not named follow by name
    pub(crate) sources: Vec<Source>,
    /// Forget the order
    #[arg(long, conflicts_with = "sources")]
    pub(crate) clear: bool,
    #[command(flatten)]
    pub(crate) store: StoreArg,
}

#[derive(Debug, Args)]
pub(crate) struct SettingsArgs {
    #[command(flatten)]
    pub(crate) store: StoreArg,
}

#[derive(Debug, Args)]
pub(crate) struct SetupArgs {
    #[command(flatten)]
    pub(crate) store: StoreArg,
    /// Periods of retention (on TimescaleDB also of chunks and compression) that differ from the defaults (see `onetape db settings`);
    /// without it, those of the last set-up stay
    #[arg(long, value_name = "FILE")]
    pub(crate) settings: Option<PathBuf>,
    /// Make the group roles PREFIX_owner, PREFIX_writer and PREFIX_reader too, and grant each what it needs; they
    /// get no password: make users of your own members of them
    #[arg(long, value_name = "PREFIX", num_args = 0..=1, default_missing_value = "onetape")]
    pub(crate) roles: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct DbStatusArgs {
    #[command(flatten)]
    pub(crate) store: StoreArg,
    /// Print as JSON
    #[arg(long)]
    pub(crate) json: bool,
}
