//! The candles of an older system: a folder of Parquet files, pickles, CSV and JSON into a store, verified, and out again.
//!
//! ```
//! use std::ops::ControlFlow;
//! use onetape::import::{LegacyCache, Naming, PlanOptions, plan};
//! use onetape::prelude::*;
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = std::env::temp_dir().join(format!("onetape-import-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder)?;
//! # std::fs::write(
//! #     folder.join("ETHUSDT_1d.csv"),
//! #     "timestamp,open,high,low,close,volume\n2024-08-08,2343,2723.7,2321.5,2682.5,914\n",
//! # )?;
//! let tape = Onetape::open("memory:").await?;
//! let cache = LegacyCache::new(&folder);
//! let naming = Naming::new(Exchange::binance());
//! let options = PlanOptions::new(folder.display().to_string(), PlanOptions::SOURCE.parse()?, naming);
//! let mut watch = |_: &onetape::import::Progress<'_>| ControlFlow::Continue(());
//!
//! // What would become of every table, without any change.
//! let plan = plan(&cache, &options, &mut watch).await?;
//! let manager = tape.migration();
//! let report = manager.run(&cache, &plan.run, &mut watch).await?;
//! assert_eq!((report.new_candles(), report.has_refusals()), (1, false));
//! assert!(manager.verify(&cache, &plan.run.id, &mut watch).await?.is_equal());
//! // And the way back.
//! assert_eq!(manager.rollback(&plan.run.id, &mut watch).await?.candles, 1);
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok(())
//! # }
//! # tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(run()).unwrap();
//! ```

pub use onetape_migration::*;
pub use onetape_parquet_legacy::LegacyCache;

use crate::open::Onetape;

impl Onetape {
    /// The imports of this store.
    pub fn migration(&self) -> DataMigrationManager {
        let store = self.store();
        DataMigrationManager::new(store.clone(), store.clone(), self.shared_clock())
    }
}
