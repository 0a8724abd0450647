//! The record of imports: runs, their tables and parts, and the rows that were refused.

mod write;

use async_trait::async_trait;
use onetape_domain::imported::{ImportId, ImportedCandle, Source};
use onetape_domain::instrument::Instrument;
use onetape_domain::manifest::{
    ColumnSums, Decision, Left, Manifest, NewRun, PlannedPart, PlannedTable, RefusedRow, RowRefusal, RunId,
    RunState, TableProgress,
};
use onetape_domain::time::{TimeRange, Timeframe, Timestamp};
use onetape_domain::violation::Violations;
use onetape_ports::manifest::check_run;
use onetape_ports::store::RowStream;
use onetape_ports::{ImportBatch, ManifestStore, StoreError};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use crate::columns::{Columns, Unread, Values as _};
use crate::error::{failed, unfit};
use crate::imports::{self, candle};
use crate::keyset::{Keyset, Part, Table, TablePages};
use crate::pages;
use crate::session::{self, Session};
use crate::store::SqliteStore;

const READ: &str = "read the record of imports";
const WRITE: &str = "record an import";
const BATCH: &str = "write a batch of an import";
/// Candles of a page: they are small, and all of an import are read to verify it.
const CANDLES: usize = 5_000;

/// A run with its number, without what belongs to it.
struct Run {
    number: i64,
    id: RunId,
    state: RunState,
    origin: String,
    source: Source,
    settings: String,
    begun_at: Timestamp,
    changed_at: Timestamp,
}

async fn find(connection: &mut SqliteConnection, id: &RunId) -> Result<Option<Run>, StoreError> {
    let row = sqlx::query(include_str!("queries/manifests/one.sql"))
        .bind(id.as_str().to_owned())
        .fetch_optional(connection)
        .await
        .map_err(failed(READ))?;
    row.as_ref().map(run).transpose().map_err(Unread::of(READ))
}

fn run(row: &SqliteRow) -> Result<Run, Unread> {
    let mut columns = Columns::new(row);
    Ok(Run {
        number: columns.int()?,
        id: RunId::try_new(columns.text()?)?,
        state: RunState::parse(columns.text()?)?,
        origin: columns.take()?,
        source: Source::try_new(columns.text()?)?,
        settings: columns.take()?,
        begun_at: columns.time()?,
        changed_at: columns.time()?,
    })
}

/// The columns of a table's progress.
fn progress(columns: &mut Columns<'_>) -> Result<TableProgress, Unread> {
    let unread =
        |error: serde_json::Error| Violations::one("import.sums", error, "must be a list of numbers");
    Ok(TableProgress {
        rows_read: columns.natural("import.rows_read")?,
        new: columns.natural("import.new")?,
        same: columns.natural("import.same")?,
        conflicting: columns.natural("import.conflicting")?,
        invalid: columns.natural("import.invalid")?,
        first: columns.optional_time()?,
        last: columns.optional_time()?,
        sums: serde_json::from_str::<ColumnSums>(columns.text()?).map_err(unread)?,
        is_done: columns.flag()?,
    })
}

fn table(row: &SqliteRow) -> Result<(PlannedTable, TableProgress), Unread> {
    let mut columns = Columns::new(row);
    let (path, name, format) = (columns.take()?, columns.take()?, columns.take()?);
    let (bytes, sha256) = (columns.natural("import.bytes")?, columns.take()?);
    let rows = columns.natural("import.rows")?;
    let (decision, reason): (String, Option<String>) = (columns.take()?, columns.take()?);
    let (exchange, symbol): (Option<String>, Option<String>) = (columns.take()?, columns.take()?);
    let timeframe: Option<String> = columns.take()?;
    let decision = match (exchange, symbol, timeframe) {
        (Some(exchange), Some(symbol), Some(timeframe)) => Decision::Take {
            instrument: Instrument::try_new(&exchange, &symbol)?,
            timeframe: timeframe.parse()?,
        },
        _ => Decision::Leave { why: Left::parse(&decision)?, reason: reason.unwrap_or_default() },
    };
    Ok((PlannedTable { path, name, format, bytes, sha256, rows, decision }, progress(&mut columns)?))
}

fn part(row: &SqliteRow) -> Result<PlannedPart, Unread> {
    let mut columns = Columns::new(row);
    let id = ImportId::try_new(columns.text()?)?;
    let exchange: String = columns.take()?;
    let instrument = Instrument::try_new(&exchange, columns.text()?)?;
    let timeframe: Timeframe = columns.text()?.parse()?;
    let covered = TimeRange::try_new(columns.time()?, columns.time()?)?;
    Ok(PlannedPart { id, instrument, timeframe, covered })
}

async fn manifest(connection: &mut SqliteConnection, id: &RunId) -> Result<Option<Manifest>, StoreError> {
    let Some(Run { number, id, state, origin, source, settings, begun_at, changed_at }) =
        find(connection, id).await?
    else {
        return Ok(None);
    };
    let rows = sqlx::query(include_str!("queries/manifests/tables.sql"))
        .bind(number)
        .fetch_all(&mut *connection)
        .await
        .map_err(failed(READ))?;
    let tables: Result<Vec<_>, Unread> = rows.iter().map(table).collect();
    let (tables, progress) = tables.map_err(Unread::of(READ))?.into_iter().unzip();
    let rows = sqlx::query(include_str!("queries/manifests/parts.sql"))
        .bind(number)
        .fetch_all(connection)
        .await
        .map_err(failed(READ))?;
    let parts = rows.iter().map(part).collect::<Result<_, _>>().map_err(Unread::of(READ))?;
    let run = NewRun { id, origin, source, settings, tables, parts };
    Ok(Some(Manifest { run, state, begun_at, changed_at, progress }))
}

