//! Candles of all six timeframes from trades: accumulated, closed by the watermark, revised by late trades.

use std::collections::BTreeMap;

use crate::candle::{Candle, Ohlcv, overflow};
use crate::change::CandleChange;
use crate::time::{Timeframe, Timestamp};
use crate::trade::Trade;
use crate::violation::Violations;

/// Closed candles of each timeframe kept at hand for late trades; older ones are asked of the store.
pub const KEPT: usize = 600;

/// A closed candle that must be loaded before a late trade can be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CandleKey {
    /// The period's length.
    pub timeframe: Timeframe,
    /// Start of the period.
    pub open_time: Timestamp,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Series {
    pub(super) open: BTreeMap<Timestamp, Ohlcv>,
    pub(super) closed: BTreeMap<Timestamp, Candle>,
    /// Every closed candle at or after this is in `closed`; none where that holds for all.
    pub(super) floor: Option<Timestamp>,
    loaded: BTreeMap<Timestamp, Option<Candle>>,
}

impl Series {
    pub(super) fn version(&self, open_time: Timestamp) -> Option<Candle> {
        self.closed.get(&open_time).copied().or_else(|| self.loaded.get(&open_time).copied().flatten())
    }

    fn must_load(&self, open_time: Timestamp) -> bool {
        self.floor.is_some_and(|floor| open_time < floor)
            && !self.closed.contains_key(&open_time)
            && !self.loaded.contains_key(&open_time)
    }

    pub(super) fn keep(&mut self, candle: Candle) {
        self.closed.insert(candle.open_time(), candle);
        while self.closed.len() > KEPT {
            if let Some((_, evicted)) = self.closed.pop_first() {
                let floor = evicted.close_time();
                self.floor = Some(self.floor.map_or(floor, |before| before.max(floor)));
            }
        }
    }
}

/// Versions before, and sums with the late trades of one message.
type Revised = BTreeMap<CandleKey, (Option<Candle>, Ohlcv)>;

/// The candle state machine of one instrument.
#[derive(Debug, Clone, Default)]
pub struct CandleBook {
    pub(super) series: [Series; 6],
}

impl CandleBook {
    /// Takes up where the store left off: the closed candles at hand (`complete` where there are no
    /// older ones), and the forming ones.
    pub fn restore(&mut self, timeframe: Timeframe, closed: &[Candle], complete: bool, forming: &[Candle]) {
        let series = &mut self.series[timeframe.index()];
        series.floor = if complete { None } else { closed.first().map(Candle::open_time) };
        for candle in closed {
            series.keep(*candle);
        }
        series.open = forming.iter().map(|candle| (candle.open_time(), *candle.ohlcv())).collect();
    }

    /// Closed candles that must be [`load`](Self::load)ed before trades at these times can be added.
    pub fn to_load(
        &self,
        times: impl Iterator<Item = Timestamp>,
        watermark: Option<Timestamp>,
    ) -> Vec<CandleKey> {
        let Some(watermark) = watermark else {
            return Vec::new();
        };
        let mut keys = Vec::new();
        for time in times {
            for timeframe in Timeframe::ALL {
                let open_time = timeframe.open_time(time);
                let closed = timeframe.close_time(open_time) <= watermark;
                if closed && self.series[timeframe.index()].must_load(open_time) {
                    keys.push(CandleKey { timeframe, open_time });
                }
            }
        }
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// Supplies what the store holds at a key; none where it holds no candle.
    pub fn load(&mut self, key: CandleKey, candle: Option<Candle>) {
        self.series[key.timeframe.index()].loaded.insert(key.open_time, candle);
    }

    /// Adds the trades of one message; closed candles they fall into are revised, each once.
    ///
    /// # Errors
    /// The trades whose volume does not fit, each with its violation; they change nothing.
    pub fn add(
        &mut self,
        trades: &[Trade],
        watermark: Option<Timestamp>,
        stamp: Timestamp,
        changes: &mut Vec<CandleChange>,
    ) -> Vec<(usize, Violations)> {
        let mut revised = Revised::new();
        let mut refused = Vec::new();
        for (index, trade) in trades.iter().enumerate() {
            let part = Ohlcv::of_trade(trade);
            let Some(sums) = self.sums(trade.key.event_time, &part, watermark, &revised) else {
                refused.push((index, overflow(&part)));
                continue;
            };
            for (timeframe, sum) in Timeframe::ALL.into_iter().zip(sums) {
                let open_time = timeframe.open_time(trade.key.event_time);
                let series = &mut self.series[timeframe.index()];
                if is_closed(timeframe, open_time, watermark) {
                    let key = CandleKey { timeframe, open_time };
                    revised.entry(key).or_insert_with(|| (series.version(open_time), sum)).1 = sum;
                } else {
                    series.open.insert(open_time, sum);
                }
            }
        }
        for (key, (before, ohlcv)) in revised {
            let revision = before.map_or(1, |candle| candle.revision() + 1);
            if let Ok(candle) = Candle::closed(key.timeframe, key.open_time, ohlcv, revision, stamp) {
                self.series[key.timeframe.index()].keep(candle);
                changes.push(CandleChange { candle, replaces: before });
            }
        }
        self.forget_loaded();
        refused
    }

    /// Lets go of what was loaded for one message.
    pub(super) fn forget_loaded(&mut self) {
        for series in &mut self.series {
            series.loaded.clear();
        }
    }

    /// What the six periods of a trade sum up to with it; none where a volume does not fit.
    fn sums(
        &self,
        event_time: Timestamp,
        part: &Ohlcv,
        watermark: Option<Timestamp>,
        revised: &Revised,
    ) -> Option<[Ohlcv; 6]> {
        let mut sums = [*part; 6];
        for timeframe in Timeframe::ALL {
            let open_time = timeframe.open_time(event_time);
            let series = &self.series[timeframe.index()];
            let base = if is_closed(timeframe, open_time, watermark) {
                let touched = revised.get(&CandleKey { timeframe, open_time }).map(|entry| entry.1);
                touched.or_else(|| series.version(open_time).map(|candle| *candle.ohlcv()))
            } else {
                series.open.get(&open_time).copied()
            };
            if let Some(base) = base {
                sums[timeframe.index()] = base.merge(part)?;
            }
        }
        Some(sums)
    }

    /// Closes every period that ends at or before the watermark.
    pub fn close(&mut self, watermark: Timestamp, stamp: Timestamp, changes: &mut Vec<CandleChange>) {
        for timeframe in Timeframe::ALL {
            let series = &mut self.series[timeframe.index()];
            while let Some(entry) = series.open.first_entry() {
                if timeframe.close_time(*entry.key()) > watermark {
                    break;
                }
                let (open_time, ohlcv) = entry.remove_entry();
                if let Ok(candle) = Candle::closed(timeframe, open_time, ohlcv, 1, stamp) {
                    series.keep(candle);
                    changes.push(CandleChange { candle, replaces: None });
                }
            }
        }
    }
}

pub(super) fn is_closed(timeframe: Timeframe, open_time: Timestamp, watermark: Option<Timestamp>) -> bool {
    watermark.is_some_and(|watermark| timeframe.close_time(open_time) <= watermark)
}
