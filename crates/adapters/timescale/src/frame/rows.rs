//! The one row of a frame's statement: a section is records end to end, candles and imbalances
//! newest first.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use onetape_domain::book::BookSnapshot;
use onetape_domain::candle::Candle;
use onetape_domain::coverage::CoverageRow;
use onetape_domain::decimal::Price;
use onetape_domain::frame::{FrameParts, context_range, indicator_input};
use onetape_domain::imbalance::Imbalances;
use onetape_domain::indicator::MAX_WINDOW;
use onetape_domain::time::{Timeframe, Timestamp};
use onetape_domain::trade::Trade;
use onetape_domain::violation::Violations;
use onetape_ports::{FrameQuery, StoreError};
use sqlx::error::BoxDynError;
use sqlx::postgres::PgRow;

use super::READ;
use super::bounds::{FrameBounds, candle_rows};
use crate::books::BookRow;
use crate::candles::CandleRow;
use crate::columns::{Columns, FromColumns};
use crate::coverage::RunColumns;
use crate::error::{broken_row, failed};
use crate::imbalances::ImbalanceRow;
use crate::micros::Micros;
use crate::numeric::Num;
use crate::records::{self, Fields, FromRecord};
use crate::trades::TradeRow;

/// Sections as they were read, oldest first.
#[derive(Debug)]
pub(super) struct FrameRows {
    /// Of the instrument; none without an entry.
    pub(super) firsts: Option<Firsts>,
    /// The most a trade lies ahead of its stamp.
    pub(super) lead: i64,
    /// Whether anything was ever imported of the instrument.
    pub(super) has_imports: bool,
    /// From where on a book with a later stamp would have been found; none without a book.
    pub(super) books_since: Option<Timestamp>,
    /// Time of the first of the books that were looked at, and how many these were.
    books: Option<(Timestamp, i64)>,
    /// Those that came whole: at least those to return, and of 1 s those of the context window.
    candles: [Vec<Candle>; 6],
    pub(super) closes: [Vec<Price>; 6],
    open_trades: Vec<Trade>,
    pub(super) imbalances: Vec<Imbalances>,
    coverage: Vec<CoverageRow>,
    /// A run reaches past the instant, and its last row until then was not found.
    pub(super) lacks_coverage: bool,
    /// Closes were read that versions replaced since belong among, without the times to place them.
    pub(super) lacks_times: bool,
    book: Option<Arc<BookSnapshot>>,
}

/// First times of an instrument's rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Firsts {
    pub(super) any: Timestamp,
    pub(super) book: Option<Timestamp>,
    pub(super) imbalance: Option<Timestamp>,
}

