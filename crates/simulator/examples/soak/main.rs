//! Everything at once: a venue with faults, a process that collects it and is killed again and again, a store that fails;
//! then everything stored is compared with what really happened.
//!
//! `cargo xtask soak --seed 1 --minutes 10` runs it. What is injected follows from the seed; when a process happens to be
//! killed does too, in market time.
#![expect(clippy::print_stdout, reason = "the report is what this is for")]

mod account;
mod check;
mod clean;
mod conduct;
mod disk;
mod disturb;
mod worker;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// A run, or the process that a run starts.
#[derive(Debug, Parser)]
enum Task {
    /// Runs a market and looks at what was stored of it
    Run(Settings),
    /// What is started by a run, and killed
    Work(worker::Orders),
}

/// What to run.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Settings {
    /// Decides what is injected
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How long the market runs, by its own time
    #[arg(long, default_value_t = 10)]
    minutes: u32,
    /// How many times as fast as real time
    #[arg(long, default_value_t = 6)]
    speed: u32,
    /// Where to store: a postgres:// URL of an empty database; without it a SQLite file
    #[arg(long)]
    store: Option<String>,
    /// Program that disturbs the server: called with `terminate` to end its sessions, and with `restart` to stop it at
    /// once and start it again
    #[arg(long, num_args = 1.., allow_hyphen_values = true)]
    server_faults: Vec<String>,
    /// Leave gaps of trades as they are, and see that the coverage log names them
    #[arg(long)]
    no_repair: bool,
    /// Where files are kept; without it in a folder that is removed afterwards
    #[arg(long)]
    folder: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match Task::parse() {
        Task::Work(orders) => worker::work(&orders).await,
        Task::Run(settings) => match conduct::run(&settings).await {
            Ok(account) => {
                println!("{account}");
                Ok(())
            }
            Err(error) => Err(error),
        },
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            // At once: the end of the runtime would wait for the thread that reads the standard input.
            std::process::exit(1)
        }
    }
}
