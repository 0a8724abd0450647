//! The trade stream: which trades are new, what their keys are, and which ids are missing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::coverage::StreamCoverage;
use super::gaps::Gap;
use crate::coverage::CoverageRow;
use crate::decimal;
use crate::message::ConnectionId;
use crate::time::{SECOND, Timestamp};
use crate::trade::{MAX_TRADE_ID, Trade, TradeEvent, TradeId, TradeKey};
use crate::venue::TradeIds;
use crate::violation::Violations;

/// How long trades without contiguous ids are remembered to tell a re-delivery.
pub const MEMORY: i64 = 600 * SECOND;

/// Deduplicates trades and watches their ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TradeStream {
    ids: TradeIds,
    /// Contiguous ids: ranges of ids seen, start to end.
    pub(super) seen: BTreeMap<i64, i64>,
    /// Time of the trade with the highest id.
    highest_time: Option<Timestamp>,
    pub(super) gaps: BTreeMap<i64, Gap>,
    /// The range of the gap that was given up and ends last: the next one may share its last instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) given_up: Option<(Timestamp, Timestamp)>,
    /// Whether the stream is of aggregates; the first trade decides.
    pub(super) aggregated: Option<bool>,
    /// Other ids: keys of the last [`MEMORY`], refilled from the store after a restart.
    #[serde(skip)]
    recent: BTreeMap<TradeKey, Box<str>>,
    /// No ids: how many equal trades each connection of this run has sent.
    #[serde(skip)]
    equals: BTreeMap<(TradeKey, ConnectionId), u32>,
    /// Trades older than this cannot be told from re-deliveries.
    forgotten: Option<Timestamp>,
}

/// A trade that was not seen before.
#[derive(Debug, Clone)]
pub struct NewTrade<'a> {
    /// Its place.
    pub key: TradeKey,
    /// Its id as text.
    pub trade_id: Box<str>,
    /// The event.
    pub event: &'a TradeEvent,
}

/// The trades of one message, sorted by what is to become of them.
#[derive(Debug)]
pub struct Selection<'a> {
    /// New ones, in the order of the message.
    pub fresh: Vec<NewTrade<'a>>,
    /// Those that cannot be placed: a text id at a venue of contiguous ones, or one so old that it
    /// may be a re-delivery.
    pub refused: Vec<(TradeEvent, Violations)>,
    /// How many belong to the kind of stream (single or aggregate) that is not this instrument's.
    pub passed_over: usize,
    /// Of trades without an id, how many equal ones the connection has sent with this message.
    equals: BTreeMap<TradeKey, u32>,
}

impl TradeStream {
    /// A stream whose ids prove what `ids` says.
    pub fn new(ids: TradeIds) -> Self {
        Self {
            ids,
            seen: BTreeMap::new(),
            highest_time: None,
            gaps: BTreeMap::new(),
            given_up: None,
            aggregated: None,
            recent: BTreeMap::new(),
            equals: BTreeMap::new(),
            forgotten: None,
        }
    }

    /// The part that is stored with every batch: without the memory.
    pub fn stored(&self) -> Self {
        Self {
            ids: self.ids,
            seen: self.seen.clone(),
            highest_time: self.highest_time,
            gaps: self.gaps.clone(),
            given_up: self.given_up,
            aggregated: self.aggregated,
            recent: BTreeMap::new(),
            equals: BTreeMap::new(),
            forgotten: self.forgotten,
        }
    }

    /// Takes stored trades back into the memory after a restart.
    pub fn restore(&mut self, trades: &[Trade]) {
        if self.ids == TradeIds::Unique {
            self.recent.extend(trades.iter().map(|trade| (trade.key, trade.trade_id.clone())));
        }
    }

    /// Whether any trade was ever taken in.
    pub fn has_trades(&self) -> bool {
        self.aggregated.is_some()
    }

