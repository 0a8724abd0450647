//! Everything a frame needs, by a few statements in one transaction. Each goes by a key, so each is bounded by the rows
//! that are wanted, however many there are.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use onetape_domain::candle::Candle;
use onetape_domain::decimal::Price;
use onetape_domain::expiry::Expiry;
use onetape_domain::frame::{FrameParts, context_range, indicator_input};
use onetape_domain::imbalance::{Imbalances, LONGEST_WINDOW};
use onetape_domain::indicator::{Closes, MAX_WINDOW};
use onetape_domain::instrument::Instrument;
use onetape_domain::time::{Timeframe, Timestamp};
use onetape_domain::trade::Trade;
use onetape_domain::violation::Violations;
use onetape_ports::{FrameQuery, FrameStore, Knowledge, StoreError};
use sqlx::SqliteConnection;

use crate::arguments::Arguments;
use crate::books::last_book;
use crate::bounds::Bounds;
use crate::candles::{self, FOREVER, PerTimeframe, for_each_table};
use crate::columns::{Columns, Unread};
use crate::coverage::{proof, watermark_second};
use crate::error::{broken_row, failed};
use crate::imbalances;
use crate::session::{self, Session};
use crate::store::SqliteStore;
use crate::trades;

const READ: &str = "read a frame";

static LAST: PerTimeframe = PerTimeframe::new(|| for_each_table(include_str!("queries/candles_last.sql")));
static CLOSES: PerTimeframe = PerTimeframe::new(|| for_each_table(include_str!("queries/closes_last.sql")));

#[async_trait]
impl FrameStore for SqliteStore {
    async fn frame_parts(&self, query: &FrameQuery) -> Result<FrameParts, StoreError> {
        let mut session = Session::begin(self.readers(), session::READ, READ).await?;
        let parts = read(session.connection()?, query).await;
        session.finish(parts).await
    }

    async fn expiry(&self, _instrument: &Instrument) -> Result<Expiry, StoreError> {
        Ok(Expiry::NOTHING)
    }
}

/// What the sections are read of.
struct Frame<'a> {
    query: &'a FrameQuery,
    bounds: Bounds,
    /// The watermark's second, for final versions.
    watermark: Option<Timestamp>,
}

async fn read(connection: &mut SqliteConnection, query: &FrameQuery) -> Result<FrameParts, StoreError> {
    let Some(bounds) = Bounds::read(connection, &query.instrument, READ).await? else {
        return Ok(FrameParts::default());
    };
    let watermark = match query.knowledge {
        Knowledge::AsRecorded => None,
        Knowledge::AsCorrected => watermark_second(connection, bounds.id, query.as_of, READ).await?,
    };
    let frame = Frame { query, bounds, watermark };
    let mut parts = FrameParts { open_seconds: BTreeMap::new(), ..FrameParts::default() };
    for timeframe in Timeframe::ALL {
        let index = timeframe.index();
        (parts.candles[index], parts.closes[index]) = frame.candles(connection, timeframe).await?;
    }
    parts.context = frame.context(connection, &parts.candles[Timeframe::S1.index()]).await?;
    parts.open_trades = frame.open_trades(connection, parts.candles[Timeframe::S1.index()].last()).await?;
    parts.book = last_book(connection, bounds.id, query.as_of, READ).await?;
    parts.imbalances = frame.imbalances(connection).await?;
    let from = measured_from(&parts).unwrap_or(Timestamp::from_micros(i64::MIN));
    parts.coverage = proof(connection, bounds.id, from, query.as_of, READ).await?;
    Ok(parts)
}

