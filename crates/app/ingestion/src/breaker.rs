//! The circuit breaker between the pipeline and its store.
//!
//! Every call of the pipeline to the store goes through it. What may pass is tried again, with pauses that double and
//! jitter. After [`THRESHOLD`] failures on end, whoever's they were, it is open: nobody calls, until one call is let through
//! as a trial after a pause. A trial that reaches the store closes it for all; one that fails makes the next pause longer,
//! up to a bound.

use std::error::Error as _;
use std::fmt::Display;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use futures::future::{Either, select};
use onetape_ports::{StoreError, StoreErrorKind};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::config::PipelineConfig;
use crate::status::BreakerState;

/// Failed calls on end that open it.
pub(crate) const THRESHOLD: u32 = 3;

/// How often a call fails at least, each time after others succeeded, before it is given up.
const CONTRADICTIONS: u32 = 10;

type Pauses = <ExponentialBuilder as BackoffBuilder>::Backoff;

/// The breaker of one store.
#[derive(Debug)]
pub(crate) struct Breaker {
    state: watch::Sender<State>,
    /// Held by the one who waits for the pause to pass, or tries. It is fair: who failed goes to the end of the line.
    trial: tokio::sync::Mutex<()>,
    pauses: Mutex<Option<Pauses>>,
    backoff: ExponentialBuilder,
    longest: Duration,
    /// How long somebody waits for a store that fails.
    patience: Duration,
}

#[derive(Debug, Clone, Default)]
struct State {
    /// Failed calls on end.
    failures: u32,
    is_half_open: bool,
    last: Option<Arc<StoreError>>,
    successes: u64,
    retries: u64,
    outages: u64,
}

impl State {
    fn is_closed(&self) -> bool {
        self.failures < THRESHOLD
    }
}

/// What the breaker is at, and was.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BreakerCounts {
    pub(crate) state: BreakerState,
    pub(crate) failures: u32,
    pub(crate) retries: u64,
    pub(crate) outages: u64,
}

/// The right to call an open breaker's store; dropped without an answer, it goes to the next.
struct Trial<'a> {
    breaker: &'a Breaker,
    _turn: tokio::sync::MutexGuard<'a, ()>,
}

impl Drop for Trial<'_> {
    fn drop(&mut self) {
        self.breaker.state.send_modify(|state| state.is_half_open = false);
    }
}

impl Breaker {
    pub(crate) fn new(config: &PipelineConfig) -> Self {
        // Jitter adds up to as much again.
        let backoff = ExponentialBuilder::default()
            .with_min_delay(config.first_retry_pause.min(config.max_retry_pause))
            .with_max_delay(config.max_retry_pause / 2)
            .without_max_times()
            .with_jitter();
        Self {
            state: watch::Sender::default(),
            trial: tokio::sync::Mutex::default(),
            pauses: Mutex::default(),
            backoff,
            longest: config.max_retry_pause,
            patience: config.retry_for,
        }
    }

