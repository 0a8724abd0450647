//! The time from the socket to the cache: a venue on loopback, a process that collects it live with a journal, and readers
//! who are woken by every change.
//!
//!     cargo run --profile bench -p onetape-simulator --example latency -- run FOLDER... [--rate 5000] [--seconds 30]
//!
//! Each folder is a place for journal and store, such as one on a disk and one in memory. The venue is a process of its own.
#![expect(clippy::print_stdout, reason = "it prints what it measured")]

mod collect;
mod figures;

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use onetape::memory::SystemClock;
use onetape::ports::WallClock as _;
use onetape::prelude::*;
use onetape_simulator::Simulator;
use onetape_testkit::generator;
use tokio::process::Command;

use crate::collect::{Acknowledged, Orders};

/// Diffs a second of each instrument, as the venue sends them.
const DIFFS: u32 = 10;
/// Seconds at the beginning that are not measured: connections, snapshots, tables being made.
const WARMUP: u32 = 5;

/// A run, or the process that a run starts.
#[derive(Debug, Parser)]
enum Task {
    /// Measures, and prints a table
    Run(Settings),
    /// What is started by a run
    Collect(Orders),
}

#[derive(Debug, clap::Args)]
struct Settings {
    /// Where journal and store are, one after the other
    #[arg(required = true)]
    folder: Vec<PathBuf>,
    /// Messages a second, of all instruments
    #[arg(long, default_value_t = 5_000)]
    rate: u32,
    /// How long each is measured
    #[arg(long, default_value_t = 30)]
    seconds: u32,
    /// One tenth of the messages are diffs of books, the others trades
    #[arg(long, default_value_t = 50)]
    instruments: u32,
    /// Diffs of all instruments in the same millisecond, not each at its own
    #[arg(long)]
    together: bool,
}

#[tokio::main]
async fn main() -> Result<()> {
    match Task::parse() {
        Task::Collect(orders) => tokio::spawn(async move { collect::collect(&orders).await }).await?,
        Task::Run(settings) => run(&settings).await,
    }
}

async fn run(settings: &Settings) -> Result<()> {
    println!("| folder | shown | from | p50 | p99 | p99.9 | most | messages/s |");
    println!("|---|---|---|---|---|---|---|---|");
    for folder in &settings.folder {
        let synced = figures::syncs(folder)?;
        println!("| {} | floor: a record written and synced | | {synced} | |", folder.display());
        for acknowledged in [Acknowledged::AtOnce, Acknowledged::OnTrouble, Acknowledged::Always] {
            let place = folder.join("latency");
            std::fs::create_dir_all(&place)?;
            let lines = measured(settings, acknowledged, &place).await?;
            std::fs::remove_dir_all(&place)?;
            for line in lines.lines() {
                println!("| {} | {acknowledged} | {line} |", folder.display());
            }
        }
    }
    Ok(())
}

/// Runs a market, and a process that collects it; gives what that process printed.
async fn measured(settings: &Settings, acknowledged: Acknowledged, place: &Path) -> Result<String> {
    let seconds = settings.seconds + WARMUP;
    let instruments: Vec<Instrument> = (0..settings.instruments)
        .map(|number| format!("binance:COIN{number}/USDT").parse())
        .collect::<Result<_, _>>()?;
    let trades = (settings.rate / settings.instruments).saturating_sub(DIFFS);
    let mut builder = Simulator::builder().begin_with(0);
    for (number, instrument) in (0..).zip(&instruments) {
        let market = generator::Market::new(instrument.clone(), number);
        let apart = if settings.together { 0 } else { 1_000 * i64::try_from(number)? };
        let start = market.start.plus(apart % 100_000);
        // A moment brings 1.6 trades on average.
        builder = builder.market(&generator::Market {
            start,
            seconds,
            trades_per_second: trades * 5 / 8,
            ..market
        });
    }
    let simulator = builder.start().await?;
    let (market_time, machine_time) = (simulator.clock().now(), SystemClock::default().now());
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("collect").arg(place).arg(acknowledged.to_string());
    command.args([simulator.ws_url(Market::Spot), simulator.rest_url(Market::Spot)]);
    command.args(["--machine-less-market", &machine_time.since(market_time).to_string()]);
    command.args(["--warmup", &WARMUP.to_string(), "--seconds", &seconds.to_string()]);
    command
        .args(instruments.iter().flat_map(|instrument| ["--instrument".to_owned(), instrument.to_string()]));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit()).kill_on_drop(true);
    let output = command.spawn()?.wait_with_output();
    let output = tokio::time::timeout(Duration::from_secs(u64::from(seconds) + 60), output);
    let output = output.await.context("the process that collects does not end")??;
    ensure!(output.status.success(), "the process that collects ended with {}", output.status);
    Ok(String::from_utf8(output.stdout)?)
}
