//! What really happens in one market, whatever of it reaches anybody: all trades, and the book at every update.

use std::sync::Arc;

use onetape_domain::engine::local_book::LocalBook;
use onetape_domain::instrument::{Instrument, Market};
use onetape_domain::message::{BookDiff, FeedMessage, FullBook, Payload};
use onetape_domain::time::Timestamp;
use onetape_domain::trade::{AggregateIds, TradeEvent, TradeId};
use onetape_domain::venue::VenueRules;
use rust_decimal::Decimal;

/// Diffs between two books that are kept whole.
const CHECKPOINT: usize = 256;

/// Something the venue sends, with the time it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent<T> {
    /// The venue's time on the message.
    pub at: Timestamp,
    /// What is sent.
    pub what: T,
}

/// The truth about one instrument.
#[derive(Debug)]
pub struct Script {
    instrument: Instrument,
    market: Market,
    native: String,
    trades: Vec<Sent<TradeEvent>>,
    aggregates: Vec<Sent<TradeEvent>>,
    diffs: Vec<Sent<BookDiff>>,
    /// The book after every [`CHECKPOINT`]th diff, beginning with the first.
    books: Vec<Arc<LocalBook>>,
    decimals: (u32, u32),
}

/// Which market an instrument is of, by the form of its symbol.
pub fn market_of(instrument: &Instrument) -> Market {
    match parts(instrument) {
        (_, _, None) => Market::Spot,
        (_, quote, Some(settle)) if settle.split('-').next() == Some(quote) => Market::Usdm,
        _ => Market::Coinm,
    }
}

/// Base, quote, and what it is settled in.
pub(crate) fn parts(instrument: &Instrument) -> (&str, &str, Option<&str>) {
    let symbol = instrument.symbol().as_str();
    let (pair, settle) = symbol.split_once(':').map_or((symbol, None), |(pair, settle)| (pair, Some(settle)));
    let (base, quote) = pair.split_once('/').unwrap_or((pair, ""));
    (base, quote, settle)
}

fn native_of(instrument: &Instrument) -> String {
    let (base, quote, settle) = parts(instrument);
    let delivery = settle.and_then(|settle| settle.split_once('-')).map(|(_, date)| date);
    match (delivery, market_of(instrument)) {
        (Some(date), _) => format!("{base}{quote}_{date}"),
        (None, Market::Coinm) => format!("{base}{quote}_PERP"),
        (None, _) => format!("{base}{quote}"),
    }
}

impl Script {
    /// The market that messages of one instrument tell of, in their order. Only trades with numeric ids, diffs, and
    /// the first snapshot are used; diffs before that snapshot are left out, since nobody knows the book they change.
    ///
    /// # Panics
    /// Without a message, with messages of several instruments, and with diffs but no snapshot to begin with.
    pub fn of_messages(messages: &[FeedMessage]) -> Self {
        let instrument = messages.first().expect("a market needs a message").instrument.clone();
        let market = market_of(&instrument);
        let mut script = Self {
            native: native_of(&instrument),
            market,
            trades: Vec::new(),
            aggregates: Vec::new(),
            diffs: Vec::new(),
            books: Vec::new(),
            decimals: (0, 0),
            instrument,
        };
        let mut time = Timestamp::EARLIEST;
        let mut snapshot = None;
        for message in messages {
            assert_eq!(message.instrument, script.instrument, "a script is of one instrument");
            // Nothing is sent before what was sent before it.
            time = time.max(message.sent_at.unwrap_or(time));
            match &message.payload {
                Payload::Trades(events) => script.add_trades(time, events),
                Payload::BookDiff(diff) => script.diffs.push(Sent { at: time, what: diff.clone() }),
                Payload::BookSnapshot(book) => snapshot = snapshot.or(Some(book)),
                _ => {}
            }
        }
        script.aggregate();
        script.build_books(snapshot);
        script
    }

    fn add_trades(&mut self, at: Timestamp, events: &[TradeEvent]) {
        for event in events {
            let sent = Sent { at, what: event.clone() };
            self.decimals.0 = self.decimals.0.max(scale(event.price().get()));
            self.decimals.1 = self.decimals.1.max(scale(event.size().get()));
            match (event.id(), event.aggregate()) {
                (TradeId::Numeric(_), None) => self.trades.push(sent),
                (TradeId::Numeric(_), Some(_)) => self.aggregates.push(sent),
                _ => {}
            }
        }
    }

