//! The writer: takes due batches out of the slots and writes them, retrying what may pass.

use std::sync::Arc;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use onetape_domain::change::TapeBatch;
use onetape_domain::message::QuarantinedRecord;
use onetape_domain::time::Timestamp;
use onetape_ports::{MarketStore, StoreError};

use crate::config::PipelineConfig;
use crate::error::IngestError;

/// Writes one batch, retrying transient failures.
pub(crate) async fn write_batch(
    store: &Arc<dyn MarketStore>,
    batch: &TapeBatch,
    expected: Option<Timestamp>,
    config: &PipelineConfig,
) -> Result<(), IngestError> {
    let result = (|| store.append(batch, expected))
        .retry(backoff(config))
        .when(StoreError::is_retryable)
        .notify(|error, pause| log_retry(&batch.instrument.to_string(), error, pause))
        .await;
    result.map_err(|error| store_error(&batch.instrument, error))
}

/// Writes refused records, retrying transient failures.
pub(crate) async fn write_quarantine(
    store: &Arc<dyn MarketStore>,
    records: &[QuarantinedRecord],
    config: &PipelineConfig,
) -> Result<(), IngestError> {
    let result = (|| store.quarantine(records))
        .retry(backoff(config))
        .when(StoreError::is_retryable)
        .notify(|error, pause| log_retry("quarantine", error, pause))
        .await;
    result.map(drop).map_err(|error| store_error(&"quarantine", error))
}

pub(crate) fn store_error(subject: &dyn ToString, error: StoreError) -> IngestError {
    IngestError::Store { instrument: subject.to_string(), source: Arc::new(error) }
}

fn backoff(config: &PipelineConfig) -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(config.first_retry_pause)
        .with_max_delay(config.max_retry_pause)
        .with_total_delay(Some(config.retry_for))
        .without_max_times()
        .with_jitter()
}

fn log_retry(subject: &str, error: &StoreError, pause: Duration) {
    let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
    tracing::warn!(subject, error = %error, retry.pause_ms = pause_ms, "store write failed, trying again");
}
