//! What the cases write: recordings of a simulated market, and rows made by hand.

use std::sync::{Arc, OnceLock};

use onetape_domain::book::{BookLevel, BookSnapshot, BookSnapshotParts, SampleFlags};
use onetape_domain::candle::{Candle, Ohlcv};
use onetape_domain::change::{CandleChange, Changes, TapeBatch};
use onetape_domain::clock::InstrumentClock;
use onetape_domain::coverage::{CoverageRow, CoverageState, Stream};
use onetape_domain::decimal::{Price, Quantity};
use onetape_domain::engine::InstrumentEngine;
use onetape_domain::imbalance::Imbalances;
use onetape_domain::instrument::Instrument;
use onetape_domain::message::{FeedMessage, Payload};
use onetape_domain::time::{SECOND, TimeRange, Timeframe, Timestamp};
use onetape_domain::trade::{Side, Trade, TradeEvent, TradeId, TradeKey};
use onetape_domain::venue::VenueRules;
use onetape_ports::{MarketStore, Selection, StoreError, TimeQuery};

use crate::generator::{Ids, Market, faults};
use crate::recording::Recording;

/// 2024-08-09T00:00:00Z: a second, a minute, an hour and a day begin here.
pub(super) const MIDNIGHT: Timestamp = Timestamp::from_micros(1_723_161_600 * SECOND);

/// The instrument of most cases.
pub(super) fn eth() -> Instrument {
    instrument("binance", "ETH/USDT")
}

pub(super) fn instrument(exchange: &str, symbol: &str) -> Instrument {
    Instrument::try_new(exchange, symbol).expect("a valid instrument")
}

/// Four and a half minutes across midnight with everything that goes wrong: late trades, trades that
/// were lost and come much later, lost diffs with resynchronisation, repeats, an end of feed with a
/// partial sample, and a restart.
pub(super) fn market() -> &'static Recording {
    static MARKET: OnceLock<Recording> = OnceLock::new();
    MARKET.get_or_init(|| {
        let market = Market {
            seconds: 270,
            start: MIDNIGHT.plus(-150 * SECOND),
            snapshot_every: 15,
            quiet: Vec::from_iter(std::iter::once(200..240)),
            ..Market::new(eth(), 7)
        };
        let messages = faults::late_trades(market.messages(), 1, 20, 30_000);
        let (messages, lost) = faults::drop_trades(messages, 2, 15);
        let messages = faults::drop_diffs(messages, 3, 2);
        let messages = faults::duplicated(messages, 4, 30, 40);
        record_with_restart(VenueRules::BINANCE_SPOT, &messages, &lost)
    })
}

/// A market without contiguous ids: `ids` says what there is instead.
pub(super) fn named(ids: Ids) -> Recording {
    let market = Market { seconds: 20, ids, grouped: true, trades_per_second: 20, ..Market::new(eth(), 11) };
    Recording::of(VenueRules::PUSHED, &market.messages(), 40)
}

/// A short clean market of any instrument.
pub(super) fn short(instrument: Instrument, seed: u64) -> Recording {
    Recording::of(
        VenueRules::BINANCE_SPOT,
        &Market { seconds: 6, ..Market::new(instrument, seed) }.messages(),
        60,
    )
}

fn record_with_restart(rules: VenueRules, messages: &[FeedMessage], lost: &[FeedMessage]) -> Recording {
    let mut recording = Recording::new(eth(), rules);
    let third = messages.len() / 3;
    for (place, message) in messages.iter().enumerate() {
        recording.process(message);
        if place == third {
            recording.end_of_feed();
            recording.cut(true);
            recording.restart(true);
        } else if place % 70 == 0 {
            recording.cut(false);
        }
    }
    let last = messages.last().expect("messages").received_at;
    for message in lost {
        recording.process(&FeedMessage { received_at: last, ..message.clone() });
    }
    recording.end_of_feed();
    recording.cut(true);
    recording
}

/// A clock that stands at a stamp, without a book.
pub(super) fn clock_at(instrument: &Instrument, issued: Timestamp) -> InstrumentClock {
    let mut engine = InstrumentEngine::new(instrument.clone(), VenueRules::BINANCE_SPOT);
    let id = TradeId::Numeric(1);
    let event = TradeEvent::try_new(issued, id, price("100"), size("1"), Side::Buy, None);
    let message = FeedMessage {
        instrument: instrument.clone(),
        connection: 0,
        sent_at: Some(issued),
        received_at: issued,
        payload: Payload::Trades(vec![event.expect("a valid trade")]),
    };
    engine.process(&message, &mut Changes::default());
    let clock = engine.clock(false).expect("a new trade is stamped");
    assert_eq!(clock.issued, issued, "the first stamp is the venue's time");
    clock
}

/// A batch of handmade rows whose clock stands at `issued`.
pub(super) fn batch(issued: Timestamp, changes: Changes) -> TapeBatch {
    TapeBatch { instrument: eth(), changes, clock: clock_at(&eth(), issued) }
}

