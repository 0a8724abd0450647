//! Measures writes and frames once, on a database that it fills:
//! `cargo run --release -p onetape-timescale --example store_rates -- postgres://… [days of seconds]`.
#![expect(clippy::print_stdout, reason = "it prints what it measured")]
#![expect(clippy::disallowed_methods, reason = "it measures time, and decides nothing by it")]

use std::error::Error;
use std::time::Instant;

use onetape_domain::candle::{Candle, Ohlcv};
use onetape_domain::change::{CandleChange, Changes, TapeBatch};
use onetape_domain::clock::InstrumentClock;
use onetape_domain::decimal::{Price, Quantity};
use onetape_domain::engine::InstrumentEngine;
use onetape_domain::frame::FrameShape;
use onetape_domain::instrument::Instrument;
use onetape_domain::message::{FeedMessage, Payload};
use onetape_domain::time::{SECOND, Timeframe, Timestamp};
use onetape_domain::trade::{Side, Trade, TradeEvent, TradeId, TradeKey};
use onetape_domain::venue::VenueRules;
use onetape_ports::{ClockStore, FrameQuery, FrameStore, Knowledge, TapeStore};
use onetape_timescale::TimescaleStore;

type Outcome<T> = Result<T, Box<dyn Error>>;

const START: Timestamp = Timestamp::from_micros(1_723_161_600 * SECOND);
const TRADES: i64 = 400_000;
const FRAMES: usize = 500;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().ok_or("give the URL of a database")?;
    let days: i64 = arguments.next().map_or(Ok(10), |days| days.parse())?;
    TimescaleStore::migrate_url(&url).await?;
    let store = TimescaleStore::connect(&url).await?;
    for size in [1_000, 10_000, 50_000] {
        trades(&store, size).await?;
    }
    let instrument: Instrument = "binance:BTC/USDT".parse()?;
    if store.flushed(&instrument).await?.is_none() {
        candles(&store, &instrument, days).await?;
    }
    frames(&store, &instrument, days).await
}

async fn trades(store: &TimescaleStore, size: i64) -> Outcome<()> {
    let instrument: Instrument = format!("bench-{size}:ETH/USDT").parse()?;
    let mut expected = store.flushed(&instrument).await?;
    let first = expected.map_or(START, |issued| issued.plus(SECOND));
    let mut micros = 0;
    for part in 0..TRADES / size {
        let trades: Vec<Trade> =
            (part * size..(part + 1) * size).map(|id| trade(id, first)).collect::<Result<_, _>>()?;
        let issued = first.plus((part + 1) * size * 10_000);
        let changes = Changes { trades, ..Changes::default() };
        let batch = TapeBatch { instrument: instrument.clone(), changes, clock: clock(&instrument, issued)? };
        let begin = Instant::now();
        store.append(&batch, expected).await?;
        micros += begin.elapsed().as_micros();
        expected = Some(issued);
    }
    println!("trades, {size} a batch: {} rows/s", TRADES as u128 * 1_000_000 / micros);
    Ok(())
}

async fn candles(store: &TimescaleStore, instrument: &Instrument, days: i64) -> Outcome<()> {
    let end = START.plus(days * 86_400 * SECOND);
    let (mut expected, mut rows, mut micros) = (None, 0, 0);
    for timeframe in Timeframe::ALL.into_iter().rev() {
        let mut open_time = timeframe.open_time(START);
        while open_time < end {
            let mut candles = Vec::new();
            while open_time < end && candles.len() < 20_000 {
                candles.push(CandleChange { candle: candle(timeframe, open_time)?, replaces: None });
                open_time = timeframe.close_time(open_time);
            }
            rows += candles.len() as u128;
            let issued = expected.map_or(end, |issued: Timestamp| issued.plus(1));
            let changes = Changes { candles, ..Changes::default() };
            let batch =
                TapeBatch { instrument: instrument.clone(), changes, clock: clock(instrument, issued)? };
            let begin = Instant::now();
            store.append(&batch, expected).await?;
            micros += begin.elapsed().as_micros();
            expected = Some(issued);
        }
    }
    println!("candles, 20000 a batch: {} rows/s of {rows}", rows * 1_000_000 / micros);
    Ok(())
}

async fn frames(store: &TimescaleStore, instrument: &Instrument, days: i64) -> Outcome<()> {
    let (mut whole, mut floor) = (Vec::new(), Vec::new());
    for at in 0..FRAMES {
        let second = (at as i64 * 7_919 * 131) % (days * 86_400);
        let as_of = START.plus(second * SECOND + 700_000);
        let query = FrameQuery {
            instrument: instrument.clone(),
            as_of,
            shape: FrameShape::DEFAULT,
            knowledge: Knowledge::AsRecorded,
        };
        let begin = Instant::now();
        std::hint::black_box(store.frame_parts(&query).await?);
        whole.push(begin.elapsed().as_micros());
        let begin = Instant::now();
        store.frame_floor(&query).await?;
        floor.push(begin.elapsed().as_micros());
    }
    for (name, times) in [("frames", &mut whole), ("the statement undecoded", &mut floor)] {
        times.sort_unstable();
        let at = |part: usize| times[times.len() * part / 100];
        println!("{name}: p10 {} µs, p50 {} µs, p90 {} µs, p99 {} µs", at(10), at(50), at(90), at(99));
    }
    Ok(())
}

fn trade(id: i64, first: Timestamp) -> Outcome<Trade> {
    let event_time = first.plus(id * 10_000);
    Ok(Trade {
        key: TradeKey { event_time, sequence: id, index: 0 },
        trade_id: id.to_string().into(),
        price: Price::parse("price", &format!("25{:02}.{:02}", id % 89, id % 97))?,
        size: Quantity::parse("size", &format!("0.{:05}", id % 99_999 + 1))?,
        side: if id % 3 == 0 { Side::Buy } else { Side::Sell },
        aggregate: None,
        received_at: event_time.plus(9_000),
        available_at: event_time.plus(10_000),
    })
}

fn candle(timeframe: Timeframe, open_time: Timestamp) -> Outcome<Candle> {
    let trade = trade(open_time.micros() / SECOND % 100_000, START)?;
    let first =
        TradeKey { event_time: open_time.plus(1_000), sequence: open_time.micros() / SECOND, index: 0 };
    let ohlcv = Ohlcv { first, last: first, ..Ohlcv::of_trade(&trade) };
    let known_from = timeframe.close_time(open_time).plus(600_000);
    Ok(Candle::closed(timeframe, open_time, ohlcv, 1, known_from)?)
}

fn clock(instrument: &Instrument, issued: Timestamp) -> Outcome<InstrumentClock> {
    let size = Quantity::parse("size", "1")?;
    let event =
        TradeEvent::try_new(issued, TradeId::Numeric(1), Price::parse("price", "1")?, size, Side::Buy, None)?;
    let message = FeedMessage {
        instrument: instrument.clone(),
        connection: 0,
        sent_at: Some(issued),
        received_at: issued,
        payload: Payload::Trades(vec![event]),
    };
    let mut engine = InstrumentEngine::new(instrument.clone(), VenueRules::BINANCE_SPOT);
    engine.process(&message, &mut Changes::default());
    Ok(engine.clock(false).ok_or("a trade is stamped")?)
}
