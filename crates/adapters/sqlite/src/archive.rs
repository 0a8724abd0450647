//! Taking whole instruments in, and giving what the other ports cannot.

mod read;
mod write;

use std::collections::BTreeSet;

use async_trait::async_trait;
use onetape_domain::candle::SupersededCandle;
use onetape_domain::imported::Import;
use onetape_domain::instrument::Instrument;
use onetape_domain::message::QuarantinedRecord;
use onetape_domain::time::Timestamp;
use onetape_ports::store::RowStream;
use onetape_ports::{ArchiveStore, Load, LoadEnd, LoadRows, StoreError, StoreErrorKind, SupersededQuery};

use crate::bounds::Bounds;
use crate::keyset::TablePages;
use crate::pages;
use crate::session::{self, Session};
use crate::store::SqliteStore;

const READ: &str = "read an instrument";
const LOAD: &str = "load an instrument";
/// Stored as the last stamp of an instrument without a tape.
const NO_TAPE: i64 = i64::MAX;

#[async_trait]
impl ArchiveStore for SqliteStore {
    async fn archived(&self) -> Result<BTreeSet<Instrument>, StoreError> {
        read::instruments(self.readers().settled().await).await
    }

    fn stream_superseded(&self, query: SupersededQuery) -> RowStream<'_, SupersededCandle> {
        pages::stream(self.readers(), READ, TablePages::of(read::Superseded(query)))
    }

    fn stream_quarantined(&self) -> RowStream<'_, QuarantinedRecord> {
        pages::stream(self.readers(), READ, TablePages::of(read::Quarantined))
    }

    async fn load_under_way(&self, instrument: &Instrument) -> Result<Option<Load>, StoreError> {
        let mut session = Session::begin(self.readers(), session::READ, READ).await?;
        let bounds = Bounds::read(session.connection()?, instrument, READ).await;
        let loading_to = session.finish(bounds).await?.and_then(|bounds| bounds.loading_to);
        Ok(loading_to.map(|stored| Load { instrument: instrument.clone(), issued: issued(stored) }))
    }

    async fn begin_load(&self, load: &Load) -> Result<(), StoreError> {
        let mut session = Session::begin(self.writer(), session::WRITE, LOAD).await?;
        let begun = write::begin(session.connection()?, load).await;
        session.finish(begun).await
    }

    async fn load_import(&self, import: &Import) -> Result<Import, StoreError> {
        let mut session = Session::begin(self.writer(), session::WRITE, LOAD).await?;
        let begun = write::import(session.connection()?, import).await;
        session.finish(begun).await
    }

    async fn load(&self, instrument: &Instrument, rows: &LoadRows) -> Result<(), StoreError> {
        let mut session = Session::begin(self.writer(), session::WRITE, LOAD).await?;
        match write::rows(session.connection()?, instrument, rows).await {
            Ok(()) => session.commit_rows().await,
            Err(error) => session.finish(Err(error)).await,
        }
    }

    async fn finish_load(&self, end: &LoadEnd) -> Result<(), StoreError> {
        let mut session = Session::begin(self.writer(), session::WRITE, LOAD).await?;
        match write::finish(session.connection()?, end).await {
            Ok(()) => session.commit_rows().await,
            Err(error) => session.finish(Err(error)).await,
        }
    }

    async fn discard_load(&self, instrument: &Instrument) -> Result<(), StoreError> {
        let mut session = Session::begin(self.writer(), session::WRITE, LOAD).await?;
        let discarded = write::discard(session.connection()?, instrument).await;
        session.finish(discarded).await
    }
}

/// Nobody else may write an instrument that is being copied in.
pub(crate) fn refuse_under_load(
    instrument: &Instrument,
    bounds: Option<Bounds>,
    operation: &'static str,
) -> Result<(), StoreError> {
    match bounds.and_then(|bounds| bounds.loading_to) {
        None => Ok(()),
        Some(stored) => {
            let to = until(issued(stored));
            let message = format!("{instrument} is being copied in, up to {to}: finish the copy first");
            Err(StoreError::new(StoreErrorKind::Conflict, operation, message))
        }
    }
}

fn issued(stored: i64) -> Option<Timestamp> {
    (stored != NO_TAPE).then(|| Timestamp::from_micros(stored))
}

fn until(issued: Option<Timestamp>) -> String {
    issued.map_or_else(|| "the end of its imports".to_owned(), |issued| issued.to_string())
}

fn conflict(message: String) -> StoreError {
    StoreError::new(StoreErrorKind::Conflict, LOAD, message)
}
