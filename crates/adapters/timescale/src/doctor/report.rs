//! What an examination found.

use std::fmt;

use serde::Serialize;

use crate::edition::ServerInfo;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// As it should be.
    Ok,
    /// Works, but should be seen to.
    Warning,
    /// Does not work, or loses data.
    Error,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What was looked at: a word that stays the same, for programs.
    pub check: &'static str,
    /// What was found.
    pub what: String,
    /// Why it matters; empty where all is well.
    pub why: String,
    /// What to do; empty where all is well.
    pub remedy: String,
}

/// Size and chunks of one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableHealth {
    /// Its name.
    pub name: String,
    /// Size with indexes, compressed chunks included.
    pub bytes: u64,
    /// Rows, as the planner estimates them.
    pub rows_estimate: u64,
    /// Number of chunks; none for a plain table.
    pub chunks: Option<u64>,
    /// How many of them are compressed.
    pub compressed_chunks: u64,
    /// What the compressed chunks took before.
    pub bytes_before: u64,
    /// What they take now.
    pub bytes_after: u64,
}

/// What an examination found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DoctorReport {
    /// Which store, without anything secret.
    pub store: String,
    /// PostgreSQL's version.
    pub postgres: String,
    /// TimescaleDB's version; none where the extension is not created.
    pub timescaledb: Option<String>,
    /// The edition; none where the extension is not loaded.
    pub edition: Option<String>,
    /// What the session is encrypted with; none where it is not.
    pub tls: Option<String>,
    /// The role it was examined as.
    pub role: String,
    /// By how much the server's clock is ahead of ours.
    pub clock_skew_ms: i64,
    /// Everything that was looked at.
    pub findings: Vec<Finding>,
    /// The tables, by name.
    pub tables: Vec<TableHealth>,
}

impl Finding {
    pub(super) fn ok(check: &'static str, what: impl Into<String>) -> Self {
        Self { severity: Severity::Ok, check, what: what.into(), why: String::new(), remedy: String::new() }
    }

    pub(super) fn warning(
        check: &'static str,
        what: impl Into<String>,
        why: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        let (what, why, remedy) = (what.into(), why.into(), remedy.into());
        Self { severity: Severity::Warning, check, what, why, remedy }
    }

    pub(super) fn error(
        check: &'static str,
        what: impl Into<String>,
        why: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { severity: Severity::Error, ..Self::warning(check, what, why, remedy) }
    }
}

impl TableHealth {
    /// What compression saves of what the compressed chunks took, in percent; none where none is compressed.
    pub fn saved_percent(&self) -> Option<u64> {
        let saved = self.bytes_before.saturating_sub(self.bytes_after);
        (self.bytes_before > 0).then(|| saved * 100 / self.bytes_before)
    }
}

impl DoctorReport {
    pub(super) fn new(store: String, server: &ServerInfo) -> Self {
        Self {
            store,
            postgres: server.postgres.clone(),
            timescaledb: server.timescaledb.clone(),
            edition: server.edition.map(|edition| edition.to_string()),
            tls: None,
            role: String::new(),
            clock_skew_ms: 0,
            findings: Vec::new(),
            tables: Vec::new(),
        }
    }

    /// How bad the worst finding is.
    pub fn worst(&self) -> Severity {
        self.findings.iter().map(|finding| finding.severity).max().unwrap_or(Severity::Ok)
    }

    /// How many findings are as bad.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { severity, check, what, why, remedy } = self;
        write!(f, "{severity:<8} {check:<12} {what}")?;
        if !why.is_empty() {
            write!(f, "\n{:>22}why: {why}", "")?;
        }
        if !remedy.is_empty() {
            write!(f, "\n{:>22}do: {remedy}", "")?;
        }
        Ok(())
    }
}

impl fmt::Display for TableHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, bytes, rows_estimate, chunks, compressed_chunks, bytes_before, bytes_after } = self;
        write!(f, "{name:<24} about {rows_estimate:>12} rows {bytes:>14} bytes")?;
        if let Some(chunks) = chunks {
            write!(f, " {chunks:>6} chunks, {compressed_chunks} compressed")?;
        }
        if let Some(percent) = self.saved_percent() {
            write!(f, " ({bytes_before} bytes to {bytes_after}, {percent} % saved)")?;
        }
        Ok(())
    }
}

impl fmt::Display for DoctorReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { store, postgres, timescaledb, edition, tls, role, clock_skew_ms, findings, tables } = self;
        let none = "none";
        writeln!(
            f,
            "{store}: PostgreSQL {postgres}, TimescaleDB {} ({} edition), as {role}, TLS {}, clock {clock_skew_ms:+} ms",
            timescaledb.as_deref().unwrap_or(none),
            edition.as_deref().unwrap_or("no"),
            tls.as_deref().unwrap_or(none),
        )?;
        for finding in findings {
            writeln!(f, "{finding}")?;
        }
        for table in tables.iter().filter(|table| table.bytes > 0) {
            writeln!(f, "  {table}")?;
        }
        let (errors, warnings) = (self.count(Severity::Error), self.count(Severity::Warning));
        write!(f, "{errors} errors, {warnings} warnings")
    }
}
