//! The provider: resolves the instant, chooses the route, assembles the answer.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::try_join;
use onetape_domain::candle::Candle;
use onetape_domain::canonical;
use onetape_domain::coverage::Stream;
use onetape_domain::expiry::Expiry;
use onetape_domain::frame::{
    CandleSection, DataSource, FrameMetadata, FrameParts, FrameShape, InferenceDataFrame, assemble,
    candle_section,
};
use onetape_domain::indicator::MAX_WINDOW;
use onetape_domain::instrument::{Exchange, Instrument};
use onetape_domain::quality::{Quality, Tier};
use onetape_domain::time::{SECOND, Timeframe, Timestamp};
use onetape_ports::{
    CacheStatistics, CandleQuery, FrameQuery, HotCache, Knowledge, LiveBookSource, MarketStore, Selection,
    WallClock,
};

use parking_lot::RwLock;

use crate::error::ProviderError;
use crate::imports::ImportMemory;
use crate::metrics;
use crate::request::{FillPolicy, ProviderConfig, Request};

/// Aligned candles of several timeframes at one instant.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct MultiTimeframeData {
    /// Whose candles.
    pub symbol: Instrument,
    /// The effective instant: nothing later is in the answer.
    pub as_of: Timestamp,
    /// Candles of each timeframe asked for, closed ones and, last, the forming ones.
    pub candles: BTreeMap<Timeframe, CandleSection>,
    /// Route and timing; left out of the canonical form.
    #[serde(skip)]
    pub metadata: Option<FrameMetadata>,
}

impl MultiTimeframeData {
    /// The canonical text.
    pub fn to_canonical_json(&self) -> String {
        canonical::to_string(self).unwrap_or_default()
    }
}

/// Unified access to all market data: one call, one truth. Cheap to clone.
#[derive(Clone)]
pub struct UnifiedDataProvider {
    pub(crate) store: Arc<dyn MarketStore>,
    pub(crate) cache: Option<Arc<dyn HotCache>>,
    pub(crate) live: Option<Arc<dyn LiveBookSource>>,
    pub(crate) clock: Arc<dyn WallClock>,
    pub(crate) config: Arc<ProviderConfig>,
    /// Stamps the store had come to when it was last asked. It never goes back, so an instant up to there
    /// takes one round trip.
    flushed: Arc<RwLock<HashMap<Instrument, Timestamp>>>,
    /// Candles of imports, of instruments that have any.
    pub(crate) imports: ImportMemory,
    /// What retention had taken when the store was last asked, and when that was by the monotonic clock.
    expiry: Arc<RwLock<HashMap<Instrument, (i64, Expiry)>>>,
}

/// How long an answer about what retention has taken is good for, in microseconds.
const EXPIRY_AGE: i64 = 10 * SECOND;

/// Parts of an answer, with the instant they are for and the route they took.
pub(crate) struct Answer {
    pub(crate) as_of: Timestamp,
    pub(crate) parts: FrameParts,
    pub(crate) source: DataSource,
}

impl UnifiedDataProvider {
    /// A provider that reads from a store only.
    pub fn new(store: Arc<dyn MarketStore>, clock: Arc<dyn WallClock>, config: ProviderConfig) -> Self {
        Self {
            store,
            cache: None,
            live: None,
            clock,
            config: Arc::new(config),
            flushed: Arc::default(),
            imports: ImportMemory::default(),
            expiry: Arc::default(),
        }
    }

    /// The same with a cache in front of the store.
    #[must_use]
    pub fn with_cache(self, cache: Arc<dyn HotCache>) -> Self {
        Self { cache: Some(cache), ..self }
    }

    /// The same with a source of live books.
    #[must_use]
    pub fn with_live_books(self, live: Arc<dyn LiveBookSource>) -> Self {
        Self { live: Some(live), ..self }
    }

    /// Counters of the cache, where there is one.
    pub fn cache_statistics(&self) -> Option<CacheStatistics> {
        self.cache.as_ref().map(|cache| cache.statistics())
    }

    /// The venue of a symbol that names none.
    pub fn default_exchange(&self) -> &Exchange {
        &self.config.default_exchange
    }

    /// Parses a symbol: `binance:BTC/USDT`, or a bare one at the default venue.
    ///
    /// # Errors
    /// [`ProviderError::Invalid`] naming the broken rule.
    pub fn instrument(&self, symbol: &str) -> Result<Instrument, ProviderError> {
        Ok(Instrument::parse_with_default(symbol, &self.config.default_exchange)?)
    }

