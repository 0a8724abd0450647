//! Measures writes and frames once, on a file that it fills, or finds filled:
//! `cargo run --release -p onetape-sqlite --example store_rates -- market.db [days of seconds]`.
#![expect(clippy::print_stdout, reason = "it prints what it measured")]
#![expect(clippy::disallowed_methods, reason = "it measures time, and decides nothing by it")]

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use onetape_domain::book::{BookLevel, BookSnapshot, BookSnapshotParts, SampleFlags};
use onetape_domain::candle::{Candle, Ohlcv};
use onetape_domain::change::{CandleChange, Changes, TapeBatch};
use onetape_domain::clock::InstrumentClock;
use onetape_domain::coverage::{CoverageRow, CoverageState, Stream};
use onetape_domain::decimal::{Price, Quantity};
use onetape_domain::frame::FrameShape;
use onetape_domain::imbalance::ImbalanceWindows;
use onetape_domain::instrument::Instrument;
use onetape_domain::time::{SECOND, Timeframe, Timestamp};
use onetape_domain::trade::{Side, Trade, TradeKey};
use onetape_ports::{ClockStore, FrameQuery, FrameStore, Knowledge, TapeStore};
use onetape_sqlite::SqliteStore;
use onetape_testkit::generator::history;
use rust_decimal::Decimal;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, QueryBuilder, Sqlite};

type Outcome<T> = Result<T, Box<dyn Error>>;

const START: Timestamp = Timestamp::from_micros(1_577_836_800 * SECOND);
const TRADES: i64 = 400_000;
const FRAMES: usize = 1_000;
const ROWS_A_BATCH: usize = 20_000;
/// A sampled book, its imbalances and rows of the coverage log every so many seconds.
const SAMPLES: i64 = 300;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("give the path of a file")?;
    let days: i64 = arguments.next().map_or(Ok(10), |days| days.parse())?;
    let store = SqliteStore::open(&path).await?;
    for size in [100, 1_000, 10_000] {
        trades(&store, size).await?;
        plain_rows(&path, size).await?;
    }
    let instrument: Instrument = "binance:BTC/USDT".parse()?;
    if store.flushed(&instrument).await?.is_none() {
        fill(&store, &instrument, days).await?;
    }
    println!("file: {} bytes", std::fs::metadata(&path)?.len());
    frames(&store, &instrument, days).await?;
    frames_undecoded(&path, &instrument, days).await?;
    store.close().await;
    Ok(())
}

/// A connection with the settings of the store's.
async fn connect(path: &str) -> Outcome<SqliteConnection> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("cache_size", "-8192");
    Ok(options.connect().await?)
}

