//! The file of an old system, as pandas writes it.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, TimestampNanosecondArray};
use onetape::domain::decimal::Decimal;
use onetape::prelude::*;
use onetape_testkit::Seconds;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use crate::Outcome;

/// Rows that are made at once.
const ROWS: u64 = 65_536;
/// 2020-01-01.
const FIRST: i64 = 1_577_836_800_000_000;

/// Writes so many seconds; returns the size of the file.
pub(crate) fn write(path: &Path, rows: u64, group_rows: usize) -> Outcome<u64> {
    let seconds = Seconds { first: Timestamp::from_micros(FIRST), count: rows };
    let mut writer = None;
    for batch in seconds.batches(ROWS) {
        let batch = columns(batch?.candles.into_iter().flat_map(|(_, rows)| rows).map(|row| row.candle))?;
        let writer = match &mut writer {
            Some(writer) => writer,
            None => writer.insert(begin(path, &batch, group_rows)?),
        };
        writer.write(&batch)?;
    }
    writer.ok_or("no rows")?.close()?;
    Ok(std::fs::metadata(path)?.len())
}

fn begin(path: &Path, batch: &RecordBatch, group_rows: usize) -> Outcome<ArrowWriter<File>> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_max_row_group_row_count(Some(group_rows));
    Ok(ArrowWriter::try_new(File::create(path)?, batch.schema(), Some(properties.build()))?)
}

fn columns(candles: impl Iterator<Item = onetape::domain::imported::ImportedCandle>) -> Outcome<RecordBatch> {
    let (mut times, mut counts) = (Vec::new(), Vec::new());
    let mut numbers: [Vec<f64>; 5] = Default::default();
    for candle in candles {
        times.push(candle.open_time().micros() * 1_000);
        let sum = candle.ohlcv();
        let values = [*sum.open, *sum.high, *sum.low, *sum.close, *sum.volume];
        for (column, value) in numbers.iter_mut().zip(values) {
            column.push(float(value));
        }
        counts.push(sum.trade_count.unwrap_or(0).cast_signed());
    }
    let times = TimestampNanosecondArray::from(times).with_timezone("UTC");
    let mut columns: Vec<(&str, ArrayRef)> = vec![("timestamp", Arc::new(times))];
    for (name, values) in ["open", "high", "low", "close", "volume"].into_iter().zip(numbers) {
        columns.push((name, Arc::new(Float64Array::from(values))));
    }
    columns.push(("trade_count", Arc::new(Int64Array::from(counts))));
    Ok(RecordBatch::try_from_iter(columns)?)
}

/// The float nearest to it: numerator and denominator are exact, and a division rounds once.
fn float(value: Decimal) -> f64 {
    value.mantissa() as f64 / 10_f64.powi(value.scale().cast_signed())
}
