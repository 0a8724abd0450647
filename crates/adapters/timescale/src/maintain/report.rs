//! What a run did and found.

use std::fmt;

use serde::Serialize;

use crate::edition::Edition;

/// What a run did and found. Relations on which nothing was due are left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MaintenanceReport {
    /// Edition of the server.
    pub edition: String,
    /// Aggregates refreshed.
    pub refreshed: Vec<RefreshedAggregate>,
    /// Chunks compressed, by table.
    pub compressed: Vec<CompressedChunks>,
    /// Chunks dropped, by table or aggregate.
    pub dropped: Vec<DroppedChunks>,
    /// Candles compared with the same ones rolled up.
    pub audited: Vec<AuditedAggregate>,
    /// Duration of the run.
    pub duration_ms: u64,
}

/// One refresh.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefreshedAggregate {
    /// The aggregate.
    pub aggregate: String,
    /// Windows looked at; the server recomputes only what was touched in them.
    pub windows: u64,
    /// Duration.
    pub duration_ms: u64,
}

/// Compressed chunks of one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CompressedChunks {
    /// The table.
    pub table: String,
    /// Number of chunks.
    pub chunks: u64,
    /// Their rows.
    pub rows: u64,
    /// Their size before, with indexes.
    pub bytes_before: u64,
    /// Their size now.
    pub bytes_after: u64,
    /// Duration.
    pub duration_ms: u64,
}

/// Dropped chunks of one table or aggregate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DroppedChunks {
    /// The table or aggregate.
    pub relation: String,
    /// Number of chunks.
    pub chunks: u64,
    /// Their rows.
    pub rows: u64,
    /// Their size, with indexes.
    pub bytes: u64,
    /// Duration.
    pub duration_ms: u64,
}

/// The comparison of one timeframe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditedAggregate {
    /// The aggregate.
    pub aggregate: String,
    /// Candles compared.
    pub compared: u64,
    /// Those that differ.
    pub different: u64,
    /// The first of them, in words.
    pub differences: Vec<String>,
    /// Duration.
    pub duration_ms: u64,
}

impl MaintenanceReport {
    pub(super) fn new(edition: Edition) -> Self {
        Self {
            edition: edition.to_string(),
            refreshed: Vec::new(),
            compressed: Vec::new(),
            dropped: Vec::new(),
            audited: Vec::new(),
            duration_ms: 0,
        }
    }

    /// Candles that differ from the same ones rolled up.
    pub fn differences(&self) -> u64 {
        self.audited.iter().map(|one| one.different).sum()
    }
}

impl fmt::Display for MaintenanceReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { edition, refreshed, compressed, dropped, audited, duration_ms } = self;
        write!(f, "maintained ({edition} edition) in {duration_ms} ms")?;
        for RefreshedAggregate { aggregate, windows, duration_ms } in refreshed {
            write!(f, "\n  refreshed {aggregate:<22} {windows} windows in {duration_ms} ms")?;
        }
        for CompressedChunks { table, chunks, rows, bytes_before, bytes_after, duration_ms } in compressed {
            write!(
                f,
                "\n  compressed {table:<21} {chunks} chunks, {rows} rows, {bytes_before} bytes to {bytes_after}, \
                 in {duration_ms} ms"
            )?;
        }
        for DroppedChunks { relation, chunks, rows, bytes, duration_ms } in dropped {
            write!(
                f,
                "\n  dropped {relation:<24} {chunks} chunks, {rows} rows, {bytes} bytes in {duration_ms} ms"
            )?;
        }
        for AuditedAggregate { aggregate, compared, different, differences, duration_ms } in audited {
            write!(
                f,
                "\n  audited {aggregate:<24} {compared} candles, {different} differ, in {duration_ms} ms"
            )?;
            for difference in differences {
                write!(f, "\n    {difference}")?;
            }
            if *different > differences.len() as u64 {
                write!(f, "\n    and {} more", different - differences.len() as u64)?;
            }
        }
        Ok(())
    }
}
