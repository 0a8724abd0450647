//! Maintenance: what the settings demand of rows that grow old, and the audit of what was rolled up.
//!
//! One run at a time, under an advisory lock, on a connection of its own. Each chunk and each window is a transaction,
//! so a run that is broken off has done a part of its work, and the next one does the rest.

mod audit;
mod chunks;
mod lock;
mod refresh;
mod report;

pub use lock::Holder;
pub use report::{AuditedAggregate, CompressedChunks, DroppedChunks, MaintenanceReport, RefreshedAggregate};

use onetape_domain::time::Timestamp;
use onetape_ports::{StoreError, WallClock};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection};

use crate::edition::Edition;
use crate::error::failed;
use crate::micros::Micros;
use crate::settings::{self, Settings};
use crate::store::TimescaleStore;

const MAINTAIN: &str = "maintain the store";

/// How much of what is rolled up a run compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AuditScope {
    /// Everything whose seconds are still there.
    #[default]
    Everything,
    /// What the settings' refresh window covers: for runs that follow one another.
    Recent,
}

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Maintained {
    /// It did what was due.
    Done(MaintenanceReport),
    /// Another one is under way, and this one did nothing.
    Busy(Holder),
}

impl TimescaleStore {
    /// Does what is due by the settings, as of the clock's time: refreshes aggregates (Community edition),
    /// drops chunks, compresses chunks (Community); then compares our own candles with the same ones rolled up.
    ///
    /// Doing it again at once changes nothing. What the server's own policies have done already is found done.
    ///
    /// # Errors
    /// `Schema` for a database that is not this build's; else what the server reports. Differences that the
    /// audit finds are no error: they are in the report.
    pub async fn maintain(&self, clock: &dyn WallClock, audit: AuditScope) -> Result<Maintained, StoreError> {
        let edition = self.verify().await?;
        let version = self.server().await?.timescaledb_version();
        // Its lock belongs to a session.
        let options = self.admin().sessions(MAINTAIN)?.connect_options();
        let mut connection = connect(options.as_ref().clone()).await?;
        if let Some(holder) = lock::acquire(&mut connection).await? {
            return Ok(Maintained::Busy(holder));
        }
        let settings = settings::applied(&mut connection).await?;
        let now = clock.now();
        let run = Run { connection, clock, now, settings, edition, version };
        run.work(audit).await.map(Maintained::Done)
    }
}

/// A run under way.
struct Run<'a> {
    connection: PgConnection,
    clock: &'a dyn WallClock,
    /// Ages are counted to this instant.
    now: Timestamp,
    settings: Settings,
    edition: Edition,
    /// Version of the extension.
    version: (u32, u32),
}

impl Run<'_> {
    /// Refreshes before it drops, so that no change of old seconds is lost to the aggregates; compresses what is left.
    async fn work(mut self, audit: AuditScope) -> Result<MaintenanceReport, StoreError> {
        let start = self.clock.monotonic_micros();
        let mut report = MaintenanceReport::new(self.edition);
        if self.edition == Edition::Community {
            report.refreshed = self.refresh().await?;
        }
        report.dropped = self.drop_old().await?;
        if self.edition == Edition::Community {
            report.compressed = self.compress().await?;
        }
        report.audited = self.audit(audit).await?;
        report.duration_ms = self.millis_since(start);
        self.note(&report).await?;
        tracing::info!(
            maintenance.chunks_dropped = report.dropped.iter().map(|table| table.chunks).sum::<u64>(),
            maintenance.chunks_compressed = report.compressed.iter().map(|table| table.chunks).sum::<u64>(),
            maintenance.differences = report.differences(),
            duration_ms = report.duration_ms,
            "maintenance is done",
        );
        // Closed rather than dropped, so that the lock is free when the caller reads the report.
        self.connection.close().await.map_err(failed(MAINTAIN))?;
        Ok(report)
    }

    /// Leaves behind that it ran, for whoever asks whether it does.
    async fn note(&mut self, report: &MaintenanceReport) -> Result<(), StoreError> {
        sqlx::query(include_str!("queries/maintain/write_run.sql"))
            .bind(Micros(self.clock.now()))
            .bind(i64::try_from(report.differences()).unwrap_or(i64::MAX))
            .bind(i64::try_from(report.duration_ms).unwrap_or(i64::MAX))
            .execute(&mut self.connection)
            .await
            .map(drop)
            .map_err(failed(MAINTAIN))
    }

    fn millis_since(&self, start: i64) -> u64 {
        u64::try_from((self.clock.monotonic_micros() - start) / 1_000).unwrap_or(0)
    }
}

async fn connect(options: PgConnectOptions) -> Result<PgConnection, StoreError> {
    let options = options.application_name("onetape maintain");
    let mut connection = options.connect().await.map_err(failed("connect"))?;
    sqlx::query(include_str!("queries/maintain/session.sql"))
        .persistent(false)
        .execute(&mut connection)
        .await
        .map_err(failed("connect"))?;
    Ok(connection)
}
