//! The schema: bringing it up to date, and refusing one that this build cannot work with.

pub(crate) mod history;

use onetape_ports::{StoreError, StoreErrorKind};
use sqlx::Executor;
use sqlx::migrate::Migrator;

use crate::edition::ServerInfo;
use crate::error::{EXTENSION_HINT, MIGRATE_HINT, failed};
use crate::layout;
use crate::pools::Pool;
use crate::settings::{DEFAULT_SETTINGS, Settings};

pub use history::AppliedMigration;
use history::Standing;

/// The migrations this build knows, in order.
pub static MIGRATOR: Migrator = sqlx::migrate!("./migrations");

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
/// A schema of a later build is left alone.
pub(crate) async fn migrate(pool: &Pool, settings: Option<&Settings>) -> Result<(), StoreError> {
    const OPERATION: &str = "migrate";
    // The migrator's lock belongs to a session.
    let sessions = pool.sessions(OPERATION)?;
    let server = ServerInfo::read(pool).await?;
    if server.timescaledb.is_none() {
        if server.available.is_none() {
            server.usable()?;
        }
        sessions.execute("CREATE EXTENSION IF NOT EXISTS timescaledb").await.map_err(extension_failed)?;
    }
    let edition = ServerInfo::read(pool).await?.usable()?;
    layout::refuse_downgrade(pool, edition).await?;
    let standing = match history::read(pool).await? {
        Some(applied) => history::compare(&applied)?,
        None => Standing::Behind(0),
    };
    if let Standing::Newer(newer) = standing {
        // What follows from the settings is that build's too, and this one must not turn it back.
        return match settings {
            None => {
                history::warn_of(&newer);
                tracing::warn!("there is nothing to migrate: the schema is that of a later onetape");
                Ok(())
            }
            Some(_) => Err(history::of_a_later_build(OPERATION, "apply settings with that one", &newer)),
        };
    }
    MIGRATOR.run(sessions).await.map_err(|error| match error {
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

/// Applies settings to a schema that is exactly this build's.
pub(crate) async fn apply_settings(pool: &Pool, settings: &Settings) -> Result<(), StoreError> {
    match verified(pool).await? {
        Some(newer) => {
            Err(history::of_a_later_build("apply the settings", "apply settings with that one", &newer))
        }
        None => layout::apply(pool, Some(settings)).await,
    }
}

/// Refuses a database whose schema this build cannot work with; warns of one that is newer.
pub(crate) async fn verify(pool: &Pool) -> Result<(), StoreError> {
    if let Some(newer) = verified(pool).await? {
        history::warn_of(&newer);
    }
    Ok(())
}

/// What a later build has added to a schema that this build can work with; none where nothing was.
async fn verified(pool: &Pool) -> Result<Option<Vec<AppliedMigration>>, StoreError> {
    let wrong = |message: String| Err(StoreError::new(StoreErrorKind::Schema, "check the schema", message));
    let Some(applied) = history::read(pool).await? else {
        return wrong(format!("the database has no schema: {MIGRATE_HINT}"));
    };
    match history::compare(&applied)? {
        Standing::Current => Ok(None),
        Standing::Behind(missing) => wrong(format!("the schema lacks migration {missing}: {MIGRATE_HINT}")),
        Standing::Newer(newer) => Ok(Some(newer)),
    }
}
