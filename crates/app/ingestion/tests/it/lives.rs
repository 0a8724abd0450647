//! A live feed, which delivers everything once: processes die at any step of their journal while snapshots are withheld and
//! the store is away, and everything that came to the journal is in the store in the end.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use onetape_domain::engine::Outcome;
use onetape_domain::frame::{FrameParts, FrameShape, assemble};
use onetape_domain::instrument::Instrument;
use onetape_domain::message::{FeedMessage, Payload};
use onetape_domain::time::Timestamp;
use onetape_ingestion::{DataIngestionPipeline, PipelineConfig};
use onetape_memory::{MemoryCache, MemoryStore, SystemClock};
use onetape_ports::{
    FrameQuery, FrameStore as _, HotCache, Journal, JournalEntry, JournalError, JournalEventRef,
    JournalRecord, JournalRecovery, Knowledge, StoreErrorKind,
};
use onetape_testkit::dump::first_difference;
use onetape_testkit::generator::{Ids, Rng};
use onetape_testkit::{FaultPlan, FaultStore, When};
use parking_lot::Mutex;
use proptest::prelude::*;
use tokio::sync::watch;

use crate::support::{RULES, config, instruments, journal, messages, tables, undisturbed};

/// Bytes of the journal: a few segments and the books at their beginning.
const TINY: u64 = 40_000;
const SHAPE: FrameShape = FrameShape { candles: 20, context_window: 10_000_000, imbalances: 20 };

/// When a process dies: so many steps of its journal after so many new segments.
#[derive(Debug, Clone, Copy)]
struct Fate {
    rotations: u64,
    steps: u64,
}

impl Fate {
    /// Half of them within the first steps of a new segment.
    fn of(random: &mut Rng) -> Self {
        if random.per_mille(500) {
            Self {
                rotations: random.between(1, 3).unsigned_abs(),
                steps: random.between(0, 5).unsigned_abs(),
            }
        } else {
            Self { rotations: 0, steps: random.between(5, 400).unsigned_abs() }
        }
    }
}

/// What a process did before it died, and its death.
#[derive(Debug)]
struct Life {
    fate: Option<Fate>,
    taken: Vec<FeedMessage>,
}

/// The journal of a process that is mortal: from one step on nothing reaches the disk, nothing is acknowledged, and the
/// store is out of reach.
#[derive(Debug)]
struct Mortal {
    inner: Arc<dyn Journal>,
    life: Mutex<Life>,
    store: FaultPlan,
    is_dead: watch::Sender<bool>,
}

impl Mortal {
    fn new(folder: &Path, fate: Option<Fate>, store: FaultPlan) -> Arc<Self> {
        let life = Mutex::new(Life { fate, taken: Vec::new() });
        Arc::new(Self { inner: journal(folder), life, store, is_dead: watch::Sender::new(false) })
    }

    /// Makes a step, unless it is dead.
    fn step<T>(
        &self,
        is_rotation: bool,
        dead: T,
        make: impl FnOnce(&mut Life) -> Result<T, JournalError>,
    ) -> Result<T, JournalError> {
        let mut life = self.life.lock();
        if *self.is_dead.borrow() {
            return Ok(dead);
        }
        if let Some(fate) = &mut life.fate {
            if fate.rotations == 0 && fate.steps == 0 {
                self.store.outage(When::Before, StoreErrorKind::Connection);
                self.is_dead.send_replace(true);
                return Ok(dead);
            }
            if fate.rotations == 0 {
                fate.steps -= 1;
            } else if is_rotation {
                fate.rotations -= 1;
            }
        }
        make(&mut life)
    }
}

impl fmt::Display for Mortal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of a mortal", self.inner)
    }
}

