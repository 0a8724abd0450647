//! A transaction that nobody can forget: dropped before its end, it takes its connection down.
//!
//! sqlx rolls a dropped transaction back when its connection is next used, and not at all when the drop
//! came while BEGIN was on its way. Here a call that is cancelled closes the connection, and the server
//! rolls back; that is rare, and a new connection is cheap.

use onetape_ports::StoreError;
use sqlx::pool::PoolConnection;
use sqlx::{Executor, PgConnection, PgPool, Postgres};

use crate::error::failed;

/// Begins a transaction that writes; its statements are planned once, since they look at no chunk.
pub(crate) const READ_WRITE: &str = "BEGIN; SET LOCAL plan_cache_mode = auto";
/// Begins one whose statements all see the same state.
pub(crate) const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// An open transaction.
#[derive(Debug)]
pub(crate) struct Session {
    /// None once it has ended.
    connection: Option<PoolConnection<Postgres>>,
    operation: &'static str,
}

impl Session {
    pub(crate) async fn begin(
        pool: &PgPool,
        how: &'static str,
        operation: &'static str,
    ) -> Result<Self, StoreError> {
        let connection = pool.acquire().await.map_err(failed(operation))?;
        let mut session = Self { connection: Some(connection), operation };
        session.run(how).await?;
        Ok(session)
    }

    /// The connection, for statements.
    pub(crate) fn connection(&mut self) -> Result<&mut PgConnection, StoreError> {
        self.connection.as_deref_mut().ok_or_else(|| failed(self.operation)(sqlx::Error::PoolClosed))
    }

    /// Makes everything visible at once.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        self.end("COMMIT").await
    }

    /// Undoes everything.
    pub(crate) async fn rollback(self) -> Result<(), StoreError> {
        self.end("ROLLBACK").await
    }

    async fn end(mut self, how: &'static str) -> Result<(), StoreError> {
        self.run(how).await?;
        drop(self.connection.take());
        Ok(())
    }

    async fn run(&mut self, statement: &'static str) -> Result<(), StoreError> {
        let operation = self.operation;
        self.connection()?.execute(statement).await.map(drop).map_err(failed(operation))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            // Closes the socket; the server then ends the transaction.
            drop(connection.detach());
        }
    }
}
