//! How the hot reads are planned: by key, never by looking through a table, and without sorting.

use sqlx::{Executor, Row, SqliteConnection};

use crate::support::{Folder, connect, market};

/// Every statement on tables of market data that reads or drops, with the word that a sort would be told by.
const STATEMENTS: [(&str, &str); 32] = [
    ("archive_superseded_page", include_str!("../../src/queries/archive_superseded_page.sql")),
    ("book_last_available", include_str!("../../src/queries/book_last_available.sql")),
    ("books_back", include_str!("../../src/queries/books_back.sql")),
    ("books_minutes", include_str!("../../src/queries/books_minutes.sql")),
    ("books_minutes_back", include_str!("../../src/queries/books_minutes_back.sql")),
    ("books_newest_second", include_str!("../../src/queries/books_newest_second.sql")),
    ("books_page", include_str!("../../src/queries/books_page.sql")),
    ("books_start", include_str!("../../src/queries/books_start.sql")),
    ("candle", include_str!("../../src/queries/candle.sql")),
    ("candles_page", include_str!("../../src/queries/candles_page.sql")),
    ("candles_start", include_str!("../../src/queries/candles_start.sql")),
    ("coverage_page", include_str!("../../src/queries/coverage_page.sql")),
    ("coverage_start", include_str!("../../src/queries/coverage_start.sql")),
    ("coverage_watermark", include_str!("../../src/queries/coverage_watermark.sql")),
    ("drop", include_str!("../../src/queries/drop.sql")),
    ("drop_coverage", include_str!("../../src/queries/drop_coverage.sql")),
    ("drop_end", include_str!("../../src/queries/drop_end.sql")),
    ("drop_superseded", include_str!("../../src/queries/drop_superseded.sql")),
    ("extent", include_str!("../../src/queries/extent.sql")),
    ("frame", include_str!("../../src/queries/frame.sql")),
    ("imbalances_page", include_str!("../../src/queries/imbalances_page.sql")),
    ("imbalances_start", include_str!("../../src/queries/imbalances_start.sql")),
    ("manifests/any_between", include_str!("../../src/queries/manifests/any_between.sql")),
    ("manifests/candles_at", include_str!("../../src/queries/manifests/candles_at.sql")),
    ("manifests/candles_page", include_str!("../../src/queries/manifests/candles_page.sql")),
    ("manifests/parts", include_str!("../../src/queries/manifests/parts.sql")),
    ("manifests/refused_page", include_str!("../../src/queries/manifests/refused_page.sql")),
    ("manifests/tables", include_str!("../../src/queries/manifests/tables.sql")),
    ("probe", include_str!("../../src/queries/probe.sql")),
    ("runs", include_str!("../../src/queries/runs.sql")),
    ("trades_page", include_str!("../../src/queries/trades_page.sql")),
    ("trades_start", include_str!("../../src/queries/trades_start.sql")),
];

/// What a plan may look through: rows of its own making.
const OWN: [&str; 9] = [
    "SCAN wanted",
    "SCAN minute",
    "SCAN (subquery",
    "SCAN line",
    "SCAN CONSTANT ROW",
    "SCAN SUBQUERY",
    "SCAN (join",
    "SCAN close_price",
    "SCAN known",
];

async fn explain(connection: &mut SqliteConnection, sql: &str) -> Vec<String> {
    let explain = format!("EXPLAIN QUERY PLAN {sql}");
    let rows = connection.fetch_all(explain.as_str()).await.expect("a plan");
    rows.iter().map(|row| row.get::<String, _>("detail")).collect()
}

async fn check(connection: &mut SqliteConnection) {
    for (name, sql) in STATEMENTS {
        let plan = explain(connection, sql).await;
        let text = plan.join("\n");
        for line in &plan {
            let scans = line.contains("SCAN ") && !OWN.iter().any(|own| line.starts_with(own));
            assert!(!scans, "{name} looks through a table: {line}\n{text}");
        }
        assert!(!text.contains("TEMP B-TREE"), "{name} sorts:\n{text}");
    }
}

#[tokio::test]
async fn hot_reads_go_by_key_without_and_with_statistics() {
    let folder = Folder::new();
    let store = folder.store().await;
    let mut connection = connect(store.path()).await;
    check(&mut connection).await;
    market(120).write(&store).await.expect("written");
    connection.execute("ANALYZE").await.expect("analysed");
    drop(connection);
    check(&mut connect(store.path()).await).await;
}

#[tokio::test]
async fn the_keys_are_used_down_to_time() {
    let folder = Folder::new();
    let store = folder.store().await;
    let mut connection = connect(store.path()).await;
    for (name, part) in [
        ("candles_page", "SEARCH candle USING PRIMARY KEY (instrument=? AND timestamp>? AND timestamp<?)"),
        ("trades_page", "SEARCH trade_events USING PRIMARY KEY (instrument=? AND "),
        ("books_page", "SEARCH book USING PRIMARY KEY (instrument=? AND "),
        ("imbalances_page", "USING PRIMARY KEY (instrument=? AND timestamp>? AND timestamp<?)"),
        ("coverage_page", "SEARCH stream_coverage USING PRIMARY KEY (instrument=? AND "),
        ("frame", "SEARCH candle USING PRIMARY KEY (instrument=? AND timestamp<?)"),
        ("frame", "SEARCH book USING PRIMARY KEY (instrument=? AND timestamp=? AND available_at=?)"),
        ("frame", "SEARCH old USING PRIMARY KEY (instrument=? AND timeframe=? AND timestamp=?)"),
        ("manifests/candles_page", "PRIMARY KEY (import=? AND timeframe=? AND timestamp>? AND timestamp<?)"),
        ("manifests/candles_at", "PRIMARY KEY (import=? AND timeframe=? AND timestamp=?)"),
        ("manifests/refused_page", "PRIMARY KEY (run=? AND (table_position,row_number)>(?,?))"),
        ("book_last_available", "order_book_snapshots_known (instrument=? AND available_at<?)"),
        ("runs", "stream_coverage_runs_end (instrument=? AND furthest_end>?)"),
    ] {
        let (_, sql) = STATEMENTS.iter().find(|(one, _)| *one == name).expect("listed");
        let plan = explain(&mut connection, sql).await.join("\n");
        assert!(plan.contains(part), "{name} lacks {part}:\n{plan}");
    }
}
