//! Settings: what a file may say, what is refused with which remedy, and what applying them changes.

use onetape_timescale::{DEFAULT_SETTINGS, Edition, Period, Settings, TimescaleStore};
use sqlx::PgConnection;

use crate::support;

fn days(days: i64) -> Period {
    Period::days(days).unwrap()
}

/// The fields of the violations, with what each says.
fn broken(text: &str) -> Vec<String> {
    let violations = Settings::parse(text).unwrap_err();
    violations.0.iter().map(ToString::to_string).collect()
}

fn assert_broken(text: &str, expected: &[(&str, &str)]) {
    let found = broken(text);
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (violation, (field, remedy)) in found.iter().zip(expected) {
        assert!(violation.starts_with(field) && violation.contains(remedy), "{violation}");
    }
}

#[test]
fn the_shipped_file_is_the_default_and_leaves_nothing_out() {
    assert_eq!(Settings::parse(DEFAULT_SETTINGS), Ok(Settings::default()));
    assert_eq!(Settings::parse(""), Ok(Settings::default()));
    let settings = Settings::default();
    let seed = [
        ("ohlcv_1s", Some(7), Some(730)),
        ("ohlcv_1d", Some(7), None),
        ("trade_events", Some(7), Some(90)),
        ("order_book_snapshots", Some(3), Some(30)),
        ("order_book_1s_agg", Some(3), Some(60)),
        ("order_book_imbalances", Some(3), Some(60)),
    ];
    for (table, compress, retain) in seed {
        let periods = settings.table(table).unwrap();
        assert_eq!(
            (periods.compress_after, periods.retain_for),
            (compress.map(days), retain.map(days)),
            "{table}"
        );
    }
    assert_eq!(settings.table("quarantine"), None);
}

#[test]
fn a_file_changes_what_it_names_and_nothing_else() {
    let text = "[tables.trade_events]\nretain_for = \"2 weeks\"\n[tables.ohlcv_1m]\ncompress_after = \"never\"\n\
                [aggregates]\nrefresh_every = \"90 seconds\"";
    let settings = Settings::parse(text).unwrap();
    let default = Settings::default();
    assert_eq!(settings.table("trade_events").unwrap().retain_for, Some(days(14)));
    assert_eq!(settings.table("trade_events").unwrap().compress_after, Some(days(7)));
    assert_eq!(settings.table("ohlcv_1m").unwrap().compress_after, None);
    assert_eq!(settings.table("ohlcv_1s"), default.table("ohlcv_1s"));
    assert_eq!(settings.refresh().every.to_string(), "90 seconds");
    assert_eq!(settings.refresh().from, default.refresh().from);
}

#[test]
fn everything_unreadable_is_reported_at_once() {
    let text = "[tables.trade_event]\nretain_for = \"1 day\"\n[tables.ohlcv_1s]\nchunk = \"1 day\"\n\
                compress_after = 7\nretain_for = \"2 years\"\n[late_data]\nlateness = \"never\"\n[other]\n";
    assert_broken(
        text,
        &[
            ("other", "late_data, aggregates, tables"),
            ("late_data.lateness", "as in `7 days`"),
            ("tables.trade_event", "trade_events"),
            ("tables.ohlcv_1s.chunk", "chunk_interval"),
            ("tables.ohlcv_1s.compress_after", "must be a text"),
            ("tables.ohlcv_1s.retain_for", "as in `7 days`: got `2 years`"),
        ],
    );
    assert_broken("a = 1\nb = = 2", &[("settings, line 2", "must be TOML")]);
}

#[test]
fn compression_inside_the_time_of_late_data_is_refused() {
    let text = "[tables.order_book_snapshots]\ncompress_after = \"1 day\"\n[tables.ohlcv_1s]\ncompress_after = \"2 days\"";
    assert_broken(
        text,
        &[
            ("tables.ohlcv_1s.compress_after", "give at least 49 hours"),
            ("tables.order_book_snapshots.compress_after", "late_data.repair_horizon"),
        ],
    );
}

