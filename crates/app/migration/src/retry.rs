//! Calls of the store that are made again where they fail in a way that may pass.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use onetape_ports::StoreError;

use crate::error::MigrationError;

/// The longest that a failing store is asked again, pauses added up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// A store by the name that errors say, and how long to be patient with it.
#[derive(Debug, Clone)]
pub(crate) struct Patient {
    pub(crate) store: String,
    pub(crate) patience: Duration,
}

impl Patient {
    /// Makes a call, and makes it again as long as it fails in a way that may pass.
    pub(crate) async fn call<T, F>(
        &self,
        doing: impl Fn() -> String,
        mut attempt: impl FnMut() -> F,
    ) -> Result<T, MigrationError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let backoff = ExponentialBuilder::default()
            .with_min_delay(FIRST_PAUSE)
            .with_max_delay(LONGEST_PAUSE)
            .without_max_times()
            .with_jitter();
        let (mut pauses, mut left) = (backoff.build(), self.patience);
        loop {
            let error = match attempt().await {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            let pause = pauses.next().filter(|_| error.is_retryable());
            let Some((pause, rest)) = pause.and_then(|pause| Some((pause, left.checked_sub(pause)?))) else {
                return Err(self.failed(doing(), error));
            };
            left = rest;
            tracing::warn!(error = %error, doing = doing(), pause_ms = pause.as_millis(), "the store failed, it is asked again");
            tokio::time::sleep(pause).await;
        }
    }

    /// The error of a call that is not made again.
    pub(crate) fn failed(&self, doing: String, source: StoreError) -> MigrationError {
        MigrationError::Store { store: self.store.clone(), doing, source }
    }
}
