//! Candles pushed by a caller without trades: one base timeframe, coarser ones rolled up from it.

use super::candles::{CandleBook, is_closed};
use crate::candle::{Candle, Ohlcv, overflow};
use crate::change::CandleChange;
use crate::time::{Timeframe, Timestamp};
use crate::violation::Violations;

/// Versions a pushed candle brings about, worked out before anything is changed.
#[derive(Debug)]
pub(super) struct Plan(Vec<Planned>);

#[derive(Debug)]
struct Planned {
    timeframe: Timeframe,
    open_time: Timestamp,
    ohlcv: Ohlcv,
    closed: bool,
}

impl CandleBook {
    /// What a pushed candle changes; none where the very same one is known.
    ///
    /// # Errors
    /// A violation when candles of another timeframe were pushed before (coarser ones are rolled up here,
    /// finer ones would count twice), when a volume does not fit, or when candles beside a revised one are
    /// no longer at hand to roll the coarser ones up again.
    pub(super) fn plan(
        &self,
        candle: &Candle,
        watermark: Option<Timestamp>,
    ) -> Result<Option<Plan>, Violations> {
        let timeframe = candle.timeframe();
        let base = Timeframe::ALL.into_iter().find(|timeframe| {
            let series = &self.series[timeframe.index()];
            !series.closed.is_empty() || !series.open.is_empty()
        });
        if let Some(base) = base.filter(|base| *base != timeframe) {
            let reason = format!("must be {base} as before: coarser candles are rolled up from those");
            return Err(Violations::one("candle.timeframe", timeframe, reason));
        }
        let before = self.series[timeframe.index()].version(candle.open_time());
        if before.is_some_and(|before| before.ohlcv() == candle.ohlcv()) {
            return Ok(None);
        }
        let (open_time, mut part) = (candle.open_time(), *candle.ohlcv());
        let mut plan = vec![Planned { timeframe, open_time, ohlcv: part, closed: true }];
        for timeframe in Timeframe::ALL.into_iter().filter(|coarser| *coarser > timeframe) {
            let open_time = timeframe.open_time(candle.open_time());
            let ohlcv = if before.is_some() {
                part = self.rolled_up_with(timeframe, open_time, candle.open_time(), part)?;
                part
            } else {
                let sum = self.known(timeframe, open_time, watermark);
                sum.map_or(Some(part), |sum| sum.merge(&part)).ok_or_else(|| overflow(&part))?
            };
            plan.push(Planned {
                timeframe,
                open_time,
                ohlcv,
                closed: is_closed(timeframe, open_time, watermark),
            });
        }
        Ok(Some(Plan(plan)))
    }

    /// Carries a plan out.
    pub(super) fn push(&mut self, plan: Plan, stamp: Timestamp, changes: &mut Vec<CandleChange>) {
        for Planned { timeframe, open_time, ohlcv, closed } in plan.0 {
            let series = &mut self.series[timeframe.index()];
            if !closed {
                series.open.insert(open_time, ohlcv);
                continue;
            }
            let before = series.version(open_time);
            let revision = before.map_or(1, |before| before.revision() + 1);
            if let Ok(candle) = Candle::closed(timeframe, open_time, ohlcv, revision, stamp) {
                series.keep(candle);
                changes.push(CandleChange { candle, replaces: before });
            }
        }
        self.forget_loaded();
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

    /// The sum of the finer candles of a period, with the one at `changed_at` replaced by `changed`.
    fn rolled_up_with(
        &self,
        timeframe: Timeframe,
        open_time: Timestamp,
        changed_at: Timestamp,
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
        let replaced = finer.open_time(changed_at);
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
