//! Set-up, migration and status of a store, for operators. One code for the CLI and for developers' tasks.

#[cfg(any(feature = "sqlite", feature = "timescale"))]
mod reports;
#[cfg(feature = "sqlite")]
pub(crate) mod sqlite;
#[cfg(not(feature = "sqlite"))]
#[path = "admin/without_sqlite.rs"]
pub(crate) mod sqlite;

use std::fmt;

#[cfg(any(feature = "sqlite", feature = "timescale"))]
pub use reports::{Examined, Maintenance};

use crate::error::OpenError;
use crate::url::StoreUrl;

/// What a store is and holds.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct StoreStatus {
    /// Which store, without its password.
    pub store: String,
    /// Versions and edition, by name.
    pub facts: Vec<(String, String)>,
    /// Migrations in the order they were applied.
    pub migrations: Vec<AppliedMigration>,
    /// Tables with their size.
    pub tables: Vec<TableStatus>,
}

/// One applied migration.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct AppliedMigration {
    /// Its number.
    pub version: i64,
    /// What it is about.
    pub description: String,
}

/// One table.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct TableStatus {
    /// Its name.
    pub name: String,
    /// Rows, estimated from the server's statistics.
    pub rows: i64,
    /// Size with indexes, in bytes.
    pub bytes: i64,
}

impl fmt::Display for StoreStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.store)?;
        for (name, value) in &self.facts {
            write!(f, "\n  {name}: {value}")?;
        }
        write!(f, "\n  migrations: {} applied", self.migrations.len())?;
        if let Some(last) = self.migrations.last() {
            write!(f, ", the last {} {}", last.version, last.description)?;
        }
        for table in self.tables.iter().filter(|table| table.bytes > 0) {
            write!(f, "\n  {:<24} about {:>12} rows {:>14} bytes", table.name, table.rows, table.bytes)?;
        }
        Ok(())
    }
}

/// Creates the database where it is missing, the extension, all tables, and what follows from the settings:
/// those applied last, or the default ones. Running it again changes nothing.
///
/// # Errors
/// When the server cannot be reached, lacks TimescaleDB, or the role may not create what is missing.
pub async fn setup(url: &str) -> Result<(), OpenError> {
    match url.parse()? {
        StoreUrl::Memory => Ok(()),
        StoreUrl::Sqlite(path) => sqlite::setup(&path, None).await,
        #[cfg(feature = "timescale")]
        StoreUrl::Postgres(address) => of(url, onetape_timescale::TimescaleStore::setup_url(&address).await),
        #[cfg(not(feature = "timescale"))]
        StoreUrl::Postgres(_) => Err(OpenError::WITHOUT_TIMESCALE),
    }
}

/// The same with the text of a settings file, whose settings take the place of those applied last. What the
/// file leaves out is as by default.
///
/// # Errors
/// As [`setup`]; before anything is changed, with every setting that is unknown, unreadable or unsafe.
pub async fn setup_with(url: &str, settings: &str) -> Result<(), OpenError> {
    match url.parse()? {
        StoreUrl::Memory => Ok(()),
        StoreUrl::Sqlite(path) => sqlite::setup(&path, Some(settings)).await,
        #[cfg(feature = "timescale")]
        StoreUrl::Postgres(address) => {
            let settings = onetape_timescale::Settings::parse(settings).map_err(OpenError::Settings)?;
            of(url, onetape_timescale::TimescaleStore::setup_url_with(&address, &settings).await)
        }
        #[cfg(not(feature = "timescale"))]
        StoreUrl::Postgres(_) => {
            let _ = settings;
            Err(OpenError::WITHOUT_TIMESCALE)
        }
    }
}

/// Makes the group roles `<prefix>_owner`, `<prefix>_writer` and `<prefix>_reader` of a store that is set up, and
/// grants each what it needs. Running it again changes nothing; migrations keep what is new under the same rules.
///
/// # Errors
/// As [`setup`]; when the role may not make roles or does not own the tables, and for a prefix that no role can have.
pub async fn setup_roles(url: &str, prefix: &str) -> Result<(), OpenError> {
    match url.parse()? {
        StoreUrl::Memory | StoreUrl::Sqlite(_) => Err(OpenError::NoRoles),
        #[cfg(feature = "timescale")]
        StoreUrl::Postgres(address) => {
            let names = onetape_timescale::RoleNames::with_prefix(prefix).map_err(OpenError::Settings)?;
            with_store(url, &address, async |store| store.setup_roles(&names).await).await
        }
        #[cfg(not(feature = "timescale"))]
        StoreUrl::Postgres(_) => {
            let _ = prefix;
            Err(OpenError::WITHOUT_TIMESCALE)
        }
    }
}

