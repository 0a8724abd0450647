//! A transaction that nobody can forget: dropped before its end, it takes its connection down.
//!
//! sqlx rolls a dropped transaction back when its connection is next used, and not at all when the drop came while
//! BEGIN was on its way. Here a call that is cancelled closes the connection, which rolls back; that is rare, and a new
//! connection is cheap.

use onetape_ports::StoreError;
use sqlx::pool::PoolConnection;
use sqlx::{Executor, Sqlite, SqliteConnection};

use crate::commits::Commits;
use crate::connections::Pool;
use crate::error::failed;

/// Begins a transaction that writes: it waits for its turn here, so that nothing after it can meet another writer.
pub(crate) const WRITE: &str = "BEGIN IMMEDIATE";
/// Begins one whose statements all see the state that the first of them finds.
pub(crate) const READ: &str = "BEGIN";

/// An open transaction.
#[derive(Debug)]
pub(crate) struct Session {
    /// None once it has ended.
    connection: Option<PoolConnection<Sqlite>>,
    operation: &'static str,
    commits: Commits,
}

impl Session {
    /// Begins a transaction.
    pub(crate) async fn begin(
        pool: &Pool,
        how: &'static str,
        operation: &'static str,
    ) -> Result<Self, StoreError> {
        let connection = pool.settled().await.acquire().await.map_err(failed(operation))?;
        let mut session = Self { connection: Some(connection), operation, commits: pool.commits.clone() };
        session.run(how).await?;
        Ok(session)
    }

    /// The connection, for statements.
    pub(crate) fn connection(&mut self) -> Result<&mut SqliteConnection, StoreError> {
        self.connection.as_deref_mut().ok_or_else(|| failed(self.operation)(sqlx::Error::PoolClosed))
    }

    /// Makes everything visible at once.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        self.end("COMMIT").await
    }

    /// The same for rows: where the call is cancelled meanwhile, readers wait until it is known what became of them.
    pub(crate) async fn commit_rows(self) -> Result<(), StoreError> {
        let commits = self.commits.clone();
        let operation = self.operation;
        let committed = commits.run(async move { self.commit().await }).await;
        committed.unwrap_or_else(|| Err(failed(operation)(sqlx::Error::WorkerCrashed)))
    }

    /// Undoes everything.
    pub(crate) async fn rollback(self) -> Result<(), StoreError> {
        self.end("ROLLBACK").await
    }

    /// Ends it by what became of its work.
    pub(crate) async fn finish<T>(self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        match outcome {
            Ok(value) => self.commit().await.map(|()| value),
            Err(error) => {
                // The first error is the one that tells; a connection that cannot roll back is closed.
                if let Err(second) = self.rollback().await {
                    tracing::debug!(error = %second, "the connection was closed instead of rolled back");
                }
                Err(error)
            }
        }
    }

    async fn end(mut self, how: &str) -> Result<(), StoreError> {
        self.run(how).await?;
        drop(self.connection.take());
        Ok(())
    }

    async fn run(&mut self, statement: &str) -> Result<(), StoreError> {
        let operation = self.operation;
        self.connection()?.execute(statement).await.map(drop).map_err(failed(operation))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            drop(connection.detach());
        }
    }
}
