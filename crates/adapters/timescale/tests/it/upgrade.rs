//! Schemas that are not this build's: later ones, earlier ones with data, and ones of somebody else.

use std::borrow::Cow;

use onetape_domain::frame::{FrameShape, assemble};
use onetape_domain::venue::VenueRules;
use onetape_ports::{FrameQuery, FrameStore, Knowledge, StoreErrorKind, TapeStore};
use onetape_testdb::{Template, TestDb};
use onetape_testkit::generator::{Market, faults};
use onetape_testkit::{Recording, dump};
use onetape_timescale::{Edition, MIGRATOR, Settings, TimescaleStore};
use sqlx::PgConnection;
use sqlx::migrate::Migrator;

use crate::support::{self, START, instrument};

/// The first schema that has all tables of data: before it a tape could not be written.
const FIRST_WITH_DATA: i64 = 5;

async fn run(connection: &mut PgConnection, statement: &str) {
    sqlx::query(statement).execute(connection).await.unwrap();
}

async fn note(connection: &mut PgConnection, version: i64, description: &str) {
    let row = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
               VALUES ($1, $2, true, '', 0)";
    sqlx::query(row).bind(version).bind(description).execute(connection).await.unwrap();
}

#[tokio::test]
async fn a_schema_that_a_later_build_has_added_to_is_read_written_and_left_alone() {
    let Some((store, database)) = support::store().await else { return };
    let mut connection = support::connect(&database).await;
    run(&mut connection, "ALTER TABLE trade_events ADD COLUMN later TEXT NOT NULL DEFAULT 'later'").await;
    run(&mut connection, "ALTER TABLE instruments ADD COLUMN later BIGINT").await;
    note(&mut connection, 999, "later").await;
    store.verify().await.unwrap();
    let recording = recording();
    recording.write(&store).await.unwrap();
    assert_eq!(dump(&store, &instrument()).await.unwrap(), recording.reference().dump());
    // An earlier layout must not undo the later one's.
    run(&mut connection, "DELETE FROM table_settings").await;
    store.migrate().await.unwrap();
    let settings: i64 =
        sqlx::query_scalar("SELECT count(*) FROM table_settings").fetch_one(&mut connection).await.unwrap();
    assert_eq!(settings, 0);
    let error = store.apply_settings(&Settings::default()).await.unwrap_err();
    assert!(error.to_string().contains("that of a later onetape (it has migration 999)"), "{error}");
    let error = TimescaleStore::setup_url_with(database.url(), &Settings::default()).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Schema, "{error:?}");
}

