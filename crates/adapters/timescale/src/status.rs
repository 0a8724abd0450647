//! What a database holds: server, schema, and how large each table is.

use onetape_ports::StoreError;

use crate::edition::ServerInfo;
use crate::error::failed;
use crate::migrate::{AppliedMigration, MIGRATOR, history};
use crate::pools::Pool;
use crate::session::Session;

/// State of a store for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreStatus {
    /// The server.
    pub server: ServerInfo,
    /// Migrations applied, in order; empty where there is no schema.
    pub applied: Vec<AppliedMigration>,
    /// Migrations this build knows that are not applied.
    pub pending: Vec<AppliedMigration>,
    /// The tables, by name.
    pub tables: Vec<TableStatus>,
}

/// One table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableStatus {
    /// Its name.
    pub name: String,
    /// Number of rows as the planner estimates it.
    pub rows_estimate: u64,
    /// Size on disk with indexes.
    pub bytes: u64,
    /// Number of chunks; none for a plain table.
    pub chunks: Option<u64>,
}

pub(crate) async fn read(pool: &Pool) -> Result<StoreStatus, StoreError> {
    let server = ServerInfo::read(pool).await?;
    let applied = history::read(pool).await?.map(history::successful);
    let tables = match (&applied, &server.timescaledb) {
        (Some(_), Some(_)) => tables(pool).await?,
        _ => Vec::new(),
    };
    let applied = applied.unwrap_or_default();
    let is_pending = |version: i64| !applied.iter().any(|migration| migration.version == version);
    let pending = MIGRATOR
        .iter()
        .filter(|migration| is_pending(migration.version))
        .map(|migration| AppliedMigration {
            version: migration.version,
            description: migration.description.to_string(),
        })
        .collect();
    Ok(StoreStatus { server, applied, pending, tables })
}

pub(crate) async fn tables(pool: &Pool) -> Result<Vec<TableStatus>, StoreError> {
    const OPERATION: &str = "read the tables' sizes";
    let mut session = Session::single(pool, OPERATION).await?;
    let rows: Vec<(String, i64, i64, Option<i64>)> = sqlx::query_as(include_str!("queries/tables.sql"))
        .fetch_all(session.connection()?)
        .await
        .map_err(failed(OPERATION))?;
    session.commit().await?;
    let natural = |number: i64| u64::try_from(number).unwrap_or(0);
    let table = |(name, rows, bytes, chunks): (String, i64, i64, Option<i64>)| TableStatus {
        name,
        rows_estimate: natural(rows),
        bytes: natural(bytes),
        chunks: chunks.map(natural),
    };
    Ok(rows.into_iter().map(table).collect())
}