/// Writes handmade rows as the first batch of the instrument.
pub(super) async fn write(
    store: &dyn MarketStore,
    issued: Timestamp,
    changes: Changes,
) -> Result<(), StoreError> {
    store.append(&batch(issued, changes), None).await
}

/// An instant some seconds after [`MIDNIGHT`].
pub(super) fn at(seconds: i64) -> Timestamp {
    MIDNIGHT.plus(seconds * SECOND)
}

pub(super) fn range(start: Timestamp, end: Timestamp) -> Selection {
    Selection::Range(TimeRange::try_new(start, end).expect("start before end"))
}

pub(super) const ALL: Selection = Selection::Range(TimeRange::ALL);

/// A query of everything [`eth`] has.
pub(super) fn everything() -> TimeQuery {
    TimeQuery { instrument: eth(), selection: ALL, as_of: Timestamp::LATEST }
}

pub(super) fn price(text: &str) -> Price {
    Price::parse("price", text).expect("a valid price")
}

pub(super) fn size(text: &str) -> Quantity {
    Quantity::parse("size", text).expect("a valid size")
}

/// A trade of 1 at 100.
pub(super) fn trade(event_time: Timestamp, id: i64, available_at: Timestamp) -> Trade {
    Trade {
        key: TradeKey { event_time, sequence: id, index: 0 },
        trade_id: id.to_string().into(),
        price: price("100"),
        size: size("1"),
        side: Side::Buy,
        aggregate: None,
        received_at: available_at.plus(-7),
        available_at,
    }
}

/// Version `revision` of a candle of `revision` trades at 100.
pub(super) fn candle(
    timeframe: Timeframe,
    open_time: Timestamp,
    revision: u32,
    known_from: Timestamp,
) -> Candle {
    let one = Ohlcv::of_trade(&trade(open_time.plus(1), 1, known_from));
    let ohlcv = Ohlcv { volume: size(&revision.to_string()), trade_count: Some(u64::from(revision)), ..one };
    Candle::closed(timeframe, open_time, ohlcv, revision, known_from).expect("a valid candle")
}

/// The change that brings a candle, replacing another.
pub(super) fn becomes(candle: Candle, replaces: Option<Candle>) -> CandleChange {
    CandleChange { candle, replaces }
}

/// A book sampled for a second, with so many levels a side.
pub(super) fn book(
    second: Timestamp,
    available_at: Timestamp,
    flags: SampleFlags,
    levels: i64,
) -> Arc<BookSnapshot> {
    let level = |ticks: i64| BookLevel {
        price: price(&format!("{}.{:02}", ticks / 100, ticks % 100)),
        size: size("2.5"),
    };
    let parts = BookSnapshotParts {
        second,
        bids: (1..=levels).map(|away| level(10_000 - away * 30)).collect(),
        asks: (1..=levels).map(|away| level(10_000 + away * 30)).collect(),
        sequence: 42,
        event_time: second.plus(900_000),
        received_at: second.plus(900_500),
        available_at,
        bucket_size: price("1"),
        flags,
    };
    Arc::new(BookSnapshot::try_new(parts).expect("a valid book"))
}

pub(super) const COMPLETE: SampleFlags = SampleFlags { early: false, partial: false, covered: true };
pub(super) const PARTIAL: SampleFlags = SampleFlags { early: false, partial: true, covered: false };

/// Imbalances whose windows are undefined.
pub(super) fn imbalances(second: Timestamp, available_at: Timestamp) -> Imbalances {
    Imbalances {
        second,
        imbalance_1s: None,
        imbalance_5s: None,
        imbalance_15s: None,
        imbalance_60s: None,
        volume_imbalance_1s: None,
        volume_imbalance_5s: None,
        volume_imbalance_15s: None,
        volume_imbalance_60s: None,
        price_range: None,
        bid_volume: Quantity::ZERO,
        ask_volume: Quantity::ZERO,
        available_at,
    }
}

pub(super) fn covered(
    stream: Stream,
    state: CoverageState,
    begin: Timestamp,
    end: Timestamp,
    available_at: Timestamp,
) -> CoverageRow {
    CoverageRow { stream, begin, end, state, reason: format!("{} by hand", state.as_str()), available_at }
}

/// Instants worth asking about: around every so many-th stamp, and before and after everything.
pub(super) fn instants(recording: &Recording, count: usize) -> Vec<Timestamp> {
    let stamps: Vec<Timestamp> = recording.reference().stamps().into_iter().collect();
    let step = (stamps.len() / count.max(1)).max(1);
    let around = stamps.iter().step_by(step).flat_map(|stamp| [stamp.plus(-1), *stamp, stamp.plus(1)]);
    let (first, last) = (stamps[0], stamps[stamps.len() - 1]);
    let ends = [first.plus(-1), first, last.plus(-1), last, last.plus(1), last.plus(3_600 * SECOND)];
    around.chain(ends).collect()
}
