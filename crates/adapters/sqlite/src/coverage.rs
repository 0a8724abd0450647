//! The coverage log, and what of it proves the same.

use async_trait::async_trait;
use onetape_domain::coverage::{CoverageRow, CoverageState, Stream};
use onetape_domain::instrument::Instrument;
use onetape_domain::time::Timestamp;
use onetape_domain::violation::Violations;
use onetape_ports::store::RowStream;
use onetape_ports::{CoverageStore, Selection, StoreError, TimeQuery};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use crate::bounds::Bounds;
use crate::columns::{Columns, Unread, Values as _};
use crate::error::failed;
use crate::keyset::{Keyset, Part, Table, TablePages};
use crate::pages::{self, PAGE};
use crate::session::{self, Session};
use crate::store::SqliteStore;

const READ: &str = "read coverage";

/// States in the order of their numbers.
const STATES: [CoverageState; 4] =
    [CoverageState::Alive, CoverageState::Gap, CoverageState::Filled, CoverageState::Unfillable];

/// A state as it is stored; streams are by [`Stream::index`].
pub(crate) fn state_number(state: CoverageState) -> i64 {
    match state {
        CoverageState::Alive => 0,
        CoverageState::Gap => 1,
        CoverageState::Filled => 2,
        CoverageState::Unfillable => 3,
    }
}

pub(crate) fn stream_number(stream: Stream) -> i64 {
    match stream {
        Stream::Trades => 0,
        Stream::Book => 1,
    }
}

fn stream(columns: &mut Columns<'_>) -> Result<Stream, Unread> {
    let number: usize = columns.natural("coverage.stream")?;
    Ok(*Stream::ALL
        .get(number)
        .ok_or_else(|| Violations::one("coverage.stream", number, "must be 0 or 1"))?)
}

fn state(columns: &mut Columns<'_>) -> Result<CoverageState, Unread> {
    let number: usize = columns.natural("coverage.state")?;
    Ok(*STATES
        .get(number)
        .ok_or_else(|| Violations::one("coverage.state", number, "must be between 0 and 3"))?)
}

/// The columns of a row of the log.
fn coverage(columns: &mut Columns<'_>) -> Result<CoverageRow, Unread> {
    Ok(CoverageRow {
        stream: stream(columns)?,
        begin: columns.time()?,
        end: columns.time()?,
        state: state(columns)?,
        reason: columns.take()?,
        available_at: columns.time()?,
    })
}

struct Log(TimeQuery);

#[async_trait]
impl Table for Log {
    type Row = CoverageRow;

    async fn open(&self, connection: &mut SqliteConnection) -> Result<Option<Keyset>, StoreError> {
        let TimeQuery { instrument, selection, as_of } = &self.0;
        let Some(bounds) = Bounds::read(connection, instrument, READ).await? else { return Ok(None) };
        // A row that reaches into a range was stamped at its end, less the lead.
        let (since, touching) = match selection {
            Selection::Range(range) => (range.start().plus(-bounds.lead), (range.start(), range.end())),
            Selection::Last(_) => {
                let always = (Timestamp::from_micros(i64::MIN), Timestamp::from_micros(i64::MAX));
                (always.0, always)
            }
        };
        let fixed = [bounds.id, as_of.micros(), touching.0.micros(), touching.1.micros()];
        let mut key = vec![Part::Int(since.micros())];
        key.extend([const { Part::Int(i64::MIN) }; 4]);
        key.push(Part::Text(String::new()));
        let page = include_str!("queries/coverage_page.sql");
        let mut keyset = Keyset::new(READ, page, &[5, 0, 3, 1, 2, 4], PAGE, fixed, key);
        if let Selection::Last(count) = selection {
            keyset.begin_at_last(connection, include_str!("queries/coverage_start.sql"), *count).await?;
        }
        Ok(Some(keyset))
    }

    fn decode(&self, rows: &[SqliteRow]) -> Result<Vec<CoverageRow>, StoreError> {
        let rows = rows.iter().map(|row| coverage(&mut Columns::new(row)));
        rows.collect::<Result<_, _>>().map_err(Unread::of(READ))
    }
}

