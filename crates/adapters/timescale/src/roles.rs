//! Group roles of a store: one that owns it, one that writes, one that reads.
//!
//! What each may do where is in this file; the statements are made by the server from `queries/roles/`, which quotes
//! names and leaves out what is in force already. Which roles a database has is read from its tables' owner, so that
//! migrations and set-ups can bring new relations under the same rules.

use onetape_domain::violation::Violations;
use onetape_ports::{StoreError, StoreErrorKind};
use sqlx::{PgConnection, PgPool};

use crate::edition::{Edition, ServerInfo};
use crate::error::{answer, failed};
use crate::layout;
use crate::migrate;
use crate::store::TimescaleStore;
use crate::tables::{AGGREGATES, TABLES};

const APPLY: &str = "set up the roles";
/// Longest name of PostgreSQL, without `_writer`.
const MAX_PREFIX: usize = 63 - 7;

const READ: &str = "SELECT";
const ADD: &str = "INSERT,SELECT";
const CHANGE: &str = "INSERT,SELECT,UPDATE";

/// Relations that are no hypertables, with what the writer may do. Every relation of the schema is here or in
/// [`writes`]; a test says so.
const OTHERS: [(&str, &str); 20] = [
    ("_sqlx_migrations", READ),
    ("cutover_log", ADD),
    ("import_parts", ADD),
    (REFUSED_ROWS, ADD),
    ("import_runs", CHANGE),
    ("import_sources", "DELETE,INSERT,SELECT"),
    ("import_tables", CHANGE),
    ("imports", "DELETE,INSERT,SELECT,UPDATE"),
    ("imported_candles", READ),
    ("instrument_clock", CHANGE),
    ("instruments", "DELETE,INSERT,SELECT,UPDATE"),
    ("maintenance", READ),
    ("ohlcv_data", READ),
    ("order_book_levels", READ),
    (QUARANTINE, ADD),
    ("store_settings", READ),
    ("stream_coverage_runs", CHANGE),
    ("table_settings", READ),
    ("trade_coverage", READ),
    ("trade_coverage_log", READ),
];
/// Holds what was refused, as it came: not for readers.
const QUARANTINE: &str = "quarantine";
/// The same of files that were imported.
const REFUSED_ROWS: &str = "import_refused_rows";

/// Names of the three group roles of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleNames {
    prefix: String,
}

impl RoleNames {
    /// `<prefix>_owner`, `<prefix>_writer` and `<prefix>_reader`.
    ///
    /// # Errors
    /// For a prefix that is empty, too long, holds a zero byte or is reserved by the server.
    pub fn with_prefix(prefix: &str) -> Result<Self, Violations> {
        let mut violations = Violations::default();
        if prefix.is_empty() || prefix.len() > MAX_PREFIX {
            violations.push("roles", prefix, format!("must have 1 to {MAX_PREFIX} bytes"));
        }
        if prefix.contains('\0') || prefix.starts_with("pg_") {
            violations.push("roles", prefix, "must hold no zero byte and not begin with pg_");
        }
        violations.into_result(Self { prefix: prefix.to_owned() })
    }

    /// Owns all tables: migrates and maintains.
    pub fn owner(&self) -> String {
        format!("{}_owner", self.prefix)
    }

    /// Reads and writes data.
    pub fn writer(&self) -> String {
        format!("{}_writer", self.prefix)
    }

    /// Reads data.
    pub fn reader(&self) -> String {
        format!("{}_reader", self.prefix)
    }
}

impl Default for RoleNames {
    fn default() -> Self {
        Self { prefix: "onetape".to_owned() }
    }
}

