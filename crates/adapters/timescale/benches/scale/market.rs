//! The market that is loaded: a random walk on the tick grid, with the statistics of a busy spot pair (ten minutes of
//! recorded ETH/USDT): 24 trades a second in the mean and 16 in the median, 6 % of the seconds without one, two trades in
//! three at the price of the one before, sizes that repeat, books of 100 levels over some 240 ticks.

use std::collections::BTreeMap;
use std::sync::Arc;

use onetape_domain::book::{BookLevel, BookSnapshot, BookSnapshotParts, SampleFlags};
use onetape_domain::candle::{Candle, Ohlcv, merge_into};
use onetape_domain::change::{CandleChange, Changes};
use onetape_domain::coverage::{CoverageRow, CoverageState, Stream};
use onetape_domain::decimal::{Price, Quantity};
use onetape_domain::imbalance::ImbalanceWindows;
use onetape_domain::time::{SECOND, Timeframe, Timestamp};
use onetape_domain::trade::{Side, Trade, TradeKey};
use onetape_domain::violation::Violations;
use onetape_testkit::generator::Rng;
use rust_decimal::Decimal;

pub(crate) const DAY: i64 = 86_400 * SECOND;
/// Candles of each coarser timeframe before the first second: what is left where retention took the finer ones, so
/// that a frame at any instant finds as many as it looks for.
const HISTORY: i64 = 520;
/// Lateness of the venue: a second closes so long after its end.
const LATENESS: i64 = 500_000;
/// A day without books has a coverage row in so many seconds only.
const SPARSE_COVERAGE: i64 = 60;
const PRICE_DECIMALS: u32 = 2;
const SIZE_DECIMALS: u32 = 4;
const LEVELS: usize = 50;

/// What is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    /// First second, a midnight.
    pub(crate) start: Timestamp,
    /// Seconds from there on with candles; part of a day is the last one.
    pub(crate) seconds: i64,
    /// The last of them also have trades, books, buckets, imbalances and a coverage row a second.
    pub(crate) detailed: i64,
}

impl Plan {
    pub(crate) fn end(&self) -> Timestamp {
        self.start.plus(self.seconds * SECOND)
    }

    pub(crate) fn detailed_from(&self) -> Timestamp {
        self.end().plus(-self.detailed * SECOND)
    }
}

/// A market as it goes on, in parts of a day each.
#[derive(Debug)]
pub(crate) struct Market {
    plan: Plan,
    rng: Rng,
    now: Timestamp,
    /// In ticks.
    mid: i64,
    next_id: i64,
    last_stamp: Timestamp,
    /// Stamp of the last trade: those of one millisecond come a microsecond apart.
    last_trade: Timestamp,
    /// Sums of the coarser candles that are not closed.
    open: [BTreeMap<Timestamp, Ohlcv>; 6],
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
    windows: ImbalanceWindows,
}

impl Market {
    pub(crate) fn new(plan: Plan) -> Self {
        Self {
            plan,
            rng: Rng::new(7),
            now: plan.start,
            mid: 268_250,
            next_id: 1_520_000_000,
            last_stamp: plan.start,
            last_trade: plan.start,
            open: Default::default(),
            bids: BTreeMap::new(),
            asks: BTreeMap::new(),
            windows: ImbalanceWindows::default(),
        }
    }

    /// Candles of the coarser timeframes before the first second.
    pub(crate) fn history(&mut self) -> Result<Changes, Violations> {
        let mut changes = Changes::default();
        for timeframe in Timeframe::ALL.into_iter().filter(|timeframe| *timeframe != Timeframe::S1) {
            for back in (1..=HISTORY).rev() {
                let open_time = self.plan.start.plus(-back * timeframe.micros());
                let ohlcv = self.sum_of_second(open_time, timeframe.micros() / SECOND)?;
                let close_time = timeframe.close_time(open_time);
                let known_from = close_time.plus(LATENESS);
                changes.candles.push(CandleChange {
                    candle: Candle::closed(timeframe, open_time, ohlcv, 1, known_from)?,
                    replaces: None,
                });
            }
        }
        Ok(changes)
    }

    /// The rows of the next day, or none after the last one, and the stamp they reach to.
    pub(crate) fn next_day(&mut self) -> Result<Option<(Changes, Timestamp)>, Violations> {
        let end = self.now.plus(DAY).min(self.plan.end());
        if self.now >= end {
            return Ok(None);
        }
        let mut changes = Changes::default();
        while self.now < end {
            let detailed = self.now >= self.plan.detailed_from();
            let sum = if detailed { self.trades(&mut changes)? } else { self.candle_alone()? };
            self.close(sum, detailed, &mut changes)?;
            self.now = self.now.plus(SECOND);
        }
        Ok(Some((changes, self.last_stamp)))
    }

