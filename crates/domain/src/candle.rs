//! Candles: exact OHLCV of a period, mergeable in any order, with the version a reader knows at an instant.

use serde::{Deserialize, Serialize};

use crate::decimal::{Price, Quantity};
use crate::time::{Timeframe, Timestamp};
use crate::trade::{Side, Trade, TradeKey};
use crate::violation::Violations;

/// What a candle stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CandleState {
    /// Closed, with trades.
    Traded,
    /// Covered, and nobody traded; only a fill makes such rows.
    Quiet,
    /// Not covered, so nothing is known; only a fill makes such rows.
    Gap,
    /// Trades are known, no closed version is yet.
    Forming,
    /// Closed, and not made here of trades: a venue or a file supplied it.
    Imported,
}

impl CandleState {
    /// `traded`, `quiet`, `gap`, `forming` or `imported`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Traded => "traded",
            Self::Quiet => "quiet",
            Self::Gap => "gap",
            Self::Forming => "forming",
            Self::Imported => "imported",
        }
    }
}

/// Prices and volume of a period. Merging is associative and commutative, so the order in which
/// trades or finer candles arrive cannot change the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ohlcv {
    /// Price of the first trade.
    pub open: Price,
    /// Highest price.
    pub high: Price,
    /// Lowest price.
    pub low: Price,
    /// Price of the last trade.
    pub close: Price,
    /// Sum of sizes.
    pub volume: Quantity,
    /// Sum of the sizes whose taker bought; unknown for candles a venue or a user supplied without it.
    pub taker_buy_volume: Option<Quantity>,
    /// Number of venue trades; unknown for candles that a venue or a file supplied without it.
    pub trade_count: Option<u64>,
    /// Key of the first trade, by which merging finds the open.
    pub first: TradeKey,
    /// Key of the last trade, by which merging finds the close.
    pub last: TradeKey,
}

impl Ohlcv {
    /// The candle of a single trade.
    pub fn of_trade(trade: &Trade) -> Self {
        let taker_buy = if trade.side == Side::Buy { trade.size } else { Quantity::ZERO };
        Self {
            open: trade.price,
            high: trade.price,
            low: trade.price,
            close: trade.price,
            volume: trade.size,
            taker_buy_volume: Some(taker_buy),
            trade_count: Some(u64::from(trade.trade_count())),
            first: trade.key,
            last: trade.key,
        }
    }

    /// Joins two disjoint sets of trades; `None` when the volume needs more than 28 digits.
    #[must_use]
    pub fn merge(&self, other: &Self) -> Option<Self> {
        let (opener, closer) = (
            if other.first < self.first { other } else { self },
            if other.last > self.last { other } else { self },
        );
        let taker_buy_volume = match (self.taker_buy_volume, other.taker_buy_volume) {
            (Some(a), Some(b)) => Some(a.checked_add(b)?),
            _ => None,
        };
        let trade_count = match (self.trade_count, other.trade_count) {
            (Some(a), Some(b)) => Some(a.checked_add(b)?),
            _ => None,
        };
        Some(Self {
            open: opener.open,
            high: self.high.max(other.high),
            low: self.low.min(other.low),
            close: closer.close,
            volume: self.volume.checked_add(other.volume)?,
            taker_buy_volume,
            trade_count,
            first: opener.first,
            last: closer.last,
        })
    }
}

/// One version of a candle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Candle {
    timeframe: Timeframe,
    open_time: Timestamp,
    #[serde(flatten)]
    ohlcv: Ohlcv,
    state: CandleState,
    revision: u32,
    known_from: Option<Timestamp>,
}

impl Candle {
    /// A closed candle as of the stamp that closed or revised it.
    ///
    /// # Errors
    /// Every broken rule: an open time off the grid, prices out of order, trades outside the period,
    /// revision 0.
    pub fn closed(
        timeframe: Timeframe,
        open_time: Timestamp,
        ohlcv: Ohlcv,
        revision: u32,
        known_from: Timestamp,
    ) -> Result<Self, Violations> {
        let mut violations = check(timeframe, open_time, &ohlcv);
        if revision == 0 {
            violations.push("candle.revision", revision, "of a closed candle must be at least 1");
        }
        let candle = Self {
            timeframe,
            open_time,
            ohlcv,
            state: CandleState::Traded,
            revision,
            known_from: Some(known_from),
        };
        violations.into_result(candle)
    }

    /// A candle from elsewhere, known from `known_from` on. Its volume may be zero: some venues publish flat
    /// candles for periods without trades.
    ///
    /// # Errors
    /// As [`closed`](Self::closed).
    pub fn imported(
        timeframe: Timeframe,
        open_time: Timestamp,
        ohlcv: Ohlcv,
        known_from: Timestamp,
    ) -> Result<Self, Violations> {
        let candle = Self::closed(timeframe, open_time, ohlcv, 1, known_from)?;
        Ok(Self { state: CandleState::Imported, ..candle })
    }

