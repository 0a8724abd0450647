//! Feeds: where messages come from.

use std::error::Error;
use std::fmt::{Debug, Display};

use async_trait::async_trait;
use onetape_domain::engine::local_book::LocalBook;
use onetape_domain::instrument::Instrument;
use onetape_domain::message::{FeedMessage, QuarantinedRecord};
use onetape_domain::venue::VenueRules;

/// One event of a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedEvent {
    /// A message of the venue.
    Message(FeedMessage),
    /// A record that could not be understood.
    Quarantined(QuarantinedRecord),
}

/// A feed that cannot go on. What it delivered before stays valid.
#[derive(Debug, thiserror::Error)]
#[error("feed {feed} stopped: {message}")]
pub struct FeedError {
    /// Which feed, with the place: a file and line.
    pub feed: String,
    /// What happened, for people.
    pub message: String,
    /// The cause.
    #[source]
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

/// Delivers messages in order.
#[async_trait]
pub trait Feed: Display + Debug + Send + 'static {
    /// Appends at most `limit` events to `events`, waiting until there is at least one.
    ///
    /// - Returns false, having appended nothing, at the orderly end of the feed, then and ever after.
    /// - After an error, events appended by the same call MUST be processed: they came before it.
    /// - The call MUST be cancellation safe: no event may be lost.
    async fn next_batch(&mut self, events: &mut Vec<FeedEvent>, limit: usize) -> Result<bool, FeedError>;

    /// Tells which books wait for a snapshot, of this feed and of others. Called before each batch with all of them, so one
    /// that is no longer named has what it needs.
    ///
    /// - The feed MAY deliver a snapshot of each of its own, in its own time; one without a way to get any ignores the call.
    /// - It MUST NOT take the call as a reason to disturb other books or the trades.
    /// - It MUST return at once.
    fn want_books(&mut self, books: &[Instrument]);

    /// The rules of the venue's streams.
    fn rules(&self) -> VenueRules;

    /// Bytes read so far and in total, where known, for progress.
    fn progress(&self) -> (u64, Option<u64>);
}

/// Gives the live book of an instrument, which is ahead of any sample.
pub trait LiveBookSource: Display + Debug + Send + Sync + 'static {
    /// A copy of the book while it is in synchrony.
    fn live_book(&self, instrument: &Instrument) -> Option<LocalBook>;
}
