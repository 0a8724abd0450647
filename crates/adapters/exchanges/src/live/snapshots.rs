//! Whole books over REST, for the books that wait for one.
//!
//! The pipeline says which those are, again and again until it has what it wants. Each is asked for once at a time; the
//! pause before the same book is asked for again grows, since an answer may be older than the diffs that wait for it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use onetape_domain::instrument::Instrument;
use onetape_ports::with_causes;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::config::Timing;
use super::connection::stopped;
use super::feed::Item;
use super::rest::Rest;
use super::shard::Shared;
use super::stats::{add, count};
use super::venue::{SNAPSHOT_LEVELS, venue};

/// Requests under way at once.
const AT_ONCE: usize = 4;

/// Which books are wanted, and which were asked for.
#[derive(Debug)]
pub(super) struct Snapshots {
    books: HashMap<Instrument, Book>,
    /// How many of them are not settled: asked for before, and not known to be in order since.
    unsettled: usize,
    timing: Timing,
    requests: mpsc::UnboundedSender<Request>,
}

#[derive(Debug)]
struct Book {
    native: String,
    /// Whether a request is under way.
    asked: bool,
    /// How long to wait after the next answer, and until when after the last one.
    pause: Duration,
    not_before: Option<Instant>,
    unsettled: bool,
}

#[derive(Debug)]
struct Request {
    instrument: Instrument,
    native: String,
    not_before: Option<Instant>,
}

impl Snapshots {
    /// Of these instruments with their native names; the requests go to [`fetch_until_stopped`].
    pub(super) fn new(
        instruments: impl Iterator<Item = (Instrument, String)>,
        shared: Arc<Shared>,
        rest: Rest,
        items: mpsc::Sender<Item>,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let timing = shared.config.timing;
        let first = timing.snapshot_pause;
        let book = |native| Book { native, asked: false, pause: first, not_before: None, unsettled: false };
        let books = instruments.map(|(instrument, native)| (instrument, book(native))).collect();
        // Holds one request a book at most.
        let (requests, waiting) = mpsc::unbounded_channel();
        tokio::spawn(fetch_until_stopped(waiting, shared, Arc::new(rest), items, stop));
        Self { books, unsettled: 0, timing, requests }
    }

    /// Native name of a book.
    pub(super) fn native(&self, instrument: &Instrument) -> Option<&str> {
        self.books.get(instrument).map(|book| &*book.native)
    }

    /// Asks for those of the books that are wanted now and not under way; where one was asked for before, after a pause.
    pub(super) fn want(&mut self, wanted: &[Instrument]) {
        if wanted.is_empty() && self.unsettled == 0 {
            return;
        }
        if self.unsettled > 0 {
            for (instrument, book) in &mut self.books {
                if book.unsettled && !book.asked && !wanted.contains(instrument) {
                    (book.unsettled, book.pause, book.not_before) = (false, self.timing.snapshot_pause, None);
                    self.unsettled -= 1;
                }
            }
        }
        for instrument in wanted {
            let Some(book) = self.books.get_mut(instrument) else { continue };
            if book.asked {
                continue;
            }
            let (instrument, native) = (instrument.clone(), book.native.clone());
            let request = Request { instrument, native, not_before: book.not_before };
            book.asked = self.requests.send(request).is_ok();
            if !book.unsettled {
                book.unsettled = true;
                self.unsettled += 1;
            }
        }
    }

    /// Notes that a request has ended, well or not.
    pub(super) fn answered(&mut self, instrument: &Instrument) {
        if let Some(book) = self.books.get_mut(instrument) {
            book.asked = false;
            book.not_before = Some(Instant::now() + book.pause);
            book.pause = (book.pause * 2).min(self.timing.max_pause);
        }
    }
}

async fn fetch_until_stopped(
    mut requests: mpsc::UnboundedReceiver<Request>,
    shared: Arc<Shared>,
    rest: Arc<Rest>,
    items: mpsc::Sender<Item>,
    mut stop: watch::Receiver<bool>,
) {
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut under_way = JoinSet::new();
    loop {
        tokio::select! {
            request = requests.recv() => {
                let Some(request) = request else { return };
                let (shared, rest, items, turns) = (shared.clone(), rest.clone(), items.clone(), turns.clone());
                under_way.spawn(async move {
                    if let Some(time) = request.not_before {
                        tokio::time::sleep_until(time).await;
                    }
                    // Nobody closes the semaphore.
                    let _turn = turns.acquire().await;
                    fetch(request, &shared, &rest, items).await;
                });
            }
            Some(_) = under_way.join_next() => {}
            () = stopped(&mut stop) => return,
            () = items.closed() => return,
        }
    }
}

async fn fetch(request: Request, shared: &Shared, rest: &Rest, items: mpsc::Sender<Item>) {
    let Request { instrument, native, .. } = request;
    let venue = venue(shared.config.market);
    let path = format!("{}/depth?symbol={native}&limit={SNAPSHOT_LEVELS}", venue.api);
    let item = match rest.get(&path, venue.snapshot_weight).await {
        Ok(body) => {
            let received_at = shared.clock.now();
            count(&shared.counters.snapshots);
            add(&shared.counters.bytes, body.len());
            Item::Book { instrument, received_at, body }
        }
        Err(error) => {
            count(&shared.counters.failed_snapshots);
            tracing::warn!(%instrument, error = with_causes(&error), "no snapshot of the book, asking again");
            Item::NoBook { instrument }
        }
    };
    // The feed is gone where this fails.
    let _ = items.send(item).await;
}
