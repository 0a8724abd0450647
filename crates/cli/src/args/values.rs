//! Values that the command line reads in a form of its own, or with a guess at what was meant.

use std::str::FromStr;

use onetape::domain::instrument::{Exchange, Instrument, Market};
use onetape::domain::quality::Tier;
use onetape::domain::time::Timeframe;

/// `binance:ETH/USDT`, or a symbol whose exchange the settings name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InstrumentName(String);

impl InstrumentName {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

pub(crate) fn parse_instrument(text: &str) -> Result<InstrumentName, String> {
    match Instrument::parse_with_default(text, &Exchange::binance()) {
        Ok(_) => Ok(InstrumentName(text.to_owned())),
        Err(violations) => Err(format!("{violations}; instruments look like binance:ETH/USDT")),
    }
}

/// How people write timeframes elsewhere.
const TIMEFRAMES: [(&str, &[&str]); 6] = [
    ("1s", &["s", "s1", "1sec", "1second", "second"]),
    ("1m", &["m", "m1", "1min", "1minute", "minute", "60s", "60"]),
    ("5m", &["m5", "5min", "5minutes", "300s", "300"]),
    ("15m", &["m15", "15min", "15minutes", "900s", "900", "quarter"]),
    ("1h", &["h", "h1", "1hr", "1hour", "hour", "60m", "60min", "3600s", "3600"]),
    ("1d", &["d", "d1", "1day", "day", "daily", "24h", "1440m", "86400s", "86400"]),
];

pub(crate) fn parse_timeframe(text: &str) -> Result<Timeframe, String> {
    named(text, &TIMEFRAMES)
}

pub(crate) fn parse_market(text: &str) -> Result<Market, String> {
    let markets = [
        ("spot", ["margin", "cash"].as_slice()),
        ("usdm", &["usd-m", "usdⓈ-m", "linear", "um", "futures", "perp", "swap"]),
        ("coinm", &["coin-m", "inverse", "cm", "delivery"]),
    ];
    named(text, &markets)
}

pub(crate) fn parse_tier(text: &str) -> Result<Tier, String> {
    let tiers =
        [("excellent", ["100", "full", "perfect"].as_slice()), ("good", &["99"]), ("fair", &["90", "ok"])];
    named(text, &tiers)
}

/// A name, or an error that guesses which one was meant.
fn named<T: FromStr<Err: std::fmt::Display>>(text: &str, names: &[(&str, &[&str])]) -> Result<T, String> {
    let wrong = match T::from_str(text) {
        Ok(value) => return Ok(value),
        Err(wrong) => wrong,
    };
    let lower = text.to_lowercase();
    let other = names.iter().find(|(name, others)| *name == lower || others.contains(&lower.as_str()));
    let alike = || names.iter().find(|(name, _)| strsim::osa_distance(name, &lower) <= name.len() / 3);
    match other.or_else(alike) {
        Some((name, _)) => Err(format!("{wrong}; did you mean {name}?")),
        None => Err(wrong.to_string()),
    }
}

pub(crate) fn parse_duration(text: &str) -> Result<std::time::Duration, String> {
    let wrong = || format!("`{text}` is no duration: give a number with s, m, h or d, as in 90s or 5m");
    let split = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(split);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(seconds).map(std::time::Duration::from_secs).ok_or_else(wrong)
}

/// A pause between runs; none would be a loop without rest.
pub(crate) fn parse_pause(text: &str) -> Result<std::time::Duration, String> {
    let pause = parse_duration(text)?;
    if pause.is_zero() { Err("give at least 1s".to_owned()) } else { Ok(pause) }
}

/// Without an address it is the loopback interface's.
pub(crate) fn parse_listener(text: &str) -> Result<std::net::SocketAddr, String> {
    let port = text.parse().map(|port| (std::net::Ipv4Addr::LOCALHOST, port).into());
    port.or_else(|_: std::num::ParseIntError| text.parse())
        .map_err(|_| format!("`{text}` is neither a port nor ADDRESS:PORT, as in 9464 or 0.0.0.0:9464"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_served_to_this_machine_unless_an_address_is_given() {
        assert_eq!(parse_listener("9464").unwrap().to_string(), "127.0.0.1:9464");
        assert_eq!(parse_listener("[::]:9464").unwrap().to_string(), "[::]:9464");
        for wrong in ["", "localhost", "70000", ":9464", "127.0.0.1"] {
            assert!(parse_listener(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_was_meant_is_guessed() {
        for (text, meant) in [("1min", "1m"), ("H1", "1h"), ("24h", "1d"), ("1S", "1s"), ("15min", "15m")] {
            let error = parse_timeframe(text).unwrap_err();
            assert!(error.ends_with(&format!("did you mean {meant}?")), "{error}");
        }
        assert!(!parse_timeframe("2s").unwrap_err().contains("did you mean"));
        assert!(parse_market("spto").unwrap_err().ends_with("did you mean spot?"));
        assert!(parse_market("linear").unwrap_err().ends_with("did you mean usdm?"));
        assert!(parse_tier("exellent").unwrap_err().ends_with("did you mean excellent?"));
        assert!(parse_tier("bad").unwrap_err().contains("must be one of"));
    }

    #[test]
    fn a_symbol_needs_no_exchange() {
        for good in ["binance:ETH/USDT", "ETH/USDT", "BTC/USDT:USDT"] {
            assert_eq!(parse_instrument(good).unwrap().as_str(), good);
        }
        assert!(parse_instrument("ETHUSDT").unwrap_err().contains("binance:ETH/USDT"));
    }

    #[test]
    fn durations_need_a_number_and_a_unit() {
        assert_eq!(parse_duration("5m"), Ok(std::time::Duration::from_secs(300)));
        for wrong in ["", "5", "m", "5w", "-5m", "99999999999999999999d"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }
}
