//! The pipeline: feeds and pushes in, cache at once, store in batches.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use onetape_domain::engine::local_book::LocalBook;
use onetape_domain::engine::trades::MEMORY;
use onetape_domain::engine::{InstrumentEngine, Outcome, Step};
use onetape_domain::frame::FrameShape;
use onetape_domain::instrument::Instrument;
use onetape_domain::message::{FeedMessage, QuarantinedRecord};
use onetape_domain::time::{TimeRange, Timestamp};
use onetape_domain::venue::{TradeIds, VenueRules};
use onetape_ports::{
    FrameQuery, HotCache, Journal, Knowledge, LiveBookSource, MarketStore, Selection, TimeQuery, WallClock,
};
use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::breaker::Breaker;
use crate::config::PipelineConfig;
use crate::due;
use crate::error::IngestError;
use crate::metrics::{self, Published};
use crate::slot::{Sinks, Slot};
use crate::summary::IngestSummary;
use crate::trimming::Trimming;

/// How long a journal may take to let go.
const JOURNAL_GRACE: Duration = Duration::from_secs(1);

pub(crate) type SharedSlot = Arc<Mutex<Slot>>;

pub(crate) struct Inner {
    pub(crate) store: Arc<dyn MarketStore>,
    pub(crate) cache: Option<Arc<dyn HotCache>>,
    pub(crate) clock: Arc<dyn WallClock>,
    pub(crate) journal: Option<Arc<dyn Journal>>,
    /// How far the journal is let go.
    pub(crate) trimming: Mutex<Trimming>,
    /// Bytes that the books take at the beginning of the journal's segment.
    pub(crate) books_bytes: AtomicU64,
    pub(crate) config: PipelineConfig,
    slots: RwLock<HashMap<Instrument, SharedSlot>>,
    /// Held while an instrument is being loaded, so that it is loaded once.
    loading: tokio::sync::Mutex<()>,
    /// Held while refused records are written.
    pub(crate) writing_quarantine: tokio::sync::Mutex<()>,
    pub(crate) breaker: Breaker,
    pub(crate) quarantine: Mutex<Vec<QuarantinedRecord>>,
    pub(crate) summary: Mutex<IngestSummary>,
    pub(crate) failure: Mutex<Option<IngestError>>,
    pub(crate) published: Mutex<Published>,
    pub(crate) closing: AtomicBool,
    /// Wakes the writer.
    pub(crate) due: Notify,
    /// Wakes those who wait for the writer.
    pub(crate) progress: Notify,
}

/// Takes market data in, serves it to the cache at once and to the store durably.
///
/// Cheap to clone; all clones are the same pipeline. Rows are in the store after [`flush`](Self::flush),
/// [`shutdown`](Self::shutdown), or at the latest `flush_interval` after they came while the store works. With a
/// [journal](Self::start_with_journal) they are on the disk as soon as a call that took them in returns.
#[derive(Clone)]
pub struct DataIngestionPipeline {
    pub(crate) inner: Arc<Inner>,
    pub(crate) writer: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl DataIngestionPipeline {
    /// Starts a pipeline and its writer task on the current tokio runtime. What it has taken in and not yet written is
    /// lost in a crash.
    pub fn start(
        store: Arc<dyn MarketStore>,
        cache: Option<Arc<dyn HotCache>>,
        clock: Arc<dyn WallClock>,
        config: PipelineConfig,
    ) -> Self {
        Self::start_inner(store, cache, clock, None, config)
    }

    pub(crate) fn start_inner(
        store: Arc<dyn MarketStore>,
        cache: Option<Arc<dyn HotCache>>,
        clock: Arc<dyn WallClock>,
        journal: Option<Arc<dyn Journal>>,
        config: PipelineConfig,
    ) -> Self {
        let inner = Arc::new(Inner {
            store,
            cache,
            clock,
            journal,
            trimming: Mutex::default(),
            books_bytes: AtomicU64::new(0),
            config,
            slots: RwLock::default(),
            loading: tokio::sync::Mutex::default(),
            writing_quarantine: tokio::sync::Mutex::default(),
            breaker: Breaker::new(&config),
            quarantine: Mutex::default(),
            summary: Mutex::default(),
            failure: Mutex::default(),
            published: Mutex::default(),
            closing: AtomicBool::new(false),
            due: Notify::new(),
            progress: Notify::new(),
        });
        let writer = tokio::spawn(due::write_until_closed(inner.clone()));
        tokio::spawn(metrics::publish_until_closed(Arc::downgrade(&inner)));
        Self { inner, writer: Arc::new(Mutex::new(Some(writer))) }
    }

    /// Takes one message in. It is visible in the cache when this returns, in the journal if there is one, and in the store
    /// later.
    ///
    /// # Errors
    /// When the instrument cannot be loaded, or the pipeline has failed or was shut down.
    pub async fn ingest(&self, message: &FeedMessage, rules: VenueRules) -> Result<Step, IngestError> {
        self.inner.hold_back().await?;
        let step = self.inner.ingest(message, rules, "push").await?;
        self.inner.settle_one(&message.instrument).await?;
        Ok(step)
    }

    /// Waits until everything taken in so far is in the store.
    ///
    /// # Errors
    /// [`IngestError::Outage`] when the store fails for longer than `retry_for`; the writer goes on trying then. The failure of
    /// the writer, if it failed.
    pub async fn flush(&self) -> Result<(), IngestError> {
        self.inner.patiently(self.inner.write_all(false)).await?
    }

    /// Ends the feed in order: one partial sample of each book that changed since its last one, then
    /// everything is made durable together with the full-depth books. Closes no candle.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    pub async fn end_of_feed(&self) -> Result<(), IngestError> {
        for slot in self.inner.all_slots() {
            let count = |rows: &_| self.inner.summary.lock().count_rows(rows);
            let ended = slot.lock().end_of_feed(self.inner.sinks(), count);
            ended.map_err(|error| self.inner.journal_failed(error))?;
        }
        self.inner.settle_all().await?;
        self.inner.patiently(self.inner.write_all(true)).await?
    }

