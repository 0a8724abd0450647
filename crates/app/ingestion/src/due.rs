//! The writer task: what is due goes to the store, and a failure that stays stops everything.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::future::{BoxFuture, Either, FutureExt, select};
use futures::stream::{self, FuturesUnordered, StreamExt, TryStreamExt};
use onetape_domain::instrument::Instrument;

use crate::error::IngestError;
use crate::pipeline::{Inner, SharedSlot};

/// What the writer does beside other things, each once at a time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Job {
    /// The next batch of an instrument.
    Batch(Instrument),
    Quarantine,
    Imports,
}

/// The writer task: wakes when a batch is due by size, and often enough to write what is due by age. An instrument that
/// takes long holds up no other.
pub(crate) async fn write_until_closed(inner: Arc<Inner>) {
    let tick = (inner.config.flush_interval / 8).max(Duration::from_millis(10));
    let interval = i64::try_from(inner.config.import_interval.as_micros()).unwrap_or(i64::MAX);
    let mut looked = inner.clock.monotonic_micros();
    let mut jobs = FuturesUnordered::new();
    let mut under_way = BTreeSet::new();
    loop {
        let is_closing = inner.closing.load(Ordering::Acquire);
        if is_closing && jobs.is_empty() {
            return;
        }
        // A timeout only means that nothing became due by size.
        let due = pin!(tokio::time::timeout(tick, inner.due.notified()));
        let done = if jobs.is_empty() {
            let _ = due.await;
            None
        } else {
            match select(due, jobs.next()).await {
                Either::Left(_) => None,
                Either::Right((done, _)) => done,
            }
        };
        if let Some((job, outcome)) = done {
            under_way.remove(&job);
            if let Err(error) = outcome {
                inner.stop_writing(&error);
                return;
            }
        }
        if is_closing {
            continue;
        }
        if let Err(error) = inner.trim_journal() {
            inner.stop_writing(&error);
            return;
        }
        let now = inner.clock.monotonic_micros();
        let is_time_to_look = now.saturating_sub(looked) >= interval && inner.breaker.is_closed();
        if is_time_to_look {
            looked = now;
        }
        let free = inner.config.writers.saturating_sub(batches(&under_way));
        for (job, work) in inner.due_now(is_time_to_look, free, &under_way) {
            under_way.insert(job.clone());
            jobs.push(work.map(|outcome| (job, outcome)));
        }
    }
}

fn batches(jobs: &BTreeSet<Job>) -> usize {
    jobs.iter().filter(|job| matches!(job, Job::Batch(_))).count()
}

type Work<'a> = BoxFuture<'a, Result<(), IngestError>>;

impl Inner {
    /// What is to be done now and is not under way, at most so many batches: those whose rows have waited the longest.
    fn due_now(&self, with_imports: bool, batches: usize, under_way: &BTreeSet<Job>) -> Vec<(Job, Work<'_>)> {
        let interval = i64::try_from(self.config.flush_interval.as_micros()).unwrap_or(i64::MAX);
        let now = self.clock.monotonic_micros();
        let mut due = Vec::new();
        for shared in self.all_slots() {
            let slot = shared.lock();
            let is_aged = slot.since().is_some_and(|since| now.saturating_sub(since) >= interval);
            let job = Job::Batch(slot.engine.instrument().clone());
            if (is_aged || slot.pending_rows() >= self.config.batch_size) && !under_way.contains(&job) {
                due.push((slot.since(), job, shared.clone()));
            }
        }
        due.sort_by_key(|(since, ..)| *since);
        due.truncate(batches);
        let mut jobs: Vec<(Job, Work<'_>)> = Vec::new();
        for (_, job, slot) in due {
            jobs.push((job, async move { self.write_due(&slot).await }.boxed()));
        }
        if !under_way.contains(&Job::Quarantine) && !self.quarantine.lock().is_empty() {
            jobs.push((Job::Quarantine, self.write_quarantined().boxed()));
        }
        if with_imports && !under_way.contains(&Job::Imports) {
            jobs.push((Job::Imports, self.take_in_waiting().boxed()));
        }
        jobs
    }

    async fn write_due(&self, slot: &SharedSlot) -> Result<(), IngestError> {
        let writing = slot.lock().writing();
        let _writing = writing.lock().await;
        self.write_slot(slot, false).await.map(drop)
    }

    /// Writes everything an instrument has had until now, whoever else writes meanwhile.
    pub(crate) async fn write_out(&self, slot: &SharedSlot, with_book: bool) -> Result<(), IngestError> {
        let writing = slot.lock().writing();
        let _writing = writing.lock().await;
        let issued = slot.lock().engine.issued();
        while self.write_slot(slot, with_book).await? && !slot.lock().is_written(issued, with_book) {}
        Ok(())
    }

    /// Writes everything pending, whoever else writes meanwhile.
    pub(crate) async fn write_all(&self, with_books: bool) -> Result<(), IngestError> {
        if let Some(failure) = &*self.failure.lock() {
            return Err(failure.clone());
        }
        let slots = self.all_slots();
        let mut writes: Vec<Work<'_>> = Vec::with_capacity(slots.len());
        for slot in &slots {
            writes.push(self.write_out(slot, with_books).boxed());
        }
        stream::iter(writes).buffer_unordered(self.config.writers.max(1)).try_collect::<()>().await?;
        self.write_quarantined().await
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

    fn stop_writing(&self, error: &IngestError) {
        let chain = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
        tracing::error!(error = %error, cause = chain, "the writer stopped");
        self.progress.notify_waiters();
    }
}
