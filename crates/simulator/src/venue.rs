//! What all connections to one market of the simulated venue share.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use onetape_domain::instrument::Market;
use parking_lot::Mutex;
use tokio::sync::{broadcast, watch};

use crate::clock::VenueClock;
use crate::faults::{Faults, Incident};
use crate::limits::Limits;
use crate::report::Counters;
use crate::script::Script;
use crate::timeline::{Channel, Stream, Timeline};

/// One market: spot, USD-M or COIN-M.
#[derive(Debug)]
pub(crate) struct Venue {
    pub(crate) market: Market,
    pub(crate) scripts: Vec<Script>,
    pub(crate) timeline: Timeline,
    pub(crate) faults: Faults,
    pub(crate) limits: Mutex<Limits>,
    /// Requests so far: which of them fail follows from their number.
    pub(crate) requests: AtomicU64,
    pub(crate) shared: Arc<Shared>,
}

/// What the markets of a simulator share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) clock: Arc<VenueClock>,
    pub(crate) counters: Counters,
    pub(crate) incidents: broadcast::Sender<Incident>,
    /// Streams that must be subscribed before the market begins.
    pub(crate) awaited: Mutex<usize>,
    pub(crate) ping_every: Duration,
    /// How long a client may take nothing of what is sent.
    pub(crate) patience: Duration,
    /// Connections that have something left to deliver.
    pub(crate) delivering: watch::Sender<usize>,
}

impl Venue {
    /// The channel that a stream's name stands for, such as `btcusdt@trade`.
    pub(crate) fn channel(&self, name: &str) -> Option<Channel> {
        let (symbol, suffix) = name.split_once('@')?;
        let number = self.scripts.iter().position(|script| script.native().to_lowercase() == symbol)?;
        let stream = Stream::ALL.into_iter().find(|stream| stream.suffix() == suffix)?;
        Some((number, stream))
    }

    /// The script of a native name.
    pub(crate) fn script(&self, native: &str) -> Option<&Script> {
        self.scripts.iter().find(|script| script.native() == native)
    }
}

impl Shared {
    /// Notes that so many more streams are subscribed; the market begins with the last that is awaited.
    pub(crate) fn subscribed(&self, streams: usize) {
        let mut awaited = self.awaited.lock();
        *awaited = awaited.saturating_sub(streams);
        if *awaited == 0 {
            self.clock.begin();
        }
    }
}
