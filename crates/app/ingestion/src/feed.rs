//! Feeds: followed to their end, through outages of the store or up to one that lasts.

use std::sync::Arc;

use onetape_ports::{Feed, FeedEvent};

use crate::error::IngestError;
use crate::pipeline::DataIngestionPipeline;
use crate::summary::IngestSummary;

/// What an outage means to a feed that is held back by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outages {
    /// Its end, once it has lasted for as long as the pipeline is patient.
    End,
    /// Waiting, however long it lasts.
    Wait,
}

impl DataIngestionPipeline {
    /// Runs a feed to its end, then samples the unfinished second of each book and makes everything
    /// durable, the full-depth books included. Returns the counts of this pipeline so far.
    ///
    /// The call may be dropped at any point: what was taken in is written on by the pipeline.
    ///
    /// # Errors
    /// [`IngestError::Feed`] when the feed fails, after all it delivered was made durable, and what
    /// [`flush`](Self::flush) reports.
    pub async fn run(&self, feed: &mut dyn Feed) -> Result<IngestSummary, IngestError> {
        self.take_all(feed, Outages::End).await?;
        self.end_of_feed().await?;
        Ok(self.summary())
    }

    /// Runs a feed to its end and no further, for several of them at once: [`end_of_feed`](Self::end_of_feed) is for all.
    ///
    /// It is for feeds that nobody can ask again for what they said: an outage of the store holds them back, however long it
    /// lasts, and ends none.
    ///
    /// # Errors
    /// [`IngestError::Feed`] when the feed fails, after all it delivered was made durable; the failure of the writer or the
    /// journal, if one failed; [`IngestError::Closed`] after a shutdown.
    pub async fn follow(&self, feed: &mut dyn Feed) -> Result<(), IngestError> {
        self.take_all(feed, Outages::Wait).await
    }

    async fn take_all(&self, feed: &mut dyn Feed, outages: Outages) -> Result<(), IngestError> {
        let (rules, origin) = (feed.rules(), feed.to_string());
        let mut events = Vec::with_capacity(self.inner.config.feed_chunk);
        loop {
            events.clear();
            feed.want_books(&self.inner.wanted_books());
            let more = feed.next_batch(&mut events, self.inner.config.feed_chunk).await;
            for event in events.drain(..) {
                match event {
                    // A message that met an outage has changed nothing, and is taken in again.
                    FeedEvent::Message(message) => {
                        while outages.hold(self.inner.ingest(&message, rules, &origin).await)? {}
                    }
                    FeedEvent::Quarantined(record) => self.inner.quarantine(record),
                }
            }
            self.inner.settle_all().await?;
            while outages.hold(self.inner.hold_back().await)? {}
            match more {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(error) => {
                    while outages.hold(self.flush().await)? {}
                    return Err(IngestError::Feed(Arc::new(error)));
                }
            }
        }
    }
}

impl Outages {
    /// Whether a call that waited for the store met an outage that is to be waited for.
    fn hold<T>(self, outcome: Result<T, IngestError>) -> Result<bool, IngestError> {
        match outcome {
            Err(error @ IngestError::Outage { .. }) if self == Self::Wait => {
                tracing::warn!(error = %error, "a feed is held back until the store answers");
                Ok(true)
            }
            outcome => outcome.map(|_| false),
        }
    }
}
