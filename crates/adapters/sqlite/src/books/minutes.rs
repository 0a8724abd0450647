//! The last second of each minute: found minute by minute, not by reading all seconds.

use std::sync::Arc;

use async_trait::async_trait;
use onetape_domain::book::BookSnapshot;
use onetape_domain::time::{SECOND, TimeRange, Timeframe, Timestamp};
use onetape_ports::{BookQuery, Selection, StoreError};
use sqlx::SqliteConnection;

use super::{READ, between, decode};
use crate::bounds::Bounds;
use crate::error::failed;
use crate::pages::Pages;

/// Minutes looked up at once.
const MINUTES: i64 = 100;

/// Pages of such books.
pub(super) struct Minutes {
    query: BookQuery,
    state: Option<State>,
}

#[derive(Debug)]
struct State {
    instrument: i64,
    /// Minutes that begin from here on are looked at, as far as the next one.
    from: Timestamp,
    /// Begin of the minute of the newest sample: that one is not over.
    newest: Timestamp,
    /// Seconds that are shown.
    range: TimeRange,
    /// Samples of the first second that are more than were asked for.
    skip: usize,
    is_done: bool,
}

impl Minutes {
    pub(super) fn new(query: BookQuery) -> Self {
        Self { query, state: None }
    }

    async fn open(&self, connection: &mut SqliteConnection) -> Result<Option<State>, StoreError> {
        let BookQuery { instrument, selection, as_of, .. } = &self.query;
        let Some(bounds) = Bounds::read(connection, instrument, READ).await? else { return Ok(None) };
        let newest: Option<i64> = sqlx::query_scalar(include_str!("../queries/books_newest_second.sql"))
            .bind(bounds.id)
            .bind(as_of.micros())
            .fetch_one(&mut *connection)
            .await
            .map_err(failed(READ))?;
        let Some(newest) = newest else { return Ok(None) };
        let newest = Timeframe::M1.open_time(Timestamp::from_micros(newest));
        let mut state = State {
            instrument: bounds.id,
            from: Timestamp::EARLIEST,
            newest,
            range: TimeRange::ALL,
            skip: 0,
            is_done: false,
        };
        match selection {
            Selection::Range(range) => {
                state.range = *range;
                state.from = Timeframe::M1.open_time(range.start().max(Timestamp::EARLIEST));
            }
            Selection::Last(count) => self.begin_at_last(connection, &mut state, *count).await?,
        }
        Ok(Some(state))
    }

    /// Moves the begin back over as many minutes as hold so many samples.
    async fn begin_at_last(
        &self,
        connection: &mut SqliteConnection,
        state: &mut State,
        count: usize,
    ) -> Result<(), StoreError> {
        let BookQuery { as_of, superseded_partials, .. } = &self.query;
        let (mut found, mut end) = (0, state.newest);
        state.is_done = count == 0;
        while found < count {
            let rows: Vec<(i64, i64)> = sqlx::query_as(include_str!("../queries/books_minutes_back.sql"))
                .bind(state.instrument)
                .bind(as_of.micros())
                .bind(superseded_partials)
                .bind(end.micros())
                .bind(MINUTES)
                .fetch_all(&mut *connection)
                .await
                .map_err(failed(READ))?;
            for (second, samples) in &rows {
                end = Timeframe::M1.open_time(Timestamp::from_micros(*second));
                found += usize::try_from(*samples).unwrap_or(0);
                if found >= count {
                    break;
                }
            }
            if (rows.len() as i64) < MINUTES {
                break;
            }
        }
        state.from = end;
        state.skip = found.saturating_sub(count);
        Ok(())
    }
}

#[async_trait]
impl Pages for Minutes {
    type Row = Arc<BookSnapshot>;

    async fn next(
        &mut self,
        connection: &mut SqliteConnection,
    ) -> Result<Option<Vec<Arc<BookSnapshot>>>, StoreError> {
        if self.state.is_none() {
            self.state = self.open(connection).await?;
        }
        let Some(state) = &mut self.state else { return Ok(None) };
        if state.is_done {
            return Ok(None);
        }
        let BookQuery { as_of, superseded_partials, .. } = &self.query;
        let end = state.range.end().min(state.newest);
        let seconds: Vec<i64> = sqlx::query_scalar(include_str!("../queries/books_minutes.sql"))
            .bind(state.instrument)
            .bind(as_of.micros())
            .bind(state.from.micros())
            .bind(end.micros())
            .bind(state.newest.micros())
            .bind(MINUTES)
            .fetch_all(&mut *connection)
            .await
            .map_err(failed(READ))?;
        state.is_done = (seconds.len() as i64) < MINUTES;
        let mut page = Vec::new();
        for second in seconds.into_iter().map(Timestamp::from_micros) {
            state.from = Timeframe::M1.close_time(Timeframe::M1.open_time(second));
            let Ok(one) = TimeRange::try_new(second, second.plus(SECOND)) else { continue };
            if state.range.contains(second) {
                let mut samples = between(state.instrument, one, *as_of, *superseded_partials);
                page.extend(decode(&samples.next(connection).await?.unwrap_or_default())?);
            }
        }
        page.drain(..state.skip.min(page.len()));
        state.skip = 0;
        Ok(Some(page))
    }
}
