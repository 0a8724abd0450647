//! The same for a file.

use std::path::Path;

use onetape_memory::SystemClock;
use onetape_ports::StoreError;
use onetape_sqlite::{Settings, SqliteStore};

use super::{AppliedMigration, StoreStatus, TableStatus};
use super::{Examined, Maintenance};
use crate::error::OpenError;
use crate::url::StoreUrl;

/// Makes the file where it is missing; with the text of a settings file, applies that.
pub(super) async fn setup(path: &Path, settings: Option<&str>) -> Result<(), OpenError> {
    let settings = settings.map(Settings::parse).transpose().map_err(OpenError::Settings)?;
    let apply = async |store: &SqliteStore| match &settings {
        Some(settings) => store.apply_settings(settings).await,
        None => Ok(()),
    };
    with(path, SqliteStore::open(path).await, apply).await
}

/// Opening is all it takes.
pub(super) async fn migrate(path: &Path) -> Result<(), OpenError> {
    with_existing(path, async |_| Ok(())).await
}

pub(crate) async fn maintain(path: &Path) -> Result<Maintenance, OpenError> {
    let done = with_existing(path, async |store| store.maintain(&SystemClock::new()).await).await;
    done.map(Maintenance::Sqlite)
}

pub(super) async fn doctor(path: &Path) -> Result<Examined, OpenError> {
    let report = with_existing(path, async |store| store.doctor(&SystemClock::new()).await).await;
    report.map(Examined::Sqlite)
}

pub(super) async fn status(path: &Path) -> Result<StoreStatus, OpenError> {
    let status = with_existing(path, async |store| store.status().await).await?;
    let onetape_sqlite::StoreStatus { sqlite, path, bytes, free_bytes, log_bytes, applied, tables } = status;
    let fact = |name: &str, value: String| (name.to_owned(), value);
    let number = |number| i64::try_from(number).unwrap_or(i64::MAX);
    Ok(StoreStatus {
        store: StoreUrl::Sqlite(path).to_string(),
        facts: vec![
            fact("SQLite", sqlite),
            fact("file", format!("{bytes} bytes, {free_bytes} of them free")),
            fact("write-ahead log", format!("{log_bytes} bytes")),
        ],
        migrations: applied
            .into_iter()
            .map(|one| AppliedMigration { version: one.version, description: one.description })
            .collect(),
        tables: tables
            .into_iter()
            .map(|table| TableStatus {
                name: table.name,
                rows: number(table.rows),
                bytes: number(table.bytes),
            })
            .collect(),
    })
}

async fn with_existing<T>(
    path: &Path,
    work: impl AsyncFnOnce(&SqliteStore) -> Result<T, StoreError>,
) -> Result<T, OpenError> {
    with(path, SqliteStore::open_existing(path).await, work).await
}

/// Does what is to be done, and closes the store whatever came of it.
async fn with<T>(
    path: &Path,
    opened: Result<SqliteStore, StoreError>,
    work: impl AsyncFnOnce(&SqliteStore) -> Result<T, StoreError>,
) -> Result<T, OpenError> {
    let failed = |source| OpenError::Store { store: StoreUrl::Sqlite(path.to_owned()).to_string(), source };
    let store = opened.map_err(failed)?;
    let done = work(&store).await;
    store.close().await;
    done.map_err(failed)
}
