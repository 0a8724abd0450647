//! Sampled books with their buckets, and imbalances.

use std::collections::BTreeSet;
use std::sync::Arc;

use onetape_domain::book::BookSnapshot;
use onetape_domain::bucket::PriceBucket;
use onetape_domain::imbalance::Imbalances;
use onetape_domain::instrument::Instrument;
use onetape_domain::time::Timestamp;
use onetape_ports::StoreError;
use rust_decimal::Decimal;
use sqlx::PgConnection;
use sqlx::error::BoxDynError;
use sqlx::types::Json;

use super::{APPEND, ROWS_PER_STATEMENT, run};
use crate::arguments::Arguments;
use crate::error::failed;
use crate::levels::Levels;
use crate::micros::Micros;
use crate::numeric::Num;

/// Books of one statement; each has up to a hundred levels and as many buckets.
const BOOKS_PER_STATEMENT: usize = ROWS_PER_STATEMENT / 100;

pub(crate) async fn write(
    connection: &mut PgConnection,
    instrument: &Instrument,
    books: &[Arc<BookSnapshot>],
) -> Result<(), StoreError> {
    for part in books.chunks(BOOKS_PER_STATEMENT) {
        let mut new = write_books(connection, instrument, part).await?;
        // Buckets follow from their book: where it was stored already, so were they.
        let new = part.iter().filter(|book| new.remove(&(book.second(), book.available_at())));
        let buckets: Vec<_> = new
            .flat_map(|book| PriceBucket::of(book).into_iter().map(move |bucket| (book, bucket)))
            .collect();
        if !buckets.is_empty() {
            let arguments = bucket_arguments(instrument, &buckets);
            run(connection, include_str!("../queries/insert_buckets.sql"), arguments).await?;
        }
    }
    Ok(())
}

/// Returns second and stamp of those that were not stored before.
async fn write_books(
    connection: &mut PgConnection,
    instrument: &Instrument,
    books: &[Arc<BookSnapshot>],
) -> Result<BTreeSet<(Timestamp, Timestamp)>, StoreError> {
    let arguments =
        book_arguments(instrument, books).map_err(|error| failed(APPEND)(sqlx::Error::Encode(error)))?;
    let rows: Vec<(Micros, Micros)> =
        sqlx::query_as_with(include_str!("../queries/insert_books.sql"), arguments.done())
            .fetch_all(connection)
            .await
            .map_err(failed(APPEND))?;
    Ok(rows.into_iter().map(|(Micros(second), Micros(available_at))| (second, available_at)).collect())
}

pub(crate) async fn write_imbalances(
    connection: &mut PgConnection,
    instrument: &Instrument,
    rows: &[Imbalances],
) -> Result<(), StoreError> {
    for part in rows.chunks(ROWS_PER_STATEMENT) {
        let arguments = imbalance_arguments(instrument, part);
        run(connection, include_str!("../queries/insert_imbalances.sql"), arguments).await?;
    }
    Ok(())
}

fn book_arguments(instrument: &Instrument, books: &[Arc<BookSnapshot>]) -> Result<Arguments, BoxDynError> {
    let levels: Vec<Levels> = books.iter().map(|book| Levels::of(book)).collect();
    // Arrays of arrays must be rectangular in SQL: the levels travel end to end and are cut by their number.
    let ends = |of: fn(&Levels) -> &Vec<i64>| -> Result<Vec<i32>, BoxDynError> {
        let mut end = 0;
        let mut ends = Vec::with_capacity(levels.len());
        for levels in &levels {
            end += i32::try_from(of(levels).len())?;
            ends.push(end);
        }
        Ok(ends)
    };
    let joined = |of: fn(&Levels) -> &Vec<i64>| -> Vec<i64> { levels.iter().flat_map(of).copied().collect() };
    Arguments::of(instrument)?
        .each(books, |book| Micros(book.second()))?
        .each(books, |book| Micros(book.available_at()))?
        .each(books, |book| Micros(book.event_time()))?
        .each(books, |book| Micros(book.received_at()))?
        .try_each(books, |book| i64::try_from(book.sequence()))?
        .each(&levels, |levels| levels.price_scale)?
        .each(&levels, |levels| levels.size_scale)?
        .each(books, |book| book.flags().early)?
        .each(books, |book| book.flags().partial)?
        .each(books, |book| book.flags().covered)?
        .each(books, |book| Num(book.bucket_size().get()))?
        .each(books, |book| number(book.mid_price()))?
        .each(books, |book| number(book.spread()))?
        .each(books, |book| Num(book.bid_volume().get()))?
        .each(books, |book| Num(book.ask_volume().get()))?
        .each(&levels, |levels| levels.wide.as_ref().map(Json))?
        .with(ends(|levels| &levels.bid_prices)?)?
        .with(ends(|levels| &levels.ask_prices)?)?
        .with(joined(|levels| &levels.bid_prices))?
        .with(joined(|levels| &levels.bid_sizes))?
        .with(joined(|levels| &levels.ask_prices))?
        .with(joined(|levels| &levels.ask_sizes))
}

fn bucket_arguments(
    instrument: &Instrument,
    rows: &[(&Arc<BookSnapshot>, PriceBucket)],
) -> Result<Arguments, BoxDynError> {
    Arguments::of(instrument)?
        .each(rows, |(book, _)| Micros(book.second()))?
        .each(rows, |(book, _)| Micros(book.available_at()))?
        .try_each(rows, |(_, bucket)| i32::try_from(bucket.bid_count))?
        .try_each(rows, |(_, bucket)| i32::try_from(bucket.ask_count))?
        .each(rows, |(book, _)| book.flags().partial)?
        .each(rows, |(_, bucket)| Num(bucket.price))?
        .each(rows, |(_, bucket)| Num(bucket.size.get()))?
        .each(rows, |(_, bucket)| Num(bucket.bid_volume.get()))?
        .each(rows, |(_, bucket)| Num(bucket.ask_volume.get()))?
        .each(rows, |(_, bucket)| number(bucket.imbalance()))
}

fn imbalance_arguments(instrument: &Instrument, rows: &[Imbalances]) -> Result<Arguments, BoxDynError> {
    Arguments::of(instrument)?
        .each(rows, |row| Micros(row.second))?
        .each(rows, |row| Micros(row.available_at))?
        .each(rows, |row| number(row.imbalance_1s))?
        .each(rows, |row| number(row.imbalance_5s))?
        .each(rows, |row| number(row.imbalance_15s))?
        .each(rows, |row| number(row.imbalance_60s))?
        .each(rows, |row| number(row.volume_imbalance_1s))?
        .each(rows, |row| number(row.volume_imbalance_5s))?
        .each(rows, |row| number(row.volume_imbalance_15s))?
        .each(rows, |row| number(row.volume_imbalance_60s))?
        .each(rows, |row| number(row.price_range))?
        .each(rows, |row| Num(row.bid_volume.get()))?
        .each(rows, |row| Num(row.ask_volume.get()))
}

fn number(value: Option<Decimal>) -> Option<Num> {
    value.map(Num)
}
