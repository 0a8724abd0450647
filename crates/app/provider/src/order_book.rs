//! Order book data: stored samples with their imbalances, or the live book.

use std::collections::HashMap;

use futures::TryStreamExt;
use onetape_domain::book::DEPTH;
use onetape_domain::bucket::PriceBucket;
use onetape_domain::coverage::Stream;
use onetape_domain::decimal::Quantity;
use onetape_domain::engine::local_book::LocalBook;
use onetape_domain::frame::{DataSource, FrameParts, FrameShape};
use onetape_domain::imbalance::Imbalances;
use onetape_domain::instrument::Instrument;
use onetape_domain::order_book_frame::{BookAggregation, BookPoint, OrderBookDataFrame};
use onetape_domain::quality::Quality;
use onetape_domain::time::{SECOND, TimeRange, Timestamp};
use onetape_ports::{BookQuery, FrameQuery, Selection, TimeQuery};
use rust_decimal::Decimal;

use crate::error::ProviderError;
use crate::metrics;
use crate::provider::{UnifiedDataProvider, check_quality};
use crate::request::Request;

impl UnifiedDataProvider {
    /// Order book with imbalances at an instant, and its history of at most `limit` points.
    ///
    /// `raw` without a timestamp is the live book itself where there is one: fresher than any sample,
    /// and marked as not replayable. Samples are answered from the store.
    ///
    /// # Errors
    /// As [`inference`](Self::inference).
    pub async fn get_order_book_data(
        &self,
        symbol: &str,
        timestamp: Option<Timestamp>,
        aggregation: BookAggregation,
        limit: usize,
    ) -> Result<OrderBookDataFrame, ProviderError> {
        let instrument = self.instrument(symbol)?;
        self.order_book(&instrument, aggregation, &Request { timestamp, limit, ..Request::default() }).await
    }

    /// [`get_order_book_data`](Self::get_order_book_data) with all options.
    ///
    /// # Errors
    /// As [`inference`](Self::inference).
    pub async fn order_book(
        &self,
        instrument: &Instrument,
        aggregation: BookAggregation,
        request: &Request,
    ) -> Result<OrderBookDataFrame, ProviderError> {
        let book = self.order_book_of(instrument, aggregation, request).await;
        let book = book.map_err(|error| error.in_outage(instrument, self.wanted(instrument, request)));
        book.inspect_err(metrics::failed)
    }

    async fn order_book_of(
        &self,
        instrument: &Instrument,
        aggregation: BookAggregation,
        request: &Request,
    ) -> Result<OrderBookDataFrame, ProviderError> {
        let started = self.clock.monotonic_micros();
        request.check(&self.config)?;
        let issued = self.cache.as_ref().and_then(|cache| cache.issued(instrument));
        let live =
            self.live.as_ref().filter(|_| aggregation == BookAggregation::Raw && request.timestamp.is_none());
        let live = live.and_then(|live| live.live_book(instrument));
        let as_of = match (self.resolve(instrument, request, issued).await, issued) {
            // The live book is there before anything was written.
            (Err(ProviderError::UnknownInstrument { .. }), Some(issued)) if live.is_some() => issued,
            (as_of, _) => as_of?,
        };
        let points = self.points(instrument, aggregation, as_of, request.limit).await?;
        let parts = self.coverage(instrument, as_of, request).await?;
        let mut quality = points_quality(&points, &parts);
        let expiry = self.expiry(instrument, DataSource::Database).await?;
        if expiry.touches(as_of) {
            let first = points.first().map(|point| point.snapshot.second());
            expiry.mark_book(&mut quality, points.len(), request.limit, first);
        }
        let mut frame =
            OrderBookDataFrame::of_points(instrument.clone(), as_of, aggregation, points, quality);
        let mut source = DataSource::Database;
        if let Some(book) = live {
            show_live(&mut frame, &book, issued);
            source = DataSource::Cache;
        }
        if let Some(demanded) = request.min_quality {
            check_quality([("order_book".to_owned(), &frame.quality)].into_iter(), demanded)?;
        }
        frame.metadata = Some(self.metadata(frame.as_of, source, request, started));
        Ok(frame)
    }

