//! Roles: what owner, writer and reader may do, and what they may not, on either edition.

use onetape_domain::change::Changes;
use onetape_domain::frame::FrameShape;
use onetape_domain::time::{SECOND, Timeframe};
use onetape_ports::{FrameQuery, FrameStore, Knowledge, StoreErrorKind, TapeStore};
use onetape_testdb::TestDb;
use onetape_testkit::dump;
use onetape_timescale::{Edition, RoleNames, TimescaleStore};
use sqlx::{Connection as _, PgConnection};

use crate::maintain::maintain;
use crate::support::{self, START, batch, candles, connect, instrument, trades};

/// Group roles and members of a test's own. Roles belong to the server: they go after the database.
pub(crate) struct Roles {
    pub(crate) names: RoleNames,
    database: Option<TestDb>,
}

impl Roles {
    /// Names that need quoting.
    pub(crate) fn of(database: TestDb) -> Self {
        let prefix: String = format!("It's \"{}", database.name()).chars().take(40).collect();
        let prefix = format!("{prefix}{}", std::process::id());
        Self { names: RoleNames::with_prefix(&prefix).unwrap(), database: Some(database) }
    }

    pub(crate) fn database(&self) -> &TestDb {
        self.database.as_ref().unwrap()
    }

    /// The URL of a member of a group role, made on first use.
    async fn member(&self, name: &str, group: &str) -> String {
        let name = format!("{}_{name}", &self.database().name().chars().rev().take(40).collect::<String>());
        let statement = format!("CREATE ROLE \"{name}\" LOGIN IN ROLE {}", quoted(group));
        sqlx::query(&statement).execute(&mut connect(self.database()).await).await.unwrap();
        self.database().url().replace("postgres@", &format!("{name}@"))
    }

    pub(crate) async fn open(&self, name: &str, group: &str) -> TimescaleStore {
        TimescaleStore::connect(&self.member(name, group).await).await.unwrap()
    }
}

impl Drop for Roles {
    fn drop(&mut self) {
        let Some(database) = self.database.take().filter(|_| !std::thread::panicking()) else { return };
        if database.has_own_server() {
            return;
        }
        let admin = database.admin_url().to_owned();
        let mut groups = vec![self.names.owner(), self.names.writer(), self.names.reader()];
        let member = database.name().chars().rev().take(40).collect::<String>();
        groups.extend(["owner", "writer", "reader"].map(|name| format!("{member}_{name}")));
        drop(database);
        let clean = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut admin = PgConnection::connect(&admin).await.unwrap();
                for role in groups {
                    let statement = format!("DROP ROLE IF EXISTS {}", quoted(&role));
                    sqlx::query(&statement).execute(&mut admin).await.unwrap();
                }
            });
        };
        std::thread::spawn(clean).join().unwrap();
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A store with rows and roles.
async fn store() -> Option<(TimescaleStore, Roles)> {
    let (store, database) = support::store().await?;
    let mut changes = trades(50);
    changes.candles = candles(Timeframe::S1, 100);
    store.append(&batch(100, changes), None).await.unwrap();
    let roles = Roles::of(database);
    assert_eq!(store.roles().await.unwrap(), None);
    store.setup_roles(&roles.names).await.unwrap();
    assert_eq!(store.roles().await.unwrap().as_ref(), Some(&roles.names));
    Some((store, roles))
}

/// Owners and privileges of all relations and chunks.
async fn access(database: &TestDb) -> Vec<String> {
    sqlx::query_scalar(
        "SELECT format('%s %s %s', oid::regclass, relowner::regrole, relacl) FROM pg_class
         WHERE relnamespace IN ('public'::regnamespace, '_timescaledb_internal'::regnamespace) ORDER BY 1",
    )
    .fetch_all(&mut connect(database).await)
    .await
    .unwrap()
}

fn frame_query() -> FrameQuery {
    let as_of = START.plus(100 * SECOND);
    let (shape, knowledge) = (FrameShape::DEFAULT, Knowledge::AsRecorded);
    FrameQuery { instrument: instrument(), as_of, shape, knowledge }
}

async fn refused(connection: &mut PgConnection, statement: &str) {
    let error = sqlx::query(statement).execute(connection).await.unwrap_err();
    let code = error.as_database_error().and_then(|error| error.code().map(|code| code.into_owned()));
    assert_eq!(code.as_deref(), Some("42501"), "{statement}: {error}");
}

