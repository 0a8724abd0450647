//! Closed candles of any range, those made here and those imported, in bounded memory.

use std::collections::VecDeque;
use std::pin::Pin;

use futures::stream::{self, BoxStream, Peekable};
use futures::{StreamExt, TryStreamExt};
use onetape_domain::candle::Candle;
use onetape_domain::coverage::{Intervals, Stream};
use onetape_domain::frame::{FrameParts, FrameShape};
use onetape_domain::imported::{Import, Imported};
use onetape_domain::time::{TimeRange, Timeframe, Timestamp};
use onetape_ports::{CandleQuery, FrameQuery, ImportedQuery, Knowledge, RowStream, Selection};

use crate::error::ProviderError;
use crate::provider::UnifiedDataProvider;
use crate::request::Request;

/// Periods of imports that are read at once.
const PERIODS: i64 = 10_000;

/// Closed candles, oldest first.
pub type CandleStream<'a> = BoxStream<'a, Result<Candle, ProviderError>>;

impl UnifiedDataProvider {
    /// Closed candles of one timeframe in a range by open time, or the last ones, as a reader at the instant knows
    /// them, oldest first and one a period: chosen between those made here and those imported, as in a frame. Of the
    /// last ones at most [`max_limit`](crate::ProviderConfig::max_limit) where there are imports.
    ///
    /// The instant must be one that the store can prove ([`get_closed_candles`](Self::get_closed_candles) finds it).
    pub fn stream_closed_candles(&self, query: CandleQuery) -> CandleStream<'_> {
        stream::once(self.open_candles(query)).try_flatten().boxed()
    }

    async fn open_candles(&self, query: CandleQuery) -> Result<CandleStream<'_>, ProviderError> {
        let shape = FrameShape { candles: 0, context_window: 0, imbalances: 0 };
        let CandleQuery { instrument, as_of, knowledge, .. } = query.clone();
        let parts = self.store.frame_parts(&FrameQuery { instrument, as_of, shape, knowledge }).await?;
        let range = match query.selection {
            _ if parts.imports.is_empty() => {
                return Ok(self.store.stream_candles(query).map_err(ProviderError::from).boxed());
            }
            Selection::Range(range) => range,
            Selection::Last(limit) => return self.last_candles(query, limit).await,
        };
        let proof = self.store.coverage_proof(&query.instrument, range.start(), as_of).await?;
        let merge = Merge {
            windows: windows(&parts, &query, range),
            closed_by: closed_by(&parts, &query),
            imports: parts.imports.to_vec(),
            covered: Intervals::of_rows(proof.iter().filter(|row| row.stream == Stream::Trades)),
            derived: Box::pin(self.store.stream_candles(query.clone()).peekable()),
            imported: VecDeque::new(),
            query,
            provider: self,
        };
        Ok(stream::try_unfold(merge, Merge::next).boxed())
    }

    async fn last_candles(
        &self,
        query: CandleQuery,
        limit: usize,
    ) -> Result<CandleStream<'_>, ProviderError> {
        let request =
            Request { timestamp: Some(query.as_of), limit, knowledge: query.knowledge, ..Request::default() };
        let data = self.multi_timeframe(&query.instrument, &[query.timeframe], &request).await?;
        let rows = data.candles.get(&query.timeframe).map(|section| section.closed().to_vec());
        Ok(stream::iter(rows.unwrap_or_default().into_iter().map(Ok)).boxed())
    }
}

/// The end that imported candles must have closed by.
fn closed_by(parts: &FrameParts, query: &CandleQuery) -> Timestamp {
    match query.knowledge {
        Knowledge::AsRecorded => query.as_of,
        Knowledge::AsCorrected => parts.watermark_second().unwrap_or(query.as_of),
    }
}

/// What imports speak of within the range, in pieces, latest first.
fn windows(parts: &FrameParts, query: &CandleQuery, range: TimeRange) -> Vec<TimeRange> {
    let mut spoken = Intervals::default();
    for import in parts.imports.iter().filter(|import| import.timeframe <= query.timeframe) {
        spoken.add(import.covered.start().max(range.start()), import.covered.end().min(range.end()));
    }
    let length = query.timeframe.micros().saturating_mul(PERIODS);
    let mut windows = Vec::new();
    for (begin, end) in spoken.ranges() {
        let mut start = *begin;
        while start < *end {
            let next = start.plus(length).min(*end);
            windows.extend(TimeRange::try_new(start, next).ok());
            start = next;
        }
    }
    windows.reverse();
    windows
}

/// Two sorted streams of candles on their way to one.
struct Merge<'a> {
    provider: &'a UnifiedDataProvider,
    query: CandleQuery,
    imports: Vec<Import>,
    /// What is proven of the trades.
    covered: Intervals,
    closed_by: Timestamp,
    derived: Pin<Box<Peekable<RowStream<'a, Candle>>>>,
    /// The best imported candle of each period of the piece read last.
    imported: VecDeque<Candle>,
    windows: Vec<TimeRange>,
}

impl Merge<'_> {
    async fn next(mut self) -> Result<Option<(Candle, Self)>, ProviderError> {
        while self.imported.is_empty()
            && let Some(window) = self.windows.pop()
        {
            let (timeframe, as_of) = (self.query.timeframe, self.query.as_of);
            self.imported = read(self.provider, self.query_of(window), timeframe, as_of).await?;
        }
        let derived = match self.derived.as_mut().peek().await {
            Some(Ok(candle)) => Some(*candle),
            Some(Err(_)) | None => None,
        };
        let imported = self.imported.front().copied();
        let take_derived = match (derived, imported) {
            (Some(derived), Some(imported)) if derived.open_time() == imported.open_time() => {
                let complete = self.covered.covers(derived.open_time(), derived.close_time());
                // The other one of the two is passed over.
                if complete {
                    self.imported.pop_front();
                } else {
                    self.derived.as_mut().next().await.transpose()?;
                }
                complete
            }
            (Some(derived), Some(imported)) => derived.open_time() < imported.open_time(),
            (None, Some(_)) => {
                // The stream has ended, or failed.
                self.derived.as_mut().next().await.transpose()?;
                false
            }
            (_, None) => true,
        };
        let next = if take_derived {
            self.derived.as_mut().next().await.transpose()?
        } else {
            self.imported.pop_front()
        };
        Ok(next.map(|candle| (candle, self)))
    }

    fn query_of(&self, window: TimeRange) -> ImportedQuery {
        let mut selections = [None; 6];
        selections[self.query.timeframe.index()] = Some(Selection::Range(window));
        let (instrument, imports) = (self.query.instrument.clone(), self.imports.clone());
        ImportedQuery { instrument, imports, selections, closed_by: self.closed_by }
    }
}

/// The best candle of each period, in order. Borrows nothing of the merge: its stream may not be shared.
async fn read(
    provider: &UnifiedDataProvider,
    query: ImportedQuery,
    timeframe: Timeframe,
    as_of: Timestamp,
) -> Result<VecDeque<Candle>, ProviderError> {
    let rows = provider.store.imported(&query).await?;
    let imported = Imported::new(query.imports, rows, Vec::new());
    Ok(imported.choose(timeframe, &[], &Intervals::default(), as_of).into_rows().into())
}
