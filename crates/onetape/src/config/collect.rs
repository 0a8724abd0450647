//! What `onetape collect` collects, and how.

use std::path::PathBuf;
use std::time::Duration;

use onetape_domain::instrument::{Exchange, Instrument, Market};
use onetape_exchanges::live::{LiveConfig, Trades};

/// What is collected live, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectConfig {
    /// Instruments by name; a bare symbol is one of the default exchange.
    pub instruments: Vec<String>,
    /// Folder of the journal; none: without one.
    pub journal: Option<PathBuf>,
    /// How often gaps of trades are looked at, to be filled from the venue's history; zero: never.
    pub repair_interval: Duration,
    /// How long an orderly stop may take.
    pub stop_within: Duration,
    /// How each market is collected.
    pub markets: [LiveConfig; 3],
}

impl CollectConfig {
    pub(super) fn defaults() -> Self {
        Self {
            instruments: Vec::new(),
            journal: None,
            repair_interval: Duration::from_secs(10),
            stop_within: Duration::from_secs(30),
            markets: [Market::Spot, Market::Usdm, Market::Coinm].map(LiveConfig::new),
        }
    }

    /// How a market is collected.
    pub fn market(&self, market: Market) -> &LiveConfig {
        &self.markets[market as usize]
    }

    pub(super) fn set_depth(&mut self, text: &str) -> Result<(), String> {
        let depth = match text {
            "on" => true,
            "off" => false,
            _ => return Err("must be on or off".to_owned()),
        };
        self.markets.iter_mut().for_each(|market| market.depth = depth);
        Ok(())
    }

    pub(super) fn depth(&self) -> String {
        if self.markets[0].depth { "on" } else { "off" }.to_owned()
    }
}

/// Names of instruments, divided by commas or blanks.
pub(super) fn names(text: &str) -> Result<Vec<String>, String> {
    let names = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|name| !name.is_empty());
    let checked = |name: &str| match Instrument::parse_with_default(name, &Exchange::binance()) {
        Ok(_) => Ok(name.to_owned()),
        Err(violations) => Err(format!("holds `{name}`, which is no instrument: {violations}")),
    };
    names.map(checked).collect()
}

pub(super) fn trades(text: &str) -> Result<Trades, String> {
    match text {
        "single" => Ok(Trades::Single),
        "aggregate" => Ok(Trades::Aggregate),
        _ => Err("must be single or aggregate".to_owned()),
    }
}

pub(super) fn shown(trades: Trades) -> String {
    match trades {
        Trades::Single => "single",
        Trades::Aggregate => "aggregate",
    }
    .to_owned()
}
