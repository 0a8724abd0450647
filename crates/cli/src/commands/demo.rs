//! `onetape demo`: a market to begin with, and what to ask of it.

use anyhow::Context as _;
use onetape::domain::venue::VenueRules;
use onetape::prelude::*;
use onetape_testkit::generator::Market as SimulatedMarket;

use crate::args::{DemoArgs, ObjectFormat};
use crate::commands::replay;
use crate::context::Context;
use crate::hint::hinted;
use crate::output::{frame, say};

/// Seconds the simulated market runs.
const SIMULATED_SECONDS: u32 = 900;

/// Rows of a batch: the market comes as fast as it can be made.
const BATCH_SIZE: usize = 5_000;

/// The simulated market has an exchange of its own: what is made up must not lie among what happened.
const SIMULATED: (&str, &str) = ("demo", "ETH/USDT");

pub(crate) async fn run(args: DemoArgs, context: Context) -> anyhow::Result<u64> {
    let mut context = context.with_store(&args.store)?;
    context.config = context.config.with_default_batch_size(BATCH_SIZE);
    let quiet = args.format == ObjectFormat::Json;
    let (tape, summary) = if args.files.is_empty() {
        let tape = context.open_to_write().await?;
        if !quiet {
            let minutes = SIMULATED_SECONDS / 60;
            say!("A simulated market of {minutes} minutes, always the same, into {}\n", tape.url())?;
        }
        let summary = simulate(&tape).await?;
        (tape, summary)
    } else {
        let mut feed = replay::open(args.files, &args.tape, &context.config, quiet)?;
        let tape = context.open_to_write().await?;
        let summary = replay::ingest(&tape, &mut feed).await?;
        (tape, summary)
    };
    let provider = tape.provider();
    for instrument in summary.clocks.keys() {
        let shown = provider.inference(instrument, &Request::default()).await?;
        match args.format {
            ObjectFormat::Json => say!("{}", shown.to_canonical_json())?,
            ObjectFormat::Table => frame::print(&shown)?,
        }
    }
    tape.store().close().await;
    let Some(first) = summary.clocks.keys().next() else {
        let empty = anyhow::anyhow!("the tape names no instrument, so there is no frame to show");
        return Err(hinted(empty, "see that --market fits the tape: spot, usdm or coinm"));
    };
    if !quiet {
        tell(&summary)?;
        next_steps(&context, tape.url(), first)?;
    }
    Ok(summary.quarantined)
}

fn tell(summary: &IngestSummary) -> anyhow::Result<()> {
    if summary.stamped == 0 && summary.quarantined == 0 {
        say!("\nThe store had all of it already; nothing was changed.")?;
    } else {
        say!(
            "\n{} messages, {} trades, {} candle versions, {} sampled books.",
            summary.messages,
            summary.trades,
            summary.candles,
            summary.books
        )?;
    }
    Ok(())
}

/// Commands that work as they are printed.
fn next_steps(context: &Context, store: &StoreUrl, instrument: &Instrument) -> anyhow::Result<()> {
    if *store == StoreUrl::Memory {
        say!("Nothing is kept: without --store memory: it would be, for further questions.")?;
        return Ok(());
    }
    // Run by cargo, there need be no program of that name.
    let program = if std::env::var_os("CARGO_MANIFEST_DIR").is_some() { "cargo run --" } else { "onetape" };
    let from = match context.config.origin("store") {
        onetape::config::Origin::Caller(_) => format!(" --store '{store}'"),
        _ => String::new(),
    };
    say!("It is kept in {store}. Ask it again, and more:")?;
    for question in [
        format!("query inference {instrument}"),
        format!("query candles {instrument} --timeframe 1m"),
        format!("query book {instrument} --depth 5"),
        "status".to_owned(),
    ] {
        say!("  {program} {question}{from}")?;
    }
    Ok(())
}

async fn simulate(tape: &Onetape) -> anyhow::Result<IngestSummary> {
    let instrument = Instrument::try_new(SIMULATED.0, SIMULATED.1)?;
    let market = SimulatedMarket { seconds: SIMULATED_SECONDS, ..SimulatedMarket::new(instrument, 7) };
    let pipeline = tape.ingestion();
    for message in market.messages() {
        pipeline
            .ingest(&message, VenueRules::BINANCE_SPOT)
            .await
            .context("the simulated market was refused")?;
    }
    pipeline.end_of_feed().await?;
    Ok(pipeline.summary())
}
