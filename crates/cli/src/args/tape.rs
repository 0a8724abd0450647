//! How a tape is read.

use clap::{Args, ValueEnum};
use onetape::domain::instrument::Market;

use super::values::parse_market;

#[derive(Debug, Args)]
pub(crate) struct TapeArgs {
    /// Venue the tape was recorded at
    #[arg(long, value_enum, default_value_t = ExchangeName::Binance)]
    pub(crate) exchange: ExchangeName,
    /// Market of the venue: spot, usdm (linear futures) or coinm (inverse futures)
    #[arg(long, default_value = "spot", value_name = "MARKET", value_parser = parse_market)]
    pub(crate) market: Market,
    /// How late a trade may come before its candle is closed without it; later ones revise the candle. Without it
    /// tape.lateness of the config, else what the venue needs
    #[arg(long, value_name = "MILLISECONDS")]
    pub(crate) lateness_ms: Option<u32>,
    /// Replay at this multiple of the recorded speed; as fast as possible unless given
    #[arg(long, value_name = "FACTOR")]
    pub(crate) speed: Option<f64>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ExchangeName {
    /// Binance spot, USD-M and COIN-M
    Binance,
}
