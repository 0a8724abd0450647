//! How fast a folder's files become checked candles, and in how much memory:
//! `cargo run --release -p onetape-parquet-legacy --example rows -- 1s FOLDER PATH…`.
#![expect(clippy::print_stdout, reason = "it prints what it measured")]
#![expect(clippy::disallowed_methods, reason = "it measures time, and decides nothing by it")]

use std::error::Error;
use std::time::Instant;

use futures::TryStreamExt as _;
use onetape_domain::manifest::ColumnSums;
use onetape_domain::time::Timeframe;
use onetape_domain::validator::DataValidator;
use onetape_parquet_legacy::LegacyCache;
use onetape_ports::{LegacyReading, LegacySource as _};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let timeframe: Timeframe = arguments.next().ok_or("which timeframe?")?.parse()?;
    let cache = LegacyCache::new(arguments.next().ok_or("which folder?")?);
    for path in arguments {
        for (table, _) in cache.contents(&path, &LegacyReading::default()).await?.tables.iter().enumerate() {
            let (began, mut refused, mut taken, mut sums) =
                (Instant::now(), 0_u64, 0_u64, ColumnSums::default());
            let mut batches = cache.rows(&path, table, &LegacyReading::default(), 0);
            while let Some(rows) = batches.try_next().await? {
                for row in rows {
                    match row.candle.and_then(|raw| DataValidator::validate_imported(timeframe, &raw)) {
                        Ok(candle) => {
                            taken += 1;
                            sums.add(&candle);
                        }
                        Err(_) => refused += 1,
                    }
                }
            }
            let seconds = began.elapsed().as_secs_f64();
            let rate = (taken + refused) as f64 / seconds;
            println!("{path} {table}: {taken} candles, {refused} refused, {seconds:.2} s, {rate:.0} rows/s");
        }
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let of_interest = |line: &&str| line.starts_with("VmHWM");
    println!("{}", status.lines().find(of_interest).unwrap_or("peak memory is not known here"));
    Ok(())
}
