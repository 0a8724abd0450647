//! The engine of one instrument: feed messages in, stamped rows out. Pure and deterministic.
//!
//! One message is one step, all under one stamp: sample the book seconds that are due, apply the
//! data, raise the watermark, close the candles it passed.

pub mod book;
pub mod candles;
pub mod coverage;
pub mod depth;
mod events;
pub mod gaps;
pub mod local_book;
mod pushed;
pub mod sequencer;
mod steps;
pub mod trades;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::candle::Candle;
use crate::change::Changes;
use crate::clock::InstrumentClock;
use crate::coverage::Stream;
use crate::frame::FrameParts;
use crate::instrument::Instrument;
use crate::message::{ConnectionId, FeedMessage, FullBook, Payload};
use crate::time::{SECOND, Timeframe, Timestamp};
use crate::trade::{Trade, TradeEvent};
use crate::venue::VenueRules;
use crate::violation::Violations;

use book::{BookState, BookStream, Effect};
use candles::{CandleBook, CandleKey};
use coverage::StreamCoverage;
use sequencer::Sequencer;
use trades::TradeStream;

/// How far a message may lie ahead of our clock before it is taken for a wrong time.
pub const MAX_LEAD: i64 = 3_600 * SECOND;

/// The state that is stored with every batch, small enough for that.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EngineState {
    sequencer: Sequencer,
    connections: BTreeMap<ConnectionId, Timestamp>,
    carriers: [Option<ConnectionId>; 2],
    watermarks: [Option<Timestamp>; 2],
    coverage: [StreamCoverage; 2],
    trades: TradeStream,
    book: BookState,
}

/// Connections of an instrument that are remembered with the highest time on each. A reconnecting feed takes a
/// new one each time; one that was forgotten begins anew should it come back.
pub const MAX_CONNECTIONS: usize = 64;

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It changed something, under this stamp.
    Stamped(Timestamp),
    /// Everything in it was known.
    Redelivered,
    /// Messages of its kind are neither stored nor proof.
    Ignored,
    /// Nothing happened yet: these closed candles must be loaded, then the message be given again.
    NeedsCandles(Vec<CandleKey>),
    /// It was refused whole.
    Refused(Violations),
}

/// What processing a message brought about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What became of the message.
    pub outcome: Outcome,
    /// Trades of it that were refused on their own.
    pub refused: Vec<(TradeEvent, Violations)>,
    /// Trades passed over because the instrument's one trade stream is of the other kind (single or aggregate).
    pub passed_over: usize,
}

impl Step {
    fn of(outcome: Outcome) -> Self {
        Self { outcome, refused: Vec::new(), passed_over: 0 }
    }

    /// What became of the message where nothing of it was refused.
    ///
    /// # Errors
    /// Every rule that the message, or trades of it, broke.
    pub fn accepted(self) -> Result<Outcome, Violations> {
        match self.outcome {
            Outcome::Refused(violations) => Err(violations),
            outcome => Violations(self.refused.into_iter().flat_map(|(_, broken)| broken.0).collect())
                .into_result(outcome),
        }
    }
}

/// Up to where a message lets seconds of the book be sampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sampling {
    /// The book stream itself reached its time.
    BookStream,
    /// Only the watermark it raises.
    Watermark,
    /// It shows that updates are missing: nothing since the last diff is certain.
    Never,
}

/// The state machines of one instrument.
#[derive(Debug, Clone)]
pub struct InstrumentEngine {
    instrument: Instrument,
    rules: VenueRules,
    sequencer: Sequencer,
    connections: BTreeMap<ConnectionId, Timestamp>,
    carriers: [Option<ConnectionId>; 2],
    watermarks: [Option<Timestamp>; 2],
    coverage: [StreamCoverage; 2],
    trades: TradeStream,
    candles: CandleBook,
    book: BookStream,
}

impl InstrumentEngine {
    /// An instrument nothing is stored of.
    pub fn new(instrument: Instrument, rules: VenueRules) -> Self {
        Self {
            instrument,
            rules,
            sequencer: Sequencer::default(),
            connections: BTreeMap::new(),
            carriers: [None; 2],
            watermarks: [None; 2],
            coverage: Stream::ALL.map(StreamCoverage::new),
            trades: TradeStream::new(rules.trade_ids),
            candles: CandleBook::default(),
            book: BookStream::new(rules.book_rule),
        }
    }

