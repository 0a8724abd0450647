//! The schema: made when a file is first opened, brought up to date when an older one is.

use std::path::Path;
use std::pin::Pin;

use onetape_ports::{StoreError, StoreErrorKind};
use sqlx::error::BoxDynError;
use sqlx::migrate::{Migration, MigrationSource, MigrationType, Migrator};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, SqliteConnection};

use crate::connections;
use crate::error::failed;
use crate::place::{self, Found};

const MIGRATE: &str = "migrate the file";

/// Tells our files from those of other programs: the letters `1tap`.
const APPLICATION_ID: i64 = 0x3174_6170;

/// In the order they apply; append-only.
const MIGRATIONS: [(i64, &str, &str); 12] = [
    (1, "instruments", include_str!("../migrations/0001_instruments.sql")),
    (2, "candles", include_str!("../migrations/0002_candles.sql")),
    (3, "trades", include_str!("../migrations/0003_trades.sql")),
    (4, "books", include_str!("../migrations/0004_books.sql")),
    (5, "coverage", include_str!("../migrations/0005_coverage.sql")),
    (6, "quarantine", include_str!("../migrations/0006_quarantine.sql")),
    (7, "retention", include_str!("../migrations/0007_retention.sql")),
    (8, "imports", include_str!("../migrations/0008_imports.sql")),
    (9, "loads", include_str!("../migrations/0009_loads.sql")),
    (10, "quarantine ids", include_str!("../migrations/0010_quarantine_ids.sql")),
    (11, "import runs", include_str!("../migrations/0011_import_runs.sql")),
    (12, "cutover log", include_str!("../migrations/0012_cutover_log.sql")),
];

/// A migration that a file went through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppliedMigration {
    /// Its number.
    pub version: i64,
    /// What it is about.
    pub description: String,
}

/// The migrations as they are built in.
#[derive(Debug)]
struct BuiltIn;

impl MigrationSource<'static> for BuiltIn {
    fn resolve(self) -> Pin<Box<dyn Future<Output = Result<Vec<Migration>, BoxDynError>> + Send>> {
        let migration = |(version, about, sql): (i64, &'static str, &'static str)| {
            Migration::new(version, about.into(), MigrationType::Simple, sql.into(), false)
        };
        Box::pin(async move { Ok(MIGRATIONS.into_iter().map(migration).collect()) })
    }
}

/// What a file is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Schema {
    /// There is nothing in it yet.
    Empty,
    /// Ours, this build's.
    Current,
    /// Ours, of an earlier build.
    Older,
}

/// Makes sure that a file holds this build's schema. Where it does already, nothing is written.
pub(crate) async fn ready(path: &Path) -> Result<(), StoreError> {
    if place::examine(path)? == Found::Database {
        let mut connection = connections::examiner(path).connect().await.map_err(failed(MIGRATE))?;
        let schema = examine(&mut connection, path).await;
        connection.close().await.map_err(failed(MIGRATE))?;
        if schema? == Schema::Current {
            return Ok(());
        }
    }
    let mut connection = create(path).await?;
    let migrated = migrate(&mut connection, path).await;
    connection.close().await.map_err(failed(MIGRATE))?;
    migrated
}

/// A connection that may have to make the file. Two processes that do so at once meet at its first page, where SQLite
/// waits for nobody: the second finds it made.
async fn create(path: &Path) -> Result<SqliteConnection, StoreError> {
    const ATTEMPTS: u32 = 50;
    const PAUSE: std::time::Duration = std::time::Duration::from_millis(100);
    let mut attempt = 1;
    loop {
        match connections::creator(path).connect().await.map_err(failed(MIGRATE)) {
            Err(error) if error.kind() == StoreErrorKind::Timeout && attempt < ATTEMPTS => {
                attempt += 1;
                tokio::time::sleep(PAUSE).await;
            }
            outcome => return outcome,
        }
    }
}

/// All of it in one transaction, so that a file is made whole or not at all.
async fn migrate(connection: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(failed(MIGRATE))?;
    // Another process may have been faster.
    match examine(&mut transaction, path).await? {
        Schema::Current => return transaction.rollback().await.map_err(failed(MIGRATE)),
        Schema::Empty => {
            let name = format!("PRAGMA application_id = {APPLICATION_ID}");
            transaction.execute(name.as_str()).await.map_err(failed(MIGRATE))?;
        }
        Schema::Older => {}
    }
    let migrator = Migrator::new(BuiltIn).await.map_err(|error| failed(MIGRATE)(error.into()))?;
    migrator.run_direct(&mut *transaction).await.map_err(|error| failed(MIGRATE)(error.into()))?;
    transaction.commit().await.map_err(failed(MIGRATE))
}

async fn examine(connection: &mut SqliteConnection, path: &Path) -> Result<Schema, StoreError> {
    let wrong = |message: String| StoreError::new(StoreErrorKind::Schema, MIGRATE, message);
    let shown = path.display();
    let id: i64 = sqlx::query_scalar(include_str!("queries/application_id.sql"))
        .fetch_one(&mut *connection)
        .await
        .map_err(failed(MIGRATE))?;
    if id != APPLICATION_ID {
        let objects: i64 = sqlx::query_scalar(include_str!("queries/count_objects.sql"))
            .fetch_one(&mut *connection)
            .await
            .map_err(failed(MIGRATE))?;
        return if id == 0 && objects == 0 {
            Ok(Schema::Empty)
        } else {
            Err(wrong(format!("{shown} is the SQLite database of another program; it is left as it is")))
        };
    }
    let applied = applied(connection).await?;
    let latest = MIGRATIONS.last().map_or(0, |(version, ..)| *version);
    if let Some(later) = applied.iter().find(|one| one.version > latest) {
        return Err(wrong(format!(
            "{shown} was made by a later version of onetape (its schema has number {}, {}; this build knows {latest}): \
             use that version",
            later.version, later.description
        )));
    }
    Ok(if applied.len() == MIGRATIONS.len() { Schema::Current } else { Schema::Older })
}

/// The migrations that the file went through.
pub(crate) async fn applied(connection: &mut SqliteConnection) -> Result<Vec<AppliedMigration>, StoreError> {
    let rows: Vec<(i64, String)> = sqlx::query_as(include_str!("queries/migrations.sql"))
        .fetch_all(connection)
        .await
        .map_err(failed(MIGRATE))?;
    Ok(rows.into_iter().map(|(version, description)| AppliedMigration { version, description }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_are_numbered_from_one_without_a_gap() {
        for (number, (version, ..)) in (1_i64..).zip(MIGRATIONS) {
            assert_eq!(version, number);
        }
    }

    #[test]
    fn no_price_is_ever_a_float() {
        for (_, about, sql) in MIGRATIONS {
            let code =
                sql.lines().filter(|line| !line.trim_start().starts_with("--") && !line.contains("CAST("));
            assert!(code.clone().all(|line| !line.contains("REAL")), "{about}");
            let made = code.clone().filter(|line| line.starts_with("CREATE TABLE")).count();
            assert_eq!(
                code.filter(|line| line.contains("STRICT")).count(),
                made,
                "{about}: every table is strict"
            );
        }
    }
}
