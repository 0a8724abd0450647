//! What Binance says of its endpoints: addresses, paths, limits.
//!
//! Source: developers.binance.com, "WebSocket Streams" and "Limits" of Spot, USDⓈ-M and COIN-M, as of November 2026. The
//! limits of a connection count per address, so what is used here stays below them.

use std::time::Duration;

use onetape_domain::instrument::Market;

/// Streams that one connection may carry: 1,024 at all three markets.
pub(super) const MAX_STREAMS: usize = 1_024;
/// Longest query of streams that is sent. The venue states no length; servers commonly take 8 KiB of request line.
pub(super) const MAX_STREAM_QUERY: usize = 7_000;
/// Attempts to connect in five minutes: spot allows 300 for an address, of which a feed takes half.
pub(super) const CONNECTION_ATTEMPTS: u32 = 150;
/// The period of [`CONNECTION_ATTEMPTS`].
pub(super) const CONNECTION_PERIOD: Duration = Duration::from_secs(300);
/// A connection is cut after 24 hours.
pub(super) const CONNECTION_LIFETIME: Duration = Duration::from_secs(24 * 3_600);
/// The period of request weights.
pub(super) const WEIGHT_PERIOD: Duration = Duration::from_secs(60);
/// Levels a side that a snapshot is asked for: the most at futures; spot gives up to 5,000 for five times the weight.
pub(super) const SNAPSHOT_LEVELS: u32 = 1_000;

/// How one market is reached.
#[derive(Debug, Clone, Copy)]
pub(super) struct Venue {
    /// Where its streams are.
    pub(super) websocket: &'static str,
    /// Where its REST interface is.
    pub(super) rest: &'static str,
    /// Path of that interface.
    pub(super) api: &'static str,
    /// Request weight that an address may use in a minute.
    pub(super) weight: u32,
    /// Weight of a snapshot of [`SNAPSHOT_LEVELS`].
    pub(super) snapshot_weight: u32,
    /// Weight of the list of all instruments.
    pub(super) instruments_weight: u32,
    /// Weights of a page of single and of aggregate trades.
    pub(super) trades_weights: (u32, u32),
    /// Most single trades on a page; of aggregate ones it is [`AGGREGATES_PAGE`] everywhere.
    pub(super) trades_page: usize,
}

/// Most aggregate trades on a page.
pub(super) const AGGREGATES_PAGE: usize = 1_000;

/// The venue of a market.
pub(super) const fn venue(market: Market) -> Venue {
    match market {
        Market::Spot => Venue {
            websocket: "wss://stream.binance.com:9443",
            rest: "https://api.binance.com",
            api: "/api/v3",
            weight: 6_000,
            snapshot_weight: 50,
            instruments_weight: 20,
            trades_weights: (25, 4),
            trades_page: 1_000,
        },
        Market::Usdm => Venue {
            websocket: "wss://fstream.binance.com",
            rest: "https://fapi.binance.com",
            api: "/fapi/v1",
            weight: 2_400,
            snapshot_weight: 20,
            instruments_weight: 1,
            trades_weights: (20, 20),
            trades_page: 500,
        },
        Market::Coinm => Venue {
            websocket: "wss://dstream.binance.com",
            rest: "https://dapi.binance.com",
            api: "/dapi/v1",
            weight: 2_400,
            snapshot_weight: 20,
            instruments_weight: 1,
            trades_weights: (20, 20),
            trades_page: 500,
        },
    }
}

/// The path of combined streams. USD-M has one for each category since April 2026: depth and single trades are
/// `public`, aggregate trades `market`, and a connection carries one category.
pub(super) const fn stream_path(market: Market, kind: StreamKind) -> &'static str {
    match (market, kind) {
        (Market::Usdm, StreamKind::AggregateTrades) => "/market/stream",
        (Market::Usdm, StreamKind::Trades | StreamKind::Depth) => "/public/stream",
        (Market::Spot | Market::Coinm, _) => "/stream",
    }
}

/// What a stream carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StreamKind {
    /// One message a trade.
    Trades,
    /// One message for all fills of an order at one price.
    AggregateTrades,
    /// Changes of the book, every 100 ms.
    Depth,
}

impl StreamKind {
    /// The stream's name for an instrument.
    pub(super) fn of(self, native: &str) -> String {
        let native = native.to_lowercase();
        match self {
            Self::Trades => format!("{native}@trade"),
            Self::AggregateTrades => format!("{native}@aggTrade"),
            Self::Depth => format!("{native}@depth@100ms"),
        }
    }
}
