//! What tests of files have in common.

use std::path::Path;

use onetape_domain::candle::Candle;
use onetape_domain::time::Timeframe;
use onetape_domain::validator::DataValidator;
use onetape_domain::violation::Violations;
use onetape_parquet_legacy::{CandleLayout, LegacyFile, LegacyRow};

/// All rows of a table.
pub(crate) fn rows(file: &LegacyFile, table: usize) -> Vec<LegacyRow> {
    let layout = CandleLayout::of(file.schema(table), None).expect("columns of candles");
    let batches = file.candles(table, &layout).expect("sound pages");
    batches.flat_map(|batch| batch.expect("a batch")).collect()
}

/// Candles of a table, each with its row or what is wrong with it.
pub(crate) fn candles(
    file: &LegacyFile,
    table: usize,
    timeframe: Timeframe,
) -> Vec<(u64, Result<Candle, Violations>)> {
    let check = |row: LegacyRow| {
        (row.number, row.candle.and_then(|candle| DataValidator::validate_ohlcv(timeframe, &candle)))
    };
    rows(file, table).into_iter().map(check).collect()
}

/// Candles of a file of one table, all of them sound.
pub(crate) fn sound(path: &Path, timeframe: Timeframe) -> Vec<Candle> {
    let file = LegacyFile::open(path).expect("a file");
    let candles = candles(&file, 0, timeframe).into_iter();
    candles.map(|(row, candle)| candle.unwrap_or_else(|broken| panic!("row {row}: {broken}"))).collect()
}

/// Time, prices and volume as a line of text.
pub(crate) fn line(candle: &Candle) -> String {
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