    fn trade_count(&mut self) -> i64 {
        if self.rng.per_mille(60) {
            return 0;
        }
        // About normal: twelve uniform numbers.
        let normal = (0..12).map(|_| self.rng.between(-500, 500)).sum::<i64>() as f64 / 1_000.0;
        ((2.75 + normal * 0.95).exp() as i64).clamp(1, 700)
    }

    fn lots(&mut self) -> i64 {
        const POPULAR: [i64; 6] = [20, 20, 20, 37, 74, 100];
        if self.rng.per_mille(420) {
            return POPULAR[self.rng.between(0, 5) as usize];
        }
        let exponent = self.rng.between(300, 4_600) as f64 / 1_000.0;
        10_f64.powf(exponent) as i64
    }

    fn step(&mut self, per_mille: u32, most: i64) {
        if self.rng.per_mille(per_mille) {
            let step = self.rng.between(1, most) * if self.rng.per_mille(500) { 1 } else { -1 };
            self.mid = (self.mid + step).clamp(100_000, 600_000);
        }
    }

    /// Trades of the second; their sum.
    fn trades(&mut self, changes: &mut Changes) -> Result<Option<Ohlcv>, Violations> {
        let count = self.trade_count();
        let mut millis: Vec<i64> = Vec::new();
        while millis.len() < count as usize {
            let at = self.rng.between(0, 999);
            let burst = if self.rng.per_mille(300) { self.rng.between(2, 8) } else { 1 };
            millis.extend(std::iter::repeat_n(at, burst as usize));
        }
        millis.truncate(count as usize);
        millis.sort_unstable();
        let mut sum: Option<Ohlcv> = None;
        for at in millis {
            self.step(320, 6);
            let event_time = self.now.plus(at * 1_000);
            let sent_at = event_time.plus(self.rng.between(0, 3) * 1_000);
            let available_at = sent_at.max(self.last_trade.plus(1));
            self.last_trade = available_at;
            let side = if self.rng.per_mille(500) { Side::Buy } else { Side::Sell };
            let lots = self.lots();
            let trade = Trade {
                key: TradeKey { event_time, sequence: self.next_id, index: 0 },
                trade_id: self.next_id.to_string().into(),
                price: price(self.mid + i64::from(side == Side::Buy))?,
                size: quantity(lots)?,
                side,
                aggregate: None,
                received_at: sent_at.plus(self.rng.between(1_000, 4_000)),
                available_at,
            };
            self.next_id += 1;
            let one = Ohlcv::of_trade(&trade);
            sum = sum.map_or(Some(one), |sum| sum.merge(&one));
            changes.trades.push(trade);
        }
        Ok(sum)
    }

    /// The same sum without its trades.
    fn candle_alone(&mut self) -> Result<Option<Ohlcv>, Violations> {
        let count = self.trade_count();
        if count == 0 {
            return Ok(None);
        }
        let open_time = self.now;
        let mut sum = self.sum_of_second(open_time, 1)?;
        sum.trade_count = Some(count as u64);
        let (first, last) = (self.rng.between(0, 400), self.rng.between(401, 999));
        sum.first = TradeKey { event_time: open_time.plus(first * 1_000), sequence: self.next_id, index: 0 };
        self.next_id += count;
        let sequence = self.next_id - 1;
        sum.last = TradeKey { event_time: open_time.plus(last * 1_000), sequence, index: 0 };
        if count == 1 {
            (sum.open, sum.high, sum.low, sum.last) = (sum.close, sum.close, sum.close, sum.first);
        }
        Ok(Some(sum))
    }

    /// A candle of a walk of so many seconds.
    fn sum_of_second(&mut self, open_time: Timestamp, seconds: i64) -> Result<Ohlcv, Violations> {
        let open = self.mid;
        self.step(700, 40);
        let (low, high) = (open.min(self.mid), open.max(self.mid));
        let (below, above) = (self.rng.between(-12, 8).max(0), self.rng.between(-12, 8).max(0));
        let lots = (0..6).map(|_| self.lots()).sum::<i64>() * seconds;
        let key = TradeKey { event_time: open_time.plus(1_000), sequence: self.next_id, index: 0 };
        Ok(Ohlcv {
            open: price(open)?,
            high: price(high + above)?,
            low: price(low - below)?,
            close: price(self.mid)?,
            volume: quantity(lots)?,
            taker_buy_volume: Some(quantity(lots * self.rng.between(0, 1_000) / 1_000)?),
            trade_count: Some(24 * seconds as u64),
            first: key,
            last: key,
        })
    }

