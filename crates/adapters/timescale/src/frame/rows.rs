//! The one row of a frame's statement: a section is one array a column, candles and imbalances newest first.

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
use sqlx::postgres::PgRow;

use super::READ;
use super::bounds::{FrameBounds, candle_rows};
use crate::books::BookRow;
use crate::candles::CandleRow;
use crate::columns::{Columns, FromArrays, FromColumns};
use crate::coverage::CoverageColumns;
use crate::error::{broken_row, failed};
use crate::imbalances::ImbalanceRow;
use crate::micros::Micros;
use crate::numeric::Num;
use crate::trades::TradeRow;

/// Sections as they were read, oldest first.
#[derive(Debug)]
pub(super) struct FrameRows {
    /// Of the instrument; none without an entry.
    pub(super) first_time: Option<Timestamp>,
    /// The most a trade lies ahead of its stamp.
    pub(super) lead: i64,
    /// From where on a book with a later stamp would have been found; none without a book.
    pub(super) books_since: Option<Timestamp>,
    /// Those to return, and of 1 s those of the context window.
    candles: [Vec<Candle>; 6],
    pub(super) closes: [Vec<Price>; 6],
    open_trades: Vec<Trade>,
    pub(super) imbalances: Vec<Imbalances>,
    coverage: Vec<CoverageRow>,
    /// A run reaches past the instant, and its last row until then was not found.
    pub(super) lacks_coverage: bool,
    book: Option<Arc<BookSnapshot>>,
}

impl FrameRows {
    pub(super) fn read(row: &PgRow) -> Result<Self, StoreError> {
        let mut columns = Columns::new(row);
        let columns = &mut columns;
        let first_time: Option<Micros> = columns.take().map_err(failed(READ))?;
        let lead: Option<i64> = columns.take().map_err(failed(READ))?;
        let books_since: Option<Micros> = columns.take().map_err(failed(READ))?;
        let mut candles: [Vec<Candle>; 6] = Default::default();
        let mut closes: [Vec<Price>; 6] = Default::default();
        for timeframe in Timeframe::ALL {
            candles[timeframe.index()] = section(columns, true, |row: CandleRow| row.into_candle(timeframe))?;
            let prices: Option<Vec<Num>> = columns.take().map_err(failed(READ))?;
            let prices = prices.unwrap_or_default().into_iter().rev();
            let price = |price: Num| Price::try_new("candle.close", price.0);
            closes[timeframe.index()] =
                prices.map(price).collect::<Result<_, _>>().map_err(broken_row(READ))?;
        }
        let open_trades = section(columns, false, TradeRow::into_trade)?;
        let imbalances = section(columns, true, ImbalanceRow::into_imbalances)?;
        let (coverage, lacks_coverage) = coverage(columns)?;
        let book = if columns.is_null().map_err(failed(READ))? {
            None
        } else {
            let row = BookRow::read(columns).map_err(failed(READ))?;
            Some(row.into_book().map_err(broken_row(READ))?)
        };
        Ok(Self {
            first_time: first_time.map(Timestamp::from),
            lead: lead.unwrap_or(0),
            books_since: books_since.map(Timestamp::from),
            candles,
            closes,
            open_trades,
            imbalances,
            coverage,
            lacks_coverage,
            book,
        })
    }

    /// Close of the last closed 1 s candle.
    pub(super) fn last_close(&self) -> Option<Timestamp> {
        self.candles[Timeframe::S1.index()].last().map(Candle::close_time)
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
        let input = |prices: &Vec<Price>| -> Vec<f64> {
            prices[prices.len().saturating_sub(MAX_WINDOW)..]
                .iter()
                .map(|price| indicator_input(price.get()))
                .collect()
        };
        FrameParts {
            closes: closes.each_ref().map(input),
            candles,
            open_trades,
            book,
            imbalances,
            coverage,
            context,
        }
    }
}

/// A section's rows, oldest first.
fn section<R: FromArrays, T>(
    columns: &mut Columns<'_>,
    newest_first: bool,
    convert: impl Fn(R) -> Result<T, Violations>,
) -> Result<Vec<T>, StoreError> {
    let rows = R::read_arrays(columns).map_err(failed(READ))?;
    let mut rows = rows.into_iter().map(convert).collect::<Result<Vec<T>, _>>().map_err(broken_row(READ))?;
    if newest_first {
        rows.reverse();
    }
    Ok(rows)
}

/// The rows of the log in its order, and whether one was not found.
fn coverage(columns: &mut Columns<'_>) -> Result<(Vec<CoverageRow>, bool), StoreError> {
    let rows = FrameCoverage::read_arrays(columns).map_err(failed(READ))?;
    let all = rows.len();
    let whole = |row: FrameCoverage| {
        let FrameCoverage { stream, begin_time, end_time, state, reason, available_at } = row;
        let (end_time, available_at) = end_time.zip(available_at)?;
        Some(CoverageColumns { stream, begin_time, end_time, state, reason, available_at }.into_coverage())
    };
    let mut rows: Vec<CoverageRow> =
        rows.into_iter().filter_map(whole).collect::<Result<_, _>>().map_err(broken_row(READ))?;
    let found = rows.len();
    rows.sort_by_key(|row| (row.available_at, row.stream, row.state, row.begin, row.end));
    Ok((rows, found < all))
}

crate::columns::row_of_arrays! {
    /// A row of the log whose end may lie before the bound.
    FrameCoverage {
        stream: Box<str>,
        begin_time: Micros,
        end_time: Option<Micros>,
        state: Box<str>,
        reason: String,
        available_at: Option<Micros>,
    }
}
