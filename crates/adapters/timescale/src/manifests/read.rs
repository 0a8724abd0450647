//! Reading what is recorded, and the candles of imports that need not be finished.

use onetape_domain::imported::{ImportId, ImportedCandle, NewImport, Source};
use onetape_domain::instrument::Instrument;
use onetape_domain::manifest::{
    ColumnSums, Decision, Left, Manifest, NewRun, PlannedPart, PlannedTable, RefusedRow, RowRefusal, RunId,
    RunState, TableProgress,
};
use onetape_domain::time::{TimeRange, Timeframe, Timestamp};
use onetape_domain::violation::Violations;
use onetape_ports::StoreError;
use onetape_ports::store::RowStream;
use sqlx::PgConnection;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArguments, PgRow};

use super::READ;
use crate::candles::natural;
use crate::columns::{Columns, FromColumns, row};
use crate::cursor::{self, Request};
use crate::error::{broken_row, failed, unfit};
use crate::imports::read::CandleRow;
use crate::imports::write::{find, key};
use crate::micros::Micros;
use crate::pools::Pool;
use crate::session::Session;

row! {
    /// A run without what belongs to it.
    RunRow {
        run: String,
        state: String,
        origin: String,
        source: String,
        settings: String,
        begun_at: Micros,
        changed_at: Micros,
    }
}

row! {
    /// A table as it was planned.
    TableRow {
        path: String,
        name: String,
        format: String,
        bytes: i64,
        sha256: String,
        rows: i64,
        decision: String,
        reason: Option<String>,
        exchange: Option<String>,
        symbol: Option<String>,
        timeframe: Option<String>,
    }
}

row! {
    /// How far a table is.
    ProgressRow {
        rows_read: i64,
        new_rows: i64,
        same_rows: i64,
        conflicting_rows: i64,
        invalid_rows: i64,
        first_time: Option<Micros>,
        last_time: Option<Micros>,
        sums: String,
        is_done: bool,
    }
}

row! {
    /// A part of a run.
    PartRow {
        import_id: String,
        exchange: String,
        symbol: String,
        timeframe: String,
        covered_from: Micros,
        covered_to: Micros,
    }
}

row! {
    /// A row that was refused.
    RefusedRecord { table_position: i32, row_number: i64, why: String, reasons: String }
}

impl TableRow {
    fn into_planned(self) -> Result<PlannedTable, Violations> {
        let Self { path, name, format, bytes, sha256, rows, decision, reason, exchange, symbol, timeframe } =
            self;
        let decision = match (exchange, symbol, timeframe) {
            (Some(exchange), Some(symbol), Some(timeframe)) => {
                let instrument = Instrument::try_new(&exchange, &symbol)?;
                Decision::Take { instrument, timeframe: timeframe.parse()? }
            }
            _ => Decision::Leave { why: Left::parse(&decision)?, reason: reason.unwrap_or_default() },
        };
        let (bytes, rows) = (natural("import.bytes", bytes)?, natural("import.rows", rows)?);
        Ok(PlannedTable { path, name, format, bytes, sha256, rows, decision })
    }
}

impl ProgressRow {
    pub(super) fn into_progress(self) -> Result<TableProgress, Violations> {
        let Self { rows_read, new_rows, same_rows, conflicting_rows, invalid_rows, .. } = self;
        let unread =
            |error: serde_json::Error| Violations::one("import.sums", error, "must be a list of numbers");
        Ok(TableProgress {
            rows_read: natural("import.rows_read", rows_read)?,
            new: natural("import.new", new_rows)?,
            same: natural("import.same", same_rows)?,
            conflicting: natural("import.conflicting", conflicting_rows)?,
            invalid: natural("import.invalid", invalid_rows)?,
            first: self.first_time.map(|time| time.0),
            last: self.last_time.map(|time| time.0),
            sums: serde_json::from_str::<ColumnSums>(&self.sums).map_err(unread)?,
            is_done: self.is_done,
        })
    }
}

impl PartRow {
    fn into_planned(self) -> Result<PlannedPart, Violations> {
        let Self { import_id, exchange, symbol, timeframe, covered_from, covered_to } = self;
        Ok(PlannedPart {
            id: ImportId::try_new(&import_id)?,
            instrument: Instrument::try_new(&exchange, &symbol)?,
            timeframe: timeframe.parse()?,
            covered: TimeRange::try_new(covered_from.0, covered_to.0)?,
        })
    }
}

impl RefusedRecord {
    fn into_refused(self) -> Result<RefusedRow, StoreError> {
        let Self { table_position, row_number, why, reasons } = self;
        let reasons = serde_json::from_str(&reasons)
            .map_err(|error| unfit(READ, "stored reasons do not fit their model").with_source(error))?;
        let row = || {
            let table = natural("import.table", i64::from(table_position))?;
            let (row, why) = (natural("import.row", row_number)?, RowRefusal::parse(&why)?);
            Ok(RefusedRow { table, row, why, reasons: Violations(reasons) })
        };
        row().map_err(broken_row(READ))
    }
}

fn row_of<T: FromColumns>(row: &PgRow) -> Result<T, StoreError> {
    T::read(&mut Columns::new(row)).map_err(failed(READ))
}

fn candle(row: &PgRow, timeframe: Timeframe) -> Result<ImportedCandle, StoreError> {
    row_of::<CandleRow>(row)?.into_imported(timeframe).map_err(broken_row(READ))
}