#[tokio::test]
async fn every_relation_is_the_owners_and_none_is_left_out() {
    let Some((store, roles)) = store().await else { return };
    let strangers: Vec<String> = sqlx::query_scalar(
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace
         AND relkind IN ('r', 'v', 'm', 'p') AND relowner::regrole::text <> quote_ident($1)
         AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e')",
    )
    .bind(roles.names.owner())
    .fetch_all(&mut connect(roles.database()).await)
    .await
    .unwrap();
    assert!(strangers.is_empty(), "say in src/roles.rs who may write {strangers:?}");
    let once = access(roles.database()).await;
    store.setup_roles(&roles.names).await.unwrap();
    store.migrate().await.unwrap();
    assert_eq!(access(roles.database()).await, once);
}

#[tokio::test]
async fn a_reader_reads_everything_and_changes_nothing() {
    let Some((store, roles)) = store().await else { return };
    let reader = roles.open("reader", &roles.names.reader()).await;
    reader.verify().await.unwrap();
    reader.status().await.unwrap();
    reader.settings().await.unwrap();
    let of = |store: TimescaleStore| async move { store.frame_parts(&frame_query()).await.unwrap() };
    assert_eq!(format!("{:?}", of(reader.clone()).await), format!("{:?}", of(store.clone()).await));
    assert!(dump(&reader, &instrument()).await.unwrap() == dump(&store, &instrument()).await.unwrap());
    // Chunks that are made later are under the same rules.
    let later = Changes {
        trades: (0..5).map(|id| support::trade(9_000 + id, 5 * 86_400_000 + id)).collect(),
        ..Default::default()
    };
    store.append(&batch(6 * 86_400, later), Some(START.plus(100 * SECOND))).await.unwrap();
    assert!(dump(&reader, &instrument()).await.unwrap() == dump(&store, &instrument()).await.unwrap());

    let error = reader.append(&batch(7 * 86_400, trades(1)), Some(START.plus(6 * 86_400 * SECOND))).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Permission, "{error:?}");
    assert!(error.to_string().contains("onetape_writer") && !error.is_retryable(), "{error}");
    for error in [reader.migrate().await.unwrap_err(), reader.setup_roles(&roles.names).await.unwrap_err()] {
        assert_eq!(error.kind(), StoreErrorKind::Permission, "{error:?}");
    }
    let mut connection = PgConnection::connect(&roles.database().url().replace(
        "postgres@",
        &format!("{}_reader@", roles.database().name().chars().rev().take(40).collect::<String>()),
    ))
    .await
    .unwrap();
    for view in ["ohlcv_data", "order_book_levels", "ohlcv_1m_continuous"] {
        sqlx::query(&format!("SELECT count(*) FROM {view}")).execute(&mut connection).await.unwrap();
    }
    for statement in [
        "SELECT FROM quarantine",
        "DELETE FROM trade_events",
        "TRUNCATE trade_events",
        "UPDATE ohlcv_1s SET revision = revision",
        "INSERT INTO table_settings (table_name, chunk_interval) VALUES ('x', '1 day')",
        "CREATE TABLE mine (x INTEGER)",
        "SELECT drop_chunks('trade_events', older_than => now())",
    ] {
        refused(&mut connection, statement).await;
    }
}

#[tokio::test]
async fn a_writer_writes_data_and_nothing_else() {
    let Some((store, roles)) = store().await else { return };
    // Late rows go into compressed chunks as well.
    maintain(&store, START.plus(20 * 86_400 * SECOND)).await;
    let writer = roles.open("writer", &roles.names.writer()).await;
    let mut expected = Some(START.plus(100 * SECOND));
    let recording = crate::maintain::recording();
    let mut late = trades(60);
    late.candles = candles(Timeframe::S1, 120);
    writer.append(&batch(200, late), expected).await.unwrap();
    expected = Some(START.plus(200 * SECOND));
    assert!(dump(&writer, &instrument()).await.unwrap() == dump(&store, &instrument()).await.unwrap());
    let stale = recording.batches().first().unwrap();
    let error = writer.append(stale, None).await.unwrap_err();
    assert_ne!(error.kind(), StoreErrorKind::Permission, "{error:?}");
    writer.append(&batch(300, trades(70)), expected).await.unwrap();
    let mut connection = writer_connection(&roles).await;
    for statement in [
        "DELETE FROM trade_events",
        "UPDATE trade_events SET size = 1",
        "DELETE FROM quarantine",
        "UPDATE table_settings SET retain_for = '1 day'",
        "ALTER TABLE ohlcv_1s ADD COLUMN mine INTEGER",
        "CREATE TABLE mine (x INTEGER)",
        "SELECT drop_chunks('trade_events', older_than => now())",
    ] {
        refused(&mut connection, statement).await;
    }
    assert_eq!(writer.migrate().await.unwrap_err().kind(), StoreErrorKind::Permission);
}

