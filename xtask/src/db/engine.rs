//! `db up`: which kind of server, and the Docker client that this program is built with only where it is wanted.

use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use onetape_testdb::{Engines, Running, Server, Settings, chain};
use tokio::runtime::Runtime;

use super::{DATABASE, admin};
use crate::{report::line, workspace};

/// What runs the server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Choice {
    /// A local server where one can be started, else a container
    #[default]
    Auto,
    /// PostgreSQL's own programs: installed ones, or a Debian root made on the spot (needs root or sudo)
    Local,
    /// A container (needs Docker)
    Container,
}

pub(super) fn up(runtime: &Runtime, settings: Settings, choice: Choice) -> Result<()> {
    let engines = match choice {
        Choice::Container => Engines::Container,
        Choice::Local | Choice::Auto => Engines::Local,
    };
    let settings = Settings { engines, ..settings };
    if let Some(running) = runtime.block_on(onetape_testdb::running(&settings)) {
        return runtime.block_on(show(&running));
    }
    if choice == Choice::Container && !cfg!(feature = "containers") {
        return again_with_docker_client();
    }
    match runtime.block_on(onetape_testdb::up(&settings)) {
        Ok(running) => runtime.block_on(show(&running)),
        Err(why) if choice == Choice::Auto && has_docker() => {
            eprintln!("{}; trying a container", chain(&why));
            again_with_docker_client()
        }
        Err(why) => bail!("{}", chain(&why)),
    }
}

/// The Docker client takes minutes to build, so only those who need it build it.
fn again_with_docker_client() -> Result<()> {
    let arguments = ["run", "--quiet", "--package", "xtask", "--features", "containers", "--"];
    workspace::run(workspace::cargo().args(arguments).args(["db", "up", "--engine", "container"]))
}

fn has_docker() -> bool {
    Command::new("docker")
        .args(["version", "--format", "{{.Server.Version}}"])
        .output()
        .is_ok_and(|o| o.status.success())
}

async fn show(running: &Running) -> Result<()> {
    let url = admin::url_of(&running.url, DATABASE)?;
    admin::create(&url).await?;
    let server = Server::at(&running.url).await.context("the server is up, but has no TimescaleDB")?;
    line(format_args!("# {server} at {}", running.url))?;
    line(format_args!("export ONETAPE_STORE={url}"))
}
