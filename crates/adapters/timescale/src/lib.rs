//! TimescaleDB store of the onetape market-data store.
//!
//! [`TimescaleStore`] implements every storage port on PostgreSQL with TimescaleDB, of either edition.
//! The schema is in `migrations/`, the statements are in `queries/`, one a file.
//!
//! ```no_run
//! # async fn open() -> Result<(), onetape_ports::StoreError> {
//! let store = onetape_timescale::TimescaleStore::connect("postgres://onetape@localhost/onetape").await?;
//! store.migrate().await?;
//! println!("{store} is {} edition", store.verify().await?);
//! # Ok(())
//! # }
//! ```

#![warn(missing_docs)]

mod append;
mod archive;
mod arguments;
mod books;
mod bounds;
mod bulk;
mod by_time;
mod candles;
mod clocks;
mod columns;
mod coverage;
mod cursor;
mod cutover;
mod doctor;
mod edition;
mod error;
mod frame;
mod imbalances;
mod imports;
mod inventory;
mod layout;
mod levels;
mod maintain;
mod manifests;
mod micros;
mod migrate;
mod numeric;
mod options;
mod pools;
mod quarantine;
mod records;
mod roles;
mod session;
mod settings;
mod setup;
mod status;
mod store;
mod tables;
mod tls;
mod trades;

pub use doctor::{DoctorReport, Finding, Severity, TableHealth};
pub use edition::{Edition, MIN_POSTGRES_MAJOR, MIN_TIMESCALEDB, ServerInfo};
pub use maintain::{
    AuditScope, AuditedAggregate, CompressedChunks, DroppedChunks, Holder, Maintained, MaintenanceReport,
    RefreshedAggregate,
};
pub use migrate::{AppliedMigration, MIGRATOR, fingerprint};
pub use pools::{PoolOptions, Pools};
pub use roles::RoleNames;
pub use settings::{DEFAULT_SETTINGS, LateData, Period, Refresh, Settings, TablePeriods};
pub use status::{StoreStatus, TableStatus};
pub use store::TimescaleStore;
