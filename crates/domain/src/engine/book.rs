//! The book stream: a local book, its sampled seconds, their imbalances, and when its proof ends.

use std::sync::Arc;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::coverage::StreamCoverage;
use super::depth::Depth;
use super::local_book::{Fit, LocalBook, TimedDiff};
use crate::book::{BookLevel, BookSnapshot, BookSnapshotParts, SampleFlags};
use crate::bucket::{self, PriceBucket};
use crate::change::Changes;
use crate::coverage::Stream;
use crate::decimal::Price;
use crate::imbalance::{ImbalanceWindows, Imbalances};
use crate::message::{BookDiff, FullBook};
use crate::time::{SECOND, Timestamp};
use crate::venue::BookRule;
use crate::violation::Violations;

/// What is stored of a book stream with every batch; the levels themselves are not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct BookState {
    /// Highest update id that took effect: diffs at or below it are re-deliveries.
    position: u64,
    /// Highest snapshot that took effect.
    snapshot: u64,
    /// Highest snapshot ever offered: one beyond it cannot be a re-delivery.
    offered: u64,
    /// Whether samples are being taken.
    live: bool,
    /// Start of the next second to be sampled.
    next_second: Option<Timestamp>,
    /// Whether a diff came since the last sample.
    dirty: bool,
    /// Venue time and receipt of the last diff.
    last_diff: Option<(Timestamp, Timestamp)>,
    /// Width of the price buckets, set by the first snapshot.
    bucket_size: Option<Price>,
}

/// What a message means to the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It was seen before, or is of no use.
    None,
    /// It waits for a snapshot.
    Buffered,
    /// It continues or starts the book.
    Applies,
    /// It shows that updates were lost.
    Breaks,
}

/// The book state machine of one instrument.
#[derive(Debug, Clone)]
pub struct BookStream {
    book: LocalBook,
    state: BookState,
    windows: ImbalanceWindows,
    /// After a restart without levels: a stream that lives through the re-delivered messages from their
    /// beginning, without effect, until it reaches the stored position and lends its levels.
    rebuilding: Option<Box<BookStream>>,
}

impl BookStream {
    /// A stream nothing is known of.
    pub fn new(rule: BookRule) -> Self {
        Self {
            book: LocalBook::new(rule),
            state: BookState::default(),
            windows: ImbalanceWindows::default(),
            rebuilding: None,
        }
    }

    /// Takes up a stored state. Without the levels of that very position they are rebuilt from
    /// re-delivered messages, or lost with the first new one.
    pub fn restore(&mut self, state: BookState, levels: Option<&FullBook>, imbalances: &[Imbalances]) {
        self.windows = ImbalanceWindows::restore(imbalances);
        match levels.filter(|levels| state.live && levels.last_update == state.position) {
            Some(levels) => self.book.resume(levels),
            None if state.live => self.rebuilding = Some(Box::new(Self::new(self.book.rule()))),
            None => {}
        }
        self.state = state;
    }

    /// The part that is stored with every batch.
    pub fn state(&self) -> &BookState {
        &self.state
    }

    /// The book while it is in synchrony.
    pub fn live_book(&self) -> Option<&LocalBook> {
        (self.state.live && self.rebuilding.is_none()).then_some(&self.book)
    }

    /// The full depth, where there is a live book to store.
    pub fn checkpoint(&self) -> Option<FullBook> {
        self.live_book().map(LocalBook::to_full)
    }

    /// Whether diffs wait for a snapshot, and none has come that the next diff may connect to.
    pub fn wants_snapshot(&self) -> bool {
        self.rebuilding.is_none() && !self.state.live && self.book.is_waiting()
    }

    /// What the book is; while it is being rebuilt, how far that is.
    pub fn depth(&self) -> Option<Depth> {
        self.rebuilding.as_ref().map_or_else(|| self.book.depth(), |shadow| shadow.depth())
    }

    /// Takes up what the book was at an earlier moment, where its levels are not at hand.
    pub fn rebuild_from(&mut self, depth: Depth) {
        if self.rebuilding.is_some() {
            self.rebuild(|shadow| shadow.begin_from(depth));
            return;
        }
        match depth {
            _ if self.state.live => {}
            // It was lost since.
            Depth::Live(_) => {}
            Depth::Seeded(snapshot) => self.seed_again(&snapshot),
            Depth::Waiting(mut diffs) => {
                diffs.retain(|waiting| waiting.diff.last_update > self.state.position);
                self.book.wait_with(diffs);
            }
        }
    }

