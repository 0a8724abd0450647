//! `cargo xtask soak`: a venue, a network, a store and a process that fail, all at once; then everything stored is compared
//! with what really happened.

use std::env;
use std::process::Command;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use crate::{db, workspace};

/// What to run.
#[derive(Debug, Args)]
pub struct Options {
    /// Decides what is injected: the same seed injects the same
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How long the market runs, by its own time
    #[arg(long, default_value_t = 10)]
    minutes: u32,
    /// How many times as fast as real time
    #[arg(long, default_value_t = 6)]
    speed: u32,
    /// Store on a database server, through a network with faults and with sessions and a server that end, instead of in a
    /// SQLite file
    #[arg(long)]
    server: bool,
    /// Leave gaps of trades as they are, and see that the coverage log names them
    #[arg(long)]
    no_repair: bool,
}

/// Something that happens to the server of a soak.
#[derive(Debug, Args)]
pub struct ServerFault {
    /// The soak's database
    url: String,
    what: Fault,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Fault {
    /// All sessions of the database are ended
    Terminate,
    /// The server is stopped at once and started again
    Restart,
}

/// Name of the soak's server and of its database.
const SERVER: &str = "soak";

/// Lets it happen.
pub fn disturb(fault: &ServerFault) -> Result<()> {
    match fault.what {
        Fault::Terminate => db::end_sessions(&fault.url),
        Fault::Restart => db::restart_at_once(SERVER),
    }
}

/// Runs a soak.
pub fn run(options: &Options) -> Result<()> {
    // With the whole workspace, so that what tests have built is not built again.
    workspace::run(workspace::cargo().args(["build", "--quiet", "--workspace", "--example", "soak"]))?;
    let program = env::current_exe().context("where this program is")?;
    let folder = program.parent().context("the folder of this program")?;
    let mut command = Command::new(folder.join("examples").join("soak"));
    command.arg("run").args(["--seed", &options.seed.to_string(), "--minutes", &options.minutes.to_string()]);
    command.args(["--speed", &options.speed.to_string()]);
    if options.no_repair {
        command.arg("--no-repair");
    }
    let server = options.server.then(|| db::own_server(SERVER)).transpose()?;
    if let Some((_, url)) = &server {
        command.args(["--store", url, "--server-faults"]).arg(&program).args(["soak-server", url]);
    }
    workspace::run(&mut command)
}
