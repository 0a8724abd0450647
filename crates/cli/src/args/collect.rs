//! Arguments of `onetape collect`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::StoreArg;
use super::values::{InstrumentName, parse_instrument, parse_listener, parse_pause};

#[derive(Debug, Args)]
#[command(after_help = "\
It stops in order at Ctrl-C or SIGTERM: connections are closed, and what was received is stored. The sections [collect…] of
the config file say what is collected and where; docs/COLLECT.md explains them. The key for futures' past trades, where
single trades are collected, is read from BINANCE_API_KEY.")]
pub(crate) struct CollectArgs {
    /// What to collect, as in binance:ETH/USDT (spot) or binance:BTC/USDT:USDT (futures); collect.instruments of the config
    /// unless any is named here
    #[arg(value_parser = parse_instrument, value_name = "INSTRUMENT")]
    pub(crate) instruments: Vec<InstrumentName>,
    #[command(flatten)]
    pub(crate) store: StoreArg,
    /// Keep what the store does not have yet in this folder, so that a crash loses nothing
    #[arg(long, value_name = "DIR")]
    pub(crate) journal: Option<PathBuf>,
    /// Write everything that comes into this folder too, as tapes that `onetape replay` reads
    #[arg(long, value_name = "DIR")]
    pub(crate) record: Option<PathBuf>,
    /// Write closed candles into the Parquet files of an old system in this folder too, as in ETHUSDT_1m.parquet
    #[arg(long, value_name = "DIR")]
    pub(crate) legacy: Option<PathBuf>,
    /// Serve metrics and health meanwhile: a port of the loopback interface, or ADDRESS:PORT
    #[arg(long, value_name = "[ADDRESS:]PORT", value_parser = parse_listener)]
    pub(crate) metrics: Option<std::net::SocketAddr>,
    /// Stop after so long, as in 90s, 10m or 1d
    #[arg(long = "for", value_name = "PERIOD", value_parser = parse_pause)]
    pub(crate) period: Option<Duration>,
    /// Print the summary as JSON, and no status line
    #[arg(long)]
    pub(crate) json: bool,
}
