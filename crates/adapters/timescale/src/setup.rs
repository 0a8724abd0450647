//! First set-up: the database itself, where it is missing.

use onetape_ports::{StoreError, StoreErrorKind};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};

use crate::error::failed;
use crate::migrate;
use crate::options;
use crate::settings::Settings;
use crate::store::TimescaleStore;

/// The database every server has.
const MAINTENANCE: &str = "postgres";

impl TimescaleStore {
    /// Creates the database of the URL where it is missing, then brings its schema up to date. Doing it
    /// again changes nothing.
    ///
    /// # Errors
    /// As [`migrate_url`](Self::migrate_url); `Permission` when the role may not create the database.
    pub async fn setup_url(url: &str) -> Result<(), StoreError> {
        let (connect, place) = options::parse(url)?;
        create_database(connect, &place.database).await?;
        Self::migrate_url(url).await
    }

    /// The same with settings, in place of those applied last.
    ///
    /// # Errors
    /// As [`setup_url`](Self::setup_url).
    pub async fn setup_url_with(url: &str, settings: &Settings) -> Result<(), StoreError> {
        let (connect, place) = options::parse(url)?;
        create_database(connect, &place.database).await?;
        let store = Self::connect(url).await?;
        let migrated = migrate::migrate(store.admin(), Some(settings)).await;
        store.close().await;
        migrated
    }
}

async fn create_database(connect: PgConnectOptions, name: &str) -> Result<(), StoreError> {
    const OPERATION: &str = "create the database";
    // A role that may not see the maintenance database cannot create one either: then it must exist.
    let Ok(mut connection) = connect.database(MAINTENANCE).connect().await else { return Ok(()) };
    let exists: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
        .bind(name)
        .fetch_one(&mut connection)
        .await
        .map_err(failed(OPERATION))?;
    if !exists {
        if name.contains('\0') {
            return Err(StoreError::new(
                StoreErrorKind::Invalid,
                OPERATION,
                "the database's name holds a zero byte",
            ));
        }
        let statement = format!("CREATE DATABASE \"{}\"", name.replace('"', "\"\""));
        connection.execute(statement.as_str()).await.map_err(failed(OPERATION))?;
    }
    connection.close().await.map_err(failed(OPERATION))
}
