//! `onetape collect`: instruments live from their venue into a store.

mod probe;
mod status;
mod summary;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use onetape::config::CollectConfig;
use onetape::exchanges::live::{ApiKey, BinanceHistory, LiveControl, LiveError, LiveFeed, market_of};
use onetape::ingestion::{IngestError, RepairOptions};
use onetape::legacy::DualWriter;
use onetape::prelude::*;
use tokio::task::{JoinHandle, JoinSet};

use self::status::Status;
use crate::args::CollectArgs;
use crate::commands::cutover;
use crate::context::Context;
use crate::hint::hinted;

/// Time between two looks at how it goes.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The variable that holds the key of a venue. It is in no file and in no argument, where others could read it.
const KEY: &str = "BINANCE_API_KEY";

pub(crate) async fn run(args: CollectArgs, context: Context) -> anyhow::Result<u64> {
    let mut context = context.with_store(&args.store)?;
    if let Some(folder) = &args.journal {
        context.config.set("collect.journal", &folder.display().to_string(), "--journal")?;
    }
    if let Some(folder) = &args.legacy {
        context.config.set("legacy.folder", &folder.display().to_string(), "--legacy")?;
    }
    let markets = instruments(&args, &context)?;
    let probe = probe::serve(args.metrics).await?;
    let mut config = context.config.collect().clone();
    if let Some(folder) = &args.record {
        config.markets.iter_mut().for_each(|market| market.record = Some(folder.clone()));
    }
    let (feeds, controls) = open(&config, markets).await?;
    let history = BinanceHistory::new(&config.markets, api_key().as_ref())?;
    let tape = Arc::new(open_store(&context, &config).await?);
    probe.watch(tape.clone());
    let dual = Dual::start(&context, &tape, args.legacy.is_some()).await?;
    let status = Status::start(controls.clone(), args.json);
    let ended = collect(&tape, feeds, &controls, &history, &config, args.period, status).await;
    dual.finish(&tape, &context, config.stop_within).await;
    let closed = tape.close(config.stop_within).await;
    let seconds = ended?;
    let ingested = closed.context("not everything could be stored in time")?.unwrap_or_default();
    let live: Vec<_> = controls.iter().map(LiveControl::stats).collect();
    summary::print(&ingested, &live, seconds, tape.url(), args.json)?;
    if live.iter().any(|stats| stats.recording_failed) {
        let error = anyhow!("the recording ended early, as logged above; what was collected is stored");
        return Err(hinted(error, "see to the folder of --record: its place and its permissions"));
    }
    Ok(ingested.quarantined)
}

/// Writes the files of an old system meanwhile, where a folder is set.
struct Dual(Option<(Arc<DualWriter>, JoinHandle<()>)>);

impl Dual {
    async fn start(context: &Context, tape: &Onetape, is_named: bool) -> anyhow::Result<Self> {
        let writer = cutover::dual_writer(context, tape, is_named).await?;
        Ok(Self(writer.map(|writer| {
            let passing = writer.clone();
            (writer, tokio::spawn(async move { passing.run().await }))
        })))
    }

    /// Writes what is stored by now. What there is no time for, the next run finds in the store.
    async fn finish(self, tape: &Onetape, context: &Context, within: Duration) {
        let Some((writer, passing)) = self.0 else { return };
        passing.abort();
        let last = async {
            // What the store does not take is told when it is closed.
            let _ = tape.ingestion().flush().await;
            writer.pass(true).await
        };
        let status = tokio::time::timeout(within, last).await.unwrap_or_else(|_| writer.status());
        cutover::tell(&status, context.config.legacy().folder.as_deref());
    }
}

/// What is to be collected, by market.
fn instruments(args: &CollectArgs, context: &Context) -> anyhow::Result<BTreeMap<usize, Vec<Instrument>>> {
    let exchange = context.config.default_exchange();
    let named: Vec<&str> = if args.instruments.is_empty() {
        context.config.collect().instruments.iter().map(String::as_str).collect()
    } else {
        args.instruments.iter().map(|name| name.as_str()).collect()
    };
    if named.is_empty() {
        let error = anyhow!("nothing is named that could be collected");
        return Err(hinted(
            error,
            "name instruments, as in `onetape collect binance:ETH/USDT`, or set collect.instruments",
        ));
    }
    let mut markets: BTreeMap<usize, Vec<Instrument>> = BTreeMap::new();
    for name in named {
        let instrument =
            Instrument::parse_with_default(name, exchange).context("this names no instrument")?;
        let Some(market) = market_of(&instrument) else {
            let error = anyhow!("{instrument} is of no market that can be collected");
            return Err(hinted(
                error,
                "spot is binance:BTC/USDT, USD-M futures binance:BTC/USDT:USDT, COIN-M futures binance:BTC/USD:BTC",
            ));
        };
        markets.entry(market as usize).or_default().push(instrument);
    }
    Ok(markets)
}

