//! What a copy came to.

use std::fmt;

use onetape_domain::instrument::Instrument;

use crate::head::Head;
use crate::manifest::{Difference, Manifest};

/// What was done with an instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// All of it was loaded.
    Copied,
    /// An interrupted copy was brought to its end.
    Resumed,
    /// What the source had more was added.
    Updated,
    /// It was there already, and equal.
    Unchanged,
}

impl Outcome {
    /// `copied`, `resumed`, `updated` or `unchanged`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Copied => "copied",
            Self::Resumed => "resumed",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
        }
    }
}

/// An instrument that is the same in both stores.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct CopiedInstrument {
    /// Which one.
    pub instrument: Instrument,
    /// What was done.
    pub outcome: Outcome,
    /// Rows it has.
    pub rows: u64,
    /// Rows that went into the target now.
    pub loaded: u64,
    /// Tables and days it has.
    pub parts: usize,
    /// Those that were there already, and equal.
    pub skipped: usize,
    /// Of everything there is of it; the same in any store.
    pub checksum: String,
}

impl CopiedInstrument {
    /// What was done with an instrument whose rows and head both sides have; `skipped` parts were there before.
    pub(crate) fn of(
        (instrument, outcome): (&Instrument, Outcome),
        (manifest, head): (&Manifest, &Head),
        loaded: u64,
        skipped: usize,
    ) -> Self {
        Self {
            instrument: instrument.clone(),
            outcome,
            rows: manifest.rows(),
            loaded,
            parts: manifest.parts(),
            skipped,
            checksum: manifest.checksum(head),
        }
    }
}

/// A copy that was done.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct CopyReport {
    /// The instruments, each equal on both sides.
    pub instruments: Vec<CopiedInstrument>,
    /// Refused records that the target did not have.
    pub quarantined: u64,
}

impl fmt::Display for CopyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for one in &self.instruments {
            let CopiedInstrument { instrument, outcome, rows, loaded, parts, skipped, checksum } = one;
            writeln!(
                f,
                "{instrument}: {}, {rows} rows, of which {loaded} were loaded now",
                outcome.as_str()
            )?;
            writeln!(f, "  {skipped} of {parts} tables and days were there already; checksum {checksum}")?;
        }
        write!(f, "{} refused records were new", self.quarantined)
    }
}

/// What a comparison of two stores came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Verification {
    /// The instruments that are equal, with their checksum.
    pub equal: Vec<(Instrument, String)>,
    /// What is not.
    pub differences: Vec<Difference>,
}

impl fmt::Display for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (instrument, checksum) in &self.equal {
            writeln!(f, "{instrument}: equal, checksum {checksum}")?;
        }
        for difference in &self.differences {
            writeln!(f, "{difference}")?;
        }
        match self.differences.len() {
            0 => f.write_str("the stores hold the same"),
            count => write!(f, "{count} differences"),
        }
    }
}
