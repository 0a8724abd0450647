//! Finds or starts a real TimescaleDB for tests, and gives each test a database of its own.
//!
//! ```no_run
//! use onetape_testdb::{Template, database};
//!
//! # async fn migrate(_url: &str) -> Result<(), std::io::Error> { Ok(()) }
//! # async fn test() {
//! let schema = Template::new("schema", "fingerprint of the migrations", |url| async move { migrate(&url).await });
//! let Some(db) = database(&schema).await else { return }; // said why, on one line
//! println!("{}", db.url());
//! # }
//! ```
//!
//! A server is looked for in this order; the first that answers is taken:
//!
//! 1. `ONETAPE_TEST_DATABASE_URL`: a superuser's URL. When it is set and does not answer, that is a failure, never a skip.
//! 2. The workspace's own server, if one is up (`cargo xtask db up`, or an earlier test run).
//! 3. A container, with the feature `containers` and a Docker engine on this machine.
//! 4. A local server started here: from an installed PostgreSQL 17+ with TimescaleDB, else from a Debian root made with
//!    `mmdebstrap`, which needs root or password-less sudo.
//!
//! What was started under 3 and 4 serves every later test process of the workspace, until `cargo xtask db down`.
//! `ONETAPE_DB_ENGINE=wasm` instead gives each test a server of its own: TimescaleDB Community as WebAssembly, in a process of
//! Node.js, with one session ([`one_session`]).
//!
//! With no server a test is skipped visibly, or fails where `ONETAPE_TEST_DB=required`. `ONETAPE_TEST_DB=off` looks for none.
//!
//! This crate knows no schema: a [`Template`] is built by its caller.

mod admin;
mod command;
#[cfg(feature = "containers")]
mod container;
mod database;
mod error;
mod local;
mod lock;
mod own;
mod server;
mod settings;
mod state;
mod template;
mod tls;
mod up;
mod wasm;

pub use database::{TestDb, database};
pub use error::{BoxError, Error, chain};
pub use local::Cluster;
pub use own::OwnServer;
pub use server::{Edition, Server, server};
pub use settings::{Engines, Policy, Settings};
pub use state::{Engine, Running};
pub use template::Template;
pub use tls::{TlsServer, tls_server};
pub use up::{down, running, up};
pub use wasm::one_session;
