//! The market of one instrument: a book around a wandering price, trades at its best prices.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use onetape_domain::book::BookLevel;
use onetape_domain::decimal::{Price, Quantity};
use onetape_domain::instrument::Instrument;
use onetape_domain::message::{BookDiff, ConnectionId, FeedMessage, FullBook, Payload};
use onetape_domain::time::Timestamp;
use onetape_domain::trade::{Side, TradeEvent, TradeId};
use rust_decimal::Decimal;

use super::rng::Rng;

/// How trades are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ids {
    /// Contiguous numbers, as at Binance.
    Contiguous,
    /// Text without a venue sequence, as at Bybit.
    Text,
    /// Text with a venue sequence that several trades share.
    Sequenced,
    /// None at all.
    Missing,
}

/// A simulated market. Change the fields that matter, then take its [`messages`](Self::messages).
#[derive(Debug, Clone)]
pub struct Market {
    /// What is traded.
    pub instrument: Instrument,
    /// Decides everything that is random.
    pub seed: u64,
    /// Venue time of the first moment.
    pub start: Timestamp,
    /// How long it runs.
    pub seconds: u32,
    /// First mid price in units of the last price decimal.
    pub mid: i64,
    /// Decimals of a price.
    pub price_decimals: u32,
    /// Decimals of a size.
    pub size_decimals: u32,
    /// Levels a side.
    pub levels: i64,
    /// Mean number of trade times a second; about one in four brings several trades.
    pub trades_per_second: u32,
    /// Milliseconds between diffs.
    pub diff_every_ms: u32,
    /// Seconds between REST snapshots; 0 for a single one soon after the start.
    pub snapshot_every: u32,
    /// Milliseconds between heartbeats; 0 for none.
    pub heartbeat_every_ms: u32,
    /// Our clock less the venue's at receipt, in microseconds; may be negative.
    pub receive_offset: i64,
    /// The connection everything comes through.
    pub connection: ConnectionId,
    /// Id of the first trade.
    pub first_trade_id: i64,
    /// How trades are named.
    pub ids: Ids,
    /// Whether the trades of one moment share a message.
    pub grouped: bool,
    /// Seconds, counted from the start, in which nothing happens and nothing is sent.
    pub quiet: Vec<Range<u32>>,
}

impl Market {
    /// A market of an instrument priced around 2,500, of one minute, with ten diffs a second.
    pub fn new(instrument: Instrument, seed: u64) -> Self {
        Self {
            instrument,
            seed,
            start: Timestamp::from_micros(1_723_161_570_000_000),
            seconds: 60,
            mid: 250_000,
            price_decimals: 2,
            size_decimals: 4,
            levels: 60,
            trades_per_second: 8,
            diff_every_ms: 100,
            snapshot_every: 20,
            heartbeat_every_ms: 0,
            receive_offset: 3_000,
            connection: 0,
            first_trade_id: 1_000,
            ids: Ids::Contiguous,
            grouped: false,
            quiet: Vec::new(),
        }
    }

    /// Everything the venue sends, in the order it sends it.
    pub fn messages(&self) -> Vec<FeedMessage> {
        self.stream().collect()
    }

    /// The same, made as it is taken: a market of any length in little memory.
    pub fn stream(&self) -> Messages {
        Messages { run: Run::new(self), millis: 0, received: i64::MIN, ready: VecDeque::new() }
    }

    fn is_quiet(&self, millis: i64) -> bool {
        let second = u32::try_from(millis / 1_000).unwrap_or(u32::MAX);
        self.quiet.iter().any(|range| range.contains(&second))
    }
}

/// The messages of a market, in the order in which the venue sends them.
#[derive(Debug)]
pub struct Messages {
    run: Run,
    millis: i64,
    received: i64,
    ready: VecDeque<FeedMessage>,
}

impl Iterator for Messages {
    type Item = FeedMessage;

    fn next(&mut self) -> Option<FeedMessage> {
        let end = i64::from(self.run.market.seconds) * 1_000;
        while self.ready.is_empty() {
            if self.millis < end && !self.run.market.is_quiet(self.millis) {
                self.run.millisecond(self.millis);
            }
            // Nothing that is sent by now can be made later.
            let sent =
                self.run.sent.first_entry().filter(|sent| *sent.key() <= self.millis || self.millis >= end);
            match sent {
                Some(sent) => self.ready.extend(sent.remove()),
                None if self.millis >= end => return None,
                None => {}
            }
            self.millis += 1;
        }
        let mut message = self.ready.pop_front()?;
        self.received = self.received.saturating_add(1).max(message.received_at.micros());
        message.received_at = Timestamp::from_micros(self.received);
        Some(message)
    }
}

