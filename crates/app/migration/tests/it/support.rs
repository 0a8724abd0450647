//! A folder, a store, and what is done between them.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use onetape_domain::imported::Source;
use onetape_domain::instrument::{Exchange, Instrument};
use onetape_domain::time::{TimeRange, Timeframe, Timestamp};
use onetape_memory::{MemoryStore, SystemClock};
use onetape_migration::{DataMigrationManager, Naming, Plan, PlanOptions, Progress, RunReport, plan};
use onetape_parquet_legacy::LegacyCache;
use onetape_ports::{ImportStore as _, ImportedQuery, Selection};

pub(crate) fn data(folder: &str) -> Option<PathBuf> {
    onetape_testkit::data::folder().map(|data| data.join(folder))
}

/// Options for a folder, as they usually are.
pub(crate) fn options(folder: &Path) -> PlanOptions {
    let source = Source::try_new(PlanOptions::SOURCE).expect("a name");
    PlanOptions::new(folder.display().to_string(), source, Naming::new(Exchange::binance()))
}

pub(crate) fn on(_: &Progress<'_>) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// A store in memory, its manager and a folder.
pub(crate) struct Moving {
    pub(crate) store: MemoryStore,
    pub(crate) manager: DataMigrationManager,
    pub(crate) folder: LegacyCache,
}

impl Moving {
    pub(crate) fn from(folder: &Path) -> Self {
        let store = MemoryStore::default();
        let shared = Arc::new(store.clone());
        let manager = DataMigrationManager::new(shared.clone(), shared, Arc::new(SystemClock::default()));
        Self { store, manager, folder: LegacyCache::new(folder) }
    }

    pub(crate) async fn plan(&self, options: &PlanOptions) -> Plan {
        plan(&self.folder, options, &mut on).await.expect("a plan")
    }

    pub(crate) async fn run(&self, plan: &Plan) -> RunReport {
        self.manager.run(&self.folder, &plan.run, &mut on).await.expect("a run")
    }

    /// All candles of the imports of an instrument, those rolled up included, as text.
    pub(crate) async fn stored(&self, instrument: &str) -> Vec<String> {
        let instrument: Instrument = instrument.parse().expect("an instrument");
        let imports = self.store.imports(&instrument).await.expect("imports");
        let selections = [Some(Selection::Range(TimeRange::ALL)); 6];
        let query = ImportedQuery { instrument, imports, selections, closed_by: Timestamp::LATEST };
        let rows = self.store.imported(&query).await.expect("candles");
        let mut lines = Vec::new();
        for (timeframe, rows) in Timeframe::ALL.into_iter().zip(rows) {
            for row in rows {
                let ohlcv = row.candle.ohlcv();
                lines.push(format!(
                    "{timeframe} {} {} {} {} {} {} {:?}",
                    row.candle.open_time(),
                    ohlcv.open,
                    ohlcv.high,
                    ohlcv.low,
                    ohlcv.close,
                    ohlcv.volume,
                    ohlcv.trade_count
                ));
            }
        }
        lines.sort();
        lines
    }

    /// Of how many candles each timeframe has.
    pub(crate) async fn counts(&self, instrument: &str) -> Vec<usize> {
        let stored = self.stored(instrument).await;
        let of = |timeframe: Timeframe| {
            let start = format!("{timeframe} ");
            stored.iter().filter(|line| line.starts_with(&start)).count()
        };
        Timeframe::ALL.into_iter().map(of).collect()
    }
}
