//! Replaced versions and refused records as streams.

use futures::{StreamExt, TryStreamExt, stream};
use onetape_domain::candle::SupersededCandle;
use onetape_domain::message::QuarantinedRecord;
use onetape_domain::violation::Violation;
use onetape_ports::store::RowStream;
use onetape_ports::{StoreError, SupersededQuery};
use sqlx::postgres::PgRow;
use sqlx::types::Json;

use super::READ;
use crate::arguments::Arguments;
use crate::bounds::Bounds;
use crate::candles::CandleRow;
use crate::columns::{Columns, FromColumns};
use crate::cursor::{self, PAGE, Request};
use crate::error::{broken_row, failed};
use crate::micros::Micros;
use crate::quarantine;
use crate::session::Session;
use crate::store::TimescaleStore;

/// A refused record with its number.
type NumberedRow =
    (String, Option<String>, Option<String>, Json<Vec<Violation>>, String, i64, Option<Micros>, i64);

pub(super) fn superseded(store: &TimescaleStore, query: SupersededQuery) -> RowStream<'_, SupersededCandle> {
    let SupersededQuery { instrument, timeframe, range, as_of } = query;
    let owner = instrument.clone();
    let prepare = move |bounds: &Bounds| {
        let lower = range.start().max(bounds.of_candles(timeframe).first_time);
        let arguments = Arguments::of(&owner)?.with(timeframe.as_str())?;
        let arguments = arguments.time(lower)?.time(range.end())?.time(as_of)?;
        let attempts = vec![arguments.done()];
        Ok(Request { sql: include_str!("../queries/archive/superseded.sql"), attempts, wanted: None })
    };
    let decode = move |row: &PgRow| {
        let mut columns = Columns::new(row);
        let candle = CandleRow::read(&mut columns).map_err(failed(READ))?;
        let Micros(known_to) = columns.take().map_err(failed(READ))?;
        Ok(SupersededCandle { candle: candle.into_candle(timeframe).map_err(broken_row(READ))?, known_to })
    };
    cursor::rows(store.readers(), READ, instrument, prepare, decode)
}

/// Page by page, by number.
pub(super) fn quarantined(store: &TimescaleStore) -> RowStream<'_, QuarantinedRecord> {
    let next = async move |after: Option<i64>| {
        let Some(after) = after else { return Ok(None) };
        let mut session = Session::single(store.readers(), READ).await?;
        let rows: Vec<NumberedRow> = sqlx::query_as(include_str!("../queries/archive/quarantine.sql"))
            .bind(after)
            .bind(i64::try_from(PAGE).unwrap_or(i64::MAX))
            .fetch_all(session.connection()?)
            .await
            .map_err(failed(READ))?;
        session.commit().await?;
        let last = rows.last().filter(|_| rows.len() == PAGE).map(|row| row.7);
        let record = |row: NumberedRow| {
            let (origin, symbol, exchange, violations, payload, bytes, received_at, _) = row;
            let row = (origin, symbol, exchange, violations, payload, bytes, received_at);
            quarantine::into_record(row).map_err(broken_row(READ))
        };
        let records: Vec<_> = rows.into_iter().map(record).collect();
        Ok::<_, StoreError>(Some((stream::iter(records), last)))
    };
    stream::try_unfold(Some(i64::MIN), next).try_flatten().boxed()
}
