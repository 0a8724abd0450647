//! Sampled books and their price buckets.

use std::sync::Arc;

use async_trait::async_trait;
use onetape_domain::book::{BookSnapshot, BookSnapshotParts, SampleFlags};
use onetape_domain::bucket::{PriceBucket, SampledBucket};
use onetape_domain::decimal::{Price, Quantity};
use onetape_domain::instrument::Instrument;
use onetape_domain::time::{Timeframe, Timestamp};
use onetape_domain::violation::Violations;
use onetape_ports::store::RowStream;
use onetape_ports::{BookQuery, BookStore, Selection, StoreError, TimeQuery};
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::types::Json;

use crate::arguments::Arguments;
use crate::bounds::Bounds;
use crate::by_time::ByTime;
use crate::candles::natural;
use crate::columns::{Columns, FromColumns, row};
use crate::cursor::{self, Request};
use crate::error::{broken_row, failed};
use crate::imbalances::span;
use crate::levels::{Levels, WideLevels};
use crate::micros::Micros;
use crate::numeric::Num;
use crate::session::Session;
use crate::store::TimescaleStore;

const READ: &str = "read books";
const READ_BUCKETS: &str = "read buckets";

const BUCKETS: ByTime = ByTime {
    range: include_str!("queries/buckets_range.sql"),
    last: include_str!("queries/buckets_last.sql"),
    leads: false,
    span,
};

row! {
    /// A sampled book.
    BookRow {
        timestamp: Micros,
        price_scale: i16,
        size_scale: i16,
        bid_prices: Vec<i64>,
        bid_sizes: Vec<i64>,
        ask_prices: Vec<i64>,
        ask_sizes: Vec<i64>,
        wide_levels: Option<Json<WideLevels>>,
        sequence: i64,
        event_time: Micros,
        received_at: Micros,
        available_at: Micros,
        bucket_size: Num,
        early: bool,
        partial: bool,
        covered: bool,
    }
}

impl BookRow {
    pub(crate) fn into_book(self) -> Result<Arc<BookSnapshot>, Violations> {
        let Self {
            timestamp,
            price_scale,
            size_scale,
            bid_prices,
            bid_sizes,
            ask_prices,
            ask_sizes,
            wide_levels,
            sequence,
            event_time,
            received_at,
            available_at,
            bucket_size,
            early,
            partial,
            covered,
        } = self;
        let wide = wide_levels.map(|Json(wide)| wide);
        let levels = Levels { price_scale, size_scale, bid_prices, bid_sizes, ask_prices, ask_sizes, wide };
        let (bids, asks) = levels.into_sides()?;
        let parts = BookSnapshotParts {
            second: timestamp.0,
            bids,
            asks,
            sequence: natural("book.sequence", sequence)?,
            event_time: event_time.0,
            received_at: received_at.0,
            available_at: available_at.0,
            bucket_size: Price::try_new("book.bucket_size", bucket_size.0)?,
            flags: SampleFlags { early, partial, covered },
        };
        BookSnapshot::try_new(parts).map(Arc::new)
    }
}

row! {
    /// A price bucket of a sample.
    BucketRow {
        timestamp: Micros,
        price_bucket: Num,
        bucket_size: Num,
        bid_volume: Num,
        ask_volume: Num,
        bid_count: i32,
        ask_count: i32,
        available_at: Micros,
    }
}

impl BucketRow {
    fn into_bucket(self) -> Result<SampledBucket, Violations> {
        let Self {
            timestamp,
            price_bucket,
            bucket_size,
            bid_volume,
            ask_volume,
            bid_count,
            ask_count,
            available_at,
        } = self;
        let bucket = PriceBucket {
            price: price_bucket.0,
            size: Price::try_new("bucket.size", bucket_size.0)?,
            bid_volume: Quantity::try_new("bucket.bid_volume", bid_volume.0)?,
            ask_volume: Quantity::try_new("bucket.ask_volume", ask_volume.0)?,
            bid_count: natural("bucket.bid_count", bid_count)?,
            ask_count: natural("bucket.ask_count", ask_count)?,
        };
        Ok(SampledBucket { second: timestamp.0, available_at: available_at.0, bucket })
    }
}

