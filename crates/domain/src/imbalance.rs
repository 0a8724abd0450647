//! Imbalances of sampled seconds and their windows of 5, 15 and 60 seconds.

use std::collections::VecDeque;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::book::BookSnapshot;
use crate::decimal::{Quantity, round_imbalance};
use crate::time::{SECOND, Timestamp};

/// Seconds of the longest window.
pub const LONGEST_WINDOW: usize = 60;

/// Imbalances of one wholly covered second, as stored. Undefined values are null.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imbalances {
    /// Start of the second.
    pub second: Timestamp,
    /// `(bid − ask) / (bid + ask)` of the top levels' volume, six places half-even.
    #[serde(with = "crate::decimal::text::option")]
    pub imbalance_1s: Option<Decimal>,
    /// Plain mean of the stored 1 s values over 5 seconds, rounded once.
    #[serde(with = "crate::decimal::text::option")]
    pub imbalance_5s: Option<Decimal>,
    /// The same over 15 seconds.
    #[serde(with = "crate::decimal::text::option")]
    pub imbalance_15s: Option<Decimal>,
    /// The same over 60 seconds.
    #[serde(with = "crate::decimal::text::option")]
    pub imbalance_60s: Option<Decimal>,
    /// Equal to `imbalance_1s`.
    #[serde(with = "crate::decimal::text::option")]
    pub volume_imbalance_1s: Option<Decimal>,
    /// `Σ(bid − ask) / Σ(bid + ask)` over 5 seconds.
    #[serde(with = "crate::decimal::text::option")]
    pub volume_imbalance_5s: Option<Decimal>,
    /// The same over 15 seconds.
    #[serde(with = "crate::decimal::text::option")]
    pub volume_imbalance_15s: Option<Decimal>,
    /// The same over 60 seconds.
    #[serde(with = "crate::decimal::text::option")]
    pub volume_imbalance_60s: Option<Decimal>,
    /// Highest ask less lowest bid of the levels.
    #[serde(with = "crate::decimal::text::option")]
    pub price_range: Option<Decimal>,
    /// Volume of the bids.
    pub bid_volume: Quantity,
    /// Volume of the asks.
    pub ask_volume: Quantity,
    /// The stamp, that of the sample.
    pub available_at: Timestamp,
}

/// The last minute of covered seconds, from which the windows are computed.
#[derive(Debug, Clone, Default)]
pub struct ImbalanceWindows {
    rows: VecDeque<(Timestamp, Option<Decimal>, Decimal, Decimal)>,
}

impl ImbalanceWindows {
    /// Takes stored rows back in, oldest first, after a restart.
    pub fn restore(rows: &[Imbalances]) -> Self {
        let mut windows = Self::default();
        for row in rows {
            windows.push(row.second, row.imbalance_1s, row.bid_volume.get(), row.ask_volume.get());
        }
        windows
    }

    /// Computes the row of the next covered second. A window lacking a second is null.
    pub fn next(&mut self, snapshot: &BookSnapshot) -> Imbalances {
        let (bid, ask) = (snapshot.bid_volume(), snapshot.ask_volume());
        let imbalance_1s = snapshot.imbalance();
        self.push(snapshot.second(), imbalance_1s, bid.get(), ask.get());
        Imbalances {
            second: snapshot.second(),
            imbalance_1s,
            imbalance_5s: self.mean(5),
            imbalance_15s: self.mean(15),
            imbalance_60s: self.mean(LONGEST_WINDOW),
            volume_imbalance_1s: imbalance_1s,
            volume_imbalance_5s: self.weighted(5),
            volume_imbalance_15s: self.weighted(15),
            volume_imbalance_60s: self.weighted(LONGEST_WINDOW),
            price_range: snapshot.price_range(),
            bid_volume: bid,
            ask_volume: ask,
            available_at: snapshot.available_at(),
        }
    }

    fn push(&mut self, second: Timestamp, imbalance: Option<Decimal>, bid: Decimal, ask: Decimal) {
        if self.rows.back().is_some_and(|row| row.0.plus(SECOND) != second) {
            self.rows.clear();
        }
        if self.rows.len() == LONGEST_WINDOW {
            self.rows.pop_front();
        }
        self.rows.push_back((second, imbalance, bid, ask));
    }

    fn window(
        &self,
        seconds: usize,
    ) -> Option<impl Iterator<Item = &(Timestamp, Option<Decimal>, Decimal, Decimal)>> {
        (self.rows.len() >= seconds).then(|| self.rows.iter().rev().take(seconds))
    }

    fn mean(&self, seconds: usize) -> Option<Decimal> {
        let sum = self.window(seconds)?.try_fold(Decimal::ZERO, |sum, row| sum.checked_add(row.1?))?;
        sum.checked_div(Decimal::from(seconds)).map(round_imbalance)
    }

    fn weighted(&self, seconds: usize) -> Option<Decimal> {
        let (difference, total) = self.window(seconds)?.try_fold(
            (Decimal::ZERO, Decimal::ZERO),
            |(difference, total), (_, _, bid, ask)| {
                Some((difference.checked_add(bid - ask)?, total.checked_add(bid.checked_add(*ask)?)?))
            },
        )?;
        difference.checked_div(total).map(round_imbalance)
    }
}