    async fn points(
        &self,
        instrument: &Instrument,
        aggregation: BookAggregation,
        as_of: Timestamp,
        limit: usize,
    ) -> Result<Vec<BookPoint>, ProviderError> {
        let books = BookQuery {
            instrument: instrument.clone(),
            selection: Selection::Last(limit),
            as_of,
            last_of_minute: aggregation == BookAggregation::M1,
            superseded_partials: aggregation == BookAggregation::Raw,
        };
        let books: Vec<_> = self.store.stream_books(books).try_collect().await?;
        let (Some(first), Some(last)) = (books.first(), books.last()) else {
            return Ok(Vec::new());
        };
        let range = TimeRange::try_new(first.second(), last.second().plus(SECOND))?;
        let query = TimeQuery { instrument: instrument.clone(), selection: Selection::Range(range), as_of };
        let rows = self.store.stream_imbalances(query);
        let imbalances: HashMap<Timestamp, Imbalances> =
            rows.map_ok(|row| (row.second, row)).try_collect().await?;
        let point = |snapshot: std::sync::Arc<onetape_domain::book::BookSnapshot>| {
            let complete = !snapshot.flags().partial;
            let imbalances = imbalances.get(&snapshot.second()).copied().filter(|_| complete);
            BookPoint { snapshot, imbalances }
        };
        Ok(books.into_iter().map(point).collect())
    }

    async fn coverage(
        &self,
        instrument: &Instrument,
        as_of: Timestamp,
        request: &Request,
    ) -> Result<FrameParts, ProviderError> {
        let shape = FrameShape { candles: 0, context_window: 0, imbalances: 60 };
        let query = FrameQuery { instrument: instrument.clone(), as_of, shape, knowledge: request.knowledge };
        Ok(self.store.frame_parts(&query).await?)
    }
}

fn points_quality(points: &[BookPoint], parts: &FrameParts) -> Quality {
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return Quality::NO_DATA;
    };
    let mut covered = parts.covered(Stream::Book);
    for point in points.iter().filter(|point| point.snapshot.flags().covered) {
        covered.add(point.snapshot.second(), point.snapshot.second().plus(SECOND));
    }
    let sampled = last.snapshot.second().plus(if last.snapshot.flags().partial { 0 } else { SECOND });
    let end = parts.watermark_second().map_or(sampled, |end| end.max(sampled));
    Quality::measure(&covered, first.snapshot.second(), end, 0)
}

/// Puts the live book in place of the last sample.
fn show_live(frame: &mut OrderBookDataFrame, book: &LocalBook, issued: Option<Timestamp>) {
    frame.bids = book.bids(DEPTH);
    frame.asks = book.asks(DEPTH);
    let sum = |side: &[onetape_domain::book::BookLevel]| {
        side.iter()
            .try_fold(Quantity::ZERO, |sum, level| sum.checked_add(level.size))
            .unwrap_or(Quantity::ZERO)
    };
    frame.bid_volume = sum(&frame.bids);
    frame.ask_volume = sum(&frame.asks);
    let best =
        frame.bids.first().zip(frame.asks.first()).map(|(bid, ask)| (bid.price.get(), ask.price.get()));
    frame.mid_price = best.map(|(bid, ask)| (bid + ask) / Decimal::TWO);
    frame.spread = best.map(|(bid, ask)| ask - bid);
    if let Some(size) = frame.points.last().map(|point| point.snapshot.bucket_size()) {
        frame.price_buckets = PriceBucket::of_levels(&frame.bids, &frame.asks, size);
    }
    frame.as_of = issued.unwrap_or(frame.as_of);
    frame.replayable = false;
}
