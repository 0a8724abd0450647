//! Sampled books, and imbalances.

use std::sync::Arc;

use onetape_domain::book::BookSnapshot;
use onetape_domain::imbalance::Imbalances;
use onetape_ports::StoreError;
use sqlx::SqliteConnection;

use super::insert::Insert;
use crate::arguments::Arguments;
use crate::levels;

const INSERT: Insert<'_> = Insert { sql: include_str!("../queries/insert_books.sql"), columns: 15 };
const INSERT_IMBALANCES: Insert<'_> =
    Insert { sql: include_str!("../queries/insert_imbalances.sql"), columns: 14 };

pub(super) async fn write(
    connection: &mut SqliteConnection,
    id: i64,
    books: &[Arc<BookSnapshot>],
) -> Result<(), StoreError> {
    let bind = |arguments: &mut Arguments, book: &Arc<BookSnapshot>| {
        let best = |side: &[onetape_domain::book::BookLevel]| side.first().map(|level| level.price.get());
        let flags = book.flags();
        arguments.add(id).time(book.second()).time(book.available_at());
        arguments.time(book.event_time()).time(book.received_at()).natural(book.sequence());
        arguments.add(flags.early).add(flags.partial).add(flags.covered);
        arguments.price(book.bucket_size()).add(levels::pack(book));
        arguments.optional_decimal(best(book.bids())).optional_decimal(best(book.asks()));
        arguments.quantity(book.bid_volume()).quantity(book.ask_volume());
    };
    INSERT.rows(connection, books, bind).await
}

pub(super) async fn write_imbalances(
    connection: &mut SqliteConnection,
    id: i64,
    rows: &[Imbalances],
) -> Result<(), StoreError> {
    let bind = |arguments: &mut Arguments, row: &Imbalances| {
        arguments.add(id).time(row.second).time(row.available_at);
        for value in [
            row.imbalance_1s,
            row.imbalance_5s,
            row.imbalance_15s,
            row.imbalance_60s,
            row.volume_imbalance_1s,
            row.volume_imbalance_5s,
            row.volume_imbalance_15s,
            row.volume_imbalance_60s,
            row.price_range,
        ] {
            arguments.optional_decimal(value);
        }
        arguments.quantity(row.bid_volume).quantity(row.ask_volume);
    };
    INSERT_IMBALANCES.rows(connection, rows, bind).await
}
