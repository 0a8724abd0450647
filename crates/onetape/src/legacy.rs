//! The files of an older system beside the store: written on from it, and compared with it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use onetape_domain::candle::Candle;
use onetape_domain::instrument::Instrument;
use onetape_domain::time::{TimeRange, Timeframe, Timestamp};
pub use onetape_migration::{
    Divergence, DualOptions, DualStatus, DualWriter, MAX_EARLIER, Reads, ReadsError, ShadowError, ShadowFile,
    ShadowLeft, ShadowReport, ShadowTarget, legacy_name,
};
pub use onetape_parquet_legacy::{LegacyCache, LegacyWriter};
pub use onetape_ports::LegacyReading;
use onetape_ports::{CandleQuery, Knowledge, LegacyError, LegacyListing, LegacySource as _, Selection};
use onetape_provider::{ProviderError, UnifiedDataProvider};

use crate::open::Onetape;

/// Why a file is compared with nothing.
const NO_TARGET: &str = "has not the name of an instrument in the store and of a timeframe that is compared, with .parquet after it";

/// Where the files of the older system are, and which of them are written on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegacyConfig {
    /// Their folder; none: nothing is written.
    pub folder: Option<PathBuf>,
    /// Candles of which timeframes are written and compared.
    pub timeframes: Vec<Timeframe>,
    /// Time between two looks at what the files lack.
    pub interval: Duration,
}

impl Default for LegacyConfig {
    fn default() -> Self {
        Self { folder: None, timeframes: Timeframe::ALL.to_vec(), interval: Duration::from_secs(60) }
    }
}

impl Onetape {
    /// What puts closed candles of the store into the files of a folder, `ETHUSDT_1m.parquet` and the like: see
    /// [`DualWriter::run`]. The folder is this process's to write as long as the writer lives, or until the store's cut-over has
    /// left it.
    ///
    /// # Errors
    /// For a folder that cannot be made or written, or that another process writes.
    pub fn dual_writer(&self, folder: &Path, config: &LegacyConfig) -> Result<DualWriter, LegacyError> {
        let sink = Arc::new(LegacyWriter::open(folder)?);
        let options = DualOptions {
            timeframes: config.timeframes.clone(),
            interval: config.interval,
            folder: crate::cutover::place_of(folder),
            ..DualOptions::new(self.provider().default_exchange().clone())
        };
        Ok(DualWriter::new(self.store().clone(), sink, self.shared_clock(), options))
    }

    /// Compares what files of a folder say with what the store answers, row by row and value by value: the files of
    /// instruments in the store by the names that [`dual_writer`](Self::dual_writer) gives them, and of them rows that open in
    /// the range, or all. Other files are named.
    ///
    /// # Errors
    /// The first file that cannot be read, and reads of the store that fail.
    pub async fn shadow(
        &self,
        folder: &Path,
        timeframes: &[Timeframe],
        range: Option<TimeRange>,
        reading: &LegacyReading,
    ) -> Result<ShadowReport, ShadowError> {
        let store = |error| ShadowError::Store(Box::new(error));
        let cache = LegacyCache::new(folder);
        let LegacyListing { files, left } = cache.files().await?;
        let mut files: BTreeSet<String> = files.into_iter().map(|entry| entry.path).collect();
        let provider = self.provider();
        let mut reads = StoreReads { provider, as_of: BTreeMap::new() };
        let mut targets = Vec::new();
        for instrument in self.store().archived().await.map_err(store)? {
            for timeframe in timeframes {
                let name = legacy_name(&instrument, *timeframe, reads.provider.default_exchange());
                let path = format!("{name}.parquet");
                if files.remove(&path) {
                    targets.push(ShadowTarget {
                        path,
                        instrument: instrument.clone(),
                        timeframe: *timeframe,
                    });
                }
            }
            let flushed = self.store().flushed(&instrument).await.map_err(store)?;
            let imports = self.store().imports(&instrument).await.map_err(store)?;
            // What was imported speaks of the time until its own end, where nothing was ever live.
            let imported = imports.iter().map(|import| import.covered.end()).max();
            if let Some(as_of) = flushed.or(imported) {
                reads.as_of.insert(instrument, as_of);
            }
        }
        let mut report = onetape_migration::shadow(&cache, &reads, &targets, range, reading).await?;
        let other = files.into_iter().map(|path| ShadowLeft { path, reason: NO_TARGET.to_owned() });
        let left = left.into_iter().filter(|left| left.why.may_be_meant());
        let left = left.map(|left| ShadowLeft { path: left.path, reason: left.why.to_string() });
        report.left = other.chain(left).collect();
        Ok(report)
    }
}

/// Reads as of what the store had come to when the comparison began.
struct StoreReads {
    provider: UnifiedDataProvider,
    as_of: BTreeMap<Instrument, Timestamp>,
}

impl Reads for StoreReads {
    fn closed(
        &self,
        instrument: &Instrument,
        timeframe: Timeframe,
        range: TimeRange,
    ) -> BoxStream<'_, Result<Candle, ReadsError>> {
        let query = CandleQuery {
            instrument: instrument.clone(),
            timeframe,
            selection: Selection::Range(range),
            as_of: self.as_of.get(instrument).copied().unwrap_or(Timestamp::EARLIEST),
            knowledge: Knowledge::AsRecorded,
        };
        let failed = |error: ProviderError| ReadsError::from(error);
        self.provider.stream_closed_candles(query).map_err(failed).boxed()
    }
}
