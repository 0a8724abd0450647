//! Embedded SQLite store of the onetape market-data store: durable, no server.
//!
//! [`SqliteStore`] implements every storage port on one file. The schema is in `migrations/` and is brought up to date
//! when the file is opened; the statements are in `queries/`, one a file.
//!
//! ```no_run
//! # async fn open() -> Result<(), onetape_ports::StoreError> {
//! let store = onetape_sqlite::SqliteStore::open("market.db").await?;
//! println!("{store}");
//! # Ok(())
//! # }
//! ```

#![warn(missing_docs)]

mod append;
mod archive;
mod arguments;
mod books;
mod bounds;
mod candles;
mod clocks;
mod columns;
mod commits;
mod connections;
mod coverage;
mod cutover;
mod doctor;
mod error;
mod expiry;
mod frame;
mod imbalances;
mod imports;
mod inventory;
mod keyset;
mod levels;
mod maintain;
mod manifests;
mod migrate;
mod pages;
mod place;
mod quarantine;
mod session;
mod settings;
mod status;
mod store;
mod trades;

pub use doctor::{DoctorReport, Finding, Severity};
pub use maintain::{DroppedRows, MaintenanceReport};
pub use migrate::AppliedMigration;
pub use settings::{DEFAULT_SETTINGS, Period, Settings};
pub use status::{StoreStatus, TableStatus};
pub use store::SqliteStore;