    /// A candle still forming: its trades so far.
    ///
    /// # Errors
    /// As [`closed`](Self::closed).
    pub fn forming(timeframe: Timeframe, open_time: Timestamp, ohlcv: Ohlcv) -> Result<Self, Violations> {
        let candle =
            Self { timeframe, open_time, ohlcv, state: CandleState::Forming, revision: 0, known_from: None };
        check(timeframe, open_time, &ohlcv).into_result(candle)
    }

    /// A row that fills a period without trades at the previous close: quiet where it was covered,
    /// a gap where it was not. Its volume is zero either way.
    #[must_use]
    pub fn fill(timeframe: Timeframe, open_time: Timestamp, close: Price, covered: bool) -> Self {
        let key = TradeKey { event_time: open_time, sequence: 0, index: 0 };
        let ohlcv = Ohlcv {
            open: close,
            high: close,
            low: close,
            close,
            volume: Quantity::ZERO,
            taker_buy_volume: Some(Quantity::ZERO),
            trade_count: Some(0),
            first: key,
            last: key,
        };
        let state = if covered { CandleState::Quiet } else { CandleState::Gap };
        Self { timeframe, open_time, ohlcv, state, revision: 0, known_from: None }
    }

    /// The period's length.
    pub fn timeframe(&self) -> Timeframe {
        self.timeframe
    }

    /// Start of the period.
    pub fn open_time(&self) -> Timestamp {
        self.open_time
    }

    /// End of the period, exclusive.
    pub fn close_time(&self) -> Timestamp {
        self.timeframe.close_time(self.open_time)
    }

    /// Prices and volume.
    pub fn ohlcv(&self) -> &Ohlcv {
        &self.ohlcv
    }

    /// What the row stands for.
    pub fn state(&self) -> CandleState {
        self.state
    }

    /// Version: 1 when first closed, one more at each revision, 0 when not closed.
    pub fn revision(&self) -> u32 {
        self.revision
    }

    /// The stamp from which on this version is the known one; none when not closed.
    pub fn known_from(&self) -> Option<Timestamp> {
        self.known_from
    }
}

/// A closed version together with the stamp from which on another one took its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SupersededCandle {
    /// The version.
    pub candle: Candle,
    /// The stamp of its successor.
    pub known_to: Timestamp,
}

/// Rolls finer candles (or candles of the same period, split) up into one of `timeframe` each period.
///
/// The input may come in any order; the result is sorted. Associative: going through an intermediate
/// timeframe gives the same as going directly.
///
/// # Errors
/// A violation when a volume needs more than 28 digits.
pub fn roll_up<'a>(
    candles: impl IntoIterator<Item = (Timestamp, &'a Ohlcv)>,
    timeframe: Timeframe,
) -> Result<Vec<(Timestamp, Ohlcv)>, Violations> {
    let mut periods = std::collections::BTreeMap::<Timestamp, Ohlcv>::new();
    for (open_time, ohlcv) in candles {
        merge_into(&mut periods, timeframe.open_time(open_time), ohlcv)?;
    }
    Ok(periods.into_iter().collect())
}

/// Merges one part into the period it belongs to.
///
/// # Errors
/// A violation when the volume needs more than 28 digits; the period then stays as it was.
pub fn merge_into(
    periods: &mut std::collections::BTreeMap<Timestamp, Ohlcv>,
    open_time: Timestamp,
    part: &Ohlcv,
) -> Result<(), Violations> {
    match periods.entry(open_time) {
        std::collections::btree_map::Entry::Vacant(slot) => {
            slot.insert(*part);
        }
        std::collections::btree_map::Entry::Occupied(mut slot) => {
            let merged = slot.get().merge(part).ok_or_else(|| overflow(part))?;
            slot.insert(merged);
        }
    }
    Ok(())
}

pub(crate) fn overflow(part: &Ohlcv) -> Violations {
    Violations::one("candle.volume", part.volume, "makes a sum of more than 28 digits")
}

fn check(timeframe: Timeframe, open_time: Timestamp, ohlcv: &Ohlcv) -> Violations {
    let mut violations = Violations::default();
    if timeframe.open_time(open_time) != open_time {
        violations.push("candle.open_time", open_time, format!("must lie on the {timeframe} grid"));
    }
    if !open_time.is_sane() {
        violations.push("candle.open_time", open_time, "must be between 2009 and 2100");
    }
    let Ohlcv { open, high, low, close, volume, taker_buy_volume, trade_count: _, first, last } = ohlcv;
    if high < low {
        violations.push("candle.high", high, format!("must not be below the low {low}"));
    }
    if high < open || high < close {
        violations.push("candle.high", high, format!("must not be below open {open} or close {close}"));
    }
    if low > open || low > close {
        violations.push("candle.low", low, format!("must not be above open {open} or close {close}"));
    }
    if taker_buy_volume.is_some_and(|taker| taker > *volume) {
        violations.push("candle.taker_buy_volume", volume, "must not be above the volume");
    }
    let close_time = timeframe.close_time(open_time);
    if first > last || first.event_time < open_time || last.event_time >= close_time {
        violations.push(
            "candle.first",
            first.event_time,
            "and the last trade must lie inside the period, in order",
        );
    }
    violations
}
