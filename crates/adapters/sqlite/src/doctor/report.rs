//! What was found.

use std::fmt;

use serde::Serialize;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// As it should be.
    Ok,
    /// Somebody should look at it.
    Warning,
    /// Something does not work, or will not.
    Error,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What was looked at.
    pub check: &'static str,
    /// What was found.
    pub what: String,
    /// Why it matters; empty where nothing is wrong.
    pub why: String,
    /// What to do; empty where nothing is wrong.
    pub remedy: String,
}

/// What was found of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DoctorReport {
    /// The store.
    pub store: String,
    /// SQLite's version.
    pub sqlite: String,
    /// Size of the file.
    pub bytes: u64,
    /// How much of it is free for rows to come.
    pub free_bytes: u64,
    /// Size of the write-ahead log.
    pub log_bytes: u64,
    /// Everything that was looked at.
    pub findings: Vec<Finding>,
}

impl Finding {
    pub(super) fn ok(check: &'static str, what: impl Into<String>) -> Self {
        Self { severity: Severity::Ok, check, what: what.into(), why: String::new(), remedy: String::new() }
    }

    pub(super) fn warning(check: &'static str, what: impl Into<String>, why: &str, remedy: &str) -> Self {
        let (what, why, remedy) = (what.into(), why.to_owned(), remedy.to_owned());
        Self { severity: Severity::Warning, check, what, why, remedy }
    }

    pub(super) fn error(check: &'static str, what: impl Into<String>, why: &str, remedy: &str) -> Self {
        Self { severity: Severity::Error, ..Self::warning(check, what, why, remedy) }
    }
}

impl DoctorReport {
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

impl fmt::Display for DoctorReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { store, sqlite, bytes, free_bytes, log_bytes, findings } = self;
        writeln!(
            f,
            "{store}: SQLite {sqlite}, {bytes} bytes, {free_bytes} of them free, log {log_bytes} bytes"
        )?;
        for finding in findings {
            writeln!(f, "{finding}")?;
        }
        let (errors, warnings) = (self.count(Severity::Error), self.count(Severity::Warning));
        write!(f, "{errors} errors, {warnings} warnings")
    }
}
