//! Takes the candles of an older system into a store: planned, resumable, verified, and reversible.
//!
//! [`plan`] reads a folder once and says what would become of every table in it; nothing is changed. The
//! [`DataMigrationManager`] carries a plan out: a *run*, whose record the store keeps. A run is interrupted at any moment and
//! resumed where it was, and begun again it changes nothing. [`verify`](DataMigrationManager::verify) reads files and store again
//! and compares every value, and [`rollback`](DataMigrationManager::rollback) takes everything out again.
//!
//! An import of a store speaks of a stretch of time: a period in it without a candle had no trade. Old files have holes of which
//! nobody knows what they mean, so the candles of an instrument and a timeframe become as many imports as they have stretches
//! without one: the *parts* of a run. [`HolePolicy`] says what is a hole.
//!
//! While both systems run, a [`DualWriter`] keeps the old files up to date from the store, and [`shadow`](fn@shadow) compares what
//! they say with what the store answers. The [`CutoverManager`] records which phase of the way from the one to the other was reached,
//! and what allowed it.

#![warn(missing_docs)]

mod batch;
mod compare;
mod cutover;
mod dual;
mod error;
mod holes;
mod manager;
mod metrics;
mod names;
mod plan;
mod presence;
mod progress;
mod removal;
mod report;
mod retry;
mod rolled;
mod run;
mod settings;
mod shadow;
mod survey;
mod table;
mod verification;
mod verify;

pub use cutover::{CutoverError, CutoverManager};
pub use dual::{DualOptions, DualStatus, DualWriter, legacy_name};
pub use error::MigrationError;
pub use manager::DataMigrationManager;
pub use metrics::METRICS;
pub use names::{
    MAX_MAPPING_BYTES, MAX_NAMES, MAX_PATH_BYTES, MappedTable, Mapping, Naming, Pattern, Unclear,
};
pub use plan::{Found, Plan, Problem, plan};
pub use progress::{Progress, Step, Watcher};
pub use report::{FailedTable, PartReport, RemovalReport, RunReport, TableReport};
pub use settings::{ConflictPolicy, HolePolicy, PlanOptions, QuietRuns, Settings};
pub use shadow::{
    Divergence, MAX_EARLIER, MAX_SHOWN, Reads, ReadsError, ShadowError, ShadowFile, ShadowLeft, ShadowReport,
    ShadowTarget, shadow,
};
pub use survey::{FLAT_RUN, OUTLIER_PERCENT, Places, Survey};
pub use table::BATCH_ROWS;
pub use verification::{CandlesCheck, Difference, MAX_DIFFERENCES, RollUpFault, Verification};
