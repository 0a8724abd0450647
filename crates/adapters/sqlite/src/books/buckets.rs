//! Buckets of the books that a query asks for: nothing is stored of them.

use std::sync::Arc;

use async_trait::async_trait;
use onetape_domain::book::BookSnapshot;
use onetape_domain::bucket::{PriceBucket, SampledBucket};
use onetape_domain::time::{TimeRange, Timestamp};
use onetape_ports::{Selection, StoreError, TimeQuery};
use sqlx::SqliteConnection;

use super::{PAGE, READ, between, decode};
use crate::arguments::Arguments;
use crate::bounds::Bounds;
use crate::error::failed;
use crate::keyset::Keyset;
use crate::pages::Pages;

/// Pages of buckets.
pub(super) struct Buckets {
    query: TimeQuery,
    books: Option<Keyset>,
    /// Buckets of the first book that are more than were asked for.
    skip: usize,
}

impl Buckets {
    pub(super) fn new(query: TimeQuery) -> Self {
        Self { query, books: None, skip: 0 }
    }

    async fn open(&mut self, connection: &mut SqliteConnection) -> Result<Option<Keyset>, StoreError> {
        let TimeQuery { instrument, selection, as_of } = &self.query;
        let Some(bounds) = Bounds::read(connection, instrument, READ).await? else { return Ok(None) };
        let range = match selection {
            Selection::Range(range) => *range,
            Selection::Last(0) => return Ok(None),
            Selection::Last(count) => {
                let (first, buckets) = first_of_last(connection, bounds.id, *as_of, *count).await?;
                self.skip = buckets.saturating_sub(*count);
                let Some(first) = first else { return Ok(None) };
                let all = TimeRange::ALL;
                return Ok(Some(
                    between(bounds.id, all, *as_of, false)
                        .beginning_at(&[first.second().micros(), first.available_at().micros()]),
                ));
            }
        };
        Ok(Some(between(bounds.id, range, *as_of, false)))
    }
}

/// The book with which the last so many buckets begin, or the first of all, and how many they are from there on.
async fn first_of_last(
    connection: &mut SqliteConnection,
    instrument: i64,
    as_of: Timestamp,
    count: usize,
) -> Result<(Option<Arc<BookSnapshot>>, usize), StoreError> {
    let (mut first, mut buckets) = (None, 0);
    let mut before = (i64::MAX, i64::MAX);
    loop {
        let mut arguments = Arguments::new();
        arguments.add(instrument).time(as_of.plus(1)).time(as_of).add(false);
        arguments.add(before.0).add(before.1).count(PAGE);
        let arguments = arguments.done().map_err(failed(READ))?;
        let rows = sqlx::query_with(include_str!("../queries/books_back.sql"), arguments)
            .fetch_all(&mut *connection)
            .await
            .map_err(failed(READ))?;
        for book in decode(&rows)? {
            buckets += PriceBucket::of(&book).len();
            before = (book.second().micros(), book.available_at().micros());
            first = Some(book);
            if buckets >= count {
                return Ok((first, buckets));
            }
        }
        if rows.len() < PAGE {
            return Ok((first, buckets));
        }
    }
}

#[async_trait]
impl Pages for Buckets {
    type Row = SampledBucket;

    async fn next(
        &mut self,
        connection: &mut SqliteConnection,
    ) -> Result<Option<Vec<SampledBucket>>, StoreError> {
        if self.books.is_none() {
            self.books = self.open(connection).await?;
        }
        let Some(books) = &mut self.books else { return Ok(None) };
        let Some(rows) = books.next(connection).await? else { return Ok(None) };
        let mut page: Vec<SampledBucket> =
            decode(&rows)?.iter().flat_map(|book| SampledBucket::of(book)).collect();
        page.drain(..self.skip.min(page.len()));
        self.skip = 0;
        Ok(Some(page))
    }
}
