//! The naive model of a store: every change kept in a list, every answer computed from all of it.
//!
//! Slow and obvious on purpose; the stores' answers are compared with it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use onetape_domain::book::BookSnapshot;
use onetape_domain::bucket::SampledBucket;
use onetape_domain::candle::{Candle, SupersededCandle};
use onetape_domain::change::{CandleChange, Changes};
use onetape_domain::clock::InstrumentClock;
use onetape_domain::coverage::{CoverageRow, CoverageState};
use onetape_domain::engine::candles::CandleKey;
use onetape_domain::frame::{FrameParts, context_range, indicator_input};
use onetape_domain::imbalance::Imbalances;
use onetape_domain::indicator::{Closes, MAX_WINDOW};
use onetape_domain::instrument::Instrument;
use onetape_domain::time::{SECOND, Timeframe, Timestamp};
use onetape_domain::trade::Trade;
use onetape_ports::{BookQuery, CandleQuery, Extent, FrameQuery, Inventory, Knowledge, Selection, TimeQuery};

use crate::dump::Tables;

/// Everything ever written of one instrument.
#[derive(Debug, Clone)]
pub struct Reference {
    instrument: Instrument,
    changes: Changes,
    clock: Option<InstrumentClock>,
}

impl Reference {
    /// A model without rows.
    pub fn new(instrument: Instrument) -> Self {
        Self { instrument, changes: Changes::default(), clock: None }
    }

    /// Adds rows.
    pub fn take(&mut self, changes: &Changes) {
        self.changes.append(&mut changes.clone());
    }

    /// Sets the stored clock.
    pub fn set_clock(&mut self, clock: InstrumentClock) {
        self.clock = Some(clock);
    }

    /// Sets all versions of candles: of each candle in order, the last one is the current one.
    pub fn set_candles(&mut self, candles: Vec<CandleChange>) {
        self.changes.candles = candles;
    }

    /// All rows, in the order they came.
    pub fn changes(&self) -> &Changes {
        &self.changes
    }

    /// The stored clock.
    pub fn clock(&self) -> Option<&InstrumentClock> {
        self.clock.as_ref()
    }

    /// Every stamp that any row carries.
    pub fn stamps(&self) -> BTreeSet<Timestamp> {
        let Changes { trades, candles, books, imbalances, coverage, imports: _ } = &self.changes;
        let mut stamps = BTreeSet::new();
        stamps.extend(trades.iter().map(|row| row.available_at));
        stamps.extend(candles.iter().filter_map(|row| row.candle.known_from()));
        stamps.extend(books.iter().map(|row| row.available_at()));
        stamps.extend(imbalances.iter().map(|row| row.available_at));
        stamps.extend(coverage.iter().map(|row| row.available_at));
        stamps
    }

    /// What is stored, counted row by row.
    pub fn inventory(&self) -> Inventory {
        let Changes { trades, books, imbalances, .. } = &self.changes;
        let of_timeframe = |timeframe| extent(self.versions(timeframe).into_keys());
        Inventory {
            candles: Timeframe::ALL.map(of_timeframe),
            trades: extent(trades.iter().map(|trade| trade.key.event_time)),
            books: extent(books.iter().map(|book| book.second())),
            imbalances: extent(imbalances.iter().map(|row| row.second)),
        }
    }

    /// The versions of each candle of a timeframe, in order.
    fn versions(&self, timeframe: Timeframe) -> BTreeMap<Timestamp, Vec<Candle>> {
        let mut versions = BTreeMap::<Timestamp, Vec<Candle>>::new();
        for CandleChange { candle, .. } in &self.changes.candles {
            if candle.timeframe() == timeframe {
                versions.entry(candle.open_time()).or_default().push(*candle);
            }
        }
        versions
    }

    /// Closed candles of a timeframe as the reader at `as_of` knows them, oldest first.
    pub fn candles(&self, timeframe: Timeframe, as_of: Timestamp, knowledge: Knowledge) -> Vec<Candle> {
        let watermark = self.watermark_second(as_of);
        let known = self.versions(timeframe).into_values().filter_map(|versions| match knowledge {
            Knowledge::AsRecorded => {
                versions.into_iter().rfind(|candle| candle.known_from().is_some_and(|from| from <= as_of))
            }
            Knowledge::AsCorrected => versions
                .into_iter()
                .next_back()
                .filter(|candle| watermark.is_some_and(|mark| candle.close_time() <= mark)),
        });
        known.collect()
    }

