//! Steps of the engine for trades, ids without a trade, and pushed candles.

use super::trades::Selection;
use super::{InstrumentEngine, Outcome, Sampling, Step};
use crate::candle::Candle;
use crate::change::Changes;
use crate::coverage::Stream;
use crate::message::FeedMessage;
use crate::time::Timestamp;
use crate::trade::{Trade, TradeEvent};
use crate::violation::Violations;

impl InstrumentEngine {
    pub(super) fn process_trades(
        &mut self,
        message: &FeedMessage,
        events: &[TradeEvent],
        sent_at: Timestamp,
        raises: bool,
        changes: &mut Changes,
    ) -> Step {
        let stream = Stream::Trades.index();
        let watermark = self.watermarks[stream];
        let selection = self.trades.select(message.connection, events);
        let others = selection.passed_over == events.len();
        let raises = raises && (!others || self.raises(message, None));
        if selection.fresh.is_empty() && !raises {
            self.trades.count(message.connection, &selection);
            let Selection { refused, passed_over, .. } = selection;
            let known = refused.is_empty() && passed_over == 0;
            let outcome = if known { Outcome::Redelivered } else { Outcome::Ignored };
            return Step { outcome, refused, passed_over };
        }
        let missing = self.candles.to_load(selection.fresh.iter().map(|new| new.key.event_time), watermark);
        if !missing.is_empty() {
            return Step::of(Outcome::NeedsCandles(missing));
        }
        self.trades.count(message.connection, &selection);
        let Selection { fresh, mut refused, passed_over, .. } = selection;
        if !others {
            self.carry(Stream::Trades, message, sent_at, raises);
        }
        let stamp = self.begin(message, sent_at, raises, Sampling::Watermark, changes);
        let sources: Vec<&TradeEvent> = fresh.iter().map(|new| new.event).collect();
        let mut trades: Vec<Trade> = fresh
            .into_iter()
            .map(|new| Trade {
                key: new.key,
                trade_id: new.trade_id,
                price: new.event.price(),
                size: new.event.size(),
                side: new.event.side(),
                aggregate: new.event.aggregate(),
                received_at: message.received_at,
                available_at: stamp,
            })
            .collect();
        let overflowing = self.candles.add(&trades, watermark, stamp, &mut changes.candles);
        for (index, violations) in overflowing.into_iter().rev() {
            trades.remove(index);
            refused.push((sources[index].clone(), violations));
        }
        let coverage = &mut self.coverage[stream];
        for trade in &trades {
            if coverage.run().is_none() && coverage.silent_since().is_none() {
                // The stream is proven from its first trade on, and not from before the connection.
                let connected = self.connections.get(&message.connection).copied().unwrap_or(sent_at);
                coverage.begin(trade.key.event_time.max(connected.min(sent_at)));
            }
            self.trades.accept(trade, coverage, &mut changes.coverage);
        }
        changes.trades.append(&mut trades);
        let step = self.finish_step(message, sent_at, raises, stamp, changes);
        Step { refused, passed_over, ..step }
    }

    /// An id without a trade: it takes its place in the sequence.
    pub(super) fn process_void(
        &mut self,
        message: &FeedMessage,
        (id, event_time): (i64, Timestamp),
        sent_at: Timestamp,
        raises: bool,
        changes: &mut Changes,
    ) -> Step {
        let news = self.trades.expects(id);
        if !news && !raises {
            return Step::of(Outcome::Redelivered);
        }
        self.carry(Stream::Trades, message, sent_at, raises);
        let stamp = self.begin(message, sent_at, raises, Sampling::Watermark, changes);
        if news {
            let coverage = &mut self.coverage[Stream::Trades.index()];
            self.trades.note(id, event_time, stamp, coverage, &mut changes.coverage);
        }
        self.finish_step(message, sent_at, raises, stamp, changes)
    }

    /// Ids that will never come. It proves nothing of the stream, so its connection does not carry it.
    pub(super) fn process_unfillable(
        &mut self,
        message: &FeedMessage,
        ids: (i64, i64),
        reason: &str,
        sent_at: Timestamp,
        raises: bool,
        changes: &mut Changes,
    ) -> Step {
        let news = self.trades.misses_any(ids);
        if !news && !raises {
            return Step::of(Outcome::Redelivered);
        }
        let stamp = self.begin(message, sent_at, raises, Sampling::Watermark, changes);
        if news {
            let coverage = &self.coverage[Stream::Trades.index()];
            self.trades.give_up(ids, reason, stamp, coverage, &mut changes.coverage);
        }
        self.finish_step(message, sent_at, raises, stamp, changes)
    }

    /// A closed candle of a feed without trades.
    pub(super) fn process_candle(
        &mut self,
        message: &FeedMessage,
        candle: &Candle,
        sent_at: Timestamp,
        raises: bool,
        changes: &mut Changes,
    ) -> Step {
        let stream = Stream::Trades.index();
        if self.trades.has_trades() {
            let reason = "is of an instrument whose candles are built from its trades";
            return Step::of(Outcome::Refused(Violations::one("candle", candle.open_time(), reason)));
        }
        let watermark = self.watermarks[stream];
        let missing = self.candles.to_load([candle.open_time()].into_iter(), watermark);
        if !missing.is_empty() {
            return Step::of(Outcome::NeedsCandles(missing));
        }
        let plan = match self.candles.plan(candle, watermark) {
            Err(violations) => return Step::of(Outcome::Refused(violations)),
            Ok(None) => return Step::of(Outcome::Redelivered),
            Ok(Some(plan)) => plan,
        };
        if raises || self.carriers[stream].is_none() {
            self.carriers[stream] = Some(message.connection);
        }
        // The candle is itself the proof of its period, so no silence can break the run.
        let stamp = self.stamp(message, sent_at, raises);
        self.candles.push(plan, stamp, &mut changes.candles);
        let coverage = &mut self.coverage[stream];
        coverage.begin(candle.open_time());
        if let Some(proven) = watermark.filter(|proven| *proven < candle.open_time()) {
            let reason = "no candle was pushed".to_owned();
            coverage.gap(proven, candle.open_time(), reason, stamp, &mut changes.coverage);
        } else if watermark.is_some_and(|proven| proven >= candle.close_time()) {
            let reason = "the candle was pushed late".to_owned();
            coverage.filled(candle.open_time(), candle.close_time(), reason, stamp, &mut changes.coverage);
        }
        self.finish_step(message, sent_at, raises, stamp, changes)
    }
}
