//! How complete an answer is, section by section.

use std::str::FromStr;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::coverage::Intervals;
use crate::time::{TimeRange, Timestamp};
use crate::violation::Violations;

/// Grade of completeness, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Rows it was made of are gone by retention.
    Expired,
    /// Less than 90 % covered, or nothing there.
    NoData,
    /// At least 90 %.
    Fair,
    /// At least 99 %.
    Good,
    /// 100 %.
    Excellent,
}

impl Tier {
    /// The tier of a percentage.
    pub fn of(coverage: Decimal) -> Self {
        if coverage >= Decimal::ONE_HUNDRED {
            Self::Excellent
        } else if coverage >= Decimal::from(99) {
            Self::Good
        } else if coverage >= Decimal::from(90) {
            Self::Fair
        } else {
            Self::NoData
        }
    }

    /// `excellent`, `good`, `fair`, `no_data` or `expired`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::NoData => "no_data",
            Self::Fair => "fair",
            Self::Good => "good",
            Self::Excellent => "excellent",
        }
    }
}

impl FromStr for Tier {
    type Err = Violations;

    fn from_str(text: &str) -> Result<Self, Violations> {
        [Self::Expired, Self::NoData, Self::Fair, Self::Good, Self::Excellent]
            .into_iter()
            .find(|tier| tier.as_str() == text)
            .ok_or_else(|| {
                Violations::one("quality", text, "must be one of excellent, good, fair, no_data, expired")
            })
    }
}

/// Completeness of one section of a response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quality {
    /// Covered part, from the begin of the section's first row to the watermark's second, in percent
    /// rounded down to two places.
    #[serde(with = "crate::decimal::text")]
    pub coverage: Decimal,
    /// Where nothing is proven within that range.
    pub gaps: Vec<TimeRange>,
    /// Highest revision among the section's rows; 0 where rows have none.
    pub revision: u32,
    /// Grade of the coverage.
    pub tier: Tier,
}

impl Quality {
    /// Nothing is there.
    pub const NO_DATA: Self =
        Self { coverage: Decimal::ZERO, gaps: Vec::new(), revision: 0, tier: Tier::NoData };

    /// Measures `[begin, end)`; an empty range counts as nothing there.
    pub fn measure(covered: &Intervals, begin: Timestamp, end: Timestamp, revision: u32) -> Self {
        let Ok(range) = TimeRange::try_new(begin, end) else {
            return Self { revision, ..Self::NO_DATA };
        };
        let coverage = covered.percent(range);
        Self { coverage, gaps: covered.gaps(range), revision, tier: Tier::of(coverage) }
    }

    /// A section wholly covered by its own row's proof.
    pub fn full() -> Self {
        Self { coverage: Decimal::ONE_HUNDRED, gaps: Vec::new(), revision: 0, tier: Tier::Excellent }
    }
}