#[test]
fn retention_inside_the_refresh_window_is_refused() {
    let text = "[tables.ohlcv_1s]\nretain_for = \"30 days\"";
    assert_broken(text, &[("aggregates.refresh_from", "deletes the aggregate: give less than")]);
    assert!(Settings::parse("[tables.ohlcv_1s]\nretain_for = \"31 days\"").is_ok());
    assert_broken(
        "[aggregates]\nrefresh_from = \"49 hours\"\nrefresh_until = \"2 hours\"",
        &[("aggregates.refresh_from", "2 days longer")],
    );
}

#[test]
fn retention_must_leave_time_for_compression_and_repair() {
    let text = "[tables.trade_events]\nretain_for = \"7 days\"\n[tables.order_book_imbalances]\nretain_for = \"1 day\"\n\
                compress_after = \"never\"";
    assert_broken(
        text,
        &[
            ("tables.trade_events.retain_for", "compress_after = \"never\""),
            ("tables.order_book_imbalances.retain_for", "may still be repaired"),
        ],
    );
}

#[test]
fn what_others_rest_on_is_kept_as_long_as_they_are() {
    let text = "[tables.ohlcv_5m]\nretain_for = \"100 days\"\n[tables.ohlcv_superseded]\nretain_for = \"100 days\"\n\
                [tables.stream_coverage]\nretain_for = \"100 days\"\n[tables.ohlcv_1h]\nchunk_interval = \"36 hours\"";
    assert_broken(
        text,
        &[
            ("tables.ohlcv_1h.chunk_interval", "whole days"),
            ("tables.ohlcv_5m.retain_for", "before ohlcv_1m, which is kept 1825 days"),
            ("tables.ohlcv_superseded.retain_for", "which is kept forever"),
            ("tables.stream_coverage.retain_for", "before ohlcv_1s, which is kept 730 days"),
        ],
    );
}

/// Chunk lengths, policies and aggregates, as the server tells them.
async fn layout(connection: &mut PgConnection) -> Vec<String> {
    sqlx::query_scalar(
        "SELECT format('%s %s', hypertable_name, time_interval) FROM timescaledb_information.dimensions
         UNION ALL SELECT format('job %s %s %s %s', job_id, proc_name, hypertable_name, config - 'hypertable_id')
         FROM timescaledb_information.jobs WHERE job_id >= 1000
         UNION ALL SELECT format('%s %s %s', oid, relname, relkind) FROM pg_class WHERE relname ~ '_continuous$'
         ORDER BY 1",
    )
    .fetch_all(connection)
    .await
    .unwrap()
}

#[tokio::test]
async fn setting_up_twice_is_the_same_as_once() {
    let Some((store, database)) = support::store().await else { return };
    let mut connection = support::connect(&database).await;
    let once = layout(&mut connection).await;
    assert_eq!(store.settings().await.unwrap(), Settings::default());
    TimescaleStore::setup_url(database.url()).await.unwrap();
    TimescaleStore::setup_url_with(database.url(), &Settings::default()).await.unwrap();
    store.migrate().await.unwrap();
    assert_eq!(layout(&mut connection).await, once);
    let policies = once.iter().filter(|line| line.starts_with("job")).count();
    match store.verify().await.unwrap() {
        // 14 of compression, 8 of retention and 2 of the aggregates' own, 5 of refresh.
        Edition::Community => assert_eq!(policies, 29, "{once:#?}"),
        Edition::Apache => assert_eq!(policies, 0, "{once:#?}"),
    }
}

