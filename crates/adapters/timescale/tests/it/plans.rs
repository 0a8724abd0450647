//! How the hot reads are planned: few chunks, by index, without sorting a range.

use onetape_domain::change::Changes;
use onetape_domain::time::{SECOND, Timeframe};
use onetape_ports::TapeStore;
use sqlx::PgConnection;

use crate::sql_face::import;
use crate::support::{START, batch, candles, connect, store};

/// Plans a query for literal arguments, as the store plans it for its own.
async fn explain(connection: &mut PgConnection, query: &str, arguments: &[&str]) -> String {
    for setting in
        ["plan_cache_mode = force_custom_plan", "cursor_tuple_fraction = 0", "enable_seqscan = off"]
    {
        sqlx::query(&format!("SET {setting}")).execute(&mut *connection).await.unwrap();
    }
    sqlx::query("DEALLOCATE ALL").execute(&mut *connection).await.unwrap();
    let mut text = query.to_owned();
    for (at, argument) in arguments.iter().enumerate().rev() {
        text = text.replace(&format!("${}", at + 1), argument);
    }
    let explain = format!("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {text}");
    let lines: Vec<String> = sqlx::query_scalar(&explain)
        .persistent(false)
        .fetch_all(connection)
        .await
        .expect("the plan of the query");
    lines.join("\n")
}

fn chunks(plan: &str) -> usize {
    plan.lines().filter(|line| line.contains("Scan") && line.contains("_chunk")).count()
}

fn instant(seconds: i64) -> String {
    format!("'{}'::timestamptz", START.plus(seconds * SECOND))
}

/// Five days of seconds, one in ten, in as many chunks.
async fn five_days(store: &impl TapeStore) {
    let mut changes = Changes::default();
    let sparse = candles(Timeframe::S1, 5 * 86_400).into_iter().step_by(10);
    changes.candles.extend(sparse);
    store.append(&batch(6 * 86_400, changes), None).await.unwrap();
}

#[tokio::test]
async fn the_last_candles_are_read_by_index_from_one_chunk() {
    let Some((store, database)) = store().await else { return };
    five_days(&store).await;
    let mut connection = connect(&database).await;
    let (as_of, lower) = (instant(2 * 86_400 + 40_000), instant(2 * 86_400 + 30_000));
    let arguments = ["'ETH/USDT'", "'binance'", "'1s'", &lower, &as_of, &as_of, "500"];
    let plan = explain(&mut connection, include_str!("../../src/queries/candles_last.sql"), &arguments).await;
    assert_eq!(chunks(&plan), 1, "{plan}");
    assert!(plan.contains("Index Scan Backward using"), "{plan}");
    assert!(!plan.contains("Seq Scan"), "{plan}");
}

#[tokio::test]
async fn a_range_of_candles_streams_in_index_order() {
    let Some((store, database)) = store().await else { return };
    five_days(&store).await;
    let mut connection = connect(&database).await;
    let (start, end) = (instant(86_400), instant(3 * 86_400));
    let arguments = ["'ETH/USDT'", "'binance'", "'1s'", &start, &end, &end];
    let plan =
        explain(&mut connection, include_str!("../../src/queries/candles_range.sql"), &arguments).await;
    assert_eq!(chunks(&plan), 2, "{plan}");
    assert!(plan.contains("Order: candle.\"timestamp\""), "{plan}");
    assert!(!plan.contains("Sort"), "{plan}");
}

#[tokio::test]
async fn a_frame_looks_at_the_chunks_around_its_instant_only() {
    let Some((store, database)) = store().await else { return };
    five_days(&store).await;
    let mut connection = connect(&database).await;
    let at = 2 * 86_400 + 40_000;
    let (as_of, lower) = (instant(at), instant(at - 8_000));
    let mut arguments = vec!["'ETH/USDT'", "'binance'", &*as_of, &*as_of, "500"];
    arguments.extend([&*lower; 12]);
    arguments.extend([&*as_of; 6]);
    arguments.extend([&*lower, &*as_of, &*lower, "8", "60", &*lower, &*lower, "false", &*lower]);
    let plan = explain(&mut connection, include_str!("../../src/queries/frame.sql"), &arguments).await;
    assert_eq!(chunks(&plan), 1, "{plan}");
    assert!(plan.contains("Index Scan Backward using"), "{plan}");
    assert!(!plan.contains("Seq Scan on _hyper"), "{plan}");
}

