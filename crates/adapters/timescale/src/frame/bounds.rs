//! How far back each section of a frame is looked for, and when to look farther.

use onetape_domain::candle::Candle;
use onetape_domain::frame::{FrameParts, context_range};
use onetape_domain::imbalance::LONGEST_WINDOW;
use onetape_domain::indicator::MAX_WINDOW;
use onetape_domain::time::{SECOND, Timeframe, Timestamp};
use onetape_ports::{CandleQuery, FrameQuery, Knowledge, Selection, StoreError};
use sqlx::PgConnection;
use sqlx::error::BoxDynError;
use sqlx::postgres::PgArguments;

use super::paces::Paces;
use super::rows::{Firsts, FrameRows};
use crate::arguments::Arguments;
use crate::candles::{fetch_range, span};
use crate::imbalances;
use crate::micros::Micros;

/// Before every row.
const EARLIEST: Timestamp = Timestamp::EARLIEST;
/// How much farther back a section that came back short is looked for.
const WIDENING: i64 = 32;
/// Farthest that a trade is expected to lie ahead of its stamp.
const LEAD: i64 = 60 * SECOND;
/// How far back the last book and the last coverage row are looked for.
const RECENT: i64 = 3_600 * SECOND;
/// How far back the trades without a candle are looked for, and in how many times the distance between two candles.
/// Of a compressed chunk every trade within the bounds is decompressed, so an hour's would be tens of thousands.
const OPEN: i64 = 60 * SECOND;
const OPEN_PACES: i64 = 8;

/// How much longer than so many periods the candles of a busy market may take to come whole, in quarters.
const WHOLE_SLACK: i64 = 5;
/// Books that are looked at for the one with the last stamp: stamps of a busy market lag a second or two.
const BOOKS: usize = 8;

/// Days without a candle among those returned, before the coverage log is read farther back.
const SPARE_DAYS: i64 = 30 * 86_400 * SECOND;

/// The bounds in time of a frame's statement.
#[derive(Debug, Clone)]
pub(super) struct FrameBounds {
    /// The instant of knowledge of candles and trades.
    known: Micros,
    lowers: [Timestamp; 6],
    /// Of the candles that come whole, not with their closes alone.
    whole: [Timestamp; 6],
    /// Last open times.
    uppers: [Timestamp; 6],
    trades: (Timestamp, Timestamp),
    books: Timestamp,
    books_looked_at: usize,
    imbalances: Timestamp,
    coverage: Timestamp,
    /// Whether the open times of closes are wanted: only to put versions among them that were replaced since.
    times: bool,
    /// Before the end of every run of the coverage log that matters.
    runs: Timestamp,
}

impl FrameBounds {
    /// `paces` are the instrument's, as far as they are known.
    pub(super) fn as_recorded(query: &FrameQuery, paces: Paces) -> Self {
        let as_of = query.as_of;
        let lower = |timeframe| as_of.plus(-span(timeframe, looked_at(query)));
        let mut whole = Timeframe::ALL.map(|timeframe| {
            let pace = paces[timeframe.index()].max(timeframe.micros());
            let rows = i64::try_from(candle_rows(query)).unwrap_or(i64::MAX);
            as_of.plus(-pace.saturating_mul(rows).saturating_mul(WHOLE_SLACK) / 4).max(lower(timeframe))
        });
        if Self::holds_context(query) {
            let context = context_range(as_of, query.shape.context_window);
            whole[Timeframe::S1.index()] = whole[Timeframe::S1.index()].min(context.start());
        }
        let open = paces[Timeframe::S1.index()].saturating_mul(OPEN_PACES).clamp(OPEN, RECENT);
        Self {
            known: as_of.into(),
            lowers: Timeframe::ALL.map(lower),
            whole,
            uppers: [as_of; 6],
            trades: (as_of.plus(-open), as_of.plus(LEAD)),
            books: as_of.plus(-RECENT),
            books_looked_at: BOOKS,
            imbalances: as_of.plus(-imbalances::span(imbalance_rows(query))),
            coverage: as_of.plus(-RECENT),
            times: false,
            runs: as_of.plus(-(days(candle_rows(query)) + SPARE_DAYS)),
        }
    }

    /// The final versions of what had closed by the watermark's second; nothing without one.
    pub(super) fn as_corrected(query: &FrameQuery, paces: Paces, second: Option<Timestamp>) -> Self {
        let second = second.unwrap_or(Timestamp::from_micros(0));
        let bounds = Self::as_recorded(query, paces);
        Self {
            known: Micros::FOREVER,
            uppers: Timeframe::ALL.map(|timeframe| second.plus(-timeframe.micros())),
            trades: (bounds.trades.0, second),
            ..bounds
        }
    }

    /// Whether the candles looked at anyway reach back over the context window.
    pub(super) fn holds_context(query: &FrameQuery) -> bool {
        usize::try_from(query.shape.context_window / SECOND + 1).unwrap_or(0) <= looked_at(query)
    }