#[async_trait]
impl Journal for Mortal {
    async fn recovered(&self, limit: usize) -> Result<Vec<JournalRecord>, JournalError> {
        self.inner.recovered(limit).await
    }
    fn recovery(&self) -> JournalRecovery {
        self.inner.recovery()
    }
    fn append(&self, entry: JournalEntry<'_>) -> Result<u64, JournalError> {
        self.step(false, u64::MAX, |life| {
            if let JournalEventRef::Message(message) = entry.event {
                life.taken.push(message.clone());
            }
            self.inner.append(entry)
        })
    }
    async fn synced(&self, position: u64) -> Result<(), JournalError> {
        if !*self.is_dead.borrow() {
            self.inner.synced(position).await?;
        }
        if *self.is_dead.borrow() { std::future::pending().await } else { Ok(()) }
    }
    fn rotate(&self) -> Result<u64, JournalError> {
        self.step(true, u64::MAX, |_| self.inner.rotate())
    }
    fn trim(&self, before: u64) -> Result<(), JournalError> {
        self.step(false, (), |_| self.inner.trim(before))
    }
    fn bytes(&self) -> u64 {
        self.inner.bytes()
    }
    fn segment_bytes(&self) -> u64 {
        self.inner.segment_bytes()
    }
    async fn close(&self) {
        self.inner.close().await
    }
}

/// A frame that somebody was shown.
struct Shown {
    instrument: Instrument,
    as_of: Timestamp,
    text: String,
}

fn frame(instrument: &Instrument, as_of: Timestamp, parts: FrameParts) -> String {
    let frame = assemble(instrument.clone(), as_of, SHAPE, parts).expect("parts that agree");
    frame.to_canonical_json()
}

fn query(instrument: &Instrument, as_of: Timestamp) -> FrameQuery {
    FrameQuery { instrument: instrument.clone(), as_of, shape: SHAPE, knowledge: Knowledge::AsRecorded }
}

/// A process over a store that outlives it.
struct Process {
    pipeline: DataIngestionPipeline,
    cache: Arc<MemoryCache>,
    journal: Arc<Mortal>,
    store: FaultPlan,
    limit: u64,
}

impl Process {
    async fn start(store: &Arc<MemoryStore>, folder: &Path, limit: u64, fate: Option<Fate>) -> Self {
        let store = Arc::new(FaultStore::new(store.clone()));
        let plan = store.plan().clone();
        let cache = Arc::new(MemoryCache::default());
        let journal = Mortal::new(folder, fate, plan.clone());
        let config = PipelineConfig {
            max_journal_bytes: limit,
            first_retry_pause: Duration::from_millis(1),
            max_retry_pause: Duration::from_millis(5),
            flush_interval: Duration::from_millis(20),
            ..config()
        };
        let started = DataIngestionPipeline::start_with_journal(
            store,
            Some(cache.clone()),
            Arc::new(SystemClock::default()),
            journal.clone(),
            config,
        );
        let (pipeline, _) = started.await.expect("started");
        Self { pipeline, cache, journal, store: plan, limit }
    }

    /// Takes a message in; none where the process died of it.
    async fn ingest(&self, message: &FeedMessage) -> Option<Outcome> {
        let mut dead = self.journal.is_dead.subscribe();
        if self.journal.bytes() >= self.limit * 3 / 4 {
            self.find_store();
        }
        tokio::select! {
            biased;
            _ = dead.wait_for(|is_dead| *is_dead) => None,
            step = self.pipeline.ingest(message, RULES) => Some(step.expect("taken in").outcome),
        }
    }

    /// Takes the store away, unless an instrument waits to be loaded from it.
    fn lose_store(&self) {
        if self.pipeline.status().instruments.len() == instruments().len() {
            self.store.outage(When::Before, StoreErrorKind::Connection);
        }
    }

    /// Gives it back, but not to the dead.
    fn find_store(&self) {
        let _life = self.journal.life.lock();
        if !*self.journal.is_dead.borrow() {
            self.store.recover();
        }
    }

