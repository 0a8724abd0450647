//! How far a repair goes, and what it did.

use std::time::Duration;

use onetape_domain::engine::gaps::OpenGap;
use onetape_domain::instrument::Instrument;
use serde::Serialize;

/// How far a repair goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RepairOptions {
    /// Pages that the history is asked for of each instrument, at most; what is left then is for the next call.
    pub max_pages: usize,
    /// Time spent waiting in all, for the venue's limits and for connections to come back.
    pub patience: Duration,
    /// A gap that ends nearer to the instrument's clock is left: its trades may be on their way.
    pub min_age: Duration,
}

impl RepairOptions {
    /// For a feed that goes on meanwhile: few pages, no waiting, and nothing that may still come by itself. To be called
    /// again and again, no sooner than [`RepairReport::retry_after`].
    pub const BACKGROUND: Self =
        Self { max_pages: 20, patience: Duration::ZERO, min_age: Duration::from_secs(5) };
}

impl Default for RepairOptions {
    /// To the end: 100,000 pages an instrument, a minute of waiting.
    fn default() -> Self {
        Self { max_pages: 100_000, patience: Duration::from_secs(60), min_age: Duration::ZERO }
    }
}

/// What a repair did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RepairReport {
    /// The gaps looked at.
    pub gaps: Vec<RepairedGap>,
    /// Pages asked for.
    pub pages: usize,
    /// How long the venue wants to be left alone, where that ended the repair.
    pub retry_after: Option<Duration>,
}

/// What became of a gap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RepairedGap {
    /// Whose trades.
    pub instrument: Instrument,
    /// As it was before.
    pub gap: OpenGap,
    /// Trades that came.
    pub trades: u64,
    /// How it stands now.
    pub outcome: GapOutcome,
}

/// How a gap stands after a repair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum GapOutcome {
    /// All of it came.
    Filled,
    /// The history will never have the rest, and the log says so.
    Unfillable {
        /// Why.
        reason: String,
    },
    /// It is as open as before, or a part of it came.
    Open {
        /// What stands in the way.
        reason: String,
    },
}
