//! The log of the cut-over.

use async_trait::async_trait;
use onetape_domain::cutover::{CutoverEvent, CutoverRecord};
use onetape_ports::cutover::{check_repeated, cutover_text};
use onetape_ports::store::RowStream;
use onetape_ports::{CutoverStore, StoreError};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use crate::arguments::Arguments;
use crate::columns::{Columns, Unread, Values as _};
use crate::error::failed;
use crate::keyset::{Keyset, Part, Table, TablePages};
use crate::pages;
use crate::session::{self, Session};
use crate::store::SqliteStore;

const READ: &str = "read the log of the cut-over";
const WRITE: &str = "add to the log of the cut-over";

fn record(row: &SqliteRow) -> Result<CutoverRecord, Unread> {
    let mut columns = Columns::new(row);
    let (number, at) = (columns.natural("cutover.number")?, columns.time()?);
    let by = columns.take()?;
    Ok(CutoverRecord { number, at, by, event: CutoverEvent::parse(columns.text()?)? })
}

async fn append(
    connection: &mut SqliteConnection,
    new: &CutoverRecord,
    event: &str,
) -> Result<(), StoreError> {
    // A greater one is not the next one either.
    let number = i64::try_from(new.number).unwrap_or(i64::MAX);
    let mut arguments = Arguments::new().with(number);
    arguments.time(new.at).text(&new.by);
    arguments.text(new.event.name()).text(event);
    let arguments = arguments.done().map_err(failed(WRITE))?;
    let added = sqlx::query_with(include_str!("queries/cutover/append.sql"), arguments)
        .execute(&mut *connection)
        .await
        .map_err(failed(WRITE))?;
    if added.rows_affected() == 1 {
        return Ok(());
    }
    let arguments = Arguments::new().with(number).done().map_err(failed(WRITE))?;
    let stored = sqlx::query_with(include_str!("queries/cutover/one.sql"), arguments)
        .fetch_optional(connection)
        .await
        .map_err(failed(WRITE))?;
    let stored = stored.as_ref().map(record).transpose().map_err(Unread::of(WRITE))?;
    check_repeated(new, stored.as_ref())
}

#[async_trait]
impl CutoverStore for SqliteStore {
    async fn append_cutover(&self, record: &CutoverRecord) -> Result<(), StoreError> {
        let event = cutover_text(record)?;
        let mut session = Session::begin(self.writer(), session::WRITE, WRITE).await?;
        match append(session.connection()?, record, &event).await {
            Ok(()) => session.commit_rows().await,
            Err(error) => session.finish(Err(error)).await,
        }
    }

    fn stream_cutover(&self, after: u64) -> RowStream<'_, CutoverRecord> {
        pages::stream(self.readers(), READ, TablePages::of(Log { after }))
    }
}

/// The records after a number.
struct Log {
    after: u64,
}

#[async_trait]
impl Table for Log {
    type Row = CutoverRecord;

    async fn open(&self, _: &mut SqliteConnection) -> Result<Option<Keyset>, StoreError> {
        let Ok(from) = i64::try_from(self.after.saturating_add(1)) else { return Ok(None) };
        let sql = include_str!("queries/cutover/page.sql");
        Ok(Some(Keyset::new(READ, sql, &[0], pages::PAGE, [], vec![Part::Int(from)])))
    }

    fn decode(&self, rows: &[SqliteRow]) -> Result<Vec<CutoverRecord>, StoreError> {
        rows.iter().map(record).collect::<Result<_, _>>().map_err(Unread::of(READ))
    }
}
