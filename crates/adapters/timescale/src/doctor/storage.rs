//! What is stored: whether it is maintained, how its chunks do, and what it takes.

use std::collections::BTreeMap;

use onetape_domain::time::Timestamp;
use onetape_ports::StoreError;

use super::{EXAMINE, Examination, Finding, TableHealth};
use crate::edition::Edition;
use crate::error::failed;
use crate::micros::Micros;
use crate::settings::{Period, TablePeriods};
use crate::status;

/// A store that was not maintained for so long is not maintained.
const MAINTENANCE_DUE: i64 = 2 * Period::DAY.micros();
/// What is due is overdue when it was not done for as long again.
const GRACE: i64 = 2 * Period::DAY.micros();
/// More chunks than these make every statement's planning slow.
const MANY_CHUNKS: u64 = 2_000;
/// Compression that saves less is worth a look, where there is enough to judge by.
const POOR_PERCENT: u64 = 50;
const ENOUGH_BYTES: u64 = 100 * 1024 * 1024;

type ChunkRow = (String, i64, i64, Option<Micros>, Option<Micros>);

/// Chunks of one table.
#[derive(Debug, Clone, Copy, Default)]
struct Chunks {
    count: u64,
    compressed: u64,
    /// Where the oldest one ends.
    oldest: Option<Timestamp>,
    /// Where the oldest one ends that is not compressed.
    oldest_uncompressed: Option<Timestamp>,
}

impl Examination<'_> {
    pub(super) async fn maintenance(&mut self) -> Result<(), StoreError> {
        let now = self.clock.now();
        let (finished, differences, holds): (Option<Micros>, Option<i64>, bool) =
            sqlx::query_as(include_str!("../queries/doctor/maintenance.sql"))
                .bind(Micros(now.plus(-Period::DAY.micros())))
                .fetch_one(self.pool()?)
                .await
                .map_err(failed(EXAMINE))?;
        let finished = finished.map(|Micros(finished)| finished);
        self.report.findings.push(maintained(now, finished, holds));
        if let Some(differences) = differences.filter(|count| *count > 0) {
            self.report.findings.push(Finding::error(
                "audit",
                format!(
                    "the last maintenance found {differences} candles that differ from their parts rolled up"
                ),
                "a row was changed past the writer, or lost",
                "run `onetape maintain`, which lists them; restore or replay that range",
            ));
        }
        Ok(())
    }

    pub(super) async fn tables(&mut self, edition: Edition) -> Result<(), StoreError> {
        let sizes = status::read(self.store.admin()).await?.tables;
        let chunks = self.chunks().await?;
        for table in sizes {
            let own = chunks.get(&table.name).copied().unwrap_or_default();
            let mut health = TableHealth {
                bytes: table.bytes,
                rows_estimate: table.rows_estimate,
                chunks: table.chunks,
                compressed_chunks: own.compressed,
                bytes_before: 0,
                bytes_after: 0,
                name: table.name,
            };
            if own.compressed > 0 && edition == Edition::Community {
                (health.bytes_before, health.bytes_after) = self.compressed(&health.name).await?;
            }
            self.report.tables.push(health);
        }
        let now = self.clock.now();
        let mut findings: Vec<Finding> = self.report.tables.iter().filter_map(poorly_compressed).collect();
        for (name, own) in &chunks {
            let periods = self.settings.as_ref().and_then(|settings| settings.table(name));
            findings.extend(periods.and_then(|periods| overdue(name, *own, periods, edition, now)));
            findings.extend(too_many(name, *own));
        }
        if findings.is_empty() {
            let count: u64 = chunks.values().map(|own| own.count).sum();
            let compressed: u64 = chunks.values().map(|own| own.compressed).sum();
            let what = format!("{count} chunks, {compressed} compressed; nothing is overdue");
            findings.push(Finding::ok("chunks", what));
        }
        self.report.findings.extend(findings);
        Ok(())
    }

    async fn chunks(&self) -> Result<BTreeMap<String, Chunks>, StoreError> {
        let rows: Vec<ChunkRow> = sqlx::query_as(include_str!("../queries/doctor/chunks.sql"))
            .fetch_all(self.pool()?)
            .await
            .map_err(failed(EXAMINE))?;
        let natural = |number: i64| u64::try_from(number).unwrap_or(0);
        let chunks = |(name, count, compressed, oldest, uncompressed): ChunkRow| {
            let time = |micros: Option<Micros>| micros.map(|Micros(time)| time);
            let (oldest, oldest_uncompressed) = (time(oldest), time(uncompressed));
            (
                name,
                Chunks {
                    count: natural(count),
                    compressed: natural(compressed),
                    oldest,
                    oldest_uncompressed,
                },
            )
        };
        Ok(rows.into_iter().map(chunks).collect())
    }

    async fn compressed(&self, name: &str) -> Result<(u64, u64), StoreError> {
        let (before, after): (i64, i64) = sqlx::query_as(include_str!("../queries/doctor/compression.sql"))
            .bind(name)
            .fetch_one(self.pool()?)
            .await
            .map_err(failed(EXAMINE))?;
        Ok((u64::try_from(before).unwrap_or(0), u64::try_from(after).unwrap_or(0)))
    }
}