impl FrameRows {
    /// `looked_at` candles a timeframe are kept; from `whole` on they came whole.
    pub(super) fn read(row: &PgRow, looked_at: usize, whole: &[Timestamp; 6]) -> Result<Self, StoreError> {
        let mut columns = Columns::new(row);
        let columns = &mut columns;
        let mut instant =
            || columns.take::<Option<Micros>>().map(|time| time.map(Timestamp::from)).map_err(failed(READ));
        let (any, book, imbalance) = (instant()?, instant()?, instant()?);
        let firsts = any.map(|any| Firsts { any, book, imbalance });
        let lead: Option<i64> = columns.take().map_err(failed(READ))?;
        let has_imports = columns.take().map_err(failed(READ))?;
        let mut revised: [Vec<Candle>; 6] = Default::default();
        for (timeframe, candle) in section(columns, RevisedRow::into_candle)? {
            revised[timeframe.index()].push(candle);
        }
        let mut candles: [Vec<Candle>; 6] = Default::default();
        let mut closes: [Vec<Price>; 6] = Default::default();
        let mut lacks_times = false;
        for timeframe in Timeframe::ALL {
            let index = timeframe.index();
            let current = section(columns, |row: CandleRow| row.into_candle(timeframe))?;
            let prices = prices(columns)?;
            let times: Option<Vec<Micros>> = columns.take().map_err(failed(READ))?;
            lacks_times |= times.is_none() && !prices.is_empty() && !revised[index].is_empty();
            let times = times.unwrap_or_default().into_iter().map(Timestamp::from);
            (candles[index], closes[index]) = if revised[index].is_empty() {
                (current, prices)
            } else {
                merge(current, times.zip(prices).collect(), &revised[index], whole[index])
            };
            candles[index].reverse();
            closes[index].truncate(looked_at);
            closes[index].reverse();
        }
        let mut open_trades = section(columns, TradeRow::into_trade)?;
        if let Some(last) = candles[Timeframe::S1.index()].last() {
            // The statement looks at current versions only.
            open_trades.retain(|trade| trade.key.event_time >= last.close_time());
        }
        let mut imbalances = section(columns, ImbalanceRow::into_imbalances)?;
        imbalances.reverse();
        let (coverage, lacks_coverage) = coverage(columns)?;
        let books_since: Option<Micros> = columns.take().map_err(failed(READ))?;
        let oldest: Option<Micros> = columns.take().map_err(failed(READ))?;
        let books: Option<i64> = columns.take().map_err(failed(READ))?;
        let book = if columns.is_null().map_err(failed(READ))? {
            None
        } else {
            let row = BookRow::read(columns).map_err(failed(READ))?;
            Some(row.into_book().map_err(broken_row(READ))?)
        };
        Ok(Self {
            firsts,
            lead: lead.unwrap_or(0),
            has_imports,
            books_since: books_since.map(Timestamp::from),
            books: oldest.map(Timestamp::from).zip(books),
            candles,
            closes,
            open_trades,
            imbalances,
            coverage,
            lacks_coverage,
            lacks_times,
            book,
        })
    }

    /// How many candles of a timeframe came whole.
    pub(super) fn whole(&self, timeframe: Timeframe) -> usize {
        self.candles[timeframe.index()].len()
    }

    /// Time in which the last `rows` candles of a timeframe lie that came whole, or all of them, divided by their number.
    pub(super) fn pace(&self, timeframe: Timeframe, as_of: Timestamp, rows: usize) -> Option<i64> {
        let candles = &self.candles[timeframe.index()];
        let last = &candles[candles.len().saturating_sub(rows)..];
        let span = as_of.since(last.first()?.open_time());
        i64::try_from(last.len()).ok().map(|count| span / count)
    }

    /// Whether a book that was not looked at may have a later stamp, where `looked_at` were to be.
    pub(super) fn lacks_books(&self, looked_at: usize) -> bool {
        let (Some(since), Some((oldest, count))) = (self.books_since, self.books) else { return false };
        usize::try_from(count).is_ok_and(|count| count == looked_at) && oldest > since
    }

    /// Close of the last closed 1 s candle.
    pub(super) fn last_close(&self) -> Option<Timestamp> {
        self.candles[Timeframe::S1.index()].last().map(Candle::close_time)
    }

    /// Begin of the earliest row, or of the day that a forming candle may begin with: from there on the
    /// coverage must be whole.
    pub(super) fn earliest(&self, query: &FrameQuery) -> Option<Timestamp> {
        let candles =
            self.candles.iter().filter_map(|rows| rows.get(rows.len().saturating_sub(candle_rows(query))));
        let candles = candles.chain(self.candles[0].first()).map(Candle::open_time);
        let trades = self.open_trades.first().map(|trade| trade.key.event_time);
        let book = self.book.as_ref().map(|book| book.second());
        let imbalances = self.imbalances.first().map(|row| row.second);
        candles.chain(trades).chain(book).chain(imbalances).min().map(|time| Timeframe::D1.open_time(time))
    }

