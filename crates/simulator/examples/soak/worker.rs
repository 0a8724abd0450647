//! The process that collects: live feeds, a pipeline with a journal, a store that fails now and then. It may be killed at any
//! moment. Ends in order when its standard input does.

use std::convert::Infallible;
use std::fmt;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use onetape::exchanges::live::{BinanceHistory, LiveConfig, LiveControl, LiveFeed, Timing};
use onetape::ingestion::{IngestSummary, RepairOptions};
use onetape::journal::{FileJournal, JournalOptions};
use onetape::memory::{MemoryCache, SystemClock};
use onetape::ports::{HotCache, MarketStore, WallClock};
use onetape::prelude::*;
use onetape_simulator::script::market_of;
use onetape_testkit::generator::Rng;
use onetape_testkit::{FaultStore, When};
use tokio::io::AsyncReadExt as _;

/// Calls between two faults of the store, on average.
const CALLS: i64 = 12;
/// Entries of the script of a store's faults: more than one life has calls.
const SCRIPT: usize = 5_000;
/// Real time between two frames that are captured.
const CAPTURE: Duration = Duration::from_millis(150);

/// What a process is told.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Orders {
    /// Decides when the store fails
    #[arg(long)]
    pub(crate) seed: u64,
    #[arg(long)]
    pub(crate) store: String,
    #[arg(long)]
    pub(crate) journal: PathBuf,
    /// Where captured frames are appended: instrument, instant and text, a line each
    #[arg(long)]
    pub(crate) frames: PathBuf,
    /// Market time in microseconds since 1970, at a moment
    #[arg(long)]
    pub(crate) market_time: i64,
    /// The same moment by the clock of the machine
    #[arg(long)]
    pub(crate) machine_time: i64,
    #[arg(long)]
    pub(crate) speed: i64,
    /// `market ws-address rest-address`, once for each market
    #[arg(long, num_args = 3)]
    pub(crate) venue: Vec<String>,
    #[arg(long)]
    pub(crate) instrument: Vec<Instrument>,
    #[arg(long)]
    pub(crate) no_repair: bool,
}

/// Market time, reckoned from the clock of the machine.
#[derive(Debug)]
struct MarketClock {
    machine: SystemClock,
    market_time: i64,
    machine_time: i64,
    speed: i64,
}

impl fmt::Display for MarketClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("market time")
    }
}

impl WallClock for MarketClock {
    fn now(&self) -> Timestamp {
        let passed = self.machine.now().micros() - self.machine_time;
        Timestamp::from_micros(self.market_time + passed * self.speed)
    }

    fn monotonic_micros(&self) -> i64 {
        self.machine.monotonic_micros()
    }
}

/// Collects until the standard input ends; prints what it did.
pub(crate) async fn work(orders: &Orders) -> Result<()> {
    let clock: Arc<dyn WallClock> = Arc::new(MarketClock {
        machine: SystemClock::default(),
        market_time: orders.market_time,
        machine_time: orders.machine_time,
        speed: orders.speed,
    });
    let opened = open(&orders.store).await?;
    let store = Arc::new(FaultStore::new(opened.store().clone()));
    let failing = script(&store, orders.seed);
    let journal = FileJournal::open(&orders.journal, JournalOptions::default())?;
    let cache: Arc<dyn HotCache> = Arc::new(MemoryCache::default());
    let config = PipelineConfig {
        flush_interval: Duration::from_millis(400),
        first_retry_pause: Duration::from_millis(10),
        max_retry_pause: Duration::from_millis(200),
        journal_segment_bytes: 512 << 10,
        ..PipelineConfig::default()
    };
    let (pipeline, recovery) = DataIngestionPipeline::start_with_journal(
        store.clone(),
        Some(cache.clone()),
        clock.clone(),
        Arc::new(journal),
        config,
    )
    .await?;
    crate::account::tell("recovered", recovery.records);
    anyhow::ensure!(recovery.damage.len() <= 1, "more than a torn end: {:?}", recovery.damage);

    let provider = UnifiedDataProvider::new(
        store.clone() as Arc<dyn MarketStore>,
        clock.clone(),
        ProviderConfig::for_exchange(Exchange::binance()),
    );
    let capturing = tokio::spawn(capture(provider.with_cache(cache), orders.clone()));
    let mut runs = tokio::task::JoinSet::new();
    let mut controls: Vec<LiveControl> = Vec::new();
    let configs = orders.venue.chunks(3).map(config_of).collect::<Result<Vec<LiveConfig>>>()?;
    for config in &configs {
        let own = |instrument: &&Instrument| market_of(instrument) == config.market;
        let instruments: Vec<Instrument> = orders.instrument.iter().filter(own).cloned().collect();
        let (mut feed, control) = LiveFeed::open(config.clone(), &instruments, clock.clone()).await?;
        controls.push(control);
        let pipeline = pipeline.clone();
        runs.spawn(async move { pipeline.run(&mut feed).await });
    }
    let history = BinanceHistory::new(&configs, None)?;
    let mut input = tokio::io::stdin();
    let told = async { input.read_to_end(&mut Vec::new()).await };
    let telling = async {
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let calls = usize::try_from(store.plan().calls("append")).unwrap_or(usize::MAX);
            crate::account::tell("store_faults", failing.iter().filter(|call| **call < calls).count() as u64);
            tell_summary(&pipeline.summary());
        }
    };
    tokio::select! {
        ended = runs.join_next() => anyhow::bail!("a feed ended by itself: {ended:?}"),
        told = told => drop(told?),
        failed = repair_again_and_again(&pipeline, &history), if !orders.no_repair => drop(failed?),
        () = telling => {}
    }
    controls.iter().for_each(LiveControl::stop);
    if !orders.no_repair {
        // What is left open then is named by the log: the venue's limits may be used up for this minute.
        let options = RepairOptions { patience: Duration::from_secs(5), ..RepairOptions::default() };
        pipeline.repair(&history, &options).await?;
    }
    while let Some(run) = runs.join_next().await {
        run.context("a feed's task")??;
    }
    capturing.abort();
    let summary = pipeline.shutdown(Duration::from_secs(30)).await?;
    tell_summary(&summary);
    opened.close(Duration::from_secs(10)).await?;
    Ok(())
}

