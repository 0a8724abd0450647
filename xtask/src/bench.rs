//! `cargo xtask bench`: the budgets beside their floors, in release.

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::{db, workspace};

/// What to measure.
#[derive(Debug, Args)]
pub struct Options {
    /// Which benchmark
    #[arg(value_enum, default_value_t)]
    what: What,
    /// What the benchmark itself is told; after `--`
    #[arg(last = true)]
    arguments: Vec<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum What {
    /// Cache, replay and a small database: minutes, with nothing set up
    #[default]
    Budgets,
    /// The database at scale: loads some 50 million rows on the server that `ONETAPE_BENCH_DATABASE_URL` names
    Database,
    /// A Parquet file of 20 million rows through `onetape import`, into a SQLite file and the server that
    /// `ONETAPE_BENCH_DATABASE_URL` names
    Import,
}

/// Runs a benchmark.
pub fn run(options: &Options) -> Result<()> {
    let mut command = workspace::cargo();
    command.args(["bench", "--quiet"]);
    match options.what {
        What::Budgets => {
            command.args(["--package", "onetape", "--bench", "budgets"]);
            // What needs a database is left out where there is none.
            if !db::announce()? {
                command.env("ONETAPE_TEST_DB", "off");
            }
        }
        What::Database => {
            command.args(["--package", "onetape-timescale", "--bench", "scale"]);
        }
        What::Import => {
            command.args(["--package", "onetape-cli", "--bench", "import"]);
        }
    }
    workspace::run(command.arg("--").args(&options.arguments))
}
