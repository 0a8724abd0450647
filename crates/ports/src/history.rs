//! Past trades of a venue: where what a feed lost is fetched from.

use std::error::Error;
use std::fmt::{self, Debug, Display};
use std::time::Duration;

use async_trait::async_trait;
use onetape_domain::instrument::Instrument;
use onetape_domain::trade::{TradeEvent, TradeKind};
use onetape_domain::venue::VenueRules;

/// What a source has of an instrument's trades.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistorySource {
    /// Whether it gives the venue's trades one by one or put together: ids of one kind mean nothing to the other.
    pub kind: TradeKind,
    /// The rules of the instrument's feed, for an instrument whose tape nobody writes at the moment.
    pub rules: VenueRules,
    /// Most trades a page can hold, at least one.
    pub max_page: usize,
    /// Whether an id that is left out between two given ones is known to stand for no trade, such as a liquidation's. Where
    /// not, a hole in a page is something that the source does not have.
    pub omits_void_ids: bool,
}

/// Some trades of an instrument in the order of their ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TradePage {
    /// The trades, lowest id first.
    pub trades: Vec<TradeEvent>,
    /// The lowest id that the source still has, where it says so: what lies before will never come.
    pub oldest: Option<i64>,
}

/// Gives past trades of a venue by their ids.
#[async_trait]
pub trait TradeHistory: Display + Debug + Send + Sync + 'static {
    /// What there is of an instrument; none where the source does not know it or its trades have no ids that count.
    fn source(&self, instrument: &Instrument) -> Option<HistorySource>;

    /// The trades of the lowest ids from `first_id` on, at most `limit` and at most
    /// [`max_page`](HistorySource::max_page).
    ///
    /// - Ids MUST be numbers and rise, and MUST be those that the venue's feed has for the same trades.
    /// - A page MUST NOT leave a trade out that the source has before the last one it gives.
    /// - An empty page means that the source has nothing from `first_id` on yet.
    /// - The call MUST keep to the venue's limits: where it may not ask now, it fails with
    ///   [`Limited`](HistoryErrorKind::Limited) instead of waiting.
    /// - It MAY be dropped at any point and made again.
    async fn trades_from(
        &self,
        instrument: &Instrument,
        first_id: i64,
        limit: usize,
    ) -> Result<TradePage, HistoryError>;
}

/// What kind of failure it was; it decides what a caller does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HistoryErrorKind {
    /// The venue's limits leave no room: ask again after this time and not before.
    Limited {
        /// How long to wait.
        retry_after: Duration,
    },
    /// The venue cannot be reached or is in trouble: ask again later.
    Connection,
    /// The venue wants a key, or refuses the one it got.
    Permission,
    /// The venue refuses the request: asking again gives the same.
    Refused,
    /// The answer cannot be understood.
    Response,
}

/// A source of past trades that gave none. `Display` never contains the source of the error.
#[derive(Debug)]
pub struct HistoryError {
    kind: HistoryErrorKind,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl HistoryError {
    /// An error with a message for people.
    pub fn new(kind: HistoryErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// The same with its cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What kind of failure it was.
    pub fn kind(&self) -> HistoryErrorKind {
        self.kind
    }

    /// Whether the same call may succeed later without any change.
    pub fn is_retryable(&self) -> bool {
        matches!(self.kind, HistoryErrorKind::Limited { .. } | HistoryErrorKind::Connection)
    }
}

impl Display for HistoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            HistoryErrorKind::Limited { retry_after } => {
                write!(f, "past trades are limited for {} s: {}", retry_after.as_secs_f64(), self.message)
            }
            _ => write!(f, "past trades cannot be read: {}", self.message),
        }
    }
}

impl Error for HistoryError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn Error + 'static))
    }
}
