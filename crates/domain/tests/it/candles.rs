//! A1: candles of the real tape, in order, without lateness, delayed and shuffled.

use std::collections::BTreeMap;

use onetape_domain::candle::{Candle, CandleState};
use onetape_domain::change::Changes;
use onetape_domain::coverage::{CoverageState, Intervals, Stream};
use onetape_domain::decimal::canonical;
use onetape_domain::frame::FrameParts;
use onetape_domain::message::{FeedMessage, Payload};
use onetape_domain::time::{SECOND, Timeframe, Timestamp};
use onetape_domain::trade::{Trade, TradeId};
use rust_decimal::Decimal;

use crate::tape::{golden, messages, run};

/// What is known at the end: the last version of each candle.
fn closed(changes: &Changes, timeframe: Timeframe) -> Vec<Candle> {
    let of_timeframe =
        changes.candles.iter().map(|change| change.candle).filter(|c| c.timeframe() == timeframe);
    let last: BTreeMap<_, _> = of_timeframe.map(|candle| (candle.open_time(), candle)).collect();
    last.into_values().collect()
}

fn parts(changes: &Changes) -> FrameParts {
    let candles = Timeframe::ALL.map(|timeframe| closed(changes, timeframe));
    let from = candles[0].last().map(Candle::close_time);
    let mut open_trades: Vec<Trade> =
        changes.trades.iter().filter(|trade| Some(trade.key.event_time) >= from).cloned().collect();
    open_trades.sort_by_key(|trade| trade.key);
    FrameParts { candles, open_trades, ..FrameParts::default() }
}

fn text(candle: &Candle) -> Vec<String> {
    let o = candle.ohlcv();
    let numbers = [o.open.get(), o.high.get(), o.low.get(), o.close.get(), o.volume.get()].map(canonical);
    let mut row = vec![candle.open_time().to_string()];
    row.extend(numbers);
    row.push(o.trade_count.map(|count| count.to_string()).unwrap_or_default());
    row.push(o.taker_buy_volume.map(|volume| volume.to_string()).unwrap_or_default());
    row
}

fn expected(name: &str) -> Option<Vec<Vec<String>>> {
    let normalise = |(i, field): (usize, String)| match i {
        0 => field.parse::<Timestamp>().expect("time").to_string(),
        6 => field,
        _ => canonical(field.parse::<Decimal>().expect("decimal")),
    };
    Some(golden(name)?.into_iter().map(|row| row.into_iter().enumerate().map(normalise).collect()).collect())
}

fn assert_a1(changes: &Changes) {
    let parts = parts(changes);
    let forming = parts.forming().expect("no overflow");
    for (timeframe, name) in [(Timeframe::S1, "1s"), (Timeframe::M1, "1m"), (Timeframe::M5, "5m")] {
        let index = timeframe.index();
        let rows: Vec<_> = parts.candles[index].iter().chain(&forming[index]).map(text).collect();
        let want = expected(&format!("hft_spot_ETHUSDT_{name}.csv")).expect("golden");
        assert_eq!(rows.len(), want.len(), "{timeframe} rows");
        for (row, want) in rows.iter().zip(&want) {
            assert_eq!(row, want, "{timeframe}");
        }
    }
}

#[test]
fn a1_the_tape_gives_the_published_trades_and_candles() {
    let Some(messages) = messages() else { return };
    let (engine, changes) = run(&messages, SECOND / 2);
    assert_eq!(changes.trades.len(), 14_515);
    let volume: Decimal = changes.trades.iter().map(|trade| trade.size.get()).sum();
    let notional: Decimal = changes.trades.iter().map(|trade| trade.size.get() * trade.price.get()).sum();
    assert_eq!((canonical(volume).as_str(), canonical(notional).as_str()), ("4272.7241", "11454209.126352"));
    assert!(changes.trades.windows(2).all(|pair| pair[0].key.sequence + 1 == pair[1].key.sequence));
    assert!(changes.trades.windows(2).all(|pair| pair[0].available_at < pair[1].available_at));
    assert_a1(&changes);
    assert!(changes.candles.iter().all(|change| change.replaces.is_none()), "no revisions at 500 ms");
    let forming = parts(&changes).forming().expect("no overflow");
    assert!(
        forming.iter().all(|rows| !rows.is_empty() && rows.iter().all(|c| c.state() == CandleState::Forming))
    );
    assert!(engine.issued() > changes.trades.last().map(|trade| trade.available_at));
}

