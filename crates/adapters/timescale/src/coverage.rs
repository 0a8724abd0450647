//! The coverage log.

use onetape_domain::coverage::CoverageRow;
use onetape_domain::instrument::Instrument;
use onetape_domain::time::Timestamp;
use onetape_domain::violation::Violations;
use onetape_ports::store::RowStream;
use onetape_ports::{CoverageStore, Selection, StoreError, TimeQuery};
use sqlx::PgExecutor;
use sqlx::error::BoxDynError;
use sqlx::postgres::PgRow;

use crate::arguments::Arguments;
use crate::bounds::Bounds;
use crate::columns::{Columns, FromColumns, row};
use crate::cursor::{self, Request};
use crate::error::{broken_row, failed};
use crate::imbalances::span;
use crate::micros::Micros;
use crate::store::TimescaleStore;

const READ: &str = "read coverage";

row! {
    /// A row of the log.
    CoverageColumns {
        stream: Box<str>,
        begin_time: Micros,
        end_time: Micros,
        state: Box<str>,
        reason: String,
        available_at: Micros,
    }
}

impl CoverageColumns {
    pub(crate) fn into_coverage(self) -> Result<CoverageRow, Violations> {
        let Self { stream, begin_time, end_time, state, reason, available_at } = self;
        Ok(CoverageRow {
            stream: stream.parse()?,
            begin: begin_time.0,
            end: end_time.0,
            state: state.parse()?,
            reason,
            available_at: available_at.0,
        })
    }
}

impl CoverageStore for TimescaleStore {
    fn stream_coverage(&self, query: TimeQuery) -> RowStream<'_, CoverageRow> {
        let instrument = query.instrument.clone();
        cursor::rows(self.readers(), READ, instrument, move |bounds| request(&query, bounds), decode)
    }
}

/// The second that any stream's proof had reached at an instant; none before there was one.
pub(crate) async fn watermark_second(
    executor: impl PgExecutor<'_>,
    instrument: &Instrument,
    as_of: Timestamp,
) -> Result<Option<Timestamp>, sqlx::Error> {
    let second: Option<Micros> = sqlx::query_scalar(include_str!("queries/coverage_watermark.sql"))
        .bind(instrument.symbol().as_str())
        .bind(instrument.exchange().as_str())
        .bind(Micros(as_of))
        .fetch_one(executor)
        .await?;
    Ok(second.map(Timestamp::from))
}

fn request(query: &TimeQuery, bounds: &Bounds) -> Result<Request, BoxDynError> {
    let arguments = |lower| Arguments::of(&query.instrument)?.time(lower)?.time(query.as_of);
    match query.selection {
        Selection::Range(range) => {
            // A row that reaches into the range was stamped at its end, less the lead.
            let lower = range.start().plus(-bounds.lead);
            let attempts = vec![arguments(lower)?.time(range.start())?.time(range.end())?.done()];
            Ok(Request { sql: include_str!("queries/coverage_range.sql"), attempts, wanted: None })
        }
        Selection::Last(count) => {
            let attempt = |lower| Ok(arguments(lower)?.limit(count)?.done());
            let lowers = bounds.lowers(query.as_of, span(count));
            let attempts = lowers.into_iter().map(attempt).collect::<Result<_, BoxDynError>>()?;
            Ok(Request { sql: include_str!("queries/coverage_last.sql"), attempts, wanted: Some(count) })
        }
    }
}

fn decode(row: &PgRow) -> Result<CoverageRow, StoreError> {
    let row = CoverageColumns::read(&mut Columns::new(row)).map_err(failed(READ))?;
    row.into_coverage().map_err(broken_row(READ))
}
