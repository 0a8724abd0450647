//! Candles pushed by a caller without trades: one base timeframe, coarser ones rolled up from it.

use super::candles::{CandleBook, is_closed};
use crate::candle::{Candle, Ohlcv, overflow};
use crate::change::CandleChange;
use crate::time::{Timeframe, Timestamp};
use crate::violation::Violations;

impl CandleBook {
    /// Whether a pushed candle is news: false where the very same one is known.
    ///
    /// # Errors
    /// A violation when candles of another timeframe were pushed before: coarser ones are rolled up
    /// here, finer ones would count twice.
    pub(super) fn check_pushed(&self, candle: &Candle) -> Result<bool, Violations> {
        let base = Timeframe::ALL.into_iter().find(|timeframe| {
            let series = &self.series[timeframe.index()];
            !series.closed.is_empty() || !series.open.is_empty()
        });
        if let Some(base) = base.filter(|base| *base != candle.timeframe()) {
            let reason = format!("must be {base} as before: coarser candles are rolled up from those");
            return Err(Violations::one("candle.timeframe", candle.timeframe(), reason));
        }
        let known = self.series[candle.timeframe().index()].version(candle.open_time());
        Ok(known.is_none_or(|known| known.ohlcv() != candle.ohlcv()))
    }

    /// Takes a pushed candle in: a new one, or a revision of the one known.
    ///
    /// # Errors
    /// A violation when a volume does not fit, or when candles beside a revised one are no longer at
    /// hand to roll the coarser ones up again; nothing is changed then.
    pub(super) fn push(
        &mut self,
        candle: &Candle,
        watermark: Option<Timestamp>,
        stamp: Timestamp,
        changes: &mut Vec<CandleChange>,
    ) -> Result<(), Violations> {
        let base = candle.timeframe();
        let before = self.series[base.index()].version(candle.open_time());
        let mut versions = vec![(base, candle.open_time(), *candle.ohlcv(), true)];
        let mut part = *candle.ohlcv();
        for timeframe in Timeframe::ALL.into_iter().filter(|timeframe| *timeframe > base) {
            let open_time = timeframe.open_time(candle.open_time());
            let ohlcv = if before.is_some() {
                self.rolled_up_with(timeframe, open_time, versions.last().map_or(part, |version| version.2))?
            } else {
                let sum = self.known(timeframe, open_time, watermark);
                sum.map_or(Some(part), |sum| sum.merge(&part)).ok_or_else(|| overflow(&part))?
            };
            if before.is_some() {
                part = ohlcv;
            }
            versions.push((timeframe, open_time, ohlcv, is_closed(timeframe, open_time, watermark)));
        }
        for (timeframe, open_time, ohlcv, closed) in versions {
            let series = &mut self.series[timeframe.index()];
            if !closed {
                series.open.insert(open_time, ohlcv);
                continue;
            }
            let before = series.version(open_time);
            let revision = before.map_or(1, |before| before.revision() + 1);
            let candle = Candle::closed(timeframe, open_time, ohlcv, revision, stamp)?;
            series.keep(candle);
            changes.push(CandleChange { candle, replaces: before });
        }
        Ok(())
    }

    fn known(
        &self,
        timeframe: Timeframe,
        open_time: Timestamp,
        watermark: Option<Timestamp>,
    ) -> Option<Ohlcv> {
        let series = &self.series[timeframe.index()];
        if is_closed(timeframe, open_time, watermark) {
            series.version(open_time).map(|candle| *candle.ohlcv())
        } else {
            series.open.get(&open_time).copied()
        }
    }

    /// The sum of the finer candles of a period, with one of them replaced by `changed`.
    fn rolled_up_with(
        &self,
        timeframe: Timeframe,
        open_time: Timestamp,
        changed: Ohlcv,
    ) -> Result<Ohlcv, Violations> {
        let Some(finer) = timeframe.finer() else {
            return Ok(changed);
        };
        let series = &self.series[finer.index()];
        if series.floor.is_some_and(|floor| open_time < floor) {
            let reason = "is too old to be revised: the candles beside it are no longer at hand";
            return Err(Violations::one("candle.open_time", open_time, reason));
        }
        let replaced = finer.open_time(changed.first.event_time);
        let period = open_time..timeframe.close_time(open_time);
        let closed = series.closed.range(period.clone()).map(|(time, candle)| (*time, *candle.ohlcv()));
        let open = series.open.range(period).map(|(time, ohlcv)| (*time, *ohlcv));
        closed
            .chain(open)
            .filter(|(time, _)| *time != replaced)
            .try_fold(changed, |sum, (_, part)| sum.merge(&part))
            .ok_or_else(|| overflow(&changed))
    }
}
