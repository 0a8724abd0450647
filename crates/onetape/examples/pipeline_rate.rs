//! Messages a second through everything: lines of JSON, parser, engine, journal, cache, store.
//!
//!     taskset -c 0 cargo run --profile bench -p onetape --no-default-features --features sqlite,journal,exchanges \
//!         --example pipeline_rate -- FOLDER [SECONDS [postgres://…]]
//!
//! On one core (`taskset`), one worker thread. The floor is reading and parsing the same lines and nothing else.
#![expect(clippy::print_stdout, reason = "it prints what it measured")]
#![expect(clippy::disallowed_methods, reason = "it measures time, and decides nothing by it")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Instant;

use onetape::domain::message::{FeedMessage, Payload};
use onetape::exchanges::{BinanceParser, TapeFeed, TapeOptions};
use onetape::journal::JournalOptions;
use onetape::ports::Feed as _;
use onetape::prelude::*;
use onetape_testkit::generator::{Market as SimulatedMarket, binance_tape_lines};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?.block_on(measure())
}

async fn measure() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let folder = PathBuf::from(arguments.first().ok_or("which folder?")?);
    let seconds = arguments.get(1).map_or(Ok(200), |text| text.parse())?;
    std::fs::create_dir_all(&folder)?;
    println!("| messages | into | without a journal | with it | floor: read and parsed |");
    println!("|---|---|---|---|---|");
    for kind in ["trades", "diffs of books", "both"] {
        let market = SimulatedMarket {
            seconds,
            trades_per_second: 200,
            diff_every_ms: 10,
            ..SimulatedMarket::new("binance:COIN/USDT".parse()?, 5)
        };
        let is_meant = |message: &FeedMessage| match message.payload {
            Payload::Trades(_) => kind != "diffs of books",
            _ => kind != "trades",
        };
        let mut messages = market.messages();
        messages.retain(is_meant);
        let lines = binance_tape_lines(&messages);
        let tape = folder.join("lines.tape");
        std::fs::write(&tape, lines.join("\n"))?;
        let mut run = 0;
        let floor = floor(&tape, lines.len()).await?;
        let mut stores = vec!["memory".to_owned(), "SQLite".to_owned()];
        stores.extend(arguments.get(2).map(|_| "TimescaleDB".to_owned()));
        for store in stores {
            let mut rates = [0.0; 2];
            for (rate, has_journal) in rates.iter_mut().zip([false, true]) {
                // A server knows the messages of earlier runs: each has an instrument of its own.
                run += 1;
                let coin = format!("C{}N{run}{}", std::process::id(), kind.len());
                let upper = lines.join("\n").replace("COINUSDT", &format!("{coin}USDT"));
                std::fs::write(&tape, upper.replace("coinusdt", &format!("{}usdt", coin.to_lowercase())))?;
                *rate = measured(&folder, &tape, &store, arguments.get(2), has_journal, lines.len()).await?;
            }
            println!("| {kind} | {store} | {:.0}/s | {:.0}/s | {floor:.0}/s |", rates[0], rates[1]);
        }
    }
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

fn open(tape: &Path) -> Outcome<TapeFeed<BinanceParser>> {
    Ok(TapeFeed::open(vec![tape.to_owned()], BinanceParser::new(Market::Spot), TapeOptions::default())?)
}

async fn floor(tape: &Path, lines: usize) -> Outcome<f64> {
    let mut feed = open(tape)?;
    let mut events = Vec::new();
    let begin = Instant::now();
    while feed.next_batch(&mut events, 1_024).await? {
        events.clear();
    }
    Ok(lines as f64 / begin.elapsed().as_secs_f64())
}

/// Until everything is in the store, and the journal has been let go.
async fn measured(
    folder: &Path,
    tape: &Path,
    store: &str,
    server: Option<&String>,
    has_journal: bool,
    lines: usize,
) -> Outcome<f64> {
    let place = folder.join(format!("run-{has_journal}"));
    std::fs::create_dir_all(&place)?;
    let url = match (store, server) {
        ("memory", _) => "memory:".to_owned(),
        ("TimescaleDB", Some(url)) => url.clone(),
        _ => format!("sqlite://{}", place.join("market.db").display()),
    };
    let config = PipelineConfig { batch_size: 5_000, ..PipelineConfig::default() };
    let mut builder = Onetape::builder(url).pipeline_config(config);
    if has_journal {
        builder = builder.journal(place.join("journal"), JournalOptions::default());
    }
    let opened = builder.open().await?;
    let mut feed = open(tape)?;
    let begin = Instant::now();
    opened.ingestion().run(&mut feed).await?;
    let rate = lines as f64 / begin.elapsed().as_secs_f64();
    opened.close(Duration::from_secs(60)).await?;
    std::fs::remove_dir_all(&place)?;
    Ok(rate)
}