/// Connects to each market. Nothing is stored where one of them refuses.
async fn open(
    config: &CollectConfig,
    markets: BTreeMap<usize, Vec<Instrument>>,
) -> Result<(Vec<LiveFeed>, Vec<LiveControl>), LiveError> {
    let clock = Arc::new(onetape::memory::SystemClock::default());
    let (mut feeds, mut controls) = (Vec::new(), Vec::new());
    for (market, instruments) in markets {
        let config = config.markets[market].clone();
        let (feed, control) = LiveFeed::open(config, &instruments, clock.clone()).await?;
        for info in feed.instruments() {
            tracing::info!(
                instrument = %info.instrument, native = info.native, tick = info.tick.map(|tick| tick.to_string()),
                step = info.step.map(|step| step.to_string()), "collecting"
            );
        }
        feeds.push(feed);
        controls.push(control);
    }
    Ok((feeds, controls))
}

pub(crate) async fn open_store(context: &Context, config: &CollectConfig) -> anyhow::Result<Onetape> {
    context.prepare_to_write()?;
    let mut builder = context.config.builder()?;
    if let Some(folder) = &config.journal {
        builder = builder.journal(folder, context.config.journal_options());
    }
    let tape = builder.open().await?;
    if let Some(recovery) = tape.recovery().filter(|_| config.journal.is_some()) {
        tracing::info!(?recovery, "the journal was read");
    }
    Ok(tape)
}

/// The key that futures want for single past trades.
pub(crate) fn api_key() -> Option<ApiKey> {
    ApiKey::try_new(&std::env::var(KEY).ok()?)
}

/// Runs all feeds until they are told to stop, or one fails; returns how many seconds that took.
async fn collect(
    tape: &Onetape,
    feeds: Vec<LiveFeed>,
    controls: &[LiveControl],
    history: &BinanceHistory,
    config: &CollectConfig,
    period: Option<Duration>,
    mut status: Status,
) -> anyhow::Result<f64> {
    let pipeline = tape.ingestion();
    let mut running = JoinSet::new();
    for mut feed in feeds {
        let pipeline = pipeline.clone();
        running.spawn(async move {
            let name = feed.to_string();
            (name, pipeline.follow(&mut feed).await)
        });
    }
    let mut looks = tokio::time::interval(LOOK_EVERY);
    let repairs = repair(&pipeline, history, config.repair_interval);
    let told = told_to_stop(period);
    tokio::pin!(repairs, told);
    let mut failure = None;
    loop {
        tokio::select! {
            ended = running.join_next() => {
                failure = ended.and_then(|ended| failed(ended).err());
                break;
            }
            _ = looks.tick() => status.look(&pipeline),
            failed = &mut repairs => {
                failure = Some(failed.into());
                break;
            }
            told = &mut told => {
                tracing::info!("{}, stopping in order", told?);
                break;
            }
        }
    }
    controls.iter().for_each(LiveControl::stop);
    let drained = async {
        while let Some(ended) = running.join_next().await {
            failed(ended)?;
        }
        pipeline.end_of_feed().await?;
        anyhow::Ok(())
    };
    let drained = tokio::select! {
        drained = tokio::time::timeout(config.stop_within, drained) => drained,
        told = told_to_stop(None) => {
            let error = anyhow!("{} again: stopped at once", told?);
            return Err(hinted(error, "what the journal has comes back at the next start with the same folder"));
        }
    };
    let seconds = status.finish();
    match (failure, drained) {
        (Some(failure), _) => Err(failure),
        (None, Ok(drained)) => drained.map(|()| seconds),
        (None, Err(_)) => {
            let error = anyhow!("not everything received could be taken in within {:?}", config.stop_within);
            Err(hinted(error, "`onetape doctor` examines the store; collect.stop_within gives it more time"))
        }
    }
}

/// The error of a feed that ended with one.
fn failed(ended: Result<(String, Result<(), IngestError>), tokio::task::JoinError>) -> anyhow::Result<()> {
    let (feed, ended) = ended.context("a feed ended abnormally")?;
    ended.with_context(|| format!("{feed} stopped; what came before is stored"))
}

/// Fills gaps now and then, for ever; returns the error that the pipeline stopped with.
async fn repair(
    pipeline: &DataIngestionPipeline,
    history: &BinanceHistory,
    interval: Duration,
) -> IngestError {
    if interval.is_zero() {
        return std::future::pending().await;
    }
    let mut pause = interval;
    loop {
        tokio::time::sleep(pause).await;
        match pipeline.repair(history, &RepairOptions::BACKGROUND).await {
            Ok(report) => {
                if !report.gaps.is_empty() {
                    tracing::info!(
                        gaps = report.gaps.len(),
                        pages = report.pages,
                        "gaps of trades were looked at"
                    );
                }
                pause = report.retry_after.map_or(interval, |retry_after| retry_after.max(interval));
            }
            // The writer goes on trying, and so does this.
            Err(error @ IngestError::Outage { .. }) => {
                tracing::warn!(error = %error, "gaps wait for the store");
                pause = interval;
            }
            Err(error) => return error,
        }
    }
}

/// Waits for a signal, or the end of the period; returns which it was.
async fn told_to_stop(period: Option<Duration>) -> std::io::Result<&'static str> {
    let over = async {
        match period {
            Some(period) => tokio::time::sleep(period).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted.map(|()| "interrupted"),
        terminated = terminated() => terminated.map(|()| "terminated"),
        () = over => Ok("the period is over"),
    }
}

#[cfg(unix)]
async fn terminated() -> std::io::Result<()> {
    tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?.recv().await;
    Ok(())
}

#[cfg(not(unix))]
async fn terminated() -> std::io::Result<()> {
    std::future::pending().await
}
