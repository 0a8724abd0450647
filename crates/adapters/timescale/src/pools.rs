//! Three pools of connections: readers, writers and administration, so that none starves another.
//!
//! What a session is set to goes with the start of its connection, at no round trip. A pooler in transaction mode
//! (PgBouncer) refuses that or drops it, and hands each transaction to another session; it is known by that. Then
//! everything runs in transactions which carry their settings along, and nothing is kept prepared.

use std::sync::Arc;
use std::time::Duration;

use onetape_ports::{StoreError, StoreErrorKind};
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection as _, PgPool, Postgres};

use crate::error::failed;

/// A connection that rested this long is asked whether it is still there before it is used: after the server was
/// away, or behind a firewall that forgets, none is. One in constant use is not, since that is a round trip.
const RESTED: Duration = Duration::from_secs(1);

/// Set for every pool.
///
/// - client_connection_check_interval ends a statement whose caller has gone.
/// - jit costs more than it gains on statements of milliseconds.
const EVERYWHERE: &[(&str, &str)] = &[("client_connection_check_interval", "5s"), ("jit", "off")];

/// Set for readers.
///
/// - plan_cache_mode, join_collapse_limit, constraint_exclusion: the frame's statement is planned anew for each
///   instant, so that only the chunks it needs are looked at; these halve the time that takes. Chunks are
///   excluded by TimescaleDB itself, and the tables' CHECKs exclude nothing.
/// - cursor_tuple_fraction 0: streams come in index order, never from a sort of the whole range.
const FOR_READERS: &[(&str, &str)] = &[
    ("join_collapse_limit", "1"),
    ("constraint_exclusion", "off"),
    ("plan_cache_mode", "force_custom_plan"),
    (PROBE.0, PROBE.1),
];

/// Set for writers: an insert looks at no chunk until it is executed, so one plan is as good as another. Batches of 10, 100
/// and 5,000 rows took as long with custom and generic plans as with the server's choice, within the noise.
const FOR_WRITERS: &[(&str, &str)] = &[("constraint_exclusion", "off"), ("plan_cache_mode", "auto")];

/// By this setting it is seen whether a session has what its connection was started with.
const PROBE: (&str, &str) = ("cursor_tuple_fraction", "0");

/// Size and limits of one pool. A limit of zero is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolOptions {
    /// Most connections; they are opened as they are needed.
    pub max_connections: u32,
    /// How long a call waits for a connection.
    pub acquire_timeout: Duration,
    /// How long a statement may take. A stream is many short ones.
    pub statement_timeout: Duration,
    /// How long a statement may wait for a lock.
    pub lock_timeout: Duration,
    /// How long a transaction may do nothing: for a stream, how long its reader may think about a page.
    pub idle_in_transaction_timeout: Duration,
}

/// The pools of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pools {
    /// For all reads. Each open stream holds a connection.
    pub reader: PoolOptions,
    /// For the tape and the quarantine.
    pub writer: PoolOptions,
    /// For migrations, settings and the checks at opening.
    pub admin: PoolOptions,
}

impl Default for Pools {
    fn default() -> Self {
        Self {
            reader: PoolOptions {
                max_connections: 10,
                acquire_timeout: Duration::from_secs(10),
                statement_timeout: Duration::from_secs(60),
                lock_timeout: Duration::from_secs(10),
                idle_in_transaction_timeout: Duration::from_secs(600),
            },
            writer: PoolOptions {
                max_connections: 6,
                acquire_timeout: Duration::from_secs(10),
                statement_timeout: Duration::from_secs(60),
                lock_timeout: Duration::from_secs(30),
                idle_in_transaction_timeout: Duration::from_secs(60),
            },
            admin: PoolOptions {
                max_connections: 2,
                acquire_timeout: Duration::from_secs(10),
                statement_timeout: Duration::from_secs(3_600),
                lock_timeout: Duration::from_secs(60),
                idle_in_transaction_timeout: Duration::from_secs(300),
            },
        }
    }
}

/// One pool.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    pool: PgPool,
    /// Statements that give a transaction its settings, where a session cannot be given them.
    in_transaction: Option<Arc<str>>,
    /// How long a call may take; none where statements have no limit.
    patience: Option<Duration>,
}

/// All of them.
#[derive(Debug, Clone)]
pub(crate) struct Connections {
    pub(crate) reader: Pool,
    pub(crate) writer: Pool,
    pub(crate) admin: Pool,
}

