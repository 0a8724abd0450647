//! What every venue's parser has in common: one message in, one verdict out.

use std::fmt::Debug;

use onetape_domain::instrument::Instrument;
use onetape_domain::message::{ConnectionId, FeedMessage, FullBook};
use onetape_domain::time::Timestamp;
use onetape_domain::venue::VenueRules;
use onetape_domain::violation::Violations;

/// A message that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parsed {
    /// It says something about one instrument.
    Message(FeedMessage),
    /// A whole book that does not say whose it is, as REST answers do.
    Unaddressed(UnaddressedBook),
    /// It carries no market data of one instrument; what it is.
    Ignored(&'static str),
}

/// A whole book without the name of its instrument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnaddressedBook {
    /// The book.
    pub book: FullBook,
    /// The venue's time on it, where it has one.
    pub sent_at: Option<Timestamp>,
}

/// A message that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Whose it is, where that could be told.
    pub instrument: Option<Instrument>,
    /// Every broken rule.
    pub violations: Violations,
}

impl From<Violations> for Refused {
    fn from(violations: Violations) -> Self {
        Self { instrument: None, violations }
    }
}

/// Turns the wire messages of one market of one venue into domain messages.
pub trait WireParser: Debug + Send + 'static {
    /// Reads one message as it came over the wire.
    ///
    /// # Errors
    /// Every rule the message breaks.
    fn parse(
        &mut self,
        json: &[u8],
        received_at: Timestamp,
        connection: ConnectionId,
    ) -> Result<Parsed, Refused>;

    /// The rules of the streams it reads.
    fn rules(&self) -> VenueRules;
}
