//! Settings of a store: how long rows stay warm, when they are compressed, when they go.
//!
//! One file, `settings.toml`, is the default and documents every key. Settings are checked as a whole, since most
//! rules are about two periods at once.

mod file;
mod period;
mod rules;
mod stored;

pub use period::Period;
pub(crate) use stored::{applied, read, write};

use std::sync::LazyLock;

use onetape_domain::violation::Violations;

use crate::tables::TABLES;

/// The file that is shipped: the default, and the documentation of every key.
pub const DEFAULT_SETTINGS: &str = include_str!("../settings.toml");

static DEFAULT: LazyLock<Settings> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "the file is part of the program, and a test reads it")]
    file::defaults().expect("the shipped settings are valid")
});

/// Periods of every table, and those that belong to none. The constructors check all rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    late_data: LateData,
    refresh: Refresh,
    /// In the order of [`TABLES`].
    tables: [TablePeriods; TABLES.len()],
}

/// How long rows keep arriving after their time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LateData {
    /// In the ordinary way.
    pub lateness: Period,
    /// By repair of a hole.
    pub repair_horizon: Period,
}

/// When the server refreshes the continuous aggregates: over [now - from, now - until), each `every`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refresh {
    /// Age of the window's start.
    pub from: Period,
    /// Age of the window's end.
    pub until: Period,
    /// Time between two refreshes.
    pub every: Period,
}

/// The periods of one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TablePeriods {
    /// Length of a chunk; of new ones, once it was changed.
    pub chunk_interval: Period,
    /// Age at which a chunk is compressed; none is never.
    pub compress_after: Option<Period>,
    /// Age at which a chunk is dropped; none is never.
    pub retain_for: Option<Period>,
}

impl Settings {
    /// Reads a settings file. What it leaves out is as in [`DEFAULT_SETTINGS`].
    ///
    /// # Errors
    /// Every key that is unknown, every period that cannot be read, every rule that is broken, each with what
    /// to do.
    pub fn parse(text: &str) -> Result<Self, Violations> {
        file::parse(text)
    }

    /// The periods of a table; none where there is no such hypertable.
    pub fn table(&self, name: &str) -> Option<TablePeriods> {
        TABLES.iter().position(|table| table.name == name).map(|at| self.tables[at])
    }

    /// How long rows keep arriving.
    pub fn late_data(&self) -> LateData {
        self.late_data
    }

    /// When aggregates are refreshed.
    pub fn refresh(&self) -> Refresh {
        self.refresh
    }

    /// The hypertables with their periods.
    pub(crate) fn tables(&self) -> impl Iterator<Item = (&'static crate::tables::Table, TablePeriods)> {
        TABLES.iter().zip(self.tables)
    }
}

impl Default for Settings {
    fn default() -> Self {
        DEFAULT.clone()
    }
}

impl LateData {
    /// Age from which on no row is expected any more.
    pub(crate) fn horizon(self) -> Period {
        self.lateness.plus(self.repair_horizon)
    }
}