impl TimescaleStore {
    /// Makes the three group roles where they are missing, gives the first all of the store's tables, and the
    /// others exactly what they need. Doing it again changes nothing. From then on every migration and set-up
    /// brings what is new under the same rules.
    ///
    /// No role gets a password: a person or a service gets a role of its own that is a member of one of them.
    ///
    /// # Errors
    /// `Permission` where the role may not make roles or does not own the tables, and where a role of that name
    /// is there that no grant would restrict; `Schema` for a database that is not this build's.
    pub async fn setup_roles(&self, names: &RoleNames) -> Result<(), StoreError> {
        let edition = ServerInfo::read(self.admin()).await?.usable()?;
        migrate::verify(self.admin()).await?;
        refuse_powers(self.admin().sessions(APPLY)?, names).await?;
        make(self.admin().sessions(APPLY)?, names, edition).await?;
        let work = async |connection: &mut PgConnection| bring_about(connection, names).await;
        layout::transaction(self.admin(), APPLY, work).await.map_err(|error| match error.kind() {
            StoreErrorKind::Permission => {
                let message =
                    format!("{error}: let a superuser run `onetape db setup --roles` the first time");
                StoreError::new(StoreErrorKind::Permission, APPLY, message).with_source(error)
            }
            _ => error,
        })
    }

    /// The group roles this database has; none where it was not set up with any.
    ///
    /// # Errors
    /// What the server reports.
    pub async fn roles(&self) -> Result<Option<RoleNames>, StoreError> {
        let mut connection = self.admin().sessions(APPLY)?.acquire().await.map_err(failed(APPLY))?;
        present(&mut connection).await
    }
}

/// A superuser is not restricted by what it is granted.
async fn refuse_powers(pool: &PgPool, names: &RoleNames) -> Result<(), StoreError> {
    let powers = powers(pool, names).await?;
    let Some(first) = powers.first() else { return Ok(()) };
    let message = format!(
        "the role {first} is there already and may do anything, whatever it is granted: choose another prefix, or \
         take SUPERUSER and BYPASSRLS from it"
    );
    Err(StoreError::new(StoreErrorKind::Permission, APPLY, message))
}

/// Those of the roles that nothing restricts.
pub(crate) async fn powers(pool: &PgPool, names: &RoleNames) -> Result<Vec<String>, StoreError> {
    sqlx::query_scalar(include_str!("queries/roles/powers.sql"))
        .bind([names.owner(), names.writer(), names.reader()].as_slice())
        .fetch_all(pool)
        .await
        .map_err(failed(APPLY))
}

/// Roles belong to the server, not to the database: others may make the same ones at the same time.
async fn make(pool: &PgPool, names: &RoleNames, edition: Edition) -> Result<(), StoreError> {
    let mut connection = pool.acquire().await.map_err(failed(APPLY))?;
    for statement in missing(&mut connection, names, edition).await? {
        match layout::run(&mut connection, &statement).await {
            Err(error) if is_there_already(&error) => {}
            done => done?,
        }
    }
    Ok(())
}

fn is_there_already(error: &StoreError) -> bool {
    let code = answer(error).and_then(|answer| answer.code());
    // duplicate_object, unique_violation
    matches!(code.as_deref(), Some("42710" | "23505"))
}

/// What makes the roles themselves what they must be.
pub(crate) async fn missing(
    connection: &mut PgConnection,
    names: &RoleNames,
    edition: Edition,
) -> Result<Vec<String>, StoreError> {
    // The server starts the jobs of a table for its owner, who must be one that may log in.
    let logins = [edition == Edition::Community, false, false];
    sqlx::query_scalar(include_str!("queries/roles/missing.sql"))
        .bind([names.owner(), names.writer(), names.reader()].as_slice())
        .bind(logins.as_slice())
        .bind(names.owner())
        .fetch_all(connection)
        .await
        .map_err(failed(APPLY))
}

/// The roles in force; none where there are none.
pub(crate) async fn present(connection: &mut PgConnection) -> Result<Option<RoleNames>, StoreError> {
    let prefix: Option<String> = sqlx::query_scalar(include_str!("queries/roles/prefix.sql"))
        .fetch_optional(connection)
        .await
        .map_err(failed(APPLY))?;
    Ok(prefix.map(|prefix| RoleNames { prefix }))
}

/// Before anything is made anew, where there are roles: lets the server start the owner's jobs, gives the owner what
/// migrations have made, and goes on as the owner. An aggregate cannot be given away but by a superuser.
pub(crate) async fn assume(connection: &mut PgConnection, edition: Edition) -> Result<(), StoreError> {
    let Some(names) = present(connection).await? else { return Ok(()) };
    for statement in missing(connection, &names, edition).await? {
        layout::run(connection, &statement).await?;
    }
    bring_about(connection, &names).await?;
    sqlx::query("SELECT set_config('role', $1, true)")
        .bind(names.owner())
        .execute(connection)
        .await
        .map(drop)
        .map_err(failed(APPLY))
}

