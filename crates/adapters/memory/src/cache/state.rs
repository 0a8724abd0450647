//! What the cache knows of one instrument at one stamp. Immutable once published; a clone is a few pointers.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use onetape_domain::candle::{Candle, Ohlcv, merge_into};
use onetape_domain::change::Changes;
use onetape_domain::coverage::CoverageRow;
use onetape_domain::frame::FrameParts;
use onetape_domain::imbalance::{Imbalances, LONGEST_WINDOW};
use onetape_domain::imported::Import;
use onetape_domain::indicator::{Closes, MAX_WINDOW};
use onetape_domain::time::{Timeframe, Timestamp};
use onetape_domain::trade::Trade;

use super::proof::Proof;
use super::trades::TradeLog;
use crate::candles::{CandleSeries, Lens, stamp};
use crate::parts::measured_from;
use crate::series::{ByStamp, FIRST, LAST, Row, Series};

/// Candles a chunk: what closing one copies.
const CANDLE_CHUNK: usize = 64;
/// Other rows a chunk.
const ROW_CHUNK: usize = 32;

/// The candles of one timeframe.
#[derive(Debug, Clone)]
pub(super) struct Ring {
    pub(super) series: CandleSeries,
    /// All candles that open from here on are in; none where all there are.
    pub(super) kept_from: Option<Timestamp>,
    /// Closes of candles before those, oldest first; they were known at every instant answered for.
    pub(super) older_closes: Arc<[f64]>,
    /// Whether those are all there are.
    pub(super) all_closes: bool,
    /// The closes seen once every version is, kept for the next one who asks.
    pub(super) newest_closes: OnceLock<Option<Arc<Closes>>>,
}

impl Ring {
    fn empty() -> Self {
        Self {
            series: CandleSeries::new(CANDLE_CHUNK),
            kept_from: None,
            older_closes: Arc::new([]),
            all_closes: true,
            newest_closes: OnceLock::new(),
        }
    }

    fn started(candles: &[Candle], closes: &[f64], limit: usize) -> Self {
        let mut ring = Self::empty();
        for candle in candles {
            ring.put(*candle);
        }
        if candles.len() >= limit {
            ring.kept_from = Some(candles.first().map_or(Timestamp::LATEST, Candle::open_time));
            ring.older_closes = closes[..closes.len().saturating_sub(candles.len())].into();
            ring.all_closes = closes.len() < MAX_WINDOW;
        }
        ring
    }

    fn put(&mut self, candle: Candle) {
        self.newest_closes = OnceLock::new();
        if self.kept_from.is_none_or(|from| from <= candle.open_time()) {
            self.series.put(candle);
        } else {
            // Which of the older closes it changes is not known any more.
            self.older_closes = Arc::new([]);
            self.all_closes = false;
        }
    }
}

/// Imbalance rows by second.
#[derive(Debug, Clone)]
pub(super) struct ImbalanceRows {
    pub(super) series: Series<Imbalances>,
    /// Whether there were older ones.
    pub(super) cut: bool,
}

/// The coverage log: folded up to the floor, row by row from there on, and folded up to the clock.
#[derive(Debug, Clone)]
pub(super) struct Coverage {
    pub(super) base: Proof,
    pub(super) log: Series<CoverageRow>,
    pub(super) tip: Proof,
    /// What lies before is not proven here; none where all is.
    pub(super) proven_from: Option<Timestamp>,
}

impl Coverage {
    fn started(rows: &[CoverageRow], proven_from: Option<Timestamp>) -> Self {
        let mut sorted: Vec<&CoverageRow> = rows.iter().collect();
        sorted.sort_by(|a, b| a.order(b));
        let mut base = Proof::default();
        sorted.into_iter().for_each(|row| base.apply(row));
        Self { tip: base.clone(), base, log: Series::new(ROW_CHUNK), proven_from }
    }

    fn take(&mut self, rows: &[&CoverageRow]) {
        for row in rows {
            self.log.insert(CoverageRow::clone(row));
            self.tip.apply(row);
        }
    }

    /// What was proven at an instant not before the floor.
    pub(super) fn proof(&self, as_of: Timestamp) -> Proof {
        let mut proof = self.base.clone();
        self.log.known(FIRST, as_of.plus(1), as_of).for_each(|row| proof.apply(row));
        proof
    }
}

/// All the cache holds of one instrument.
#[derive(Debug, Clone)]
pub(super) struct State {
    /// The last stamp applied.
    pub(super) issued: Timestamp,
    /// Everything up to this stamp is in the store.
    pub(super) durable: Option<Timestamp>,
    /// Instants before this are not answered for; none where all are.
    pub(super) floor: Option<Timestamp>,
    /// The instant up to which eviction was last tried.
    pub(super) trimmed: Option<Timestamp>,
    pub(super) rings: Arc<[Arc<Ring>; 6]>,
    pub(super) trades: TradeLog,
    /// Sums by second of the trades at or after the close of the last closed 1 s candle; none where a sum
    /// needs too many digits.
    pub(super) open_seconds: Option<Arc<BTreeMap<Timestamp, Ohlcv>>>,
    /// All trades with an event time from here on are in; none where all there are.
    pub(super) trades_from: Option<Timestamp>,
    pub(super) books: Arc<Series<ByStamp>>,
    pub(super) imbalances: Arc<ImbalanceRows>,
    pub(super) coverage: Arc<Coverage>,
    /// The imports known, by number.
    pub(super) imports: Arc<[Import]>,
}

