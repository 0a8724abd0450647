//! Trades in the order of their stamps, in segments that readers share while the last one still fills.

use std::sync::{Arc, OnceLock};

use onetape_domain::time::Timestamp;
use onetape_domain::trade::Trade;

use crate::series::FIRST;

/// Trades a segment: what is allocated and evicted at once.
const SEGMENT: usize = 128;

/// Slots that are written once each, by the one writer, before any state that counts them is published.
type Slots = Arc<[OnceLock<Trade>]>;

#[derive(Debug, Clone)]
struct Sealed {
    slots: Slots,
    /// Greatest event time in it.
    latest: Timestamp,
}

/// A log of trades. A clone shares the segments; what the original appends later it does not see.
#[derive(Debug, Clone, Default)]
pub(super) struct TradeLog {
    sealed: Arc<Vec<Sealed>>,
    tail: Option<Slots>,
    filled: usize,
    /// Greatest event time in the tail.
    latest: Option<Timestamp>,
}

impl TradeLog {
    /// Appends a trade whose stamp is not below the last one's.
    pub(super) fn push(&mut self, trade: Trade) {
        let event_time = trade.key.event_time;
        let tail = self.tail.get_or_insert_with(|| (0..SEGMENT).map(|_| OnceLock::new()).collect());
        if tail[self.filled].set(trade).is_err() {
            // A slot is written once: the writer alone appends, and counts what it wrote.
            return;
        }
        self.filled += 1;
        self.latest = Some(self.latest.map_or(event_time, |latest| latest.max(event_time)));
        if self.filled == SEGMENT
            && let (Some(slots), Some(latest)) = (self.tail.take(), self.latest.take())
        {
            Arc::make_mut(&mut self.sealed).push(Sealed { slots, latest });
            self.filled = 0;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.sealed.len() * SEGMENT + self.filled
    }

    /// Segments with their filled slots and greatest event time, oldest first.
    fn segments(&self) -> impl Iterator<Item = (&[OnceLock<Trade>], Timestamp)> {
        let sealed = self.sealed.iter().map(|sealed| (&sealed.slots[..], sealed.latest));
        let tail = self.tail.iter().map(|slots| (&slots[..self.filled], self.latest.unwrap_or(FIRST)));
        sealed.chain(tail)
    }

    /// All trades, by stamp.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Trade> {
        self.segments().flat_map(|(slots, _)| slots).filter_map(OnceLock::get)
    }

    /// Trades with an event time in `[from, to)` stamped by `as_of`, in the order of their keys.
    pub(super) fn known(&self, from: Timestamp, to: Timestamp, as_of: Timestamp) -> Vec<Trade> {
        let segments = self.segments().filter(|(_, latest)| *latest >= from);
        let trades = segments.flat_map(|(slots, _)| slots).filter_map(OnceLock::get);
        let by_stamp = trades.take_while(|trade| trade.available_at <= as_of);
        let inside = |trade: &&Trade| from <= trade.key.event_time && trade.key.event_time < to;
        let mut trades: Vec<Trade> = by_stamp.filter(inside).cloned().collect();
        if !trades.is_sorted_by_key(|trade| trade.key) {
            trades.sort_by_key(|trade| trade.key);
        }
        trades
    }

    /// Lets go of segments from the oldest on: where `may_go` says so of the last stamp, the greatest
    /// event time and how many trades would be left. Returns the number of trades and the greatest
    /// event time among them.
    pub(super) fn evict(
        &mut self,
        may_go: impl Fn(Timestamp, Timestamp, usize) -> bool,
    ) -> Option<(usize, Timestamp)> {
        let last_stamp =
            |sealed: &Sealed| sealed.slots.last().and_then(OnceLock::get).map(|trade| trade.available_at);
        let total = self.len();
        let goes = |(at, sealed): &(usize, &Sealed)| {
            last_stamp(sealed).is_some_and(|stamp| may_go(stamp, sealed.latest, total - (at + 1) * SEGMENT))
        };
        let gone: Vec<Timestamp> =
            self.sealed.iter().enumerate().take_while(goes).map(|(_, sealed)| sealed.latest).collect();
        let latest = gone.iter().copied().max()?;
        Arc::make_mut(&mut self.sealed).drain(..gone.len());
        Some((gone.len() * SEGMENT, latest))
    }

    /// The last stamp of the newest sealed segment behind which at most `rest` trades come; none where
    /// there are not that many.
    pub(super) fn stamp_before_last(&self, rest: usize) -> Option<Timestamp> {
        let surplus = self.len().checked_sub(rest.saturating_add(1))?;
        let slots = &self.sealed.get(surplus / SEGMENT)?.slots;
        slots.last()?.get().map(|trade| trade.available_at)
    }
}
