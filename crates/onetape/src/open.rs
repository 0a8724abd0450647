//! `Onetape::open`: one store, its provider and its ingestion.

use std::sync::Arc;
use std::time::Duration;

use onetape_domain::instrument::Exchange;
use onetape_ingestion::{DataIngestionPipeline, IngestError, IngestSummary, PipelineConfig};
use onetape_memory::{MemoryCache, MemoryStore, SystemClock};
use onetape_ports::{HotCache, MarketStore, WallClock};
use onetape_provider::{ProviderConfig, UnifiedDataProvider};
use parking_lot::Mutex;

use crate::error::OpenError;
use crate::url::StoreUrl;

/// How to open a store.
#[derive(Debug, Clone)]
pub struct Builder {
    url: Result<StoreUrl, String>,
    provider: Option<ProviderConfig>,
    pipeline: PipelineConfig,
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

    /// The storage ports themselves.
    pub fn store(&self) -> &Arc<dyn MarketStore> {
        &self.store
    }

    pub(crate) fn clock(&self) -> &dyn WallClock {
        self.clock.as_ref()
    }

    /// Where the data is; its `Display` shows no password.
    pub fn url(&self) -> &StoreUrl {
        &self.url
    }

    /// Writes what is pending and stops ingestion, where it was started.
    ///
    /// # Errors
    /// When rows are left after the deadline, or the store failed.
    pub async fn close(&self, deadline: Duration) -> Result<Option<IngestSummary>, IngestError> {
        let pipeline = self.pipeline.lock().clone();
        match pipeline {
            Some(pipeline) => pipeline.shutdown(deadline).await.map(Some),
            None => Ok(None),
        }
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
        Ok(Onetape {
            url,
            provider: UnifiedDataProvider::new(
                store.clone(),
                clock.clone(),
                self.provider_or(Exchange::binance()),
            ),
            store,
            cache: Arc::new(MemoryCache::default()),
            clock,
            pipeline_config: self.pipeline,
            pipeline: Mutex::new(None),
        })
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
