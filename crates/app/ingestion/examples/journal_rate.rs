//! What a journal costs: messages a second through the whole pipeline into a store in memory, with it and without.
//!
//!     cargo run --profile bench -p onetape-ingestion --example journal_rate -- FOLDER [SECONDS]
//!
//! FOLDER decides which disk is measured. The feed delivers as fast as it can, so one sync serves many messages.

#![expect(clippy::print_stdout, reason = "it prints what it measured")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use onetape_domain::message::{FeedMessage, Payload};
use onetape_domain::venue::VenueRules;
use onetape_ingestion::{DataIngestionPipeline, PipelineConfig};
use onetape_journal::{FileJournal, JournalOptions};
use onetape_memory::{MemoryCache, MemoryStore, SystemClock};
use onetape_ports::{HotCache, JournalEntry, JournalEventRef, MarketStore, WallClock};
use onetape_testkit::feed::VecFeed;
use onetape_testkit::generator::Market;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const RULES: VenueRules = VenueRules::BINANCE_SPOT;

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("which folder?")?;
    let seconds = arguments.next().map_or(Ok(300), |seconds| seconds.parse())?;
    let market = Market {
        seconds,
        trades_per_second: 200,
        diff_every_ms: 10,
        ..Market::new("binance:ETH/USDT".parse()?, 5)
    };
    let all = market.messages();
    let is_trade = |message: &&FeedMessage| matches!(message.payload, Payload::Trades(_));
    let is_book =
        |message: &&FeedMessage| matches!(message.payload, Payload::BookDiff(_) | Payload::BookSnapshot(_));
    let kinds: [(&str, Vec<FeedMessage>); 3] = [
        ("trades", all.iter().filter(is_trade).cloned().collect()),
        ("books", all.iter().filter(is_book).cloned().collect()),
        ("both", all),
    ];
    println!("| messages | without a journal | with it | floor: entries appended and synced | journal |");
    println!("|---|---|---|---|---|");
    for (kind, messages) in kinds {
        let without = run(&messages, None).await?;
        let path = Path::new(&folder).join(format!("journal-rate-{kind}-{}", std::process::id()));
        let (with, floor) = (run(&messages, Some(&path)).await?, floor(&messages, &path).await?);
        let bytes = floor.1 / messages.len() as u64;
        std::fs::remove_dir_all(&path)?;
        println!("| {kind} | {without:.0}/s | {with:.0}/s | {:.0}/s | {bytes} B a message |", floor.0);
    }
    Ok(())
}

/// Messages a second through the pipeline.
async fn run(messages: &[FeedMessage], journal: Option<&Path>) -> Outcome<f64> {
    let store: Arc<dyn MarketStore> = Arc::new(MemoryStore::default());
    let cache: Option<Arc<dyn HotCache>> = Some(Arc::new(MemoryCache::default()));
    let clock: Arc<dyn WallClock> = Arc::new(SystemClock::default());
    let config = PipelineConfig { batch_size: 10_000, ..PipelineConfig::default() };
    let pipeline = match journal {
        None => DataIngestionPipeline::start(store, cache, clock, config),
        Some(path) => {
            let journal = Arc::new(FileJournal::open(path, JournalOptions::default())?);
            DataIngestionPipeline::start_with_journal(store, cache, clock, journal, config).await?.0
        }
    };
    let mut feed = VecFeed::of_messages(RULES, messages.iter().cloned());
    let begin = now();
    pipeline.run(&mut feed).await?;
    let rate = messages.len() as f64 / begin.elapsed().as_secs_f64();
    pipeline.shutdown(Duration::from_secs(60)).await?;
    Ok(rate)
}

/// Entries a second into a journal alone, synced as often as the pipeline does, and the bytes they take.
async fn floor(messages: &[FeedMessage], path: &Path) -> Outcome<(f64, u64)> {
    use onetape_ports::Journal as _;
    let journal = FileJournal::open(path.join("floor"), JournalOptions::default())?;
    let begin = now();
    for part in messages.chunks(PipelineConfig::default().feed_chunk) {
        let mut position = 0;
        for message in part {
            position = journal.append(JournalEntry {
                instrument: &message.instrument,
                rules: RULES,
                issued: message.sent_at,
                event: JournalEventRef::Message(message),
            })?;
        }
        journal.synced(position).await?;
    }
    Ok((messages.len() as f64 / begin.elapsed().as_secs_f64(), journal.bytes()))
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn now() -> Instant {
    Instant::now()
}
