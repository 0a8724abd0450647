//! The log of the cut-over.

use async_trait::async_trait;
use futures::{StreamExt, stream};
use onetape_domain::cutover::CutoverRecord;
use onetape_ports::cutover::{check_repeated, cutover_text};
use onetape_ports::{CutoverStore, RowStream, StoreError};

use super::MemoryStore;

/// Where a record of this number is.
fn place(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX).saturating_sub(1)
}

#[async_trait]
impl CutoverStore for MemoryStore {
    async fn append_cutover(&self, record: &CutoverRecord) -> Result<(), StoreError> {
        cutover_text(record)?;
        let mut log = self.inner.cutover.lock();
        if record.number == log.len() as u64 + 1 {
            log.push(record.clone());
            return Ok(());
        }
        check_repeated(record, log.get(place(record.number)))
    }

    fn stream_cutover(&self, after: u64) -> RowStream<'_, CutoverRecord> {
        let log = self.inner.cutover.lock();
        let records: Vec<_> = log.iter().filter(|record| record.number > after).cloned().collect();
        stream::iter(records.into_iter().map(Ok)).boxed()
    }
}
