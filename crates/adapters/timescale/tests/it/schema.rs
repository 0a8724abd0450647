//! Migrations, the server's edition, and what is said where something is missing.

use onetape_ports::{StoreErrorKind, TapeStore};
use onetape_testdb::Template;
use onetape_timescale::{Edition, MIGRATOR, TimescaleStore};

use crate::support;

#[tokio::test]
async fn migrating_twice_is_the_same_as_once() {
    let Some((store, _database)) = support::store().await else { return };
    let once = store.status().await.unwrap();
    store.migrate().await.unwrap();
    assert_eq!(store.status().await.unwrap(), once);
    assert_eq!(once.applied.len(), MIGRATOR.iter().count());
    assert!(once.pending.is_empty());
    let names: Vec<_> = once.tables.iter().map(|table| table.name.as_str()).collect();
    for table in ["ohlcv_1s", "ohlcv_1d", "ohlcv_superseded", "trade_events", "stream_coverage", "quarantine"]
    {
        assert!(names.contains(&table), "{names:?}");
    }
    let chunks = |name: &str| once.tables.iter().find(|table| table.name == name).unwrap().chunks;
    assert_eq!((chunks("trade_events"), chunks("instrument_clock")), (Some(0), None));
}

#[tokio::test]
async fn several_migrate_at_once() {
    if onetape_testdb::one_session("one migration waits for the other's lock") {
        return;
    }
    let Some(database) = onetape_testdb::database(&Template::bare()).await else { return };
    let migrate = || TimescaleStore::migrate_url(database.url());
    let (first, second) = tokio::join!(migrate(), migrate());
    first.unwrap();
    second.unwrap();
}

#[tokio::test]
async fn the_edition_is_the_servers_own() {
    let Some((store, database)) = support::store().await else { return };
    let license: String = sqlx::query_scalar("SELECT current_setting('timescaledb.license')")
        .fetch_one(&mut support::connect(&database).await)
        .await
        .unwrap();
    let expected = if license == "apache" { Edition::Apache } else { Edition::Community };
    assert_eq!(store.verify().await.unwrap(), expected);
    let server = store.server().await.unwrap();
    assert_eq!(server.edition, Some(expected));
    assert!(server.postgres_major >= 17 && server.timescaledb.is_some(), "{server:?}");
}

#[tokio::test]
async fn a_database_without_a_schema_says_what_to_do() {
    let Some(database) = onetape_testdb::database(&Template::bare()).await else { return };
    let store = TimescaleStore::connect(database.url()).await.unwrap();
    let error = store.verify().await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Schema);
    assert!(error.to_string().contains("onetape db migrate"), "{error}");
    let error = store.append(&support::batch(1, support::trades(1)), None).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Schema);
    assert!(error.to_string().contains("onetape db migrate"), "{error}");
    assert!(store.status().await.unwrap().tables.is_empty());
}

#[tokio::test]
async fn a_database_without_the_extension_says_so_until_it_is_migrated() {
    if onetape_testdb::one_session("a session that has dropped the extension cannot create it again") {
        return;
    }
    let Some(database) = onetape_testdb::database(&Template::bare()).await else { return };
    let mut connection = support::connect(&database).await;
    sqlx::query("DROP EXTENSION timescaledb").execute(&mut connection).await.unwrap();
    let store = TimescaleStore::connect(database.url()).await.unwrap();
    let error = store.verify().await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Schema);
    assert!(error.to_string().contains("TimescaleDB"), "{error}");
    store.migrate().await.unwrap();
    store.verify().await.unwrap();
}

#[tokio::test]
async fn a_wrong_password_or_host_is_told_without_the_password() {
    let Some((_store, database)) = support::store().await else { return };
    let refused = TimescaleStore::connect("postgres://nobody:hunter2@127.0.0.1:1/none").await.unwrap_err();
    assert!(matches!(refused.kind(), StoreErrorKind::Connection | StoreErrorKind::Resource), "{refused:?}");
    assert!(!format!("{refused:?}").contains("hunter2"));
    let mut missing = url::Url::parse(database.url()).unwrap();
    missing.set_path("onetape_no_such_database");
    let missing = TimescaleStore::connect(missing.as_str()).await.unwrap_err();
    assert_eq!(missing.kind(), StoreErrorKind::Schema, "{missing:?}");
}

#[tokio::test]
async fn what_is_no_number_or_too_fine_is_refused_by_the_tables() {
    let Some((_store, database)) = support::store().await else { return };
    let mut connection = support::connect(&database).await;
    let values =
        ["'NaN'", "'Infinity'", "0", "-1", "0.0000000000001", "1e28", "12345678901234567.123456789012"];
    for value in values {
        let insert = format!(
            "INSERT INTO trade_events VALUES ('ETH/USDT', 'binance', '2024-08-09', 1, 0, '2024-08-09', '2024-08-09', \
             NULL, NULL, {value}, 1, 'buy', '1')"
        );
        let error = sqlx::query(&insert).execute(&mut connection).await.unwrap_err();
        let code = error.as_database_error().unwrap().code().unwrap().into_owned();
        assert_eq!(code, "23514", "{value}: {error}");
    }
    for value in ["0.000000000001", "1234567890123456.123456789012", "9999999999999999999999999999"] {
        let insert = format!(
            "INSERT INTO trade_events VALUES ('ETH/USDT', 'binance', '2024-08-09', {value}::numeric % 1000000, 0, \
             '2024-08-09', '2024-08-09', NULL, NULL, {value}, 1, 'buy', '1')"
        );
        sqlx::query(&insert).execute(&mut connection).await.unwrap();
    }
}

#[tokio::test]
async fn the_views_show_candles_of_all_timeframes_and_levels() {
    let Some((store, database)) = support::store().await else { return };
    let mut changes = support::trades(3);
    for timeframe in onetape_domain::time::Timeframe::ALL {
        changes.candles.extend(support::candles(timeframe, 1));
    }
    store.append(&support::batch(200_000, changes), None).await.unwrap();
    let mut connection = support::connect(&database).await;
    let timeframes: Vec<String> = sqlx::query_scalar(
        "SELECT timeframe FROM ohlcv_data WHERE symbol = 'ETH/USDT' AND source = 'derived' ORDER BY 1",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    assert_eq!(timeframes, ["15m", "1d", "1h", "1m", "1s", "5m"]);
    let insert = "INSERT INTO order_book_snapshots VALUES ('ETH/USDT', 'binance', '2024-08-09', '2024-08-09 00:00:02', \
                  '2024-08-09', '2024-08-09', 1, 2, 3, false, false, true, 1, 100.5, 1, 1, 1, \
                  '{10000,9950}', '{1500,20}', '{10100}', '{5}', NULL)";
    sqlx::query(insert).execute(&mut connection).await.unwrap();
    let levels: Vec<(String, i64, String, String)> = sqlx::query_as(
        "SELECT side, level, price::text, size::text FROM order_book_levels WHERE symbol = 'ETH/USDT' ORDER BY side DESC, level",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    let expected = [("bid", 1, "100", "1.5"), ("bid", 2, "99.5", "0.02"), ("ask", 1, "101", "0.005")];
    let expected = expected.map(|(side, level, price, size)| (side.into(), level, price.into(), size.into()));
    assert_eq!(levels, expected);
}