#[tokio::test]
async fn a_schema_that_later_builds_have_broken_is_refused() {
    let Some((store, database)) = support::store().await else { return };
    note(&mut support::connect(&database).await, 999, "breaking change").await;
    for error in [store.verify().await.unwrap_err(), store.migrate().await.unwrap_err()] {
        assert_eq!(error.kind(), StoreErrorKind::Schema, "{error:?}");
        assert!(
            error.to_string().contains("999") && error.to_string().contains("upgrade onetape"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_changed_migration_is_refused() {
    let Some((store, database)) = support::store().await else { return };
    let change = "UPDATE _sqlx_migrations SET checksum = 'changed' WHERE version = 3";
    run(&mut support::connect(&database).await, change).await;
    for error in [store.verify().await.unwrap_err(), store.migrate().await.unwrap_err()] {
        assert_eq!(error.kind(), StoreErrorKind::Schema, "{error:?}");
        let message = error.to_string();
        assert!(message.contains("migration 3 (books)") && message.contains("copy the data"), "{message}");
    }
}

#[tokio::test]
async fn a_schema_older_than_the_build_is_refused_until_it_is_migrated() {
    let Some((store, database)) = support::store().await else { return };
    let last = MIGRATOR.iter().map(|migration| migration.version).max().unwrap();
    let mut connection = support::connect(&database).await;
    sqlx::query("DELETE FROM _sqlx_migrations WHERE version = $1")
        .bind(last)
        .execute(&mut connection)
        .await
        .unwrap();
    let error = store.verify().await.unwrap_err();
    assert!(error.to_string().contains(&format!("lacks migration {last}")), "{error}");
}

#[tokio::test]
async fn the_schema_before_knows_its_first_times_once_it_is_migrated() {
    let Some((store, database)) = support::store().await else { return };
    store.append(&support::batch(1, support::trades(1)), None).await.unwrap();
    let mut connection = support::connect(&database).await;
    let second = "INSERT INTO order_book_imbalances (symbol, exchange, timestamp, available_at, bid_volume, ask_volume) \
                  SELECT symbol, exchange, first_time + $1 * INTERVAL '1 second', first_time + INTERVAL '9 seconds', 1, 1 \
                  FROM instruments";
    for at in [5, 4, 6] {
        sqlx::query(second).bind(at).execute(&mut connection).await.unwrap();
    }
    for back in [
        "ALTER TABLE instruments DROP COLUMN first_book_time, DROP COLUMN first_imbalance_time",
        "DELETE FROM _sqlx_migrations WHERE version = 6",
    ] {
        sqlx::query(back).execute(&mut connection).await.unwrap();
    }
    store.migrate().await.unwrap();
    let firsts: (bool, bool) = sqlx::query_as(
        "SELECT first_book_time IS NULL, first_imbalance_time = first_time + INTERVAL '4 seconds' FROM instruments",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    assert_eq!(firsts, (true, true));
}

#[tokio::test]
async fn the_schema_before_gets_settings_and_aggregates_over_the_data_it_has() {
    let Some((store, database)) = support::store().await else { return };
    let mut changes = support::trades(3);
    changes.candles.extend(support::candles(onetape_domain::time::Timeframe::S1, 200));
    store.append(&support::batch(200_000, changes), None).await.unwrap();
    let mut connection = support::connect(&database).await;
    let edition = store.verify().await.unwrap();
    let kind = if edition == Edition::Community { "MATERIALIZED VIEW" } else { "VIEW" };
    let mut back: Vec<String> =
        ["1d", "1h", "15m", "5m", "1m"].map(|one| format!("DROP {kind} ohlcv_{one}_continuous")).into();
    back.push("DROP TABLE table_settings, store_settings".to_owned());
    back.push("DELETE FROM _sqlx_migrations WHERE version = 7".to_owned());
    for statement in back {
        sqlx::query(&statement).execute(&mut connection).await.unwrap();
    }
    store.migrate().await.unwrap();
    assert_eq!(store.settings().await.unwrap(), onetape_timescale::Settings::default());
    let report = crate::maintain::maintain(&store, support::START.plus(86_400_000_000)).await;
    assert!(report.dropped.is_empty(), "{report}");
    let minutes: i64 = sqlx::query_scalar("SELECT count(*) FROM ohlcv_1m_continuous")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    // On the Apache edition it is a view of a table that holds none.
    assert_eq!(minutes, if edition == Edition::Community { 4 } else { 0 });
}

/// A market with late trades, as the store has it.
fn recording() -> Recording {
    let market = Market { seconds: 90, start: START.plus(-40_000_000), ..Market::new(instrument(), 11) };
    let messages = faults::late_trades(market.messages(), 3, 30, 20_000);
    Recording::of(VenueRules::BINANCE_SPOT, &messages, 150)
}

/// Every table and some frames, as text.
async fn everything(store: &TimescaleStore, recording: &Recording) -> Vec<String> {
    let mut texts = vec![dump(store, &instrument()).await.unwrap()];
    for as_of in recording.stamps().iter().step_by(61).copied() {
        for knowledge in [Knowledge::AsRecorded, Knowledge::AsCorrected] {
            let query = FrameQuery { instrument: instrument(), as_of, shape: FrameShape::DEFAULT, knowledge };
            let parts = store.frame_parts(&query).await.unwrap();
            let frame = assemble(instrument(), as_of, FrameShape::DEFAULT, parts).unwrap();
            texts.push(frame.to_canonical_json());
        }
    }
    texts
}

/// A database as the builds had it whose last migration was this one.
async fn schema_up_to(last: i64) -> TestDb {
    let database =
        onetape_testdb::database(&Template::bare()).await.expect("a server was there a moment ago");
    let known: Vec<_> = MIGRATOR.iter().filter(|migration| migration.version <= last).cloned().collect();
    let migrator = Migrator { migrations: Cow::Owned(known), ..Migrator::DEFAULT };
    migrator.run_direct(&mut support::connect(&database).await).await.unwrap();
    database
}

/// Copies the rows of every table of data, as far as the other database has the columns.
async fn copy(from: &mut PgConnection, to: &mut PgConnection) -> usize {
    let tables = "SELECT table_name::text FROM information_schema.tables \
                  WHERE table_schema = 'public' AND table_type = 'BASE TABLE' \
                    AND table_name NOT IN ('_sqlx_migrations', 'table_settings', 'store_settings') ORDER BY 1";
    let names: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut *to).await.unwrap();
    let mut copied = 0;
    for name in names {
        let read = format!("SELECT coalesce(json_agg(row), '[]')::text FROM {name} AS row");
        let rows: String = sqlx::query_scalar(&read).fetch_one(&mut *from).await.unwrap();
        let write = format!(
            "INSERT INTO {name} OVERRIDING SYSTEM VALUE SELECT * FROM json_populate_recordset(NULL::{name}, $1::json)"
        );
        let written = sqlx::query(&write).bind(rows).execute(&mut *to).await.unwrap();
        copied += usize::from(written.rows_affected() > 0);
    }
    copied
}

#[tokio::test]
async fn data_of_every_schema_before_reads_the_same_once_it_is_migrated() {
    let Some((store, filled)) = support::store().await else { return };
    let recording = recording();
    recording.write(&store).await.unwrap();
    let expected = everything(&store, &recording).await;
    assert!(expected.len() > 10, "{}", expected.len());
    let head = MIGRATOR.iter().map(|migration| migration.version).max().unwrap();
    for last in FIRST_WITH_DATA..head {
        let database = schema_up_to(last).await;
        let copied = copy(&mut support::connect(&filled).await, &mut support::connect(&database).await).await;
        assert!(copied >= 12, "{copied} tables have rows");
        let older = TimescaleStore::connect(database.url()).await.unwrap();
        let error = older.verify().await.unwrap_err();
        assert!(error.to_string().contains(&format!("lacks migration {}", last + 1)), "{error}");
        older.migrate().await.unwrap();
        older.verify().await.unwrap();
        let found = everything(&older, &recording).await;
        assert!(found == expected, "rows of the schema of migration {last} changed");
        older.close().await;
    }
}
