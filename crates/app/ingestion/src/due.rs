//! The writer task: what is due goes to the store, and a failure that lasts stops everything.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::error::IngestError;
use crate::pipeline::{Inner, SharedSlot};
use crate::writer;

/// The writer task: wakes when a batch is due by size, and often enough to write what is due by age.
pub(crate) async fn write_until_closed(inner: Arc<Inner>) {
    let tick = (inner.config.flush_interval / 8).max(std::time::Duration::from_millis(10));
    let interval = i64::try_from(inner.config.import_interval.as_micros()).unwrap_or(i64::MAX);
    let mut looked = inner.clock.monotonic_micros();
    while !inner.closing.load(Ordering::Acquire) {
        // A timeout only means that nothing became due by size.
        let _ = tokio::time::timeout(tick, inner.due.notified()).await;
        let now = inner.clock.monotonic_micros();
        let is_time_to_look = now.saturating_sub(looked) >= interval;
        if is_time_to_look {
            looked = now;
        }
        if let Err(error) = inner.work(is_time_to_look).await {
            let chain = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            tracing::error!(error = %error, cause = chain, "the writer stopped");
            inner.progress.notify_waiters();
            return;
        }
    }
}

impl Inner {
    /// Writes everything pending, whoever else writes meanwhile.
    pub(crate) async fn write_all(&self, with_books: bool) -> Result<(), IngestError> {
        if let Some(failure) = &*self.failure.lock() {
            return Err(failure.clone());
        }
        let _writing = self.writing.lock().await;
        for slot in self.all_slots() {
            // Once for what was on its way, once for what came since.
            self.write_slot(&slot, with_books).await?;
            self.write_slot(&slot, with_books).await?;
        }
        self.write_quarantined().await
    }

    pub(crate) async fn write_slot(&self, slot: &SharedSlot, with_book: bool) -> Result<(), IngestError> {
        let Some(batch) = slot.lock().take(with_book) else {
            return Ok(());
        };
        let (batch, expected) = &*batch;
        // What the store has, the journal and the cache must have had before.
        self.settle(slot).await?;
        let result = writer::write_batch(&self.store, batch, *expected, &self.config).await;
        match &result {
            Ok(()) => {
                slot.lock().written(batch.clock.issued);
                if let Some(cache) = &self.cache {
                    cache.durable(&batch.instrument, batch.clock.issued);
                }
            }
            Err(error) => self.fail(error),
        }
        self.progress.notify_waiters();
        result
    }

    pub(crate) async fn write_quarantined(&self) -> Result<(), IngestError> {
        let records = self.quarantine.lock().clone();
        if records.is_empty() {
            return Ok(());
        }
        let result = writer::write_quarantine(&self.store, &records, &self.config).await;
        match &result {
            // Only now: a call dropped on the way leaves them for the next one.
            Ok(()) => drop(self.quarantine.lock().drain(..records.len())),
            Err(error) => self.fail(error),
        }
        self.progress.notify_waiters();
        result
    }

    /// From here on nothing is taken in.
    pub(crate) fn fail(&self, error: &IngestError) {
        *self.failure.lock() = Some(error.clone());
        self.end_watching();
    }

    pub(crate) fn end_watching(&self) {
        if let Some(cache) = &self.cache {
            cache.end();
        }
    }

    /// One round of the writer.
    pub(crate) async fn work(&self, with_imports: bool) -> Result<(), IngestError> {
        if with_imports {
            self.take_in_waiting().await?;
        }
        self.write_due().await?;
        self.trim_journal()
    }

    /// Writes the slots that are due by size or age, and refused records.
    pub(crate) async fn write_due(&self) -> Result<(), IngestError> {
        let _writing = self.writing.lock().await;
        let interval = i64::try_from(self.config.flush_interval.as_micros()).unwrap_or(i64::MAX);
        for slot in self.all_slots() {
            let due = {
                let slot = slot.lock();
                let aged =
                    slot.since().is_some_and(|since| self.clock.monotonic_micros() - since >= interval);
                aged || slot.pending_rows() >= self.config.batch_size
            };
            if due {
                self.write_slot(&slot, false).await?;
            }
        }
        self.write_quarantined().await
    }
}