#[async_trait]
impl BookStore for TimescaleStore {
    fn stream_books(&self, query: BookQuery) -> RowStream<'_, Arc<BookSnapshot>> {
        let instrument = query.instrument.clone();
        let prepare = move |bounds: &Bounds| {
            if query.last_of_minute { minutes_request(&query, bounds) } else { request(&query, bounds) }
        };
        cursor::rows(self.readers(), READ, instrument, prepare, decode)
    }

    async fn last_book(
        &self,
        instrument: &Instrument,
        as_of: Timestamp,
    ) -> Result<Option<Arc<BookSnapshot>>, StoreError> {
        self.readers()
            .within(READ, async {
                let mut session = Session::single(self.readers(), READ).await?;
                let book = last_book(session.connection()?, instrument, as_of).await?;
                session.commit().await?;
                Ok(book)
            })
            .await
    }

    fn stream_buckets(&self, query: TimeQuery) -> RowStream<'_, SampledBucket> {
        let instrument = query.instrument.clone();
        let prepare = move |bounds: &Bounds| BUCKETS.request(&query, bounds);
        cursor::rows(self.readers(), READ_BUCKETS, instrument, prepare, decode_bucket)
    }
}

async fn last_book(
    connection: &mut PgConnection,
    instrument: &Instrument,
    as_of: Timestamp,
) -> Result<Option<Arc<BookSnapshot>>, StoreError> {
    let bounds = Bounds::read(&mut *connection, instrument).await.map_err(failed(READ))?;
    for lower in bounds.lowers(as_of, span(1)) {
        let row = sqlx::query(include_str!("queries/book_last_available.sql"))
            .bind(instrument.symbol().as_str())
            .bind(instrument.exchange().as_str())
            .bind(Micros(as_of))
            .bind(Micros(lower))
            .fetch_optional(&mut *connection)
            .await
            .map_err(failed(READ))?;
        let Some(row) = row else { continue };
        let mut columns = Columns::new(&row);
        let book = BookRow::read(&mut columns).map_err(failed(READ))?;
        let Micros(since) = columns.take().map_err(failed(READ))?;
        if since >= lower || lower <= bounds.first_time {
            return book.into_book().map(Some).map_err(broken_row(READ));
        }
    }
    Ok(None)
}

fn request(query: &BookQuery, bounds: &Bounds) -> Result<Request, BoxDynError> {
    let arguments = |lower, end| {
        Arguments::of(&query.instrument)?
            .time(lower)?
            .time(end)?
            .time(query.as_of)?
            .with(query.superseded_partials)
    };
    match query.selection {
        Selection::Range(range) => {
            let (start, end) = bounds.clip(range, query.as_of, 0);
            let attempts = vec![arguments(start, end)?.done()];
            Ok(Request { sql: include_str!("queries/books_range.sql"), attempts, wanted: None })
        }
        Selection::Last(count) => {
            let end = query.as_of.plus(1);
            let attempt = |lower| Ok(arguments(lower, end)?.limit(count)?.done());
            let lowers = bounds.lowers(end, span(count));
            let attempts = lowers.into_iter().map(attempt).collect::<Result<_, BoxDynError>>()?;
            Ok(Request { sql: include_str!("queries/books_last.sql"), attempts, wanted: Some(count) })
        }
    }
}

/// The last second of each minute: what that is does not depend on which of them are asked for.
fn minutes_request(query: &BookQuery, bounds: &Bounds) -> Result<Request, BoxDynError> {
    if *bounds == Bounds::UNKNOWN {
        return Ok(Request::nothing());
    }
    let minute = |time| Timeframe::M1.open_time(time);
    let newest = query.as_of.plus(1);
    let attempt = |lower: Timestamp, upper: Timestamp, limit| {
        let first = minute(lower);
        let arguments = Arguments::of(&query.instrument)?.time(first)?.time(newest)?.time(query.as_of)?;
        let arguments = arguments.with(query.superseded_partials)?.time(first)?.time(minute(upper))?;
        Ok::<_, BoxDynError>(arguments.time(lower)?.time(upper)?.limit(limit)?.done())
    };
    let sql = include_str!("queries/books_minutes.sql");
    match query.selection {
        Selection::Range(range) => {
            let (start, end) = bounds.clip(range, query.as_of, 0);
            Ok(Request { sql, attempts: vec![attempt(start, end, usize::MAX)?], wanted: None })
        }
        Selection::Last(count) => {
            let lowers = bounds.lowers(newest, span(count.saturating_mul(60)));
            let attempts = lowers.into_iter().map(|lower| attempt(minute(lower), newest, count));
            Ok(Request { sql, attempts: attempts.collect::<Result<_, _>>()?, wanted: Some(count) })
        }
    }
}

fn decode(row: &PgRow) -> Result<Arc<BookSnapshot>, StoreError> {
    let row = BookRow::read(&mut Columns::new(row)).map_err(failed(READ))?;
    row.into_book().map_err(broken_row(READ))
}

fn decode_bucket(row: &PgRow) -> Result<SampledBucket, StoreError> {
    let row = BucketRow::read(&mut Columns::new(row)).map_err(failed(READ_BUCKETS))?;
    row.into_bucket().map_err(broken_row(READ_BUCKETS))
}