pub(super) async fn runs(connection: &mut PgConnection) -> Result<Vec<(RunId, RunState)>, StoreError> {
    let rows: Vec<(String, String)> = sqlx::query_as(include_str!("../queries/manifests/list.sql"))
        .fetch_all(connection)
        .await
        .map_err(failed(READ))?;
    let run = |(run, state): &(String, String)| {
        Ok::<_, Violations>((RunId::try_new(run)?, RunState::parse(state)?))
    };
    rows.iter().map(run).collect::<Result<_, _>>().map_err(broken_row(READ))
}

pub(super) async fn manifest(
    connection: &mut PgConnection,
    run: &RunId,
) -> Result<Option<Manifest>, StoreError> {
    let found = sqlx::query(include_str!("../queries/manifests/one.sql"))
        .bind(run.as_str())
        .fetch_optional(&mut *connection)
        .await
        .map_err(failed(READ))?;
    let Some(found) = found else { return Ok(None) };
    let RunRow { run, state, origin, source, settings, begun_at, changed_at } = row_of(&found)?;
    let rows = sqlx::query(include_str!("../queries/manifests/tables.sql"))
        .bind(&run)
        .fetch_all(&mut *connection)
        .await
        .map_err(failed(READ))?;
    let table = |row| {
        let mut columns = Columns::new(row);
        let planned = TableRow::read(&mut columns).map_err(failed(READ))?;
        let progress = ProgressRow::read(&mut columns).map_err(failed(READ))?;
        Ok((
            planned.into_planned().map_err(broken_row(READ))?,
            progress.into_progress().map_err(broken_row(READ))?,
        ))
    };
    let tables: Vec<_> = rows.iter().map(table).collect::<Result<_, StoreError>>()?;
    let (tables, progress) = tables.into_iter().unzip();
    let rows = sqlx::query(include_str!("../queries/manifests/parts.sql"))
        .bind(&run)
        .fetch_all(connection)
        .await
        .map_err(failed(READ))?;
    let part = |row| row_of::<PartRow>(row)?.into_planned().map_err(broken_row(READ));
    let parts = rows.iter().map(part).collect::<Result<_, _>>()?;
    let described = || {
        let (id, source) = (RunId::try_new(&run)?, Source::try_new(&source)?);
        let (state, begun_at, changed_at) = (RunState::parse(&state)?, begun_at.0, changed_at.0);
        let run = NewRun { id, origin, source, settings, tables, parts };
        Ok(Manifest { run, state, begun_at, changed_at, progress })
    };
    described().map(Some).map_err(broken_row(READ))
}

pub(super) fn refused(pool: &Pool, run: &RunId) -> RowStream<'static, RefusedRow> {
    let run = run.as_str().to_owned();
    let prepare = move || {
        let mut arguments = PgArguments::default();
        sqlx::Arguments::add(&mut arguments, run)?;
        Ok(request(include_str!("../queries/manifests/refused.sql"), arguments))
    };
    cursor::all(pool, READ, cursor::PAGE, prepare, |row| row_of::<RefusedRecord>(row)?.into_refused())
}

fn request(sql: &'static str, arguments: PgArguments) -> Request {
    Request { sql, attempts: vec![arguments], wanted: None }
}

/// What an import is, finished or not.
pub(super) async fn import(pool: &Pool, id: &ImportId) -> Result<Option<NewImport>, StoreError> {
    pool.within(READ, async {
        let mut session = Session::single(pool, READ).await?;
        let found = find(session.connection()?, id).await?;
        session.commit().await?;
        Ok(found.map(|stored| stored.new))
    })
    .await
}

/// The candles of an import's own timeframe in a range.
pub(super) fn candles(
    pool: &Pool,
    import: NewImport,
    range: TimeRange,
) -> RowStream<'static, ImportedCandle> {
    /// Candles are small, and all of an import are read to verify it.
    const PAGE: usize = 5_000;
    let timeframe = import.timeframe;
    let prepare = move || {
        let arguments = key(&import, timeframe)?.time(range.start())?.time(range.end())?;
        Ok(request(include_str!("../queries/manifests/candles_range.sql"), arguments.done()))
    };
    cursor::all(pool, READ, PAGE, prepare, move |row| candle(row, timeframe))
}

/// Those that open at these instants.
pub(super) async fn candles_at(
    connection: &mut PgConnection,
    import: &NewImport,
    open_times: &[Timestamp],
) -> Result<Vec<ImportedCandle>, StoreError> {
    let mut times = open_times.to_vec();
    times.sort_unstable();
    times.dedup();
    let (Some(first), Some(last)) = (times.first(), times.last()) else { return Ok(Vec::new()) };
    let arguments = || -> Result<PgArguments, BoxDynError> {
        let own = key(import, import.timeframe)?.each(&times, |time| Micros(*time))?;
        Ok(own.time(*first)?.time(*last)?.done())
    };
    let arguments = arguments().map_err(|error| failed(READ)(sqlx::Error::Encode(error)))?;
    let rows = sqlx::query_with(include_str!("../queries/manifests/candles_at.sql"), arguments)
        .fetch_all(connection)
        .await
        .map_err(failed(READ))?;
    rows.iter().map(|row| candle(row, import.timeframe)).collect()
}