/// The floor of writes: as many rows of the same columns into a table without rules, keys of others, versions or a clock.
async fn plain_rows(path: &str, size: i64) -> Outcome<()> {
    const COLUMNS: usize = 11;
    let mut connection = connect(path).await?;
    let table = format!("plain_{size}");
    connection.execute(format!("DROP TABLE IF EXISTS {table}").as_str()).await?;
    let columns = "instrument, time, sequence, idx, received, available, price, size, side, id, aggregate";
    let make = format!(
        "CREATE TABLE {table} ({columns}, PRIMARY KEY (instrument, time, sequence, idx)) WITHOUT ROWID"
    );
    connection.execute(make.as_str()).await?;
    let mut micros = 0;
    for part in 0..TRADES / size {
        let ids: Vec<i64> = (part * size..(part + 1) * size).collect();
        let begin = Instant::now();
        let mut transaction = connection.begin().await?;
        for ids in ids.chunks(32_000 / COLUMNS) {
            let mut insert = QueryBuilder::<Sqlite>::new(format!("INSERT INTO {table} ({columns}) "));
            insert.push_values(ids, |mut row, id| {
                let time = START.plus(id * 10_000).micros();
                row.push_bind(1_i64).push_bind(time).push_bind(*id).push_bind(0_i64);
                row.push_bind(time + 9_000).push_bind(time + 10_000);
                row.push_bind(format!("{}.{:02}", 65_000 + id % 99, id % 97))
                    .push_bind(format!("0.{:05}", id % 99_999));
                row.push_bind(i64::from(id % 3 == 0)).push_bind(id.to_string()).push_bind(None::<i64>);
            });
            insert.build().execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        micros += begin.elapsed().as_micros();
    }
    connection.execute(format!("DROP TABLE {table}").as_str()).await?;
    println!("floor, plain rows, {size} a batch: {} rows/s", TRADES as u128 * 1_000_000 / micros);
    Ok(connection.close().await?)
}

/// The floor of frames: their largest statement by itself, in no transaction, its answer not looked at.
async fn frames_undecoded(path: &str, instrument: &Instrument, days: i64) -> Outcome<()> {
    let mut connection = connect(path).await?;
    let mut times = Vec::new();
    for at in 0..FRAMES {
        let as_of = instant(at, days);
        let mut ask = sqlx::query(include_str!("../src/queries/frame.sql"))
            .bind(instrument.exchange().as_str())
            .bind(instrument.symbol().as_str())
            .bind(as_of.micros())
            .bind(as_of.micros());
        for rows in [301_i64, 100, 500, 60] {
            ask = ask.bind(rows);
        }
        for timeframe in Timeframe::ALL {
            ask = ask.bind(timeframe.open_time(as_of).micros());
        }
        let begin = Instant::now();
        std::hint::black_box(ask.fetch_optional(&mut connection).await?);
        times.push(begin.elapsed().as_micros());
    }
    tell("floor, the statement alone", times);
    Ok(connection.close().await?)
}

/// Random instants, the same for all who ask.
fn instant(at: usize, days: i64) -> Timestamp {
    START.plus((at as i64 * 7_919 * 131) % (days * 86_400) * SECOND + 700_000)
}

fn tell(what: &str, mut times: Vec<u128>) {
    times.sort_unstable();
    let at = |part: usize| times[times.len() * part / 100];
    println!("{what}: p10 {} µs, p50 {} µs, p90 {} µs, p99 {} µs", at(10), at(50), at(90), at(99));
}

async fn trades(store: &SqliteStore, size: i64) -> Outcome<()> {
    let instrument: Instrument = format!("bench-{size}:ETH/USDT").parse()?;
    let mut expected = store.flushed(&instrument).await?;
    let first = expected.map_or(START, |issued| issued.plus(SECOND));
    let clock = history::history(&instrument, START, 1)?.0;
    let mut micros = 0;
    for part in 0..TRADES / size {
        let trades: Vec<Trade> =
            (part * size..(part + 1) * size).map(|id| trade(id, first)).collect::<Result<_, _>>()?;
        let issued = first.plus((part + 1) * size * 10_000);
        let changes = Changes { trades, ..Changes::default() };
        let clock = InstrumentClock { issued, ..clock.clone() };
        let batch = TapeBatch { instrument: instrument.clone(), changes, clock };
        let begin = Instant::now();
        store.append(&batch, expected).await?;
        micros += begin.elapsed().as_micros();
        expected = Some(issued);
    }
    println!("trades, {size} a batch: {} rows/s", TRADES as u128 * 1_000_000 / micros);
    Ok(())
}

/// Writes one batch after the other, and counts.
struct Writer<'a> {
    store: &'a SqliteStore,
    clock: InstrumentClock,
    expected: Option<Timestamp>,
    rows: u128,
    micros: u128,
}

impl Writer<'_> {
    async fn append(&mut self, changes: Changes) -> Outcome<()> {
        self.rows += changes.len() as u128;
        let issued = self.expected.map_or(self.clock.issued, |issued| issued.plus(1));
        let clock = InstrumentClock { issued, ..self.clock.clone() };
        let batch = TapeBatch { instrument: clock.instrument.clone(), changes, clock };
        let begin = Instant::now();
        self.store.append(&batch, self.expected).await?;
        self.micros += begin.elapsed().as_micros();
        self.expected = Some(issued);
        Ok(())
    }

    fn tell(&mut self, what: &str) {
        println!("{what}: {} rows/s of {}", self.rows * 1_000_000 / self.micros, self.rows);
        (self.rows, self.micros) = (0, 0);
    }
}

