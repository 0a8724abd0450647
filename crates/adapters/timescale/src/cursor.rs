//! Streams: a server-side cursor read page by page, so that neither side holds more than a page.
//!
//! Every page is a statement of its own, so the statement timeout bounds a page and not the stream. A
//! stream holds a connection and one state of the database until it ends or is dropped.

use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use onetape_domain::instrument::Instrument;
use onetape_domain::time::Timestamp;
use onetape_ports::StoreError;
use onetape_ports::store::RowStream;
use sqlx::Row;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArguments, PgRow};

use crate::bounds::Bounds;
use crate::coverage::watermark_second;
use crate::error::failed;
use crate::pools::Pool;
use crate::session::{SNAPSHOT, Session};

/// Rows of a page.
pub(crate) const PAGE: usize = 1_000;

/// What to read once the instrument's bounds are known.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) sql: &'static str,
    /// Arguments to try one after the other until `wanted` rows are found.
    pub(crate) attempts: Vec<PgArguments>,
    /// Number of rows asked for; the query then tells in a column `found` how many it has.
    pub(crate) wanted: Option<usize>,
}

impl Request {
    /// A request that finds nothing.
    pub(crate) fn nothing() -> Self {
        Self { sql: "", attempts: Vec::new(), wanted: None }
    }
}

type Prepare = Box<dyn FnOnce(&Bounds, Option<Timestamp>) -> Result<Request, BoxDynError> + Send>;
/// What a request depends on.
type Known = (Instrument, Option<Timestamp>);
type Decode<T> = dyn Fn(&PgRow) -> Result<T, StoreError> + Send + Sync;

struct Reader<T> {
    pool: Pool,
    operation: &'static str,
    /// The instrument whose bounds, and the instant whose watermark's second, must be known first.
    known: Option<Known>,
    page: usize,
    prepare: Option<Prepare>,
    decode: Arc<Decode<T>>,
    /// Open while there are pages to come.
    session: Option<Session>,
}

/// Streams the rows of a request.
pub(crate) fn rows<'a, T: Send + 'static>(
    pool: &Pool,
    operation: &'static str,
    instrument: Instrument,
    prepare: impl FnOnce(&Bounds) -> Result<Request, BoxDynError> + Send + 'static,
    decode: impl Fn(&PgRow) -> Result<T, StoreError> + Send + Sync + 'static,
) -> RowStream<'a, T> {
    rows_at(pool, operation, instrument, None, |bounds, _| prepare(bounds), decode)
}

/// The same for a request that also depends on the watermark's second at an instant.
pub(crate) fn rows_at<'a, T: Send + 'static>(
    pool: &Pool,
    operation: &'static str,
    instrument: Instrument,
    watermark_at: Option<Timestamp>,
    prepare: impl FnOnce(&Bounds, Option<Timestamp>) -> Result<Request, BoxDynError> + Send + 'static,
    decode: impl Fn(&PgRow) -> Result<T, StoreError> + Send + Sync + 'static,
) -> RowStream<'a, T> {
    let known = Some((instrument, watermark_at));
    read(pool, operation, known, PAGE, Box::new(prepare), Arc::new(decode))
}

/// The same for a request that depends on no instrument, in pages of so many rows.
pub(crate) fn all<'a, T: Send + 'static>(
    pool: &Pool,
    operation: &'static str,
    page: usize,
    prepare: impl FnOnce() -> Result<Request, BoxDynError> + Send + 'static,
    decode: impl Fn(&PgRow) -> Result<T, StoreError> + Send + Sync + 'static,
) -> RowStream<'a, T> {
    read(pool, operation, None, page, Box::new(|_, _| prepare()), Arc::new(decode))
}

fn read<'a, T: Send + 'static>(
    pool: &Pool,
    operation: &'static str,
    known: Option<Known>,
    page: usize,
    prepare: Prepare,
    decode: Arc<Decode<T>>,
) -> RowStream<'a, T> {
    let pool = pool.clone();
    let reader = Reader { pool, operation, known, page, prepare: Some(prepare), decode, session: None };
    stream::try_unfold(reader, |mut reader| async move {
        let pool = reader.pool.clone();
        let page = pool.within(reader.operation, reader.next_page()).await?;
        Ok::<_, StoreError>(page.map(|page| (stream::iter(page.into_iter().map(Ok)), reader)))
    })
    .try_flatten()
    .boxed()
}

impl<T> Reader<T> {
    async fn next_page(&mut self) -> Result<Option<Vec<T>>, StoreError> {
        let rows = match self.prepare.take() {
            Some(prepare) => self.open(prepare).await?,
            None => {
                let Some(session) = &mut self.session else { return Ok(None) };
                fetch(session, self.page).await.map_err(failed(self.operation))?
            }
        };
        let page = rows.iter().map(|row| (self.decode)(row)).collect::<Result<Vec<T>, _>>()?;
        if rows.len() < self.page
            && let Some(session) = self.session.take()
        {
            session.commit().await?;
        }
        Ok(Some(page))
    }

    /// Opens the cursor and returns its first page.
    async fn open(&mut self, prepare: Prepare) -> Result<Vec<PgRow>, StoreError> {
        let operation = self.operation;
        let mut session = Session::begin(&self.pool, SNAPSHOT, operation).await?;
        let connection = session.connection()?;
        let (mut bounds, mut watermark) = (Bounds::UNKNOWN, None);
        if let Some((instrument, watermark_at)) = &self.known {
            bounds = Bounds::read(&mut *connection, instrument).await.map_err(failed(operation))?;
            if let Some(as_of) = watermark_at {
                let second = watermark_second(&mut *connection, instrument, *as_of).await;
                watermark = second.map_err(failed(operation))?;
            }
        }
        let Request { sql, attempts, wanted } =
            prepare(&bounds, watermark).map_err(|error| failed(operation)(sqlx::Error::Encode(error)))?;
        let declare = format!("DECLARE page NO SCROLL CURSOR FOR {sql}");
        let last = attempts.len().saturating_sub(1);
        let mut rows = Vec::new();
        for (attempt, arguments) in attempts.into_iter().enumerate() {
            if attempt > 0 {
                execute(&mut session, "CLOSE page").await.map_err(failed(operation))?;
            }
            let connection = session.connection()?;
            let opened = sqlx::query_with(&declare, arguments).persistent(false).execute(connection).await;
            opened.map_err(failed(operation))?;
            rows = fetch(&mut session, self.page).await.map_err(failed(operation))?;
            let found = match (wanted, rows.first()) {
                (Some(_), Some(row)) => row.try_get::<i64, _>("found").map_err(failed(operation))?,
                _ => 0,
            };
            let enough =
                wanted.is_none_or(|wanted| usize::try_from(found).is_ok_and(|found| found >= wanted));
            if enough || attempt == last {
                break;
            }
        }
        self.session = Some(session);
        Ok(rows)
    }
}

async fn fetch(session: &mut Session, page: usize) -> Result<Vec<PgRow>, sqlx::Error> {
    // Not kept prepared: the columns are those of whatever cursor is open.
    let fetch = format!("FETCH {page} FROM page");
    let connection = session.connection().map_err(|_| sqlx::Error::PoolClosed)?;
    sqlx::query(&fetch).persistent(false).fetch_all(connection).await
}

async fn execute(session: &mut Session, statement: &'static str) -> Result<(), sqlx::Error> {
    let connection = session.connection().map_err(|_| sqlx::Error::PoolClosed)?;
    sqlx::query(statement).persistent(false).execute(connection).await.map(drop)
}