    /// Everything that the end of a second brings, under one stamp.
    fn close(&mut self, sum: Option<Ohlcv>, detailed: bool, changes: &mut Changes) -> Result<(), Violations> {
        let end = self.now.plus(SECOND);
        let stamp = end.plus(LATENESS + self.rng.between(0, 60) * 1_000);
        if let Some(sum) = sum {
            changes.candles.push(self.closed(Timeframe::S1, self.now, sum, stamp)?);
            for timeframe in Timeframe::ALL.into_iter().skip(1) {
                let open_time = timeframe.open_time(self.now);
                merge_into(&mut self.open[timeframe.index()], open_time, &sum)?;
            }
        }
        for timeframe in Timeframe::ALL.into_iter().skip(1) {
            if timeframe.open_time(end) != end {
                continue;
            }
            for (open_time, sum) in std::mem::take(&mut self.open[timeframe.index()]) {
                changes.candles.push(self.closed(timeframe, open_time, sum, stamp)?);
            }
        }
        let second = self.now.micros() / SECOND;
        if detailed || second % SPARSE_COVERAGE == SPARSE_COVERAGE - 1 {
            changes.coverage.push(alive(Stream::Trades, self.plan.start, end, stamp));
        }
        if detailed {
            changes.coverage.push(alive(Stream::Book, self.plan.detailed_from(), end, stamp));
            self.book(changes)?;
        }
        self.last_stamp = self.last_stamp.max(stamp);
        Ok(())
    }

    fn closed(
        &self,
        timeframe: Timeframe,
        open_time: Timestamp,
        sum: Ohlcv,
        stamp: Timestamp,
    ) -> Result<CandleChange, Violations> {
        Ok(CandleChange { candle: Candle::closed(timeframe, open_time, sum, 1, stamp)?, replaces: None })
    }

    /// The sampled book of the second, and its imbalances.
    fn book(&mut self, changes: &mut Changes) -> Result<(), Violations> {
        let mid = self.mid;
        refresh(&mut self.rng, &mut self.bids, mid, -1);
        refresh(&mut self.rng, &mut self.asks, mid + 1, 1);
        let level = |(tick, lots): (&i64, &i64)| -> Result<BookLevel, Violations> {
            Ok(BookLevel { price: price(*tick)?, size: quantity(*lots)? })
        };
        let last_diff = self.now.plus(900_000 + self.rng.between(0, 90) * 1_000);
        let book = BookSnapshot::try_new(BookSnapshotParts {
            second: self.now,
            bids: self.bids.iter().rev().take(LEVELS).map(level).collect::<Result<_, _>>()?,
            asks: self.asks.iter().take(LEVELS).map(level).collect::<Result<_, _>>()?,
            sequence: 35_000_000_000 + (self.now.micros() / SECOND * 200 + self.rng.between(0, 199)) as u64,
            event_time: last_diff,
            received_at: last_diff.plus(self.rng.between(1_000, 4_000)),
            available_at: self.now.plus(SECOND + self.rng.between(0, 90) * 1_000),
            bucket_size: price(100)?,
            flags: SampleFlags { covered: true, ..SampleFlags::default() },
        })?;
        changes.imbalances.push(self.windows.next(&book));
        changes.books.push(Arc::new(book));
        Ok(())
    }
}

fn alive(stream: Stream, begin: Timestamp, end: Timestamp, available_at: Timestamp) -> CoverageRow {
    CoverageRow { stream, begin, end, state: CoverageState::Alive, reason: String::new(), available_at }
}

/// Moves one side of the book to a new best price: levels that were crossed go, new ones come, some change.
fn refresh(rng: &mut Rng, side: &mut BTreeMap<i64, i64>, best: i64, away: i64) {
    side.retain(|tick, _| (tick - best) * away >= 0 && (tick - best) * away < 400);
    let lots = |rng: &mut Rng| 10_f64.powf(rng.between(1_200, 5_000) as f64 / 1_000.0) as i64;
    for lots_of in side.values_mut() {
        if rng.per_mille(250) {
            *lots_of = lots(rng);
        }
    }
    side.entry(best).or_insert_with(|| lots(rng));
    // Where levels were cleared by the price that left, and at the far end.
    for _ in 0..400 {
        let tick = best + away * rng.between(1, 130);
        if side.len() >= LEVELS + 6 {
            break;
        }
        side.entry(tick).or_insert_with(|| lots(rng));
    }
}

fn price(ticks: i64) -> Result<Price, Violations> {
    Price::try_new("price", Decimal::new(ticks, PRICE_DECIMALS))
}

fn quantity(lots: i64) -> Result<Quantity, Violations> {
    Quantity::try_new("size", Decimal::new(lots, SIZE_DECIMALS))
}
