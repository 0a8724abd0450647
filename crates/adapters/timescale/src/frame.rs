//! Everything a frame needs, in one statement.
//!
//! The statement takes its bounds in time as arguments. They fit a busy market; where a section comes back
//! short although the instrument has older rows, the whole statement runs again with that bound widened, so
//! that all sections still show one state of the store.

mod bounds;
mod expiry;
mod paces;
mod rows;

pub(crate) use paces::KnownPaces;

use async_trait::async_trait;
use onetape_domain::expiry::Expiry;
use onetape_domain::frame::FrameParts;
use onetape_domain::instrument::Instrument;
use onetape_domain::time::Timeframe;
use onetape_ports::{FrameQuery, FrameStore, Knowledge, StoreError};
use sqlx::PgConnection;

use crate::coverage::watermark_second;
use crate::error::failed;
use crate::imports;
use crate::session::{SNAPSHOT, Session};
use crate::store::TimescaleStore;

use bounds::{FrameBounds, candle_rows, looked_at};
use rows::FrameRows;

const READ: &str = "read a frame";

#[async_trait]
impl FrameStore for TimescaleStore {
    async fn frame_parts(&self, query: &FrameQuery) -> Result<FrameParts, StoreError> {
        self.readers()
            .within(READ, async {
                if query.knowledge == Knowledge::AsRecorded && FrameBounds::holds_context(query) {
                    let mut session = Session::single(self.readers(), READ).await?;
                    let bounds = FrameBounds::as_recorded(query, self.paces().of(&query.instrument));
                    let parts = read(session.connection()?, query, bounds, self.paces()).await?;
                    session.commit().await?;
                    return Ok(parts);
                }
                // Several statements, so one state of the database must be held for all of them.
                let mut session = Session::begin(self.readers(), SNAPSHOT, READ).await?;
                let parts = read_in_steps(session.connection()?, query, self.paces()).await?;
                session.commit().await?;
                Ok(parts)
            })
            .await
    }

    async fn expiry(&self, instrument: &Instrument) -> Result<Expiry, StoreError> {
        self.readers()
            .within(READ, async {
                let mut session = Session::single(self.readers(), READ).await?;
                let expiry = expiry::read(session.connection()?, instrument).await?;
                session.commit().await?;
                Ok(expiry)
            })
            .await
    }
}

async fn read_in_steps(
    connection: &mut PgConnection,
    query: &FrameQuery,
    known: &KnownPaces,
) -> Result<FrameParts, StoreError> {
    let paces = known.of(&query.instrument);
    let bounds = match query.knowledge {
        Knowledge::AsRecorded => FrameBounds::as_recorded(query, paces),
        Knowledge::AsCorrected => {
            let second = watermark_second(&mut *connection, &query.instrument, query.as_of).await;
            FrameBounds::as_corrected(query, paces, second.map_err(failed(READ))?)
        }
    };
    let mut parts = read(connection, query, bounds.clone(), known).await?;
    if !FrameBounds::holds_context(query) {
        parts.context = bounds.context(connection, query).await?;
    }
    Ok(parts)
}

/// Runs the statement until no section lacks rows that the store has.
async fn read(
    connection: &mut PgConnection,
    query: &FrameQuery,
    mut bounds: FrameBounds,
    known: &KnownPaces,
) -> Result<FrameParts, StoreError> {
    loop {
        let arguments = bounds.arguments(query).map_err(|error| failed(READ)(sqlx::Error::Encode(error)))?;
        let row = sqlx::query_with(include_str!("queries/frame.sql"), arguments)
            .fetch_one(&mut *connection)
            .await
            .map_err(failed(READ))?;
        let rows = FrameRows::read(&row, looked_at(query), bounds.whole())?;
        if !bounds.widen(query, &rows) {
            let pace = |timeframe| rows.pace(timeframe, query.as_of, candle_rows(query)).unwrap_or(0);
            known.learn(&query.instrument, Timeframe::ALL.map(pace));
            // What a frame knows of imports is settled by then: each has its place on the tape.
            let imports =
                if rows.has_imports { imports::known(connection, query).await? } else { Vec::new() };
            return Ok(FrameParts { imports: imports.into(), ..rows.into_parts(query) });
        }
    }
}

impl TimescaleStore {
    /// Sends the statement of a frame and drops its answer undecoded: the floor that benchmarks compare with.
    ///
    /// # Errors
    /// What the server reports.
    #[doc(hidden)]
    pub async fn frame_floor(&self, query: &FrameQuery) -> Result<(), StoreError> {
        let bounds = FrameBounds::as_recorded(query, self.paces().of(&query.instrument));
        let arguments = bounds.arguments(query).map_err(|error| failed(READ)(sqlx::Error::Encode(error)))?;
        let mut session = Session::single(self.readers(), READ).await?;
        let statement = sqlx::query_with(include_str!("queries/frame.sql"), arguments);
        statement.fetch_one(session.connection()?).await.map_err(failed(READ))?;
        session.commit().await
    }
}
