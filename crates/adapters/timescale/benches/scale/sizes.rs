//! What rows take up: bytes a row with indexes, in the rowstore and compressed, and how much a day of tape adds.

use onetape_domain::time::{SECOND, Timestamp};
use sqlx::types::chrono::{DateTime, Utc};
use sqlx::{Connection, PgConnection};

use crate::load::{Outcome, now};
use crate::report::row;

/// Tables, what a row of each is, and the budget of a compressed one in bytes.
const TABLES: [(&str, &str, &str, Option<f64>); 10] = [
    ("ohlcv_1s", "timestamp", "a 1 s candle", Some(22.0)),
    ("ohlcv_1m", "timestamp", "a 1 m candle", None),
    ("ohlcv_5m", "timestamp", "a 5 m candle", None),
    ("ohlcv_15m", "timestamp", "a 15 m candle", None),
    ("ohlcv_1h", "timestamp", "a 1 h candle", None),
    ("trade_events", "timestamp", "a trade", Some(18.0)),
    ("order_book_snapshots", "timestamp", "a book of 2 × 50 levels", Some(230.0)),
    ("order_book_1s_agg", "timestamp", "a price bucket", None),
    ("order_book_imbalances", "timestamp", "the imbalances of a second", None),
    ("stream_coverage", "available_at", "a coverage row", None),
];

/// Compresses every chunk that is not yet; says how many, and how long it took.
pub(crate) async fn compress(url: &str) -> Outcome<(usize, f64)> {
    let mut connection = PgConnection::connect(url).await?;
    let begin = now();
    let mut count = 0;
    for (table, ..) in TABLES {
        let chunks: Vec<String> = sqlx::query_scalar(
            "SELECT format('%I.%I', chunk_schema, chunk_name) FROM timescaledb_information.chunks
             WHERE hypertable_name = $1 AND hypertable_schema = current_schema() AND NOT is_compressed
             ORDER BY range_start",
        )
        .bind(table)
        .fetch_all(&mut connection)
        .await?;
        for chunk in chunks {
            sqlx::query(include_str!("../../src/queries/maintain/compress_chunk.sql"))
                .bind(&chunk)
                .execute(&mut connection)
                .await?;
            count += 1;
            eprint!("\r{table}: {count} chunks compressed, {:.0} s ", begin.elapsed().as_secs_f64());
        }
    }
    if count > 0 {
        eprintln!();
    }
    connection.close().await?;
    Ok((count, begin.elapsed().as_secs_f64()))
}

/// Whether a database has compressed chunks.
pub(crate) async fn is_compressed(url: &str) -> Outcome<bool> {
    let mut connection = PgConnection::connect(url).await?;
    let any =
        sqlx::query_scalar("SELECT EXISTS (SELECT FROM timescaledb_information.chunks WHERE is_compressed)")
            .fetch_one(&mut connection)
            .await?;
    connection.close().await?;
    Ok(any)
}

/// One line a table; a day of tape is the one before `end`.
pub(crate) async fn report(url: &str, end: Timestamp) -> Outcome<()> {
    let mut connection = PgConnection::connect(url).await?;
    let time = |time: Timestamp| -> Outcome<DateTime<Utc>> { Ok(time.to_datetime().ok_or("no date")?) };
    let (from, until) = (time(end.plus(-86_400 * SECOND))?, time(end)?);
    for (table, column, what, budget) in TABLES {
        let counts =
            format!("SELECT count(*), count(*) FILTER (WHERE {column} >= $1 AND {column} < $2) FROM {table}");
        let (rows, of_a_day): (i64, i64) =
            sqlx::query_as(&counts).bind(from).bind(until).fetch_one(&mut connection).await?;
        let now: i64 = sqlx::query_scalar(
            "SELECT coalesce(sum(total_bytes), 0)::bigint FROM chunks_detailed_size($1::text::regclass)",
        )
        .bind(table)
        .fetch_one(&mut connection)
        .await?;
        let compressed: Option<(Option<i64>, Option<i64>)> = sqlx::query_as(
            "SELECT sum(before_compression_total_bytes)::bigint, sum(after_compression_total_bytes)::bigint
             FROM chunk_compression_stats($1::text::regclass)",
        )
        .bind(table)
        .fetch_one(&mut connection)
        .await
        .ok();
        let each = |bytes: i64| bytes as f64 / rows.max(1) as f64;
        let growth = |bytes: i64| each(bytes) * of_a_day as f64 / 1e6;
        let budget = budget.map(|budget| format!("budget {budget:.0} B")).unwrap_or_default();
        match compressed {
            Some((Some(before), Some(after))) => row(
                &format!("{what} ({table}, {rows} rows)"),
                &format!("{:.1} B compressed, {:.1} B before", each(after), each(before)),
                &format!("{budget} {:.1} MB a day, {:.1} before", growth(after), growth(before)),
                Some(before as f64 / after as f64),
            ),
            _ => row(
                &format!("{what} ({table}, {rows} rows)"),
                &format!("{:.1} B", each(now)),
                &format!("{:.1} MB a day", growth(now)),
                None,
            ),
        }
    }
    connection.close().await?;
    Ok(())
}
