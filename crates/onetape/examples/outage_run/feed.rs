//! The feed, and what it and those who watch it have in common.

use std::fmt;
use std::iter::Peekable;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Instant;

use async_trait::async_trait;
use onetape::domain::time::SECOND;
use onetape::domain::venue::VenueRules;
use onetape::ports::{Feed, FeedError, FeedEvent, StoreErrorKind};
use onetape::prelude::*;
use onetape_testkit::generator::Messages;
use onetape_testkit::{FaultPlan, When};

use crate::{Outcome, Plan};

/// Most messages delivered at once: what comes in 20 ms.
const PARTS: u32 = 50;

/// Where the feed is, and whether the store is there.
#[derive(Debug)]
pub(crate) struct Scene {
    faults: FaultPlan,
    begins: Timestamp,
    /// Microseconds of the tape that were delivered.
    pub(crate) tape: AtomicI64,
    pub(crate) delivered: AtomicU64,
    /// Microseconds after `begun` at which the feed was asked last, and whether it is being asked.
    begun: Instant,
    asked: AtomicI64,
    is_asked: AtomicBool,
    is_away: AtomicBool,
    was_away: AtomicBool,
    is_over: AtomicBool,
}

impl Scene {
    pub(crate) fn new(plan: Plan, faults: FaultPlan) -> Outcome<Arc<Self>> {
        let begins = plan.markets()?.first().ok_or("no market")?.start;
        Ok(Arc::new(Self {
            faults,
            begins,
            tape: AtomicI64::new(0),
            delivered: AtomicU64::new(0),
            begun: Instant::now(),
            asked: AtomicI64::new(0),
            is_asked: AtomicBool::new(false),
            is_away: AtomicBool::new(false),
            was_away: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
        }))
    }

    /// An instant of the tape.
    pub(crate) fn at(&self, second: u32) -> Timestamp {
        self.begins.plus(i64::from(second) * SECOND)
    }

    pub(crate) fn is_away(&self) -> bool {
        self.is_away.load(Ordering::SeqCst)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst)
    }

    pub(crate) fn end(&self) {
        self.is_over.store(true, Ordering::SeqCst);
    }

    fn leave(&self) {
        if !self.was_away.swap(true, Ordering::SeqCst) {
            self.faults.outage(When::Before, StoreErrorKind::Connection);
            self.is_away.store(true, Ordering::SeqCst);
        }
    }

    /// The store is back, if it was away.
    pub(crate) fn come_back(&self) {
        if self.is_away.swap(false, Ordering::SeqCst) {
            self.faults.recover();
        }
    }

    fn micros(&self) -> i64 {
        i64::try_from(self.begun.elapsed().as_micros()).unwrap_or(i64::MAX)
    }

    fn asked(&self, is_asked: bool) {
        self.asked.store(self.micros(), Ordering::SeqCst);
        self.is_asked.store(is_asked, Ordering::SeqCst);
    }

    /// Seconds since which the feed has not been asked for more.
    pub(crate) fn held(&self) -> f64 {
        if self.is_asked.load(Ordering::SeqCst) {
            return 0.0;
        }
        (self.micros() - self.asked.load(Ordering::SeqCst)) as f64 / SECOND as f64
    }
}

/// The messages of all markets in their order: at their pace, or as fast as they are taken.
pub(crate) struct Live {
    plan: Plan,
    scene: Arc<Scene>,
    markets: Vec<Peekable<Messages>>,
    /// Where it ends, in microseconds of the tape.
    end: i64,
    begun: Option<(Instant, i64)>,
}

impl Live {
    pub(crate) fn new(plan: Plan, scene: Arc<Scene>) -> Outcome<Self> {
        let markets = plan.markets()?.iter().map(|market| market.stream().peekable()).collect();
        Ok(Self { plan, scene, markets, end: i64::MAX, begun: None })
    }

    /// Lets it end at a second of the tape; it goes on where it ended.
    pub(crate) fn until(&mut self, second: u32) {
        self.end = i64::from(second) * SECOND;
        self.begun = None;
    }

    /// The market with the earliest message, and when that is.
    fn next(&mut self) -> Option<(usize, i64)> {
        let begins = self.scene.begins;
        let firsts = self.markets.iter_mut().enumerate();
        let times =
            firsts.filter_map(|(place, market)| Some((place, market.peek()?.received_at.since(begins))));
        times.min_by_key(|(_, at)| *at).filter(|(_, at)| *at < self.end)
    }

    /// Waits until it is time for the next message.
    async fn keep_pace(&mut self) {
        let Some((_, at)) = self.next().filter(|_| self.plan.is_paced) else { return };
        let (begun, from) = *self.begun.get_or_insert_with(|| (Instant::now(), at));
        let due = Duration::from_micros((at - from).unsigned_abs());
        if let Some(ahead) = due.checked_sub(begun.elapsed()) {
            tokio::time::sleep(ahead.max(Duration::from_millis(5))).await;
        }
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").field("plan", &self.plan).finish_non_exhaustive()
    }
}

impl fmt::Display for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a live feed")
    }
}

#[async_trait]
impl Feed for Live {
    async fn next_batch(&mut self, events: &mut Vec<FeedEvent>, limit: usize) -> Result<bool, FeedError> {
        self.scene.asked(true);
        self.keep_pace().await;
        let (_, goes, returns) = self.plan.moments();
        let before = events.len();
        while events.len() - before < limit.min((self.plan.rate / PARTS) as usize) {
            let Some((place, at)) = self.next() else { break };
            self.scene.tape.store(at, Ordering::SeqCst);
            if at >= i64::from(goes) * SECOND {
                self.scene.leave();
            }
            if at >= i64::from(returns) * SECOND {
                self.scene.come_back();
            }
            events.extend(self.markets[place].next().map(FeedEvent::Message));
        }
        let count = events.len() - before;
        self.scene.delivered.fetch_add(count as u64, Ordering::SeqCst);
        self.scene.asked(false);
        Ok(count > 0)
    }

    fn rules(&self) -> VenueRules {
        VenueRules::BINANCE_SPOT
    }

    fn progress(&self) -> (u64, Option<u64>) {
        (self.scene.delivered.load(Ordering::SeqCst), None)
    }

    fn want_books(&mut self, _: &[Instrument]) {}
}
