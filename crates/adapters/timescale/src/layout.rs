//! What differs between the editions and follows from the settings: chunk lengths, columnstore, aggregates, policies.
//!
//! None of it is a numbered migration: it depends on the server the database is on, and on settings that may change.
//! It is brought about after every migration and set-up, from whatever is there, and changes only what differs.

mod apache;
mod community;

pub(crate) use community::{BUCKETS_PER_BATCH, Policies, policies};

use std::collections::BTreeMap;

use onetape_ports::{StoreError, StoreErrorKind};
use sqlx::PgConnection;
use sqlx::postgres::types::PgInterval;

use crate::edition::{Edition, ServerInfo};
use crate::error::failed;
use crate::pools::Pool;
use crate::roles;
use crate::session::Session;
use crate::settings::{self, Period, Settings};
use crate::tables::AGGREGATES;

const APPLY: &str = "apply the settings";
const CHECK: &str = "check the edition";
/// Changes of tables may wait for readers, and rebuild nothing.
const BEGIN: &str = "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '60s'";
/// Serialises those who apply settings; any number that nobody else uses.
const LOCK: i64 = 0x6f6e_6574_6170_6501;

/// Applies settings, or those that were applied last, or the default ones. Doing it again changes nothing.
pub(crate) async fn apply(pool: &Pool, settings: Option<&Settings>) -> Result<(), StoreError> {
    let edition = ServerInfo::read(pool).await?.usable()?;
    transaction(pool, APPLY, async |connection| apply_in(connection, edition, settings).await).await
}

/// Runs work that changes the layout in a transaction, one at a time.
pub(crate) async fn transaction(
    pool: &Pool,
    operation: &'static str,
    work: impl AsyncFnOnce(&mut PgConnection) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut session = Session::begin(pool, BEGIN, operation).await?;
    let connection = session.connection()?;
    let done = match lock(connection).await {
        Ok(()) => work(connection).await,
        Err(error) => Err(error),
    };
    session.finish(done).await
}

async fn lock(connection: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(LOCK)
        .execute(connection)
        .await
        .map(drop)
        .map_err(failed(APPLY))
}

async fn apply_in(
    connection: &mut PgConnection,
    edition: Edition,
    settings: Option<&Settings>,
) -> Result<(), StoreError> {
    refuse_downgrade_on(&mut *connection, edition).await?;
    roles::assume(&mut *connection, edition).await?;
    let settings = match settings {
        Some(settings) => settings.clone(),
        None => settings::read(&mut *connection).await?.unwrap_or_default(),
    };
    if settings::write(&mut *connection, &settings).await? {
        tracing::info!("new settings are applied");
    }
    let hypertables = hypertables(&mut *connection).await?;
    for (table, periods) in settings.tables() {
        let now = hypertables.get(table.name).and_then(|hypertable| hypertable.chunk_interval);
        set_chunk_interval(&mut *connection, table.name, now, periods.chunk_interval).await?;
    }
    let aggregates = aggregates(&mut *connection).await?;
    match edition {
        Edition::Community => {
            community::apply(&mut *connection, &settings, &hypertables, &aggregates).await?;
        }
        Edition::Apache => apache::apply(&mut *connection, &aggregates).await?,
    }
    roles::reapply(connection).await
}

/// Refuses the Apache edition where rows are compressed: it cannot read them.
pub(crate) async fn refuse_downgrade(pool: &Pool, edition: Edition) -> Result<(), StoreError> {
    if edition == Edition::Community {
        return Ok(());
    }
    let mut session = Session::single(pool, CHECK).await?;
    refuse_downgrade_on(session.connection()?, edition).await?;
    session.commit().await
}

async fn refuse_downgrade_on(connection: &mut PgConnection, edition: Edition) -> Result<(), StoreError> {
    if edition == Edition::Community {
        return Ok(());
    }
    let (chunks, table): (i64, Option<String>) =
        sqlx::query_as(include_str!("queries/layout/compressed_chunks.sql"))
            .fetch_one(connection)
            .await
            .map_err(failed(CHECK))?;
    let Some(table) = table else { return Ok(()) };
    let message = format!(
        "{chunks} chunks of this database are compressed (of {table}, among others), which the Apache edition \
         cannot read and may hide in silence: set timescaledb.license to timescale again; to leave Community for \
         good, decompress there first, with compress_after = \"never\" in the settings and convert_to_rowstore for \
         each chunk"
    );
    Err(StoreError::new(StoreErrorKind::Schema, CHECK, message))
}

/// A hypertable as it is.
#[derive(Debug)]
struct Hypertable {
    chunk_interval: Option<Period>,
    /// What its chunks are segmented and ordered by in the columnstore; none where that is off.
    columnstore: Option<(String, String)>,
}

/// Name, length of chunks, and what they are segmented and ordered by.
type HypertableRow = (String, Option<PgInterval>, Option<String>, Option<String>);

async fn hypertables(connection: &mut PgConnection) -> Result<BTreeMap<String, Hypertable>, StoreError> {
    let rows: Vec<HypertableRow> = sqlx::query_as(include_str!("queries/layout/hypertables.sql"))
        .fetch_all(connection)
        .await
        .map_err(failed(APPLY))?;
    let hypertable = |(name, interval, segmentby, orderby): HypertableRow| {
        let chunk_interval = interval.as_ref().and_then(Period::of_interval);
        (name, Hypertable { chunk_interval, columnstore: segmentby.zip(orderby) })
    };
    Ok(rows.into_iter().map(hypertable).collect())
}

/// What bears the name of an aggregate.
#[derive(Debug)]
enum AggregateObject {
    View,
    Continuous { chunk_interval: Option<Period> },
}

async fn aggregates(connection: &mut PgConnection) -> Result<BTreeMap<String, AggregateObject>, StoreError> {
    let rows: Vec<(String, bool, Option<PgInterval>)> =
        sqlx::query_as(include_str!("queries/layout/aggregates.sql"))
            .bind(AGGREGATES.map(|aggregate| aggregate.name))
            .fetch_all(connection)
            .await
            .map_err(failed(APPLY))?;
    let object = |(name, continuous, interval): (String, bool, Option<PgInterval>)| {
        let chunk_interval = interval.as_ref().and_then(Period::of_interval);
        (
            name,
            if continuous { AggregateObject::Continuous { chunk_interval } } else { AggregateObject::View },
        )
    };
    Ok(rows.into_iter().map(object).collect())
}

/// Sets the length of new chunks, where it is another one.
async fn set_chunk_interval(
    connection: &mut PgConnection,
    name: &str,
    now: Option<Period>,
    wanted: Period,
) -> Result<(), StoreError> {
    if now == Some(wanted) {
        return Ok(());
    }
    sqlx::query(include_str!("queries/layout/set_chunk_interval.sql"))
        .bind(name)
        .bind(wanted.to_interval())
        .execute(connection)
        .await
        .map(drop)
        .map_err(failed(APPLY))
}

/// Runs a statement that names its tables itself.
pub(crate) async fn run(connection: &mut PgConnection, statement: &str) -> Result<(), StoreError> {
    sqlx::query(statement).persistent(false).execute(connection).await.map(drop).map_err(failed(APPLY))
}