    /// Fills of one moment, side and price that follow one another are one aggregate.
    fn aggregate(&mut self) {
        let is_one_order = |left: &Sent<TradeEvent>, right: &Sent<TradeEvent>| {
            let key = |sent: &Sent<TradeEvent>| (sent.what.event_time(), sent.what.side(), sent.what.price());
            key(left) == key(right)
        };
        let Some(first) = self.trades.first() else { return };
        let base = numeric_id(&first.what) / 2;
        let aggregates = self.trades.chunk_by(is_one_order).zip(base..).map(|(fills, id)| {
            let (first, last) = (&fills[0], &fills[fills.len() - 1]);
            let size = fills
                .iter()
                .skip(1)
                .try_fold(first.what.size(), |sum, fill| sum.checked_add(fill.what.size()));
            let ids = AggregateIds { first: numeric_id(&first.what), last: numeric_id(&last.what) };
            let (time, price, side) = (first.what.event_time(), first.what.price(), first.what.side());
            let size = size.expect("sizes of one order can be added");
            let event = TradeEvent::try_new(time, TradeId::Numeric(id), price, size, side, Some(ids));
            Sent { at: last.at, what: event.expect("an aggregate of valid trades is valid") }
        });
        self.aggregates = aggregates.collect();
    }

    fn build_books(&mut self, snapshot: Option<&FullBook>) {
        if self.diffs.is_empty() {
            return;
        }
        let snapshot = snapshot.expect("diffs need a snapshot to begin with");
        self.diffs.retain(|diff| diff.what.last_update > snapshot.last_update);
        let mut book = LocalBook::new(self.rules().book_rule);
        book.seed(snapshot);
        for (place, diff) in self.diffs.iter().enumerate() {
            book.apply(&diff.what);
            if place.is_multiple_of(CHECKPOINT) {
                self.books.push(Arc::new(book.clone()));
            }
        }
    }

    /// Whose market it is.
    pub fn instrument(&self) -> &Instrument {
        &self.instrument
    }

    /// Which of the venue's markets it belongs to.
    pub fn market(&self) -> Market {
        self.market
    }

    /// The venue's name for it, such as `BTCUSD_PERP`.
    pub fn native(&self) -> &str {
        &self.native
    }

    /// The rules of its streams.
    pub fn rules(&self) -> VenueRules {
        match self.market {
            Market::Spot => VenueRules::BINANCE_SPOT,
            Market::Usdm | Market::Coinm => VenueRules::BINANCE_FUTURES,
        }
    }

    /// All single trades, in the order of their ids.
    pub fn trades(&self) -> &[Sent<TradeEvent>] {
        &self.trades
    }

    /// All aggregate trades, in the order of their ids, which are a sequence of their own.
    pub fn aggregates(&self) -> &[Sent<TradeEvent>] {
        &self.aggregates
    }

    /// All diffs, in order.
    pub fn diffs(&self) -> &[Sent<BookDiff>] {
        &self.diffs
    }

    /// The true book right after the diff that ends with this update.
    pub fn book_at(&self, update: u64) -> Option<LocalBook> {
        let place = self.diffs.binary_search_by_key(&update, |diff| diff.what.last_update).ok()?;
        Some(self.book_after(place))
    }

    /// The book as the venue shows it at an instant: after the last diff sent by then.
    pub fn book_when(&self, time: Timestamp) -> Option<LocalBook> {
        let count = self.diffs.partition_point(|diff| diff.at <= time);
        (!self.diffs.is_empty()).then(|| self.book_after(count.saturating_sub(1)))
    }

    fn book_after(&self, place: usize) -> LocalBook {
        let checkpoint = place / CHECKPOINT;
        let mut book = (*self.books[checkpoint]).clone();
        for diff in &self.diffs[checkpoint * CHECKPOINT + 1..=place] {
            book.apply(&diff.what);
        }
        book
    }

    /// When the first message is sent.
    pub fn begins(&self) -> Option<Timestamp> {
        let firsts = [self.trades.first().map(|sent| sent.at), self.diffs.first().map(|sent| sent.at)];
        firsts.into_iter().chain([self.aggregates.first().map(|sent| sent.at)]).flatten().min()
    }

    /// When the last message is sent.
    pub fn ends(&self) -> Option<Timestamp> {
        let lasts = [self.trades.last().map(|sent| sent.at), self.diffs.last().map(|sent| sent.at)];
        lasts.into_iter().chain([self.aggregates.last().map(|sent| sent.at)]).flatten().max()
    }

    /// Smallest steps of price and size, as far as the market shows them.
    pub fn steps(&self) -> (Decimal, Decimal) {
        (Decimal::new(1, self.decimals.0), Decimal::new(1, self.decimals.1))
    }
}

/// The id of a trade in a script, which are all numeric.
pub(crate) fn numeric_id(event: &TradeEvent) -> i64 {
    match event.id() {
        TradeId::Numeric(id) => *id,
        _ => 0,
    }
}

fn scale(value: Decimal) -> u32 {
    value.normalize().scale()
}