    /// Complete inference data at an instant: six timeframes, book, buckets, imbalances, indicators
    /// and the context window before it. No timestamp means the instrument's clock.
    ///
    /// # Errors
    /// As [`inference`](Self::inference).
    pub async fn get_inference_data(
        &self,
        symbol: &str,
        timestamp: Option<Timestamp>,
        context_window: Duration,
    ) -> Result<InferenceDataFrame, ProviderError> {
        let instrument = self.instrument(symbol)?;
        self.inference(&instrument, &Request { timestamp, context_window, ..Request::default() }).await
    }

    /// [`get_inference_data`](Self::get_inference_data) with all options.
    ///
    /// # Errors
    /// - [`ProviderError::Invalid`] for limits that are too large;
    /// - [`ProviderError::UnknownInstrument`] when nothing was ever stored of it;
    /// - [`ProviderError::Future`] for a strict request beyond the clock;
    /// - [`ProviderError::Unavailable`] when neither cache nor store can prove the answer, or the cache cannot and the store
    ///   does not answer;
    /// - [`ProviderError::Quality`] when a section is worse than demanded;
    /// - [`ProviderError::Store`] when the store fails otherwise.
    pub async fn inference(
        &self,
        instrument: &Instrument,
        request: &Request,
    ) -> Result<InferenceDataFrame, ProviderError> {
        self.frame(instrument, request).await.inspect_err(metrics::failed)
    }

    async fn frame(
        &self,
        instrument: &Instrument,
        request: &Request,
    ) -> Result<InferenceDataFrame, ProviderError> {
        let started = self.clock.monotonic_micros();
        let shape = request.check(&self.config)?;
        let Answer { as_of, parts, source } = self.answer(instrument, request, shape).await?;
        let flat = (request.fill == FillPolicy::Flat)
            .then(|| parts.measured_to(as_of).map(|end| (parts.covered_candles(), end)));
        let mut frame = assemble(instrument.clone(), as_of, shape, parts)?;
        // After the rows: what is dropped in between is seen.
        let expiry = self.expiry(instrument, source).await;
        expiry.map_err(|error| error.in_outage(instrument, as_of))?.mark(&mut frame, shape);
        if let Some((covered, end)) = flat.flatten() {
            frame.fill_flat(request.limit, &covered, end);
        }
        if let Some(demanded) = request.min_quality {
            check_quality(frame.qualities(), demanded)?;
        }
        frame.metadata = Some(self.metadata(as_of, source, request, started));
        Ok(frame)
    }

    /// Candles of several timeframes at one instant.
    ///
    /// # Errors
    /// As [`inference`](Self::inference).
    pub async fn get_multi_timeframe_data(
        &self,
        symbol: &str,
        timeframes: &[Timeframe],
        timestamp: Option<Timestamp>,
        limit: usize,
    ) -> Result<MultiTimeframeData, ProviderError> {
        let instrument = self.instrument(symbol)?;
        self.multi_timeframe(&instrument, timeframes, &Request { timestamp, limit, ..Request::default() })
            .await
    }

    /// [`get_multi_timeframe_data`](Self::get_multi_timeframe_data) with all options.
    ///
    /// # Errors
    /// As [`inference`](Self::inference).
    pub async fn multi_timeframe(
        &self,
        instrument: &Instrument,
        timeframes: &[Timeframe],
        request: &Request,
    ) -> Result<MultiTimeframeData, ProviderError> {
        self.candles(instrument, timeframes, request).await.inspect_err(metrics::failed)
    }

    async fn candles(
        &self,
        instrument: &Instrument,
        timeframes: &[Timeframe],
        request: &Request,
    ) -> Result<MultiTimeframeData, ProviderError> {
        let started = self.clock.monotonic_micros();
        let shape = FrameShape { context_window: 0, ..request.check(&self.config)? };
        let answer = self.answer(instrument, request, shape).await?;
        let (covered, end) = (answer.parts.covered_candles(), answer.parts.measured_to(answer.as_of));
        let trades = answer.parts.covered(Stream::Trades);
        let forming = answer.parts.forming()?;
        let expiry = self.expiry(instrument, answer.source).await;
        let expiry = expiry.map_err(|error| error.in_outage(instrument, answer.as_of))?;
        let open_from =
            answer.parts.candles[Timeframe::S1.index()].last().map_or(answer.as_of, Candle::close_time);
        let mut candles = BTreeMap::new();
        for timeframe in timeframes {
            let index = timeframe.index();
            let (closed, forming) = (&answer.parts.candles[index], &forming[index]);
            let covered = &covered[index];
            let mut section = if let Some(imported) = &answer.parts.imported {
                let chosen = imported.choose(*timeframe, closed, &trades, answer.as_of);
                imported.section(&chosen, request.limit, forming, covered, end)
            } else {
                let mut rows = closed[closed.len().saturating_sub(request.limit)..].to_vec();
                rows.extend_from_slice(forming);
                candle_section(rows, covered, end)
            };
            if expiry.touches(answer.as_of) {
                expiry.mark_candles(&mut section, *timeframe, request.limit, open_from);
            }
            if let Some(end) = end.filter(|_| request.fill == FillPolicy::Flat) {
                section.fill_flat(*timeframe, request.limit, covered, end);
            }
            candles.insert(*timeframe, section);
        }
        if let Some(demanded) = request.min_quality {
            check_quality(
                candles.iter().map(|(tf, section)| (format!("ohlcv_{tf}"), &section.quality)),
                demanded,
            )?;
        }
        let metadata = Some(self.metadata(answer.as_of, answer.source, request, started));
        Ok(MultiTimeframeData { symbol: instrument.clone(), as_of: answer.as_of, candles, metadata })
    }