/// After anything was made anew: brings it under the roles' rules, where there are roles.
pub(crate) async fn reapply(connection: &mut PgConnection) -> Result<(), StoreError> {
    match present(connection).await? {
        Some(names) => bring_about(connection, &names).await,
        None => Ok(()),
    }
}

async fn bring_about(connection: &mut PgConnection, names: &RoleNames) -> Result<(), StoreError> {
    for statement in access(connection, names).await? {
        layout::run(connection, &statement).await?;
    }
    for statement in owners(connection, names).await? {
        layout::run(connection, &statement).await?;
    }
    for statement in grants(connection, names).await? {
        layout::run(connection, &statement).await?;
    }
    Ok(())
}

/// The statements that are not in force yet, for whoever only wants to know.
pub(crate) async fn pending(
    connection: &mut PgConnection,
    names: &RoleNames,
) -> Result<Vec<String>, StoreError> {
    let mut statements = access(connection, names).await?;
    statements.extend(owners(connection, names).await?);
    statements.extend(grants(connection, names).await?);
    Ok(statements)
}

async fn access(connection: &mut PgConnection, names: &RoleNames) -> Result<Vec<String>, StoreError> {
    sqlx::query_scalar(include_str!("queries/roles/schema.sql"))
        .bind(names.owner())
        .bind(names.writer())
        .bind(names.reader())
        .fetch_all(connection)
        .await
        .map_err(failed(APPLY))
}

async fn owners(connection: &mut PgConnection, names: &RoleNames) -> Result<Vec<String>, StoreError> {
    let relations: Vec<&str> = writes().into_iter().map(|(relation, _)| relation).collect();
    sqlx::query_scalar(include_str!("queries/roles/owners.sql"))
        .bind(names.owner())
        .bind(relations)
        .fetch_all(connection)
        .await
        .map_err(failed(APPLY))
}

async fn grants(connection: &mut PgConnection, names: &RoleNames) -> Result<Vec<String>, StoreError> {
    let (writer, reader) = (names.writer(), names.reader());
    let mut roles = Vec::new();
    let mut relations = Vec::new();
    let mut privileges = Vec::new();
    for (relation, writes) in writes() {
        let reads = if matches!(relation, QUARANTINE | REFUSED_ROWS) { "" } else { READ };
        for (role, may) in [(&writer, writes), (&reader, reads)] {
            roles.push(role.as_str());
            relations.push(relation);
            privileges.push(may);
        }
    }
    sqlx::query_scalar(include_str!("queries/roles/grants.sql"))
        .bind(roles)
        .bind(relations)
        .bind(privileges)
        .fetch_all(connection)
        .await
        .map_err(failed(APPLY))
}

/// Every relation of the store, with what the writer may do there. Nothing that was recorded is ever deleted by it,
/// but what was imported can be taken back, with the entry of an instrument of which nothing else is there.
fn writes() -> Vec<(&'static str, &'static str)> {
    let hypertables = TABLES.iter().map(|table| {
        let may = match table.name {
            "ohlcv_imported" => "DELETE,INSERT,SELECT",
            "ohlcv_1s" | "ohlcv_1m" | "ohlcv_5m" | "ohlcv_15m" | "ohlcv_1h" | "ohlcv_1d" => CHANGE,
            "ohlcv_indicators" => CHANGE,
            _ => ADD,
        };
        (table.name, may)
    });
    let aggregates = AGGREGATES.iter().map(|aggregate| (aggregate.name, READ));
    hypertables.chain(aggregates).chain(OTHERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_makes_three_names_or_is_refused() {
        let names = RoleNames::with_prefix("My \"odd\" one").unwrap();
        assert_eq!(names.owner(), "My \"odd\" one_owner");
        assert_eq!(RoleNames::default(), RoleNames::with_prefix("onetape").unwrap());
        for wrong in ["", "pg_one", "a\0b", &"x".repeat(57)] {
            assert!(RoleNames::with_prefix(wrong).is_err(), "{wrong:?}");
        }
    }
}
