//! The log of a cut-over of the naive store.

use async_trait::async_trait;
use futures::{StreamExt, stream};
use onetape_domain::cutover::CutoverRecord;
use onetape_ports::{CutoverStore, RowStream, StoreError, StoreErrorKind};

use crate::naive_store::{Mistake, NaiveStore};

#[async_trait]
impl CutoverStore for NaiveStore {
    async fn append_cutover(&self, record: &CutoverRecord) -> Result<(), StoreError> {
        let refusal = |kind| Err(StoreError::new(kind, "cut over", "refused"));
        let CutoverRecord { number, at, by, event } = record;
        let is_text = event.to_text().is_ok();
        if CutoverRecord::try_new(*number, *at, by, event.clone()).is_err() || !is_text {
            return refusal(StoreErrorKind::Invalid);
        }
        let state = &mut *self.lock();
        if state.cutover.contains(record) {
            return Ok(());
        }
        if *number != state.cutover.len() as u64 + 1 && self.mistake() != Mistake::LogBranches {
            return refusal(StoreErrorKind::Conflict);
        }
        state.cutover.push(record.clone());
        Ok(())
    }

    fn stream_cutover(&self, after: u64) -> RowStream<'_, CutoverRecord> {
        let records = self.lock().cutover.clone();
        stream::iter(records.into_iter().filter(move |record| record.number > after).map(Ok)).boxed()
    }
}
