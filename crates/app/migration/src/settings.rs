//! What the user chooses of an import.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use onetape_domain::imported::Source;
use onetape_domain::manifest::RunId;
use onetape_domain::time::{SECOND, Timeframe};
use onetape_domain::violation::Violations;
use onetape_ports::{LegacyReading, OnConflict};
use serde::{Deserialize, Serialize};

use crate::names::{Naming, is_there};

/// What to plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanOptions {
    /// The folder, as the user named it.
    pub origin: String,
    /// What the run is called; none derives it from what is planned, so that the same folder gives the same run.
    pub name: Option<RunId>,
    /// What the candles' source is called.
    pub source: Source,
    /// How names are understood.
    pub naming: Naming,
    /// Files that are left where they are: paths from the folder on; one that ends with `/` is a folder.
    pub exclude: Vec<String>,
    /// What decides the outcome.
    pub settings: Settings,
    /// Most parts of the candles of an instrument and a timeframe.
    pub max_parts: usize,
}

impl PlanOptions {
    /// Most parts of an instrument's candles of a timeframe unless said otherwise: each costs readers a little.
    pub const MAX_PARTS: usize = 1_000;
    /// What the source is called unless said otherwise.
    pub const SOURCE: &str = "legacy";

    /// With everything else as it usually is.
    pub fn new(origin: impl Into<String>, source: Source, naming: Naming) -> Self {
        Self {
            origin: origin.into(),
            name: None,
            source,
            naming,
            exclude: Vec::new(),
            settings: Settings::default(),
            max_parts: Self::MAX_PARTS,
        }
    }

    pub(crate) fn excludes(&self, path: &str) -> bool {
        self.exclude.iter().any(|excluded| is_there(path, excluded))
    }
}

/// What decides the outcome of a run beside its tables. It is kept with the run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Which of two rows of one candle counts.
    pub on_conflict: ConflictPolicy,
    /// What a stretch of time without a candle means.
    pub holes: HolePolicy,
    /// The column of opening times, where names alone do not tell.
    pub time_column: Option<String>,
    /// Decimals to which floats are rounded.
    pub round_floats: Option<u8>,
}

impl Settings {
    pub(crate) fn reading(&self) -> LegacyReading {
        LegacyReading { time_column: self.time_column.clone(), round_floats: self.round_floats }
    }
}

/// Which of two rows of one candle counts where they differ. Tables have an order: those that count trades come first, of
/// them Parquet, then feather, pickle, CSV and JSON, then by path; rows have theirs in the table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConflictPolicy {
    /// The one that comes first.
    #[default]
    KeepFirst,
    /// The one that comes last.
    KeepLast,
    /// Neither: the table is not taken in any further.
    Refuse,
}

impl ConflictPolicy {
    /// `keep-first`, `keep-last` or `refuse`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::KeepFirst => "keep-first",
            Self::KeepLast => "keep-last",
            Self::Refuse => "refuse",
        }
    }
}

impl From<ConflictPolicy> for OnConflict {
    fn from(policy: ConflictPolicy) -> Self {
        match policy {
            ConflictPolicy::KeepFirst => Self::KeepFirst,
            ConflictPolicy::KeepLast => Self::KeepLast,
            ConflictPolicy::Refuse => Self::Refuse,
        }
    }
}

/// What a stretch of time without a candle means: that nobody traded, or that nothing is known. An import must not speak of
/// what is not known, so a dataset is divided there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HolePolicy {
    /// Nobody traded where the stretch is no longer than this; longer ones are holes.
    Quiet(QuietRuns),
    /// Each UTC day that has a candle is there as a whole: nobody traded where it has none.
    WholeDays,
}

impl Default for HolePolicy {
    fn default() -> Self {
        Self::Quiet(QuietRuns::default())
    }
}

impl HolePolicy {
    /// Periods without a candle, one after another, that are no hole yet.
    pub(crate) fn quiet_periods(&self, timeframe: Timeframe) -> u64 {
        match self {
            Self::Quiet(runs) => {
                runs.of(timeframe) * SECOND.unsigned_abs() / timeframe.micros().unsigned_abs()
            }
            Self::WholeDays => 0,
        }
    }
}

/// The longest time without a candle in which nobody traded, in seconds, by timeframe; none where it is left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuietRuns(BTreeMap<Timeframe, u64>);

impl Default for QuietRuns {
    /// 5 minutes of seconds, an hour of minutes, nothing of what is coarser.
    fn default() -> Self {
        Self([(Timeframe::S1, 300), (Timeframe::M1, 3_600)].into())
    }
}

impl QuietRuns {
    /// Sets the longest time of a timeframe, in seconds.
    pub fn set(&mut self, timeframe: Timeframe, seconds: u64) {
        self.0.insert(timeframe, seconds.min(Self::MOST));
    }

    /// The longest time of a timeframe, in seconds.
    pub fn of(&self, timeframe: Timeframe) -> u64 {
        self.0.get(&timeframe).copied().unwrap_or(0).min(Self::MOST)
    }

    /// A hundred years.
    const MOST: u64 = 100 * 366 * 86_400;
}

impl fmt::Display for ConflictPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for ConflictPolicy {
    type Err = Violations;

    fn from_str(text: &str) -> Result<Self, Violations> {
        [Self::KeepFirst, Self::KeepLast, Self::Refuse]
            .into_iter()
            .find(|policy| policy.as_str() == text)
            .ok_or_else(|| {
                Violations::one("on_conflict", text, "must be one of keep-first, keep-last, refuse")
            })
    }
}
