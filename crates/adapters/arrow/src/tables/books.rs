//! Sampled books, their price buckets and imbalances.

use std::sync::Arc;

use onetape_domain::book::BookSnapshot;
use onetape_domain::bucket::SampledBucket;
use onetape_domain::imbalance::Imbalances;

use super::BATCH_ROWS;
use crate::column::Column;
use crate::decimals::Digits;
use crate::table::Table;

/// Books by second, then stamp, with their levels as lists, the best first.
pub static BOOKS: Table<Arc<BookSnapshot>> = Table {
    name: "books",
    time: ("second", |book| book.second()),
    columns: &[
        Column::time("second", |book| book.second()),
        Column::levels("bids", |book| book.bids()),
        Column::levels("asks", |book| book.asks()),
        Column::number("bid_volume", Digits::AMOUNT, |book| book.bid_volume().get()),
        Column::number("ask_volume", Digits::AMOUNT, |book| book.ask_volume().get()),
        Column::optional_number("mid_price", Digits::MIDDLE, |book| book.mid_price()),
        Column::optional_number("spread", Digits::AMOUNT, |book| book.spread()),
        Column::optional_number("imbalance", Digits::RATIO, |book| book.imbalance()),
        Column::natural("sequence", |book| book.sequence()),
        Column::time("event_time", |book| book.event_time()),
        Column::time("received_at", |book| book.received_at()),
        Column::time("available_at", |book| book.available_at()),
        Column::number("bucket_size", Digits::AMOUNT, |book| book.bucket_size().get()),
        Column::flag("early", |book| book.flags().early),
        Column::flag("partial", |book| book.flags().partial),
        Column::flag("covered", |book| book.flags().covered),
    ],
    more: &[],
    // A hundred levels a row.
    batch_rows: 512,
};

/// Buckets by second, stamp and price.
pub static BUCKETS: Table<SampledBucket> = Table {
    name: "buckets",
    time: ("second", |row| row.second),
    columns: &[
        Column::time("second", |row| row.second),
        Column::number("price_bucket", Digits::AMOUNT, |row| row.bucket.price),
        Column::number("bucket_size", Digits::AMOUNT, |row| row.bucket.size.get()),
        Column::number("bid_volume", Digits::AMOUNT, |row| row.bucket.bid_volume.get()),
        Column::integer("bid_count", |row| row.bucket.bid_count.into()),
        Column::number("ask_volume", Digits::AMOUNT, |row| row.bucket.ask_volume.get()),
        Column::integer("ask_count", |row| row.bucket.ask_count.into()),
        Column::optional_number("imbalance", Digits::RATIO, |row| row.bucket.imbalance()),
        Column::time("available_at", |row| row.available_at),
    ],
    more: &[],
    batch_rows: BATCH_ROWS,
};

/// Imbalances by second.
pub static IMBALANCES: Table<Imbalances> = Table {
    name: "imbalances",
    time: ("second", |row| row.second),
    columns: &[
        Column::time("second", |row| row.second),
        Column::optional_number("imbalance_1s", Digits::RATIO, |row| row.imbalance_1s),
        Column::optional_number("imbalance_5s", Digits::RATIO, |row| row.imbalance_5s),
        Column::optional_number("imbalance_15s", Digits::RATIO, |row| row.imbalance_15s),
        Column::optional_number("imbalance_60s", Digits::RATIO, |row| row.imbalance_60s),
        Column::optional_number("volume_imbalance_1s", Digits::RATIO, |row| row.volume_imbalance_1s),
        Column::optional_number("volume_imbalance_5s", Digits::RATIO, |row| row.volume_imbalance_5s),
        Column::optional_number("volume_imbalance_15s", Digits::RATIO, |row| row.volume_imbalance_15s),
        Column::optional_number("volume_imbalance_60s", Digits::RATIO, |row| row.volume_imbalance_60s),
        Column::optional_number("price_range", Digits::AMOUNT, |row| row.price_range),
        Column::number("bid_volume", Digits::AMOUNT, |row| row.bid_volume.get()),
        Column::number("ask_volume", Digits::AMOUNT, |row| row.ask_volume.get()),
        Column::time("available_at", |row| row.available_at),
    ],
    more: &[],
    batch_rows: BATCH_ROWS,
};
