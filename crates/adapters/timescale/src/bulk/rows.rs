//! The columns of each table, in the order of its COPY.

use std::borrow::Borrow;
use std::sync::Arc;

use onetape_domain::book::BookSnapshot;
use onetape_domain::bucket::PriceBucket;
use onetape_domain::candle::{Candle, SupersededCandle};
use onetape_domain::coverage::CoverageRow;
use onetape_domain::imbalance::Imbalances;
use onetape_domain::imported::{ImportedCandle, NewImport};
use onetape_domain::instrument::Instrument;
use onetape_domain::time::Timeframe;
use onetape_domain::trade::Trade;
use onetape_ports::StoreError;
use sqlx::PgConnection;
use sqlx::error::BoxDynError;

use super::{Row, copy};
use crate::candles::{PerTimeframe, for_each_table};
use crate::levels::Levels;

static CANDLES: PerTimeframe =
    PerTimeframe::new(|| for_each_table(include_str!("../queries/copy/candles.sql")));

pub(crate) async fn candles(
    connection: &mut PgConnection,
    instrument: &Instrument,
    timeframe: Timeframe,
    rows: &[Candle],
) -> Result<(), StoreError> {
    copy(connection, CANDLES.of(timeframe), 18, instrument, rows, candle).await
}

fn candle(row: &mut Row, candle: &Candle) -> Result<(), BoxDynError> {
    let known_from = candle.known_from().ok_or("a candle is not closed")?;
    let ohlcv = candle.ohlcv();
    row.time(candle.open_time())?.time(known_from)?;
    for key in [ohlcv.first, ohlcv.last] {
        row.time(key.event_time)?.long(key.sequence)?.long(i64::from(key.index))?;
    }
    let count = ohlcv.trade_count.ok_or("a candle made of trades has no count of them")?;
    row.long(i64::try_from(count)?)?.int(i32::try_from(candle.revision())?)?;
    row.number(ohlcv.open.get())?.number(ohlcv.high.get())?.number(ohlcv.low.get())?;
    row.number(ohlcv.close.get())?.number(ohlcv.volume.get())?;
    row.optional_number(ohlcv.taker_buy_volume.map(|volume| volume.get()))?;
    Ok(())
}

pub(crate) async fn superseded(
    connection: &mut PgConnection,
    instrument: &Instrument,
    rows: &[SupersededCandle],
) -> Result<(), StoreError> {
    let write = |row: &mut Row, version: &SupersededCandle| {
        row.text(version.candle.timeframe().as_str())?.time(version.known_to)?;
        candle(row, &version.candle)
    };
    copy(connection, include_str!("../queries/copy/superseded.sql"), 20, instrument, rows, write).await
}

pub(crate) async fn trades(
    connection: &mut PgConnection,
    instrument: &Instrument,
    rows: &[Trade],
) -> Result<(), StoreError> {
    let write = |row: &mut Row, trade: &Trade| {
        row.time(trade.key.event_time)?.long(trade.key.sequence)?.long(i64::from(trade.key.index))?;
        row.time(trade.received_at)?.time(trade.available_at)?;
        row.optional_long(trade.aggregate.map(|ids| ids.first))?;
        row.optional_long(trade.aggregate.map(|ids| ids.last))?;
        row.number(trade.price.get())?.number(trade.size.get())?;
        row.text(trade.side.as_str())?.text(&trade.trade_id)?;
        Ok(())
    };
    copy(connection, include_str!("../queries/copy/trades.sql"), 13, instrument, rows, write).await
}

/// Books, and their buckets.
pub(crate) async fn books(
    connection: &mut PgConnection,
    instrument: &Instrument,
    rows: &[Arc<BookSnapshot>],
) -> Result<(), StoreError> {
    let write = |row: &mut Row, sampled: &Arc<BookSnapshot>| book(row, sampled);
    copy(connection, include_str!("../queries/copy/books.sql"), 22, instrument, rows, write).await?;
    let all: Vec<(&BookSnapshot, PriceBucket)> = rows
        .iter()
        .flat_map(|book| PriceBucket::of(book).into_iter().map(move |one| (&**book, one)))
        .collect();
    copy(connection, include_str!("../queries/copy/buckets.sql"), 12, instrument, &all, bucket).await
}