impl Connections {
    /// Connects once, so that a wrong address or password shows at once; further connections come when they are needed.
    pub(crate) async fn open(options: PgConnectOptions, pools: &Pools) -> Result<Self, StoreError> {
        let Pools { reader, writer, admin } = pools;
        if [reader, writer, admin].iter().any(|pool| pool.max_connections == 0) {
            let message = "each pool needs at least one connection";
            return Err(StoreError::new(StoreErrorKind::Invalid, "connect", message));
        }
        // Not needed, since numbers travel in binary, and refused by poolers.
        let options = options.extra_float_digits(None);
        let open = |name: &str, pool: &PoolOptions, settings: &[(&str, &str)], pooled: bool| {
            Pool::open(options.clone().application_name(&format!("onetape {name}")), pool, settings, pooled)
        };
        let first = open("reader", reader, FOR_READERS, false);
        let pooled = !first.takes_settings().await?;
        let reader = if pooled {
            first.pool.close().await;
            tracing::info!("the database is behind a pooler: settings go with each transaction");
            let reader = open("reader", reader, FOR_READERS, true);
            reader.acquire("connect").await?;
            reader
        } else {
            first
        };
        let writer = open("writer", writer, FOR_WRITERS, pooled);
        Ok(Self { reader, writer, admin: open("admin", admin, &[], pooled) })
    }

    pub(crate) async fn close(&self) {
        let Self { reader, writer, admin } = self;
        for pool in [reader, writer, admin] {
            pool.pool.close().await;
        }
    }
}

impl Pool {
    fn open(options: PgConnectOptions, pool: &PoolOptions, own: &[(&str, &str)], pooled: bool) -> Self {
        let millis = |limit: Duration| limit.as_millis().to_string();
        let limits = [
            ("statement_timeout", millis(pool.statement_timeout)),
            ("lock_timeout", millis(pool.lock_timeout)),
            ("idle_in_transaction_session_timeout", millis(pool.idle_in_transaction_timeout)),
        ];
        let settings = || {
            let limits = limits.iter().map(|(name, value)| (*name, value.as_str()));
            limits.chain(EVERYWHERE.iter().chain(own).copied())
        };
        let (options, in_transaction) = if pooled {
            let text: String =
                settings().map(|(name, value)| format!("; SET LOCAL {name} = '{value}'")).collect();
            (options.statement_cache_capacity(0), Some(text.into()))
        } else {
            (options.options(settings()), None)
        };
        let has_limit = !pool.statement_timeout.is_zero();
        let patience = has_limit.then(|| pool.acquire_timeout + 2 * pool.statement_timeout);
        let pool = PgPoolOptions::new()
            .max_connections(pool.max_connections)
            .acquire_timeout(pool.acquire_timeout)
            .test_before_acquire(false)
            .before_acquire(|connection, rest| {
                Box::pin(async move { Ok(rest.idle_for < RESTED || connection.ping().await.is_ok()) })
            })
            .connect_lazy_with(options);
        Self { pool, in_transaction, patience }
    }

    /// Gives a call up that took longer than to wait for a connection and for two statements at their limit: the server ends
    /// statements itself, so by then no answer is on its way. Where a firewall forgot the connection, or something between
    /// took what was sent, none would ever come. The session closes its connection when it is dropped.
    pub(crate) async fn within<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let Some(patience) = self.patience else { return call.await };
        tokio::time::timeout(patience, call).await.unwrap_or_else(|_| {
            let message = format!("the database did not answer within {} s", patience.as_secs());
            Err(StoreError::new(StoreErrorKind::Timeout, operation, message))
        })
    }

    /// Whether sessions have what their connections are started with; false where a pooler is in between.
    async fn takes_settings(&self) -> Result<bool, StoreError> {
        let mut connection = match self.pool.acquire().await {
            Ok(connection) => connection,
            Err(error) if refuses_settings(&error) => return Ok(false),
            Err(error) => return Err(failed("connect")(error)),
        };
        let (name, value) = PROBE;
        // By the simple protocol: nothing is prepared, so nothing stays behind in a pooler's session.
        let row = sqlx::Executor::fetch_one(&mut *connection, format!("SHOW {name}").as_str()).await;
        let found: String = row.and_then(|row| sqlx::Row::try_get(&row, 0)).map_err(failed("connect"))?;
        Ok(found == value)
    }

    pub(crate) async fn acquire(
        &self,
        operation: &'static str,
    ) -> Result<PoolConnection<Postgres>, StoreError> {
        self.pool.acquire().await.map_err(failed(operation))
    }

    /// What to send after BEGIN; none where the session has its settings.
    pub(crate) fn in_transaction(&self) -> Option<&str> {
        self.in_transaction.as_deref()
    }

    /// Most connections that may have been lost at once.
    pub(crate) fn size(&self) -> u32 {
        self.pool.size()
    }

    /// The pool itself, for what belongs to a session: locks that outlive a transaction.
    pub(crate) fn sessions(&self, operation: &'static str) -> Result<&PgPool, StoreError> {
        if self.in_transaction.is_none() {
            return Ok(&self.pool);
        }
        let message = "this needs the database server itself, and the URL leads to a pooler: give the server's own \
                       host and port";
        Err(StoreError::new(StoreErrorKind::Invalid, operation, message))
    }
}

/// Whether it is a pooler's answer to settings at the start of a connection.
fn refuses_settings(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    // protocol_violation (PgBouncer), feature_not_supported (others)
    matches!(code.as_deref(), Some("08P01" | "0A000"))
}