    /// The answer to a candle query.
    pub fn select_candles(&self, query: &CandleQuery) -> Vec<Candle> {
        let known = self.candles(query.timeframe, query.as_of, query.knowledge);
        select(known, query.selection, |candle, range| range.contains(candle.open_time()))
    }

    /// The current version of a candle.
    pub fn candle(&self, key: CandleKey) -> Option<Candle> {
        self.versions(key.timeframe).remove(&key.open_time)?.pop()
    }

    /// The replaced versions of a candle.
    pub fn superseded(&self, key: CandleKey) -> Vec<SupersededCandle> {
        let versions = self.versions(key.timeframe).remove(&key.open_time).unwrap_or_default();
        let pairs = versions.windows(2).map(|pair| SupersededCandle {
            candle: pair[0],
            known_to: pair[1].known_from().expect("a stored version has a stamp"),
        });
        pairs.collect()
    }

    /// Trades known at an instant, in the order of their keys.
    pub fn trades(&self, as_of: Timestamp) -> Vec<Trade> {
        let mut trades: Vec<Trade> =
            self.changes.trades.iter().filter(|trade| trade.available_at <= as_of).cloned().collect();
        trades.sort_by_key(|trade| trade.key);
        trades
    }

    /// The answer to a trade query.
    pub fn select_trades(&self, query: &TimeQuery) -> Vec<Trade> {
        select(self.trades(query.as_of), query.selection, |trade, range| range.contains(trade.key.event_time))
    }

    /// Samples known at an instant, by second and stamp; superseded partial ones on demand.
    pub fn books(&self, as_of: Timestamp, superseded_partials: bool) -> Vec<Arc<BookSnapshot>> {
        let known: Vec<_> = self.changes.books.iter().filter(|book| book.available_at() <= as_of).collect();
        let complete: BTreeSet<_> =
            known.iter().filter(|book| !book.flags().partial).map(|book| book.second()).collect();
        let shown = |book: &&Arc<BookSnapshot>| {
            superseded_partials || !book.flags().partial || !complete.contains(&book.second())
        };
        let mut books: Vec<_> = known.into_iter().filter(shown).cloned().collect();
        books.sort_by_key(|book| (book.second(), book.available_at()));
        books
    }

    /// The answer to a book query.
    pub fn select_books(&self, query: &BookQuery) -> Vec<Arc<BookSnapshot>> {
        let mut books = self.books(query.as_of, query.superseded_partials);
        if query.last_of_minute {
            let seconds: Vec<Timestamp> = books.iter().map(|book| book.second()).collect();
            let minute = |second: Timestamp| Timeframe::M1.open_time(second);
            books.retain(|book| {
                let later: Vec<_> = seconds.iter().filter(|second| **second > book.second()).collect();
                !later.is_empty() && later.iter().all(|second| minute(**second) > minute(book.second()))
            });
        }
        select(books, query.selection, |book, range| range.contains(book.second()))
    }

    /// The sample last available at an instant.
    pub fn last_book(&self, as_of: Timestamp) -> Option<Arc<BookSnapshot>> {
        let known = self.changes.books.iter().filter(|book| book.available_at() <= as_of);
        known.max_by_key(|book| (book.available_at(), book.second())).cloned()
    }

    /// The buckets of the samples shown at an instant.
    pub fn buckets(&self, as_of: Timestamp) -> Vec<SampledBucket> {
        self.books(as_of, false).iter().flat_map(|book| SampledBucket::of(book)).collect()
    }

    /// The answer to a query of buckets.
    pub fn select_buckets(&self, query: &TimeQuery) -> Vec<SampledBucket> {
        select(self.buckets(query.as_of), query.selection, |row, range| range.contains(row.second))
    }

    /// Imbalances known at an instant, by second.
    pub fn imbalances(&self, as_of: Timestamp) -> Vec<Imbalances> {
        let mut rows: Vec<_> =
            self.changes.imbalances.iter().filter(|row| row.available_at <= as_of).copied().collect();
        rows.sort_by_key(|row| row.second);
        rows
    }

    /// The answer to an imbalance query.
    pub fn select_imbalances(&self, query: &TimeQuery) -> Vec<Imbalances> {
        select(self.imbalances(query.as_of), query.selection, |row, range| range.contains(row.second))
    }

    /// The coverage log known at an instant, by stamp, stream, state and begin.
    pub fn coverage(&self, as_of: Timestamp) -> Vec<CoverageRow> {
        let mut rows: Vec<_> =
            self.changes.coverage.iter().filter(|row| row.available_at <= as_of).cloned().collect();
        rows.sort_by_key(|row| (row.available_at, row.stream, row.state, row.begin));
        rows
    }