#[test]
fn a1_holds_without_lateness_and_44_late_trades_become_44_revisions() {
    let Some(messages) = messages() else { return };
    let (_, changes) = run(&messages, 0);
    assert_a1(&changes);
    let seconds = changes.candles.iter().filter(|change| change.candle.timeframe() == Timeframe::S1);
    assert_eq!(seconds.filter(|change| change.replaces.is_some()).count(), 44);
}

/// Delays 5 % of the trades by up to 30 s: they are re-inserted later, in the order of their new times.
fn delayed(messages: &[FeedMessage], seed: u64) -> Vec<FeedMessage> {
    let mut state = seed;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    let mut clock = 0_i64;
    let mut timed: Vec<(i64, usize)> = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        clock = clock.max(message.received_at.micros());
        let is_trade = matches!(message.payload, Payload::Trades(_));
        let delay = if is_trade && random() % 20 == 0 { random() % 30_000_000 } else { 0 };
        timed.push((clock + i64::try_from(delay).expect("small"), index));
    }
    timed.sort_unstable();
    timed.into_iter().map(|(_, index)| messages[index].clone()).collect()
}

#[test]
fn a1_holds_with_trades_delayed_and_shuffled_and_every_gap_is_filled() {
    let Some(messages) = messages() else { return };
    for seed in 1..=5 {
        let shuffled = delayed(&messages, seed);
        let (_, changes) = run(&shuffled, SECOND / 2);
        assert_eq!(changes.trades.len(), 14_515);
        assert_a1(&changes);
        assert!(changes.candles.iter().any(|change| change.replaces.is_some()), "late trades revise");
        let opened = changes.coverage.iter().filter(|row| row.state == CoverageState::Gap).count();
        let filled = changes.coverage.iter().filter(|row| row.state == CoverageState::Filled).count();
        // Gaps that share an instant are filled in the parts that no other open one needs.
        assert!(opened > 100 && filled > 100, "{opened} gaps, {filled} filled");
        let covered = Intervals::of_rows(changes.coverage.iter().filter(|row| row.stream == Stream::Trades));
        assert_eq!(covered.ranges().len(), 1, "{:?}", covered.ranges());
    }
}

#[test]
fn delivering_everything_twice_changes_nothing() {
    let Some(messages) = messages() else { return };
    let doubled: Vec<_> = messages.iter().flat_map(|message| [message.clone(), message.clone()]).collect();
    let once = run(&messages, SECOND / 2).1;
    assert_eq!(run(&doubled, SECOND / 2).1, once);
    let repeated: Vec<_> = messages.iter().chain(&messages).cloned().collect();
    let again = run(&repeated, SECOND / 2).1;
    assert_eq!(again.trades, once.trades);
    assert_eq!(again.candles, once.candles);
    assert_eq!(again.imbalances, once.imbalances);
    assert_eq!(again.coverage, once.coverage);
}

#[test]
fn an_id_without_a_trade_leaves_no_gap_and_a_missing_one_does() {
    let Some(messages) = messages() else { return };
    let is_trade = |message: &&FeedMessage| matches!(message.payload, Payload::Trades(_));
    let victim = messages.iter().filter(is_trade).nth(4_000).expect("trade").clone();
    let Payload::Trades(events) = &victim.payload else { panic!("a trade") };
    let (TradeId::Numeric(id), event_time) = (events[0].id().clone(), events[0].event_time()) else {
        panic!("numeric ids")
    };
    let with = |payload: Option<Payload>| -> Vec<FeedMessage> {
        let replace = |message: &FeedMessage| match &payload {
            _ if *message != victim => Some(message.clone()),
            Some(payload) => Some(FeedMessage { payload: payload.clone(), ..victim.clone() }),
            None => None,
        };
        messages.iter().filter_map(replace).collect()
    };
    let gaps =
        |changes: &Changes| changes.coverage.iter().filter(|row| row.state == CoverageState::Gap).count();
    let (_, void) = run(&with(Some(Payload::VoidTrade { id, event_time })), SECOND / 2);
    assert_eq!((void.trades.len(), gaps(&void)), (14_514, 0));
    let (_, missing) = run(&with(None), SECOND / 2);
    assert_eq!((missing.trades.len(), gaps(&missing)), (14_514, 1));
}
