//! The journal in the pipeline: what is taken in is on the disk before anybody sees it, comes back at the next start, and
//! goes once the store has it.

use std::collections::HashMap;
use std::sync::Arc;

use onetape_domain::engine::depth::Depth;
use onetape_domain::engine::local_book::TimedDiff;
use onetape_domain::instrument::Instrument;
use onetape_domain::message::Payload;
use onetape_domain::venue::{TradeIds, VenueRules};
use onetape_ports::{
    HotCache, Journal, JournalError, JournalEvent, JournalPart, JournalRecord, JournalRecovery, MarketStore,
    WallClock,
};

use crate::config::{JournalMode, PipelineConfig};
use crate::error::IngestError;
use crate::metrics;
use crate::pipeline::{DataIngestionPipeline, Inner, SharedSlot};
use crate::slot::Sinks;

/// Records read back at once.
const CHUNK: usize = 1_024;

/// Diffs that waited for a snapshot, of which not all entries were read yet.
type Waiting = HashMap<Instrument, Vec<TimedDiff>>;

impl DataIngestionPipeline {
    /// Starts a pipeline with a journal, after what the journal holds was taken up and written to the store: the
    /// pipeline goes on from where the last one was when it ended or died.
    ///
    /// A call that takes something in returns once it is on the disk; only then do readers of the cache see it.
    ///
    /// # Errors
    /// When the journal cannot be read, or what it holds cannot be written to the store. Nothing of it is lost then.
    pub async fn start_with_journal(
        store: Arc<dyn MarketStore>,
        cache: Option<Arc<dyn HotCache>>,
        clock: Arc<dyn WallClock>,
        journal: Arc<dyn Journal>,
        config: PipelineConfig,
    ) -> Result<(Self, JournalRecovery), IngestError> {
        let pipeline = Self::start_inner(store, cache, clock, Some(journal.clone()), config);
        match pipeline.take_up_all(&*journal).await {
            Ok(recovery) => Ok((pipeline, recovery)),
            Err(error) => {
                pipeline.stop().await;
                Err(error)
            }
        }
    }

    /// Takes up what the journal holds and writes it to the store.
    async fn take_up_all(&self, journal: &dyn Journal) -> Result<JournalRecovery, IngestError> {
        let inner = &self.inner;
        let mut waiting = Waiting::new();
        loop {
            let records = journal.recovered(CHUNK).await.map_err(|error| inner.journal_failed(error))?;
            if records.is_empty() {
                break;
            }
            for record in records {
                inner.take_up(record, &mut waiting).await?;
            }
            inner.hold_back_for_store().await?;
        }
        let recovery = journal.recovery();
        for damage in &recovery.damage {
            tracing::warn!(
                journal.file = damage.file,
                journal.offset = damage.offset,
                journal.bytes = damage.bytes,
                is_tail = damage.is_tail,
                "a stretch of the journal cannot be read"
            );
        }
        self.flush().await?;
        let has_old_segments = recovery.records > 0 || !recovery.damage.is_empty();
        inner.allow_trimming(journal, has_old_segments).map_err(|error| inner.journal_failed(error))?;
        Ok(recovery)
    }
}

impl Inner {
    /// Lets an engine go through a record again, unless the store is further.
    async fn take_up(&self, record: JournalRecord, waiting: &mut Waiting) -> Result<(), IngestError> {
        let JournalRecord { instrument, rules, issued, event } = record;
        let slot = match self.slot(&instrument) {
            Some(slot) => slot,
            None => self.load(&instrument, rules, true).await?,
        };
        let sinks = Sinks { journal: None, ..self.sinks() };
        let reached = slot.lock().engine.issued();
        let is_new = issued > reached;
        let count = |rows: &_| self.summary.lock().count_rows(rows);
        match event {
            // Of what the store has, books are needed: their levels are rebuilt from messages. And trades, where their ids
            // tell which are known: somebody without this journal may have written on from before them.
            JournalEvent::Message(message)
                if issued >= reached
                    || is_of_a_book(&message.payload)
                    || has_told_ids(&message.payload, rules) =>
            {
                self.ingest_into(&slot, &message, "journal", sinks).await?;
            }
            JournalEvent::Message(_) => {}
            JournalEvent::Book(book) => slot.lock().engine.rebuild_book(Depth::Live(book)),
            JournalEvent::Seeded(book) => slot.lock().engine.rebuild_book(Depth::Seeded(book)),
            JournalEvent::Waiting(diffs, part) => {
                if let Some(diffs) = put_together(waiting, instrument, diffs, part) {
                    slot.lock().engine.rebuild_book(Depth::Waiting(diffs));
                }
            }
            JournalEvent::TakenIn(imports) if is_new => {
                let taken = slot.lock().take_in(imports, sinks, count);
                taken.map_err(|error| self.journal_failed(error))?;
            }
            JournalEvent::Lost(lost) if is_new => {
                let noted = slot.lock().lose(&lost, sinks, count);
                noted.map_err(|error| self.journal_failed(error))?;
            }
            JournalEvent::EndOfFeed if is_new => {
                let ended = slot.lock().end_of_feed(sinks, count);
                ended.map_err(|error| self.journal_failed(error))?;
            }
            JournalEvent::TakenIn(_) | JournalEvent::Lost(_) | JournalEvent::EndOfFeed => {}
        }
        Ok(())
    }

