//! The words that names of legacy files are made of.

use onetape_domain::instrument::QUOTES;
use onetape_domain::time::Timeframe;

/// Assets that other venues quote in.
const MORE_QUOTES: [&str; 9] = ["USD", "CAD", "CHF", "KRW", "INR", "HKD", "SGD", "USDE", "USDD"];

/// Venues that are known by name.
const EXCHANGES: [&str; 24] = [
    "ascendex",
    "binance",
    "binanceus",
    "bitfinex",
    "bitflyer",
    "bitget",
    "bithumb",
    "bitmex",
    "bitstamp",
    "bittrex",
    "bybit",
    "coinbase",
    "coinbasepro",
    "cryptocom",
    "deribit",
    "gateio",
    "gdax",
    "gemini",
    "htx",
    "huobi",
    "kraken",
    "kucoin",
    "mexc",
    "okx",
];

/// Words that say nothing of whose candles they are.
const IDLE: [&str; 21] = [
    "bar", "bars", "cache", "candle", "candles", "data", "df", "dict", "hist", "history", "kline", "klines",
    "list", "merged", "ohlc", "ohlcv", "price", "prices", "spot", "trade", "trades",
];

/// Words of markets other than spot, where the same name means another instrument.
const OTHER_MARKETS: [&str; 14] = [
    "cm",
    "coinm",
    "delivery",
    "future",
    "futures",
    "inverse",
    "linear",
    "mark",
    "perp",
    "perpetual",
    "quarter",
    "swap",
    "um",
    "usdm",
];

/// Endings of file names that say how a file is written.
const ENDINGS: [&str; 25] = [
    "parquet", "pq", "pkl", "pickle", "pck", "p", "p0", "p1", "p2", "p3", "p4", "p5", "csv", "txt", "json",
    "jsonl", "ndjson", "feather", "arrow", "zip", "gz", "bz2", "xz", "zst", "snappy",
];

/// A file's name without the endings that say how it is written.
pub(super) fn stem(name: &str) -> &str {
    let mut stem = name;
    while let Some((rest, ending)) = stem.rsplit_once('.')
        && !rest.is_empty()
        && ENDINGS.iter().any(|known| known.eq_ignore_ascii_case(ending))
    {
        stem = rest;
    }
    stem
}

/// Every asset that symbols are known to be quoted in.
pub(super) fn quotes() -> Vec<&'static str> {
    QUOTES.iter().chain(&MORE_QUOTES).copied().collect()
}

pub(super) fn is_quote(token: &str) -> bool {
    QUOTES.iter().chain(&MORE_QUOTES).any(|quote| quote.eq_ignore_ascii_case(token))
}

/// The venue's name as it is kept.
pub(super) fn exchange(token: &str) -> Option<&'static str> {
    EXCHANGES.into_iter().find(|known| known.eq_ignore_ascii_case(token))
}

pub(super) fn is_idle(token: &str) -> bool {
    IDLE.iter().any(|word| word.eq_ignore_ascii_case(token))
}

pub(super) fn is_of_other_market(token: &str) -> bool {
    OTHER_MARKETS.iter().any(|word| word.eq_ignore_ascii_case(token))
}

/// A period by its code.
pub(super) enum Code {
    /// One that is kept.
    Kept(Timeframe),
    /// One that is not.
    Other,
}

/// The period that a code such as `1m`, `60min` or `1D` says. A capital `M` is the month of pandas and of venues.
pub(super) fn code(token: &str) -> Option<Code> {
    let digits = token.bytes().take_while(u8::is_ascii_digit).count();
    let (count, unit) = token.split_at(digits);
    if digits == 0 || digits > 4 {
        return None;
    }
    let count: i64 = count.parse().ok()?;
    let seconds = match (unit, unit.to_ascii_lowercase().as_str()) {
        ("M" | "MS" | "ME", _) | (_, "w" | "wk" | "week" | "mo" | "mon" | "month" | "y" | "year") => {
            return Some(Code::Other);
        }
        (_, "s" | "sec" | "second" | "seconds") => 1,
        (_, "m" | "min" | "t" | "minute" | "minutes") => 60,
        (_, "h" | "hour" | "hours") => 3_600,
        (_, "d" | "day" | "days") => 86_400,
        _ => return None,
    };
    let micros = count * seconds * onetape_domain::time::SECOND;
    let kept = Timeframe::ALL.into_iter().find(|timeframe| timeframe.micros() == micros);
    Some(kept.map_or(Code::Other, Code::Kept))
}

/// The period that a word such as `minute` says.
pub(super) fn period(token: &str) -> Option<Timeframe> {
    match token.to_ascii_lowercase().as_str() {
        "second" => Some(Timeframe::S1),
        "minute" => Some(Timeframe::M1),
        "hour" | "hourly" => Some(Timeframe::H1),
        "day" | "daily" => Some(Timeframe::D1),
        _ => None,
    }
}

/// Whether it is a date or a part of one: `2016`, `20161007`, `10` after either, or seconds or milliseconds since 1970. Six
/// digits are not: futures are dated so.
pub(super) fn is_date(token: &str, after_date: bool) -> bool {
    token.bytes().all(|b| b.is_ascii_digit())
        && match token.len() {
            2 => after_date,
            4 | 8 => token.starts_with("19") || token.starts_with("20"),
            10 | 13 => true,
            _ => false,
        }
}
