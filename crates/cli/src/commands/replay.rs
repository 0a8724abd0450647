//! `onetape replay`: tapes into a store.

use std::path::PathBuf;

use anyhow::Context as _;
use async_trait::async_trait;
use onetape::Config;
use onetape::domain::venue::VenueRules;
use onetape::exchanges::binance::rules;
use onetape::exchanges::{BinanceParser, Pace, TapeFeed, TapeOptions};
use onetape::ports::{Feed, FeedError, FeedEvent};
use onetape::prelude::*;

use crate::args::{ExchangeName, ReplayArgs, TapeArgs};
use crate::commands::cutover;
use crate::context::Context;
use crate::hint::hinted;
use crate::output::{say, summary};
use crate::progress::Progress;

/// Rows of a batch, unless somebody says otherwise: a tape comes faster than a live feed.
const BATCH_SIZE: usize = 5_000;

/// How long a graceful stop may take.
const SHUTDOWN: Duration = Duration::from_secs(60);

pub(crate) async fn run(args: ReplayArgs, context: Context) -> anyhow::Result<u64> {
    let mut context = context.with_store(&args.store)?;
    if let Some(rows) = args.batch_size {
        context.config.set("pipeline.batch_size", &rows.to_string(), "--batch-size")?;
    }
    if let Some(folder) = &args.legacy {
        context.config.set("legacy.folder", &folder.display().to_string(), "--legacy")?;
    }
    context.config = context.config.with_default_batch_size(BATCH_SIZE);
    let mut feed = open(args.files, &args.tape, &context.config, args.json)?;
    let tape = context.open_to_write().await?;
    let dual = cutover::dual_writer(&context, &tape, args.legacy.is_some()).await?;
    let result = ingest(&tape, &mut feed).await;
    if let Some(dual) = dual {
        cutover::tell(&dual.pass(true).await, context.config.legacy().folder.as_deref());
    }
    // So that a file is one file again.
    tape.store().close().await;
    let lines = feed.inner.stats();
    let seconds = feed.progress.finish();
    let summary = result?;
    if args.json {
        say!("{}", summary::json(&summary, &lines, seconds)?)?;
    } else {
        summary::print(&summary, &lines, seconds, tape.url())?;
    }
    Ok(summary.quarantined)
}

/// Runs a feed into a store; an interrupt stops it in order, and the next run goes on from there.
pub(crate) async fn ingest(tape: &Onetape, feed: &mut Watched) -> anyhow::Result<IngestSummary> {
    let pipeline = tape.ingestion();
    let summary = tokio::select! {
        result = pipeline.run(feed) => Some(result),
        _ = tokio::signal::ctrl_c() => None,
    };
    match summary {
        Some(result) => {
            let closed = pipeline.shutdown(SHUTDOWN).await;
            let summary =
                result.context("the tape was not replayed to its end; what came before is stored")?;
            closed?;
            Ok(summary)
        }
        None => {
            pipeline.shutdown(SHUTDOWN).await.context("interrupted, and not everything could be written")?;
            let stopped = anyhow::anyhow!("interrupted; what was read is stored");
            Err(hinted(stopped, "the same command goes on from there"))
        }
    }
}

/// Opens a tape that reports its progress.
pub(crate) fn open(
    files: Vec<PathBuf>,
    tape: &TapeArgs,
    config: &Config,
    quiet: bool,
) -> anyhow::Result<Watched> {
    let ExchangeName::Binance = tape.exchange;
    let pace = tape.speed.map_or(Pace::Unlimited, Pace::Times);
    let inner = TapeFeed::open(
        files,
        BinanceParser::new(tape.market),
        TapeOptions { pace, ..TapeOptions::default() },
    )?;
    let given = tape.lateness_ms.map(|millis| Duration::from_millis(millis.into()));
    let rules = rules_of(tape.market, given.or(config.tape_lateness()))?;
    let progress = Progress::start(inner.progress().1, quiet);
    Ok(Watched { inner, rules, progress })
}

/// Rules of a market, with another lateness than its own where one is given.
pub(crate) fn rules_of(
    market: onetape::domain::instrument::Market,
    lateness: Option<Duration>,
) -> anyhow::Result<VenueRules> {
    let lateness = lateness.map(|lateness| i64::try_from(lateness.as_micros())).transpose();
    let lateness = lateness.context("the lateness is too long")?;
    Ok(lateness.map_or(rules(market), |lateness| rules(market).with_lateness(lateness)))
}

/// A tape feed with the rules asked for, that shows how far it has come.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) inner: TapeFeed<BinanceParser>,
    rules: VenueRules,
    pub(crate) progress: Progress,
}

impl std::fmt::Display for Watched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl Feed for Watched {
    async fn next_batch(&mut self, events: &mut Vec<FeedEvent>, limit: usize) -> Result<bool, FeedError> {
        let more = self.inner.next_batch(events, limit).await;
        let (bytes, total) = self.inner.progress();
        self.progress.update(bytes, total, self.inner.stats().messages());
        more
    }

    fn want_books(&mut self, books: &[Instrument]) {
        self.inner.want_books(books);
    }

    fn rules(&self) -> VenueRules {
        self.rules
    }

    fn progress(&self) -> (u64, Option<u64>) {
        self.inner.progress()
    }
}
