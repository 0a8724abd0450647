//! A store that is away for a while under a feed of so many messages a second, with a journal: what waits, and how fast it
//! is caught up with.
//!
//!     cargo run --profile bench -p onetape --no-default-features --features sqlite,journal --example outage_run -- \
//!         FOLDER [RATE [SECONDS_AWAY [paced|fast]]]
//!
//! `paced` runs in real time; `fast` lets the feed deliver as fast as it is taken in, and counts the seconds of the tape.
#![expect(clippy::print_stdout, reason = "it prints what it measured")]
#![expect(clippy::disallowed_methods, reason = "it measures time, and decides nothing by it")]

use std::error::Error;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use onetape::domain::message::FeedMessage;
use onetape::domain::venue::VenueRules;
use onetape::journal::{FileJournal, JournalOptions};
use onetape::memory::{MemoryCache, MemoryStore, SystemClock};
use onetape::ports::{Feed, FeedError, FeedEvent, HotCache, MarketStore, StoreErrorKind};
use onetape::prelude::*;
use onetape_testkit::dump::{dump, first_difference};
use onetape_testkit::feed::VecFeed;
use onetape_testkit::generator::Market as SimulatedMarket;
use onetape_testkit::{FaultStore, When};

type Outcome<T> = Result<T, Box<dyn Error>>;

const RULES: VenueRules = VenueRules::BINANCE_SPOT;
const INSTRUMENTS: usize = 10;
/// Seconds of the feed before and after.
const BESIDE: usize = 20;

/// What was seen while it ran.
#[derive(Debug, Default)]
struct Seen {
    rows: usize,
    bytes: usize,
    journal: u64,
    /// The longest time for which the feed was not asked for more, and all of it.
    held: (f64, f64),
}

/// The messages in their order: at their pace, or as fast as they are taken.
struct Live {
    messages: std::vec::IntoIter<FeedMessage>,
    delivered: usize,
    rate: usize,
    is_paced: bool,
    begun: Instant,
    away: std::ops::Range<usize>,
    pipeline: DataIngestionPipeline,
    store: Arc<FaultStore<dyn MarketStore>>,
    seen: Seen,
    asked: Option<Instant>,
    back: Option<(Instant, usize, usize)>,
    caught_up: Option<(f64, usize)>,
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Live")
    }
}

impl fmt::Display for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a live feed")
    }
}

#[async_trait]
impl Feed for Live {
    async fn next_batch(&mut self, events: &mut Vec<FeedEvent>, limit: usize) -> Result<bool, FeedError> {
        let status = self.pipeline.status();
        self.seen.rows = self.seen.rows.max(status.pending_rows);
        self.seen.bytes = self.seen.bytes.max(status.pending_bytes);
        self.seen.journal = self.seen.journal.max(status.journal_bytes.unwrap_or(0));
        if let Some(asked) = self.asked {
            let held = asked.elapsed().as_secs_f64();
            self.seen.held = (self.seen.held.0.max(held), self.seen.held.1 + held);
        }
        if let (Some((back, ..)), None) = (self.back, self.caught_up)
            && status.pending_rows < 2_000
        {
            self.caught_up = Some((back.elapsed().as_secs_f64(), self.delivered));
        }
        if self.is_paced {
            let due = self.delivered as f64 / self.rate as f64;
            let ahead = due - self.begun.elapsed().as_secs_f64();
            if ahead > 0.0 {
                tokio::time::sleep(Duration::from_secs_f64(ahead.max(0.005))).await;
            }
        }
        let count = limit.min(self.rate / 50);
        let before = self.delivered;
        events.extend(self.messages.by_ref().take(count).map(FeedEvent::Message));
        self.delivered += count;
        if before < self.away.start && self.delivered >= self.away.start {
            self.store.plan().outage(When::Before, StoreErrorKind::Connection);
        }
        if before < self.away.end && self.delivered >= self.away.end {
            self.store.plan().recover();
            self.back = Some((Instant::now(), status.pending_rows, self.delivered));
        }
        self.asked = Some(Instant::now());
        Ok(self.messages.len() > 0)
    }

    fn rules(&self) -> VenueRules {
        RULES
    }

    fn progress(&self) -> (u64, Option<u64>) {
        (self.delivered as u64, None)
    }

    fn want_books(&mut self, _: &[Instrument]) {}
}

fn instruments() -> Outcome<Vec<Instrument>> {
    (0..INSTRUMENTS).map(|number| Ok(format!("binance:COIN{number}/USDT").parse()?)).collect()
}