impl Frame<'_> {
    /// The last candles of a timeframe, and the closes of more of them.
    async fn candles(
        &self,
        connection: &mut SqliteConnection,
        timeframe: Timeframe,
    ) -> Result<(Vec<Candle>, Arc<Closes>), StoreError> {
        let horizon = candles::horizon(self.query.knowledge, self.query.as_of, timeframe, self.watermark);
        let Some((end, known)) = horizon else { return Ok((Vec::new(), Arc::default())) };
        let arguments = |count: usize| {
            let mut arguments = Arguments::new();
            arguments.add(self.bounds.id).time(end).time(known).count(count);
            arguments.done().map_err(failed(READ))
        };
        let wanted = self.query.shape.candles.max(FrameParts::FORMING_ROWS);
        let rows = sqlx::query_with(LAST.of(timeframe), arguments(wanted)?)
            .fetch_all(&mut *connection)
            .await
            .map_err(failed(READ))?;
        let rows = rows.iter().rev().map(|row| candles::candle(&mut Columns::new(row), timeframe));
        let rows: Vec<Candle> = rows.collect::<Result<_, _>>().map_err(Unread::of(READ))?;
        let closes = if rows.len() < wanted || wanted >= MAX_WINDOW {
            // There are no more, or none that are wanted.
            let last = &rows[rows.len().saturating_sub(MAX_WINDOW)..];
            last.iter().map(|candle| indicator_input(candle.ohlcv().close.get())).collect()
        } else {
            let text: Option<String> = sqlx::query_scalar_with(CLOSES.of(timeframe), arguments(MAX_WINDOW)?)
                .fetch_one(connection)
                .await
                .map_err(failed(READ))?;
            closes(text.as_deref().unwrap_or_default()).map_err(broken_row(READ))?
        };
        Ok((rows, Arc::new(closes.into())))
    }

    /// The seconds of the context window, of which the last ones are at hand.
    async fn context(
        &self,
        connection: &mut SqliteConnection,
        seconds: &[Candle],
    ) -> Result<Vec<Candle>, StoreError> {
        let range = context_range(self.query.as_of, self.query.shape.context_window);
        if range.start() >= range.end() {
            return Ok(Vec::new());
        }
        let horizon = candles::horizon(self.query.knowledge, self.query.as_of, Timeframe::S1, self.watermark);
        let Some((end, known)) = horizon else { return Ok(Vec::new()) };
        let end = range.end().min(end);
        let reaches = seconds.first().is_some_and(|first| first.open_time() <= range.start());
        if reaches {
            let inside = |candle: &&Candle| range.contains(candle.open_time());
            return Ok(seconds.iter().filter(inside).copied().collect());
        }
        let mut keyset = candles::between(self.bounds.id, Timeframe::S1, (range.start(), end), known, READ);
        let mut context = Vec::new();
        while let Some(rows) = keyset.next(connection).await? {
            let rows = rows.iter().map(|row| candles::candle(&mut Columns::new(row), Timeframe::S1));
            context.extend(rows.collect::<Result<Vec<_>, _>>().map_err(Unread::of(READ))?);
        }
        Ok(context)
    }

    /// The trades that no closed second holds yet.
    async fn open_trades(
        &self,
        connection: &mut SqliteConnection,
        last: Option<&Candle>,
    ) -> Result<Vec<Trade>, StoreError> {
        let start = last.map_or(Timestamp::from_micros(i64::MIN), Candle::close_time);
        let (end, known) = match self.query.knowledge {
            // A trade may lie ahead of its stamp.
            Knowledge::AsRecorded => (self.query.as_of.plus(self.bounds.lead).plus(1), self.query.as_of),
            Knowledge::AsCorrected => (self.watermark.unwrap_or(start), FOREVER),
        };
        let mut keyset = trades::between(self.bounds.id, (start, end), known, READ);
        let mut open = Vec::new();
        while let Some(rows) = keyset.next(connection).await? {
            open.extend(trades::decode(&rows, READ)?);
        }
        Ok(open)
    }

    async fn imbalances(&self, connection: &mut SqliteConnection) -> Result<Vec<Imbalances>, StoreError> {
        let mut arguments = Arguments::new();
        arguments.add(self.bounds.id).time(self.query.as_of);
        arguments.count(self.query.shape.imbalances.max(LONGEST_WINDOW));
        let arguments = arguments.done().map_err(failed(READ))?;
        let rows = sqlx::query_with(include_str!("queries/imbalances_last.sql"), arguments)
            .fetch_all(connection)
            .await
            .map_err(failed(READ))?;
        let mut rows = imbalances::decode(&rows, READ)?;
        rows.reverse();
        Ok(rows)
    }
}

/// Closes in one text, newest first, as the indicators take them.
fn closes(text: &str) -> Result<Vec<f64>, Violations> {
    let close = |text| Price::parse("candle.close", text).map(|price| indicator_input(price.get()));
    text.split_ascii_whitespace().rev().map(close).collect()
}

/// From where on the coverage is looked at; none where there are no rows. A forming candle may open before the rows it
/// is made of, at most at the start of their day; an unfinished book is judged by the instant just before its second.
fn measured_from(parts: &FrameParts) -> Option<Timestamp> {
    let candles = parts.candles.iter().filter_map(|rows| rows.first()).chain(parts.context.first());
    let times = candles.map(Candle::open_time);
    let times = times.chain(parts.open_trades.first().map(|trade| trade.key.event_time));
    let times = times.chain(parts.book.as_ref().map(|book| book.second()));
    let times = times.chain(parts.imbalances.first().map(|row| row.second));
    times.min().map(|time| Timeframe::D1.open_time(time).plus(-1))
}
