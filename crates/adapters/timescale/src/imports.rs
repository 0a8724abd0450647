//! Candles from elsewhere: imports, and when their instrument's tape takes them in.

pub(crate) mod read;
pub(crate) mod write;

use async_trait::async_trait;
use onetape_domain::imported::{Import, ImportId, ImportedCandle, ImportedRow, NewImport, Place, Source};
use onetape_domain::instrument::Instrument;
use onetape_domain::time::{TimeRange, Timestamp};
use onetape_domain::violation::Violations;
use onetape_ports::{FrameQuery, ImportStore, ImportedQuery, Knowledge, StoreError};
use sqlx::PgConnection;

use crate::candles::natural;
use crate::error::{broken_row, failed};
use crate::micros::Micros;
use crate::session::{READ_WRITE, Session};
use crate::store::TimescaleStore;

const READ: &str = "read imports";
const WRITE: &str = "write an import";
/// Begins a transaction that may take longer than a statement of the write path.
pub(crate) const BEGIN_LONG: &str = "BEGIN; SET LOCAL statement_timeout = 0";

/// An import as its statements give it.
type ImportRow = (
    String,
    String,
    String,
    String,
    String,
    i64,
    Option<i32>,
    Option<Micros>,
    Option<Micros>,
    Option<bool>,
    Option<Micros>,
);

/// An import, with what is said of it once it is finished.
pub(crate) struct Stored {
    pub(crate) new: NewImport,
    pub(crate) number: i64,
    finished: Option<Import>,
}

impl Stored {
    pub(crate) fn is_finished(&self) -> bool {
        self.finished.is_some()
    }

    fn of_row(row: ImportRow) -> Result<Self, Violations> {
        let (id, symbol, exchange, source, timeframe, number, rank, from, to, before, stamp) = row;
        let new = NewImport {
            id: ImportId::try_new(&id)?,
            instrument: Instrument::try_new(&exchange, &symbol)?,
            source: Source::try_new(&source)?,
            timeframe: timeframe.parse()?,
        };
        let Some((Micros(from), Micros(to))) = from.zip(to) else {
            return Ok(Self { new, number, finished: None });
        };
        let place = match (before, stamp) {
            (Some(true), _) => Place::Before,
            (_, Some(Micros(stamp))) => Place::At(stamp),
            _ => Place::Waiting,
        };
        let NewImport { id, instrument, source, timeframe } = new.clone();
        let covered = TimeRange::try_new(from, to)?;
        let counted = natural("import.number", number)?;
        let rank = rank.map_or(Ok(Import::UNRANKED), |rank| natural("import.rank", rank))?;
        let finished = Import { id, instrument, source, timeframe, covered, place, number: counted, rank };
        Ok(Self { new, number, finished: Some(finished) })
    }
}

fn finished(rows: Vec<ImportRow>) -> Result<Vec<Import>, StoreError> {
    let imports = rows.into_iter().map(|row| Ok(Stored::of_row(row)?.finished));
    imports.filter_map(Result::transpose).collect::<Result<_, _>>().map_err(broken_row(READ))
}

/// The imports known to a frame, on the connection that reads it.
pub(crate) async fn known(
    connection: &mut PgConnection,
    query: &FrameQuery,
) -> Result<Vec<Import>, StoreError> {
    let knowledge = match query.knowledge {
        Knowledge::AsRecorded => Micros(query.as_of),
        Knowledge::AsCorrected => Micros::FOREVER,
    };
    let rows = sqlx::query_as(include_str!("queries/imports/known.sql"))
        .bind(query.instrument.symbol().as_str())
        .bind(query.instrument.exchange().as_str())
        .bind(Micros(query.as_of))
        .bind(knowledge)
        .fetch_all(connection)
        .await
        .map_err(failed(READ))?;
    finished(rows)
}

