//! What a caller may ask for.

use std::time::Duration;

use onetape_domain::frame::FrameShape;
use onetape_domain::instrument::Exchange;
use onetape_domain::quality::Tier;
use onetape_domain::time::Timestamp;
use onetape_domain::violation::Violations;
use onetape_ports::Knowledge;

/// Settings of a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderConfig {
    /// Venue of bare symbols.
    pub default_exchange: Exchange,
    /// Most candles a timeframe, and most points of an order book, in one answer.
    pub max_limit: usize,
    /// Longest context window.
    pub max_context_window: Duration,
    /// How far the clock may lie behind the wall clock before an answer for now is marked stale.
    pub stale_after: Duration,
}

impl ProviderConfig {
    /// The defaults with another venue for bare symbols.
    pub fn for_exchange(default_exchange: Exchange) -> Self {
        Self {
            default_exchange,
            max_limit: 10_000,
            max_context_window: Duration::from_secs(86_400),
            stale_after: Duration::from_secs(10),
        }
    }
}

/// What to do with periods without trades.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum FillPolicy {
    /// They have no row, and a limit counts stored candles.
    #[default]
    None,
    /// A limit counts slots of the grid; covered ones without trades get a flat row marked quiet.
    Flat,
}

/// An instant and how to answer for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// The instant; none means the instrument's clock.
    pub timestamp: Option<Timestamp>,
    /// Candles a timeframe, or points.
    pub limit: usize,
    /// Length of the context window before the instant.
    pub context_window: Duration,
    /// Which version of the past.
    pub knowledge: Knowledge,
    /// Fail for an instant beyond the reader's clock instead of answering as of that clock.
    pub strict: bool,
    /// Fail where a section is worse than this; one without rows is [`Tier::NoData`].
    pub min_quality: Option<Tier>,
    /// Periods without trades, of all candles but those of the context window.
    pub fill: FillPolicy,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            timestamp: None,
            limit: FrameShape::DEFAULT.candles,
            context_window: Duration::from_secs(300),
            knowledge: Knowledge::AsRecorded,
            strict: false,
            min_quality: None,
            fill: FillPolicy::None,
        }
    }
}

impl Request {
    /// The default request for an instant.
    pub fn at(timestamp: Timestamp) -> Self {
        Self { timestamp: Some(timestamp), ..Self::default() }
    }

    /// Checks the limits.
    pub(crate) fn check(&self, config: &ProviderConfig) -> Result<FrameShape, Violations> {
        let mut violations = Violations::default();
        if self.limit > config.max_limit {
            violations.push("limit", self.limit, format!("must be at most {}", config.max_limit));
        }
        if self.context_window > config.max_context_window {
            let limit = config.max_context_window.as_secs();
            violations.push(
                "context_window",
                self.context_window.as_secs(),
                format!("must be at most {limit} s"),
            );
        }
        let context_window = i64::try_from(self.context_window.as_micros()).unwrap_or(i64::MAX);
        violations.into_result(FrameShape { candles: self.limit, context_window, ..FrameShape::DEFAULT })
    }
}