    fn look(&self, instrument: &Instrument) -> Option<Shown> {
        let as_of = self.cache.issued(instrument)?;
        let (as_of, parts) = self.cache.frame_parts(&query(instrument, as_of))?;
        Some(Shown { instrument: instrument.clone(), as_of, text: frame(instrument, as_of, parts) })
    }

    /// What came to its journal.
    async fn end(self) -> Vec<FeedMessage> {
        // Nothing is written by it any more; its journal lets go of the folder.
        drop(self.pipeline.shutdown(Duration::ZERO).await);
        self.journal.close().await;
        std::mem::take(&mut self.journal.life.lock().taken)
    }
}

/// What a venue sends, but for diffs that never come, and with its snapshots up to ten seconds late.
fn market(ids: Ids, seed: u64) -> Vec<FeedMessage> {
    let mut random = Rng::new(seed);
    let mut all = messages(30, ids, 4);
    all.retain(|message| !matches!(message.payload, Payload::BookDiff(_)) || !random.per_mille(15));
    for message in &mut all {
        if let Payload::BookSnapshot(_) = message.payload {
            message.received_at = message.received_at.plus(random.between(0, 10_000_000));
        }
    }
    all.sort_by_key(|message| message.received_at);
    all
}

/// The first difference, as far as a report needs it.
fn difference(got: &str, want: &str) -> Option<String> {
    let difference = first_difference(got, want)?;
    Some(difference.lines().map(|line| format!("{line:.200}\n")).collect())
}

/// How a feed went through its processes.
struct Story {
    store: Arc<MemoryStore>,
    taken: Vec<FeedMessage>,
    shown: Vec<Shown>,
    deaths: usize,
}

async fn live(all: &[FeedMessage], limit: u64, seed: u64) -> Story {
    let mut random = Rng::new(seed);
    let folder = tempfile::tempdir().expect("folder");
    let store = Arc::new(MemoryStore::default());
    let (mut taken, mut shown, mut deaths) = (Vec::new(), Vec::new(), 0);
    let mut process = Process::start(&store, folder.path(), limit, Some(Fate::of(&mut random))).await;
    for message in all {
        match process.ingest(message).await {
            None => {
                deaths += 1;
                taken.extend(process.end().await);
                let fate = (deaths < 6).then(|| Fate::of(&mut random));
                process = Process::start(&store, folder.path(), limit, fate).await;
            }
            Some(_) => match random.between(0, 100) {
                0 => process.lose_store(),
                1..=2 => process.find_store(),
                3..=6 => shown.extend(process.look(&message.instrument)),
                _ => {}
            },
        }
    }
    process.journal.life.lock().fate = None;
    if *process.journal.is_dead.borrow() {
        taken.extend(process.end().await);
        process = Process::start(&store, folder.path(), limit, None).await;
    }
    process.store.recover();
    process.pipeline.end_of_feed().await.expect("written");
    taken.extend(process.end().await);
    Story { store, taken, shown, deaths }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10, max_shrink_iters: 0, ..ProptestConfig::default() })]

    #[test]
    fn what_came_to_the_journal_outlives_any_number_of_deaths(
        seed in any::<u64>(),
        ids in prop::sample::select(vec![Ids::Contiguous, Ids::Text]),
        limit in prop::sample::select(vec![TINY, u64::MAX / 4]),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
        runtime.block_on(async {
            let all = market(ids, seed);
            let story = live(&all, limit, seed).await;
            prop_assert!(story.deaths > 1 && story.shown.len() > 10, "{} deaths, {} frames", story.deaths, story.shown.len());
            let (got, want) = (tables(&story.store).await, undisturbed(&story.taken, RULES).await);
            prop_assert!(got == want, "{:?}", difference(&got, &want));
            for Shown { instrument, as_of, text } in story.shown {
                let parts = story.store.frame_parts(&query(&instrument, as_of)).await.expect("read");
                let stored = frame(&instrument, as_of, parts);
                prop_assert!(stored == text, "{instrument} at {as_of}: {:?}", difference(&stored, &text));
            }
            Ok(())
        })?;
    }
}
