//! Who watches an instrument, and the instants that wait for them.
//!
//! Only stamps wait, a few bytes each: what a reader makes of one is read from the state when it gets to it.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures::Stream;
use futures::stream::StreamExt as _;
use onetape_domain::time::{Timeframe, Timestamp};
use onetape_ports::{Cadence, Tick, TickStream, WatchQuery};
use parking_lot::Mutex;

use super::state::State;
use crate::candles::Lens;
use crate::series::LAST;

/// The watchers of one instrument. Those whose stream was dropped go when the others are told or one is added.
#[derive(Debug, Default)]
pub(super) struct Watchers(Vec<Arc<Watcher>>);

impl Watchers {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of them is still listening.
    pub(super) fn any(&self) -> bool {
        self.0.iter().any(listens)
    }

    pub(super) fn add(&mut self, watcher: Arc<Watcher>) {
        self.0.retain(listens);
        self.0.push(watcher);
    }

    /// Tells each of the clock's stamp that asked for it.
    pub(super) fn tell(&mut self, state: &State) {
        self.0.retain(listens);
        for watcher in &self.0 {
            let wanted = match watcher.cadence {
                Cadence::Closes(timeframe) => state.closes_at_clock(timeframe),
                _ => true,
            };
            if wanted {
                watcher.tell(state.issued);
            }
        }
    }

    pub(super) fn end(self) {
        self.0.iter().for_each(|watcher| watcher.end());
    }
}

fn listens(watcher: &Arc<Watcher>) -> bool {
    Arc::strong_count(watcher) > 1
}

impl State {
    /// Whether the last candle became known under the clock's stamp, and was not there before in another version.
    fn closes_at_clock(&self, timeframe: Timeframe) -> bool {
        let last = self.rings[timeframe.index()].series.latest(Lens::Recorded(LAST));
        last.is_some_and(|candle| candle.revision() == 1 && candle.known_from() == Some(self.issued))
    }
}

/// One who watches.
#[derive(Debug)]
pub(super) struct Watcher {
    cadence: Cadence,
    /// Most stamps that wait.
    limit: usize,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Timestamp>,
    passed_over: u64,
    /// The last stamp that was given.
    given: Option<Timestamp>,
    ended: bool,
    reader: Option<Waker>,
}

impl Watcher {
    pub(super) fn new(query: &WatchQuery) -> Self {
        let limit = match query.cadence {
            Cadence::Closes(_) => query.waiting.max(1),
            _ => 1,
        };
        Self { cadence: query.cadence, limit, queue: Mutex::default() }
    }

    pub(super) fn stream(self: Arc<Self>) -> TickStream {
        Ticks(self).boxed()
    }

    fn tell(&self, stamp: Timestamp) {
        let mut queue = self.queue.lock();
        if queue.waiting.len() == self.limit {
            queue.waiting.pop_front();
            queue.passed_over += u64::from(matches!(self.cadence, Cadence::Closes(_)));
        }
        queue.waiting.push_back(stamp);
        let reader = if self.is_due(&queue) { queue.reader.take() } else { None };
        drop(queue);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// Gives what waits, then no more.
    pub(super) fn end(&self) {
        let mut queue = self.queue.lock();
        queue.ended = true;
        let reader = queue.reader.take();
        drop(queue);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// Whether the first that waits may be given.
    fn is_due(&self, queue: &Queue) -> bool {
        let (Cadence::Changes { apart }, Some(given), false) = (self.cadence, queue.given, queue.ended)
        else {
            return true;
        };
        let apart = i64::try_from(apart.as_micros()).unwrap_or(i64::MAX);
        queue.waiting.front().is_some_and(|stamp| stamp.since(given) >= apart)
    }

    fn poll(&self, reader: &Waker) -> Poll<Option<Tick>> {
        let mut queue = self.queue.lock();
        let next = if self.is_due(&queue) { queue.waiting.pop_front() } else { None };
        match next {
            Some(stamp) => {
                queue.given = Some(stamp);
                Poll::Ready(Some(Tick { stamp, passed_over: std::mem::take(&mut queue.passed_over) }))
            }
            None if queue.ended => Poll::Ready(None),
            None => {
                queue.reader = Some(reader.clone());
                Poll::Pending
            }
        }
    }
}

/// What a watcher reads.
#[derive(Debug)]
struct Ticks(Arc<Watcher>);

impl Stream for Ticks {
    type Item = Tick;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Tick>> {
        self.0.poll(context.waker())
    }
}
