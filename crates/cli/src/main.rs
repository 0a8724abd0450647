//! The `onetape` binary: replays tapes into a store, and asks it what was known when.
#![expect(clippy::print_stdout, reason = "a command line writes to standard output")]

mod args;
mod commands;
mod output;
mod progress;

use std::io::{ErrorKind, IsTerminal as _};
use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use args::{Cli, Command};

/// Records were quarantined, everything else is done.
const DONE_WITH_QUARANTINE: u8 = 3;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // What is long and has no progress bar, or none here: log lines are the progress.
    let usual = if matches!(cli.command, Command::Maintain(_) | Command::Copy(_)) { "info" } else { "warn" };
    let filter = EnvFilter::try_from_env("ONETAPE_LOG").unwrap_or_else(|_| EnvFilter::new(usual));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
        .with_writer(std::io::stderr)
        .init();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the runtime cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(cli.command)) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(DONE_WITH_QUARANTINE),
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            error.chain().skip(1).for_each(|cause| eprintln!("  because {cause}"));
            ExitCode::FAILURE
        }
    }
}

/// Runs a command; returns how many records it quarantined.
async fn run(command: Command) -> anyhow::Result<u64> {
    match command {
        Command::Demo(args) => commands::demo::run(args).await,
        Command::Replay(args) => commands::replay::run(args).await,
        Command::Query(args) => commands::query::run(args).await.map(|()| 0),
        #[cfg(feature = "export")]
        Command::Export(args) => commands::export::run(args).await.map(|()| 0),
        Command::Db(args) => commands::db::run(args).await.map(|()| 0),
        Command::Maintain(args) => commands::maintain::run(args).await.map(|()| 0),
        Command::Copy(args) => commands::copy::run(args).await.map(|()| 0),
        Command::Doctor(args) => commands::doctor::run(args).await.map(|()| 0),
    }
}

/// A reader such as `head` has seen enough.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let io = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
    };
    error.chain().any(io)
}
