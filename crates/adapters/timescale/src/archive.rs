//! Taking whole instruments in, and giving what the other ports cannot.

mod finish;
#[cfg(feature = "indicators")]
mod indicators;
mod load;
mod read;

use std::collections::BTreeSet;

use async_trait::async_trait;
use onetape_domain::candle::SupersededCandle;
use onetape_domain::imported::Import;
use onetape_domain::instrument::Instrument;
use onetape_domain::message::QuarantinedRecord;
use onetape_domain::time::Timestamp;
use onetape_ports::store::RowStream;
use onetape_ports::{ArchiveStore, Load, LoadEnd, LoadRows, StoreError, StoreErrorKind, SupersededQuery};
use sqlx::PgConnection;

use crate::clocks;
use crate::error::failed;
use crate::imports;
use crate::micros::Micros;
use crate::session::{READ_WRITE, Session};
use crate::store::TimescaleStore;

const READ: &str = "read an instrument";
const LOAD: &str = "load an instrument";
/// Begins a transaction that may take longer than a statement of the write path.
const BEGIN_LONG: &str = "BEGIN; SET LOCAL statement_timeout = 0";

#[async_trait]
impl ArchiveStore for TimescaleStore {
    async fn archived(&self) -> Result<BTreeSet<Instrument>, StoreError> {
        clocks::instruments(self, READ, include_str!("queries/archive/instruments.sql")).await
    }

    fn stream_superseded(&self, query: SupersededQuery) -> RowStream<'_, SupersededCandle> {
        read::superseded(self, query)
    }

    fn stream_quarantined(&self) -> RowStream<'_, QuarantinedRecord> {
        read::quarantined(self)
    }

    async fn load_under_way(&self, instrument: &Instrument) -> Result<Option<Load>, StoreError> {
        let mut session = Session::single(self.readers(), READ).await?;
        let stored = under_way(session.connection()?, instrument).await?;
        session.commit().await?;
        Ok(stored.map(|stored| Load { instrument: instrument.clone(), issued: issued(stored) }))
    }

    async fn begin_load(&self, load: &Load) -> Result<(), StoreError> {
        let mut session = Session::begin(self.writers(), READ_WRITE, LOAD).await?;
        let begun = load::begin(session.connection()?, load).await;
        session.finish(begun).await
    }

    async fn load_import(&self, import: &Import) -> Result<Import, StoreError> {
        let mut session = Session::begin(self.writers(), READ_WRITE, LOAD).await?;
        let begun = load::import(session.connection()?, import).await;
        session.finish(begun).await
    }

    async fn load(&self, instrument: &Instrument, rows: &LoadRows) -> Result<(), StoreError> {
        load::rows(self, instrument, rows).await
    }

    async fn finish_load(&self, load: &LoadEnd) -> Result<(), StoreError> {
        #[cfg(feature = "indicators")]
        if let Some(clock) = &load.clock
            && self.load_under_way(&load.instrument).await?.is_some()
        {
            indicators::fill(self, &load.instrument, clock.issued).await?;
        }
        let mut session = Session::begin(self.writers(), BEGIN_LONG, LOAD).await?;
        let finished = finish::finish(session.connection()?, load).await;
        session.finish(finished).await
    }

    async fn discard_load(&self, instrument: &Instrument) -> Result<(), StoreError> {
        let mut session = Session::begin(self.writers(), BEGIN_LONG, LOAD).await?;
        let discarded = finish::discard(session.connection()?, instrument).await;
        session.finish(discarded).await
    }
}

/// Until when a load reaches, as it is stored.
async fn under_way(
    connection: &mut PgConnection,
    instrument: &Instrument,
) -> Result<Option<Micros>, StoreError> {
    sqlx::query_scalar(include_str!("queries/archive/under_way.sql"))
        .bind(instrument.symbol().as_str())
        .bind(instrument.exchange().as_str())
        .fetch_optional(connection)
        .await
        .map_err(failed(READ))
}

/// The same of a load that must be there; no other call works on it until the end of the transaction.
async fn lock(
    connection: &mut PgConnection,
    instrument: &Instrument,
) -> Result<Option<Timestamp>, StoreError> {
    let stored: Option<Micros> = sqlx::query_scalar(include_str!("queries/archive/lock.sql"))
        .bind(instrument.symbol().as_str())
        .bind(instrument.exchange().as_str())
        .fetch_optional(connection)
        .await
        .map_err(failed(LOAD))?;
    stored.map(issued).ok_or_else(|| conflict(format!("no load of {instrument} is under way")))
}

/// Nobody else may write an instrument that is being copied in, nor begin to copy it until the end of the transaction.
pub(crate) async fn refuse_under_load(
    connection: &mut PgConnection,
    instrument: &Instrument,
    operation: &'static str,
) -> Result<(), StoreError> {
    imports::write::lock_instrument(connection, instrument).await?;
    match under_way(connection, instrument).await? {
        None => Ok(()),
        Some(stored) => {
            let to = until(issued(stored));
            let message = format!("{instrument} is being copied in, up to {to}: finish the copy first");
            Err(StoreError::new(StoreErrorKind::Conflict, operation, message))
        }
    }
}

fn issued(stored: Micros) -> Option<Timestamp> {
    (stored != Micros::FOREVER).then_some(stored.0)
}

fn until(issued: Option<Timestamp>) -> String {
    issued.map_or_else(|| "the end of its imports".to_owned(), |issued| issued.to_string())
}

fn conflict(message: String) -> StoreError {
    StoreError::new(StoreErrorKind::Conflict, LOAD, message)
}