    /// Writes what is pending and stops. Nothing may be ingested afterwards; whoever watches the cache is told of no
    /// more, also where this fails. A journal is let go of, which may take a second more than `deadline`: another pipeline can
    /// have its place then.
    ///
    /// # Errors
    /// [`IngestError::Deadline`] when rows are left after `deadline`, or the failure of the writer.
    pub async fn shutdown(&self, deadline: Duration) -> Result<IngestSummary, IngestError> {
        // First: what is taken in after this is refused, what came before is written below.
        self.inner.closing.store(true, Ordering::Release);
        let result = tokio::time::timeout(deadline, self.inner.write_all(true)).await;
        let is_kept = self.stop().await;
        match result {
            Ok(result) => result.map(|()| self.summary()),
            Err(_) => Err(IngestError::Deadline { rows: self.inner.pending_rows(), is_kept }),
        }
    }

    /// Ends the writer and everything that waits; says whether there is a journal that has it all on the disk.
    pub(crate) async fn stop(&self) -> bool {
        self.inner.closing.store(true, Ordering::Release);
        self.inner.end_watching();
        self.inner.publish_metrics();
        self.inner.due.notify_one();
        self.inner.progress.notify_waiters();
        let writer = self.writer.lock().take();
        if let Some(writer) = writer {
            writer.abort();
        }
        let Some(journal) = &self.inner.journal else { return false };
        tokio::time::timeout(JOURNAL_GRACE, journal.close()).await.is_ok()
    }

    /// The clock of an instrument that was loaded: its last stamp.
    pub fn issued(&self, instrument: &Instrument) -> Option<Timestamp> {
        self.inner.slot(instrument)?.lock().engine.issued()
    }

    /// Counts since the start.
    pub fn summary(&self) -> IngestSummary {
        let mut summary = self.inner.summary.lock().clone();
        for (instrument, slot) in self.inner.slots.read().iter() {
            summary.clocks.extend(slot.lock().engine.issued().map(|issued| (instrument.clone(), issued)));
        }
        summary
    }
}

impl Inner {
    /// Processes one message, loading its instrument and old candles where needed.
    pub(crate) async fn ingest(
        &self,
        message: &FeedMessage,
        rules: VenueRules,
        origin: &str,
    ) -> Result<Step, IngestError> {
        let slot = match self.slot(&message.instrument) {
            Some(slot) => slot,
            None => self.load(&message.instrument, rules, false).await?,
        };
        self.ingest_into(&slot, message, origin, self.sinks()).await
    }

