//! `Onetape::open`: one store, its provider and its ingestion.

use std::sync::Arc;
use std::time::Duration;

use onetape_domain::frame::InferenceDataFrame;
use onetape_domain::instrument::Exchange;
use onetape_domain::order_book_frame::{BookAggregation, OrderBookDataFrame};
use onetape_domain::time::{Timeframe, Timestamp};
use onetape_ingestion::{DataIngestionPipeline, IngestError, IngestSummary, PipelineConfig};
use onetape_memory::{MemoryCache, MemoryStore, SystemClock};
use onetape_ports::{HotCache, JournalRecovery, MarketStore, WallClock};
use onetape_provider::{
    MultiTimeframeData, ProviderConfig, ProviderError, Subscription, SubscriptionRequest, UnifiedDataProvider,
};
use parking_lot::Mutex;

use crate::error::OpenError;
use crate::url::StoreUrl;

/// How to open a store.
#[derive(Debug, Clone)]
pub struct Builder {
    url: Result<StoreUrl, String>,
    provider: Option<ProviderConfig>,
    pipeline: PipelineConfig,
    #[cfg(feature = "journal")]
    journal: Option<(std::path::PathBuf, onetape_journal::JournalOptions)>,
    #[cfg(feature = "timescale")]
    pools: onetape_timescale::Pools,
}

/// An open store with everything that reads and writes it.
#[derive(Debug)]
pub struct Onetape {
    url: StoreUrl,
    store: Arc<dyn MarketStore>,
    cache: Arc<dyn HotCache>,
    clock: Arc<dyn WallClock>,
    /// Of the store alone.
    provider: UnifiedDataProvider,
    pipeline_config: PipelineConfig,
    pipeline: Mutex<Option<DataIngestionPipeline>>,
    recovery: Option<JournalRecovery>,
}

