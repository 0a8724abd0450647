//! The process that collects, and the readers in it who look at the clock whenever they are told of something.

use std::collections::VecDeque;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use async_trait::async_trait;
use futures::StreamExt as _;
use onetape::domain::venue::VenueRules;
use onetape::exchanges::live::{LiveConfig, LiveFeed};
use onetape::ingestion::JournalMode;
use onetape::journal::{FileJournal, JournalOptions};
use onetape::memory::{MemoryCache, SystemClock};
use onetape::ports::{Feed, FeedError, FeedEvent, HotCache, TickStream, WallClock, WatchQuery};
use onetape::prelude::*;
use parking_lot::Mutex;

use crate::figures::Figures;

/// When a reader is shown what came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Acknowledged {
    /// There is no journal.
    AtOnce,
    /// With a journal that is waited for in an outage only.
    OnTrouble,
    /// Once the journal has it on the disk.
    Always,
}

impl fmt::Display for Acknowledged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AtOnce => "at-once",
            Self::OnTrouble => "on-trouble",
            Self::Always => "always",
        })
    }
}

/// What the process is told.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Orders {
    /// Where store and journal are
    place: PathBuf,
    acknowledged: Acknowledged,
    websocket: String,
    rest: String,
    /// Clock of the machine less that of the market, in microseconds
    #[arg(long)]
    machine_less_market: i64,
    /// Seconds of the market that are not measured
    #[arg(long)]
    warmup: u32,
    /// Seconds of the market
    #[arg(long)]
    seconds: u32,
    #[arg(long)]
    instrument: Vec<Instrument>,
}

/// The market's time, by the clock of the machine.
#[derive(Debug)]
struct MarketClock {
    machine: SystemClock,
    ahead: i64,
}

impl fmt::Display for MarketClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("market time")
    }
}

impl WallClock for MarketClock {
    fn now(&self) -> Timestamp {
        self.machine.now().plus(-self.ahead)
    }

    fn monotonic_micros(&self) -> i64 {
        self.machine.monotonic_micros()
    }
}

/// Messages of an instrument that no reader has been told of: the venue's time, when they were read from the socket, and when
/// the pipeline got them.
type Waiting = Arc<Mutex<VecDeque<(Timestamp, Timestamp, Timestamp)>>>;

/// A live feed that notes what it delivers.
#[derive(Debug)]
struct Noted {
    feed: LiveFeed,
    clock: Arc<dyn WallClock>,
    waiting: Vec<(Instrument, Waiting)>,
    measured_from: Timestamp,
}

impl fmt::Display for Noted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.feed.fmt(f)
    }
}

#[async_trait]
impl Feed for Noted {
    async fn next_batch(&mut self, events: &mut Vec<FeedEvent>, limit: usize) -> Result<bool, FeedError> {
        let before = events.len();
        let more = self.feed.next_batch(events, limit).await;
        let now = self.clock.now();
        for event in &events[before..] {
            let FeedEvent::Message(message) = event else { continue };
            let Some(sent_at) = message.sent_at.filter(|sent_at| *sent_at >= self.measured_from) else {
                continue;
            };
            let own = self.waiting.iter().find(|(instrument, _)| *instrument == message.instrument);
            own.into_iter().for_each(|(_, own)| own.lock().push_back((sent_at, message.received_at, now)));
        }
        more
    }

    fn want_books(&mut self, books: &[Instrument]) {
        self.feed.want_books(books);
    }

    fn rules(&self) -> VenueRules {
        self.feed.rules()
    }

    fn progress(&self) -> (u64, Option<u64>) {
        self.feed.progress()
    }
}

/// How long messages took, from three moments on.
#[derive(Debug, Default)]
struct Measured {
    sent: Figures,
    read: Figures,
    taken: Figures,
}