    /// The same for an instrument that is loaded.
    pub(crate) async fn ingest_into(
        &self,
        slot: &SharedSlot,
        message: &FeedMessage,
        origin: &str,
        sinks: Sinks<'_>,
    ) -> Result<Step, IngestError> {
        let step = loop {
            let (step, rows) = {
                let mut slot = slot.lock();
                if self.closing.load(Ordering::Acquire) {
                    return Err(IngestError::Closed);
                }
                let step = slot.process(message, sinks, |rows| self.summary.lock().count_rows(rows));
                (step.map_err(|error| self.journal_failed(error))?, slot.pending_rows())
            };
            let Outcome::NeedsCandles(keys) = &step.outcome else {
                if rows >= self.config.batch_size {
                    self.due.notify_one();
                }
                break step;
            };
            // The store must hold every version before one is read back from it.
            self.patiently(self.write_out(slot, false)).await??;
            for key in keys {
                let instrument = &message.instrument;
                let candle = self.ask(instrument, || self.store.candle(instrument, *key)).await?;
                slot.lock().engine.load_candle(*key, candle);
            }
        };
        self.summary.lock().count_step(&step);
        if let Outcome::Refused(violations) = &step.outcome {
            // With its times: the same content at another time is another record.
            self.refuse(message, violations.clone(), origin, &format!("{message:?}"));
        }
        for (event, violations) in &step.refused {
            self.refuse(message, violations.clone(), origin, &format!("{event:?}"));
        }
        Ok(step)
    }

    fn refuse(
        &self,
        message: &FeedMessage,
        violations: onetape_domain::violation::Violations,
        origin: &str,
        payload: &str,
    ) {
        let mut record = QuarantinedRecord::new(origin, violations, payload.as_bytes());
        record.instrument = Some(message.instrument.clone());
        record.received_at = Some(message.received_at);
        self.put_aside(record);
    }

    /// Puts a record that could not be understood aside.
    pub(crate) fn quarantine(&self, record: QuarantinedRecord) {
        let mut summary = self.summary.lock();
        summary.messages += 1;
        summary.quarantined += 1;
        drop(summary);
        self.put_aside(record);
    }

    fn put_aside(&self, record: QuarantinedRecord) {
        tracing::warn!(origin = record.origin, reason = %record.violations, "record quarantined");
        self.quarantine.lock().push(record);
        self.due.notify_one();
    }

