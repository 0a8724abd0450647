//! Whose a book is that does not say so: a REST answer on a tape names no instrument.
//!
//! It belongs to the only instrument seen so far. Before any was seen it waits for the first message that
//! names one. Where several were seen it belongs to the one whose diffs hold its update id, and waits for
//! that as long as [`MAX_WAIT`]; what two could claim, or none does, is quarantined.

use std::collections::{HashMap, VecDeque};
use std::fmt;

use onetape_domain::instrument::Instrument;
use onetape_domain::message::{FeedMessage, Payload, QuarantinedRecord};
use onetape_domain::time::{SECOND, Timestamp};
use onetape_domain::violation::Violations;
use onetape_ports::feed::FeedEvent;

use super::CONNECTION;
use crate::wire::UnaddressedBook;

/// Most books waiting at once.
pub(super) const MAX_HELD: usize = 64;
/// How long a book waits, by receive times.
pub(super) const MAX_WAIT: i64 = 10 * SECOND;

/// Place of a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin<'a> {
    pub(super) file: &'a str,
    pub(super) line: u64,
}

impl fmt::Display for Origin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// The instruments of a tape with the update ids their diffs span, and books waiting for one of them.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    seen: HashMap<Instrument, Option<Span>>,
    last: Option<Instrument>,
    held: VecDeque<Box<Held>>,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    first: u64,
    last: u64,
}

#[derive(Debug)]
struct Held {
    message: UnaddressedBook,
    received_at: Timestamp,
    /// What it becomes if nobody claims it; its reason is filled in then.
    record: QuarantinedRecord,
}

impl Held {
    fn to(self, instrument: Instrument) -> FeedEvent {
        FeedEvent::Message(FeedMessage {
            instrument,
            connection: CONNECTION,
            sent_at: self.message.sent_at,
            received_at: self.received_at,
            payload: Payload::BookSnapshot(self.message.book),
        })
    }

    fn refuse(mut self, reason: &str) -> FeedEvent {
        self.record.violations = Violations::one("book.last_update", self.message.book.last_update, reason);
        FeedEvent::Quarantined(self.record)
    }
}

impl Addresses {
    /// Notes a message that names its instrument; gives the books that are settled by it.
    pub(super) fn observe(&mut self, message: &FeedMessage) -> Vec<FeedEvent> {
        let diff = match &message.payload {
            Payload::BookDiff(diff) => Some(diff),
            _ if self.held.is_empty() && self.last.as_ref() == Some(&message.instrument) => {
                return Vec::new();
            }
            _ => None,
        };
        let first_named = self.seen.is_empty();
        let span = self.seen.entry(message.instrument.clone()).or_default();
        if let Some(diff) = diff {
            let span = span.get_or_insert(Span { first: diff.first_update, last: diff.last_update });
            span.first = span.first.min(diff.first_update);
            span.last = span.last.max(diff.last_update);
        }
        if self.last.as_ref() != Some(&message.instrument) {
            self.last = Some(message.instrument.clone());
        }
        if self.held.is_empty() {
            return Vec::new();
        }
        let held = std::mem::take(&mut self.held);
        if first_named {
            return held.into_iter().map(|book| book.to(message.instrument.clone())).collect();
        }
        let mut settled = Vec::new();
        for book in held {
            // Only a diff can have brought a claim.
            match if diff.is_some() { self.claim(book) } else { Err(book) } {
                Ok(book) => settled.push(book),
                Err(book) if message.received_at.since(book.received_at) > MAX_WAIT => {
                    settled.push(book.refuse("lies in the diffs of no instrument of the tape"));
                }
                Err(book) => self.held.push_back(book),
            }
        }
        settled
    }

    /// Takes a book without a name; gives what is settled at once.
    pub(super) fn address(
        &mut self,
        message: UnaddressedBook,
        received_at: Timestamp,
        origin: Origin<'_>,
        line: &[u8],
    ) -> Vec<FeedEvent> {
        let mut record = QuarantinedRecord::new(origin.to_string(), Violations::default(), line);
        record.received_at = Some(received_at);
        let mut settled = Vec::new();
        match self.claim(Box::new(Held { message, received_at, record })) {
            Ok(book) => settled.push(book),
            Err(book) => {
                self.held.push_back(book);
                if self.held.len() > MAX_HELD
                    && let Some(oldest) = self.held.pop_front()
                {
                    settled.push(oldest.refuse("waits for its instrument with too many others"));
                }
            }
        }
        settled
    }

    /// At the end of the tape nothing can settle what waits.
    pub(super) fn finish(&mut self) -> Vec<FeedEvent> {
        let held = std::mem::take(&mut self.held);
        held.into_iter().map(|book| book.refuse("belongs to no instrument the tape names")).collect()
    }

    /// Settles a book, or gives it back to wait.
    fn claim(&self, book: Box<Held>) -> Result<FeedEvent, Box<Held>> {
        let update = book.message.book.last_update;
        let mut instruments = self.seen.keys();
        if let (Some(only), None) = (instruments.next(), instruments.next()) {
            return Ok(book.to(only.clone()));
        }
        let holds = |span: &Option<Span>| span.is_some_and(|span| (span.first..=span.last).contains(&update));
        let mut claimants =
            self.seen.iter().filter(|(_, span)| holds(span)).map(|(instrument, _)| instrument);
        match (claimants.next(), claimants.next()) {
            (None, _) => Err(book),
            (Some(one), None) => Ok(book.to(one.clone())),
            (Some(_), Some(_)) => {
                Ok(book.refuse("lies in the diffs of more than one instrument of the tape"))
            }
        }
    }
}
