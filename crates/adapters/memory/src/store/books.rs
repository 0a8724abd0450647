//! Reading sampled books and their buckets.

use std::iter;
use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream;
use onetape_domain::book::BookSnapshot;
use onetape_domain::bucket::SampledBucket;
use onetape_domain::instrument::Instrument;
use onetape_domain::time::{TimeRange, Timeframe, Timestamp};
use onetape_ports::{BookQuery, BookStore, RowStream, Selection, StoreError, TimeQuery};

use super::{MemoryStore, Tape};
use crate::series::{FIRST, LAST};

type Book = Arc<BookSnapshot>;
type Rows<T> = Box<dyn Iterator<Item = T> + Send>;

#[async_trait]
impl BookStore for MemoryStore {
    fn stream_books(&self, query: BookQuery) -> RowStream<'_, Book> {
        let rows = self.read(&query.instrument, |tape| tape.select_books(&query));
        stream::iter(rows.into_iter().flatten().map(Ok)).boxed()
    }

    async fn last_book(&self, instrument: &Instrument, as_of: Timestamp) -> Result<Option<Book>, StoreError> {
        Ok(self.read(instrument, |tape| tape.last_book(as_of)).flatten())
    }

    fn stream_buckets(&self, query: TimeQuery) -> RowStream<'_, SampledBucket> {
        let rows = self.read(&query.instrument, |tape| tape.select_buckets(query.selection, query.as_of));
        stream::iter(rows.into_iter().flatten().map(Ok)).boxed()
    }
}

impl Tape {
    /// The greatest `(available_at, second)` at the instant.
    pub(super) fn last_book(&self, as_of: Timestamp) -> Option<Book> {
        self.books_by_stamp.known(FIRST, LAST, as_of).next_back().map(|row| row.0.clone())
    }

    fn select_books(&self, query: &BookQuery) -> Rows<Book> {
        let BookQuery { selection, as_of, last_of_minute, superseded_partials: partials, .. } = *query;
        // A minute is over once there is a sample of a later one.
        let newest = if last_of_minute {
            self.books.known(FIRST, LAST, as_of).next_back().map(|book| minute(book))
        } else {
            None
        };
        match selection {
            Selection::Range(range) if last_of_minute => Box::new(minutes_in(
                self.seconds(range.start(), minute_end(range.end()), as_of, partials),
                newest,
                range,
            )),
            Selection::Range(range) => {
                Box::new(self.seconds(range.start(), range.end(), as_of, partials).flatten())
            }
            Selection::Last(n) => {
                let groups = self.seconds_back(as_of, partials);
                Box::new(
                    if last_of_minute {
                        take_back(minutes_back(groups, newest), n)
                    } else {
                        take_back(groups, n)
                    }
                    .into_iter(),
                )
            }
        }
    }

    fn select_buckets(&self, selection: Selection, as_of: Timestamp) -> Rows<SampledBucket> {
        let of = |book: Book| SampledBucket::of(&book);
        match selection {
            Selection::Range(range) => {
                Box::new(self.seconds(range.start(), range.end(), as_of, false).flatten().flat_map(of))
            }
            Selection::Last(n) => {
                let groups = self.seconds_back(as_of, false);
                Box::new(
                    take_back(groups.map(|books| books.into_iter().flat_map(of).collect()), n).into_iter(),
                )
            }
        }
    }

    /// The samples shown of each second, oldest first.
    fn seconds(
        &self,
        from: Timestamp,
        to: Timestamp,
        as_of: Timestamp,
        partials: bool,
    ) -> impl Iterator<Item = Vec<Book>> + use<> {
        by_second(self.books.snapshot(from, to, as_of).into_rows()).map(move |books| shown(books, partials))
    }

    /// The samples shown of each second, the newest second first, each second's own in order.
    fn seconds_back(&self, as_of: Timestamp, partials: bool) -> impl Iterator<Item = Vec<Book>> {
        by_second(self.books.known(FIRST, LAST, as_of).rev().cloned()).map(move |mut books| {
            books.reverse();
            shown(books, partials)
        })
    }
}

fn minute(book: &BookSnapshot) -> Timestamp {
    Timeframe::M1.open_time(book.second())
}

fn minute_end(time: Timestamp) -> Timestamp {
    Timeframe::M1.close_time(Timeframe::M1.open_time(time))
}

/// Neighbours of the same second together.
fn by_second(books: impl Iterator<Item = Book>) -> impl Iterator<Item = Vec<Book>> {
    let mut books = books.peekable();
    iter::from_fn(move || {
        let mut group = vec![books.next()?];
        while let Some(next) = books.next_if(|book| book.second() == group[0].second()) {
            group.push(next);
        }
        Some(group)
    })
}

/// Without the partial samples that a complete one supersedes, unless they are asked for.
fn shown(mut books: Vec<Book>, partials: bool) -> Vec<Book> {
    if !partials && books.iter().any(|book| !book.flags().partial) {
        books.retain(|book| !book.flags().partial);
    }
    books
}

/// The last second of each minute before `newest`, where it lies in the range.
fn minutes_in(
    seconds: impl Iterator<Item = Vec<Book>>,
    newest: Option<Timestamp>,
    range: TimeRange,
) -> impl Iterator<Item = Book> {
    let mut seconds = seconds.peekable();
    let lasts = iter::from_fn(move || {
        loop {
            let books = seconds.next()?;
            let of = minute(&books[0]);
            let is_last = seconds.peek().is_none_or(|next| minute(&next[0]) > of);
            if is_last && newest.is_some_and(|newest| of < newest) {
                return Some(books);
            }
        }
    });
    lasts.flatten().filter(move |book| range.contains(book.second()))
}

/// The last second of each minute before `newest`, from seconds that come newest first.
fn minutes_back(
    seconds: impl Iterator<Item = Vec<Book>>,
    newest: Option<Timestamp>,
) -> impl Iterator<Item = Vec<Book>> {
    let mut later = newest;
    seconds.filter(move |books| {
        let of = minute(&books[0]);
        let is_last = later.is_some_and(|later| of < later);
        later = later.map(|later| later.min(of));
        is_last
    })
}

/// The last `n` rows, in order, of groups that come newest first.
fn take_back<T>(groups: impl Iterator<Item = Vec<T>>, n: usize) -> Vec<T> {
    let (mut taken, mut count) = (Vec::new(), 0);
    for group in groups {
        if count >= n {
            break;
        }
        count += group.len();
        taken.push(group);
    }
    taken.into_iter().rev().flatten().skip(count.saturating_sub(n)).collect()
}