    pub(super) fn into_parts(self, query: &FrameQuery) -> FrameParts {
        let Self { mut candles, closes, open_trades, imbalances, coverage, book, .. } = self;
        let range = context_range(query.as_of, query.shape.context_window);
        let seconds = &candles[Timeframe::S1.index()];
        let context = if FrameBounds::holds_context(query) {
            seconds.iter().filter(|candle| range.contains(candle.open_time())).copied().collect()
        } else {
            Vec::new()
        };
        for rows in &mut candles {
            rows.drain(..rows.len().saturating_sub(candle_rows(query)));
        }
        let input = |prices: &Vec<Price>| {
            let values: Vec<f64> = prices[prices.len().saturating_sub(MAX_WINDOW)..]
                .iter()
                .map(|price| indicator_input(price.get()))
                .collect();
            Arc::new(values.into())
        };
        FrameParts {
            closes: closes.each_ref().map(input),
            candles,
            open_trades,
            open_seconds: BTreeMap::new(),
            book,
            imbalances,
            coverage,
            context,
            ..FrameParts::default()
        }
    }
}

/// A section's rows, in the order they came.
fn section<'r, R: FromRecord<'r>, T>(
    columns: &mut Columns<'r>,
    convert: impl Fn(R) -> Result<T, Violations>,
) -> Result<Vec<T>, StoreError> {
    let column = columns.take().map_err(failed(READ))?;
    let rows = records::read::<R>(column).map_err(|error| failed(READ)(sqlx::Error::Decode(error)))?;
    rows.into_iter().map(convert).collect::<Result<_, _>>().map_err(broken_row(READ))
}

/// Closes, newest first.
fn prices(columns: &mut Columns<'_>) -> Result<Vec<Price>, StoreError> {
    let prices: Option<Vec<Num>> = columns.take().map_err(failed(READ))?;
    let price = |price: Num| Price::try_new("candle.close", price.0);
    prices.unwrap_or_default().into_iter().map(price).collect::<Result<_, _>>().map_err(broken_row(READ))
}

/// Puts versions that were replaced since among the current ones, newest first: no period is in both.
fn merge(
    mut current: Vec<Candle>,
    mut closes: Vec<(Timestamp, Price)>,
    revised: &[Candle],
    whole: Timestamp,
) -> (Vec<Candle>, Vec<Price>) {
    // Before that the current ones are not all there.
    current.extend(revised.iter().filter(|candle| candle.open_time() >= whole));
    current.sort_unstable_by_key(|candle| Reverse(candle.open_time()));
    closes.extend(revised.iter().map(|candle| (candle.open_time(), candle.ohlcv().close)));
    closes.sort_unstable_by_key(|(open_time, _)| Reverse(*open_time));
    (current, closes.into_iter().map(|(_, close)| close).collect())
}

/// The rows of the log in its order, and whether one was not found.
fn coverage(columns: &mut Columns<'_>) -> Result<(Vec<CoverageRow>, bool), StoreError> {
    let runs = section(columns, RunColumns::into_rows)?;
    let lacks = runs.iter().any(Option::is_none);
    let mut rows: Vec<CoverageRow> = runs.into_iter().flatten().flatten().collect();
    rows.sort_by_key(|row| (row.available_at, row.stream, row.state, row.begin, row.end));
    Ok((rows, lacks))
}

/// A version that was replaced since.
struct RevisedRow<'r> {
    timeframe: &'r str,
    candle: CandleRow,
}

impl<'r> FromRecord<'r> for RevisedRow<'r> {
    fn from_record(fields: &mut Fields<'r>) -> Result<Self, BoxDynError> {
        Ok(Self { timeframe: fields.take()?, candle: CandleRow::from_record(fields)? })
    }
}

impl RevisedRow<'_> {
    fn into_candle(self) -> Result<(Timeframe, Candle), Violations> {
        let timeframe = self.timeframe.parse()?;
        Ok((timeframe, self.candle.into_candle(timeframe)?))
    }
}
