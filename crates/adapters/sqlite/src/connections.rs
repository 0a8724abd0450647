//! Connections to the file: one that writes, and a pool of readers.

use std::path::Path;
use std::time::Duration;

use onetape_ports::StoreError;
use sqlx::SqlitePool;
use sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};

use crate::commits::Commits;
use crate::error::failed;

/// How long connections are waited for that close on their own, and how often they are looked at.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
const CLOSE_LOOK: Duration = Duration::from_millis(1);
/// Readers at once; more wait their turn.
pub(crate) const MAX_READERS: u32 = 16;
/// How long a caller waits for a connection of this process.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a writer waits for the lock another process holds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Pages of a new file: a sampled book fits on one, which is not so with the usual 4,096 bytes.
const PAGE_BYTES: u32 = 8_192;
/// Memory of a reader for pages, in KiB; negative is how SQLite tells it from a number of pages.
const READER_CACHE: &str = "-8192";
/// The same of the writer, which touches a page of each table at a time.
const WRITER_CACHE: &str = "-32768";
/// The log is cut back to this size once its rows are in the file.
const WAL_BYTES: &str = "67108864";
/// Prepared statements kept: one for each statement of a port, and of each number of rows for writes.
const STATEMENTS: usize = 256;
/// Rows a connection's thread reads ahead.
const ROWS_AHEAD: usize = 256;

/// Connections of one kind.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    pool: SqlitePool,
    pub(crate) commits: Commits,
}

impl Pool {
    /// The connections, once nothing is on its way that a cancelled call began.
    pub(crate) async fn settled(&self) -> &SqlitePool {
        self.commits.settled().await;
        &self.pool
    }
}

/// Both kinds of connections.
#[derive(Debug, Clone)]
pub(crate) struct Connections {
    pub(crate) reader: Pool,
    pub(crate) writer: Pool,
}

impl Connections {
    /// Opens both pools of a file whose schema is up to date.
    pub(crate) async fn open(path: &Path) -> Result<Self, StoreError> {
        let commits = Commits::default();
        let writer = Pool { pool: pool(1, writer(path)).await?, commits: commits.clone() };
        let reader = Pool { pool: pool(MAX_READERS, reader(path)).await?, commits };
        Ok(Self { reader, writer })
    }

    pub(crate) async fn close(&self) {
        close(&self.reader.pool).await;
        // The last connection to close moves the log into the file, and has to be the writer's.
        close(self.writer.settled().await).await;
    }
}

/// Closes a pool with all its connections. One that is just being given back is missed by the pool's own closing, which is
/// asked again then.
async fn close(pool: &SqlitePool) {
    pool.close().await;
    let gone = async {
        while pool.size() > 0 {
            tokio::time::sleep(CLOSE_LOOK).await;
            pool.close().await;
        }
    };
    if tokio::time::timeout(CLOSE_TIMEOUT, gone).await.is_err() {
        tracing::debug!(connections = pool.size(), "connections to the file are open still");
    }
}

async fn pool(size: u32, options: SqliteConnectOptions) -> Result<SqlitePool, StoreError> {
    SqlitePoolOptions::new()
        .max_connections(size)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .max_lifetime(None)
        .test_before_acquire(false)
        .connect_with(options)
        .await
        .map_err(failed("open the file"))
}

/// A connection before anything is known of the file: it changes nothing by itself.
pub(crate) fn examiner(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(BUSY_TIMEOUT)
        .statement_cache_capacity(STATEMENTS)
        .row_buffer_size(ROWS_AHEAD)
        .thread_name(|number| format!("onetape-sqlite-{number}"))
}

/// A connection that may create the file. A commit is on the disk when it is acknowledged (`synchronous`).
pub(crate) fn creator(path: &Path) -> SqliteConnectOptions {
    examiner(path)
        .create_if_missing(true)
        .page_size(PAGE_BYTES)
        .auto_vacuum(SqliteAutoVacuum::Incremental)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("journal_size_limit", WAL_BYTES)
        .pragma("cache_size", WRITER_CACHE)
        .pragma("temp_store", "MEMORY")
}

fn writer(path: &Path) -> SqliteConnectOptions {
    creator(path).create_if_missing(false)
}

fn reader(path: &Path) -> SqliteConnectOptions {
    examiner(path).pragma("cache_size", READER_CACHE).pragma("query_only", "ON")
}
