//! What must come out, computed from the messages the slow and obvious way, without the engine.

use std::collections::BTreeMap;

use onetape_domain::book::{BookLevel, DEPTH};
use onetape_domain::decimal::{Price, Quantity};
use onetape_domain::message::{FeedMessage, FullBook, Payload};
use onetape_domain::time::{SECOND, Timeframe, Timestamp};
use onetape_domain::trade::{Side, Trade, TradeKey};
use rust_decimal::Decimal;

/// A candle without bookkeeping.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bar {
    pub(crate) prices: [Decimal; 4],
    pub(crate) volume: Decimal,
    pub(crate) bought: Decimal,
    pub(crate) count: u64,
    pub(crate) first: TradeKey,
    pub(crate) last: TradeKey,
}

/// Candles of trades in any order.
pub(crate) fn bars<'a>(
    trades: impl IntoIterator<Item = &'a Trade>,
    timeframe: Timeframe,
) -> BTreeMap<Timestamp, Bar> {
    let mut groups = BTreeMap::<Timestamp, Vec<&Trade>>::new();
    for trade in trades {
        let length = timeframe.micros();
        let open_time = trade.key.event_time.micros().div_euclid(length) * length;
        groups.entry(Timestamp::from_micros(open_time)).or_default().push(trade);
    }
    let bar = |mut trades: Vec<&Trade>| {
        trades.sort_by_key(|trade| (trade.key.event_time, trade.key.sequence, trade.key.index));
        let prices: Vec<Decimal> = trades.iter().map(|trade| trade.price.get()).collect();
        let (high, low) = (prices.iter().max().expect("a trade"), prices.iter().min().expect("a trade"));
        let sum = |wanted: &dyn Fn(&&&Trade) -> bool| {
            trades.iter().filter(wanted).map(|trade| trade.size.get()).sum::<Decimal>()
        };
        Bar {
            prices: [prices[0], *high, *low, prices[prices.len() - 1]],
            volume: sum(&|_| true),
            bought: sum(&|trade| trade.side == Side::Buy),
            count: trades.iter().map(|trade| u64::from(trade.trade_count())).sum(),
            first: trades[0].key,
            last: trades[trades.len() - 1].key,
        }
    };
    groups.into_iter().map(|(open_time, trades)| (open_time, bar(trades))).collect()
}

/// A candle of the engine as a bar.
pub(crate) fn bar_of(ohlcv: &onetape_domain::candle::Ohlcv) -> Bar {
    Bar {
        prices: [ohlcv.open, ohlcv.high, ohlcv.low, ohlcv.close].map(|price| price.get()),
        volume: ohlcv.volume.get(),
        bought: ohlcv.taker_buy_volume.expect("of trades").get(),
        count: ohlcv.trade_count.expect("of trades"),
        first: ohlcv.first,
        last: ohlcv.last,
    }
}

/// A book by snapshot and diffs, without any rule of sequence.
#[derive(Debug, Clone, Default)]
pub(crate) struct TrueBook {
    bids: BTreeMap<Price, Quantity>,
    asks: BTreeMap<Price, Quantity>,
}

impl TrueBook {
    pub(crate) fn of(snapshot: &FullBook) -> Self {
        let side = |levels: &[BookLevel]| levels.iter().map(|level| (level.price, level.size)).collect();
        Self { bids: side(&snapshot.bids), asks: side(&snapshot.asks) }
    }

    pub(crate) fn apply(&mut self, bids: &[BookLevel], asks: &[BookLevel]) {
        for (side, levels) in [(&mut self.bids, bids), (&mut self.asks, asks)] {
            for level in levels {
                side.insert(level.price, level.size);
            }
            side.retain(|_, size| !size.is_zero());
        }
    }

    pub(crate) fn top(&self, depth: usize) -> (Vec<BookLevel>, Vec<BookLevel>) {
        let level = |(price, size): (&Price, &Quantity)| BookLevel { price: *price, size: *size };
        (
            self.bids.iter().rev().take(depth).map(level).collect(),
            self.asks.iter().take(depth).map(level).collect(),
        )
    }
}

/// The top of the true book at the end of each second, from messages of which none is missing.
pub(crate) fn books_by_second(
    messages: &[FeedMessage],
) -> BTreeMap<Timestamp, (Vec<BookLevel>, Vec<BookLevel>)> {
    let mut diffs: Vec<_> = messages
        .iter()
        .filter_map(|message| match &message.payload {
            Payload::BookDiff(diff) => Some((message.sent_at.expect("a diff with its time"), diff)),
            _ => None,
        })
        .collect();
    diffs.sort_by_key(|(_, diff)| diff.last_update);
    let snapshot = messages.iter().find_map(|message| match &message.payload {
        Payload::BookSnapshot(snapshot) => Some(snapshot),
        _ => None,
    });
    let mut seconds = BTreeMap::new();
    let Some(snapshot) = snapshot else { return seconds };
    let mut book = TrueBook::of(snapshot);
    let mut before: Option<Timestamp> = None;
    for (sent_at, diff) in diffs.into_iter().filter(|(_, diff)| diff.last_update > snapshot.last_update) {
        while let Some(second) = before.filter(|second| second.plus(SECOND) <= sent_at) {
            seconds.insert(second, book.top(DEPTH));
            before = Some(second.plus(SECOND));
        }
        before.get_or_insert(sent_at.floor_second());
        book.apply(&diff.bids, &diff.asks);
    }
    if let Some(second) = before {
        seconds.insert(second, book.top(DEPTH));
    }
    seconds
}