    /// The last closed candles of one timeframe, oldest first: the cheapest read there is. No timestamp means
    /// the instrument's clock.
    ///
    /// # Errors
    /// As [`inference`](Self::inference).
    pub async fn get_closed_candles(
        &self,
        symbol: &str,
        timeframe: Timeframe,
        timestamp: Option<Timestamp>,
        limit: usize,
    ) -> Result<Vec<Candle>, ProviderError> {
        let instrument = self.instrument(symbol)?;
        let request = Request { timestamp, limit, ..Request::default() };
        request.check(&self.config)?;
        let mut query = CandleQuery {
            instrument,
            timeframe,
            selection: Selection::Last(limit),
            as_of: timestamp.unwrap_or(Timestamp::LATEST),
            knowledge: request.knowledge,
        };
        if let Some((_, rows)) = self.cache.as_ref().and_then(|cache| cache.candles(&query)) {
            return Ok(rows);
        }
        let closed = self.closed_of_store(&mut query, &request).await;
        closed.map_err(|error| error.in_outage(&query.instrument, self.wanted(&query.instrument, &request)))
    }

    async fn closed_of_store(
        &self,
        query: &mut CandleQuery,
        request: &Request,
    ) -> Result<Vec<Candle>, ProviderError> {
        let issued = self.cache.as_ref().and_then(|cache| cache.issued(&query.instrument));
        query.as_of = self.resolve(&query.instrument, request, issued).await?;
        let (candles, imports) =
            try_join(self.store.candles(query), self.store.imports(&query.instrument)).await?;
        if imports.is_empty() {
            return Ok(candles);
        }
        let data = self.multi_timeframe(&query.instrument, &[query.timeframe], request).await?;
        Ok(data.candles.get(&query.timeframe).map(|section| section.closed().to_vec()).unwrap_or_default())
    }

    /// Gets the parts of an answer, the candles of imports with them where there are any.
    pub(crate) async fn answer(
        &self,
        instrument: &Instrument,
        request: &Request,
        shape: FrameShape,
    ) -> Result<Answer, ProviderError> {
        let answer = self.answer_of(instrument, request, shape).await;
        answer.map_err(|error| error.in_outage(instrument, self.wanted(instrument, request)))
    }

    /// The instant that is asked for; of a request for now, how far it is known to be.
    pub(crate) fn wanted(&self, instrument: &Instrument, request: &Request) -> Timestamp {
        let issued = || self.cache.as_ref().and_then(|cache| cache.issued(instrument));
        request.timestamp.or_else(issued).unwrap_or_else(|| self.clock.now())
    }

    async fn answer_of(
        &self,
        instrument: &Instrument,
        request: &Request,
        shape: FrameShape,
    ) -> Result<Answer, ProviderError> {
        let wide = FrameShape { candles: shape.candles.max(MAX_WINDOW), ..shape };
        let expects = self.imports.expects(instrument);
        let mut answer = self.parts(instrument, request, if expects { wide } else { shape }).await?;
        if answer.parts.imports.is_empty() {
            return Ok(answer);
        }
        if !expects {
            // The choice is made among all candles that indicators look at: once more, for the same instant.
            let request = Request { timestamp: Some(answer.as_of), ..*request };
            answer = self.parts(instrument, &request, wide).await?;
        }
        answer.parts.imported = Some(self.imported(instrument, &answer, wide, request.knowledge).await?);
        Ok(answer)
    }

