//! A session that nobody can forget: dropped before its end, it takes its connection down, and its transaction with it.
//!
//! sqlx rolls a dropped transaction back when its connection is next used, and not at all when the drop
//! came while BEGIN was on its way. Here a call that is cancelled closes the connection, and the server
//! rolls back; that is rare, and a new connection is cheap.

use onetape_ports::{StoreError, StoreErrorKind};
use sqlx::pool::PoolConnection;
use sqlx::{Executor, PgConnection, Postgres};

use crate::error::failed;
use crate::pools::Pool;

/// Begins a transaction that writes.
pub(crate) const READ_WRITE: &str = "BEGIN";
/// Begins one whose statements all see the same state.
pub(crate) const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// An open transaction, or a connection for statements that need none.
#[derive(Debug)]
pub(crate) struct Session {
    /// None once it has ended.
    connection: Option<PoolConnection<Postgres>>,
    operation: &'static str,
    is_transaction: bool,
    /// The server's session is another one in the next transaction.
    is_pooled: bool,
}

impl Session {
    /// Begins a transaction. A connection that turns out to be lost is replaced by another: nothing has been done on it.
    pub(crate) async fn begin(
        pool: &Pool,
        how: &'static str,
        operation: &'static str,
    ) -> Result<Self, StoreError> {
        let mut lost = 0;
        loop {
            let begun = Self::begin_on(pool, how, operation).await;
            match begun {
                Err(error) if is_lost(&error) && lost <= pool.size() => {
                    tracing::debug!(%error, "a lost connection is replaced");
                    lost += 1;
                }
                begun => return begun,
            }
        }
    }

    async fn begin_on(pool: &Pool, how: &'static str, operation: &'static str) -> Result<Self, StoreError> {
        let mut session = Self {
            connection: Some(pool.acquire(operation).await?),
            operation,
            is_transaction: true,
            is_pooled: pool.in_transaction().is_some(),
        };
        match pool.in_transaction() {
            Some(settings) => session.run(&with_settings(how, settings)).await?,
            None => session.run(how).await?,
        }
        Ok(session)
    }

    /// A connection for single statements. They are no transaction, except behind a pooler.
    pub(crate) async fn single(pool: &Pool, operation: &'static str) -> Result<Self, StoreError> {
        if pool.in_transaction().is_some() {
            return Self::begin(pool, READ_WRITE, operation).await;
        }
        let connection = Some(pool.acquire(operation).await?);
        Ok(Self { connection, operation, is_transaction: false, is_pooled: false })
    }

    /// The connection, for statements.
    pub(crate) fn connection(&mut self) -> Result<&mut PgConnection, StoreError> {
        self.connection.as_deref_mut().ok_or_else(|| failed(self.operation)(sqlx::Error::PoolClosed))
    }

    /// Makes everything visible at once.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        self.end("COMMIT", "DEALLOCATE ALL; COMMIT").await
    }

    /// Undoes everything.
    pub(crate) async fn rollback(self) -> Result<(), StoreError> {
        self.end("ROLLBACK", "ROLLBACK; DEALLOCATE ALL").await
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

    /// Behind a pooler, statements that were prepared would be in the way of whoever gets the server's session next.
    async fn end(mut self, how: &str, pooled: &str) -> Result<(), StoreError> {
        if self.is_transaction {
            self.run(if self.is_pooled { pooled } else { how }).await?;
        }
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
            // Closes the socket; the server then ends the transaction. Without one too: an answer may be on its way, or
            // none, and the pool would wait for it.
            drop(connection.detach());
        }
    }
}

/// The pool's settings come first, since a transaction may have its own.
fn with_settings(how: &str, settings: &str) -> String {
    let (begin, own) = how.split_once(';').unwrap_or((how, ""));
    format!("{begin}{settings};{own}")
}

fn is_lost(error: &StoreError) -> bool {
    matches!(error.kind(), StoreErrorKind::Connection | StoreErrorKind::Shutdown)
        && !matches!(source(error), Some(sqlx::Error::PoolClosed))
}

fn source(error: &StoreError) -> Option<&sqlx::Error> {
    std::error::Error::source(error).and_then(|source| source.downcast_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transactions_own_settings_come_after_the_pools() {
        let settings = "; SET LOCAL a = '1'";
        assert_eq!(with_settings("BEGIN", settings), "BEGIN; SET LOCAL a = '1';");
        assert_eq!(
            with_settings("BEGIN; SET LOCAL a = 0", settings),
            "BEGIN; SET LOCAL a = '1'; SET LOCAL a = 0"
        );
    }
}
