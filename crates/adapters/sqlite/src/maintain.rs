//! Maintenance: rows that the settings let go, room that they leave, and what SQLite wants done from time to time.
//!
//! Rows go by slices, a transaction each, so that a writer waits for one slice at most and a run that is broken off has
//! done a part of its work.

mod report;

pub use report::{DroppedRows, MaintenanceReport};

use onetape_domain::time::{Timeframe, Timestamp};
use onetape_ports::{StoreError, WallClock};
use sqlx::{Executor as _, SqliteConnection};

use crate::arguments::Arguments;
use crate::error::failed;
use crate::session::{self, Session};
use crate::store::SqliteStore;

const MAINTAIN: &str = "maintain the store";

/// Rows that go in one transaction.
const SLICE: usize = 20_000;
/// Free pages of a hundred that a file keeps, for the rows to come.
const KEPT_FREE_PERCENT: i64 = 10;
/// Pages given back in one transaction.
const VACUUM_PAGES: i64 = 2_000;

/// The two statements of a table: where a slice ends, and what drops it.
#[derive(Debug)]
struct Drop {
    table: &'static str,
    end: String,
    drop: String,
    /// The rows of one timeframe only.
    timeframe: Option<Timeframe>,
}

impl Drop {
    /// By table; replaced candles timeframe by timeframe, as their key has it.
    fn of(table: &'static str) -> Vec<Self> {
        let (end, drop) = match table {
            "stream_coverage" => {
                (include_str!("queries/drop_coverage_end.sql"), include_str!("queries/drop_coverage.sql"))
            }
            "ohlcv_superseded" => {
                (include_str!("queries/drop_superseded_end.sql"), include_str!("queries/drop_superseded.sql"))
            }
            _ => (include_str!("queries/drop_end.sql"), include_str!("queries/drop.sql")),
        };
        let one = |timeframe| Self {
            table,
            end: end.replace("ohlcv_1s", table),
            drop: drop.replace("ohlcv_1s", table),
            timeframe,
        };
        if table == "ohlcv_superseded" {
            return Timeframe::ALL.into_iter().map(|timeframe| one(Some(timeframe))).collect();
        }
        vec![one(None)]
    }

    fn arguments(&self, instrument: i64, before: Timestamp) -> Arguments {
        let mut arguments = Arguments::new();
        arguments.add(instrument).time(before);
        if let Some(timeframe) = self.timeframe {
            arguments.add(timeframe.as_str());
        }
        arguments
    }
}

impl SqliteStore {
    /// Does what is due by the settings, as of the clock's time: drops rows that are too old, gives back the room of
    /// many, refreshes the planner's statistics and empties the write-ahead log. Doing it again at once changes nothing.
    ///
    /// # Errors
    /// What the file's reading and writing report.
    pub async fn maintain(&self, clock: &dyn WallClock) -> Result<MaintenanceReport, StoreError> {
        let begin = clock.monotonic_micros();
        let millis_since =
            |begin: i64| u64::try_from((clock.monotonic_micros() - begin) / 1_000).unwrap_or(0);
        let mut report = MaintenanceReport::default();
        let settings = self.settings().await?;
        let instruments = self.instrument_ids().await?;
        for (table, period) in settings.tables() {
            let Some(period) = period else { continue };
            let begin = clock.monotonic_micros();
            let cutoff = clock.now().plus(-period.micros());
            let mut rows = 0;
            for instrument in &instruments {
                for drop in Drop::of(table) {
                    rows += self.drop_older(*instrument, &drop, cutoff).await?;
                }
            }
            if rows > 0 {
                report.dropped.push(DroppedRows {
                    table: table.to_owned(),
                    rows,
                    duration_ms: millis_since(begin),
                });
            }
        }
        report.freed_bytes = self.give_back().await?;
        self.tidy().await?;
        report.duration_ms = millis_since(begin);
        self.note(clock.now(), report.duration_ms).await?;
        tracing::info!(
            maintenance.rows_dropped = report.dropped.iter().map(|table| table.rows).sum::<u64>(),
            maintenance.freed_bytes = report.freed_bytes,
            duration_ms = report.duration_ms,
            "maintenance is done",
        );
        Ok(report)
    }

