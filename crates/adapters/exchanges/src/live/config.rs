//! Settings of a live feed.

use std::path::PathBuf;
use std::time::Duration;

use onetape_domain::instrument::Market;

use super::venue::{self, venue};

/// Which of a venue's two trade streams is collected. An instrument has one; their ids differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trades {
    /// Each trade by itself, `@trade`. Futures send them too, though the venue does not document it.
    Single,
    /// Fills of one order at one price together, `@aggTrade`.
    Aggregate,
}

/// How a market is collected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveConfig {
    /// Which market.
    pub market: Market,
    /// Where its streams are: `wss://host`, or `ws://host:port` without TLS for a server of one's own.
    pub websocket: String,
    /// Where its REST interface is: `https://host`, or `http://host:port`.
    pub rest: String,
    /// Which trades.
    pub trades: Trades,
    /// Whether books are collected beside the trades.
    pub depth: bool,
    /// Instruments on one connection, at most half of the venue's 1,024 streams.
    pub instruments_per_connection: usize,
    /// Folder into which everything that comes is written as tapes.
    pub record: Option<PathBuf>,
    /// Messages that may wait for the pipeline; beyond it sockets are not read.
    pub queue: usize,
    /// Times.
    pub timing: Timing,
}

/// How long things may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Until a connection is there, its handshakes included; also until a REST answer is whole.
    pub connect: Duration,
    /// A connection on which nothing comes for so long, not even an answer to our ping, is replaced.
    pub idle: Duration,
    /// A connection on which no market data comes for so long is replaced, though it may be alive.
    pub quiet: Duration,
    /// Age at which the next connection is opened, before the venue cuts this one at 24 hours.
    pub lifetime: Duration,
    /// How long a connection is kept after its successor has delivered something.
    pub overlap: Duration,
    /// First pause before connecting again; later ones double, with jitter, up to `max_pause`.
    pub first_pause: Duration,
    /// Longest pause before connecting again.
    pub max_pause: Duration,
    /// Pause before a snapshot of the same book is asked for again; later ones double, up to `max_pause`.
    pub snapshot_pause: Duration,
    /// How long the list of instruments is tried for when the feed opens.
    pub open: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            idle: Duration::from_secs(30),
            quiet: Duration::from_secs(120),
            lifetime: venue::CONNECTION_LIFETIME - Duration::from_secs(1_800),
            overlap: Duration::from_secs(5),
            first_pause: Duration::from_millis(250),
            max_pause: Duration::from_secs(30),
            snapshot_pause: Duration::from_secs(1),
            open: Duration::from_secs(30),
        }
    }
}

impl LiveConfig {
    /// The venue's own addresses; single trades of spot, aggregate ones of futures, each with books.
    pub fn new(market: Market) -> Self {
        let venue = venue(market);
        Self {
            market,
            websocket: venue.websocket.to_owned(),
            rest: venue.rest.to_owned(),
            trades: if market == Market::Spot { Trades::Single } else { Trades::Aggregate },
            depth: true,
            instruments_per_connection: 100,
            record: None,
            queue: 1_024,
            timing: Timing::default(),
        }
    }
}