    /// The answer to a coverage query.
    pub fn select_coverage(&self, query: &TimeQuery) -> Vec<CoverageRow> {
        let rows = self.coverage(query.as_of);
        select(rows, query.selection, |row, range| row.begin < range.end() && row.end > range.start())
    }

    /// The second the watermark had reached, as the log tells it.
    pub fn watermark_second(&self, as_of: Timestamp) -> Option<Timestamp> {
        let rows = self.changes.coverage.iter();
        let alive = rows.filter(|row| row.available_at <= as_of && row.state == CoverageState::Alive);
        alive.map(|row| row.end.micros().div_euclid(SECOND) * SECOND).max().map(Timestamp::from_micros)
    }

    /// Everything a frame needs, with the complete coverage log.
    pub fn frame_parts(&self, query: &FrameQuery) -> FrameParts {
        let FrameQuery { as_of, shape, knowledge, .. } = query;
        let closed = Timeframe::ALL.map(|timeframe| self.candles(timeframe, *as_of, *knowledge));
        let open_from = closed[0].last().map(Candle::close_time);
        let cut = self.watermark_second(*as_of);
        let seen = |trade: &Trade| match knowledge {
            Knowledge::AsRecorded => true,
            Knowledge::AsCorrected => cut.is_some_and(|cut| trade.key.event_time < cut),
        };
        let trades = match knowledge {
            Knowledge::AsRecorded => self.trades(*as_of),
            Knowledge::AsCorrected => self.trades(Timestamp::LATEST),
        };
        let is_open =
            |trade: &Trade| open_from.is_none_or(|from| trade.key.event_time >= from) && seen(trade);
        let context = context_range(*as_of, shape.context_window);
        let closes = |candles: &Vec<Candle>| {
            let window = last(candles.clone(), MAX_WINDOW);
            let values = window.iter().map(|candle| indicator_input(candle.ohlcv().close.get()));
            Arc::new(Closes::from(values.collect::<Vec<_>>()))
        };
        FrameParts {
            closes: closed.each_ref().map(closes),
            open_trades: trades.into_iter().filter(is_open).collect(),
            open_seconds: BTreeMap::new(),
            book: self.last_book(*as_of),
            imbalances: last(self.imbalances(*as_of), shape.imbalances.max(60)),
            coverage: self.coverage(*as_of),
            context: closed[0]
                .iter()
                .filter(|candle| context.contains(candle.open_time()))
                .copied()
                .collect(),
            candles: closed.map(|candles| last(candles, shape.candles.max(FrameParts::FORMING_ROWS))),
            ..FrameParts::default()
        }
    }

    /// The canonical text of every table, equal to [`dump`](crate::dump::dump) of a store that holds the same.
    pub fn dump(&self) -> String {
        let forever = Timestamp::LATEST;
        let candles = Timeframe::ALL.map(|timeframe| self.candles(timeframe, forever, Knowledge::AsRecorded));
        let candles: Vec<Candle> = candles.into_iter().flatten().collect();
        let key =
            |candle: &Candle| CandleKey { timeframe: candle.timeframe(), open_time: candle.open_time() };
        Tables {
            superseded: candles.iter().flat_map(|candle| self.superseded(key(candle))).collect(),
            candles,
            trades: self.trades(forever),
            books: self.books(forever, true),
            buckets: self.buckets(forever),
            imbalances: self.imbalances(forever),
            coverage: self.coverage(forever),
            clock: self.clock.clone(),
            flushed: self.clock.as_ref().map(|clock| clock.issued),
        }
        .to_text(&self.instrument)
    }
}

/// Applies a selection to rows that are already in order.
fn select<T>(
    rows: Vec<T>,
    selection: Selection,
    inside: impl Fn(&T, onetape_domain::time::TimeRange) -> bool,
) -> Vec<T> {
    match selection {
        Selection::Range(range) => rows.into_iter().filter(|row| inside(row, range)).collect(),
        Selection::Last(count) => last(rows, count),
    }
}

fn last<T>(mut rows: Vec<T>, count: usize) -> Vec<T> {
    let surplus = rows.len().saturating_sub(count);
    rows.drain(..surplus);
    rows
}

fn extent(times: impl Iterator<Item = Timestamp>) -> Option<Extent> {
    let times: Vec<Timestamp> = times.collect();
    let (first, last) = (*times.iter().min()?, *times.iter().max()?);
    Some(Extent { first, last, rows: times.len() as u64, estimated: false })
}
