//! What is known of a venue's streams: lateness, silence, sequence rules.

use serde::{Deserialize, Serialize};

use crate::time::SECOND;

/// How diffs of a local book connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BookRule {
    /// Binance spot: the first diff holds `last_update + 1`, every further one begins one past the diff before.
    BinanceSpot,
    /// Binance futures: the first diff holds `last_update`, every further one names the diff before as `pu`.
    BinanceFutures,
}

/// Whether trade ids prove completeness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TradeIds {
    /// Numeric, each one more than the one before: a missing id is a missing trade.
    Contiguous,
    /// Unique at most: a trade seen before can be told, a missing one cannot.
    Unique,
}

/// Rules of one venue's streams. Durations are in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct VenueRules {
    /// How far a trade may come behind messages sent later: the watermark lags by this much.
    pub lateness: i64,
    /// A connection silent for longer proves nothing of the time between.
    pub silence_limit: i64,
    /// How far our clock may move a stamp ahead of the venue's time.
    pub stamp_lead_limit: i64,
    /// How its books connect.
    pub book_rule: BookRule,
    /// What its trade ids prove.
    pub trade_ids: TradeIds,
}

impl VenueRules {
    /// Binance spot: trades and depth interleave, and trades arrive up to 220 ms after their time.
    pub const BINANCE_SPOT: Self = Self {
        lateness: SECOND / 2,
        silence_limit: 30 * SECOND,
        stamp_lead_limit: 5 * SECOND,
        book_rule: BookRule::BinanceSpot,
        trade_ids: TradeIds::Contiguous,
    };

    /// Binance USD-M and COIN-M futures.
    pub const BINANCE_FUTURES: Self = Self { book_rule: BookRule::BinanceFutures, ..Self::BINANCE_SPOT };

    /// A caller's own feed: nothing is known of its ids, and it decides the order itself.
    pub const PUSHED: Self = Self { lateness: 0, trade_ids: TradeIds::Unique, ..Self::BINANCE_SPOT };

    /// The same rules with another lateness.
    #[must_use]
    pub const fn with_lateness(self, lateness: i64) -> Self {
        Self { lateness, ..self }
    }
}