/// Messages of all instruments, so many a second together: one in five a trade message, the others of books.
fn messages(rate: usize, seconds: usize) -> Outcome<Vec<FeedMessage>> {
    let each = rate / INSTRUMENTS;
    let mut all = Vec::new();
    for (number, instrument) in instruments()?.into_iter().enumerate() {
        let market = SimulatedMarket {
            seconds: u32::try_from(seconds)?,
            trades_per_second: u32::try_from(each / 6)?,
            diff_every_ms: u32::try_from(1_250 / each.max(1))?.max(1),
            ..SimulatedMarket::new(instrument, number as u64)
        };
        all.extend(market.messages());
    }
    all.sort_by_key(|message| message.received_at);
    Ok(all)
}

async fn differences(store: &dyn MarketStore, other: &dyn MarketStore) -> Outcome<usize> {
    let mut differences = 0;
    for instrument in instruments()? {
        let (got, want) = (dump(store, &instrument).await?, dump(other, &instrument).await?);
        if let Some(difference) = first_difference(&got, &want) {
            println!("{instrument}: {difference:?}");
            differences += 1;
        }
    }
    Ok(differences)
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let folder = PathBuf::from(arguments.first().ok_or("which folder?")?);
    let number = |at: usize, usual: usize| arguments.get(at).map_or(Ok(usual), |text| text.parse());
    let (asked_rate, away) = (number(1, 5_000)?, number(2, 60)?);
    let is_paced = arguments.get(3).is_none_or(|how| how == "paced");
    let all = messages(asked_rate, away + 2 * BESIDE)?;
    let rate = all.len() / (away + 2 * BESIDE);
    println!("{} messages of {INSTRUMENTS} instruments, {rate}/s, {away} s away", all.len());

    std::fs::create_dir_all(&folder)?;
    let url = format!("sqlite://{}", folder.join("market.db").display());
    let tape = Onetape::open(&url).await?;
    let store = Arc::new(FaultStore::new(tape.store().clone()));
    let cache: Arc<dyn HotCache> = Arc::new(MemoryCache::default());
    let clock = Arc::new(SystemClock::default());
    let journal = Arc::new(FileJournal::open(folder.join("journal"), JournalOptions::default())?);
    let config = PipelineConfig::default();
    let faulty: Arc<dyn MarketStore> = store.clone();
    let (pipeline, _) =
        DataIngestionPipeline::start_with_journal(faulty, Some(cache), clock.clone(), journal, config)
            .await?;
    let mut feed = Live {
        messages: all.clone().into_iter(),
        delivered: 0,
        rate,
        is_paced,
        begun: Instant::now(),
        away: BESIDE * rate..(BESIDE + away) * rate,
        pipeline: pipeline.clone(),
        store,
        seen: Seen::default(),
        asked: None,
        back: None,
        caught_up: None,
    };
    let begun = Instant::now();
    // Where there is no more room the feed cannot bring the store back: it is back after that much time at the latest.
    let plan = feed.store.plan().clone();
    let watchdog = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs((BESIDE + away + 5) as u64)).await;
        plan.recover();
    });
    pipeline.run(&mut feed).await?;
    let seconds = begun.elapsed().as_secs_f64();
    watchdog.abort();
    let Seen { rows, bytes, journal, held } = feed.seen;
    println!(
        "took {seconds:.1} s; most that waited: {rows} rows, {:.1} MB; journal {:.1} MB",
        mb(bytes as u64),
        mb(journal)
    );
    println!(
        "longest pause of the feed {:.2} s, bound {:.0} MB, memory {}",
        held.0,
        mb(config.max_pending_bytes as u64),
        peak()
    );
    if let (Some((_, waiting, delivered)), Some((caught_up, until))) = (feed.back, feed.caught_up) {
        println!(
            "caught up in {caught_up:.2} s: {waiting} rows that waited, and {} messages meanwhile",
            until - delivered
        );
    }
    let summary = pipeline.shutdown(Duration::from_secs(60)).await?;
    println!(
        "{} messages, {} trades, {} candles, {} books",
        summary.messages, summary.trades, summary.candles, summary.books
    );

    let calm: Arc<dyn MarketStore> = Arc::new(MemoryStore::default());
    let undisturbed = DataIngestionPipeline::start(calm.clone(), None, clock, config);
    undisturbed.run(&mut VecFeed::of_messages(RULES, all)).await?;
    println!(
        "instruments whose tables differ from an undisturbed run: {}",
        differences(&**tape.store(), &*calm).await?
    );
    Ok(())
}

fn mb(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or_else(|| "unknown here".to_owned(), |line| line.trim().to_owned())
}