#[tokio::test]
async fn changed_settings_are_applied_kept_and_taken_back() {
    let Some((store, database)) = support::store().await else { return };
    let mut connection = support::connect(&database).await;
    let before = layout(&mut connection).await;
    let text = "[tables.trade_events]\nchunk_interval = \"6 hours\"\ncompress_after = \"4 days\"\nretain_for = \"20 days\"\n\
                [tables.ohlcv_1m]\ncompress_after = \"never\"\nretain_for = \"800 days\"\n\
                [aggregates]\nrefresh_from = \"10 days\"";
    let changed = Settings::parse(text).unwrap();
    TimescaleStore::setup_url_with(database.url(), &changed).await.unwrap();
    // A later migration goes by what is stored.
    store.migrate().await.unwrap();
    assert_eq!(store.settings().await.unwrap(), changed);
    let after = layout(&mut connection).await;
    let has = |words: &[&str]| after.iter().any(|line| words.iter().all(|word| line.contains(word)));
    assert!(has(&["trade_events 06:00:00"]), "{after:#?}");
    if store.verify().await.unwrap() == Edition::Community {
        assert!(has(&["policy_compression", "trade_events", "4 days"]), "{after:#?}");
        assert!(has(&["policy_retention", "trade_events", "20 days"]), "{after:#?}");
        assert!(!has(&["policy_compression", "ohlcv_1m"]), "{after:#?}");
        assert!(has(&["policy_retention", "ohlcv_1m_continuous", "800 days"]), "{after:#?}");
        assert!(has(&["policy_refresh", "ohlcv_1d_continuous", "10 days"]), "{after:#?}");
    }
    store.apply_settings(&Settings::default()).await.unwrap();
    let without_ids = |lines: Vec<String>| -> Vec<String> {
        let mut lines: Vec<_> = lines
            .iter()
            .map(|line| line.trim_start_matches(|c: char| !c.is_alphabetic()).to_owned())
            .collect();
        lines.iter_mut().for_each(|line| {
            if let Some(rest) = line.strip_prefix("job ") {
                *line = rest.trim_start_matches(|c: char| c.is_ascii_digit()).to_owned();
            }
        });
        lines.sort();
        lines
    };
    assert_eq!(without_ids(layout(&mut connection).await), without_ids(before));
}

#[tokio::test]
async fn stored_settings_that_break_a_rule_are_refused_with_the_remedy() {
    let Some((store, database)) = support::store().await else { return };
    let mut connection = support::connect(&database).await;
    sqlx::query("UPDATE table_settings SET retain_for = '1 day' WHERE table_name = 'trade_events'")
        .execute(&mut connection)
        .await
        .unwrap();
    for error in [store.settings().await.unwrap_err(), store.migrate().await.unwrap_err()] {
        assert!(error.to_string().contains("tables.trade_events.retain_for"), "{error}");
        assert!(error.to_string().contains("onetape db setup --settings FILE"), "{error}");
    }
    store.apply_settings(&Settings::default()).await.unwrap();
    assert_eq!(store.settings().await.unwrap(), Settings::default());
}

#[tokio::test]
async fn aggregates_have_one_name_and_shape_on_both_editions_and_views_make_way() {
    let Some((store, database)) = support::store().await else { return };
    let mut connection = support::connect(&database).await;
    let columns = |table: String| {
        sqlx::query_scalar::<_, String>(
            "SELECT format('%s %s', column_name, data_type) FROM information_schema.columns
             WHERE table_name = $1 ORDER BY ordinal_position",
        )
        .bind(table)
    };
    let expected = [
        "timestamp timestamp with time zone",
        "symbol text",
        "timeframe text",
        "open_price numeric",
        "high_price numeric",
        "low_price numeric",
        "close_price numeric",
        "volume numeric",
        "trade_count bigint",
        "exchange text",
        "taker_buy_volume numeric",
    ];
    for timeframe in ["1m", "5m", "15m", "1h", "1d"] {
        let name = format!("ohlcv_{timeframe}_continuous");
        assert_eq!(columns(name).fetch_all(&mut connection).await.unwrap(), expected);
    }
    if store.verify().await.unwrap() == Edition::Apache {
        return;
    }
    // As a database that was on the Apache edition before.
    for timeframe in ["1d", "1h", "15m", "5m", "1m"] {
        let drop = format!("DROP MATERIALIZED VIEW ohlcv_{timeframe}_continuous");
        sqlx::query(&drop).execute(&mut connection).await.unwrap();
        let view = format!("CREATE VIEW ohlcv_{timeframe}_continuous AS SELECT * FROM ohlcv_{timeframe}");
        sqlx::query(&view).execute(&mut connection).await.unwrap();
    }
    store.migrate().await.unwrap();
    let continuous: i64 =
        sqlx::query_scalar("SELECT count(*) FROM timescaledb_information.continuous_aggregates")
            .fetch_one(&mut connection)
            .await
            .unwrap();
    assert_eq!(continuous, 5);
}