    /// Gets them from the cache where it can prove them, else from the store.
    async fn parts(
        &self,
        instrument: &Instrument,
        request: &Request,
        shape: FrameShape,
    ) -> Result<Answer, ProviderError> {
        let as_of = request.timestamp.unwrap_or(Timestamp::LATEST);
        let query = FrameQuery { instrument: instrument.clone(), as_of, shape, knowledge: request.knowledge };
        let issued = self.cache.as_ref().and_then(|cache| cache.issued(instrument));
        if let Some(clock) =
            issued.filter(|clock| request.strict && as_of > *clock && request.timestamp.is_some())
        {
            return Err(ProviderError::Future { instrument: instrument.clone(), requested: as_of, clock });
        }
        if let Some(cache) = self.cache.as_ref().filter(|_| request.knowledge == Knowledge::AsRecorded)
            && let Some((as_of, parts)) = cache.frame_parts(&query)
        {
            return Ok(Answer { as_of, parts, source: DataSource::Cache });
        }
        let clock = self.resolve(instrument, request, issued).await?;
        let parts = self.store.frame_parts(&FrameQuery { as_of: clock, ..query }).await?;
        Ok(Answer { as_of: clock, parts, source: DataSource::Database })
    }

    /// What retention has taken, not older than [`EXPIRY_AGE`]; nothing of what the cache holds.
    pub(crate) async fn expiry(
        &self,
        instrument: &Instrument,
        source: DataSource,
    ) -> Result<Expiry, ProviderError> {
        if source == DataSource::Cache {
            return Ok(Expiry::NOTHING);
        }
        let now = self.clock.monotonic_micros();
        if let Some((asked, expiry)) = self.expiry.read().get(instrument).copied()
            && now.saturating_sub(asked) < EXPIRY_AGE
        {
            return Ok(expiry);
        }
        let expiry = self.store.expiry(instrument).await?;
        self.expiry.write().insert(instrument.clone(), (now, expiry));
        Ok(expiry)
    }

    /// The instant the store can answer for.
    pub(crate) async fn resolve(
        &self,
        instrument: &Instrument,
        request: &Request,
        issued: Option<Timestamp>,
    ) -> Result<Timestamp, ProviderError> {
        let requested = request.timestamp.unwrap_or(Timestamp::LATEST);
        if self.flushed.read().get(instrument).is_some_and(|flushed| requested <= *flushed) {
            return Ok(requested);
        }
        let flushed = match self.store.flushed(instrument).await? {
            Some(flushed) => {
                self.flushed.write().insert(instrument.clone(), flushed);
                flushed
            }
            // Nothing of it was ever live. What was imported speaks of the time until its own end.
            None => {
                match self.store.imports(instrument).await?.iter().map(|import| import.covered.end()).max() {
                    Some(end) => end,
                    None => return Err(self.unknown(instrument).await?),
                }
            }
        };
        if requested <= flushed {
            return Ok(requested);
        }
        let wanted = issued.map_or(flushed, |issued| issued.min(requested));
        if wanted > flushed && request.timestamp.is_some() {
            let reason = format!("the cache does not hold it, and the store has come to {flushed}");
            let instrument = instrument.clone();
            return Err(ProviderError::Unavailable { instrument, as_of: wanted, reason, source: None });
        }
        if request.strict && request.timestamp.is_some() {
            return Err(ProviderError::Future { instrument: instrument.clone(), requested, clock: flushed });
        }
        Ok(flushed)
    }

    async fn unknown(&self, instrument: &Instrument) -> Result<ProviderError, ProviderError> {
        let known: Vec<String> =
            self.store.instruments().await?.iter().take(8).map(ToString::to_string).collect();
        let hint = if known.is_empty() {
            "; the store is empty".to_owned()
        } else {
            format!("; the store has {}", known.join(", "))
        };
        Ok(ProviderError::UnknownInstrument { instrument: instrument.clone(), hint })
    }

    pub(crate) fn metadata(
        &self,
        as_of: Timestamp,
        data_source: DataSource,
        request: &Request,
        started: i64,
    ) -> FrameMetadata {
        let elapsed = self.clock.monotonic_micros().saturating_sub(started);
        let staleness_us = request.timestamp.is_none().then(|| self.clock.now().since(as_of));
        let limit = i64::try_from(self.config.stale_after.as_micros()).unwrap_or(i64::MAX);
        let latency = Duration::from_micros(u64::try_from(elapsed).unwrap_or(0)).as_secs_f64();
        metrics::answered(data_source, latency);
        FrameMetadata {
            data_source,
            query_latency_ms: latency * 1_000.0,
            requested: request.timestamp,
            staleness_us,
            stale: staleness_us.is_some_and(|staleness| staleness > limit),
        }
    }
}

impl fmt::Debug for UnifiedDataProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnifiedDataProvider").field("store", &self.store.to_string()).finish_non_exhaustive()
    }
}

pub(crate) fn check_quality<'a>(
    sections: impl Iterator<Item = (String, &'a Quality)>,
    demanded: Tier,
) -> Result<(), ProviderError> {
    for (section, quality) in sections {
        if quality.tier < demanded {
            return Err(ProviderError::Quality {
                section,
                tier: quality.tier,
                coverage: onetape_domain::decimal::canonical(quality.coverage),
                demanded,
            });
        }
    }
    Ok(())
}