#[tokio::test]
async fn imported_candles_are_read_by_index_from_the_chunks_they_lie_in() {
    let Some((store, database)) = store().await else { return };
    // 300 days of hours, in chunks of 30 days.
    import(&store, "history", "files", Timeframe::H1, (0, 300 * 1_440), 100).await;
    let mut connection = connect(&database).await;
    let (lower, upper) = (instant(100 * 86_400), instant(110 * 86_400));
    let (lowers, uppers) = (format!("ARRAY[{lower}]"), format!("ARRAY[{upper}]"));
    let arguments = [
        "'ETH/USDT'",
        "'binance'",
        "ARRAY[0]",
        "ARRAY['files']",
        "ARRAY['history']",
        "ARRAY['1h']",
        &lowers,
        &uppers,
        "ARRAY[100]",
        &lower,
        &upper,
    ];
    let plan =
        explain(&mut connection, include_str!("../../src/queries/imports/candles.sql"), &arguments).await;
    assert!((1..=2).contains(&chunks(&plan)), "{plan}");
    assert!(plan.contains("Index Scan Backward using"), "{plan}");
    assert!(!plan.contains("Seq Scan on _hyper"), "{plan}");
}

#[tokio::test]
async fn an_import_is_looked_through_in_order_and_by_key() {
    let Some((store, database)) = store().await else { return };
    import(&store, "history", "files", Timeframe::H1, (0, 300 * 1_440), 100).await;
    let mut connection = connect(&database).await;
    let (lower, upper) = (instant(100 * 86_400), instant(150 * 86_400));
    let mut arguments = vec!["'ETH/USDT'", "'binance'", "'files'", "'history'", "'1h'", &*lower, &*upper];
    let sql = include_str!("../../src/queries/manifests/candles_range.sql");
    let plan = explain(&mut connection, sql, &arguments).await;
    assert!((2..=3).contains(&chunks(&plan)), "{plan}");
    assert!(plan.contains("Order: ohlcv_imported.\"timestamp\""), "{plan}");
    assert!(!plan.contains("Sort") && !plan.contains("Seq Scan"), "{plan}");
    let mut connection = connect(&database).await;
    let sql = include_str!("../../src/queries/manifests/any_between.sql");
    let plan = explain(&mut connection, sql, &arguments).await;
    assert!((2..=3).contains(&chunks(&plan)), "{plan}");
    assert!(!plan.contains("Seq Scan"), "{plan}");
    let instants = format!("ARRAY[{lower}, {upper}]");
    arguments.insert(5, &instants);
    for sql in [
        include_str!("../../src/queries/manifests/candles_at.sql"),
        include_str!("../../src/queries/manifests/remove_at.sql"),
    ] {
        let mut connection = connect(&database).await;
        let plan = explain(&mut connection, sql, &arguments).await;
        assert!((2..=3).contains(&chunks(&plan)), "{plan}");
        assert!(!plan.contains("Seq Scan on _hyper"), "{plan}");
    }
}

#[tokio::test]
async fn an_inventory_looks_at_the_first_and_the_last_chunk_and_at_few_rows() {
    let Some((store, database)) = store().await else { return };
    five_days(&store).await;
    let mut connection = connect(&database).await;
    let executed = |plan: &str| {
        let scans = plan.lines().filter(|line| line.contains("Scan") && line.contains("_chunk"));
        scans.filter(|line| !line.contains("never executed")).count()
    };
    let arguments = ["'ETH/USDT'", "'binance'", &instant(0), "5001"];
    let plan = explain(&mut connection, include_str!("../../src/queries/extent.sql"), &arguments).await;
    assert_eq!(executed(&plan), 3, "{plan}");
    assert!(!plan.contains("Sort") && !plan.contains("Seq Scan"), "{plan}");
    let mut connection = connect(&database).await;
    let arguments = ["'ETH/USDT'", "'binance'", &instant(86_400), &instant(86_400 + 3_600), "250"];
    let plan = explain(&mut connection, include_str!("../../src/queries/probe.sql"), &arguments).await;
    assert_eq!(executed(&plan), 2, "{plan}");
    assert!(!plan.contains("Sort") && !plan.contains("Seq Scan"), "{plan}");
}