impl State {
    /// An instrument nothing is stored of.
    pub(super) fn empty() -> Self {
        Self {
            issued: FIRST,
            durable: None,
            floor: None,
            trimmed: None,
            rings: Arc::new(Timeframe::ALL.map(|_| Arc::new(Ring::empty()))),
            trades: TradeLog::default(),
            open_seconds: Some(Arc::default()),
            trades_from: None,
            books: Arc::new(Series::new(ROW_CHUNK)),
            imbalances: Arc::new(ImbalanceRows { series: Series::new(ROW_CHUNK), cut: false }),
            coverage: Arc::new(Coverage::started(&[], None)),
            imports: Arc::default(),
        }
    }

    /// What a store holds as of `issued`, asked for `limit` candles a timeframe.
    pub(super) fn started(issued: Timestamp, parts: FrameParts, limit: usize) -> Self {
        let proven_from = measured_from(&parts);
        let FrameParts {
            candles, closes, mut open_trades, book, imbalances, coverage, context, imports, ..
        } = parts;
        let mut rings = Timeframe::ALL.map(|timeframe| {
            let at = timeframe.index();
            Ring::started(&candles[at], closes[at].values(), limit)
        });
        let seconds = &mut rings[Timeframe::S1.index()];
        if let (Some(kept), Some(first)) = (seconds.kept_from, context.first().map(Candle::open_time))
            && first < kept
        {
            // The context window reaches back further than the candles, and up to them.
            let before = context.iter().filter(|candle| candle.open_time() < kept);
            let known = before.clone().count();
            before.for_each(|candle| {
                seconds.series.put(*candle);
            });
            seconds.kept_from = Some(first);
            let rest = seconds.older_closes.len().saturating_sub(known);
            seconds.older_closes = seconds.older_closes[..rest].into();
        }
        open_trades.sort_by_key(|trade| (trade.available_at, trade.key));
        let trades_from = candles[Timeframe::S1.index()].last().map(Candle::close_time);
        let mut state =
            Self { issued, durable: Some(issued), floor: Some(issued), trades_from, ..Self::empty() };
        state.rings = Arc::new(rings.map(Arc::new));
        state.sum_up(&open_trades);
        open_trades.into_iter().for_each(|trade| state.trades.push(trade));
        let books = Arc::make_mut(&mut state.books);
        book.into_iter().for_each(|book| {
            books.insert(ByStamp(book));
        });
        // A store brings at least this many where it has them.
        let rows = Arc::make_mut(&mut state.imbalances);
        rows.cut = imbalances.len() >= LONGEST_WINDOW;
        imbalances.into_iter().for_each(|row| {
            rows.series.insert(row);
        });
        state.coverage = Arc::new(Coverage::started(&coverage, proven_from));
        state.imports = imports;
        state
    }

    /// Adds trades to the sums of their seconds.
    fn sum_up<'t>(&mut self, trades: impl IntoIterator<Item = &'t Trade>) {
        let from = self.closed_until();
        for trade in trades.into_iter().filter(|trade| trade.key.event_time >= from) {
            let Some(seconds) = &mut self.open_seconds else { return };
            let second = trade.key.event_time.floor_second();
            if merge_into(Arc::make_mut(seconds), second, &Ohlcv::of_trade(trade)).is_err() {
                self.open_seconds = None;
            }
        }
    }

    fn drop_closed_seconds(&mut self) {
        let from = self.closed_until();
        if let Some(seconds) =
            self.open_seconds.as_mut().filter(|seconds| seconds.range(..from).next().is_some())
        {
            Arc::make_mut(seconds).retain(|second, _| *second >= from);
        }
    }

    /// Close of the last closed 1 s candle.
    fn closed_until(&self) -> Timestamp {
        self.rings[Timeframe::S1.index()]
            .series
            .latest(Lens::Recorded(LAST))
            .map_or(FIRST, Candle::close_time)
    }

    /// Takes in what a message changed. Rows at or before the clock are in already and left out.
    pub(super) fn apply(&mut self, changes: &Changes, issued: Timestamp) {
        if issued <= self.issued {
            return;
        }
        let Changes { trades, candles, books, imbalances, coverage, imports } = changes;
        let seen = self.issued;
        let new = |stamp: Timestamp| seen < stamp;
        for trade in trades.iter().filter(|trade| new(trade.available_at)) {
            self.trades.push(trade.clone());
        }
        self.sum_up(trades.iter().filter(|trade| new(trade.available_at)));
        for change in candles.iter().filter(|change| new(stamp(&change.candle))) {
            let ring = &mut Arc::make_mut(&mut self.rings)[change.candle.timeframe().index()];
            Arc::make_mut(ring).put(change.candle);
        }
        if !candles.is_empty() {
            self.drop_closed_seconds();
        }
        for book in books.iter().filter(|book| new(book.available_at())) {
            Arc::make_mut(&mut self.books).insert(ByStamp(book.clone()));
        }
        for row in imbalances.iter().filter(|row| new(row.available_at)) {
            Arc::make_mut(&mut self.imbalances).series.insert(*row);
        }
        let mut rows: Vec<&CoverageRow> = coverage.iter().filter(|row| new(row.available_at)).collect();
        if !rows.is_empty() {
            rows.sort_by(|a, b| a.order(b));
            Arc::make_mut(&mut self.coverage).take(&rows);
        }
        self.take_in(imports);
        self.issued = issued;
    }

    /// Adds imports that are new.
    fn take_in(&mut self, imports: &[Import]) {
        let new = imports.iter().filter(|import| self.imports.iter().all(|known| known.id != import.id));
        let new: Vec<Import> = new.cloned().collect();
        if !new.is_empty() {
            let mut all = [&*self.imports, &new].concat();
            all.sort_by_key(|import| import.number);
            self.imports = all.into();
        }
    }
}
