//! Late rows into compressed chunks, beyond what the server decompresses in one transaction.
//!
//! A few late rows go in as they are: the server decompresses the batches they may collide with. Where a repair
//! touches more than its limit (100,000 rows by default) it refuses the transaction. A batch cannot be split, since
//! its rows and its clock belong together; so the chunks it touches are decompressed before it, one transaction each,
//! and the next maintenance compresses them again.

use std::collections::BTreeMap;

use onetape_domain::change::{Changes, TapeBatch};
use onetape_domain::time::Timestamp;
use onetape_ports::StoreError;

use crate::error::{answer, failed};
use crate::micros::Micros;
use crate::pools::Pool;
use crate::session::Session;

const DECOMPRESS: &str = "decompress a chunk";
/// Begins a transaction that may take longer than a statement of the write path.
const BEGIN: &str = "BEGIN; SET LOCAL statement_timeout = 0";
/// `configuration_limit_exceeded`.
const LIMIT_EXCEEDED: &str = "53400";

/// Whether the server refused a transaction for the rows it would have had to decompress.
pub(super) fn is_limit(error: &StoreError) -> bool {
    answer(error).is_some_and(|error| {
        error.code().as_deref() == Some(LIMIT_EXCEEDED) && error.message().contains("decompression")
    })
}

/// Decompresses the chunks that a batch's rows belong to; says how many.
pub(super) async fn decompress(pool: &Pool, batch: &TapeBatch) -> Result<usize, StoreError> {
    let mut decompressed = 0;
    for (table, times) in times(&batch.changes) {
        let times: Vec<Micros> = times.into_iter().map(Micros).collect();
        let mut session = Session::single(pool, DECOMPRESS).await?;
        let chunks: Vec<String> = sqlx::query_scalar(include_str!("../queries/compressed_chunks_at.sql"))
            .bind(&table)
            .bind(times)
            .fetch_all(session.connection()?)
            .await
            .map_err(failed(DECOMPRESS))?;
        session.commit().await?;
        for chunk in chunks {
            tracing::warn!(
                chunk.table = table,
                chunk.name = chunk,
                batch.instrument = %batch.instrument,
                "late rows reach too much of a compressed chunk: it is decompressed for them"
            );
            let mut session = Session::begin(pool, BEGIN, DECOMPRESS).await?;
            sqlx::query(include_str!("../queries/decompress_chunk.sql"))
                .bind(&chunk)
                .execute(session.connection()?)
                .await
                .map_err(failed(DECOMPRESS))?;
            session.commit().await?;
            decompressed += 1;
        }
    }
    Ok(decompressed)
}

/// The times of a batch's rows, by table.
fn times(changes: &Changes) -> BTreeMap<String, Vec<Timestamp>> {
    let Changes { trades, candles, books, imbalances, coverage, imports: _ } = changes;
    let mut times = BTreeMap::<String, Vec<Timestamp>>::new();
    for change in candles {
        let (timeframe, open_time) = (change.candle.timeframe(), change.candle.open_time());
        times.entry(format!("ohlcv_{timeframe}")).or_default().push(open_time);
        times.entry("ohlcv_superseded".to_owned()).or_default().push(open_time);
    }
    let mut add = |table: &str, of: Vec<Timestamp>| drop(times.insert(table.to_owned(), of));
    add("trade_events", trades.iter().map(|row| row.key.event_time).collect());
    add("order_book_snapshots", books.iter().map(|row| row.second()).collect());
    add("order_book_1s_agg", books.iter().map(|row| row.second()).collect());
    add("order_book_imbalances", imbalances.iter().map(|row| row.second).collect());
    add("stream_coverage", coverage.iter().map(|row| row.available_at).collect());
    times.retain(|_, of| !of.is_empty());
    times
}