    /// Goes on where a store left off. `parts` is what it holds as of the clock's stamp, with at least
    /// [`FrameParts::FORMING_ROWS`] candles a timeframe, of which fewer than `limit` means all.
    /// `recent` are the trades of the last [`trades::MEMORY`], needed without contiguous ids only.
    pub fn restore(
        rules: VenueRules,
        clock: InstrumentClock,
        parts: &FrameParts,
        limit: usize,
        recent: &[Trade],
    ) -> Result<Self, Violations> {
        let mut engine = Self::new(clock.instrument, rules);
        let EngineState { sequencer, connections, carriers, watermarks, coverage, trades, book } =
            clock.state;
        engine.sequencer = sequencer;
        engine.connections = connections;
        engine.carriers = carriers;
        engine.watermarks = watermarks;
        engine.coverage = coverage;
        engine.trades = trades;
        engine.trades.restore(recent);
        engine.book.restore(book, clock.book.as_ref(), &parts.imbalances);
        let forming = parts.forming()?;
        for timeframe in Timeframe::ALL {
            let closed = &parts.candles[timeframe.index()];
            engine.candles.restore(timeframe, closed, closed.len() < limit, &forming[timeframe.index()]);
        }
        Ok(engine)
    }

    /// Whose engine it is.
    pub fn instrument(&self) -> &Instrument {
        &self.instrument
    }

    /// The last stamp issued.
    pub fn issued(&self) -> Option<Timestamp> {
        self.sequencer.issued()
    }

    /// The watermark of a stream.
    pub fn watermark(&self, stream: Stream) -> Option<Timestamp> {
        self.watermarks[stream.index()]
    }

    /// The clock to store with the changes so far; none before the first stamp. `with_book` adds the
    /// full-depth book.
    pub fn clock(&self, with_book: bool) -> Option<InstrumentClock> {
        Some(InstrumentClock {
            instrument: self.instrument.clone(),
            issued: self.sequencer.issued()?,
            live_since: self.sequencer.first()?,
            watermark: self.watermarks[Stream::Trades.index()],
            state: EngineState {
                sequencer: self.sequencer.clone(),
                connections: self.connections.clone(),
                carriers: self.carriers,
                watermarks: self.watermarks,
                coverage: self.coverage.clone(),
                trades: self.trades.stored(),
                book: self.book.state().clone(),
            },
            book: with_book.then(|| self.book.checkpoint()).flatten(),
        })
    }

    /// Supplies a candle asked for by [`Outcome::NeedsCandles`]; none where the store holds none.
    pub fn load_candle(&mut self, key: CandleKey, candle: Option<Candle>) {
        self.candles.load(key, candle);
    }

    /// Processes one message; its rows are added to `changes`.
    pub fn process(&mut self, message: &FeedMessage, changes: &mut Changes) -> Step {
        if message.payload == Payload::Ticker {
            return Step::of(Outcome::Ignored);
        }
        if let Err(violations) = check_times(message) {
            return Step::of(Outcome::Refused(violations));
        }
        let step = self.take(message, changes);
        let settled = !matches!(step.outcome, Outcome::NeedsCandles(_) | Outcome::Refused(_));
        if let Some(sent_at) = message.sent_at.filter(|_| settled) {
            let highest = self.connections.entry(message.connection).or_insert(sent_at);
            *highest = sent_at.max(*highest);
            self.forget_connection(message.connection);
        }
        step
    }

