//! `cargo xtask db`: the developer's door to a TimescaleDB of the workspace's own.

mod admin;
mod engine;
mod migrate;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use onetape_testdb::{Engine, OwnServer, Running, Server, Settings};
use tokio::runtime::{Builder, Runtime};

use crate::report::line;

/// The database that developers work in.
const DATABASE: &str = "onetape";

/// What to do with the development database.
#[derive(Debug, Subcommand)]
pub enum Task {
    /// Start the server, on a machine with nothing but this repository and root (or sudo) or Docker
    Up(Up),
    /// Stop the server that `up` or a test run started
    Down {
        /// Delete its data too
        #[arg(long)]
        purge: bool,
    },
    /// Create the database if it is missing, and bring its schema up to date
    Setup(Store),
    /// Bring the schema of an existing database up to date
    Migrate(Store),
    /// Show the server: version, edition, port, size, connections
    Status,
    /// Drop the database `onetape` and create it anew, empty
    Reset,
}

/// How to start the server.
#[derive(Debug, Args)]
pub struct Up {
    /// What runs it
    #[arg(long, value_enum, default_value_t)]
    engine: engine::Choice,
}

/// Which database.
#[derive(Debug, Args)]
pub struct Store {
    /// Its URL; by default the database `onetape` of the workspace's server, which is started if need be
    #[arg(long, value_name = "URL", env = "ONETAPE_STORE", hide_env_values = true)]
    store: Option<String>,
}

/// Carries out one task.
pub fn run(task: Task) -> Result<()> {
    let settings = Settings { install_packages: true, ..Settings::from_env() };
    let runtime = runtime()?;
    match task {
        Task::Up(options) => engine::up(&runtime, settings, options.engine),
        Task::Down { purge } => runtime.block_on(down(&settings, purge)),
        Task::Setup(store) => runtime.block_on(async {
            let url = store_url(store, &settings).await?;
            admin::create(&url).await?;
            migrate::migrate(&url).await
        }),
        Task::Migrate(store) => runtime.block_on(async {
            let url = store_url(store, &settings).await?;
            migrate::migrate(&url).await
        }),
        Task::Status => runtime.block_on(status(&settings)),
        Task::Reset => runtime.block_on(async {
            let running = started(&settings).await?;
            let url = admin::url_of(&running.url, DATABASE)?;
            admin::recreate(&url).await?;
            line(format_args!("the database {DATABASE} is new and empty: {url}"))
        }),
    }
}

/// The workspace's own database, started and set up if need be.
pub fn prepared() -> Result<String> {
    let settings = Settings { install_packages: true, ..Settings::from_env() };
    runtime()?.block_on(async {
        let url = store_url(Store { store: None }, &settings).await?;
        admin::create(&url).await?;
        migrate::migrate(&url).await?;
        Ok(url)
    })
}

/// Says which server tests will use, starting it if need be. False: none can be had.
///
/// # Panics
///
/// Where a server is required and none can be had.
pub fn announce() -> Result<bool> {
    let server = runtime()?.block_on(onetape_testdb::server());
    match &server {
        Some(server) => eprintln!("test database: {server}"),
        None => eprintln!("test database: none, so every test that needs one is skipped"),
    }
    Ok(server.is_some())
}

/// A server for one task alone, with an empty database of the same name; its URL. It is stopped together with the value.
pub fn own_server(name: &str) -> Result<(OwnServer, String)> {
    runtime()?.block_on(async {
        let server = OwnServer::start(name).await?;
        let url = admin::url_of(&server.url(), name)?;
        admin::recreate(&url).await?;
        Ok((server, url))
    })
}

/// Ends all sessions of a database but this one.
pub fn end_sessions(url: &str) -> Result<()> {
    runtime()?.block_on(admin::end_sessions(url))
}

/// Stops such a server at once, as a crash does, and starts it again.
pub fn restart_at_once(name: &str) -> Result<()> {
    Ok(runtime()?.block_on(OwnServer::restart_at_once(name))?)
}

fn runtime() -> Result<Runtime> {
    Builder::new_current_thread().enable_all().build().context("cannot start a runtime")
}

/// The workspace's server, started if need be.
async fn started(settings: &Settings) -> Result<Running> {
    Ok(onetape_testdb::up(settings).await?)
}

async fn store_url(store: Store, settings: &Settings) -> Result<String> {
    match store.store {
        Some(url) => Ok(url),
        None => admin::url_of(&started(settings).await?.url, DATABASE),
    }
}

async fn down(settings: &Settings, purge: bool) -> Result<()> {
    match onetape_testdb::down(settings, purge).await? {
        Some(running) => line(format_args!("stopped the server on port {}", running.port)),
        None => line("no server of this workspace is up"),
    }
}

async fn status(settings: &Settings) -> Result<()> {
    let Some(running) = onetape_testdb::running(settings).await else {
        return line("down (`cargo xtask db up` starts a server)");
    };
    let server = Server::at(&running.url).await?;
    line(format_args!("server       {server}"))?;
    line(format_args!("runs         {}", runs(&running.engine)))?;
    line(format_args!("port         {}", running.port))?;
    admin::status(&running.url, DATABASE).await
}

fn runs(engine: &Engine) -> String {
    match engine {
        Engine::Local(cluster) => cluster.to_string(),
        Engine::Container { id, image } => format!("in container {} of {image}", &id[..id.len().min(12)]),
    }
}
