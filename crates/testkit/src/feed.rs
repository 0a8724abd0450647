//! A feed of events held in memory.

use std::collections::VecDeque;
use std::fmt;

use async_trait::async_trait;
use onetape_domain::instrument::Instrument;
use onetape_domain::message::FeedMessage;
use onetape_domain::venue::VenueRules;
use onetape_ports::{Feed, FeedError, FeedEvent};

/// Delivers the events it was given, in order, then ends: in order, or with an error.
#[derive(Debug)]
pub struct VecFeed {
    rules: VenueRules,
    events: VecDeque<FeedEvent>,
    total: u64,
    failure: Option<String>,
}

impl VecFeed {
    /// A feed of these events.
    pub fn new(rules: VenueRules, events: impl IntoIterator<Item = FeedEvent>) -> Self {
        let events: VecDeque<FeedEvent> = events.into_iter().collect();
        Self { rules, total: events.len() as u64, events, failure: None }
    }

    /// A feed of these messages.
    pub fn of_messages(rules: VenueRules, messages: impl IntoIterator<Item = FeedMessage>) -> Self {
        Self::new(rules, messages.into_iter().map(FeedEvent::Message))
    }

    /// The same, stopping with an error after its last event instead of ending in order.
    #[must_use]
    pub fn failing(self, message: impl Into<String>) -> Self {
        Self { failure: Some(message.into()), ..self }
    }
}

impl fmt::Display for VecFeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "feed of {} events", self.total)
    }
}

#[async_trait]
impl Feed for VecFeed {
    async fn next_batch(&mut self, events: &mut Vec<FeedEvent>, limit: usize) -> Result<bool, FeedError> {
        let count = limit.max(1).min(self.events.len());
        events.extend(self.events.drain(..count));
        match &self.failure {
            Some(message) if self.events.is_empty() => {
                Err(FeedError { feed: self.to_string(), message: message.clone(), source: None })
            }
            _ => Ok(count > 0),
        }
    }

    /// The events are what they are.
    fn want_books(&mut self, _: &[Instrument]) {}

    fn rules(&self) -> VenueRules {
        self.rules
    }

    /// Counts events, not bytes.
    fn progress(&self) -> (u64, Option<u64>) {
        (self.total - self.events.len() as u64, Some(self.total))
    }
}