async fn fill(store: &SqliteStore, instrument: &Instrument, days: i64) -> Outcome<()> {
    let end = START.plus(days * 86_400 * SECOND);
    let clock = history::history(instrument, end, 1)?.0;
    let mut writer = Writer { store, clock, expected: None, rows: 0, micros: 0 };
    for timeframe in Timeframe::ALL {
        let mut open_time = timeframe.open_time(START);
        while open_time < end {
            let mut candles = Vec::new();
            while open_time < end && candles.len() < ROWS_A_BATCH {
                candles.push(CandleChange { candle: candle(timeframe, open_time)?, replaces: None });
                open_time = timeframe.close_time(open_time);
            }
            writer.append(Changes { candles, ..Changes::default() }).await?;
        }
    }
    writer.tell("candles");
    let mut second = START;
    while second < end {
        let mut changes = Changes::default();
        while second < end && changes.books.len() < 1_000 {
            sample(second, &mut changes)?;
            second = second.plus(SAMPLES * SECOND);
        }
        writer.append(changes).await?;
    }
    writer.tell("books with imbalances and coverage");
    Ok(())
}

async fn frames(store: &SqliteStore, instrument: &Instrument, days: i64) -> Outcome<()> {
    let mut times = Vec::new();
    for at in 0..FRAMES {
        let as_of = instant(at, days);
        let query = FrameQuery {
            instrument: instrument.clone(),
            as_of,
            shape: FrameShape::DEFAULT,
            knowledge: Knowledge::AsRecorded,
        };
        let begin = Instant::now();
        std::hint::black_box(store.frame_parts(&query).await?);
        times.push(begin.elapsed().as_micros());
    }
    tell("frames", times);
    Ok(())
}

fn trade(id: i64, first: Timestamp) -> Outcome<Trade> {
    let event_time = first.plus(id * 10_000);
    Ok(Trade {
        key: TradeKey { event_time, sequence: id, index: 0 },
        trade_id: id.to_string().into(),
        price: Price::try_new("price", Decimal::new(6_500_000 + id % 9_973, 2))?,
        size: Quantity::try_new("size", Decimal::new(1 + id % 99_999, 5))?,
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

fn sample(second: Timestamp, changes: &mut Changes) -> Outcome<()> {
    let available_at = second.plus(SECOND + 50_000);
    let level = |level: i64, sign: i64| -> Outcome<BookLevel> {
        let price = Decimal::new(6_500_000 + sign * (1 + level * 7), 2);
        let size = Decimal::new(1 + (second.micros() / SECOND + level * 7_919) % 499_979, 5);
        Ok(BookLevel { price: Price::try_new("price", price)?, size: Quantity::try_new("size", size)? })
    };
    let book = BookSnapshot::try_new(BookSnapshotParts {
        second,
        bids: (0..50).map(|at| level(at, -1)).collect::<Result<_, _>>()?,
        asks: (0..50).map(|at| level(at, 1)).collect::<Result<_, _>>()?,
        sequence: second.micros().unsigned_abs(),
        event_time: available_at,
        received_at: available_at,
        available_at,
        bucket_size: Price::parse("bucket_size", "1")?,
        flags: SampleFlags { covered: true, ..SampleFlags::default() },
    })?;
    changes.imbalances.push(ImbalanceWindows::default().next(&book));
    changes.books.push(Arc::new(book));
    changes.coverage.extend(Stream::ALL.map(|stream| CoverageRow {
        stream,
        begin: START,
        end: second.plus(SECOND),
        state: CoverageState::Alive,
        reason: String::new(),
        available_at,
    }));
    Ok(())
}