async fn writer_connection(roles: &Roles) -> PgConnection {
    let member = roles.database().name().chars().rev().take(40).collect::<String>();
    let url = roles.database().url().replace("postgres@", &format!("{member}_writer@"));
    PgConnection::connect(&url).await.unwrap()
}

#[tokio::test]
async fn a_writer_writes_a_whole_recording_that_a_reader_reads() {
    let Some((store, database)) = support::store().await else { return };
    let Some((other, _other)) = support::store().await else { return };
    let roles = Roles::of(database);
    store.setup_roles(&roles.names).await.unwrap();
    let writer = roles.open("writer", &roles.names.writer()).await;
    let reader = roles.open("reader", &roles.names.reader()).await;
    let recording = crate::maintain::recording();
    recording.write(&writer).await.unwrap();
    recording.write(&other).await.unwrap();
    assert!(dump(&reader, &instrument()).await.unwrap() == dump(&other, &instrument()).await.unwrap());
}

#[tokio::test]
async fn a_member_of_the_owner_migrates_and_maintains_and_what_is_new_is_readable() {
    let Some((store, roles)) = store().await else { return };
    let before = access(roles.database()).await.len();
    let mut connection = connect(roles.database()).await;
    let edition = store.verify().await.unwrap();
    let kind = if edition == Edition::Community { "MATERIALIZED VIEW" } else { "VIEW" };
    for one in ["1d", "1h", "15m", "5m", "1m"] {
        let statement = format!("DROP {kind} ohlcv_{one}_continuous");
        sqlx::query(&statement).execute(&mut connection).await.unwrap();
    }
    for statement in ["DROP TABLE maintenance", "DELETE FROM _sqlx_migrations WHERE version = 9"] {
        sqlx::query(statement).execute(&mut connection).await.unwrap();
    }
    let owner = roles.open("owner", &roles.names.owner()).await;
    owner.migrate().await.unwrap();
    assert_eq!(access(roles.database()).await.len(), before);
    let report = maintain(&owner, START.plus(20 * 86_400 * SECOND)).await;
    assert_eq!(report.compressed.is_empty(), edition == Edition::Apache, "{report}");
    let report = maintain(&owner, START.plus(100 * 86_400 * SECOND)).await;
    assert!(!report.dropped.is_empty(), "{report}");
    let reader = roles.member("reader", &roles.names.reader()).await;
    let mut reader = PgConnection::connect(&reader).await.unwrap();
    for view in ["ohlcv_1m_continuous", "ohlcv_1d_continuous", "maintenance"] {
        sqlx::query(&format!("SELECT count(*) FROM {view}")).execute(&mut reader).await.unwrap();
    }
    refused(&mut reader, "DELETE FROM maintenance").await;
    let jobs: Vec<String> = sqlx::query_scalar(
        "SELECT DISTINCT owner::text FROM timescaledb_information.jobs WHERE job_id >= 1000",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    if edition == Edition::Community {
        assert_eq!(jobs, [quoted(&roles.names.owner())]);
    }
}

#[tokio::test]
async fn grants_that_were_changed_by_hand_are_put_right_and_other_privileges_taken() {
    let Some((store, roles)) = store().await else { return };
    let once = access(roles.database()).await;
    let mut connection = connect(roles.database()).await;
    let (writer, reader) = (quoted(&roles.names.writer()), quoted(&roles.names.reader()));
    for statement in [
        format!("GRANT DELETE, TRUNCATE ON trade_events TO {reader}"),
        format!("REVOKE INSERT ON ohlcv_1s FROM {writer}"),
        "ALTER VIEW ohlcv_data OWNER TO postgres".to_owned(),
    ] {
        sqlx::query(&statement).execute(&mut connection).await.unwrap();
    }
    assert_ne!(access(roles.database()).await, once);
    store.setup_roles(&roles.names).await.unwrap();
    let mut expected = once;
    let mut now = access(roles.database()).await;
    // The order of a list of privileges is no part of it.
    for lines in [&mut expected, &mut now] {
        for line in lines.iter_mut() {
            let mut parts: Vec<char> = line.chars().collect();
            parts.sort_unstable();
            *line = parts.into_iter().collect();
        }
        lines.sort();
    }
    assert_eq!(now, expected);
}

#[tokio::test]
async fn a_group_role_that_may_do_anything_is_refused() {
    let Some((store, database)) = support::store().await else { return };
    let roles = Roles::of(database);
    let statement = format!("CREATE ROLE {} SUPERUSER", quoted(&roles.names.reader()));
    sqlx::query(&statement).execute(&mut connect(roles.database()).await).await.unwrap();
    let error = store.setup_roles(&roles.names).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Permission);
    assert!(error.to_string().contains("another prefix"), "{error}");
}
