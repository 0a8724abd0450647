//! Calls of the store, each through the circuit breaker.

use std::fmt::Display;
use std::sync::Arc;

use onetape_domain::instrument::Instrument;
use onetape_domain::message::QuarantinedRecord;
use onetape_ports::{StoreError, StoreErrorKind};

use crate::error::IngestError;
use crate::metrics;
use crate::pipeline::{Inner, SharedSlot};

impl Inner {
    /// Writes the next batch of an instrument, if there is one; says whether there was. Rows that the store refuses are left
    /// out.
    pub(crate) async fn write_slot(&self, slot: &SharedSlot, with_book: bool) -> Result<bool, IngestError> {
        let Some(mut batch) = slot.lock().take(with_book) else { return Ok(false) };
        let started = self.clock.monotonic_micros();
        let result = loop {
            // What the store has, the journal and the cache must have had before.
            self.settle(slot).await?;
            let (rows, expected) = &*batch;
            let refused =
                match self.breaker.call(&rows.instrument, || self.store.append(rows, *expected)).await {
                    Ok(()) => break Ok(rows.clock.issued),
                    Err(error) if error.kind() == StoreErrorKind::Data => error,
                    Err(error) => break Err(store_error(&rows.instrument, error)),
                };
            match self.leave_out(slot, &batch, refused).await {
                Ok(Some(rest)) => batch = rest,
                Ok(None) => return Ok(false),
                Err(error) => break Err(error),
            }
        };
        match &result {
            Ok(issued) => {
                metrics::written(batch.0.changes.len(), self.clock.monotonic_micros() - started);
                slot.lock().written(*issued);
                if let Some(cache) = &self.cache {
                    cache.durable(&batch.0.instrument, *issued);
                }
            }
            Err(error) => self.fail(error),
        }
        self.progress.notify_waiters();
        result.map(|_| true)
    }

    /// Writes the refused records that wait.
    pub(crate) async fn write_quarantined(&self) -> Result<(), IngestError> {
        let _writing = self.writing_quarantine.lock().await;
        let records = self.quarantine.lock().clone();
        if records.is_empty() {
            return Ok(());
        }
        let result = self.write_records(&records).await;
        match &result {
            // Only now: a call dropped on the way leaves them for the next one.
            Ok(()) => drop(self.quarantine.lock().drain(..records.len())),
            Err(error) => self.fail(error),
        }
        self.progress.notify_waiters();
        result
    }

    /// Writes records into the quarantine.
    pub(crate) async fn write_records(&self, records: &[QuarantinedRecord]) -> Result<(), IngestError> {
        let written = self.breaker.call(&"quarantine", || self.store.quarantine(records)).await;
        written.map(drop).map_err(|error| store_error(&"quarantine", error))
    }

    /// Asks the store something of an instrument, for as long as the pipeline is patient.
    pub(crate) async fn ask<T, F>(
        &self,
        instrument: &Instrument,
        ask: impl FnMut() -> F,
    ) -> Result<T, IngestError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let answer = self.patiently(self.breaker.call(instrument, ask)).await?;
        answer.map_err(|error| store_error(instrument, error))
    }

    /// Waits for work that needs the store, but not for longer than the pipeline is patient with a store that fails.
    pub(crate) async fn patiently<T>(&self, work: impl Future<Output = T>) -> Result<T, IngestError> {
        self.breaker.patiently(work).await.map_err(|source| IngestError::Outage {
            waited: self.config.retry_for,
            rows: self.pending_rows(),
            source,
        })
    }
}

pub(crate) fn store_error(subject: &dyn Display, source: Arc<StoreError>) -> IngestError {
    IngestError::Store { instrument: subject.to_string(), source }
}