    /// Notes a failure of the journal: nothing may be taken in any more, since it could not be kept.
    pub(crate) fn journal_failed(&self, error: JournalError) -> IngestError {
        let error = IngestError::Journal(Arc::new(error));
        self.fail(&error);
        self.progress.notify_waiters();
        error
    }

    /// Waits until the journal has everything of an instrument on the disk, and shows it to the cache.
    pub(crate) async fn settle(&self, slot: &SharedSlot) -> Result<(), IngestError> {
        let Some(journal) = &self.journal else { return Ok(()) };
        let (reached, is_news) = {
            let slot = slot.lock();
            (slot.unsettled(), slot.has_unpublished())
        };
        let Some(reached) = reached else { return Ok(()) };
        let started = self.clock.monotonic_micros();
        journal.synced(reached.0).await.map_err(|error| self.journal_failed(error))?;
        if is_news {
            metrics::journaled(self.clock.monotonic_micros() - started);
        }
        slot.lock().settle(reached, self.cache.as_deref());
        Ok(())
    }

    /// Whether what is taken in is shown and acknowledged before the journal has it on the disk.
    pub(crate) fn is_lazy(&self) -> bool {
        self.config.journal_mode == JournalMode::OnTrouble && self.breaker.is_sound()
    }

    /// The same before what was taken in is acknowledged, as far as the mode demands.
    async fn acknowledge(&self, slot: &SharedSlot) -> Result<(), IngestError> {
        if !self.is_lazy() {
            return self.settle(slot).await;
        }
        slot.lock().show_all(self.cache.as_deref());
        Ok(())
    }

    /// Acknowledges what was taken in of one instrument.
    pub(crate) async fn settle_one(&self, instrument: &Instrument) -> Result<(), IngestError> {
        match self.slot(instrument) {
            Some(slot) => self.acknowledge(&slot).await,
            None => Ok(()),
        }
    }

    /// The same of every instrument.
    pub(crate) async fn settle_all(&self) -> Result<(), IngestError> {
        if self.journal.is_some() {
            for slot in self.all_slots() {
                self.acknowledge(&slot).await?;
            }
        }
        Ok(())
    }
}

/// Adds diffs to those of the entries before; all of them once they are there. What was cut off is forgotten.
pub(crate) fn put_together(
    waiting: &mut Waiting,
    instrument: Instrument,
    diffs: Vec<TimedDiff>,
    part: JournalPart,
) -> Option<Vec<TimedDiff>> {
    let mut all = waiting.remove(&instrument).unwrap_or_default();
    if part.from == 0 {
        all.clear();
    } else if all.len() != part.from as usize {
        return None;
    }
    all.extend(diffs);
    if all.len() == part.of as usize {
        return Some(all);
    }
    waiting.insert(instrument, all);
    None
}

fn has_told_ids(payload: &Payload, rules: VenueRules) -> bool {
    rules.trade_ids == TradeIds::Contiguous && matches!(payload, Payload::Trades(_))
}

fn is_of_a_book(payload: &Payload) -> bool {
    matches!(payload, Payload::BookDiff(_) | Payload::BookSnapshot(_) | Payload::BookState(_))
}
