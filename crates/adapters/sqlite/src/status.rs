//! What a file is and holds.

use std::path::PathBuf;

use onetape_ports::StoreError;
use sqlx::SqliteConnection;

use crate::error::failed;
use crate::maintain::free_pages;
use crate::migrate::{self, AppliedMigration};
use crate::session::{self, Session};
use crate::store::SqliteStore;

const READ: &str = "read the status";

/// Largest file whose tables are measured: that reads all of it.
const MEASURED_BYTES: i64 = 4 << 30;

/// What a file is and holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreStatus {
    /// SQLite's version.
    pub sqlite: String,
    /// The file.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// How much of it is free for rows to come.
    pub free_bytes: u64,
    /// Size of the write-ahead log.
    pub log_bytes: u64,
    /// Migrations in the order they were applied.
    pub applied: Vec<AppliedMigration>,
    /// Tables by name; none are measured in a file over 4 GiB, since that reads all of it.
    pub tables: Vec<TableStatus>,
}

/// A table with its indexes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableStatus {
    /// Its name.
    pub name: String,
    /// Rows.
    pub rows: u64,
    /// Size.
    pub bytes: u64,
}

impl SqliteStore {
    /// What the file is and holds.
    ///
    /// # Errors
    /// What the file's reading reports.
    pub async fn status(&self) -> Result<StoreStatus, StoreError> {
        let mut session = Session::begin(self.readers(), session::READ, READ).await?;
        let status = self.read_status(session.connection()?).await;
        session.finish(status).await
    }

    async fn read_status(&self, connection: &mut SqliteConnection) -> Result<StoreStatus, StoreError> {
        let sqlite = sqlx::query_scalar(include_str!("queries/sqlite_version.sql"))
            .fetch_one(&mut *connection)
            .await
            .map_err(failed(READ))?;
        let (pages, free, page_bytes) = free_pages(connection, READ).await?;
        let tables =
            if pages * page_bytes <= MEASURED_BYTES { tables(connection).await? } else { Vec::new() };
        Ok(StoreStatus {
            sqlite,
            path: self.path().to_owned(),
            bytes: (pages * page_bytes).unsigned_abs(),
            free_bytes: (free * page_bytes).unsigned_abs(),
            log_bytes: self.log_bytes(),
            applied: migrate::applied(connection).await?,
            tables,
        })
    }

    /// Size of the write-ahead log.
    pub(crate) fn log_bytes(&self) -> u64 {
        let mut log = self.path().as_os_str().to_owned();
        log.push("-wal");
        std::fs::metadata(log).map_or(0, |metadata| metadata.len())
    }
}

async fn tables(connection: &mut SqliteConnection) -> Result<Vec<TableStatus>, StoreError> {
    let sizes: Vec<(String, i64)> = sqlx::query_as(include_str!("queries/table_sizes.sql"))
        .fetch_all(&mut *connection)
        .await
        .map_err(failed(READ))?;
    let mut tables = Vec::with_capacity(sizes.len());
    for (name, bytes) in sizes {
        // The name is one of ours, and comes from the schema itself.
        let count = include_str!("queries/count_rows.sql").replace("ohlcv_1s", &name);
        let rows: i64 = sqlx::query_scalar(&count).fetch_one(&mut *connection).await.map_err(failed(READ))?;
        tables.push(TableStatus { name, rows: rows.unsigned_abs(), bytes: bytes.unsigned_abs() });
    }
    Ok(tables)
}
