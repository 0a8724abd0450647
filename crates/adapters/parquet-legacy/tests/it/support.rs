//! What tests of files have in common.

use std::path::Path;

use futures::TryStreamExt as _;
use onetape_domain::imported::ImportedCandle;
use onetape_domain::time::Timeframe;
use onetape_domain::validator::DataValidator;
use onetape_domain::violation::Violations;
use onetape_parquet_legacy::{CandleLayout, LegacyCache, LegacyFile};
use onetape_ports::{LegacyError, LegacyReading, LegacyRow, LegacySource as _};

/// All rows of a table.
pub(crate) fn rows(file: &LegacyFile, table: usize) -> Vec<LegacyRow> {
    let layout = CandleLayout::of(file.schema(table), None).expect("columns of candles");
    let batches = file.candles(table, &layout, None, 0).expect("sound pages");
    batches.flat_map(|batch| batch.expect("a batch")).collect()
}

/// Candles of a table, each with its row or what is wrong with it.
pub(crate) fn candles(
    file: &LegacyFile,
    table: usize,
    timeframe: Timeframe,
) -> Vec<(u64, Result<ImportedCandle, Violations>)> {
    let check = |row: LegacyRow| {
        (row.number, row.candle.and_then(|candle| DataValidator::validate_imported(timeframe, &candle)))
    };
    rows(file, table).into_iter().map(check).collect()
}

/// Candles of a file of one table, all of them sound.
pub(crate) fn sound(path: &Path, timeframe: Timeframe) -> Vec<ImportedCandle> {
    let file = LegacyFile::open(path).expect("a file");
    let candles = candles(&file, 0, timeframe).into_iter();
    candles.map(|(row, candle)| candle.unwrap_or_else(|broken| panic!("row {row}: {broken}"))).collect()
}

/// Time, prices and volume as a line of text.
pub(crate) fn line(candle: &ImportedCandle) -> String {
    let ohlcv = candle.ohlcv();
    format!(
        "{} {} {} {} {} {}",
        candle.open_time(),
        ohlcv.open,
        ohlcv.high,
        ohlcv.low,
        ohlcv.close,
        ohlcv.volume
    )
}

/// Rows of a table of a folder's file from one on, as the port gives them.
pub(crate) async fn from_port(
    cache: &LegacyCache,
    path: &str,
    reading: &LegacyReading,
    table: usize,
    from: u64,
) -> Result<Vec<LegacyRow>, LegacyError> {
    let batches: Vec<_> = cache.rows(path, table, reading, from).try_collect().await?;
    Ok(batches.into_iter().flatten().collect())
}