fn book(row: &mut Row, book: &BookSnapshot) -> Result<(), BoxDynError> {
    let Levels { price_scale, size_scale, bid_prices, bid_sizes, ask_prices, ask_sizes, wide } =
        Levels::of(book);
    let flags = book.flags();
    row.time(book.second())?.time(book.available_at())?.time(book.event_time())?.time(book.received_at())?;
    row.long(i64::try_from(book.sequence())?)?.short(price_scale)?.short(size_scale)?;
    row.flag(flags.early)?.flag(flags.partial)?.flag(flags.covered)?;
    row.number(book.bucket_size().get())?;
    row.optional_number(book.mid_price())?.optional_number(book.spread())?;
    row.number(book.bid_volume().get())?.number(book.ask_volume().get())?;
    row.longs(&bid_prices)?.longs(&bid_sizes)?.longs(&ask_prices)?.longs(&ask_sizes)?;
    row.optional_json(wide.as_ref())?;
    Ok(())
}

fn bucket(row: &mut Row, (book, bucket): &(&BookSnapshot, PriceBucket)) -> Result<(), BoxDynError> {
    row.time(book.second())?.time(book.available_at())?;
    row.int(i32::try_from(bucket.bid_count)?)?.int(i32::try_from(bucket.ask_count)?)?;
    row.flag(book.flags().partial)?.number(bucket.price)?.number(bucket.size.get())?;
    row.number(bucket.bid_volume.get())?.number(bucket.ask_volume.get())?;
    row.optional_number(bucket.imbalance())?;
    Ok(())
}

pub(crate) async fn imbalances(
    connection: &mut PgConnection,
    instrument: &Instrument,
    rows: &[Imbalances],
) -> Result<(), StoreError> {
    let write = |row: &mut Row, second: &Imbalances| {
        row.time(second.second)?.time(second.available_at)?;
        for value in [
            second.imbalance_1s,
            second.imbalance_5s,
            second.imbalance_15s,
            second.imbalance_60s,
            second.volume_imbalance_1s,
            second.volume_imbalance_5s,
            second.volume_imbalance_15s,
            second.volume_imbalance_60s,
            second.price_range,
        ] {
            row.optional_number(value)?;
        }
        row.number(second.bid_volume.get())?.number(second.ask_volume.get())?;
        Ok(())
    };
    copy(connection, include_str!("../queries/copy/imbalances.sql"), 15, instrument, rows, write).await
}

/// Rows of the log; that they are condensed is the caller's.
pub(crate) async fn coverage(
    connection: &mut PgConnection,
    instrument: &Instrument,
    rows: &[CoverageRow],
) -> Result<(), StoreError> {
    let write = |row: &mut Row, log: &CoverageRow| {
        row.text(log.stream.as_str())?.time(log.available_at)?.text(log.state.as_str())?;
        row.time(log.begin)?.time(log.end)?.text(&log.reason)?;
        Ok(())
    };
    copy(connection, include_str!("../queries/copy/coverage.sql"), 8, instrument, rows, write).await
}

/// Candles of an import, of a timeframe that may be coarser than its own.
pub(crate) async fn imported<T: Borrow<ImportedCandle> + Sync>(
    connection: &mut PgConnection,
    import: &NewImport,
    timeframe: Timeframe,
    rows: &[T],
) -> Result<(), StoreError> {
    let write = |row: &mut Row, candle: &T| {
        let candle = candle.borrow();
        let ohlcv = candle.ohlcv();
        row.text(import.source.as_str())?.text(import.id.as_str())?.text(timeframe.as_str())?;
        row.time(candle.open_time())?;
        row.optional_long(ohlcv.trade_count.map(i64::try_from).transpose()?)?;
        row.number(ohlcv.open.get())?.number(ohlcv.high.get())?.number(ohlcv.low.get())?;
        row.number(ohlcv.close.get())?.number(ohlcv.volume.get())?;
        row.optional_number(ohlcv.taker_buy_volume.map(|volume| volume.get()))?;
        Ok(())
    };
    copy(connection, include_str!("../queries/copy/imported.sql"), 13, &import.instrument, rows, write).await
}
