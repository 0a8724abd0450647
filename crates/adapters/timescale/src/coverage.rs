//! The coverage log.

use async_trait::async_trait;
use onetape_domain::coverage::CoverageRow;
use onetape_domain::instrument::Instrument;
use onetape_domain::time::{SECOND, Timestamp};
use onetape_domain::violation::Violations;
use onetape_ports::store::RowStream;
use onetape_ports::{CoverageStore, Selection, StoreError, TimeQuery};
use sqlx::error::BoxDynError;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgExecutor};

use crate::arguments::Arguments;
use crate::bounds::Bounds;
use crate::columns::{Columns, FromColumns, row, row_of_records};
use crate::cursor::{self, Request};
use crate::error::{broken_row, failed};
use crate::imbalances::span;
use crate::micros::Micros;
use crate::session::{SNAPSHOT, Session};
use crate::store::TimescaleStore;

const READ: &str = "read coverage";

/// How far back the last row of a run that went on is looked for first.
const RECENT: i64 = 3_600 * SECOND;

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

row_of_records! {
    /// A run of the log: its last row known at the instant, null where that lies before the bound, and the one that
    /// reached furthest, null of a run that went on after the instant: its last row until then did.
    RunColumns {
        stream: String,
        begin_time: Micros,
        state: String,
        reason: String,
        end_time: Option<Micros>,
        available_at: Option<Micros>,
        furthest_end: Option<Micros>,
        furthest_at: Option<Micros>,
    }
}

#[async_trait]
impl CoverageStore for TimescaleStore {
    fn stream_coverage(&self, query: TimeQuery) -> RowStream<'_, CoverageRow> {
        let instrument = query.instrument.clone();
        cursor::rows(self.readers(), READ, instrument, move |bounds| request(&query, bounds), decode)
    }

    async fn coverage_proof(
        &self,
        instrument: &Instrument,
        from: Timestamp,
        as_of: Timestamp,
    ) -> Result<Vec<CoverageRow>, StoreError> {
        self.readers()
            .within(READ, async {
                let mut session = Session::begin(self.readers(), SNAPSHOT, READ).await?;
                let mut lower = as_of.plus(-RECENT);
                let mut proof = runs(session.connection()?, instrument, from, as_of, lower).await?;
                if proof.iter().any(Option::is_none) {
                    let bounds =
                        Bounds::read(session.connection()?, instrument).await.map_err(failed(READ))?;
                    lower = lower.min(bounds.first_time);
                    proof = runs(session.connection()?, instrument, from, as_of, lower).await?;
                }
                session.commit().await?;
                let mut rows: Vec<CoverageRow> = proof.into_iter().flatten().flatten().collect();
                rows.sort_by_key(|row| (row.available_at, row.stream, row.state, row.begin, row.end));
                Ok(rows)
            })
            .await
    }
}

/// The rows of each run; none of one whose last row lies before `lower`.
async fn runs(
    connection: &mut PgConnection,
    instrument: &Instrument,
    from: Timestamp,
    as_of: Timestamp,
    lower: Timestamp,
) -> Result<Vec<Option<Vec<CoverageRow>>>, StoreError> {
    let rows = sqlx::query(include_str!("queries/coverage_proof.sql"))
        .bind(instrument.symbol().as_str())
        .bind(instrument.exchange().as_str())
        .bind(Micros(as_of))
        .bind(Micros(lower))
        .bind(Micros(from))
        .fetch_all(connection)
        .await
        .map_err(failed(READ))?;
    let run = |row: &PgRow| {
        let run = RunColumns::read(&mut Columns::new(row)).map_err(failed(READ))?;
        run.into_rows().map_err(broken_row(READ))
    };
    rows.iter().map(run).collect()
}

impl RunColumns {
    /// One row, or two; none where the last one was not found.
    pub(crate) fn into_rows(self) -> Result<Option<Vec<CoverageRow>>, Violations> {
        let Self { stream, begin_time, state, reason, end_time, available_at, furthest_end, furthest_at } =
            self;
        let Some(last) = end_time.zip(available_at) else { return Ok(None) };
        let furthest = furthest_end.zip(furthest_at).filter(|furthest| furthest.1 < last.1);
        let (stream, state) = (stream.parse()?, state.parse()?);
        let row = |(Micros(end), Micros(available_at))| {
            let (begin, reason) = (begin_time.0, reason.clone());
            CoverageRow { stream, begin, end, state, reason, available_at }
        };
        Ok(Some(furthest.into_iter().chain([last]).map(row).collect()))
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