    fn begin_from(&mut self, depth: Depth) {
        self.state.live = false;
        match depth {
            Depth::Live(levels) => {
                self.book.resume(&levels);
                self.state.position = levels.last_update;
                self.state.live = true;
            }
            Depth::Seeded(snapshot) => {
                self.book.wait_with([]);
                self.book.seed(&snapshot);
                self.state.offered = self.state.offered.max(snapshot.last_update);
                self.state.snapshot = snapshot.last_update;
            }
            Depth::Waiting(diffs) => self.book.wait_with(diffs),
        }
    }

    /// Start of the next second to be sampled, while samples are taken.
    pub fn next_second(&self) -> Option<Timestamp> {
        self.state.next_second.filter(|_| self.state.live && self.rebuilding.is_none())
    }

    /// What a diff would do. Re-delivered diffs rebuild the levels here, without effect.
    pub fn offer_diff(&mut self, diff: &BookDiff, sent_at: Timestamp, received_at: Timestamp) -> Effect {
        if diff.last_update <= self.state.position {
            self.rebuild(|shadow| shadow.live_through_diff(diff, sent_at, received_at));
            return Effect::None;
        }
        if self.rebuilding.is_some() {
            return Effect::Breaks;
        }
        match self.book.fit(diff) {
            Fit::Stale => Effect::None,
            Fit::Early => Effect::Buffered,
            Fit::Connects => Effect::Applies,
            Fit::Breaks if self.state.live => Effect::Breaks,
            // The snapshot was older than the diffs: wait for the next one.
            Fit::Breaks => {
                self.book.clear();
                Effect::Buffered
            }
        }
    }

    /// Keeps a diff for the next snapshot.
    pub fn buffer(&mut self, diff: &BookDiff, sent_at: Timestamp, received_at: Timestamp) {
        self.book.buffer(TimedDiff { diff: diff.clone(), sent_at, received_at });
    }

    /// What a snapshot would do. One that was seen before rebuilds the levels here, without effect.
    pub fn offer_snapshot(&mut self, snapshot: &FullBook) -> Effect {
        let fresh = snapshot.last_update > self.state.offered;
        self.state.offered = self.state.offered.max(snapshot.last_update);
        let usable = snapshot.last_update >= self.state.position;
        if fresh {
            let needed = !self.state.live || self.rebuilding.is_some();
            return if needed && usable { Effect::Applies } else { Effect::None };
        }
        self.rebuild(|shadow| shadow.live_through_snapshot(snapshot));
        self.seed_again(snapshot);
        Effect::None
    }

    /// Seeds the book with a snapshot that took effect before, unless a diff has connected to it.
    fn seed_again(&mut self, snapshot: &FullBook) {
        let usable = snapshot.last_update >= self.state.position;
        if self.state.live || !usable || snapshot.last_update != self.state.snapshot {
            return;
        }
        for waiting in self.book.seed(snapshot) {
            if self.book.fit(&waiting.diff) != Fit::Stale {
                self.book.clear();
                self.book.buffer(waiting);
            }
        }
    }

    /// Seeds the book and applies the diffs that were waiting.
    pub fn apply_snapshot(
        &mut self,
        snapshot: &FullBook,
        seen: Timestamp,
        stamp: Timestamp,
        coverage: &mut StreamCoverage,
        changes: &mut Changes,
    ) {
        self.give_up_rebuilding(seen, stamp, coverage, changes);
        self.state.snapshot = snapshot.last_update;
        self.state.bucket_size = self.state.bucket_size.or_else(|| bucket_size(snapshot));
        for waiting in self.book.seed(snapshot) {
            let TimedDiff { diff, sent_at, received_at } = &waiting;
            match self.book.fit(diff) {
                Fit::Connects => {
                    self.sample_until(*sent_at, false, stamp, coverage, changes);
                    self.apply_diff(diff, *sent_at, *received_at, seen, stamp, coverage, changes);
                }
                Fit::Stale => {}
                Fit::Early | Fit::Breaks => {
                    if self.state.live {
                        self.lose("book sequence broke", seen, stamp, coverage, changes);
                    }
                    self.book.clear();
                    self.book.buffer(waiting);
                }
            }
        }
    }