    /// Makes a call of the store, and makes it again as long as it fails in a way that may pass. `subject` is for the log.
    ///
    /// It ends with a failure that stays, and with one that it has had again and again for as long as the pipeline is patient
    /// while others succeeded. In an outage it does not end.
    pub(crate) async fn call<T, F>(
        &self,
        subject: &(dyn Display + Sync),
        mut attempt: impl FnMut() -> F,
    ) -> Result<T, Arc<StoreError>>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let mut conflicts = None::<Pauses>;
        let mut successes = self.state.borrow().successes;
        let mut contradicted = None;
        loop {
            let trial = self.admission().await;
            let error = match attempt().await {
                Err(error) if error.is_retryable() => error,
                outcome => {
                    self.answered(1);
                    return outcome.map_err(Arc::new);
                }
            };
            let error = Arc::new(error);
            let is_conflict = error.kind() == StoreErrorKind::Serialization;
            if is_conflict || self.state.borrow().successes != successes {
                let (since, times) = contradicted.get_or_insert_with(|| (Instant::now(), 0));
                *times += 1;
                if *times >= CONTRADICTIONS && since.elapsed() >= self.patience {
                    return Err(error);
                }
            }
            successes = self.state.borrow().successes;
            let pause = if is_conflict {
                // The store is there; two transactions met.
                self.answered(0);
                self.state.send_modify(|state| state.retries += 1);
                let pause = conflicts.get_or_insert_with(|| self.backoff.build()).next();
                log_retry(subject, &error, pause.unwrap_or(self.longest));
                pause
            } else {
                self.failed(subject, trial.is_some(), &error)
            };
            drop(trial);
            if let Some(pause) = pause {
                tokio::time::sleep(pause.min(self.longest)).await;
            }
        }
    }

    /// Waits for work that needs the store; an error once the store has failed without a break for as long as the pipeline is
    /// patient, all of it in this call.
    pub(crate) async fn patiently<T>(&self, work: impl Future<Output = T>) -> Result<T, Arc<StoreError>> {
        match select(pin!(work), pin!(self.outage_of(self.patience))).await {
            Either::Left((done, _)) => Ok(done),
            Either::Right((error, _)) => Err(error),
        }
    }

    /// Whether calls are made without waiting.
    pub(crate) fn is_closed(&self) -> bool {
        self.state.borrow().is_closed()
    }

    /// Whether the last call was answered.
    pub(crate) fn is_sound(&self) -> bool {
        self.state.borrow().failures == 0
    }

    pub(crate) fn counts(&self) -> BreakerCounts {
        let State { failures, is_half_open, retries, outages, .. } = *self.state.borrow();
        let state = match (failures < THRESHOLD, is_half_open) {
            (true, _) => BreakerState::Closed,
            (false, true) => BreakerState::HalfOpen,
            (false, false) => BreakerState::Open,
        };
        BreakerCounts { state, failures, retries, outages }
    }

    /// Waits until the store may be called: at once while the breaker is closed.
    async fn admission(&self) -> Option<Trial<'_>> {
        if self.is_closed() {
            return None;
        }
        let turn = self.trial.lock().await;
        if self.is_closed() {
            return None;
        }
        let mut states = self.state.subscribe();
        // One that was on its way when it opened may close it.
        if tokio::time::timeout(self.next_pause(), states.wait_for(State::is_closed)).await.is_ok() {
            return None;
        }
        self.state.send_modify(|state| state.is_half_open = true);
        Some(Trial { breaker: self, _turn: turn })
    }

    /// Completes once the store has failed without a break for so long, counted from now.
    async fn outage_of(&self, time: Duration) -> Arc<StoreError> {
        let mut states = self.state.subscribe();
        loop {
            let failing = states.wait_for(|state| state.failures > 0).await;
            let Some(error) = failing.ok().and_then(|state| state.last.clone()) else { continue };
            if tokio::time::timeout(time, states.wait_for(|state| state.failures == 0)).await.is_err() {
                return self.state.borrow().last.clone().unwrap_or(error);
            }
        }
    }

    /// Notes that the store gave an answer, and whether it was one that a call had waited for.
    fn answered(&self, successes: u64) {
        let mut before = 0;
        self.state.send_if_modified(|state| {
            before = std::mem::take(&mut state.failures);
            state.last = None;
            state.successes += successes;
            before > 0
        });
        if before > 0 {
            *self.pauses.lock() = None;
        }
        if before >= THRESHOLD {
            tracing::info!(failures = before, "the store answers again");
        }
    }

    /// Notes a failure; gives the pause of this caller, none where the breaker is open and decides.
    fn failed(&self, subject: &dyn Display, is_trial: bool, error: &Arc<StoreError>) -> Option<Duration> {
        let (mut opened, mut is_closed) = (false, false);
        self.state.send_modify(|state| {
            state.retries += 1;
            // Those that were on their way when it opened say nothing new.
            if is_trial || state.is_closed() {
                state.failures = state.failures.saturating_add(1);
                opened = state.failures == THRESHOLD;
            }
            state.outages += u64::from(opened);
            state.last = Some(error.clone());
            is_closed = state.is_closed();
        });
        if opened {
            let cause = error.source().map(ToString::to_string).unwrap_or_default();
            tracing::error!(error = %error, cause, "the store fails: nothing is written until it answers");
        }
        if is_closed {
            let pause = self.next_pause();
            log_retry(subject, error, pause);
            return Some(pause);
        }
        tracing::debug!(subject = %subject, error = %error, "store call failed");
        None
    }

    fn next_pause(&self) -> Duration {
        let pause = self.pauses.lock().get_or_insert_with(|| self.backoff.build()).next();
        pause.unwrap_or(self.longest).min(self.longest)
    }
}

fn log_retry(subject: &dyn Display, error: &StoreError, pause: Duration) {
    let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
    tracing::warn!(subject = %subject, error = %error, retry.pause_ms = pause_ms, "store call failed, trying again");
}