fn maintained(now: Timestamp, finished: Option<Timestamp>, holds: bool) -> Finding {
    let why =
        "old rows are neither dropped nor audited, nor compressed where no policy works: the disk fills up";
    let remedy = "run `onetape maintain` from cron or a systemd timer, at least daily, or `onetape maintain --every 1h`";
    match finished {
        None if holds => Finding::warning("maintenance", "the store was never maintained", why, remedy),
        None => Finding::ok("maintenance", "the store holds nothing yet that is due"),
        Some(at) if now.micros() - at.micros() > MAINTENANCE_DUE => {
            Finding::warning("maintenance", format!("the store was last maintained at {at}"), why, remedy)
        }
        Some(at) => Finding::ok("maintenance", format!("the store was last maintained at {at}")),
    }
}

/// What should have been dropped or compressed long ago.
fn overdue(
    name: &str,
    chunks: Chunks,
    periods: TablePeriods,
    edition: Edition,
    now: Timestamp,
) -> Option<Finding> {
    let before = |age: Period| now.plus(-age.micros() - GRACE);
    let (drop, compress) = (periods.retain_for, periods.compress_after);
    if let Some((oldest, age)) = chunks.oldest.zip(drop).filter(|(oldest, age)| *oldest < before(*age)) {
        return Some(Finding::warning(
            "chunks",
            format!("{name} has chunks that ended by {oldest}, and is kept {age}"),
            "rows that should be gone fill the disk",
            "run `onetape maintain`; to keep them, set retain_for in the settings",
        ));
    }
    let uncompressed = chunks.oldest_uncompressed.filter(|_| edition == Edition::Community);
    let (oldest, age) = uncompressed.zip(compress).filter(|(oldest, age)| *oldest < before(*age))?;
    Some(Finding::warning(
        "compression",
        format!("{name} has uncompressed chunks that ended by {oldest}, and is to be compressed after {age}"),
        "they take several times the disk, and reads of old ranges are slower",
        "run `onetape maintain`, and see what the jobs say",
    ))
}

fn too_many(name: &str, chunks: Chunks) -> Option<Finding> {
    (chunks.count > MANY_CHUNKS).then(|| {
        Finding::warning(
            "chunks",
            format!("{name} has {} chunks", chunks.count),
            "planning a statement takes longer with each of them",
            "give the table a longer chunk_interval in the settings, or a shorter retain_for",
        )
    })
}

fn poorly_compressed(table: &TableHealth) -> Option<Finding> {
    let percent = table.saved_percent().filter(|percent| *percent < POOR_PERCENT)?;
    (table.bytes_before >= ENOUGH_BYTES).then(|| {
        Finding::warning(
            "compression",
            format!("compression of {} saves {percent} %", table.name),
            "market data compresses to a fifth or less: its segments hold too few rows each",
            "give the table a longer chunk_interval in the settings",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Severity;

    const DAY: i64 = Period::DAY.micros();
    const NOW: Timestamp = Timestamp::from_micros(1_000 * DAY);

    #[test]
    fn a_store_that_nobody_maintains_is_told() {
        let ago = |days: i64| Some(NOW.plus(-days * DAY));
        assert_eq!(maintained(NOW, None, false).severity, Severity::Ok);
        assert_eq!(maintained(NOW, None, true).severity, Severity::Warning);
        assert_eq!(maintained(NOW, ago(2), true).severity, Severity::Ok);
        assert_eq!(maintained(NOW, ago(3), true).severity, Severity::Warning);
    }

    #[test]
    fn chunks_that_are_overdue_or_too_many_are_told() {
        let day = |days| Period::days(days).unwrap();
        let periods =
            TablePeriods { chunk_interval: day(1), compress_after: Some(day(7)), retain_for: Some(day(90)) };
        let aged = |oldest: i64, uncompressed: i64| Chunks {
            count: 2,
            compressed: 1,
            oldest: Some(NOW.plus(-oldest * DAY)),
            oldest_uncompressed: Some(NOW.plus(-uncompressed * DAY)),
        };
        let check =
            |chunks, edition| overdue("t", chunks, periods, edition, NOW).map(|finding| finding.check);
        assert_eq!(check(aged(92, 9), Edition::Community), None);
        assert_eq!(check(aged(93, 9), Edition::Apache), Some("chunks"));
        assert_eq!(check(aged(92, 10), Edition::Community), Some("compression"));
        assert_eq!(check(aged(92, 10), Edition::Apache), None);
        assert_eq!(too_many("t", aged(1, 1)), None);
        assert!(too_many("t", Chunks { count: 2_001, ..aged(1, 1) }).is_some());
    }
}
