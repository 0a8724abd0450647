//! What a pipeline is at, for people and metrics.

use std::collections::BTreeMap;

use onetape_domain::instrument::Instrument;
use onetape_domain::time::Timestamp;

use crate::pipeline::DataIngestionPipeline;

/// How far an instrument is, in stamps of its own axis. Each is none before the first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Watermarks {
    /// The last stamp that was issued.
    pub received: Option<Timestamp>,
    /// The last stamp the journal has on the disk; always none without a journal, and at a start until something is
    /// taken in.
    pub journaled: Option<Timestamp>,
    /// The last stamp the store has.
    pub durable: Option<Timestamp>,
    /// Rows that wait for the store, those on their way included.
    pub pending_rows: usize,
}

/// What the circuit breaker between a pipeline and its store is at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BreakerState {
    /// The store is called.
    #[default]
    Closed,
    /// The store failed several times on end: it is not called until a pause has passed.
    Open,
    /// One call is under way to see whether the store is back.
    HalfOpen,
}

/// A pipeline at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PipelineStatus {
    /// Every instrument that is loaded.
    pub instruments: BTreeMap<Instrument, Watermarks>,
    /// Rows that wait for the store.
    pub pending_rows: usize,
    /// Bytes of memory they take, roughly.
    pub pending_bytes: usize,
    /// Refused records that wait for the store.
    pub pending_quarantine: usize,
    /// Bytes of the journal on the disk; none without one.
    pub journal_bytes: Option<u64>,
    /// The circuit breaker.
    pub breaker: BreakerState,
    /// Calls of the store that failed on end until now.
    pub failures: u32,
    /// Calls of the store that failed and were made again, since the start.
    pub retries: u64,
    /// How often the breaker opened, since the start.
    pub outages: u64,
}

impl DataIngestionPipeline {
    /// What the pipeline is at. It takes the lock of each instrument for a moment.
    pub fn status(&self) -> PipelineStatus {
        let inner = &self.inner;
        let breaker = inner.breaker.counts();
        let mut status = PipelineStatus {
            pending_quarantine: inner.quarantine.lock().len(),
            journal_bytes: inner.journal.as_ref().map(|journal| journal.bytes()),
            breaker: breaker.state,
            failures: breaker.failures,
            retries: breaker.retries,
            outages: breaker.outages,
            ..PipelineStatus::default()
        };
        for slot in inner.all_slots() {
            let slot = slot.lock();
            let watermarks = slot.watermarks();
            status.pending_rows += watermarks.pending_rows;
            status.pending_bytes += slot.pending_bytes();
            status.instruments.insert(slot.engine.instrument().clone(), watermarks);
        }
        status
    }

    /// How many books are in synchrony, and how many wait for a snapshot.
    pub fn books(&self) -> (usize, usize) {
        self.inner.all_slots().iter().fold((0, 0), |(live, waiting), slot| {
            let engine = &slot.lock().engine;
            let (is_live, waits) = (engine.live_book().is_some(), engine.wants_snapshot());
            (live + usize::from(is_live), waiting + usize::from(waits))
        })
    }
}
