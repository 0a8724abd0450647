//! Everything a frame needs: one statement for what is bounded by a number of rows, one for trades, one for coverage, in one
//! transaction. Each goes by a key, so it costs the same however many rows there are.

use std::sync::Arc;

use async_trait::async_trait;
use onetape_domain::candle::Candle;
use onetape_domain::decimal::Price;
use onetape_domain::expiry::Expiry;
use onetape_domain::frame::{FrameParts, context_range, indicator_input};
use onetape_domain::imbalance::LONGEST_WINDOW;
use onetape_domain::indicator::MAX_WINDOW;
use onetape_domain::instrument::Instrument;
use onetape_domain::time::{SECOND, Timeframe, Timestamp};
use onetape_domain::trade::Trade;
use onetape_domain::violation::Violations;
use onetape_ports::{FrameQuery, FrameStore, Knowledge, StoreError};
use sqlx::SqliteConnection;
use sqlx::sqlite::{SqliteArguments, SqliteRow};

use crate::arguments::Arguments;
use crate::books::book;
use crate::bounds::Bounds;
use crate::candles::{self, FOREVER};
use crate::columns::{Columns, Fields, Unread, Values as _};
use crate::coverage::{proof, watermark_second};
use crate::error::failed;
use crate::expiry;
use crate::imbalances;
use crate::imports;
use crate::session::{self, Session};
use crate::store::SqliteStore;
use crate::trades;

const READ: &str = "read a frame";

#[async_trait]
impl FrameStore for SqliteStore {
    async fn frame_parts(&self, query: &FrameQuery) -> Result<FrameParts, StoreError> {
        let mut session = Session::begin(self.readers(), session::READ, READ).await?;
        let parts = read(session.connection()?, query).await;
        session.finish(parts).await
    }

    async fn expiry(&self, instrument: &Instrument) -> Result<Expiry, StoreError> {
        let mut session = Session::begin(self.readers(), session::READ, READ).await?;
        let expiry = expiry::read(session.connection()?, instrument).await;
        session.finish(expiry).await
    }
}

async fn read(connection: &mut SqliteConnection, query: &FrameQuery) -> Result<FrameParts, StoreError> {
    let watermark = match query.knowledge {
        Knowledge::AsRecorded => None,
        Knowledge::AsCorrected => match Bounds::read(connection, &query.instrument, READ).await? {
            Some(bounds) => watermark_second(connection, bounds.id, query.as_of, READ).await?,
            None => return Ok(FrameParts::default()),
        },
    };
    let frame = Frame::of(query, watermark);
    let row = sqlx::query_with(include_str!("queries/frame.sql"), frame.arguments()?)
        .fetch_optional(&mut *connection)
        .await
        .map_err(failed(READ))?;
    let Some(row) = row else { return Ok(FrameParts::default()) };
    let (id, lead, mut parts) = frame.sections(&row).map_err(Unread::of(READ))?;
    frame.cut_context(connection, id, &mut parts).await?;
    parts.open_trades = frame.open_trades(connection, id, lead, &parts).await?;
    let from = measured_from(&parts).unwrap_or(Timestamp::from_micros(i64::MIN));
    parts.coverage = proof(connection, id, from, query.as_of, READ).await?;
    parts.imports = imports::known(connection, id, query).await?.into();
    Ok(parts)
}

/// What is asked for.
struct Frame<'a> {
    query: &'a FrameQuery,
    /// The watermark's second, for final versions.
    watermark: Option<Timestamp>,
    /// The instant of knowledge of candles and trades.
    known: Timestamp,
    /// Closed candles a timeframe.
    candles: usize,
    /// Those of 1 s, of which the context window may want more.
    seconds: usize,
}

impl<'a> Frame<'a> {
    fn of(query: &'a FrameQuery, watermark: Option<Timestamp>) -> Self {
        let candles = query.shape.candles.max(FrameParts::FORMING_ROWS);
        let window = usize::try_from(query.shape.context_window / SECOND + 1).unwrap_or(0);
        let seconds = if window <= MAX_WINDOW { candles.max(window) } else { candles };
        let known = match query.knowledge {
            Knowledge::AsRecorded => query.as_of,
            Knowledge::AsCorrected => FOREVER,
        };
        Self { query, watermark, known, candles, seconds }
    }

    /// End of the open times of closed candles; before all of them where nothing had closed.
    fn end(&self, timeframe: Timeframe) -> Timestamp {
        candles::horizon(self.query.knowledge, self.query.as_of, timeframe, self.watermark)
            .map_or(Timestamp::from_micros(i64::MIN), |(end, _)| end)
    }

