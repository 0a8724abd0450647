//! What maintenance and the doctor say, of whichever store it is.

use std::fmt;

use serde::Serialize;

/// What came of a run of maintenance.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Maintenance {
    /// Of a TimescaleDB.
    #[cfg(feature = "timescale")]
    Timescale(onetape_timescale::Maintained),
    /// Of a file.
    #[cfg(feature = "sqlite")]
    Sqlite(onetape_sqlite::MaintenanceReport),
}

/// What the doctor found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Examined {
    /// Of a TimescaleDB.
    #[cfg(feature = "timescale")]
    Timescale(onetape_timescale::DoctorReport),
    /// Of a file.
    #[cfg(feature = "sqlite")]
    Sqlite(onetape_sqlite::DoctorReport),
}

impl Examined {
    /// Things that do not work, or will not.
    pub fn errors(&self) -> usize {
        match self {
            #[cfg(feature = "timescale")]
            Self::Timescale(report) => report.count(onetape_timescale::Severity::Error),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(report) => report.count(onetape_sqlite::Severity::Error),
        }
    }

    /// Things that somebody should look at.
    pub fn warnings(&self) -> usize {
        match self {
            #[cfg(feature = "timescale")]
            Self::Timescale(report) => report.count(onetape_timescale::Severity::Warning),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(report) => report.count(onetape_sqlite::Severity::Warning),
        }
    }
}

impl fmt::Display for Examined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            #[cfg(feature = "timescale")]
            Self::Timescale(report) => report.fmt(f),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(report) => report.fmt(f),
        }
    }
}