/// Collects the market to its end; prints what readers saw.
pub(crate) async fn collect(orders: &Orders) -> Result<()> {
    let clock: Arc<dyn WallClock> =
        Arc::new(MarketClock { machine: SystemClock::default(), ahead: orders.machine_less_market });
    let tape = Onetape::open(&format!("sqlite://{}", orders.place.join("market.db").display())).await?;
    let cache: Arc<dyn HotCache> = Arc::new(MemoryCache::default());
    let pipeline = start(orders, &tape, cache.clone(), clock.clone()).await?;
    let waiting: Vec<(Instrument, Waiting)> =
        orders.instrument.iter().map(|instrument| (instrument.clone(), Waiting::default())).collect();
    let readers = waiting.iter().map(|(instrument, own)| {
        let every = Cadence::Changes { apart: Duration::ZERO };
        let query = WatchQuery { instrument: instrument.clone(), cadence: every, waiting: 1 };
        tokio::spawn(read(cache.watch(&query), own.clone(), clock.clone()))
    });
    let readers: Vec<_> = readers.collect();

    let config = LiveConfig {
        websocket: orders.websocket.clone(),
        rest: orders.rest.clone(),
        ..LiveConfig::new(Market::Spot)
    };
    let (feed, control) = LiveFeed::open(config, &orders.instrument, clock.clone()).await?;
    let measured_from = clock.now().plus(i64::from(orders.warmup) * 1_000_000);
    let mut feed = Noted { feed, clock, waiting, measured_from };
    let length = Duration::from_secs(orders.seconds.into());
    let stopping = async {
        tokio::time::sleep(length).await;
        control.stop();
    };
    let (followed, ()) = tokio::join!(pipeline.follow(&mut feed), stopping);
    followed?;
    pipeline.shutdown(Duration::from_secs(60)).await?;
    let mut all = Measured::default();
    for reader in readers {
        let mut one = reader.await?;
        all.sent.append(&mut one.sent);
        all.read.append(&mut one.read);
        all.taken.append(&mut one.taken);
    }
    let rate = all.read.len() / (orders.seconds - orders.warmup).max(1) as usize;
    println!("the time on the message | {} | {rate}", all.sent);
    println!("the socket | {} | {rate}", all.read);
    println!("the pipeline's turn | {} | {rate}", all.taken);
    tape.close(Duration::from_secs(10)).await?;
    Ok(())
}

/// A pipeline with all limits as they are without settings.
async fn start(
    orders: &Orders,
    tape: &Onetape,
    cache: Arc<dyn HotCache>,
    clock: Arc<dyn WallClock>,
) -> Result<DataIngestionPipeline> {
    let store = tape.store().clone();
    let journal_mode = match orders.acknowledged {
        Acknowledged::AtOnce => {
            let config = PipelineConfig::default();
            return Ok(DataIngestionPipeline::start(store, Some(cache), clock, config));
        }
        Acknowledged::OnTrouble => JournalMode::OnTrouble,
        Acknowledged::Always => JournalMode::Always,
    };
    let config = PipelineConfig { journal_mode, ..PipelineConfig::default() };
    let journal = Arc::new(FileJournal::open(orders.place.join("journal"), JournalOptions::default())?);
    let started = DataIngestionPipeline::start_with_journal(store, Some(cache), clock, journal, config);
    Ok(started.await?.0)
}

/// Looks at the clock whenever there is something new: all that is stamped by then can be read.
async fn read(mut ticks: TickStream, waiting: Waiting, clock: Arc<dyn WallClock>) -> Measured {
    let mut measured = Measured::default();
    while let Some(tick) = ticks.next().await {
        let now = clock.now();
        let mut waiting = waiting.lock();
        // Stamps are not before the time at which a message was read.
        while let Some((sent_at, read_at, taken_at)) =
            waiting.pop_front_if(|(_, read_at, _)| *read_at <= tick.stamp)
        {
            measured.sent.add(now.since(sent_at));
            measured.read.add(now.since(read_at));
            measured.taken.add(now.since(taken_at));
        }
    }
    measured
}
