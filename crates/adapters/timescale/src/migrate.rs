//! The schema: bringing it up to date, and refusing one that this build does not know.

use std::collections::BTreeSet;

use onetape_ports::{StoreError, StoreErrorKind};
use sqlx::migrate::Migrator;
use sqlx::{Executor, PgPool};

use crate::edition::ServerInfo;
use crate::error::{EXTENSION_HINT, MIGRATE_HINT, failed};
use crate::layout;
use crate::settings::{DEFAULT_SETTINGS, Settings};

/// The migrations this build knows, in order.
pub static MIGRATOR: Migrator = sqlx::migrate!("./migrations");

/// A migration that has been applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppliedMigration {
    /// Its number.
    pub version: i64,
    /// Its name.
    pub description: String,
}

/// Changes with everything that a migrated database's objects follow from: for tests that keep one.
pub fn fingerprint() -> Vec<u8> {
    let mut all: Vec<u8> = MIGRATOR.iter().flat_map(|migration| migration.checksum.to_vec()).collect();
    for text in [
        DEFAULT_SETTINGS,
        include_str!("queries/layout/aggregate.sql"),
        include_str!("queries/layout/aggregate_index.sql"),
        include_str!("queries/layout/view.sql"),
        include_str!("queries/layout/columnstore.sql"),
        include_str!("queries/layout/add_refresh_policy.sql"),
        include_str!("tables.rs"),
    ] {
        all.extend_from_slice(text.as_bytes());
    }
    all
}

/// Creates the extension where it is missing, applies what is new, then the settings: those given, else those
/// applied last, else the default ones. Doing it again changes nothing; several at once wait for each other.
pub(crate) async fn migrate(pool: &PgPool, settings: Option<&Settings>) -> Result<(), StoreError> {
    const OPERATION: &str = "migrate";
    let server = ServerInfo::read(pool).await?;
    if server.timescaledb.is_none() {
        if server.available.is_none() {
            server.usable()?;
        }
        pool.execute("CREATE EXTENSION IF NOT EXISTS timescaledb").await.map_err(extension_failed)?;
    }
    let edition = ServerInfo::read(pool).await?.usable()?;
    layout::refuse_downgrade(pool, edition).await?;
    MIGRATOR.run(pool).await.map_err(|error| match error {
        sqlx::migrate::MigrateError::Execute(error)
        | sqlx::migrate::MigrateError::ExecuteMigration(error, _) => failed(OPERATION)(error),
        other => StoreError::new(
            StoreErrorKind::Schema,
            OPERATION,
            format!("the schema is not this build's: {other}"),
        )
        .with_source(other),
    })?;
    layout::apply(pool, settings).await
}

fn extension_failed(error: sqlx::Error) -> StoreError {
    let error = failed("create the TimescaleDB extension")(error);
    let message = match error.kind() {
        StoreErrorKind::Permission => {
            "ask a superuser to run `CREATE EXTENSION timescaledb` in this database"
        }
        StoreErrorKind::Internal => EXTENSION_HINT,
        _ => return error,
    };
    StoreError::new(error.kind(), error.operation(), message.to_owned()).with_source(error)
}

/// The migrations applied to the database; none where it has no schema at all.
pub(crate) async fn applied(pool: &PgPool) -> Result<Option<Vec<AppliedMigration>>, StoreError> {
    const OPERATION: &str = "read the applied migrations";
    let exists: bool = sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations') IS NOT NULL")
        .fetch_one(pool)
        .await
        .map_err(failed(OPERATION))?;
    if !exists {
        return Ok(None);
    }
    let rows: Vec<(i64, String)> = sqlx::query_as(include_str!("queries/migrations.sql"))
        .fetch_all(pool)
        .await
        .map_err(failed(OPERATION))?;
    Ok(Some(
        rows.into_iter().map(|(version, description)| AppliedMigration { version, description }).collect(),
    ))
}

/// Refuses a database whose schema is missing, older or newer than this build's.
pub(crate) async fn verify(pool: &PgPool) -> Result<(), StoreError> {
    let wrong = |message: String| Err(StoreError::new(StoreErrorKind::Schema, "check the schema", message));
    let Some(applied) = applied(pool).await? else {
        return wrong(format!("the database has no schema: {MIGRATE_HINT}"));
    };
    let applied: BTreeSet<i64> = applied.into_iter().map(|migration| migration.version).collect();
    let known: BTreeSet<i64> = MIGRATOR.iter().map(|migration| migration.version).collect();
    if let Some(newer) = applied.difference(&known).max() {
        return wrong(format!(
            "the schema has migration {newer}, which this build does not know: upgrade onetape"
        ));
    }
    if let Some(missing) = known.difference(&applied).next() {
        return wrong(format!("the schema lacks migration {missing}: {MIGRATE_HINT}"));
    }
    Ok(())
}
