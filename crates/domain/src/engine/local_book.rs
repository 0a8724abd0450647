//! A local order book by a venue's sequence rules: buffered diffs, a snapshot, then diffs that connect.

use std::collections::{BTreeMap, VecDeque};

use super::depth::Depth;
use crate::book::{BookLevel, DEPTH};
use crate::decimal::{Price, Quantity};
use crate::message::{BookDiff, FullBook};
use crate::time::Timestamp;
use crate::venue::BookRule;

/// Most levels a side; the ones farthest from the top are let go beyond.
pub const MAX_LEVELS: usize = 20_000;
/// Most diffs kept while waiting for a snapshot; the oldest go first.
pub const MAX_BUFFERED: usize = 10_000;

/// How a diff stands to the book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fit {
    /// Already included.
    Stale,
    /// There is no snapshot yet.
    Early,
    /// Next in sequence.
    Connects,
    /// Updates between the book and the diff are missing.
    Breaks,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Empty,
    /// A snapshot is in, the first diff has yet to connect.
    Seeded,
    Live,
}

/// A diff with the times it came with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimedDiff {
    /// The diff.
    pub diff: BookDiff,
    /// The venue's time on it.
    pub sent_at: Timestamp,
    /// Our clock at receipt.
    pub received_at: Timestamp,
}

/// The full book of one instrument.
#[derive(Debug, Clone)]
pub struct LocalBook {
    rule: BookRule,
    bids: BTreeMap<Price, Quantity>,
    asks: BTreeMap<Price, Quantity>,
    last_update: u64,
    phase: Phase,
    buffer: VecDeque<TimedDiff>,
}

impl LocalBook {
    /// A book without content.
    pub fn new(rule: BookRule) -> Self {
        Self {
            rule,
            bids: BTreeMap::new(),
            asks: BTreeMap::new(),
            last_update: 0,
            phase: Phase::Empty,
            buffer: VecDeque::new(),
        }
    }

    /// How its diffs connect.
    pub fn rule(&self) -> BookRule {
        self.rule
    }

    /// Whether a diff has connected to the snapshot.
    pub fn is_live(&self) -> bool {
        self.phase == Phase::Live
    }

    /// Whether a snapshot is in.
    pub fn has_snapshot(&self) -> bool {
        self.phase != Phase::Empty
    }

    /// Whether it has no levels, and diffs that wait for them.
    pub fn is_waiting(&self) -> bool {
        self.phase == Phase::Empty && !self.buffer.is_empty()
    }

    /// Update id of the last change applied.
    pub fn last_update(&self) -> u64 {
        self.last_update
    }

    /// How a diff stands to the book.
    pub fn fit(&self, diff: &BookDiff) -> Fit {
        let last = self.last_update;
        let next = match (self.phase, self.rule) {
            (Phase::Empty, _) => return Fit::Early,
            (Phase::Seeded, BookRule::BinanceFutures) => {
                if diff.last_update < last {
                    return Fit::Stale;
                }
                diff.first_update <= last || diff.previous_update == Some(last)
            }
            (Phase::Live, BookRule::BinanceFutures) => {
                diff.previous_update.is_some_and(|previous| previous <= last)
            }
            (_, BookRule::BinanceSpot) => diff.first_update <= last + 1,
        };
        if diff.last_update <= last && !(self.phase == Phase::Seeded && self.rule == BookRule::BinanceFutures)
        {
            Fit::Stale
        } else if next {
            Fit::Connects
        } else {
            Fit::Breaks
        }
    }

    /// Keeps a diff until a snapshot comes.
    pub fn buffer(&mut self, diff: TimedDiff) {
        if self.buffer.len() == MAX_BUFFERED {
            self.buffer.pop_front();
        }
        self.buffer.push_back(diff);
    }