    fn arguments(&self) -> Result<SqliteArguments<'static>, StoreError> {
        let FrameQuery { instrument, as_of, shape, .. } = self.query;
        let mut arguments = Arguments::new();
        arguments.text(instrument.exchange().as_str()).text(instrument.symbol().as_str());
        arguments.time(*as_of).time(self.known).count(self.seconds).count(self.candles).count(MAX_WINDOW);
        arguments.count(shape.imbalances.max(LONGEST_WINDOW));
        for timeframe in Timeframe::ALL {
            arguments.time(self.end(timeframe));
        }
        arguments.done().map_err(failed(READ))
    }

    /// The instrument's number, how far trades lie ahead of their stamps, and the sections of the statement; those of the
    /// seconds still with what only the context window wants.
    fn sections(&self, row: &SqliteRow) -> Result<(i64, i64, FrameParts), Unread> {
        let mut columns = Columns::new(row);
        let (id, lead) = (columns.int()?, columns.int()?);
        let mut parts = FrameParts::default();
        for timeframe in Timeframe::ALL {
            let index = timeframe.index();
            parts.candles[index] = section(columns.take()?, |fields| candles::candle(fields, timeframe))?;
            parts.closes[index] = Arc::new(closes(columns.take()?)?.into());
        }
        parts.imbalances = section(columns.take()?, |fields| imbalances::imbalances(fields))?;
        if !columns.is_null()? {
            parts.book = Some(book(&mut columns)?);
        }
        Ok((id, lead, parts))
    }

    /// The seconds of the context window, of which the last ones are at hand.
    async fn cut_context(
        &self,
        connection: &mut SqliteConnection,
        id: i64,
        parts: &mut FrameParts,
    ) -> Result<(), StoreError> {
        let range = context_range(self.query.as_of, self.query.shape.context_window);
        let seconds = &mut parts.candles[Timeframe::S1.index()];
        let has_all = seconds.len() < self.seconds;
        if has_all || seconds.first().is_some_and(|first| first.open_time() <= range.start()) {
            let inside = |candle: &&Candle| range.contains(candle.open_time());
            parts.context = seconds.iter().filter(inside).copied().collect();
        } else {
            let bounds = (range.start(), range.end().min(self.end(Timeframe::S1)));
            let mut keyset = candles::between(id, Timeframe::S1, bounds, self.known, READ);
            while let Some(rows) = keyset.next(connection).await? {
                let rows = rows.iter().map(|row| candles::candle(&mut Columns::new(row), Timeframe::S1));
                parts.context.extend(rows.collect::<Result<Vec<_>, _>>().map_err(Unread::of(READ))?);
            }
        }
        seconds.drain(..seconds.len().saturating_sub(self.candles));
        Ok(())
    }

    /// The trades that no closed second holds yet.
    async fn open_trades(
        &self,
        connection: &mut SqliteConnection,
        id: i64,
        lead: i64,
        parts: &FrameParts,
    ) -> Result<Vec<Trade>, StoreError> {
        let last = parts.candles[Timeframe::S1.index()].last();
        let start = last.map_or(Timestamp::from_micros(i64::MIN), Candle::close_time);
        let end = match self.query.knowledge {
            // A trade may lie ahead of its stamp.
            Knowledge::AsRecorded => self.query.as_of.plus(lead).plus(1),
            Knowledge::AsCorrected => self.watermark.unwrap_or(start),
        };
        let mut keyset = trades::between(id, (start, end), self.known, READ);
        let mut open = Vec::new();
        while let Some(rows) = keyset.next(connection).await? {
            open.extend(trades::decode(&rows, READ)?);
        }
        Ok(open)
    }
}

/// The rows of a section, oldest first. There are none where it is null.
fn section<T>(
    text: Option<&str>,
    mut read: impl FnMut(&mut Fields<'_>) -> Result<T, Unread>,
) -> Result<Vec<T>, Unread> {
    let Some(text) = text else { return Ok(Vec::new()) };
    let line = |line| {
        let mut fields = Fields::new(line);
        let row = read(&mut fields)?;
        fields.end()?;
        Ok(row)
    };
    text.rsplit(';').map(line).collect()
}

/// Closes in one text, newest first, as the indicators take them.
fn closes(text: Option<&str>) -> Result<Vec<f64>, Violations> {
    let close = |text| Price::parse("candle.close", text).map(|price| indicator_input(price.get()));
    text.map_or(Ok(Vec::new()), |text| text.rsplit(' ').map(close).collect())
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