/// Examines server and store, and says of each thing that is wrong why it matters and what to do.
///
/// # Errors
/// When the store cannot be reached; a store in memory needs no doctor. What is wrong with it is in the report.
#[cfg(any(feature = "sqlite", feature = "timescale"))]
pub async fn doctor(url: &str) -> Result<Examined, OpenError> {
    match url.parse()? {
        StoreUrl::Memory => Err(OpenError::NothingToMaintain),
        StoreUrl::Sqlite(path) => sqlite::doctor(&path).await,
        #[cfg(not(feature = "timescale"))]
        StoreUrl::Postgres(_) => Err(OpenError::WITHOUT_TIMESCALE),
        #[cfg(feature = "timescale")]
        StoreUrl::Postgres(address) => {
            let clock = onetape_memory::SystemClock::new();
            let report = with_store(url, &address, async |store| store.doctor(&clock).await).await;
            report.map(Examined::Timescale)
        }
    }
}

/// Brings the tables of an existing database up to this version. Those that a later version has added to stay as
/// they are.
///
/// # Errors
/// As [`setup`]; also when the tables are not ones that this version can work with.
pub async fn migrate(url: &str) -> Result<(), OpenError> {
    match url.parse()? {
        StoreUrl::Memory => Ok(()),
        StoreUrl::Sqlite(path) => sqlite::migrate(&path).await,
        #[cfg(feature = "timescale")]
        StoreUrl::Postgres(address) => {
            of(url, onetape_timescale::TimescaleStore::migrate_url(&address).await)
        }
        #[cfg(not(feature = "timescale"))]
        StoreUrl::Postgres(_) => Err(OpenError::WITHOUT_TIMESCALE),
    }
}

/// What a store is and holds.
///
/// # Errors
/// When the server cannot be reached or was not set up.
pub async fn status(url: &str) -> Result<StoreStatus, OpenError> {
    match url.parse()? {
        StoreUrl::Memory => {
            let facts = vec![("kind".to_owned(), "in memory, gone with the process".to_owned())];
            Ok(StoreStatus { store: "memory:".to_owned(), facts, migrations: Vec::new(), tables: Vec::new() })
        }
        StoreUrl::Sqlite(path) => sqlite::status(&path).await,
        #[cfg(feature = "timescale")]
        StoreUrl::Postgres(address) => timescale_status(url, &address).await,
        #[cfg(not(feature = "timescale"))]
        StoreUrl::Postgres(_) => Err(OpenError::WITHOUT_TIMESCALE),
    }
}

#[cfg(feature = "timescale")]
fn of<T>(url: &str, result: Result<T, onetape_ports::StoreError>) -> Result<T, OpenError> {
    let store = url.parse::<StoreUrl>()?.to_string();
    result.map_err(|source| OpenError::Store { store, source })
}

/// Connects, does what is to be done, and closes the store whatever came of it.
#[cfg(feature = "timescale")]
pub(crate) async fn with_store<T>(
    url: &str,
    address: &str,
    work: impl AsyncFnOnce(&onetape_timescale::TimescaleStore) -> Result<T, onetape_ports::StoreError>,
) -> Result<T, OpenError> {
    let store = of(url, onetape_timescale::TimescaleStore::connect(address).await)?;
    let done = work(&store).await;
    store.close().await;
    of(url, done)
}

#[cfg(feature = "timescale")]
async fn timescale_status(url: &str, address: &str) -> Result<StoreStatus, OpenError> {
    let status = with_store(url, address, async |store| store.status().await).await?;
    let onetape_timescale::StoreStatus { server, applied, pending, tables } = status;
    let named = |name: &str, value: Option<String>| value.map(|value| (name.to_owned(), value));
    let facts = [
        named("PostgreSQL", Some(server.postgres)),
        named("TimescaleDB", server.timescaledb),
        named("edition", server.edition.map(|edition| edition.to_string())),
        named("migrations to apply", (!pending.is_empty()).then(|| pending.len().to_string())),
    ];
    let tables = tables.into_iter().map(|table| TableStatus {
        name: table.name,
        rows: i64::try_from(table.rows_estimate).unwrap_or(i64::MAX),
        bytes: i64::try_from(table.bytes).unwrap_or(i64::MAX),
    });
    let migrations = applied
        .into_iter()
        .map(|one| AppliedMigration { version: one.version, description: one.description });
    Ok(StoreStatus {
        store: url.parse::<StoreUrl>()?.to_string(),
        facts: facts.into_iter().flatten().collect(),
        migrations: migrations.collect(),
        tables: tables.collect(),
    })
}
