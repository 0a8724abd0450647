//! Candles from elsewhere: imports, and when their instrument's tape takes them in.

pub(crate) mod write;

use async_trait::async_trait;
use onetape_domain::imported::{
    Import, ImportId, ImportedCandle, ImportedRow, ImportedValues, NewImport, Place, Source,
};
use onetape_domain::instrument::Instrument;
use onetape_domain::time::{TimeRange, Timeframe, Timestamp};
use onetape_domain::violation::Violations;
use onetape_ports::{
    FrameQuery, ImportStore, ImportedQuery, Knowledge, Selection, StoreError, StoreErrorKind,
};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use crate::append::insert_instrument;
use crate::archive;
use crate::arguments::Arguments;
use crate::bounds::Bounds;
use crate::candles::FOREVER;
use crate::columns::{Columns, Unread, Values as _};
use crate::error::{broken_row, failed, unfit};
use crate::session::{self, Session};
use crate::store::SqliteStore;

const READ: &str = "read imports";
const WRITE: &str = "write an import";

/// An import with the number that its candles have.
pub(crate) struct Stored {
    pub(crate) number: i64,
    new: NewImport,
    /// What is said of it once it is finished.
    finished: Option<Import>,
}

impl Stored {
    pub(crate) fn timeframe(&self) -> Timeframe {
        self.new.timeframe
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.finished.is_some()
    }
}

fn stored(row: &SqliteRow) -> Result<Stored, Unread> {
    let mut columns = Columns::new(row);
    let number = columns.int()?;
    let id = ImportId::try_new(columns.text()?)?;
    let exchange: String = columns.take()?;
    let instrument = Instrument::try_new(&exchange, columns.text()?)?;
    let source = Source::try_new(columns.text()?)?;
    let timeframe: Timeframe = columns.text()?.parse()?;
    let place: String = columns.take()?;
    let stamp = columns.optional_time()?;
    let covered = columns.optional_time()?.zip(columns.optional_time()?);
    let rank: Option<i64> = columns.take()?;
    let new = NewImport { id, instrument, source, timeframe };
    let Some((begin, end)) = covered else {
        return Ok(Stored { number, new, finished: None });
    };
    let place = match (place.as_str(), stamp) {
        ("before", _) => Place::Before,
        ("at", Some(stamp)) => Place::At(stamp),
        _ => Place::Waiting,
    };
    let natural =
        |field: &str, number: i64| Violations::one(field, number, "must not be negative, nor so large");
    let NewImport { id, instrument, source, timeframe } = new.clone();
    let finished = Import {
        id,
        instrument,
        source,
        timeframe,
        covered: TimeRange::try_new(begin, end)?,
        place,
        number: u64::try_from(number).map_err(|_| natural("import.number", number))?,
        rank: match rank {
            Some(rank) => u32::try_from(rank).map_err(|_| natural("import.rank", rank))?,
            None => Import::UNRANKED,
        },
    };
    Ok(Stored { number, new, finished: Some(finished) })
}

fn finished(rows: &[SqliteRow]) -> Result<Vec<Import>, StoreError> {
    let imports = rows.iter().map(|row| stored(row).map(|stored| stored.finished));
    imports.filter_map(Result::transpose).collect::<Result<_, _>>().map_err(Unread::of(READ))
}

/// The columns of a candle.
pub(crate) fn candle(row: &SqliteRow, timeframe: Timeframe) -> Result<ImportedCandle, Unread> {
    let mut columns = Columns::new(row);
    let open_time = columns.time()?;
    let values = ImportedValues {
        open: columns.price("candle.open")?,
        high: columns.price("candle.high")?,
        low: columns.price("candle.low")?,
        close: columns.price("candle.close")?,
        volume: columns.quantity("candle.volume")?,
        taker_buy_volume: columns.optional_quantity("candle.taker_buy_volume")?,
        trade_count: if columns.is_null()? { None } else { Some(columns.natural("candle.trade_count")?) },
    };
    Ok(ImportedCandle::try_new(timeframe, open_time, values)?)
}

