//! What retention has taken: from where on an instrument's rows are still there, and which sections of an
//! answer that leaves incomplete.

use crate::candle::Candle;
use crate::frame::{CandleSection, FrameShape, InferenceDataFrame};
use crate::quality::{Quality, Tier};
use crate::time::{Timeframe, Timestamp};

/// Instants before which rows of an instrument were dropped, by what they hold. None where all there ever
/// were are still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Expiry {
    /// First instant of which anything was recorded; at an earlier one there was nothing to drop.
    pub first: Option<Timestamp>,
    /// Closed candles of each timeframe, by [`Timeframe::index`].
    pub candles: [Option<Timestamp>; 6],
    /// Trades, of which unfinished candles are made.
    pub trades: Option<Timestamp>,
    /// Sampled books with their buckets.
    pub books: Option<Timestamp>,
    /// Imbalances.
    pub imbalances: Option<Timestamp>,
    /// The coverage log.
    pub coverage: Option<Timestamp>,
}

impl Expiry {
    /// Nothing was dropped.
    pub const NOTHING: Self =
        Self { first: None, candles: [None; 6], trades: None, books: None, imbalances: None, coverage: None };

    /// Marks the sections of a frame that are not what they were when their rows were all there:
    ///
    /// - candles, when there are fewer closed ones than asked for and older ones were dropped, or when trades
    ///   were dropped that the forming ones are made of;
    /// - the context window, when it begins before the first second kept;
    /// - book, buckets and imbalances, when they are short of rows;
    /// - any section whose coverage is no longer on record from its first row on.
    pub fn mark(&self, frame: &mut InferenceDataFrame, shape: FrameShape) {
        let as_of = frame.as_of;
        if !self.touches(as_of) {
            return;
        }
        let open_from = frame.ohlcv_1s.closed().last().map_or(as_of, Candle::close_time);
        for timeframe in Timeframe::ALL {
            self.mark_candles(frame.section_mut(timeframe), timeframe, shape.candles, open_from);
        }
        let begins = as_of.plus(-shape.context_window);
        let cut = self.candles[Timeframe::S1.index()].is_some_and(|dropped| begins < dropped);
        if shape.context_window > 0 && (cut || self.lost_coverage(Some(begins))) {
            expire(&mut frame.context_data.quality);
        }
        let second = frame.orderbook_snapshot.as_ref().map(|book| book.second());
        let book = (second.is_none() && self.books.is_some()) || self.lost_coverage(second);
        let first = frame.imbalances.first().map(|row| row.second);
        let short = frame.imbalances.len() < shape.imbalances && self.imbalances.is_some();
        let imbalances = short || self.lost_coverage(first);
        for (section, expired) in
            [("orderbook_snapshot", book), ("orderbook_1s_agg", book), ("imbalances", imbalances)]
        {
            frame.quality.get_mut(section).into_iter().filter(|_| expired).for_each(expire);
        }
    }

    /// Marks the candles of one timeframe, of which so many closed ones were wanted; `open_from` is the close of
    /// the last closed second.
    pub fn mark_candles(
        &self,
        section: &mut CandleSection,
        timeframe: Timeframe,
        wanted: usize,
        open_from: Timestamp,
    ) {
        let short = section.closed().len() < wanted && self.candles[timeframe.index()].is_some();
        let lacks_trades = self.trades.is_some_and(|dropped| open_from < dropped);
        if short || lacks_trades || self.lost_coverage(section.rows.first().map(Candle::open_time)) {
            expire(&mut section.quality);
        }
    }

    /// Marks an order book's history of so many points, whose first one has this second.
    pub fn mark_book(&self, quality: &mut Quality, points: usize, wanted: usize, first: Option<Timestamp>) {
        if (points < wanted && self.books.is_some()) || self.lost_coverage(first) {
            expire(quality);
        }
    }

    /// Whether an answer at the instant can have lost anything.
    pub fn touches(&self, as_of: Timestamp) -> bool {
        *self != Self::NOTHING && self.first.is_none_or(|first| first <= as_of)
    }

    /// Whether coverage is measured from before what is left of its log.
    fn lost_coverage(&self, begin: Option<Timestamp>) -> bool {
        self.coverage.zip(begin).is_some_and(|(dropped, begin)| begin < dropped)
    }
}

fn expire(quality: &mut Quality) {
    quality.tier = Tier::Expired;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::candle::Ohlcv;
    use crate::decimal::{Price, Quantity};
    use crate::time::SECOND;
    use crate::trade::{Side, Trade, TradeKey};

    const START: Timestamp = Timestamp::from_micros(1_723_161_600_000_000);

    fn at(seconds: i64) -> Timestamp {
        START.plus(seconds * SECOND)
    }

    /// So many seconds from the start on, wholly covered.
    fn section(count: i64) -> CandleSection {
        let candle = |second: i64| {
            let trade = Trade {
                key: TradeKey { event_time: at(second), sequence: second, index: 0 },
                trade_id: second.to_string().into(),
                price: Price::parse("price", "10").expect("a price"),
                size: Quantity::parse("size", "1").expect("a size"),
                side: Side::Buy,
                aggregate: None,
                received_at: at(second),
                available_at: at(second),
            };
            Candle::closed(Timeframe::S1, at(second), Ohlcv::of_trade(&trade), 1, at(second + 2))
        };
        let rows = (0..count).map(candle).collect::<Result<_, _>>().expect("candles");
        CandleSection { rows, quality: Quality::full(), sources: Vec::new() }
    }

    fn marked(expiry: &Expiry, wanted: usize) -> bool {
        let mut section = section(10);
        expiry.mark_candles(&mut section, Timeframe::S1, wanted, at(10));
        section.quality.tier == Tier::Expired
    }

    #[test]
    fn candles_are_expired_when_they_are_short_or_what_they_rest_on_is_gone() {
        let dropped = Expiry { first: Some(at(-100)), ..Expiry::NOTHING };
        let mut candles = dropped;
        candles.candles[Timeframe::S1.index()] = Some(at(0));
        assert!(marked(&candles, 11) && !marked(&candles, 10));
        assert!(!marked(&dropped, 11), "there never were more");
        assert!(marked(&Expiry { trades: Some(at(11)), ..dropped }, 10));
        assert!(
            !marked(&Expiry { trades: Some(at(10)), ..dropped }, 10),
            "the forming second has its trades"
        );
        assert!(marked(&Expiry { coverage: Some(at(1)), ..dropped }, 10));
        assert!(!marked(&Expiry { coverage: Some(at(0)), ..dropped }, 10));
    }

    #[test]
    fn before_the_first_record_nothing_can_be_lost() {
        let expiry = Expiry { first: Some(at(0)), books: Some(at(5)), ..Expiry::NOTHING };
        assert!(expiry.touches(at(0)) && !expiry.touches(at(-1)) && !Expiry::NOTHING.touches(at(0)));
        let mut quality = Quality::NO_DATA;
        expiry.mark_book(&mut quality, 3, 3, Some(at(1)));
        assert_eq!(quality.tier, Tier::NoData);
        expiry.mark_book(&mut quality, 2, 3, Some(at(1)));
        assert_eq!(quality.tier, Tier::Expired);
    }
}
