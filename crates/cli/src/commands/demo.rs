//! `onetape demo`: a real frame without any database.

use anyhow::Context as _;
use onetape::domain::venue::VenueRules;
use onetape::prelude::*;
use onetape_testkit::generator::Market as SimulatedMarket;

use crate::args::{DemoArgs, ObjectFormat};
use crate::commands::replay;
use crate::output::frame;

/// Seconds the simulated market runs.
const SIMULATED_SECONDS: u32 = 900;

pub(crate) async fn run(args: DemoArgs) -> anyhow::Result<u64> {
    let tape = Onetape::open(&args.store).await?;
    let quiet = args.format == ObjectFormat::Json;
    let summary = if args.files.is_empty() {
        if !quiet {
            println!("A simulated market of {} minutes, kept in {}\n", SIMULATED_SECONDS / 60, tape.url());
        }
        simulate(&tape).await?
    } else {
        let mut feed = replay::open(args.files, &args.tape, quiet)?;
        replay::ingest(&tape, &mut feed).await?
    };
    let provider = tape.provider();
    for instrument in summary.clocks.keys() {
        let shown = provider.inference(instrument, &Request::default()).await?;
        match args.format {
            ObjectFormat::Json => println!("{}", shown.to_canonical_json()),
            ObjectFormat::Table => frame::print(&shown),
        }
    }
    if summary.clocks.is_empty() {
        anyhow::bail!("the tape names no instrument, so there is no frame to show");
    }
    if !quiet {
        println!(
            "\n{} messages, {} trades, {} candle versions, {} sampled books.",
            summary.messages, summary.trades, summary.candles, summary.books
        );
        println!(
            "Next: onetape db setup, onetape replay and onetape query keep a market in TimescaleDB; see --help."
        );
    }
    Ok(summary.quarantined)
}

async fn simulate(tape: &Onetape) -> anyhow::Result<IngestSummary> {
    let instrument: Instrument = "binance:ETH/USDT".parse()?;
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