    /// Where a step goes at once.
    pub(crate) fn sinks(&self) -> Sinks<'_> {
        Sinks {
            cache: self.cache.as_deref(),
            journal: self.journal.as_deref(),
            shows_synced: !self.is_lazy(),
            now: self.clock.monotonic_micros(),
        }
    }

    pub(crate) fn slot(&self, instrument: &Instrument) -> Option<SharedSlot> {
        self.slots.read().get(instrument).cloned()
    }

    pub(crate) fn all_slots(&self) -> Vec<SharedSlot> {
        self.slots.read().values().cloned().collect()
    }

    /// Every instrument that is loaded.
    pub(crate) fn instruments(&self) -> Vec<Instrument> {
        self.slots.read().keys().cloned().collect()
    }

    /// Instruments whose books wait for a snapshot.
    pub(crate) fn wanted_books(&self) -> Vec<Instrument> {
        let slots = self.slots.read();
        let wanting = slots.iter().filter(|(_, slot)| slot.lock().engine.wants_snapshot());
        wanting.map(|(instrument, _)| instrument.clone()).collect()
    }

    pub(crate) fn pending_rows(&self) -> usize {
        self.all_slots().iter().map(|slot| slot.lock().pending_rows()).sum()
    }

    /// Starts an instrument, or resumes it where the store left off; then takes in the imports that wait for it, and begins
    /// its journal, unless it is loaded to take up what the journal has.
    pub(crate) async fn load(
        &self,
        instrument: &Instrument,
        rules: VenueRules,
        is_taken_up: bool,
    ) -> Result<SharedSlot, IngestError> {
        let _loading = self.loading.lock().await;
        if let Some(slot) = self.slot(instrument) {
            return Ok(slot);
        }
        let mut waiting = Vec::new();
        let slot = match self.ask(instrument, || self.store.resume(instrument)).await? {
            None => {
                let before = self.ask(instrument, || self.store.imports(instrument)).await?;
                Slot::new(InstrumentEngine::new(instrument.clone(), rules), rules, None, before)
            }
            Some(clock) => {
                let limit = self.config.restore_candles;
                let query = FrameQuery {
                    instrument: instrument.clone(),
                    as_of: clock.issued,
                    shape: FrameShape { candles: limit, context_window: 0, imbalances: 360 },
                    knowledge: Knowledge::AsRecorded,
                };
                let parts = self.ask(instrument, || self.store.frame_parts(&query)).await?;
                let recent = self.recent_trades(instrument, rules, clock.issued).await?;
                let issued = clock.issued;
                let engine =
                    InstrumentEngine::restore(rules, clock.clone(), &parts, limit, &recent).map_err(
                        |violations| IngestError::Corrupt { instrument: instrument.clone(), violations },
                    )?;
                if let Some(cache) = &self.cache {
                    cache.start(&clock, parts, limit);
                }
                if !is_taken_up {
                    waiting = self.waiting_of(instrument).await?;
                }
                Slot::new(engine, rules, Some(issued), Vec::new())
            }
        };
        let shared = Arc::new(Mutex::new(slot));
        let mut slot = shared.lock();
        // First: a segment that begins now has its book too, and whoever asks for the instrument waits for what follows.
        self.slots.write().insert(instrument.clone(), shared.clone());
        if let Some(journal) = self.journal.as_deref().filter(|_| !is_taken_up) {
            // The store has the book until the next batch, which is of a later moment.
            slot.begin_journal_here(journal).map_err(|error| self.journal_failed(error))?;
        }
        self.take_in(&mut slot, waiting)?;
        drop(slot);
        Ok(shared)
    }

    async fn recent_trades(
        &self,
        instrument: &Instrument,
        rules: VenueRules,
        issued: Timestamp,
    ) -> Result<Vec<onetape_domain::trade::Trade>, IngestError> {
        use futures::TryStreamExt;
        if rules.trade_ids == TradeIds::Contiguous {
            return Ok(Vec::new());
        }
        let start = issued.plus(-2 * MEMORY);
        let range = TimeRange::try_new(start, Timestamp::LATEST).unwrap_or(TimeRange::ALL);
        let query =
            TimeQuery { instrument: instrument.clone(), selection: Selection::Range(range), as_of: issued };
        self.ask(instrument, || self.store.stream_trades(query.clone()).try_collect()).await
    }

    /// Holds the caller back while too much waits for the store.
    pub(crate) async fn hold_back(&self) -> Result<(), IngestError> {
        let is_full =
            || self.journal.as_ref().is_some_and(|journal| journal.bytes() >= self.max_journal_bytes());
        self.hold_back_while(|| is_full() || self.is_behind()).await
    }

    /// The same where nothing is added to the journal.
    pub(crate) async fn hold_back_for_store(&self) -> Result<(), IngestError> {
        self.hold_back_while(|| self.is_behind()).await
    }

    fn is_behind(&self) -> bool {
        let pending = self.all_slots().iter().fold((0, 0), |(rows, bytes), slot| {
            let slot = slot.lock();
            (rows + slot.pending_rows(), bytes + slot.pending_bytes())
        });
        pending.0 >= self.config.max_pending_rows
            || pending.1 >= self.config.max_pending_bytes
            || self.quarantine.lock().len() >= self.config.max_pending_quarantine
    }

    async fn hold_back_while(&self, too_much: impl Fn() -> bool) -> Result<(), IngestError> {
        self.patiently(self.wait_while(too_much)).await?
    }

    async fn wait_while(&self, too_much: impl Fn() -> bool) -> Result<(), IngestError> {
        loop {
            let progress = self.progress.notified();
            if let Some(failure) = &*self.failure.lock() {
                return Err(failure.clone());
            }
            if self.closing.load(Ordering::Acquire) {
                return Err(IngestError::Closed);
            }
            if !too_much() {
                return Ok(());
            }
            self.due.notify_one();
            progress.await;
        }
    }
}

impl LiveBookSource for DataIngestionPipeline {
    fn live_book(&self, instrument: &Instrument) -> Option<LocalBook> {
        self.inner.slot(instrument)?.lock().engine.live_book().cloned()
    }
}

impl fmt::Display for DataIngestionPipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ingestion into {}", self.inner.store)
    }
}

impl fmt::Debug for DataIngestionPipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataIngestionPipeline")
            .field("store", &self.inner.store.to_string())
            .finish_non_exhaustive()
    }
}
