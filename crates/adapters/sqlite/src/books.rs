//! Sampled books, and their price buckets, which follow from them.

mod buckets;
mod minutes;

use std::sync::Arc;

use async_trait::async_trait;
use onetape_domain::book::{BookSnapshot, BookSnapshotParts, SampleFlags};
use onetape_domain::bucket::SampledBucket;
use onetape_domain::instrument::Instrument;
use onetape_domain::time::{TimeRange, Timestamp};
use onetape_ports::store::RowStream;
use onetape_ports::{BookQuery, BookStore, Selection, StoreError, TimeQuery};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use crate::bounds::Bounds;
use crate::columns::{Columns, Unread, Values as _};
use crate::error::failed;
use crate::keyset::{Keyset, Part, Table, TablePages};
use crate::levels;
use crate::pages;
use crate::session::{self, Session};
use crate::store::SqliteStore;

use buckets::Buckets;
use minutes::Minutes;

const READ: &str = "read books";

/// Books of a page; each has up to a hundred levels.
const PAGE: usize = 200;

/// The columns of a sampled book.
pub(crate) fn book(columns: &mut Columns<'_>) -> Result<Arc<BookSnapshot>, Unread> {
    let (second, available_at) = (columns.time()?, columns.time()?);
    let (event_time, received_at) = (columns.time()?, columns.time()?);
    let sequence = columns.natural("book.sequence")?;
    let flags = SampleFlags { early: columns.flag()?, partial: columns.flag()?, covered: columns.flag()? };
    let bucket_size = columns.price("book.bucket_size")?;
    let (bids, asks) = levels::unpack(columns.take()?)?;
    let parts = BookSnapshotParts {
        second,
        bids,
        asks,
        sequence,
        event_time,
        received_at,
        available_at,
        bucket_size,
        flags,
    };
    Ok(Arc::new(BookSnapshot::try_new(parts)?))
}

fn decode(rows: &[SqliteRow]) -> Result<Vec<Arc<BookSnapshot>>, StoreError> {
    let rows = rows.iter().map(|row| book(&mut Columns::new(row)));
    rows.collect::<Result<_, _>>().map_err(Unread::of(READ))
}

/// Samples with a second in the range, known at the instant, as pages.
fn between(instrument: i64, range: TimeRange, as_of: Timestamp, partials: bool) -> Keyset {
    let key = vec![Part::Int(range.start().micros()), Part::Int(i64::MIN)];
    // No sample is known before its second begins.
    let end = range.end().min(as_of.plus(1));
    let fixed = [instrument, end.micros(), as_of.micros(), i64::from(partials)];
    Keyset::new(READ, include_str!("queries/books_page.sql"), &[0, 1], PAGE, fixed, key)
}

struct Books(BookQuery);

#[async_trait]
impl Table for Books {
    type Row = Arc<BookSnapshot>;

    async fn open(&self, connection: &mut SqliteConnection) -> Result<Option<Keyset>, StoreError> {
        let BookQuery { instrument, selection, as_of, superseded_partials, .. } = &self.0;
        let Some(bounds) = Bounds::read(connection, instrument, READ).await? else { return Ok(None) };
        Ok(Some(match selection {
            Selection::Range(range) => between(bounds.id, *range, *as_of, *superseded_partials),
            Selection::Last(count) => {
                let mut keyset = between(bounds.id, TimeRange::ALL, *as_of, *superseded_partials);
                keyset.begin_at_last(connection, include_str!("queries/books_start.sql"), *count).await?;
                keyset
            }
        }))
    }

    fn decode(&self, rows: &[SqliteRow]) -> Result<Vec<Arc<BookSnapshot>>, StoreError> {
        decode(rows)
    }
}

#[async_trait]
impl BookStore for SqliteStore {
    fn stream_books(&self, query: BookQuery) -> RowStream<'_, Arc<BookSnapshot>> {
        if query.last_of_minute {
            return pages::stream(self.readers(), READ, Minutes::new(query));
        }
        pages::stream(self.readers(), READ, TablePages::of(Books(query)))
    }

    async fn last_book(
        &self,
        instrument: &Instrument,
        as_of: Timestamp,
    ) -> Result<Option<Arc<BookSnapshot>>, StoreError> {
        let mut session = Session::begin(self.readers(), session::READ, READ).await?;
        let found = find_last(session.connection()?, instrument, as_of).await;
        session.finish(found).await
    }

    fn stream_buckets(&self, query: TimeQuery) -> RowStream<'_, SampledBucket> {
        pages::stream(self.readers(), READ, Buckets::new(query))
    }
}

async fn find_last(
    connection: &mut SqliteConnection,
    instrument: &Instrument,
    as_of: Timestamp,
) -> Result<Option<Arc<BookSnapshot>>, StoreError> {
    let Some(bounds) = Bounds::read(connection, instrument, READ).await? else { return Ok(None) };
    let row = sqlx::query(include_str!("queries/book_last_available.sql"))
        .bind(bounds.id)
        .bind(as_of.micros())
        .fetch_optional(connection)
        .await
        .map_err(failed(READ))?;
    row.map(|row| book(&mut Columns::new(&row)).map_err(Unread::of(READ))).transpose()
}