#[derive(Debug, Clone, Copy)]
enum Change {
    Bid(i64, i64),
    Ask(i64, i64),
}

/// State of a market while it runs.
#[derive(Debug)]
struct Run {
    market: Market,
    rng: Rng,
    mid: i64,
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
    update: u64,
    trade_id: i64,
    last_trade_sent: i64,
    pending_snapshot: Option<FullBook>,
    snapshots: u32,
    /// What is still to be sent, by the milliseconds since the start, in order.
    sent: BTreeMap<i64, Vec<FeedMessage>>,
}

impl Run {
    fn new(market: &Market) -> Self {
        let mut rng = Rng::new(market.seed);
        let mid = market.mid;
        let mut side = |sign: i64| -> BTreeMap<i64, i64> {
            (1..=market.levels).map(|away| (mid + sign * away, rng.between(1, 100_000))).collect()
        };
        let (bids, asks) = (side(-1), side(1));
        Self {
            market: market.clone(),
            rng,
            mid,
            bids,
            asks,
            update: 5_000,
            trade_id: market.first_trade_id,
            last_trade_sent: 0,
            pending_snapshot: None,
            snapshots: 0,
            sent: BTreeMap::new(),
        }
    }

    fn millisecond(&mut self, millis: i64) {
        if self.rng.per_mille(self.market.trades_per_second.min(1_000)) {
            self.trade(millis);
        }
        let every = |interval: u32| interval > 0 && millis % i64::from(interval) == i64::from(interval) / 2;
        if every(self.market.diff_every_ms) {
            let due = i64::from(self.market.snapshot_every) * 1_000 * i64::from(self.snapshots) + 250;
            let wanted = millis >= due && (self.snapshots == 0 || self.market.snapshot_every > 0);
            self.diff(millis, wanted);
        }
        if every(self.market.heartbeat_every_ms) {
            self.send(millis, Some(millis), Payload::Heartbeat);
        }
    }

    fn trade(&mut self, millis: i64) {
        let side = if self.rng.per_mille(500) { Side::Buy } else { Side::Sell };
        let count = if self.rng.per_mille(250) { self.rng.between(2, 5) } else { 1 };
        let delay = if self.rng.per_mille(30) { self.rng.between(20, 220) } else { self.rng.between(1, 15) };
        // Trades leave the venue in the order of their ids, whatever other streams send meanwhile.
        let sent = (millis + delay).max(self.last_trade_sent);
        self.last_trade_sent = sent;
        let event_time = self.at(millis);
        let mut events = Vec::new();
        for place in 0..count {
            let ticks = match side {
                Side::Buy => self.asks.first_key_value().map_or(self.mid + 1, |level| *level.0) + place,
                Side::Sell => self.bids.last_key_value().map_or(self.mid - 1, |level| *level.0) - place,
            };
            let lots = self.rng.between(1, 20_000);
            let (price, size) = (self.price(ticks), self.quantity(lots));
            let event = TradeEvent::try_new(event_time, self.next_id(), price, size, side, None);
            events.push(event.expect("a simulated trade is valid"));
        }
        if self.market.grouped {
            self.send(sent, Some(sent), Payload::Trades(events));
        } else {
            for event in events {
                self.send(sent, Some(sent), Payload::Trades(vec![event]));
            }
        }
    }

    fn next_id(&mut self) -> TradeId {
        let id = self.trade_id;
        self.trade_id += 1;
        match self.market.ids {
            Ids::Contiguous => TradeId::Numeric(id),
            // Hashed so that the order of the texts is not that of the trades.
            Ids::Text => TradeId::Text { id: text_id(id), sequence: None },
            Ids::Sequenced => TradeId::Text { id: text_id(id), sequence: Some(id / 3) },
            Ids::Missing => TradeId::Missing,
        }
    }

