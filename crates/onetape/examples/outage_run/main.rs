//! A store that is away for a while under a feed of so many messages a second, with a journal: what waits, what readers are
//! answered meanwhile, how fast it is caught up with, and whether anything was lost.
//!
//!     cargo run --profile bench -p onetape --no-default-features --features sqlite,journal --example outage_run -- \
//!         FOLDER [RATE [SECONDS_AWAY [paced|fast]]]
//!
//! `paced` runs in real time; `fast` lets the feed deliver as fast as it is taken in, and counts the seconds of the tape: the
//! store is back when so much of the tape has passed, or when the feed has been held back for a while, since no more
//! of the tape can pass then.
#![expect(clippy::print_stdout, reason = "it prints what it measured")]
#![expect(clippy::disallowed_methods, reason = "it measures time, and decides nothing by it")]

mod feed;
mod readers;
mod watch;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use onetape::journal::{FileJournal, JournalOptions};
use onetape::memory::{MemoryCache, MemoryStore, SystemClock};
use onetape::ports::{HotCache, MarketStore};
use onetape::prelude::*;
use onetape_testkit::FaultStore;
use onetape_testkit::dump::{dump, first_difference};
use onetape_testkit::generator::Market as SimulatedMarket;

use crate::feed::{Live, Scene};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const INSTRUMENTS: u64 = 20;
/// Seconds of the feed before the store goes, in each of two lives of the process, and after it is back.
const BESIDE: u32 = 20;

/// What is to be run.
#[derive(Debug, Clone, Copy)]
struct Plan {
    /// Messages a second of all instruments.
    rate: u32,
    /// Seconds without the store.
    away: u32,
    is_paced: bool,
}

impl Plan {
    /// Seconds of the tape at which the second life begins, the store goes, and it is back.
    const fn moments(self) -> (u32, u32, u32) {
        (BESIDE, 2 * BESIDE, 2 * BESIDE + self.away)
    }

    /// Seconds of the tape: as long again after the outage, so that catching up meets a feed that goes on.
    const fn seconds(self) -> u32 {
        3 * BESIDE + 2 * self.away
    }

    /// One in five messages is of trades, the others are diffs of books.
    fn markets(self) -> Outcome<Vec<SimulatedMarket>> {
        let each = self.rate / u32::try_from(INSTRUMENTS)?;
        let market = |number: u64| {
            let instrument: Instrument = format!("binance:COIN{number}/USDT").parse()?;
            Ok(SimulatedMarket {
                seconds: self.seconds(),
                trades_per_second: each * 2 / 15,
                diff_every_ms: (1_250 / each.max(1)).max(1),
                ..SimulatedMarket::new(instrument, number)
            })
        };
        (0..INSTRUMENTS).map(market).collect()
    }
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let folder = PathBuf::from(arguments.first().ok_or("which folder?")?);
    let number = |at: usize, usual: u32| arguments.get(at).map_or(Ok(usual), |text| text.parse());
    let is_paced = arguments.get(3).is_none_or(|how| how == "paced");
    let plan = Plan { rate: number(1, 5_000)?, away: number(2, 60)?, is_paced };
    std::fs::create_dir_all(&folder)?;
    let tape = Onetape::open(&format!("sqlite://{}", folder.join("market.db").display())).await?;
    let store = Arc::new(FaultStore::new(tape.store().clone()));
    let scene = Scene::new(plan, store.plan().clone())?;
    let frames = measure(plan, &scene, store, &folder).await?;

    println!(
        "frames answered in the outage that the store answers alike: {}",
        frames.answered_alike(&tape).await?
    );
    let differences = differences(&**tape.store(), plan).await?;
    println!("instruments whose tables differ from an undisturbed run: {differences}");
    tape.close(Duration::from_secs(60)).await?;
    if differences > 0 { Err("something was lost or doubled".into()) } else { Ok(()) }
}

/// Runs the feed through the outage to its end; gives the frames that readers were answered meanwhile.
async fn measure(
    plan: Plan,
    scene: &Arc<Scene>,
    store: Arc<FaultStore<dyn MarketStore>>,
    folder: &Path,
) -> Outcome<readers::Readings> {
    let mut feed = Live::new(plan, scene.clone())?;
    let pipeline = || start(store.clone(), folder);
    // What is stored before, and not in the cache of the process that meets the outage.
    let (before, _) = pipeline().await?;
    feed.until(plan.moments().0);
    before.follow(&mut feed).await?;
    before.shutdown(Duration::from_secs(60)).await?;

    let (pipeline, cache) = pipeline().await?;
    let watch = tokio::spawn(watch::watch(pipeline.clone(), scene.clone(), plan));
    let provider = UnifiedDataProvider::new(
        store,
        Arc::new(SystemClock::default()),
        ProviderConfig::for_exchange(Exchange::binance()),
    );
    let reading = tokio::spawn(readers::read(provider.with_cache(cache), scene.clone(), plan));
    feed.until(u32::MAX);
    let begun = Instant::now();
    pipeline.follow(&mut feed).await?;
    scene.end();
    let (seen, readings) = (watch.await?, reading.await?);
    pipeline.end_of_feed().await?;
    let summary = pipeline.shutdown(Duration::from_secs(60)).await?;
    let (messages, seconds) = (summary.messages, plan.seconds() - plan.moments().0);
    println!(
        "{messages} messages of {INSTRUMENTS} instruments, {} a second of the tape, in {:.0} s; store away for {} s of it",
        messages / u64::from(seconds),
        begun.elapsed().as_secs_f64(),
        plan.away
    );
    println!("{} trades, {} candles, {} books", summary.trades, summary.candles, summary.books);
    println!("{seen}");
    println!("{readings}");
    Ok(readings)
}

/// A pipeline as a program has it: journal at `always`, cache, all limits as they are without settings.
async fn start(
    store: Arc<FaultStore<dyn MarketStore>>,
    folder: &Path,
) -> Outcome<(DataIngestionPipeline, Arc<dyn HotCache>)> {
    let cache: Arc<dyn HotCache> = Arc::new(MemoryCache::default());
    let journal = Arc::new(FileJournal::open(folder.join("journal"), JournalOptions::default())?);
    let clock = Arc::new(SystemClock::default());
    let config = PipelineConfig::default();
    let started =
        DataIngestionPipeline::start_with_journal(store, Some(cache.clone()), clock, journal, config).await?;
    Ok((started.0, cache))
}

/// Instruments whose tables are not those of a run in which nothing happened.
async fn differences(store: &dyn MarketStore, plan: Plan) -> Outcome<usize> {
    let calm: Arc<dyn MarketStore> = Arc::new(MemoryStore::default());
    let clock = Arc::new(SystemClock::default());
    let pipeline = DataIngestionPipeline::start(calm.clone(), None, clock, PipelineConfig::default());
    let unwatched = Scene::new(plan, onetape_testkit::FaultPlan::default())?;
    pipeline.run(&mut Live::new(Plan { is_paced: false, ..plan }, unwatched)?).await?;
    let mut differences = 0;
    for market in plan.markets()? {
        let (got, want) = (dump(store, &market.instrument).await?, dump(&*calm, &market.instrument).await?);
        if let Some(difference) = first_difference(&got, &want) {
            println!("{}: {difference:?}", market.instrument);
            differences += 1;
        }
    }
    Ok(differences)
}
