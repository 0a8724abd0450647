//! Live feeds of Binance spot, USD-M and COIN-M futures: WebSocket for trades and book diffs, REST for whole books.
//!
//! ```text
//! shard: up to 512 instruments ─ connection ─┐ text, as it came
//! shard ────────────────────── connection ───┼──▶ bounded queue ──▶ LiveFeed::next_batch: record, parse, deliver
//! snapshots, when the pipeline asks ─ REST ──┘
//! ```
//!
//! A shard (`shard.rs`) keeps one connection alive: it reconnects with growing, jittered pauses, and opens the next
//! connection before the venue cuts the one before. Each attempt has a [`ConnectionId`] of its own. What both carry while
//! they overlap, and what a venue sends again, the engine knows by its ids. The queue is bounded: a pipeline that takes
//! nothing lets the sockets fill up, and nothing is dropped here.
//!
//! The engine knows which books are lost. The pipeline tells the feed ([`Feed::want_books`]), and `snapshots.rs` asks for
//! those and no others; it connects them to the diffs that the engine keeps meanwhile.
//!
//! [`ConnectionId`]: onetape_domain::message::ConnectionId
//! [`Feed::want_books`]: onetape_ports::feed::Feed::want_books

mod config;
mod connection;
mod error;
mod feed;
mod history;
mod limits;
mod metadata;
mod metrics;
mod net;
mod record;
mod rest;
mod shard;
mod snapshots;
mod stats;
mod venue;

pub use config::{LiveConfig, Timing, Trades};
pub use error::LiveError;
pub use feed::{LiveControl, LiveFeed};
pub use history::BinanceHistory;
pub use metadata::{InstrumentInfo, market_of};
pub use metrics::METRICS;
pub use rest::ApiKey;
pub use stats::LiveStats;