/// Gives imports the places that a batch names, in its transaction.
pub(crate) async fn place(
    connection: &mut PgConnection,
    instrument: &Instrument,
    named: &[Import],
    first: bool,
) -> Result<(), StoreError> {
    let at = |import: &Import| match import.place {
        Place::At(stamp) => Some((import.id.as_str().to_owned(), Micros(stamp))),
        Place::Before | Place::Waiting => None,
    };
    let (ids, stamps): (Vec<String>, Vec<Micros>) = named.iter().filter_map(at).unzip();
    if !ids.is_empty() {
        sqlx::query(include_str!("queries/imports/place.sql"))
            .bind(instrument.symbol().as_str())
            .bind(instrument.exchange().as_str())
            .bind(ids)
            .bind(stamps)
            .execute(&mut *connection)
            .await
            .map_err(failed(WRITE))?;
    }
    if first {
        write::lock_instrument(connection, instrument).await?;
        let named: Vec<&str> = named.iter().map(|import| import.id.as_str()).collect();
        sqlx::query(include_str!("queries/imports/wait.sql"))
            .bind(instrument.symbol().as_str())
            .bind(instrument.exchange().as_str())
            .bind(named)
            .execute(connection)
            .await
            .map_err(failed(WRITE))?;
    }
    Ok(())
}

#[async_trait]
impl ImportStore for TimescaleStore {
    async fn begin_import(&self, import: &NewImport) -> Result<(), StoreError> {
        let mut session = Session::begin(self.writers(), READ_WRITE, WRITE).await?;
        let begun = write::begin_anew(session.connection()?, import).await;
        session.finish(begun).await
    }

    async fn add_imported(&self, id: &ImportId, candles: &[ImportedCandle]) -> Result<u64, StoreError> {
        let mut session = Session::begin(self.writers(), BEGIN_LONG, WRITE).await?;
        let added = write::add(session.connection()?, id, candles).await;
        session.finish(added).await
    }

    async fn finish_import(&self, id: &ImportId, covered: TimeRange) -> Result<Import, StoreError> {
        let mut session = Session::begin(self.writers(), BEGIN_LONG, WRITE).await?;
        let finished = write::finish(session.connection()?, id, covered).await;
        session.finish(finished).await
    }

    async fn imports(&self, instrument: &Instrument) -> Result<Vec<Import>, StoreError> {
        self.readers()
            .within(READ, async {
                let mut session = Session::single(self.readers(), READ).await?;
                let rows = sqlx::query_as(include_str!("queries/imports/of_instrument.sql"))
                    .bind(instrument.symbol().as_str())
                    .bind(instrument.exchange().as_str())
                    .fetch_all(session.connection()?)
                    .await
                    .map_err(failed(READ))?;
                session.commit().await?;
                finished(rows)
            })
            .await
    }

    async fn waiting_imports(&self) -> Result<Vec<Import>, StoreError> {
        self.readers()
            .within(READ, async {
                let mut session = Session::single(self.readers(), READ).await?;
                let rows = sqlx::query_as(include_str!("queries/imports/waiting.sql"))
                    .fetch_all(session.connection()?)
                    .await
                    .map_err(failed(READ))?;
                session.commit().await?;
                finished(rows)
            })
            .await
    }

    async fn imported(&self, query: &ImportedQuery) -> Result<[Vec<ImportedRow>; 6], StoreError> {
        self.readers().within(READ, async { read::candles(self, query).await }).await
    }

    async fn remove_import(&self, id: &ImportId) -> Result<u64, StoreError> {
        let mut session = Session::begin(self.writers(), BEGIN_LONG, WRITE).await?;
        let removed = write::remove(session.connection()?, id).await;
        session.finish(removed).await
    }

    async fn set_source_order(&self, order: &[Source]) -> Result<(), StoreError> {
        let mut session = Session::begin(self.writers(), READ_WRITE, WRITE).await?;
        let ranked = write::rank(session.connection()?, order).await;
        session.finish(ranked).await
    }

    async fn source_order(&self) -> Result<Vec<Source>, StoreError> {
        self.readers()
            .within(READ, async {
                let mut session = Session::single(self.readers(), READ).await?;
                let names: Vec<String> = sqlx::query_scalar(include_str!("queries/imports/sources.sql"))
                    .fetch_all(session.connection()?)
                    .await
                    .map_err(failed(READ))?;
                session.commit().await?;
                names
                    .iter()
                    .map(|name| Source::try_new(name))
                    .collect::<Result<_, _>>()
                    .map_err(broken_row(READ))
            })
            .await
    }
}

/// Before every row of an instrument that has none yet.
pub(crate) const NO_ROWS_YET: Micros = Micros(Timestamp::LATEST);
