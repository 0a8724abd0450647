//! The simulator: built from markets, started on ports of its own, asked for the truth and for what it did.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use onetape_domain::instrument::{Instrument, Market};
use onetape_domain::message::FeedMessage;
use onetape_domain::time::{SECOND, Timestamp};
use onetape_testkit::generator;
use parking_lot::Mutex;
use tokio::sync::{broadcast, watch};
use tokio::task::JoinSet;

use crate::clock::VenueClock;
use crate::faults::{Event, Faults, Incident};
use crate::limits::Limits;
use crate::report::{Counters, Report};
use crate::script::Script;
use crate::server::{self, Tasks};
use crate::timeline::{Timeline, micros};
use crate::venue::{Shared, Venue};

/// Incidents that may wait for a connection to notice them.
const MAX_INCIDENTS: usize = 64;

/// What a simulator is to be like.
#[derive(Debug)]
pub struct Builder {
    scripts: Vec<Script>,
    faults: Faults,
    speed: u32,
    begin_with: usize,
    ping_every: Duration,
    patience: Duration,
}

/// A venue that runs until it is dropped.
#[derive(Debug)]
pub struct Simulator {
    venues: Vec<(Arc<Venue>, u16)>,
    shared: Arc<Shared>,
    ends: Timestamp,
    tasks: Tasks,
}

impl Builder {
    /// Adds a generated market. All should begin at about the same time; the first message of any is where the venue's
    /// clock begins.
    ///
    /// # Panics
    /// For a market that sends nothing, or has diffs and no snapshot.
    #[must_use]
    pub fn market(self, market: &generator::Market) -> Self {
        self.messages(&market.messages())
    }

    /// Adds the market that messages of one instrument tell of, such as a recording's.
    ///
    /// # Panics
    /// As [`Script::of_messages`].
    #[must_use]
    pub fn messages(mut self, messages: &[FeedMessage]) -> Self {
        self.scripts.push(Script::of_messages(messages));
        self
    }

    /// What goes wrong; nothing unless this is called.
    #[must_use]
    pub fn faults(self, faults: Faults) -> Self {
        Self { faults, ..self }
    }

    /// How many times as fast as real time the market runs; once, unless this is called.
    #[must_use]
    pub fn speed(self, speed: u32) -> Self {
        Self { speed, ..self }
    }

    /// The market begins when so many streams are subscribed, over all connections: nothing that is sent at its
    /// beginning is missed. One, unless this is called; with none it begins at once.
    #[must_use]
    pub fn begin_with(self, streams: usize) -> Self {
        Self { begin_with: streams, ..self }
    }

    /// How often a connection is pinged, in real time; every 20 seconds as at the venue, unless this is called.
    #[must_use]
    pub fn ping_every(self, ping_every: Duration) -> Self {
        Self { ping_every, ..self }
    }

    /// How long, in real time, a client may take nothing of what is sent before its connection is cut; ten seconds, unless
    /// this is called. What the systems keep for it, some tens of kilobytes, has to be full first.
    #[must_use]
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Starts the venue on ports of loopback, one a market. Needs a tokio runtime.
    ///
    /// # Errors
    /// When no port can be had.
    ///
    /// # Panics
    /// Without a market.
    pub async fn start(self) -> io::Result<Simulator> {
        let begins = self.scripts.iter().filter_map(Script::begins).min().expect("a venue needs a market");
        let ends = self.scripts.iter().filter_map(Script::ends).max().unwrap_or(begins);
        let clock = Arc::new(VenueClock::new(begins, self.speed));
        let (incidents, _) = broadcast::channel(MAX_INCIDENTS);
        let shared = Arc::new(Shared {
            clock,
            counters: Counters::default(),
            incidents,
            awaited: Mutex::new(self.begin_with),
            ping_every: self.ping_every,
            patience: self.patience,
            delivering: watch::Sender::new(0),
        });
        shared.subscribed(0);
        let tasks: Tasks = Arc::new(Mutex::new(JoinSet::new()));
        let mut venues = Vec::new();
        let mut scripts = self.scripts;
        for market in [Market::Spot, Market::Usdm, Market::Coinm] {
            let (of_market, others) = scripts.into_iter().partition(|script| script.market() == market);
            scripts = others;
            let of_market: Vec<Script> = of_market;
            if of_market.is_empty() {
                continue;
            }
            let venue = Arc::new(Venue {
                market,
                timeline: Timeline::new(&of_market, &self.faults, begins),
                scripts: of_market,
                faults: self.faults.clone(),
                limits: Mutex::new(Limits::new(market)),
                requests: AtomicU64::new(0),
                shared: shared.clone(),
            });
            let listener = server::bind()?;
            venues.push((venue.clone(), listener.local_addr()?.port()));
            server::spawn(&tasks, server::listen(listener, venue, tasks.clone()));
        }
        server::spawn(&tasks, direct(shared.clone(), begins, self.faults.events));
        Ok(Simulator { venues, shared, ends, tasks })
    }
}

/// Lets the incidents of the script happen when their time comes.
async fn direct(shared: Arc<Shared>, begins: Timestamp, mut events: Vec<Event>) {
    events.sort_by_key(|event| event.after);
    for event in events {
        shared.clock.wait_until(begins.plus(micros(event.after))).await;
        // Nobody may be connected.
        let _ = shared.incidents.send(event.what);
    }
}

impl Simulator {
    /// Begins to describe one.
    pub fn builder() -> Builder {
        Builder {
            scripts: Vec::new(),
            faults: Faults::default(),
            speed: 1,
            begin_with: 1,
            ping_every: Duration::from_secs(20),
            patience: Duration::from_secs(10),
        }
    }

    /// Base address of a market's WebSocket side, such as `ws://127.0.0.1:4321`.
    ///
    /// # Panics
    /// For a market without an instrument.
    pub fn ws_url(&self, market: Market) -> String {
        format!("ws://127.0.0.1:{}", self.port(market))
    }

    /// Base address of a market's REST side, such as `http://127.0.0.1:4321`.
    ///
    /// # Panics
    /// For a market without an instrument.
    pub fn rest_url(&self, market: Market) -> String {
        format!("http://127.0.0.1:{}", self.port(market))
    }

    fn port(&self, market: Market) -> u16 {
        let found = self.venues.iter().find(|(venue, _)| venue.market == market);
        found.map(|(_, port)| *port).expect("the simulator has an instrument of this market")
    }

    /// Market time.
    pub fn clock(&self) -> Arc<VenueClock> {
        self.shared.clock.clone()
    }

    /// What really happened to an instrument.
    ///
    /// # Panics
    /// For an instrument that the simulator does not have.
    pub fn truth(&self, instrument: &Instrument) -> &Script {
        let mut scripts = self.venues.iter().flat_map(|(venue, _)| &venue.scripts);
        scripts.find(|script| script.instrument() == instrument).expect("an instrument of the simulator")
    }

    /// Lets something happen to all open connections now. A silence cannot begin at once: it is part of the script.
    pub fn let_happen(&self, incident: Incident) {
        // Nobody may be connected.
        let _ = self.shared.incidents.send(incident);
    }

    /// Waits until the market is over and all connections have sent what was due, unless they are dead. Sockets stay open.
    pub async fn ended(&self) {
        self.shared.clock.wait_until(self.ends.plus(SECOND)).await;
        let mut delivering = self.shared.delivering.subscribe();
        // The sender is ours, and so it is there.
        let _ = delivering.wait_for(|connections| *connections == 0).await;
    }

    /// What was served and injected so far.
    pub fn report(&self) -> Report {
        self.shared.counters.report()
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.tasks.lock().abort_all();
    }
}