    /// Sorts the trades of a message: new ones in its order, refused ones with their reason.
    pub fn select<'a>(&self, connection: ConnectionId, events: &'a [TradeEvent]) -> Selection<'a> {
        let mut selection = Selection {
            fresh: Vec::with_capacity(events.len()),
            refused: Vec::new(),
            passed_over: 0,
            equals: BTreeMap::new(),
        };
        for event in events {
            if self.aggregated.is_some_and(|aggregated| aggregated != event.aggregate().is_some()) {
                selection.passed_over += 1;
                continue;
            }
            match self.place(connection, event, &selection.fresh, &mut selection.equals) {
                Ok(new) => selection.fresh.extend(new),
                Err(violations) => selection.refused.push((event.clone(), violations)),
            }
        }
        selection
    }

    /// Notes what a connection has sent of trades without an id: each message once.
    pub fn count(&mut self, connection: ConnectionId, selection: &Selection<'_>) {
        let counts = selection.equals.iter();
        self.equals.extend(counts.map(|(key, count)| ((*key, connection), *count)));
    }

    fn place<'a>(
        &self,
        connection: ConnectionId,
        event: &'a TradeEvent,
        before: &[NewTrade<'a>],
        equals: &mut BTreeMap<TradeKey, u32>,
    ) -> Result<Option<NewTrade<'a>>, Violations> {
        let event_time = event.event_time();
        if self.ids == TradeIds::Contiguous {
            let TradeId::Numeric(id) = event.id() else {
                return Err(Violations::one("trade.id", "text", "must be a number at this venue"));
            };
            let known = self.contains(*id) || before.iter().any(|new| new.key.sequence == *id);
            let key = TradeKey { event_time, sequence: *id, index: 0 };
            return Ok((!known).then(|| NewTrade { key, trade_id: id.to_string().into(), event }));
        }
        if self.forgotten.is_some_and(|limit| event_time < limit) {
            let reason = "is too old to tell a new trade from a re-delivery";
            return Err(Violations::one("trade.event_time", event_time, reason));
        }
        let (sequence, trade_id): (i64, Box<str>) = match event.id() {
            TradeId::Numeric(id) => (*id, id.to_string().into()),
            TradeId::Text { id, sequence } => {
                (sequence.unwrap_or_else(|| hash(&[id.as_bytes()])), id.clone())
            }
            TradeId::Missing => {
                let sequence = hash_fields(event);
                (sequence, format!("h{sequence:016x}").into())
            }
        };
        let mut key = TradeKey { event_time, sequence, index: 0 };
        if matches!(event.id(), TradeId::Missing) {
            // Another connection sends its trades from the first of equal ones on again.
            let sent = || self.equals.get(&(key, connection)).copied().unwrap_or(0);
            let count = equals.entry(key).or_insert_with(sent);
            key.index = *count;
            *count += 1;
            let known = self.recent.contains_key(&key);
            return Ok((!known).then_some(NewTrade { key, trade_id, event }));
        }
        // An id already stored is a re-delivery; another trade under the same sequence takes the next index.
        loop {
            let stored = self.recent.get(&key);
            let earlier = before.iter().find(|new| new.key == key).map(|new| &new.trade_id);
            match stored.or(earlier) {
                None => return Ok(Some(NewTrade { key, trade_id, event })),
                Some(id) if *id == trade_id => return Ok(None),
                Some(_) => key.index += 1,
            }
        }
    }

    /// Takes a new trade in; gaps it opens or closes go to the log.
    pub fn accept(&mut self, trade: &Trade, coverage: &mut StreamCoverage, log: &mut Vec<CoverageRow>) {
        self.aggregated.get_or_insert(trade.aggregate.is_some());
        let (id, time, stamp) = (trade.key.sequence, trade.key.event_time, trade.available_at);
        if self.ids == TradeIds::Unique {
            self.recent.insert(trade.key, trade.trade_id.clone());
            self.resume(time, coverage, stamp, log);
            return;
        }
        self.note(id, time, stamp, coverage, log);
    }

    /// Whether an id without a trade is news: it fills its place in the sequence, and nothing else.
    pub fn expects(&self, id: i64) -> bool {
        let in_bounds = (0..=MAX_TRADE_ID).contains(&id);
        in_bounds && self.ids == TradeIds::Contiguous && self.aggregated != Some(true) && !self.contains(id)
    }

    /// Takes an id in; gaps it opens or closes go to the log.
    pub fn note(
        &mut self,
        id: i64,
        time: Timestamp,
        stamp: Timestamp,
        coverage: &mut StreamCoverage,
        log: &mut Vec<CoverageRow>,
    ) {
        let highest = self.seen.last_key_value().map(|(_, end)| *end);
        match (highest, self.highest_time) {
            (Some(highest), Some(before)) if id > highest + 1 => {
                coverage.begin(before.min(time));
                self.open_gap(
                    highest + 1,
                    id - 1,
                    before.min(time),
                    before.max(time).plus(1),
                    stamp,
                    coverage,
                    log,
                );
            }
            (Some(highest), _) if id <= highest => self.fill(id, coverage, stamp, log),
            _ => self.resume(time, coverage, stamp, log),
        }
        if highest.is_none_or(|highest| id > highest) {
            self.highest_time = Some(time);
        }
        self.insert(id);
    }

    /// Forgets trades older than the memory, which is measured back from the watermark.
    pub fn forget(&mut self, watermark: Timestamp) {
        if self.ids == TradeIds::Unique {
            let limit = watermark.plus(-MEMORY);
            let key = TradeKey { event_time: limit, sequence: i64::MIN, index: 0 };
            if self.recent.first_key_value().is_some_and(|(first, _)| *first < key) {
                self.recent = self.recent.split_off(&key);
            }
            self.equals = self.equals.split_off(&(key, ConnectionId::MIN));
            self.forgotten = Some(self.forgotten.map_or(limit, |forgotten| forgotten.max(limit)));
        }
    }

    fn resume(
        &self,
        time: Timestamp,
        coverage: &mut StreamCoverage,
        stamp: Timestamp,
        log: &mut Vec<CoverageRow>,
    ) {
        if let Some(since) = coverage.silent_since() {
            if self.ids == TradeIds::Contiguous {
                coverage.filled(since, time, "trade ids are unbroken across the silence".into(), stamp, log);
            }
            coverage.begin(time.max(since));
        }
    }

    pub(super) fn contains(&self, id: i64) -> bool {
        self.seen.range(..=id).next_back().is_some_and(|(_, end)| id <= *end)
    }

    fn insert(&mut self, id: i64) {
        let mut range = (id, id);
        if let Some((start, end)) = self.seen.range(..id).next_back().map(|(s, e)| (*s, *e))
            && end + 1 == id
        {
            range.0 = start;
        }
        if let Some(end) = self.seen.remove(&(id + 1)) {
            range.1 = end;
        }
        self.seen.insert(range.0, range.1);
    }
}

/// FNV-1a over the parts, cut to a non-negative number: stable across runs and platforms.
fn hash(parts: &[&[u8]]) -> i64 {
    let mut state: u64 = 0xcbf2_9ce4_8422_2325;
    for part in parts {
        for byte in part.iter().chain(&[0xff]) {
            state = (state ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    i64::try_from(state >> 1).unwrap_or(0)
}

fn hash_fields(event: &TradeEvent) -> i64 {
    let (price, size) = (decimal::canonical(event.price().get()), decimal::canonical(event.size().get()));
    let time = event.event_time().micros().to_le_bytes();
    hash(&[&time, price.as_bytes(), size.as_bytes(), event.side().as_str().as_bytes()])
}
