//! Measures the hot paths once: `cargo run --release -p onetape-memory --example hot_path`.
#![expect(clippy::print_stdout, reason = "it prints what it measured")]
#![expect(clippy::disallowed_methods, reason = "it measures time, and decides nothing by it")]

use std::error::Error;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use futures::FutureExt;
use onetape_domain::candle::{Candle, Ohlcv};
use onetape_domain::change::{CandleChange, Changes, TapeBatch};
use onetape_domain::clock::InstrumentClock;
use onetape_domain::coverage::{CoverageRow, CoverageState, Stream};
use onetape_domain::engine::{InstrumentEngine, Outcome};
use onetape_domain::frame::{FrameShape, assemble};
use onetape_domain::indicator::IndicatorSet;
use onetape_domain::instrument::Instrument;
use onetape_domain::time::{SECOND, Timeframe, Timestamp};
use onetape_domain::venue::VenueRules;
use onetape_memory::{CacheConfig, MemoryCache, MemoryStore};
use onetape_ports::{CandleQuery, FrameQuery, FrameStore, HotCache, Knowledge, Selection, TapeStore};
use onetape_testkit::generator::{Market, history, plain_trade};

type Outcomes<T> = Result<T, Box<dyn Error>>;

/// 2024-08-09T00:00:00Z.
const MIDNIGHT: Timestamp = Timestamp::from_micros(1_723_161_600 * SECOND);
const RING: u32 = 640;
const FRAMES: usize = 20_000;
const UPDATES: i64 = 400_000;

fn main() -> Outcomes<()> {
    let instrument: Instrument = "binance:ETH/USDT".parse()?;
    let (cache, issued) = full_cache(&instrument)?;
    println!("cache: {:?}", cache.statistics());

    frames("frame_parts + assemble, idle", &cache, &instrument, FRAMES)?;
    let query = |as_of| FrameQuery {
        instrument: instrument.clone(),
        as_of,
        shape: FrameShape::DEFAULT,
        knowledge: Knowledge::AsRecorded,
    };
    let latest = query(Timestamp::LATEST);
    let took = repeat(FRAMES, || cache.frame_parts(&latest).is_some());
    println!("frame_parts alone: {took:?} p50");
    let back = query(issued.plus(-20 * SECOND));
    println!("frame_parts 20 s ago: {:?} p50", repeat(FRAMES / 4, || cache.frame_parts(&back).is_some()));
    let (as_of, parts) = cache.frame_parts(&latest).ok_or("no frame")?;
    let took =
        repeat(FRAMES, || assemble(instrument.clone(), as_of, FrameShape::DEFAULT, parts.clone()).is_ok());
    println!("assemble alone: {took:?} p50");
    let closes = parts.closes[0].values();
    println!(
        "one indicator set of {}: {:?}",
        closes.len(),
        repeat(FRAMES, || IndicatorSet::latest(black_box(closes)))
    );
    let candles = CandleQuery {
        instrument: instrument.clone(),
        timeframe: Timeframe::S1,
        selection: Selection::Last(300),
        as_of: Timestamp::LATEST,
        knowledge: Knowledge::AsRecorded,
    };
    println!(
        "last 300 candles: {:?} p50",
        repeat(FRAMES, || cache.candles(&candles).map(|rows| rows.1.len()))
    );

    let started = Instant::now();
    apply_trades(&cache, &instrument, issued, UPDATES);
    report("apply, one trade a call", UPDATES, started.elapsed());

    under_load(&instrument)?;
    println!("cache: {:?}", cache.statistics());
    append(&instrument)
}

/// Median, 99th percentile and mean of whole frames.
fn frames(what: &str, cache: &MemoryCache, instrument: &Instrument, count: usize) -> Outcomes<()> {
    let shape = FrameShape::DEFAULT;
    let query = FrameQuery {
        instrument: instrument.clone(),
        as_of: Timestamp::LATEST,
        shape,
        knowledge: Knowledge::AsRecorded,
    };
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let started = Instant::now();
        let (as_of, parts) = cache.frame_parts(&query).ok_or("no frame")?;
        let frame = assemble(instrument.clone(), as_of, shape, parts)?;
        times.push(started.elapsed());
        black_box(frame.imbalances.len());
    }
    times.sort();
    let mean = times.iter().sum::<Duration>() / u32::try_from(count)?;
    println!("{what}: p50 {:?}, p99 {:?}, mean {mean:?}", times[count / 2], times[count * 99 / 100]);
    Ok(())
}

/// The median of so many calls.
fn repeat<R>(count: usize, mut call: impl FnMut() -> R) -> Duration {
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let started = Instant::now();
        black_box(call());
        times.push(started.elapsed());
    }
    times.sort();
    times[count / 2]
}

fn report(what: &str, count: i64, took: Duration) {
    let rate = count as f64 / took.as_secs_f64();
    println!("{what}: {rate:.0} a second ({:?} each)", took / u32::try_from(count).unwrap_or(u32::MAX));
}

/// Applies trades 10 µs apart, each a message of its own.
fn apply_trades(cache: &MemoryCache, instrument: &Instrument, from: Timestamp, count: i64) {
    let mut stamp = from;
    for id in 0..count {
        stamp = stamp.plus(10);
        let Ok(trade) = plain_trade(stamp, id) else { continue };
        cache.apply(instrument, &Changes { trades: vec![trade], ..Changes::default() }, stamp);
    }
}