    /// Replaces the content by a snapshot and returns the diffs that were waiting for it.
    pub fn seed(&mut self, snapshot: &FullBook) -> VecDeque<TimedDiff> {
        let side = |levels: &[BookLevel]| -> BTreeMap<Price, Quantity> {
            levels
                .iter()
                .filter(|level| !level.size.is_zero())
                .map(|level| (level.price, level.size))
                .collect()
        };
        self.bids = side(&snapshot.bids);
        self.asks = side(&snapshot.asks);
        self.last_update = snapshot.last_update;
        self.phase = Phase::Seeded;
        std::mem::take(&mut self.buffer)
    }

    /// Lets diffs wait for a snapshot, and nothing else be in it.
    pub fn wait_with(&mut self, diffs: impl IntoIterator<Item = TimedDiff>) {
        self.clear();
        self.buffer.clear();
        diffs.into_iter().for_each(|diff| self.buffer(diff));
    }

    /// All of it; none where it has neither levels nor diffs.
    pub fn depth(&self) -> Option<Depth> {
        match self.phase {
            Phase::Live => Some(Depth::Live(self.to_full())),
            Phase::Seeded => Some(Depth::Seeded(self.to_full())),
            Phase::Empty if self.buffer.is_empty() => None,
            Phase::Empty => Some(Depth::Waiting(self.buffer.iter().cloned().collect())),
        }
    }

    /// Takes back a book stored while it was live.
    pub fn resume(&mut self, book: &FullBook) {
        self.seed(book);
        self.phase = Phase::Live;
    }

    /// Applies a diff that [`Connects`](Fit::Connects).
    pub fn apply(&mut self, diff: &BookDiff) {
        for level in &diff.bids {
            set(&mut self.bids, *level);
        }
        for level in &diff.asks {
            set(&mut self.asks, *level);
        }
        while self.bids.len() > MAX_LEVELS {
            self.bids.pop_first();
        }
        while self.asks.len() > MAX_LEVELS {
            self.asks.pop_last();
        }
        self.last_update = diff.last_update;
        self.phase = Phase::Live;
    }

    /// Drops the content: the next snapshot starts anew.
    pub fn clear(&mut self) {
        self.bids.clear();
        self.asks.clear();
        self.phase = Phase::Empty;
    }

    /// Highest bid, where there is one.
    pub fn best_bid(&self) -> Option<BookLevel> {
        self.bids.last_key_value().map(|(price, size)| BookLevel { price: *price, size: *size })
    }

    /// Lowest ask, where there is one.
    pub fn best_ask(&self) -> Option<BookLevel> {
        self.asks.first_key_value().map(|(price, size)| BookLevel { price: *price, size: *size })
    }

    /// Whether the best bid is at or above the best ask: a sign of lost synchrony.
    pub fn is_crossed(&self) -> bool {
        matches!((self.best_bid(), self.best_ask()), (Some(bid), Some(ask)) if bid.price >= ask.price)
    }

    /// Bids, best first, at most `depth`.
    pub fn bids(&self, depth: usize) -> Vec<BookLevel> {
        self.bids
            .iter()
            .rev()
            .take(depth)
            .map(|(price, size)| BookLevel { price: *price, size: *size })
            .collect()
    }

    /// Asks, best first, at most `depth`.
    pub fn asks(&self, depth: usize) -> Vec<BookLevel> {
        self.asks.iter().take(depth).map(|(price, size)| BookLevel { price: *price, size: *size }).collect()
    }

    /// Number of levels on each side.
    pub fn levels(&self) -> (usize, usize) {
        (self.bids.len(), self.asks.len())
    }

    /// Everything, for a checkpoint.
    pub fn to_full(&self) -> FullBook {
        FullBook { last_update: self.last_update, bids: self.bids(usize::MAX), asks: self.asks(usize::MAX) }
    }

    /// The top as deep as a snapshot goes.
    pub fn top(&self) -> (Vec<BookLevel>, Vec<BookLevel>) {
        (self.bids(DEPTH), self.asks(DEPTH))
    }
}

fn set(side: &mut BTreeMap<Price, Quantity>, level: BookLevel) {
    if level.size.is_zero() {
        side.remove(&level.price);
    } else {
        side.insert(level.price, level.size);
    }
}