/// The imports known to a frame, in its transaction.
pub(crate) async fn known(
    connection: &mut SqliteConnection,
    instrument: i64,
    query: &FrameQuery,
) -> Result<Vec<Import>, StoreError> {
    let knowledge = match query.knowledge {
        Knowledge::AsRecorded => query.as_of,
        Knowledge::AsCorrected => FOREVER,
    };
    let rows = sqlx::query(include_str!("queries/imports/known.sql"))
        .bind(instrument)
        .bind(query.as_of.micros())
        .bind(knowledge.micros())
        .fetch_all(connection)
        .await
        .map_err(failed(READ))?;
    finished(&rows)
}

/// Gives imports the places that a batch names, in its transaction.
pub(crate) async fn place(
    connection: &mut SqliteConnection,
    instrument: i64,
    named: &[Import],
    first: bool,
) -> Result<(), StoreError> {
    for import in named {
        if let Place::At(stamp) = import.place {
            sqlx::query(include_str!("queries/imports/take_in.sql"))
                .bind(import.id.as_str().to_owned())
                .bind(instrument)
                .bind(stamp.micros())
                .execute(&mut *connection)
                .await
                .map_err(failed(WRITE))?;
        }
    }
    if first {
        let ids: Vec<&str> = named.iter().map(|import| import.id.as_str()).collect();
        sqlx::query(include_str!("queries/imports/wait.sql"))
            .bind(instrument)
            .bind(serde_json::json!(ids).to_string())
            .execute(connection)
            .await
            .map_err(failed(WRITE))?;
    }
    Ok(())
}

fn conflict(message: String) -> StoreError {
    StoreError::new(StoreErrorKind::Conflict, WRITE, message)
}

pub(crate) async fn find(
    connection: &mut SqliteConnection,
    id: &ImportId,
) -> Result<Option<Stored>, StoreError> {
    let row = sqlx::query(include_str!("queries/imports/one.sql"))
        .bind(id.as_str().to_owned())
        .fetch_optional(connection)
        .await
        .map_err(failed(WRITE))?;
    row.as_ref().map(stored).transpose().map_err(Unread::of(WRITE))
}

/// The same where the instrument is not being copied in.
pub(crate) async fn begin_anew(
    connection: &mut SqliteConnection,
    import: &NewImport,
) -> Result<(), StoreError> {
    let bounds = Bounds::read(connection, &import.instrument, WRITE).await?;
    archive::refuse_under_load(&import.instrument, bounds, WRITE)?;
    begin(connection, import).await.map(drop)
}

pub(crate) async fn begin(connection: &mut SqliteConnection, import: &NewImport) -> Result<i64, StoreError> {
    let instrument = match Bounds::read(connection, &import.instrument, WRITE).await? {
        Some(bounds) => bounds.id,
        None => insert_instrument(connection, &import.instrument).await?,
    };
    let mut arguments = Arguments::new();
    arguments.text(import.id.as_str()).add(instrument);
    arguments.text(import.source.as_str()).text(import.timeframe.as_str());
    sqlx::query_with(include_str!("queries/imports/begin.sql"), arguments.done().map_err(failed(WRITE))?)
        .execute(&mut *connection)
        .await
        .map_err(failed(WRITE))?;
    match find(connection, &import.id).await? {
        Some(stored) if stored.new != *import => {
            let NewImport { id, instrument, source, timeframe } = stored.new;
            Err(conflict(format!("import {id} is one of {instrument} {timeframe} from {source}")))
        }
        Some(Stored { number, .. }) => Ok(number),
        None => Err(unfit(WRITE, format!("import {} vanished while it was begun", import.id))),
    }
}

#[async_trait]
impl ImportStore for SqliteStore {
    async fn begin_import(&self, import: &NewImport) -> Result<(), StoreError> {
        let mut session = Session::begin(self.writer(), session::WRITE, WRITE).await?;
        let begun = begin_anew(session.connection()?, import).await;
        session.finish(begun).await
    }

