//! Exchanges, symbols in the CCXT unified form, and the split of native names.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::violation::Violations;

/// Longest exchange name and longest symbol accepted, in bytes.
pub const MAX_NAME_BYTES: usize = 64;

/// Assets that spot and linear instruments of Binance are quoted in, past and present.
///
/// None of them is the end of another, and so the split of a name that ends with one is never ambiguous:
/// `AEUR`, of which `EUR` is the end (`ADAEUR`), is told by its few names.
pub const QUOTES: [&str; 43] = [
    "USDT", "USDC", "FDUSD", "BUSD", "TUSD", "USDP", "USDS", "USD1", "PAX", "DAI", "UST", "VAI", "BTC",
    "ETH", "BNB", "TRX", "XRP", "DOGE", "DOT", "SOL", "EUR", "EURI", "GBP", "AUD", "JPY", "TRY", "BRL",
    "RUB", "UAH", "NGN", "ZAR", "PLN", "RON", "ARS", "MXN", "COP", "CZK", "BIDR", "IDRT", "BKRW", "BVND",
    "GYEN", "RLUSD",
];

/// A venue by its lower-case name, such as `binance`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Exchange(Arc<str>);

impl Exchange {
    /// Validates a venue name: 1 to 64 of `a-z 0-9 _ - .`.
    ///
    /// # Errors
    /// A violation naming the rule.
    pub fn try_new(name: &str) -> Result<Self, Violations> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-' | b'.');
        if name.is_empty() || name.len() > MAX_NAME_BYTES || !name.bytes().all(allowed) {
            return Err(Violations::one("exchange", name, "must be 1 to 64 of a-z 0-9 _ - ."));
        }
        Ok(Self(name.into()))
    }

    /// Binance, the venue of bare symbols unless another is set.
    pub fn binance() -> Self {
        Self("binance".into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A market in the CCXT unified form: `BTC/USDT`, `BTC/USDT:USDT` (linear), `ETH/USD:ETH` (inverse),
/// `BTC/USD:BTC-241227` (dated).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Symbol(Arc<str>);

impl Symbol {
    /// Validates a unified symbol.
    ///
    /// # Errors
    /// A violation when it is no `BASE/QUOTE[:SETTLE[-EXPIRY]]` of upper-case names.
    pub fn try_new(text: &str) -> Result<Self, Violations> {
        let wrong =
            || Violations::one("symbol", text, "must be BASE/QUOTE or BASE/QUOTE:SETTLE, as in BTC/USDT");
        let name = |part: &str| {
            !part.is_empty()
                && !part
                    .bytes()
                    .any(|b| b.is_ascii_lowercase() || matches!(b, b'/' | b':') || b.is_ascii_control())
                && !part.contains(char::is_whitespace)
        };
        if text.len() > MAX_NAME_BYTES {
            return Err(wrong());
        }
        let (base, rest) = text.split_once('/').ok_or_else(wrong)?;
        let (quote, settle) =
            rest.split_once(':').map_or((rest, None), |(quote, settle)| (quote, Some(settle)));
        if !name(base) || !name(quote) || settle.is_some_and(|settle| !name(settle)) {
            return Err(wrong());
        }
        Ok(Self(text.into()))
    }

    /// The unified form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Which part of a venue a native name belongs to; the same name means different markets in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Market {
    /// Spot.
    Spot,
    /// USD-margined (linear) futures.
    Usdm,
    /// Coin-margined (inverse) futures.
    Coinm,
}

impl FromStr for Market {
    type Err = Violations;

    fn from_str(text: &str) -> Result<Self, Violations> {
        match text {
            "spot" => Ok(Self::Spot),
            "usdm" => Ok(Self::Usdm),
            "coinm" => Ok(Self::Coinm),
            _ => Err(Violations::one("market", text, "must be one of spot, usdm, coinm")),
        }
    }
}

impl fmt::Display for Market {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Spot => "spot",
            Self::Usdm => "usdm",
            Self::Coinm => "coinm",
        })
    }
}

/// One market at one venue: what every record is keyed by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instrument {
    exchange: Exchange,
    symbol: Symbol,
}

impl Instrument {
    /// Joins a venue and a symbol.
    pub fn new(exchange: Exchange, symbol: Symbol) -> Self {
        Self { exchange, symbol }
    }

    /// Validates both names.
    ///
    /// # Errors
    /// Every rule either of them breaks.
    pub fn try_new(exchange: &str, symbol: &str) -> Result<Self, Violations> {
        match (Exchange::try_new(exchange), Symbol::try_new(symbol)) {
            (Ok(exchange), Ok(symbol)) => Ok(Self { exchange, symbol }),
            (exchange, symbol) => Err(Violations(
                [exchange.err(), symbol.err()].into_iter().flatten().flat_map(|v| v.0).collect(),
            )),
        }
    }

    /// Parses `binance:BTC/USDT`, or a bare symbol at the given default venue.
    ///
    /// # Errors
    /// What [`try_new`](Self::try_new) reports.
    pub fn parse_with_default(text: &str, default_exchange: &Exchange) -> Result<Self, Violations> {
        match text.split_once(':') {
            Some((exchange, symbol)) if !exchange.contains('/') => Self::try_new(exchange, symbol),
            _ => Ok(Self { exchange: default_exchange.clone(), symbol: Symbol::try_new(text)? }),
        }
    }

    /// The venue.
    pub fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// The symbol.
    pub fn symbol(&self) -> &Symbol {
        &self.symbol
    }
}

impl FromStr for Instrument {
    type Err = Violations;

    fn from_str(text: &str) -> Result<Self, Violations> {
        match text.split_once(':') {
            Some((exchange, symbol)) if !exchange.contains('/') => Self::try_new(exchange, symbol),
            _ => Err(Violations::one("instrument", text, "must name its exchange, as in binance:BTC/USDT")),
        }
    }
}

impl fmt::Display for Instrument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.exchange.as_str(), self.symbol.as_str())
    }
}

/// Serialises a name as its text.
macro_rules! as_text {
    ($name:ident) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <String as serde::Deserialize>::deserialize(deserializer)?
                    .parse()
                    .map_err(serde::de::Error::custom)
            }
        }
    };
}

/// Shows and parses a name that is a text with rules.
macro_rules! named {
    ($name:ident) => {
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::violation::Violations;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::try_new(text)
            }
        }
    };
}

pub(crate) use {as_text, named};

named!(Exchange);
named!(Symbol);
as_text!(Exchange);
as_text!(Symbol);
as_text!(Instrument);

/// Splits a native name such as `ETHUSDT` at the longest of the known quotes it ends with.
///
/// # Errors
/// A violation when no known quote fits, or nothing is left for the base: the caller quarantines it.
pub fn split_native<'a>(native: &'a str, quotes: &[&str]) -> Result<(&'a str, &'a str), Violations> {
    quotes
        .iter()
        .filter(|quote| native.len() > quote.len() && native.ends_with(**quote))
        .max_by_key(|quote| quote.len())
        .map(|quote| native.split_at(native.len() - quote.len()))
        .ok_or_else(|| Violations::one("symbol", native, "ends with no quote asset known at this venue"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_quote_is_the_end_of_another() {
        for quote in QUOTES {
            assert_eq!(QUOTES.iter().filter(|other| quote.ends_with(**other)).count(), 1, "{quote}");
        }
    }
}
