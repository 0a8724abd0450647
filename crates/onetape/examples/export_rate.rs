//! Measures exports once, of a file that it fills, or finds filled:
//! `cargo run --profile bench -p onetape --features export --example export_rate -- market.db [candles]`.
#![expect(clippy::print_stdout, reason = "it prints what it measured")]
#![expect(clippy::disallowed_methods, reason = "it measures time, and decides nothing by it")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Instant;

use futures::TryStreamExt as _;
use onetape::arrow::arrow_array::RecordBatch;
use onetape::arrow::files::{Dataset, Format, Options, Part};
use onetape::arrow::{self, Decimals};
use onetape::domain::candle::Ohlcv;
use onetape::domain::change::{CandleChange, Changes, TapeBatch};
use onetape::domain::clock::InstrumentClock;
use onetape::domain::time::SECOND;
use onetape::ports::{CandleQuery, Knowledge, Selection};
use onetape::prelude::*;
use onetape::{Export, ExportTable};
use onetape_testkit::generator::history::{history, plain_trade};

type Outcome<T> = Result<T, Box<dyn Error>>;

const START: Timestamp = Timestamp::from_micros(1_577_836_800 * SECOND);
const ROWS_A_BATCH: usize = 20_000;

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let path = PathBuf::from(arguments.next().ok_or("give the path of a file")?);
    let candles: i64 = arguments.next().map_or(Ok(1_000_000), |count| count.parse())?;
    let tape = Onetape::open(&format!("sqlite://{}", path.display())).await?;
    let instrument: Instrument = "binance:ETH/USDT".parse()?;
    if tape.store().flushed(&instrument).await?.is_none() {
        fill(&tape, &instrument, candles).await?;
    }
    let out = path.with_extension("exported");
    for (format, decimals) in [
        (Format::Parquet, Decimals::Exact),
        (Format::Parquet, Decimals::Float),
        (Format::Arrow, Decimals::Exact),
        (Format::Csv, Decimals::Exact),
    ] {
        let files = Options { overwrite: true, ..Options::new(&out, format) };
        let export = Export { decimals, ..Export::new(ExportTable::Candles(Timeframe::S1), files) };
        let begin = Instant::now();
        let done = tape.export(&export, |_| {}).await?;
        tell(&format!("export to {}, {}", format.as_str(), decimals.as_str()), done.rows, begin, done.bytes);
        println!("  peak memory so far: {}", peak());
    }
    floors(&tape, &instrument, &out).await?;
    std::fs::remove_file(&out)?;
    Ok(())
}

/// What reading alone takes, and writing alone: of batches that are there.
async fn floors(tape: &Onetape, instrument: &Instrument, out: &Path) -> Outcome<()> {
    let query = CandleQuery {
        instrument: instrument.clone(),
        timeframe: Timeframe::S1,
        selection: Selection::Range(TimeRange::ALL),
        as_of: Timestamp::LATEST,
        knowledge: Knowledge::AsRecorded,
    };
    let begin = Instant::now();
    let mut rows = tape.store().stream_candles(query.clone());
    let mut count = 0;
    while let Some(row) = rows.try_next().await? {
        std::hint::black_box(row);
        count += 1;
    }
    tell("rows read, and left", count, begin, 0);
    let provider = tape.provider();
    let begin = Instant::now();
    let batches: Vec<RecordBatch> = arrow::candles(&provider, query, Decimals::Exact).try_collect().await?;
    tell("rows read into batches", count, begin, 0);
    for format in [Format::Parquet, Format::Arrow] {
        let options = Options { overwrite: true, ..Options::new(out, format) };
        let begin = Instant::now();
        let mut dataset = Dataset::begin(options)?;
        for batch in &batches {
            dataset.write(&Part { instrument: instrument.clone(), time: START }, batch)?;
        }
        let written = dataset.finish(&batches[0].schema())?;
        tell(&format!("{} alone, of batches", format.as_str()), written.rows, begin, written.bytes);
    }
    Ok(())
}

fn tell(what: &str, rows: u64, begin: Instant, bytes: u64) {
    let seconds = begin.elapsed().as_secs_f64();
    let a_row = bytes as f64 / rows.max(1) as f64;
    println!(
        "{what}: {rows} rows in {seconds:.2} s, {:.0} rows/s, {a_row:.1} bytes a row",
        rows as f64 / seconds
    );
}

fn peak() -> String {
    let bytes = onetape_testkit::memory::peak_bytes(std::process::id());
    bytes.map_or_else(|| "unknown here".to_owned(), |bytes| format!("{} MB", bytes / 1_000_000))
}

async fn fill(tape: &Onetape, instrument: &Instrument, count: i64) -> Outcome<()> {
    let end = START.plus(count * SECOND);
    let clock =
        history(instrument, end.plus(86_400 * SECOND - end.micros().rem_euclid(86_400 * SECOND)), 1)?.0;
    let (begin, mut at, mut expected) = (Instant::now(), 0, None);
    while at < count {
        let mut changes = Changes::default();
        while at < count && changes.candles.len() < ROWS_A_BATCH {
            changes.candles.push(CandleChange { candle: candle(at)?, replaces: None });
            at += 1;
        }
        let issued = expected.map_or(clock.issued, |issued: Timestamp| issued.plus(1));
        let clock = InstrumentClock { issued, ..clock.clone() };
        tape.store().append(&TapeBatch { instrument: instrument.clone(), changes, clock }, expected).await?;
        expected = Some(issued);
    }
    tell("filled", count.unsigned_abs(), begin, 0);
    Ok(())
}

/// Prices that wander, volumes like no other.
fn candle(at: i64) -> Outcome<Candle> {
    let open_time = START.plus(at * SECOND);
    let (first, last) =
        (plain_trade(open_time.plus(at % 700), 2 * at)?, plain_trade(open_time.plus(900_000), 2 * at + 1)?);
    let ohlcv = Ohlcv::of_trade(&first).merge(&Ohlcv::of_trade(&last)).ok_or("a volume too large")?;
    let known_from = open_time.plus(SECOND + 500_000 + at * 7_919 % 90_000);
    Ok(Candle::closed(Timeframe::S1, open_time, ohlcv, 1, known_from)?)
}