    /// Ends the proof of a book whose levels did not come back after a restart, before another takes its place.
    fn give_up_rebuilding(
        &mut self,
        seen: Timestamp,
        stamp: Timestamp,
        coverage: &mut StreamCoverage,
        changes: &mut Changes,
    ) {
        if self.rebuilding.is_some() {
            let reason = "the book of before the restart is not at hand";
            self.lose(reason, seen, stamp, coverage, changes);
        }
    }

    /// Applies a diff that continues or starts the book.
    #[expect(clippy::too_many_arguments, reason = "a diff is its times, its stamp and where its rows go")]
    pub fn apply_diff(
        &mut self,
        diff: &BookDiff,
        sent_at: Timestamp,
        received_at: Timestamp,
        seen: Timestamp,
        stamp: Timestamp,
        coverage: &mut StreamCoverage,
        changes: &mut Changes,
    ) {
        if !self.book.has_snapshot() {
            // The book it connected to could not be sampled.
            self.buffer(diff, sent_at, received_at);
            return;
        }
        self.book.apply(diff);
        if let Some(since) = coverage.silent_since().filter(|_| !self.book.is_crossed()) {
            let reason = "book sequence is unbroken across the silence";
            coverage.filled(since, sent_at, reason.into(), stamp, &mut changes.coverage);
        }
        self.settle(sent_at, received_at, seen, stamp, coverage, changes);
    }

    /// What a whole book that replaces the one before would do.
    pub fn offer_state(&mut self, book: &FullBook) -> Effect {
        if book.last_update > self.state.position {
            return Effect::Applies;
        }
        if self.rebuilding.is_some() && book.last_update == self.state.position {
            self.book.resume(book);
            self.rebuilding = None;
        }
        Effect::None
    }

    /// Replaces the book.
    #[expect(clippy::too_many_arguments, reason = "a book is its times, its stamp and where its rows go")]
    pub fn apply_state(
        &mut self,
        book: &FullBook,
        sent_at: Timestamp,
        received_at: Timestamp,
        seen: Timestamp,
        stamp: Timestamp,
        coverage: &mut StreamCoverage,
        changes: &mut Changes,
    ) {
        self.state.bucket_size = self.state.bucket_size.or_else(|| bucket_size(book));
        self.give_up_rebuilding(seen, stamp, coverage, changes);
        self.book.resume(book);
        self.settle(sent_at, received_at, seen, stamp, coverage, changes);
    }

    /// Checks the book after a change, and goes on with it.
    fn settle(
        &mut self,
        sent_at: Timestamp,
        received_at: Timestamp,
        seen: Timestamp,
        stamp: Timestamp,
        coverage: &mut StreamCoverage,
        changes: &mut Changes,
    ) {
        self.state.position = self.book.last_update();
        if self.book.is_crossed() {
            self.lose("crossed book", seen, stamp, coverage, changes);
            return;
        }
        if coverage.run().is_none() {
            coverage.begin(sent_at);
            let second = sent_at.floor_second();
            self.state.next_second = Some(self.state.next_second.map_or(second, |next| next.max(second)));
        }
        if self.state.bucket_size.is_none() {
            self.state.bucket_size = bucket_size(&self.book.to_full());
        }
        self.state.live = true;
        self.state.dirty = true;
        self.state.last_diff = Some((sent_at, received_at));
    }

    /// Ends the proof at the last diff and waits for a new snapshot.
    pub fn lose(
        &mut self,
        reason: &str,
        seen: Timestamp,
        stamp: Timestamp,
        coverage: &mut StreamCoverage,
        changes: &mut Changes,
    ) {
        // After a restart without levels, only what was sampled is proven.
        let sampled = self.state.next_second.filter(|_| self.rebuilding.is_some());
        let last_diff = self.state.last_diff.map(|(sent_at, _)| sent_at);
        if let Some(end) = sampled.or(last_diff) {
            coverage.lose(end, seen, reason.to_owned(), stamp, &mut changes.coverage);
        }
        self.forget_levels();
    }

    fn forget_levels(&mut self) {
        self.book.clear();
        self.rebuilding = None;
        self.state.live = false;
        self.state.dirty = false;
    }

