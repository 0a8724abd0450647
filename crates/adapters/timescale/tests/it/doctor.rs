//! The doctor: a store in order, and each thing that can be wrong with it, on either edition.

use onetape_domain::time::{SECOND, Timestamp};
use onetape_ports::TapeStore;
use onetape_testdb::TestDb;
use onetape_testkit::ManualClock;
use onetape_timescale::{DoctorReport, Edition, Severity, TimescaleStore};
use sqlx::PgConnection;

use crate::roles::Roles;
use crate::support::{self, batch, connect, trades};

const DAY: i64 = 86_400 * SECOND;

async fn execute(connection: &mut PgConnection, statement: &str) {
    sqlx::query(statement).execute(connection).await.unwrap();
}

/// The server's own time, so that only what a test adds to it is skew.
async fn server_time(database: &TestDb) -> Timestamp {
    let micros: i64 = sqlx::query_scalar("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
        .fetch_one(&mut connect(database).await)
        .await
        .unwrap();
    Timestamp::from_micros(micros)
}

async fn examine(store: &TimescaleStore, database: &TestDb) -> DoctorReport {
    store.doctor(&ManualClock::new(server_time(database).await)).await.unwrap()
}

fn severity(report: &DoctorReport, check: &str) -> Option<Severity> {
    report.findings.iter().filter(|finding| finding.check == check).map(|finding| finding.severity).max()
}

/// A finding of that severity which says this, with why it matters and what to do.
fn assert_found(report: &DoctorReport, severity: Severity, check: &str, words: &str) {
    let found = report.findings.iter().find(|finding| {
        (finding.severity, finding.check) == (severity, check) && finding.to_string().contains(words)
    });
    let Some(found) = found else { panic!("no {severity} of {check} says {words}:\n{report}") };
    assert!(severity == Severity::Ok || !(found.why.is_empty() || found.remedy.is_empty()), "{found:?}");
}

#[tokio::test]
async fn a_store_in_order_has_no_errors_and_a_member_sees_no_less() {
    let Some((store, database)) = support::store().await else { return };
    let roles = Roles::of(database);
    let report = examine(&store, roles.database()).await;
    assert_eq!(report.worst(), Severity::Warning, "{report}");
    assert_found(&report, Severity::Warning, "role", "is a superuser");
    assert_found(&report, Severity::Warning, "roles", "onetape db setup --roles");
    for check in ["server", "clock", "tls", "schema", "settings", "policies", "jobs", "maintenance", "chunks"]
    {
        assert_eq!(severity(&report, check), Some(Severity::Ok), "{check}:\n{report}");
    }
    assert!(report.clock_skew_ms.abs() < 1_000 && report.tls.is_none(), "{report}");
    let edition = store.verify().await.unwrap();
    assert_eq!(report.edition, Some(edition.to_string()));
    let workers = "max_background_workers is 16 there, and none can run";
    if edition == Edition::Community && !onetape_testdb::one_session(workers) {
        assert_found(&report, Severity::Warning, "workers", "max_background_workers is 0");
    }
    store.setup_roles(&roles.names).await.unwrap();
    for (name, group) in [("reader", roles.names.reader()), ("owner", roles.names.owner())] {
        let member = roles.open(name, &group).await;
        let report = examine(&member, roles.database()).await;
        assert_eq!(severity(&report, "role"), Some(Severity::Ok), "{report}");
        assert_eq!(severity(&report, "grants"), Some(Severity::Ok), "{report}");
        assert!(!report.to_string().contains("could not be checked"), "{report}");
        assert_eq!(report.count(Severity::Error), 0, "{report}");
        assert!(report.tables.len() > 20, "{report}");
    }
    let statement =
        format!("GRANT DELETE ON trade_events TO \"{}\"", roles.names.reader().replace('"', "\"\""));
    execute(&mut connect(roles.database()).await, &statement).await;
    let report = examine(&store, roles.database()).await;
    assert_found(&report, Severity::Warning, "grants", "2 grants are not as they should be");
}

#[tokio::test]
async fn a_store_that_is_maintained_is_told_from_one_that_is_not() {
    let Some((store, database)) = support::store().await else { return };
    store.append(&batch(100, trades(500)), None).await.unwrap();
    let report = examine(&store, &database).await;
    assert_found(&report, Severity::Warning, "maintenance", "never maintained");
    assert_found(&report, Severity::Warning, "chunks", "trade_events has chunks that ended by 2024-08-1");
    let now = server_time(&database).await;
    crate::maintain::maintain(&store, now).await;
    let report = examine(&store, &database).await;
    assert_eq!(severity(&report, "maintenance"), Some(Severity::Ok), "{report}");
    assert_ne!(severity(&report, "chunks"), Some(Severity::Warning), "{report}");
    execute(&mut connect(&database).await, "UPDATE maintenance SET differences = 3").await;
    assert_found(&examine(&store, &database).await, Severity::Error, "audit", "3 candles that differ");
    let later = store.doctor(&ManualClock::new(now.plus(3 * DAY))).await.unwrap();
    assert_found(&later, Severity::Warning, "maintenance", "last maintained at 20");
    assert_found(&later, Severity::Error, "clock", "ms behind");
}

#[tokio::test]
async fn what_is_compressed_is_told_with_its_ratio() {
    let Some((store, database)) = support::store().await else { return };
    store.append(&batch(400, trades(30_000)), None).await.unwrap();
    crate::maintain::maintain(&store, support::START.plus(20 * DAY)).await;
    let report = examine(&store, &database).await;
    let table = report.tables.iter().find(|table| table.name == "trade_events").unwrap();
    assert_eq!(table.chunks, Some(1));
    if store.verify().await.unwrap() == Edition::Community {
        assert_eq!(table.compressed_chunks, 1);
        assert!(table.saved_percent().unwrap() > 50, "{report}");
        assert!(report.to_string().contains("% saved"), "{report}");
    } else {
        assert_eq!((table.compressed_chunks, table.saved_percent()), (0, None));
    }
}

#[tokio::test]
async fn a_schema_or_settings_that_are_not_this_builds_are_errors() {
    let Some((store, database)) = support::store().await else { return };
    let mut connection = connect(&database).await;
    execute(
        &mut connection,
        "UPDATE table_settings SET retain_for = '1 day' WHERE table_name = 'trade_events'",
    )
    .await;
    let report = examine(&store, &database).await;
    assert_found(&report, Severity::Error, "settings", "would drop rows that may still be repaired");
    assert!(severity(&report, "chunks").is_some(), "one finding hides no other:\n{report}");
    execute(&mut connection, "DELETE FROM _sqlx_migrations WHERE version = 9").await;
    assert_found(&examine(&store, &database).await, Severity::Error, "schema", "lacks migration 9");
}

#[tokio::test]
async fn compressed_chunks_on_the_apache_edition_are_an_error() {
    let Some((store, database)) = support::store().await else { return };
    if store.verify().await.unwrap() == Edition::Community {
        return;
    }
    store.append(&batch(100, trades(5)), None).await.unwrap();
    let mark = "UPDATE _timescaledb_catalog.chunk SET status = status | 1";
    execute(&mut connect(&database).await, mark).await;
    assert_found(&examine(&store, &database).await, Severity::Error, "schema", "Apache edition cannot read");
}

#[tokio::test]
async fn policies_and_jobs_that_were_changed_by_hand_are_told() {
    let Some((store, database)) = support::store().await else { return };
    if store.verify().await.unwrap() == Edition::Apache {
        return;
    }
    let mut connection = connect(&database).await;
    for statement in [
        "CALL remove_columnstore_policy('ohlcv_1s')",
        "CALL add_columnstore_policy('ohlcv_1s', after => INTERVAL '1 day')",
        "SELECT remove_retention_policy('ohlcv_1s')",
        "SELECT add_retention_policy('ohlcv_1s', drop_after => INTERVAL '10 days')",
        "SELECT remove_retention_policy('trade_events')",
        "SELECT alter_job(job_id, scheduled => false) FROM timescaledb_information.jobs
         WHERE proc_name = 'policy_retention' AND hypertable_name = 'order_book_snapshots'",
    ] {
        execute(&mut connection, statement).await;
    }
    let report = examine(&store, &database).await;
    assert_found(&report, Severity::Error, "policies", "compresses ohlcv_1s after 1 day");
    assert_found(&report, Severity::Error, "policies", "refreshes ohlcv_1m_continuous from 30 days ago");
    assert_found(&report, Severity::Warning, "policies", "those of the settings for ohlcv_1s, trade_events");
    assert_found(&report, Severity::Warning, "jobs", "of order_book_snapshots) is switched off");
    store.migrate().await.unwrap();
    assert_eq!(severity(&examine(&store, &database).await, "policies"), Some(Severity::Ok));
}

#[tokio::test]
async fn a_server_without_the_extension_or_the_privilege_to_look_is_told() {
    let Some((_store, database)) = support::store().await else { return };
    let roles = Roles::of(database);
    let stranger = roles.open("reader", "pg_monitor").await;
    let report = examine(&stranger, roles.database()).await;
    assert_found(&report, Severity::Error, "schema", "permission denied");
    let Some(bare) = onetape_testdb::database(&onetape_testdb::Template::bare()).await else { return };
    execute(&mut connect(&bare).await, "DROP EXTENSION IF EXISTS timescaledb").await;
    let store = TimescaleStore::connect(bare.url()).await.unwrap();
    let report = examine(&store, &bare).await;
    assert_found(&report, Severity::Error, "server", "has no TimescaleDB extension");
    assert_eq!(severity(&report, "schema"), None, "{report}");
}