    async fn instrument_ids(&self) -> Result<Vec<i64>, StoreError> {
        sqlx::query_scalar(include_str!("queries/instrument_ids.sql"))
            .fetch_all(self.readers().settled().await)
            .await
            .map_err(failed(MAINTAIN))
    }

    /// Drops rows of an instrument that are older; says how many.
    async fn drop_older(&self, instrument: i64, drop: &Drop, cutoff: Timestamp) -> Result<u64, StoreError> {
        let mut rows = 0;
        loop {
            let mut session = Session::begin(self.writer(), session::WRITE, MAINTAIN).await?;
            let slice = drop_slice(session.connection()?, instrument, drop, cutoff).await;
            let (dropped, is_last) = session.finish(slice).await?;
            rows += dropped;
            if is_last {
                return Ok(rows);
            }
        }
    }

    /// Gives pages back to the file system, where more are free than the rows to come can use soon.
    async fn give_back(&self) -> Result<u64, StoreError> {
        let mut freed = 0;
        loop {
            let mut connection = self.writer().settled().await.acquire().await.map_err(failed(MAINTAIN))?;
            let (pages, free, page_bytes) = free_pages(&mut connection, MAINTAIN).await?;
            let due = (free - pages * KEPT_FREE_PERCENT / 100).min(VACUUM_PAGES);
            if due <= 0 {
                return Ok(freed);
            }
            let statement = format!("PRAGMA incremental_vacuum({due})");
            connection.execute(statement.as_str()).await.map_err(failed(MAINTAIN))?;
            let (after, ..) = free_pages(&mut connection, MAINTAIN).await?;
            if after >= pages {
                // A file that was not made for it.
                return Ok(freed);
            }
            freed += u64::try_from((pages - after) * page_bytes).unwrap_or(0);
        }
    }

    /// Statistics, and the write-ahead log into the file. Readers at work keep the log a little longer.
    async fn tidy(&self) -> Result<(), StoreError> {
        let mut connection = self.writer().settled().await.acquire().await.map_err(failed(MAINTAIN))?;
        for statement in ["PRAGMA optimize", "PRAGMA wal_checkpoint(TRUNCATE)"] {
            connection.execute(statement).await.map_err(failed(MAINTAIN))?;
        }
        Ok(())
    }

    /// Leaves behind that it ran, for whoever asks whether it does.
    async fn note(&self, now: Timestamp, duration_ms: u64) -> Result<(), StoreError> {
        sqlx::query(include_str!("queries/write_maintenance.sql"))
            .bind(now.micros())
            .bind(i64::try_from(duration_ms).unwrap_or(i64::MAX))
            .execute(self.writer().settled().await)
            .await
            .map(drop)
            .map_err(failed(MAINTAIN))
    }
}

/// How many went, and whether they were the last. That rows went is noted with their going.
async fn drop_slice(
    connection: &mut SqliteConnection,
    instrument: i64,
    what: &Drop,
    cutoff: Timestamp,
) -> Result<(u64, bool), StoreError> {
    let mut arguments = what.arguments(instrument, cutoff);
    arguments.count(SLICE);
    let end: Option<i64> = sqlx::query_scalar_with(&what.end, arguments.done().map_err(failed(MAINTAIN))?)
        .fetch_optional(&mut *connection)
        .await
        .map_err(failed(MAINTAIN))?;
    // Rows of one instant go together.
    let before = end.map_or(cutoff, |end| Timestamp::from_micros(end).plus(1).min(cutoff));
    let arguments = what.arguments(instrument, before).done().map_err(failed(MAINTAIN))?;
    let dropped = sqlx::query_with(&what.drop, arguments)
        .execute(&mut *connection)
        .await
        .map_err(failed(MAINTAIN))?
        .rows_affected();
    if dropped > 0 {
        sqlx::query(include_str!("queries/write_expired.sql"))
            .bind(instrument)
            .bind(what.table)
            .bind(cutoff.micros())
            .execute(connection)
            .await
            .map_err(failed(MAINTAIN))?;
    }
    Ok((dropped, end.is_none()))
}

/// Pages of the file, those of them that are free, and the size of one.
pub(crate) async fn free_pages(
    connection: &mut SqliteConnection,
    operation: &'static str,
) -> Result<(i64, i64, i64), StoreError> {
    sqlx::query_as(include_str!("queries/free_pages.sql"))
        .fetch_one(connection)
        .await
        .map_err(failed(operation))
}