#[async_trait]
impl CoverageStore for SqliteStore {
    fn stream_coverage(&self, query: TimeQuery) -> RowStream<'_, CoverageRow> {
        pages::stream(self.readers(), READ, TablePages::of(Log(query)))
    }

    async fn coverage_proof(
        &self,
        instrument: &Instrument,
        from: Timestamp,
        as_of: Timestamp,
    ) -> Result<Vec<CoverageRow>, StoreError> {
        let mut session = Session::begin(self.readers(), session::READ, READ).await?;
        let proof = proof_of(session.connection()?, instrument, from, as_of).await;
        session.finish(proof).await
    }
}

async fn proof_of(
    connection: &mut SqliteConnection,
    instrument: &Instrument,
    from: Timestamp,
    as_of: Timestamp,
) -> Result<Vec<CoverageRow>, StoreError> {
    match Bounds::read(connection, instrument, READ).await? {
        Some(bounds) => proof(connection, bounds.id, from, as_of, READ).await,
        None => Ok(Vec::new()),
    }
}

/// The second that any stream's proof had reached at an instant; none before there was one.
pub(crate) async fn watermark_second(
    connection: &mut SqliteConnection,
    instrument: i64,
    as_of: Timestamp,
    operation: &'static str,
) -> Result<Option<Timestamp>, StoreError> {
    let reached: Option<i64> = sqlx::query_scalar(include_str!("queries/coverage_watermark.sql"))
        .bind(instrument)
        .bind(as_of.micros())
        .fetch_one(connection)
        .await
        .map_err(failed(operation))?;
    Ok(reached.map(|reached| Timestamp::from_micros(reached).floor_second()))
}

/// A part of the log that proves, from an instant on, what the whole proves, and how far the watermark had come.
pub(crate) async fn proof(
    connection: &mut SqliteConnection,
    instrument: i64,
    from: Timestamp,
    as_of: Timestamp,
    operation: &'static str,
) -> Result<Vec<CoverageRow>, StoreError> {
    let mut rows = runs(connection, instrument, from, as_of, operation).await?;
    // A run that is left out ended by `from`. Only where none that is here reaches that far can it hold the watermark.
    let reaches = |row: &CoverageRow| row.state == CoverageState::Alive && row.end >= from;
    if !rows.iter().any(reaches) {
        rows = runs(connection, instrument, Timestamp::from_micros(i64::MIN), as_of, operation).await?;
    }
    rows.sort_by(|a, b| {
        let key = |row: &CoverageRow| (row.available_at, row.stream, row.state, row.begin, row.end);
        key(a).cmp(&key(b)).then_with(|| a.reason.cmp(&b.reason))
    });
    Ok(rows)
}

async fn runs(
    connection: &mut SqliteConnection,
    instrument: i64,
    from: Timestamp,
    as_of: Timestamp,
    operation: &'static str,
) -> Result<Vec<CoverageRow>, StoreError> {
    let rows = sqlx::query(include_str!("queries/runs.sql"))
        .bind(instrument)
        .bind(as_of.micros())
        .bind(from.micros())
        .fetch_all(connection)
        .await
        .map_err(failed(operation))?;
    let mut proven = Vec::with_capacity(rows.len());
    for row in &rows {
        run(&mut Columns::new(row), &mut proven).map_err(Unread::of(operation))?;
    }
    Ok(proven)
}

/// A run is its last row and, where that fell back, the one that reached furthest.
fn run(columns: &mut Columns<'_>, rows: &mut Vec<CoverageRow>) -> Result<(), Unread> {
    let (stream, state) = (stream(columns)?, state(columns)?);
    let (begin, reason) = (columns.time()?, columns.take::<String>()?);
    let (end, available_at) = (columns.time()?, columns.time()?);
    let furthest = columns.optional_time()?.zip(columns.optional_time()?);
    let row = |end, available_at| {
        let reason = reason.clone();
        CoverageRow { stream, begin, end, state, reason, available_at }
    };
    if let Some((furthest_end, furthest_at)) = furthest
        && furthest_at < available_at
    {
        rows.push(row(furthest_end, furthest_at));
    }
    rows.push(row(end, available_at));
    Ok(())
}