    fn take(&mut self, message: &FeedMessage, changes: &mut Changes) -> Step {
        let highest = self.connections.get(&message.connection).copied();
        let any = self.connections.values().max().copied();
        let sent_at = message.sent_at.or(highest).or(any).unwrap_or(message.received_at);
        let raises = self.raises(message, own_stream(&message.payload));
        let seen = any.map_or(sent_at, |any| any.max(sent_at));
        match &message.payload {
            Payload::Trades(events) => self.process_trades(message, events, sent_at, raises, changes),
            Payload::BookDiff(diff) => {
                let effect = self.book.offer_diff(diff, sent_at, message.received_at);
                if effect == Effect::Buffered {
                    self.book.buffer(diff, sent_at, message.received_at);
                }
                if !raises && !matches!(effect, Effect::Applies | Effect::Breaks) {
                    return Step::of(Outcome::Redelivered);
                }
                let sampling = match effect {
                    Effect::Applies => Sampling::BookStream,
                    Effect::Breaks => Sampling::Never,
                    Effect::None | Effect::Buffered => Sampling::Watermark,
                };
                self.carry(Stream::Book, message, sent_at, raises);
                let stamp = self.begin(message, sent_at, raises, sampling, changes);
                let coverage = &mut self.coverage[Stream::Book.index()];
                match effect {
                    Effect::Applies => {
                        self.book.apply_diff(
                            diff,
                            sent_at,
                            message.received_at,
                            seen,
                            stamp,
                            coverage,
                            changes,
                        );
                    }
                    Effect::Breaks => {
                        self.book.lose("book sequence broke", seen, stamp, coverage, changes);
                        self.book.buffer(diff, sent_at, message.received_at);
                    }
                    Effect::None | Effect::Buffered => {}
                }
                self.finish_step(message, sent_at, raises, stamp, changes)
            }
            Payload::BookSnapshot(snapshot) => {
                if let Some(refused) = refuse_crossed(snapshot) {
                    return refused;
                }
                let effect = self.book.offer_snapshot(snapshot);
                if !raises && effect != Effect::Applies {
                    return Step::of(Outcome::Redelivered);
                }
                let stamp = self.begin(message, sent_at, raises, Sampling::Watermark, changes);
                if effect == Effect::Applies {
                    let coverage = &mut self.coverage[Stream::Book.index()];
                    self.book.apply_snapshot(snapshot, seen, stamp, coverage, changes);
                }
                self.finish_step(message, sent_at, raises, stamp, changes)
            }
            Payload::BookState(book) => {
                if let Some(refused) = refuse_crossed(book) {
                    return refused;
                }
                let effect = self.book.offer_state(book);
                if effect != Effect::Applies {
                    return Step::of(Outcome::Redelivered);
                }
                self.carry(Stream::Book, message, sent_at, raises);
                let stamp = self.begin(message, sent_at, raises, Sampling::BookStream, changes);
                let coverage = &mut self.coverage[Stream::Book.index()];
                self.book.apply_state(book, sent_at, message.received_at, seen, stamp, coverage, changes);
                self.finish_step(message, sent_at, raises, stamp, changes)
            }
            Payload::VoidTrade { id, event_time } => {
                self.process_void(message, (*id, *event_time), sent_at, raises, changes)
            }
            Payload::Unfillable { first_id, last_id, reason } => {
                self.process_unfillable(message, (*first_id, *last_id), reason, sent_at, raises, changes)
            }
            Payload::Candle(candle) => self.process_candle(message, candle, sent_at, raises, changes),
            Payload::Heartbeat if raises => {
                let stamp = self.begin(message, sent_at, raises, Sampling::Watermark, changes);
                self.finish_step(message, sent_at, raises, stamp, changes)
            }
            Payload::Heartbeat => Step::of(Outcome::Redelivered),
            Payload::Ticker => Step::of(Outcome::Ignored),
        }
    }

    /// Stamps a message, ends runs a silence broke, and samples the seconds that are due.
    fn begin(
        &mut self,
        message: &FeedMessage,
        sent_at: Timestamp,
        raises: bool,
        sampling: Sampling,
        changes: &mut Changes,
    ) -> Timestamp {
        let stamp = self.stamp(message, sent_at, raises);
        let highest = self.connections.get(&message.connection).copied();
        if let Some(last) = highest.filter(|last| raises && sent_at.since(*last) > self.rules.silence_limit) {
            for stream in self.carried_by(message.connection) {
                self.coverage[stream.index()].fall_silent(last);
            }
        }
        let stream = Stream::Book.index();
        if sampling == Sampling::BookStream {
            let coverage = &mut self.coverage[stream];
            self.book.sample_until(sent_at, false, stamp, coverage, changes);
        }
        if sampling != Sampling::Never && raises && self.carriers[stream] == Some(message.connection) {
            let watermark = self.reached(message.connection, sent_at);
            self.book.sample_until(watermark, true, stamp, &mut self.coverage[stream], changes);
        }
        stamp
    }

    /// Raises the watermarks of the connection's streams, writes coverage and closes candles.
    fn finish_step(
        &mut self,
        message: &FeedMessage,
        sent_at: Timestamp,
        raises: bool,
        stamp: Timestamp,
        changes: &mut Changes,
    ) -> Step {
        if raises {
            let watermark = self.reached(message.connection, sent_at);
            for stream in self.carried_by(message.connection) {
                let mark = &mut self.watermarks[stream.index()];
                let before = *mark;
                let raised = mark.map_or(watermark, |mark| mark.max(watermark));
                *mark = Some(raised);
                let second = raised.floor_second();
                if before.is_none_or(|before| before.floor_second() < second) {
                    self.coverage[stream.index()].reach(second, stamp, &mut changes.coverage);
                    if stream == Stream::Trades {
                        self.candles.close(raised, stamp, &mut changes.candles);
                        self.trades.forget(raised);
                    }
                }
            }
        }
        Step::of(Outcome::Stamped(stamp))
    }