    /// The context window by a statement of its own.
    pub(super) async fn context(
        &self,
        connection: &mut PgConnection,
        query: &FrameQuery,
    ) -> Result<Vec<Candle>, StoreError> {
        let range = context_range(query.as_of, query.shape.context_window);
        let end = range.end().min(self.uppers[0].plus(1));
        let candles = CandleQuery {
            instrument: query.instrument.clone(),
            timeframe: Timeframe::S1,
            selection: Selection::Range(range),
            as_of: query.as_of,
            knowledge: Knowledge::AsRecorded,
        };
        fetch_range(connection, &candles, range.start(), end, self.known).await
    }

    pub(super) fn arguments(&self, query: &FrameQuery) -> Result<PgArguments, BoxDynError> {
        let mut arguments =
            Arguments::of(&query.instrument)?.time(query.as_of)?.with(self.known)?.limit(looked_at(query))?;
        for time in self.lowers.into_iter().chain(self.whole).chain(self.uppers) {
            arguments = arguments.time(time)?;
        }
        Ok(arguments
            .time(self.trades.0)?
            .time(self.trades.1)?
            .time(self.books)?
            .limit(self.books_looked_at)?
            .limit(imbalance_rows(query))?
            .time(self.imbalances)?
            .time(self.coverage)?
            .with(self.times)?
            .time(self.runs)?
            .done())
    }

    /// From where on candles come whole.
    pub(super) fn whole(&self) -> &[Timestamp; 6] {
        &self.whole
    }

    /// Widens the bounds of sections that may have left something out; false when there are none.
    pub(super) fn widen(&mut self, query: &FrameQuery, rows: &FrameRows) -> bool {
        if rows.lacks_times {
            // The number of closes says nothing yet.
            self.times = true;
            return true;
        }
        let as_of = query.as_of;
        // An instrument without an entry has no rows, unless somebody broke the rule.
        let unknown = Firsts { any: EARLIEST, book: Some(EARLIEST), imbalance: Some(EARLIEST) };
        let firsts = rows.firsts.unwrap_or(unknown);
        let mut widened = false;
        let mut farther = |lower: &mut Timestamp, first: Option<Timestamp>| {
            if let Some(first) = first.filter(|first| *lower > *first) {
                *lower = as_of.plus(as_of.since(*lower).saturating_mul(-WIDENING)).max(first);
                widened = true;
            }
        };
        for timeframe in Timeframe::ALL {
            let index = timeframe.index();
            if rows.closes[index].len() < looked_at(query) {
                let first = timeframe.open_time(firsts.any);
                farther(&mut self.lowers[index], Some(first));
            }
        }
        let lower = self.trades.0;
        // Where a second is known but did not come whole, the next attempt shows its close.
        let is_known = rows.whole(Timeframe::S1) > 0 || rows.closes[Timeframe::S1.index()].is_empty();
        if is_known && rows.last_close().is_none_or(|close| close < lower) {
            farther(&mut self.trades.0, Some(firsts.any));
        }
        if rows.books_since.is_none_or(|since| since < self.books) {
            farther(&mut self.books, firsts.book);
        }
        if rows.imbalances.len() < imbalance_rows(query) {
            farther(&mut self.imbalances, firsts.imbalance);
        }
        if rows.lacks_coverage {
            farther(&mut self.coverage, Some(firsts.any));
        }
        for timeframe in Timeframe::ALL {
            let index = timeframe.index();
            // All that are looked at: at most one more attempt.
            if rows.whole(timeframe) < candle_rows(query) && self.lowers[index] < self.whole[index] {
                widened |= rows.closes[index].len() > rows.whole(timeframe);
                self.whole[index] = self.lowers[index];
            }
        }
        if rows.lacks_books(self.books_looked_at) {
            self.books_looked_at = self.books_looked_at.saturating_mul(BOOKS);
            widened = true;
        }
        if let Some(earliest) = rows.earliest(query).filter(|earliest| *earliest < self.runs) {
            self.runs = earliest;
            widened = true;
        }
        if rows.lead > LEAD && self.trades.1 == as_of.plus(LEAD) {
            self.trades.1 = as_of.plus(rows.lead).plus(1);
            widened = true;
        }
        widened
    }
}

fn days(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX).saturating_mul(Timeframe::D1.micros())
}

/// Closed candles a timeframe that are returned.
pub(super) fn candle_rows(query: &FrameQuery) -> usize {
    query.shape.candles.max(FrameParts::FORMING_ROWS)
}

/// Closed candles a timeframe that are looked at: closes are needed of more than are returned.
pub(super) fn looked_at(query: &FrameQuery) -> usize {
    candle_rows(query).max(MAX_WINDOW)
}

fn imbalance_rows(query: &FrameQuery) -> usize {
    query.shape.imbalances.max(LONGEST_WINDOW)
}
