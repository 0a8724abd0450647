//! Messages of two markets, and processes that end or crash over a store that outlives them.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use onetape_domain::instrument::Instrument;
use onetape_domain::message::FeedMessage;
use onetape_domain::time::Timestamp;
use onetape_domain::venue::VenueRules;
use onetape_ingestion::{DataIngestionPipeline, PipelineConfig};
use onetape_journal::{FileJournal, JournalOptions};
use onetape_memory::{MemoryCache, MemoryStore};
use onetape_ports::{HotCache, Journal, JournalRecovery, MarketStore};
use onetape_testkit::clock::ManualClock;
use onetape_testkit::dump::dump;
use onetape_testkit::generator::{Ids, Market};
use tempfile::TempDir;

pub(crate) const RULES: VenueRules = VenueRules::BINANCE_SPOT;

pub(crate) fn instruments() -> [Instrument; 2] {
    ["binance:ETH/USDT", "binance:BTC/USDT"].map(|name| name.parse().expect("instrument"))
}

/// Two markets, their messages in turn.
pub(crate) fn messages(seconds: u32, ids: Ids, snapshot_every: u32) -> Vec<FeedMessage> {
    let [a, b] = instruments().map(|instrument| {
        let seed = instrument.to_string().len() as u64;
        Market { seconds, ids, snapshot_every, ..Market::new(instrument, seed) }.messages()
    });
    let mut all: Vec<FeedMessage> = a.into_iter().chain(b).collect();
    all.sort_by_key(|message| message.received_at);
    all
}

/// Rows are written when the test says so, and the journal is let go in small pieces.
pub(crate) fn config() -> PipelineConfig {
    PipelineConfig {
        batch_size: usize::MAX,
        max_pending_rows: usize::MAX,
        flush_interval: Duration::from_millis(80),
        journal_segment_bytes: 4_096,
        ..PipelineConfig::default()
    }
}

pub(crate) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp::from_micros(1_723_161_600_000_000)))
}

pub(crate) fn journal(folder: &Path) -> Arc<dyn Journal> {
    Arc::new(FileJournal::open(folder, JournalOptions::default()).expect("a journal"))
}

/// A process: a pipeline over a store that outlives it, with a journal in a folder.
pub(crate) struct Process {
    pub(crate) pipeline: DataIngestionPipeline,
    pub(crate) folder: TempDir,
    pub(crate) recovery: JournalRecovery,
}

impl Process {
    pub(crate) async fn start(store: &Arc<impl MarketStore>, folder: TempDir) -> Self {
        Self::start_with(store, folder, config()).await
    }

    pub(crate) async fn start_with(
        store: &Arc<impl MarketStore>,
        folder: TempDir,
        config: PipelineConfig,
    ) -> Self {
        let store: Arc<dyn MarketStore> = store.clone();
        let cache: Arc<dyn HotCache> = Arc::new(MemoryCache::default());
        let journal = journal(folder.path());
        let started =
            DataIngestionPipeline::start_with_journal(store, Some(cache), clock(), journal, config).await;
        let (pipeline, recovery) = started.expect("started");
        Self { pipeline, folder, recovery }
    }

    /// The folder as a crash leaves it: what was written, and nothing of what was not.
    pub(crate) fn crash(self) -> TempDir {
        let image = loop {
            let image = tempfile::tempdir().expect("folder");
            let names = self.names();
            let copied = |name| {
                let path = self.folder.path().join(name);
                !path.is_file() || fs::copy(path, image.path().join(name)).is_ok()
            };
            // Where one segment takes the place of another meanwhile, neither may be in the image.
            if names.iter().all(copied) && names == self.names() {
                break image;
            }
        };
        std::mem::forget(self.pipeline);
        image
    }

    fn names(&self) -> Vec<OsString> {
        let mut names: Vec<OsString> = fs::read_dir(self.folder.path())
            .expect("folder")
            .flatten()
            .map(|entry| entry.file_name())
            .collect();
        names.sort();
        names
    }
}

pub(crate) async fn tables(store: &MemoryStore) -> String {
    let mut all = String::new();
    for instrument in instruments() {
        all.push_str(&dump(store, &instrument).await.expect("dump"));
    }
    all
}

/// The tables where nothing fails and nothing is needed for that.
pub(crate) async fn undisturbed(messages: &[FeedMessage], rules: VenueRules) -> String {
    let store = Arc::new(MemoryStore::default());
    let pipeline = DataIngestionPipeline::start(store.clone(), None, clock(), config());
    for message in messages {
        pipeline.ingest(message, rules).await.expect("taken in");
    }
    pipeline.end_of_feed().await.expect("ended");
    tables(&store).await
}