impl Onetape {
    /// Opens the store a URL names: `memory:`; `sqlite://path`, a file that is made where it is missing; or
    /// `postgres://…`, which must have been set up.
    ///
    /// # Errors
    /// For a URL of no known store, and when the store cannot be reached or was not set up.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        Self::builder(url).open().await
    }

    /// Opens the store that the command line uses too: the one that `ONETAPE_STORE` or a config file names, else a SQLite
    /// file in the user's data folder, which is made where it is missing; with the settings found there.
    ///
    /// # Errors
    /// As [`open`](Self::open); for settings that are wrong, and where there is no place for a default store.
    #[cfg(feature = "config")]
    pub async fn open_default() -> Result<Self, OpenError> {
        Self::from_config(&crate::Config::load(None)?).await
    }

    /// Opens the store of a configuration, with its settings.
    ///
    /// # Errors
    /// As [`open`](Self::open), and where there is no place for a default store.
    #[cfg(feature = "config")]
    pub async fn from_config(config: &crate::Config) -> Result<Self, OpenError> {
        config.make_default_folder()?;
        config.builder()?.open().await
    }

    /// Opens a store with other than the default settings.
    pub fn builder(url: impl Into<String>) -> Builder {
        let text = url.into();
        // What is no URL of ours may still hold a password: no more of it is kept than its error tells.
        let kept = |error| match error {
            OpenError::UnknownScheme { scheme } => scheme,
            _ => text.clone(),
        };
        Self::builder_of(text.parse().map_err(kept))
    }

    pub(crate) fn builder_of(url: Result<StoreUrl, String>) -> Builder {
        Builder {
            url,
            provider: None,
            pipeline: PipelineConfig::default(),
            #[cfg(feature = "journal")]
            journal: None,
            #[cfg(feature = "timescale")]
            pools: onetape_timescale::Pools::default(),
        }
    }

    /// The read side. Once [`ingestion`](Self::ingestion) was asked for, it answers from the cache what
    /// the cache can prove.
    pub fn provider(&self) -> UnifiedDataProvider {
        let provider = self.provider.clone();
        match &*self.pipeline.lock() {
            Some(pipeline) => {
                provider.with_cache(self.cache.clone()).with_live_books(Arc::new(pipeline.clone()))
            }
            None => provider,
        }
    }

    /// The write side, started at the first call. Needs a tokio runtime.
    pub fn ingestion(&self) -> DataIngestionPipeline {
        let start = || {
            let (store, cache) = (self.store.clone(), self.cache.clone());
            DataIngestionPipeline::start(store, Some(cache), self.clock.clone(), self.pipeline_config)
        };
        self.pipeline.lock().get_or_insert_with(start).clone()
    }

    /// [`UnifiedDataProvider::get_inference_data`]: everything about a market at an instant. None means now.
    ///
    /// # Errors
    /// As [`UnifiedDataProvider::inference`].
    pub async fn get_inference_data(
        &self,
        symbol: &str,
        timestamp: Option<Timestamp>,
        context_window: Duration,
    ) -> Result<InferenceDataFrame, ProviderError> {
        self.provider().get_inference_data(symbol, timestamp, context_window).await
    }

    /// [`UnifiedDataProvider::get_multi_timeframe_data`]: candles of several timeframes at one instant.
    ///
    /// # Errors
    /// As [`UnifiedDataProvider::inference`].
    pub async fn get_multi_timeframe_data(
        &self,
        symbol: &str,
        timeframes: &[Timeframe],
        timestamp: Option<Timestamp>,
        limit: usize,
    ) -> Result<MultiTimeframeData, ProviderError> {
        self.provider().get_multi_timeframe_data(symbol, timeframes, timestamp, limit).await
    }

    /// [`UnifiedDataProvider::get_order_book_data`]: sampled books with their imbalances, or the live book.
    ///
    /// # Errors
    /// As [`UnifiedDataProvider::inference`].
    pub async fn get_order_book_data(
        &self,
        symbol: &str,
        timestamp: Option<Timestamp>,
        aggregation: BookAggregation,
        limit: usize,
    ) -> Result<OrderBookDataFrame, ProviderError> {
        self.provider().get_order_book_data(symbol, timestamp, aggregation, limit).await
    }

    /// Frames from now on, as this process takes messages in: one whenever a candle of a timeframe closes
    /// (`Cadence::Closes(Timeframe::M1)`), or as often as things change. See [`Subscription`] for what holds of them.
    ///
    /// # Errors
    /// [`ProviderError::Invalid`] for a symbol that is none, and for limits that are too large.
    pub fn subscribe(
        &self,
        symbol: &str,
        request: impl Into<SubscriptionRequest>,
    ) -> Result<Subscription, ProviderError> {
        let provider = self.provider.clone().with_cache(self.cache.clone());
        provider.subscribe(&provider.instrument(symbol)?, request)
    }

    /// What the journal gave back when it was opened; none without a journal.
    pub fn recovery(&self) -> Option<&JournalRecovery> {
        self.recovery.as_ref()
    }

    /// The storage ports themselves.
    pub fn store(&self) -> &Arc<dyn MarketStore> {
        &self.store
    }

    /// The write side where it was started.
    pub(crate) fn started(&self) -> Option<DataIngestionPipeline> {
        self.pipeline.lock().clone()
    }

    #[cfg(any(feature = "import", feature = "legacy"))]
    pub(crate) fn shared_clock(&self) -> Arc<dyn WallClock> {
        self.clock.clone()
    }

    pub(crate) fn clock(&self) -> &dyn WallClock {
        self.clock.as_ref()
    }

    /// Where the data is; its `Display` shows no password.
    pub fn url(&self) -> &StoreUrl {
        &self.url
    }

    /// Writes what is pending, stops ingestion where it was started, ends subscriptions once they gave what waits, and
    /// closes the connections to the store. The last user of a file leaves that one file behind. Afterwards providers
    /// answer from the cache what it can prove, and fail with `Shutdown` where the store would have to be asked.
    ///
    /// # Errors
    /// When rows are left after the deadline, or the store failed; the connections are closed all the same, unless
    /// calls under way take longer than the deadline.
    pub async fn close(&self, deadline: Duration) -> Result<Option<IngestSummary>, IngestError> {
        let started = self.clock.monotonic_micros();
        let pipeline = self.pipeline.lock().clone();
        let written = match pipeline {
            Some(pipeline) => pipeline.shutdown(deadline).await.map(Some),
            None => Ok(None),
        };
        self.cache.end();
        let passed = u64::try_from(self.clock.monotonic_micros() - started).unwrap_or(0);
        let rest = deadline.saturating_sub(Duration::from_micros(passed));
        // A reader that holds on to its connection for longer keeps it.
        let _ = tokio::time::timeout(rest, self.store.close()).await;
        written
    }
}

impl Builder {
    /// Venue of bare symbols; `binance` unless set.
    #[must_use]
    pub fn default_exchange(mut self, exchange: Exchange) -> Self {
        self.provider =
            Some(ProviderConfig { default_exchange: exchange.clone(), ..self.provider_or(exchange) });
        self
    }