async fn repair_again_and_again(
    pipeline: &DataIngestionPipeline,
    history: &BinanceHistory,
) -> Result<Infallible> {
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        pipeline.repair(history, &RepairOptions::BACKGROUND).await?;
    }
}

/// Opens the store, again and again for a while: the network may be down at this very moment.
async fn open(store: &str) -> Result<Onetape> {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        match Onetape::open(store).await {
            Err(error) if tokio::time::Instant::now() < deadline => drop(error),
            opened => return Ok(opened?),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn tell_summary(summary: &IngestSummary) {
    let counts = [
        ("messages", summary.messages),
        ("stamped", summary.stamped),
        ("redelivered", summary.redelivered),
        ("quarantined", summary.quarantined),
        ("trades", summary.trades),
        ("candles", summary.candles),
        ("revisions", summary.revisions),
        ("books", summary.books),
    ];
    for (what, count) in counts {
        crate::account::tell(what, count);
    }
}

/// Which calls of `append` fail, before they are made or after.
fn script(store: &FaultStore<dyn MarketStore>, seed: u64) -> Vec<usize> {
    let mut rng = Rng::new(seed);
    let mut failing = Vec::new();
    let mut call = 0;
    while call < SCRIPT {
        let pass = usize::try_from(rng.between(1, 2 * CALLS)).unwrap_or(1);
        store.plan().pass("append", pass);
        call += pass;
        let when = if rng.per_mille(500) { When::Before } else { When::After };
        let kinds = [StoreErrorKind::Connection, StoreErrorKind::Timeout, StoreErrorKind::Serialization];
        store.plan().fail("append", when, kinds[usize::try_from(rng.between(0, 2)).unwrap_or(0)]);
        failing.push(call);
        call += 1;
    }
    failing
}

fn config_of(venue: &[String]) -> Result<LiveConfig> {
    let [market, websocket, rest] = venue else { anyhow::bail!("a venue has three parts") };
    Ok(LiveConfig {
        websocket: websocket.clone(),
        rest: rest.clone(),
        timing: Timing {
            connect: Duration::from_secs(2),
            idle: Duration::from_secs(2),
            quiet: Duration::from_secs(5),
            first_pause: Duration::from_millis(20),
            max_pause: Duration::from_millis(500),
            snapshot_pause: Duration::from_millis(50),
            ..Timing::default()
        },
        ..LiveConfig::new(market.parse()?)
    })
}

/// Asks for frames as they are now, and writes down what was answered.
async fn capture(provider: UnifiedDataProvider, orders: Orders) -> Result<()> {
    let mut file = std::fs::File::options().create(true).append(true).open(&orders.frames)?;
    for instrument in orders.instrument.iter().cycle() {
        tokio::time::sleep(CAPTURE).await;
        let symbol = instrument.symbol().as_str();
        // Nothing of it may have come yet; where the store fails, there is no answer.
        if let Ok(frame) = provider.get_inference_data(symbol, None, Duration::from_secs(20)).await {
            // What a kill cuts off has no end.
            let line = format!("\n{symbol} {} {} end", frame.as_of.micros(), frame.to_canonical_json());
            file.write_all(line.as_bytes())?;
        }
    }
    Ok(())
}