    /// Samples every second that ends at or before `until`. A second that cannot be stored ends the proof.
    pub fn sample_until(
        &mut self,
        until: Timestamp,
        early: bool,
        stamp: Timestamp,
        coverage: &mut StreamCoverage,
        changes: &mut Changes,
    ) {
        let Some(run) = coverage.run() else { return };
        while let Some(second) = self.next_second().filter(|second| second.plus(SECOND) <= until) {
            let flags = SampleFlags { early, partial: false, covered: run <= second };
            match self.snapshot(second, flags, stamp) {
                Ok(snapshot) => {
                    if flags.covered {
                        changes.imbalances.push(self.windows.next(&snapshot));
                    }
                    changes.books.push(Arc::new(snapshot));
                }
                Err(violations) => {
                    let reason = format!("the book cannot be stored: {violations}");
                    coverage.lose(second, until, reason, stamp, &mut changes.coverage);
                    self.forget_levels();
                    return;
                }
            }
            self.state.next_second = Some(second.plus(SECOND));
            self.state.dirty = false;
        }
    }

    /// Whether an orderly end of feed owes a partial sample.
    pub fn owes_partial(&self) -> bool {
        self.state.dirty && self.next_second().is_some()
    }

    /// Samples the unfinished second at an orderly end of feed.
    pub fn sample_partial(&mut self, stamp: Timestamp, changes: &mut Changes) {
        if let Some(second) = self.next_second() {
            let flags = SampleFlags { partial: true, ..SampleFlags::default() };
            // What cannot be stored of an unfinished second is not proven either.
            changes.books.extend(self.snapshot(second, flags, stamp).map(Arc::new));
            self.state.dirty = false;
        }
    }

    fn snapshot(
        &self,
        second: Timestamp,
        flags: SampleFlags,
        stamp: Timestamp,
    ) -> Result<BookSnapshot, Violations> {
        let (bids, asks) = self.book.top();
        let (event_time, received_at) = self.state.last_diff.unwrap_or((second, second));
        BookSnapshot::try_new(BookSnapshotParts {
            second,
            bids,
            asks,
            sequence: self.book.last_update(),
            event_time,
            received_at,
            available_at: stamp,
            bucket_size: self.state.bucket_size.map_or_else(bucket::default_size, Ok)?,
            flags,
        })
    }

    /// Lets the rebuilding stream live through a re-delivered message, and takes its levels over where
    /// they are those of the stored position.
    fn rebuild(&mut self, live_through: impl FnOnce(&mut Self)) {
        let Some(mut shadow) = self.rebuilding.take() else {
            return;
        };
        live_through(&mut shadow);
        if shadow.state.live && shadow.state.position == self.state.position {
            self.book = shadow.book;
        } else {
            self.rebuilding = Some(shadow);
        }
    }

    fn live_through_diff(&mut self, diff: &BookDiff, sent_at: Timestamp, received_at: Timestamp) {
        let (mut coverage, mut changes) = (StreamCoverage::new(Stream::Book), Changes::default());
        match self.offer_diff(diff, sent_at, received_at) {
            Effect::None => {}
            Effect::Buffered => self.buffer(diff, sent_at, received_at),
            Effect::Applies => {
                self.apply_diff(diff, sent_at, received_at, sent_at, sent_at, &mut coverage, &mut changes)
            }
            Effect::Breaks => {
                self.lose("", sent_at, sent_at, &mut coverage, &mut changes);
                self.buffer(diff, sent_at, received_at);
            }
        }
    }

    fn live_through_snapshot(&mut self, snapshot: &FullBook) {
        if self.offer_snapshot(snapshot) == Effect::Applies {
            let (mut coverage, mut changes) = (StreamCoverage::new(Stream::Book), Changes::default());
            let never = Timestamp::EARLIEST;
            self.apply_snapshot(snapshot, never, never, &mut coverage, &mut changes);
        }
    }
}

/// Width of the buckets from the first book with a level: by its mid price, or its one side's best, and by
/// the finest decimal of its prices as the tick.
fn bucket_size(snapshot: &FullBook) -> Option<Price> {
    let mid_price = match snapshot.best() {
        Some((bid, ask)) => (bid.price.get() + ask.price.get()) / Decimal::TWO,
        None => snapshot.bids.first().or(snapshot.asks.first())?.price.get(),
    };
    let decimals = |level: &BookLevel| level.price.get().normalize().scale();
    let scale = snapshot.bids.iter().chain(&snapshot.asks).map(decimals).max()?;
    let tick = Price::try_new("tick", Decimal::new(1, scale)).ok()?;
    Some(PriceBucket::size_for(mid_price, tick))
}
