//! The live feed against a venue that a test plays.

mod books;
mod connections;
mod history;
mod metrics;
mod opening;
mod recording;
mod venue;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use onetape_domain::change::Changes;
use onetape_domain::engine::InstrumentEngine;
use onetape_domain::instrument::{Instrument, Market};
use onetape_domain::message::{FeedMessage, Payload, QuarantinedRecord};
use onetape_domain::time::Timestamp;
use onetape_domain::trade::TradeId;
use onetape_domain::venue::VenueRules;
use onetape_exchanges::live::{LiveConfig, LiveControl, LiveFeed, Timing};
use onetape_ports::{Feed, FeedEvent};
use onetape_testkit::ManualClock;

use self::venue::Venue;

/// Longest wait for something that is to happen; it is never waited out by a test that passes.
const PATIENCE: Duration = Duration::from_secs(20);

/// Times of a feed under test: it connects again at once.
const TIMING: Timing = Timing {
    connect: Duration::from_secs(5),
    idle: Duration::from_secs(30),
    quiet: Duration::from_secs(60),
    lifetime: Duration::from_secs(3_600),
    overlap: Duration::from_millis(50),
    first_pause: Duration::from_millis(1),
    max_pause: Duration::from_millis(20),
    snapshot_pause: Duration::from_millis(1),
    open: Duration::from_millis(500),
};

fn config(venue: &Venue) -> LiveConfig {
    LiveConfig {
        websocket: venue.websocket(),
        rest: venue.rest(),
        timing: TIMING,
        ..LiveConfig::new(Market::Spot)
    }
}

fn instrument(name: &str) -> Instrument {
    name.parse().expect("an instrument")
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp::from_micros(1_723_161_255_500_000)))
}

/// Opens a feed of spot instruments.
async fn open(config: LiveConfig, instruments: &[&str]) -> (LiveFeed, LiveControl) {
    let instruments: Vec<Instrument> = instruments.iter().map(|name| instrument(name)).collect();
    LiveFeed::open(config, &instruments, clock()).await.expect("opened")
}

/// A feed with an engine behind it for each instrument, as the pipeline has them.
struct Desk {
    feed: LiveFeed,
    engines: BTreeMap<Instrument, InstrumentEngine>,
    changes: BTreeMap<Instrument, Changes>,
    messages: Vec<FeedMessage>,
    quarantined: Vec<QuarantinedRecord>,
}

impl Desk {
    fn new(feed: LiveFeed) -> Self {
        let (engines, changes) = (BTreeMap::new(), BTreeMap::new());
        Self { feed, engines, changes, messages: Vec::new(), quarantined: Vec::new() }
    }

    /// Takes one batch; false at the end of the feed.
    async fn step(&mut self) -> bool {
        let wanting: Vec<Instrument> =
            self.engines.values().filter(|e| e.wants_snapshot()).map(|e| e.instrument().clone()).collect();
        self.feed.want_books(&wanting);
        let mut events = Vec::new();
        let more = tokio::time::timeout(PATIENCE, self.feed.next_batch(&mut events, 100)).await;
        for event in events {
            match event {
                FeedEvent::Message(message) => self.process(message),
                FeedEvent::Quarantined(record) => self.quarantined.push(record),
            }
        }
        more.unwrap_or_else(|_| panic!("nothing came after {:?}", self.messages.last())).expect("a feed")
    }

    fn process(&mut self, message: FeedMessage) {
        let instrument = message.instrument.clone();
        let new = || InstrumentEngine::new(instrument.clone(), VenueRules::BINANCE_SPOT);
        let engine = self.engines.entry(instrument.clone()).or_insert_with(new);
        engine.process(&message, self.changes.entry(instrument).or_default());
        self.messages.push(message);
    }

    /// Takes batches until something holds.
    async fn until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        while !holds(self) {
            assert!(self.step().await, "the feed ended, and never: {what}");
        }
    }

    /// Ids of the trades that came, in their order.
    fn trades(&self) -> Vec<i64> {
        let ids = self.messages.iter().filter_map(|message| match &message.payload {
            Payload::Trades(trades) => match trades[0].id() {
                TradeId::Numeric(id) => Some(*id),
                other => panic!("{other:?}"),
            },
            _ => None,
        });
        ids.collect()
    }

    /// Whether a book is in synchrony, and up to which update.
    fn book(&self, name: &str) -> Option<u64> {
        Some(self.engines.get(&instrument(name))?.live_book()?.last_update())
    }
}
