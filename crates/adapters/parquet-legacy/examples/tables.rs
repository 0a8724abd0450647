//! Prints what is in legacy files, and how fast it is read:
//! `cargo run --release -p onetape-parquet-legacy --example tables -- FILE…`.
#![expect(clippy::print_stdout, reason = "it prints what it found")]
#![expect(clippy::disallowed_methods, reason = "it measures time, and decides nothing by it")]

use std::path::Path;
use std::time::Instant;

use onetape_parquet_legacy::{CandleLayout, LegacyError, LegacyFile};

fn main() {
    for name in std::env::args().skip(1) {
        if let Err(error) = print(Path::new(&name)) {
            println!("{error}");
        }
    }
}

fn print(path: &Path) -> Result<(), LegacyError> {
    let file = LegacyFile::open(path)?;
    for table in 0..file.tables() {
        let name = format!("{} {}", path.display(), file.path(table).join("/"));
        println!("{name}: {} rows", file.rows(table).map_or_else(|| "?".to_owned(), |rows| rows.to_string()));
        for field in file.schema(table).fields() {
            println!("  {}: {}", field.name(), field.data_type());
        }
        let layout = match CandleLayout::of(file.schema(table), None) {
            Ok(layout) => layout,
            Err(broken) => {
                println!("  no candles: {broken}");
                continue;
            }
        };
        let (began, mut read, mut broken, mut first) = (Instant::now(), 0_u64, 0_u64, None);
        for rows in file.candles(table, &layout, None, 0)? {
            for row in rows? {
                read += 1;
                broken += u64::from(row.candle.is_err());
                first.get_or_insert(row);
            }
        }
        let seconds = began.elapsed().as_secs_f64();
        println!("  {read} rows, {broken} broken, {:.0} rows/s; the first: {first:?}", read as f64 / seconds);
    }
    Ok(())
}
