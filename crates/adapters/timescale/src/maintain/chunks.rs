//! Chunks that are due: dropped, or compressed.

use onetape_domain::time::Timestamp;
use onetape_ports::StoreError;

use super::{CompressedChunks, DroppedChunks, MAINTAIN, Run};
use crate::edition::Edition;
use crate::error::failed;
use crate::micros::Micros;
use crate::settings::Period;
use crate::tables::AGGREGATES;

/// A chunk of a table or an aggregate.
#[derive(Debug)]
pub(super) struct Chunk {
    /// The hypertable it is a part of, which of an aggregate has another name.
    hypertable: String,
    name: String,
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
    /// Whether all its rows are compressed.
    compressed: bool,
}

impl Run<'_> {
    /// Compresses every chunk that is old enough, and again those that late rows came into.
    pub(super) async fn compress(&mut self) -> Result<Vec<CompressedChunks>, StoreError> {
        let mut done = Vec::new();
        let tables: Vec<_> = self.settings.tables().collect();
        for (table, periods) in tables {
            let Some(after) = periods.compress_after else { continue };
            let due = |chunk: &Chunk| !chunk.compressed;
            let chunks = self.chunks_older(table.name, after, due).await?;
            if chunks.is_empty() {
                continue;
            }
            let start = self.clock.monotonic_micros();
            let bytes_before = self.bytes(&chunks).await?;
            for chunk in &chunks {
                tracing::info!(chunk.table = table.name, chunk.name, chunk.start = %chunk.start, "compressing a chunk");
                sqlx::query(include_str!("../queries/maintain/compress_chunk.sql"))
                    .bind(&chunk.name)
                    .execute(&mut self.connection)
                    .await
                    .map_err(failed("compress a chunk"))?;
            }
            done.push(CompressedChunks {
                table: table.name.to_owned(),
                chunks: chunks.len() as u64,
                rows: self.rows(table.name, table.time, &chunks).await?,
                bytes_before,
                bytes_after: self.bytes(&chunks).await?,
                duration_ms: self.millis_since(start),
            });
        }
        Ok(done)
    }

    /// Drops every chunk that is older than its table's retention; an aggregate is kept as long as our own table.
    pub(super) async fn drop_old(&mut self) -> Result<Vec<DroppedChunks>, StoreError> {
        let tables =
            self.settings.tables().map(|(table, periods)| (table.name, table.time, periods.retain_for));
        let mut relations: Vec<_> = tables.collect();
        if self.edition == Edition::Community {
            relations.extend(AGGREGATES.iter().map(|aggregate| {
                let own = self.settings.table(aggregate.table);
                (aggregate.name, "timestamp", own.and_then(|own| own.retain_for))
            }));
        }
        let mut done = Vec::new();
        for (relation, time, retain_for) in relations {
            let Some(retain_for) = retain_for else { continue };
            let chunks = self.chunks_older(relation, retain_for, |_| true).await?;
            if chunks.is_empty() {
                continue;
            }
            let start = self.clock.monotonic_micros();
            let rows = self.rows(relation, time, &chunks).await?;
            let bytes = self.bytes(&chunks).await?;
            let older_than = self.before(retain_for);
            // Before they are gone: readers must not take them for rows that never were.
            sqlx::query(include_str!("../queries/maintain/note_dropped.sql"))
                .bind(relation)
                .bind(Micros(older_than))
                .execute(&mut self.connection)
                .await
                .map_err(failed("note what is dropped"))?;
            let dropped: i64 = sqlx::query_scalar(include_str!("../queries/maintain/drop_chunks.sql"))
                .bind(relation)
                .bind(Micros(older_than))
                .fetch_one(&mut self.connection)
                .await
                .map_err(failed("drop chunks"))?;
            tracing::info!(chunk.table = relation, dropped.chunks = dropped, dropped.rows = rows, %older_than, "dropped chunks");
            let chunks = u64::try_from(dropped).unwrap_or(0);
            let duration_ms = self.millis_since(start);
            done.push(DroppedChunks { relation: relation.to_owned(), chunks, rows, bytes, duration_ms });
        }
        Ok(done)
    }

    /// The instant of that age.
    pub(super) fn before(&self, age: Period) -> Timestamp {
        self.now.plus(-age.micros())
    }

    /// The chunks of a relation, oldest first.
    pub(super) async fn chunks(&mut self, relation: &str) -> Result<Vec<Chunk>, StoreError> {
        let rows: Vec<(String, String, Micros, Micros, bool)> =
            sqlx::query_as(include_str!("../queries/maintain/chunks.sql"))
                .bind(relation)
                .fetch_all(&mut self.connection)
                .await
                .map_err(failed(MAINTAIN))?;
        let chunk = |(hypertable, name, Micros(start), Micros(end), compressed)| Chunk {
            hypertable,
            name,
            start,
            end,
            compressed,
        };
        Ok(rows.into_iter().map(chunk).collect())
    }

    /// Those that ended so long ago.
    async fn chunks_older(
        &mut self,
        relation: &str,
        age: Period,
        which: impl Fn(&Chunk) -> bool,
    ) -> Result<Vec<Chunk>, StoreError> {
        let before = self.before(age);
        let mut chunks = self.chunks(relation).await?;
        chunks.retain(|chunk| chunk.end <= before && which(chunk));
        Ok(chunks)
    }

    /// Rows of chunks. Each is counted by itself: between them may lie others.
    async fn rows(&mut self, relation: &str, time: &str, chunks: &[Chunk]) -> Result<u64, StoreError> {
        let count = include_str!("../queries/maintain/count_rows.sql");
        let count = count.replace("the_table", relation).replace("the_time", time);
        let mut rows = 0;
        for chunk in chunks {
            let counted: i64 = sqlx::query_scalar(&count)
                .bind(Micros(chunk.start))
                .bind(Micros(chunk.end))
                .fetch_one(&mut self.connection)
                .await
                .map_err(failed(MAINTAIN))?;
            rows += u64::try_from(counted).unwrap_or(0);
        }
        Ok(rows)
    }

    async fn bytes(&mut self, chunks: &[Chunk]) -> Result<u64, StoreError> {
        let Some(first) = chunks.first() else { return Ok(0) };
        let names: Vec<&str> = chunks.iter().map(|chunk| chunk.name.as_str()).collect();
        let bytes: i64 = sqlx::query_scalar(include_str!("../queries/maintain/chunk_bytes.sql"))
            .bind(&first.hypertable)
            .bind(names)
            .fetch_one(&mut self.connection)
            .await
            .map_err(failed(MAINTAIN))?;
        Ok(u64::try_from(bytes).unwrap_or(0))
    }
}
