//! Measures taking old seconds over into a new file, reading them back and removing them:
//! `cargo run --profile bench -p onetape-sqlite --example import_rate -- market.db [seconds]`.
#![expect(clippy::print_stdout, reason = "it prints what it measured")]
#![expect(clippy::disallowed_methods, reason = "it measures time, and decides nothing by it")]

use std::error::Error;
use std::time::{Duration, Instant};

use futures::TryStreamExt as _;
use onetape_domain::manifest::ColumnSums;
use onetape_domain::time::{SECOND, TimeRange, Timestamp};
use onetape_ports::{ImportStore, ManifestStore};
use onetape_sqlite::SqliteStore;
use onetape_testkit::Seconds;

/// Rows of a batch, as they are read of a file.
const ROWS: u64 = 65_536;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("give the path of a file")?;
    let count = arguments.next().map_or(Ok(4_000_000), |count| count.parse())?;
    let seconds = Seconds { first: Timestamp::from_micros(1_577_836_800 * SECOND), count };
    let import = seconds.import()?;
    let tell = |what: &str, taken: Duration| {
        println!("{what}: {:.1} s, {:.0} rows/s", taken.as_secs_f64(), count as f64 / taken.as_secs_f64());
    };
    let store = SqliteStore::open(&path).await?;
    store.begin_run(&seconds.run()?, seconds.first).await?;
    let (mut written, mut last) = (Duration::ZERO, ColumnSums::default());
    for batch in seconds.batches(ROWS) {
        let batch = batch?;
        let begin = Instant::now();
        store.write_import_batch(&batch).await?;
        written += begin.elapsed();
        last = batch.sums;
    }
    tell(&format!("batches of {ROWS}"), written);
    let begin = Instant::now();
    store.finish_import(&import.id, seconds.covered()?).await?;
    tell("roll-ups", begin.elapsed());
    tell("both", written + begin.elapsed());
    let begin = Instant::now();
    let mut candles = store.stream_import(&import.id, TimeRange::ALL);
    let mut sums = ColumnSums::default();
    while let Some(candle) = candles.try_next().await? {
        sums.add(&candle);
    }
    drop(candles);
    tell("read back", begin.elapsed());
    if sums != last {
        return Err("others came back than were written".into());
    }
    let begin = Instant::now();
    store.remove_import(&import.id).await?;
    tell("removed", begin.elapsed());
    println!("file: {} bytes", std::fs::metadata(&path)?.len());
    store.close().await;
    Ok(())
}