    async fn add_imported(&self, id: &ImportId, candles: &[ImportedCandle]) -> Result<u64, StoreError> {
        let mut session = Session::begin(self.writer(), session::WRITE, WRITE).await?;
        let added = write::add(session.connection()?, id, candles).await;
        session.finish(added).await
    }

    async fn finish_import(&self, id: &ImportId, covered: TimeRange) -> Result<Import, StoreError> {
        let mut session = Session::begin(self.writer(), session::WRITE, WRITE).await?;
        let finished = write::finish(session.connection()?, id, covered).await;
        session.finish(finished).await
    }

    async fn imports(&self, instrument: &Instrument) -> Result<Vec<Import>, StoreError> {
        let rows = sqlx::query(include_str!("queries/imports/of_instrument.sql"))
            .bind(instrument.exchange().as_str().to_owned())
            .bind(instrument.symbol().as_str().to_owned())
            .fetch_all(self.readers().settled().await)
            .await
            .map_err(failed(READ))?;
        finished(&rows)
    }

    async fn waiting_imports(&self) -> Result<Vec<Import>, StoreError> {
        let rows = sqlx::query(include_str!("queries/imports/waiting.sql"))
            .fetch_all(self.readers().settled().await)
            .await
            .map_err(failed(READ))?;
        finished(&rows)
    }

    async fn imported(&self, query: &ImportedQuery) -> Result<[Vec<ImportedRow>; 6], StoreError> {
        let mut session = Session::begin(self.readers(), session::READ, READ).await?;
        let rows = imported(session.connection()?, query).await;
        session.finish(rows).await
    }

    async fn remove_import(&self, id: &ImportId) -> Result<u64, StoreError> {
        let mut session = Session::begin(self.writer(), session::WRITE, WRITE).await?;
        let removed = write::remove(session.connection()?, id).await;
        session.finish(removed).await
    }

    async fn set_source_order(&self, order: &[Source]) -> Result<(), StoreError> {
        let mut session = Session::begin(self.writer(), session::WRITE, WRITE).await?;
        let ranked = write::rank(session.connection()?, order).await;
        session.finish(ranked).await
    }

    async fn source_order(&self) -> Result<Vec<Source>, StoreError> {
        let names: Vec<String> = sqlx::query_scalar(include_str!("queries/imports/sources.sql"))
            .fetch_all(self.readers().settled().await)
            .await
            .map_err(failed(READ))?;
        names.iter().map(|name| Source::try_new(name)).collect::<Result<_, _>>().map_err(broken_row(READ))
    }
}

async fn imported(
    connection: &mut SqliteConnection,
    query: &ImportedQuery,
) -> Result<[Vec<ImportedRow>; 6], StoreError> {
    let mut rows: [Vec<ImportedRow>; 6] = Default::default();
    let Some(bounds) = Bounds::read(connection, &query.instrument, READ).await? else { return Ok(rows) };
    for (position, import) in query.imports.iter().enumerate() {
        let own = Timeframe::ALL.into_iter().filter(|timeframe| *timeframe >= import.timeframe);
        for timeframe in own {
            let closed = query.closed_by.plus(1 - timeframe.micros());
            let (start, end, count) = match query.selections[timeframe.index()] {
                None => continue,
                Some(Selection::Range(range)) => (range.start(), range.end().min(closed), usize::MAX),
                Some(Selection::Last(count)) => (Timestamp::EARLIEST, closed, count),
            };
            let mut arguments = Arguments::new();
            arguments.natural(import.number).add(bounds.id).text(timeframe.as_str());
            arguments.time(start).time(end).count(count);
            let arguments = arguments.done().map_err(failed(READ))?;
            let found = sqlx::query_with(include_str!("queries/imports/candles.sql"), arguments)
                .fetch_all(&mut *connection)
                .await
                .map_err(failed(READ))?;
            let row = |row| candle(row, timeframe).map(|candle| ImportedRow { import: position, candle });
            let found: Result<Vec<ImportedRow>, Unread> = found.iter().map(row).collect();
            rows[timeframe.index()].extend(found.map_err(Unread::of(READ))?);
        }
    }
    Ok(rows)
}