#[async_trait]
impl ManifestStore for SqliteStore {
    async fn begin_run(&self, run: &NewRun, at: Timestamp) -> Result<Manifest, StoreError> {
        check_run(run)?;
        let mut session = Session::begin(self.writer(), session::WRITE, WRITE).await?;
        let begun = write::begin(session.connection()?, run, at).await;
        session.finish(begun).await
    }

    async fn runs(&self) -> Result<Vec<(RunId, RunState)>, StoreError> {
        let rows = sqlx::query(include_str!("queries/manifests/list.sql"))
            .fetch_all(self.readers().settled().await)
            .await
            .map_err(failed(READ))?;
        let run = |row: &SqliteRow| -> Result<_, Unread> {
            let mut columns = Columns::new(row);
            Ok((RunId::try_new(columns.text()?)?, RunState::parse(columns.text()?)?))
        };
        rows.iter().map(run).collect::<Result<_, _>>().map_err(Unread::of(READ))
    }

    async fn manifest(&self, run: &RunId) -> Result<Option<Manifest>, StoreError> {
        let mut session = Session::begin(self.readers(), session::READ, READ).await?;
        let found = manifest(session.connection()?, run).await;
        session.finish(found).await
    }

    async fn set_run_state(&self, run: &RunId, state: RunState, at: Timestamp) -> Result<(), StoreError> {
        let mut session = Session::begin(self.writer(), session::WRITE, WRITE).await?;
        let set = write::set_state(session.connection()?, run, state, at).await;
        session.finish(set).await
    }

    async fn write_import_batch(&self, batch: &ImportBatch) -> Result<TableProgress, StoreError> {
        batch.check()?;
        let mut session = Session::begin(self.writer(), session::WRITE, BATCH).await?;
        match write::batch(session.connection()?, batch).await {
            Ok(progress) => session.commit_rows().await.map(|()| progress),
            Err(error) => session.finish(Err(error)).await,
        }
    }

    fn stream_refused(&self, run: &RunId) -> RowStream<'_, RefusedRow> {
        pages::stream(self.readers(), READ, TablePages::of(Refused(run.clone())))
    }

    fn stream_import(&self, id: &ImportId, range: TimeRange) -> RowStream<'_, ImportedCandle> {
        pages::stream(self.readers(), READ, Candles { id: id.clone(), range, open: None })
    }

    async fn import_at(
        &self,
        id: &ImportId,
        open_times: &[Timestamp],
    ) -> Result<Vec<ImportedCandle>, StoreError> {
        let mut session = Session::begin(self.readers(), session::READ, READ).await?;
        let found = write::import_at(session.connection()?, id, open_times).await;
        session.finish(found).await
    }
}

struct Refused(RunId);

#[async_trait]
impl Table for Refused {
    type Row = RefusedRow;

    async fn open(&self, connection: &mut SqliteConnection) -> Result<Option<Keyset>, StoreError> {
        let Some(Run { number, .. }) = find(connection, &self.0).await? else { return Ok(None) };
        let sql = include_str!("queries/manifests/refused_page.sql");
        let key = vec![Part::Int(0), Part::Int(0)];
        Ok(Some(Keyset::new(READ, sql, &[0, 1], pages::PAGE, [number], key)))
    }

    fn decode(&self, rows: &[SqliteRow]) -> Result<Vec<RefusedRow>, StoreError> {
        let row = |row| {
            let mut columns = Columns::new(row);
            let (table, row) = (columns.natural("import.table")?, columns.natural("import.row")?);
            Ok((table, row, RowRefusal::parse(columns.text()?)?, columns.take::<String>()?))
        };
        let row = |found| -> Result<RefusedRow, StoreError> {
            let (table, row, why, reasons) = row(found).map_err(Unread::of(READ))?;
            let reasons = serde_json::from_str(&reasons)
                .map_err(|error| unfit(READ, "stored reasons do not fit their model").with_source(error))?;
            Ok(RefusedRow { table, row, why, reasons: Violations(reasons) })
        };
        rows.iter().map(row).collect()
    }
}

/// The candles of an import's own timeframe, which is known once it is found.
struct Candles {
    id: ImportId,
    range: TimeRange,
    open: Option<(Keyset, Timeframe)>,
}

#[async_trait]
impl pages::Pages for Candles {
    type Row = ImportedCandle;

    async fn next(
        &mut self,
        connection: &mut SqliteConnection,
    ) -> Result<Option<Vec<ImportedCandle>>, StoreError> {
        let (keyset, timeframe) = match &mut self.open {
            Some(open) => open,
            None => {
                let Some(stored) = imports::find(connection, &self.id).await? else { return Ok(None) };
                let fixed = [stored.number, self.range.end().micros()];
                let key = vec![Part::Int(self.range.start().micros())];
                let sql = include_str!("queries/manifests/candles_page.sql");
                let keyset = Keyset::new(READ, sql, &[0], CANDLES, fixed, key);
                self.open.insert((keyset, stored.timeframe()))
            }
        };
        let timeframe = *timeframe;
        let Some(rows) = keyset.next(connection).await? else { return Ok(None) };
        let candles = rows.iter().map(|row| candle(row, timeframe)).collect::<Result<_, _>>();
        candles.map(Some).map_err(Unread::of(READ))
    }
}
