//! The record of imports: runs, their tables and parts, and the rows that were refused.

mod read;
mod write;

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use onetape_domain::imported::{ImportId, ImportedCandle};
use onetape_domain::manifest::{Manifest, NewRun, RefusedRow, RunId, RunState, TableProgress};
use onetape_domain::time::{TimeRange, Timestamp};
use onetape_ports::manifest::check_run;
use onetape_ports::store::RowStream;
use onetape_ports::{ImportBatch, ManifestStore, StoreError};

use crate::bulk;
use crate::imports::BEGIN_LONG;
use crate::session::{SNAPSHOT, Session};
use crate::store::TimescaleStore;
use write::How;

const READ: &str = "read the record of imports";
const WRITE: &str = "record an import";
const BATCH: &str = "write a batch of an import";

#[async_trait]
impl ManifestStore for TimescaleStore {
    async fn begin_run(&self, run: &NewRun, at: Timestamp) -> Result<Manifest, StoreError> {
        check_run(run)?;
        let mut session = Session::begin(self.writers(), BEGIN_LONG, WRITE).await?;
        let begun = write::begin(session.connection()?, run, at).await;
        session.finish(begun).await
    }

    async fn runs(&self) -> Result<Vec<(RunId, RunState)>, StoreError> {
        self.readers()
            .within(READ, async {
                let mut session = Session::single(self.readers(), READ).await?;
                let runs = read::runs(session.connection()?).await?;
                session.commit().await?;
                Ok(runs)
            })
            .await
    }

    async fn manifest(&self, run: &RunId) -> Result<Option<Manifest>, StoreError> {
        self.readers()
            .within(READ, async {
                let mut session = Session::begin(self.readers(), SNAPSHOT, READ).await?;
                let found = read::manifest(session.connection()?, run).await?;
                session.commit().await?;
                Ok(found)
            })
            .await
    }

    async fn set_run_state(&self, run: &RunId, state: RunState, at: Timestamp) -> Result<(), StoreError> {
        // It waits for a batch that is being written.
        let mut session = Session::begin(self.writers(), BEGIN_LONG, WRITE).await?;
        let set = write::set_state(session.connection()?, run, state, at).await;
        session.finish(set).await
    }

    async fn write_import_batch(&self, batch: &ImportBatch) -> Result<TableProgress, StoreError> {
        batch.check()?;
        match once(self, batch, How::Copy).await {
            Err(error) if bulk::is_unsupported(&error) => once(self, batch, How::Insert).await,
            outcome => outcome,
        }
    }

    fn stream_refused(&self, run: &RunId) -> RowStream<'_, RefusedRow> {
        read::refused(self.readers(), run)
    }

    fn stream_import(&self, id: &ImportId, range: TimeRange) -> RowStream<'_, ImportedCandle> {
        let id = id.clone();
        let found = async move {
            let import = read::import(self.readers(), &id).await?;
            Ok::<_, StoreError>(match import {
                Some(import) => read::candles(self.readers(), import, range),
                None => stream::empty().boxed(),
            })
        };
        stream::once(found).try_flatten().boxed()
    }

    async fn import_at(
        &self,
        id: &ImportId,
        open_times: &[Timestamp],
    ) -> Result<Vec<ImportedCandle>, StoreError> {
        let Some(import) = read::import(self.readers(), id).await? else { return Ok(Vec::new()) };
        self.readers()
            .within(READ, async {
                let mut session = Session::single(self.readers(), READ).await?;
                let found = read::candles_at(session.connection()?, &import, open_times).await?;
                session.commit().await?;
                Ok(found)
            })
            .await
    }
}

/// One transaction.
async fn once(store: &TimescaleStore, batch: &ImportBatch, how: How) -> Result<TableProgress, StoreError> {
    let mut session = Session::begin(store.writers(), BEGIN_LONG, BATCH).await?;
    let written = write::batch(session.connection()?, batch, how).await;
    session.finish(written).await
}
