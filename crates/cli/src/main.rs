//! The `onetape` binary: replays tapes into a store, and asks it what was known when.

mod args;
mod commands;
mod context;
mod hint;
mod output;
mod progress;
mod telemetry;
mod usage;

use std::io::ErrorKind;
use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use args::{Cli, Command};
use context::Context;
use output::{colours, note};

/// Records were quarantined, everything else is done.
const DONE_WITH_QUARANTINE: u8 = 3;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage::explain(&error),
    };
    log(&cli.command);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            note!(
                "error: the runtime cannot start: {error}\nhint: see what the system lets a process have (`ulimit -a`)"
            );
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(cli)) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(DONE_WITH_QUARANTINE),
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            note!("error: {error}");
            error.chain().skip(1).for_each(|cause| note!("  because {cause}"));
            note!("hint: {}", hint::of(&error));
            ExitCode::FAILURE
        }
    }
}

fn log(command: &Command) {
    // What is long and has no progress bar, or none here: log lines are the progress.
    #[cfg(feature = "import")]
    let is_import = matches!(command, Command::Import(_));
    #[cfg(not(feature = "import"))]
    let is_import = false;
    let usual =
        if is_import || matches!(command, Command::Maintain(_) | Command::Copy(_) | Command::Collect(_)) {
            "info"
        } else {
            "warn"
        };
    let filter = EnvFilter::try_from_env("ONETAPE_LOG").unwrap_or_else(|_| EnvFilter::new(usual));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(colours::on_errors())
        // A line that cannot be written is reported by a panic otherwise.
        .log_internal_errors(false)
        .with_writer(std::io::stderr)
        .init();
}

/// Runs a command; returns how many records it quarantined.
async fn run(Cli { config, command }: Cli) -> anyhow::Result<u64> {
    let context = || Context::load(config.as_deref());
    match command {
        Command::Demo(args) => commands::demo::run(args, context()?).await,
        Command::Collect(args) => commands::collect::run(args, context()?).await,
        Command::Replay(args) => commands::replay::run(args, context()?).await,
        Command::Query(args) => commands::query::run(args, context()?).await.map(|()| 0),
        Command::Status(args) => commands::status::run(args, context()?).await.map(|()| 0),
        Command::Cutover(args) => commands::cutover::run(args, context()?).await.map(|()| 0),
        Command::Gaps(args) => commands::gaps::run(args, context()?).await.map(|()| 0),
        Command::Quarantine(args) => commands::quarantine::run(args, context()?).await,
        Command::Db(args) => commands::db::run(args, context()?).await.map(|()| 0),
        Command::Maintain(args) => commands::maintain::run(args, context()?).await.map(|()| 0),
        Command::Doctor(args) => commands::doctor::run(args, context()?).await.map(|()| 0),
        #[cfg(feature = "export")]
        Command::Export(args) => commands::export::run(args, context()?).await.map(|()| 0),
        #[cfg(feature = "import")]
        Command::Import(args) => commands::import::run(args, context()?).await,
        Command::Copy(args) => commands::copy::run(args, context()?).await.map(|()| 0),
        // These work without settings: it may be those that are wrong.
        Command::Config(args) => commands::config::run(args, config.as_deref()).map(|()| 0),
        Command::Completions(args) => commands::shell::completions(&args).map(|()| 0),
        Command::Man(args) => commands::shell::man(&args).map(|()| 0),
    }
}

/// A reader such as `head` has seen enough.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let io = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
    };
    error.chain().any(io)
}
