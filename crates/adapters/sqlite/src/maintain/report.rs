//! What a run did.

use std::fmt;

use serde::Serialize;

/// What a run did. Tables on which nothing was due are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct MaintenanceReport {
    /// Rows dropped, by table.
    pub dropped: Vec<DroppedRows>,
    /// Room given back to the file system.
    pub freed_bytes: u64,
    /// Duration of the run.
    pub duration_ms: u64,
}

/// Dropped rows of one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DroppedRows {
    /// The table.
    pub table: String,
    /// Number of rows.
    pub rows: u64,
    /// Duration.
    pub duration_ms: u64,
}

impl fmt::Display for MaintenanceReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { dropped, freed_bytes, duration_ms } = self;
        write!(f, "maintained in {duration_ms} ms, {freed_bytes} bytes given back")?;
        for DroppedRows { table, rows, duration_ms } in dropped {
            write!(f, "\n  dropped {table:<24} {rows} rows in {duration_ms} ms")?;
        }
        Ok(())
    }
}
