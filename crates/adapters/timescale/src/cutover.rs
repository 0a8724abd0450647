//! The log of the cut-over.

use async_trait::async_trait;
use onetape_domain::cutover::{CutoverEvent, CutoverRecord};
use onetape_domain::violation::Violations;
use onetape_ports::cutover::{check_repeated, cutover_text};
use onetape_ports::store::RowStream;
use onetape_ports::{CutoverStore, StoreError};
use sqlx::PgConnection;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArguments, PgRow};

use crate::arguments::Arguments;
use crate::candles::natural;
use crate::columns::{Columns, FromColumns, row};
use crate::cursor::{self, Request};
use crate::error::{broken_row, failed};
use crate::micros::Micros;
use crate::session::{READ_WRITE, Session};
use crate::store::TimescaleStore;

const READ: &str = "read the log of the cut-over";
const WRITE: &str = "add to the log of the cut-over";

row! {
    /// A record.
    RecordRow {
        number: i64,
        recorded_at: Micros,
        recorded_by: String,
        event: String,
    }
}

fn record(row: &PgRow) -> Result<CutoverRecord, StoreError> {
    let row = RecordRow::read(&mut Columns::new(row)).map_err(failed(READ))?;
    let RecordRow { number, recorded_at, recorded_by, event } = row;
    let record = || {
        let (number, event) = (natural("cutover.number", number)?, CutoverEvent::parse(&event)?);
        Ok::<_, Violations>(CutoverRecord { number, at: recorded_at.0, by: recorded_by, event })
    };
    record().map_err(broken_row(READ))
}

async fn append(connection: &mut PgConnection, new: &CutoverRecord, event: &str) -> Result<(), StoreError> {
    let number = i64::try_from(new.number).unwrap_or(i64::MAX);
    let arguments = || -> Result<PgArguments, BoxDynError> {
        let arguments = Arguments::empty().with(number)?.time(new.at)?.with(new.by.as_str())?;
        Ok(arguments.with(new.event.name())?.with(event)?.done())
    };
    let arguments = arguments().map_err(|error| failed(WRITE)(sqlx::Error::Encode(error)))?;
    let added = sqlx::query_with(include_str!("queries/cutover/append.sql"), arguments)
        .execute(&mut *connection)
        .await
        .map_err(failed(WRITE))?;
    if added.rows_affected() == 1 {
        return Ok(());
    }
    let stored = sqlx::query(include_str!("queries/cutover/one.sql"))
        .bind(number)
        .fetch_optional(connection)
        .await
        .map_err(failed(WRITE))?;
    check_repeated(new, stored.as_ref().map(record).transpose()?.as_ref())
}

#[async_trait]
impl CutoverStore for TimescaleStore {
    async fn append_cutover(&self, record: &CutoverRecord) -> Result<(), StoreError> {
        let event = cutover_text(record)?;
        self.writers()
            .within(WRITE, async {
                let mut session = Session::begin(self.writers(), READ_WRITE, WRITE).await?;
                let added = append(session.connection()?, record, &event).await;
                session.finish(added).await
            })
            .await
    }

    fn stream_cutover(&self, after: u64) -> RowStream<'_, CutoverRecord> {
        let prepare = move || {
            let arguments = Arguments::empty().with(i64::try_from(after).unwrap_or(i64::MAX))?.done();
            let sql = include_str!("queries/cutover/after.sql");
            Ok(Request { sql, attempts: vec![arguments], wanted: None })
        };
        cursor::all(self.readers(), READ, cursor::PAGE, prepare, record)
    }
}