    /// One diff; where a snapshot is wanted it shows the book between two changes of the diff, and is
    /// answered after the next diff.
    fn diff(&mut self, millis: i64, snapshot_wanted: bool) {
        let changes = self.changes();
        let middle = changes.len() / 2;
        let first_update = self.update + 1;
        let mut snapshot = None;
        for (place, change) in changes.iter().enumerate() {
            if place == middle && snapshot_wanted {
                snapshot = Some(self.full_book());
            }
            self.apply(*change);
            self.update += 1;
        }
        let level =
            |ticks: &i64, lots: &i64| BookLevel { price: self.price(*ticks), size: self.quantity(*lots) };
        let mut diff = BookDiff {
            first_update,
            last_update: self.update,
            previous_update: Some(first_update - 1),
            bids: Vec::new(),
            asks: Vec::new(),
        };
        for change in &changes {
            match change {
                Change::Bid(ticks, lots) => diff.bids.push(level(ticks, lots)),
                Change::Ask(ticks, lots) => diff.asks.push(level(ticks, lots)),
            }
        }
        self.send(millis, Some(millis), Payload::BookDiff(diff));
        if let Some(answered) = self.pending_snapshot.take() {
            self.send(millis, None, Payload::BookSnapshot(answered));
        }
        if snapshot.is_some() {
            self.snapshots += 1;
            self.pending_snapshot = snapshot;
        }
    }

    /// Changes of distinct levels, removals first, so that the book is uncrossed after each of them.
    fn changes(&mut self) -> Vec<Change> {
        let step = if self.rng.per_mille(300) { self.rng.between(-3, 3) } else { 0 };
        let mid = (self.mid + step).max(self.market.levels * 3);
        self.mid = mid;
        let levels = self.market.levels;
        let gone_bids = self.bids.keys().copied().filter(|ticks| *ticks >= mid || *ticks < mid - 2 * levels);
        let gone_asks = self.asks.keys().copied().filter(|ticks| *ticks <= mid || *ticks > mid + 2 * levels);
        let mut bids: BTreeMap<i64, i64> = gone_bids.map(|ticks| (ticks, 0)).collect();
        let mut asks: BTreeMap<i64, i64> = gone_asks.map(|ticks| (ticks, 0)).collect();
        bids.insert(mid - 1, self.rng.between(1, 100_000));
        asks.insert(mid + 1, self.rng.between(1, 100_000));
        for _ in 0..self.rng.between(0, 6) {
            let away = self.rng.between(2, levels);
            let lots = if self.rng.per_mille(200) { 0 } else { self.rng.between(1, 100_000) };
            if self.rng.per_mille(500) {
                bids.insert(mid - away, lots);
            } else {
                asks.insert(mid + away, lots);
            }
        }
        let bids = bids.into_iter().map(|(ticks, lots)| (lots != 0, Change::Bid(ticks, lots)));
        let asks = asks.into_iter().map(|(ticks, lots)| (lots != 0, Change::Ask(ticks, lots)));
        let mut changes: Vec<_> = bids.chain(asks).collect();
        changes.sort_by_key(|change| change.0);
        changes.into_iter().map(|change| change.1).collect()
    }

    fn apply(&mut self, change: Change) {
        let (side, ticks, lots) = match change {
            Change::Bid(ticks, lots) => (&mut self.bids, ticks, lots),
            Change::Ask(ticks, lots) => (&mut self.asks, ticks, lots),
        };
        if lots == 0 {
            side.remove(&ticks);
        } else {
            side.insert(ticks, lots);
        }
    }

    fn full_book(&self) -> FullBook {
        let level =
            |(ticks, lots): (&i64, &i64)| BookLevel { price: self.price(*ticks), size: self.quantity(*lots) };
        FullBook {
            last_update: self.update,
            bids: self.bids.iter().rev().map(level).collect(),
            asks: self.asks.iter().map(level).collect(),
        }
    }

    fn send(&mut self, millis: i64, sent: Option<i64>, payload: Payload) {
        let jitter = self.rng.between(0, 900);
        let message = FeedMessage {
            instrument: self.market.instrument.clone(),
            connection: self.market.connection,
            sent_at: sent.map(|sent| self.at(sent)),
            received_at: self.at(millis).plus(self.market.receive_offset + jitter),
            payload,
        };
        self.sent.entry(millis).or_default().push(message);
    }

    fn at(&self, millis: i64) -> Timestamp {
        self.market.start.plus(millis * 1_000)
    }

    fn price(&self, ticks: i64) -> Price {
        let value = Decimal::new(ticks, self.market.price_decimals);
        Price::try_new("price", value).expect("a simulated price is positive and fits")
    }

    fn quantity(&self, lots: i64) -> Quantity {
        let value = Decimal::new(lots, self.market.size_decimals);
        Quantity::try_new("size", value).expect("a simulated size fits")
    }
}

fn text_id(id: i64) -> Box<str> {
    format!("{:016x}", Rng::new(id.unsigned_abs()).next_u64()).into()
}