    /// Whether a message raises a watermark: that of the stream it belongs to, or of one its connection
    /// carries.
    fn raises(&self, message: &FeedMessage, own: Option<Stream>) -> bool {
        let Some(sent_at) = message.sent_at else { return false };
        let mark = sent_at.plus(-self.rules.lateness);
        let mut streams = own.into_iter().chain(self.carried_by(message.connection));
        streams.any(|stream| self.watermarks[stream.index()].is_none_or(|before| mark > before))
    }

    /// The stamp of a message; it does not lie before the watermark the message raises, which may be an
    /// earlier one's on the same connection.
    fn stamp(&mut self, message: &FeedMessage, sent_at: Timestamp, raises: bool) -> Timestamp {
        let highest = self.connections.get(&message.connection).copied().filter(|_| raises);
        let sent_at = highest.map_or(sent_at, |highest| highest.max(sent_at));
        self.sequencer.stamp(sent_at, message.received_at, self.rules.stamp_lead_limit)
    }

    /// The watermark of what a connection carries once it has sent a message.
    fn reached(&self, connection: ConnectionId, sent_at: Timestamp) -> Timestamp {
        let highest = self.connections.get(&connection).copied();
        highest.map_or(sent_at, |highest| highest.max(sent_at)).plus(-self.rules.lateness)
    }

    /// Makes the message's connection the one that carries a stream, unless it only repairs the past.
    /// A stream whose connection before has been silent for too long is unproven since then.
    fn carry(&mut self, stream: Stream, message: &FeedMessage, sent_at: Timestamp, raises: bool) {
        let carrier = &mut self.carriers[stream.index()];
        if !raises && carrier.is_some() {
            return;
        }
        let before = carrier.replace(message.connection);
        let before = before.filter(|before| *before != message.connection);
        let last = before.and_then(|before| self.connections.get(&before).copied());
        if let Some(last) = last.filter(|last| sent_at.since(*last) > self.rules.silence_limit) {
            self.coverage[stream.index()].fall_silent(last);
        }
    }

    /// Forgets the connection that has been quiet the longest where there are too many, but none that carries a
    /// stream, and not this one.
    fn forget_connection(&mut self, but: ConnectionId) {
        if self.connections.len() <= MAX_CONNECTIONS {
            return;
        }
        let kept =
            |connection: &ConnectionId| *connection == but || self.carriers.contains(&Some(*connection));
        let idle = self.connections.iter().filter(|(connection, _)| !kept(connection));
        if let Some(connection) = idle.min_by_key(|(_, highest)| **highest).map(|(connection, _)| *connection)
        {
            self.connections.remove(&connection);
        }
    }

    fn carried_by(&self, connection: ConnectionId) -> impl Iterator<Item = Stream> + use<> {
        let carriers = self.carriers;
        Stream::ALL.into_iter().filter(move |stream| carriers[stream.index()] == Some(connection))
    }
}

/// The stream a message belongs to, which its connection carries from then on.
fn own_stream(payload: &Payload) -> Option<Stream> {
    match payload {
        Payload::Trades(_) | Payload::VoidTrade { .. } | Payload::Candle(_) => Some(Stream::Trades),
        Payload::BookDiff(_) | Payload::BookState(_) => Some(Stream::Book),
        Payload::BookSnapshot(_) | Payload::Unfillable { .. } | Payload::Heartbeat | Payload::Ticker => None,
    }
}

fn refuse_crossed(book: &FullBook) -> Option<Step> {
    let (bid, ask) = book.best().filter(|(bid, ask)| bid.price >= ask.price)?;
    let value = format!("{} / {}", bid.price, ask.price);
    Some(Step::of(Outcome::Refused(Violations::one("book", value, "must not be crossed"))))
}

fn check_times(message: &FeedMessage) -> Result<(), Violations> {
    let mut violations = Violations::default();
    let limit = message.received_at.plus(MAX_LEAD);
    if let Some(sent_at) = message.sent_at.filter(|sent_at| !sent_at.is_sane() || *sent_at > limit) {
        violations.push(
            "message.sent_at",
            sent_at,
            "must not lie more than an hour ahead of the receive clock",
        );
    }
    if !message.received_at.is_sane() {
        violations.push("message.received_at", message.received_at, "must be between 2009 and 2100");
    }
    if let Payload::Trades(events) = &message.payload {
        for event in events.iter().filter(|event| event.event_time() > limit) {
            let reason = "must not lie more than an hour ahead of the receive clock";
            violations.push("trade.event_time", event.event_time(), reason);
        }
    }
    violations.into_result(())
}