/// Frames of one of fifty instruments while 100,000 messages a second are written over all of them.
fn under_load(instrument: &Instrument) -> Outcomes<()> {
    const INSTRUMENTS: usize = 50;
    let mut names = vec![instrument.clone()];
    for number in 1..INSTRUMENTS {
        names.push(format!("binance:C{number}/USDT").parse()?);
    }
    let (cache, issued) = full_cache(instrument)?;
    let stop = AtomicBool::new(false);
    thread::scope(|scope| -> Outcomes<()> {
        let writer = scope.spawn(|| {
            let (mut stamp, mut written, started) = (issued, 0_i64, Instant::now());
            while !stop.load(Ordering::Relaxed) {
                // A millisecond of it: each instrument gets a message every half millisecond.
                for _ in 0..2 {
                    stamp = stamp.plus(500);
                    names.iter().for_each(|name| cache.apply(name, &message(stamp), stamp));
                    written += 50;
                }
                if written % 50_000 == 0 {
                    names.iter().for_each(|name| cache.durable(name, stamp));
                }
                let due = Duration::from_millis(u64::try_from(written / 100).unwrap_or(0));
                thread::sleep(due.saturating_sub(started.elapsed()));
            }
            report("  written meanwhile", written, started.elapsed());
        });
        frames("frame_parts + assemble under 100k updates/s", &cache, instrument, 10 * FRAMES)?;
        stop.store(true, Ordering::Relaxed);
        writer.join().map_err(|_| "the writer failed")?;
        Ok(())
    })?;
    println!("50 instruments: {:?}", cache.statistics());
    Ok(())
}

/// What a message changes: mostly nothing but the clock (a book diff), each twentieth brings a trade, and
/// the first of a second closes a candle.
fn message(stamp: Timestamp) -> Changes {
    let mut changes = Changes::default();
    let number = stamp.micros() / 500;
    if number % 20 == 0 {
        changes.trades.extend(plain_trade(stamp, number));
    }
    let second = stamp.floor_second();
    if stamp.since(second) < 500
        && let Ok(last) = plain_trade(second.plus(-1), number)
    {
        let candle = Candle::closed(Timeframe::S1, second.plus(-SECOND), Ohlcv::of_trade(&last), 1, stamp);
        changes.candles.extend(candle.map(|candle| CandleChange { candle, replaces: None }));
        changes.coverage.extend(Stream::ALL.map(|stream| alive(stream, second, stamp)));
    }
    changes
}

fn alive(stream: Stream, end: Timestamp, available_at: Timestamp) -> CoverageRow {
    let begin = MIDNIGHT.plus(-i64::from(RING) * 86_400 * SECOND);
    CoverageRow { stream, begin, end, state: CoverageState::Alive, reason: String::new(), available_at }
}

/// A cache with full rings, started as from a store, then live for two minutes.
fn full_cache(instrument: &Instrument) -> Outcomes<(MemoryCache, Timestamp)> {
    let (clock, parts) = history(instrument, MIDNIGHT, RING)?;
    let cache = MemoryCache::new(CacheConfig::DEFAULT);
    cache.start(&clock, parts, usize::try_from(RING)?);
    let market = Market { start: MIDNIGHT, seconds: 120, ..Market::new(instrument.clone(), 1) };
    let mut engine = InstrumentEngine::new(instrument.clone(), VenueRules::BINANCE_SPOT);
    let mut issued = MIDNIGHT;
    for message in market.messages() {
        let mut changes = Changes::default();
        if let Outcome::Stamped(stamp) = engine.process(&message, &mut changes).outcome {
            cache.apply(instrument, &changes, stamp);
            issued = stamp;
        }
    }
    cache.durable(instrument, issued);
    Ok((cache, issued))
}

/// Appends trades to a store in batches of 1,000, then reads frames of it.
fn append(instrument: &Instrument) -> Outcomes<()> {
    let (store, clock, mut before) = (MemoryStore::new(), history(instrument, MIDNIGHT, 1)?.0, None);
    let trades =
        (0..UPDATES).map(|id| plain_trade(MIDNIGHT.plus(id * 100), id)).collect::<Result<Vec<_>, _>>()?;
    let batches: Vec<TapeBatch> = trades
        .chunks(1_000)
        .map(|trades| TapeBatch {
            instrument: instrument.clone(),
            clock: InstrumentClock { issued: trades[trades.len() - 1].available_at, ..clock.clone() },
            changes: Changes { trades: trades.to_vec(), ..Changes::default() },
        })
        .collect();
    let started = Instant::now();
    for batch in &batches {
        store.append(batch, before).now_or_never().ok_or("the store waits")??;
        before = Some(batch.clock.issued);
    }
    report("store: append of trades in thousands", UPDATES, started.elapsed());

    let candles: Vec<CandleChange> = (0..1_000_000)
        .filter_map(|second| {
            let open_time = MIDNIGHT.plus(second * SECOND);
            let ohlcv = Ohlcv::of_trade(&plain_trade(open_time, second).ok()?);
            let candle = Candle::closed(Timeframe::S1, open_time, ohlcv, 1, open_time.plus(SECOND + 500_000));
            candle.ok().map(|candle| CandleChange { candle, replaces: None })
        })
        .collect();
    let changes = Changes { candles, ..Changes::default() };
    let last = MIDNIGHT.plus(1_000_001 * SECOND);
    let clock = InstrumentClock { issued: last, ..clock };
    let batch = TapeBatch { instrument: instrument.clone(), changes, clock };
    store.append(&batch, before).now_or_never().ok_or("the store waits")??;
    let mut place = 0_i64;
    let took = repeat(FRAMES, || {
        place = (place + 7_919 * 131) % 900_000;
        let as_of = MIDNIGHT.plus((50_000 + place) * SECOND);
        let query = FrameQuery {
            instrument: instrument.clone(),
            as_of,
            shape: FrameShape::DEFAULT,
            knowledge: Knowledge::AsRecorded,
        };
        store.frame_parts(&query).now_or_never().is_some()
    });
    println!("store: frame_parts at random instants of 1,000,000 1 s candles: {took:?} p50");
    Ok(())
}