    /// All settings of the read side.
    #[must_use]
    pub fn provider_config(mut self, config: ProviderConfig) -> Self {
        self.provider = Some(config);
        self
    }

    /// All settings of the write side.
    #[must_use]
    pub fn pipeline_config(mut self, config: PipelineConfig) -> Self {
        self.pipeline = config;
        self
    }

    /// Keeps what is taken in in a folder until the store has it: a call that takes something in returns once it is on the
    /// disk, and what the store did not get before a crash comes back at the next opening with the same folder. Opening
    /// then starts the write side at once.
    ///
    /// A folder is one process's, and one store's.
    #[cfg(feature = "journal")]
    #[must_use]
    pub fn journal(
        mut self,
        folder: impl Into<std::path::PathBuf>,
        options: onetape_journal::JournalOptions,
    ) -> Self {
        self.journal = Some((folder.into(), options));
        self
    }

    /// Sizes and time limits of the connections to TimescaleDB; other stores have none.
    #[cfg(feature = "timescale")]
    #[must_use]
    pub fn timescale_pools(mut self, pools: onetape_timescale::Pools) -> Self {
        self.pools = pools;
        self
    }

    /// Opens the store.
    ///
    /// # Errors
    /// As [`Onetape::open`].
    pub async fn open(self) -> Result<Onetape, OpenError> {
        let url = self.url.clone().or_else(|text| text.parse())?;
        let store = self.open_store(&url).await?;
        let clock: Arc<dyn WallClock> = Arc::new(SystemClock::default());
        let cache: Arc<dyn HotCache> = Arc::new(MemoryCache::default());
        let (pipeline, recovery) = self.start_with_journal(&store, &cache, &clock).await?.unzip();
        Ok(Onetape {
            url,
            provider: UnifiedDataProvider::new(
                store.clone(),
                clock.clone(),
                self.provider_or(Exchange::binance()),
            ),
            store,
            cache,
            clock,
            pipeline_config: self.pipeline,
            pipeline: Mutex::new(pipeline),
            recovery,
        })
    }

    #[cfg(feature = "journal")]
    async fn start_with_journal(
        &self,
        store: &Arc<dyn MarketStore>,
        cache: &Arc<dyn HotCache>,
        clock: &Arc<dyn WallClock>,
    ) -> Result<Option<(DataIngestionPipeline, JournalRecovery)>, OpenError> {
        let Some((folder, options)) = self.journal.clone() else { return Ok(None) };
        let journal = onetape_journal::FileJournal::open(folder, options).map_err(OpenError::Journal)?;
        let (store, cache) = (store.clone(), Some(cache.clone()));
        let started = DataIngestionPipeline::start_with_journal(
            store,
            cache,
            clock.clone(),
            Arc::new(journal),
            self.pipeline,
        );
        started.await.map(Some).map_err(OpenError::Recovery)
    }

    #[cfg(not(feature = "journal"))]
    async fn start_with_journal(
        &self,
        _: &Arc<dyn MarketStore>,
        _: &Arc<dyn HotCache>,
        _: &Arc<dyn WallClock>,
    ) -> Result<Option<(DataIngestionPipeline, JournalRecovery)>, OpenError> {
        Ok(None)
    }

    async fn open_store(&self, url: &StoreUrl) -> Result<Arc<dyn MarketStore>, OpenError> {
        match url {
            StoreUrl::Memory => Ok(Arc::new(MemoryStore::default())),
            #[cfg(feature = "sqlite")]
            StoreUrl::Sqlite(path) => {
                let failed = |source| OpenError::Store { store: url.to_string(), source };
                Ok(Arc::new(onetape_sqlite::SqliteStore::open(path).await.map_err(failed)?))
            }
            #[cfg(not(feature = "sqlite"))]
            StoreUrl::Sqlite(_) => Err(OpenError::WITHOUT_SQLITE),
            #[cfg(feature = "timescale")]
            StoreUrl::Postgres(address) => {
                let failed = |source| OpenError::Store { store: url.to_string(), source };
                let store = onetape_timescale::TimescaleStore::connect_with(address, &self.pools)
                    .await
                    .map_err(failed)?;
                store.verify().await.map_err(failed)?;
                Ok(Arc::new(store))
            }
            #[cfg(not(feature = "timescale"))]
            StoreUrl::Postgres(_) => Err(OpenError::WITHOUT_TIMESCALE),
        }
    }

    fn provider_or(&self, exchange: Exchange) -> ProviderConfig {
        self.provider.clone().unwrap_or_else(|| ProviderConfig::for_exchange(exchange))
    }
}
