//! Examines a file, and says of each thing that is wrong why it matters and what to do. It changes nothing.

mod report;

pub use report::{DoctorReport, Finding, Severity};

use onetape_domain::time::{SECOND, Timestamp};
use onetape_ports::{StoreError, WallClock};
use sqlx::SqliteConnection;

use crate::error::failed;
use crate::maintain::free_pages;
use crate::session::{self, Session};
use crate::settings::{self, shown};
use crate::store::SqliteStore;

const EXAMINE: &str = "examine the file";

/// Largest write-ahead log that is ordinary: it is cut back to 64 MiB once its rows are in the file.
const ORDINARY_LOG_BYTES: u64 = 256 << 20;
/// How long a store may go without maintenance.
const MAINTAINED_WITHIN: i64 = 3 * 86_400 * SECOND;

impl SqliteStore {
    /// Examines the file. It reads all of it: some seconds a gigabyte.
    ///
    /// # Errors
    /// What the file's reading reports. What is wrong with it is in the report.
    pub async fn doctor(&self, clock: &dyn WallClock) -> Result<DoctorReport, StoreError> {
        let mut session = Session::begin(self.readers(), session::READ, EXAMINE).await?;
        let report = self.examine(session.connection()?, clock.now()).await;
        session.finish(report).await
    }

    async fn examine(
        &self,
        connection: &mut SqliteConnection,
        now: Timestamp,
    ) -> Result<DoctorReport, StoreError> {
        let sqlite: String = scalar(connection, include_str!("queries/sqlite_version.sql")).await?;
        let (pages, free, page_bytes) = free_pages(connection, EXAMINE).await?;
        let mut findings = vec![integrity(connection).await?, self.journal(connection).await?];
        findings.push(maintenance(connection, now).await?);
        let settings = settings::applied(connection).await?;
        let kept: Vec<String> =
            settings.tables().map(|(table, period)| format!("{table} {}", shown(period))).collect();
        findings.push(Finding::ok("retention", kept.join(", ")));
        Ok(DoctorReport {
            store: self.to_string(),
            sqlite,
            bytes: (pages * page_bytes).unsigned_abs(),
            free_bytes: (free * page_bytes).unsigned_abs(),
            log_bytes: self.log_bytes(),
            findings,
        })
    }

    async fn journal(&self, connection: &mut SqliteConnection) -> Result<Finding, StoreError> {
        let mode: String = scalar(connection, include_str!("queries/journal_mode.sql")).await?;
        let bytes = self.log_bytes();
        Ok(if mode != "wal" {
            Finding::error(
                "log",
                format!("the journal mode is {mode}"),
                "readers and the writer would wait for each other, and a copy of the file may lack rows",
                "close all programs that have the file open, then open it with onetape again",
            )
        } else if bytes > ORDINARY_LOG_BYTES {
            Finding::warning(
                "log",
                format!("the write-ahead log has {bytes} bytes"),
                "a reader that never ends keeps it from being emptied, and every read gets slower",
                "end long reads, then run `onetape maintain`",
            )
        } else {
            Finding::ok("log", format!("write-ahead, {bytes} bytes"))
        })
    }
}

/// Whether pages and rows are as they must be.
async fn integrity(connection: &mut SqliteConnection) -> Result<Finding, StoreError> {
    let lines: Vec<String> = sqlx::query_scalar(include_str!("queries/quick_check.sql"))
        .fetch_all(connection)
        .await
        .map_err(failed(EXAMINE))?;
    Ok(if lines == ["ok"] {
        Finding::ok("integrity", "the file is whole")
    } else {
        Finding::error(
            "integrity",
            lines.join("; "),
            "rows may be lost, and answers wrong",
            "restore a backup, or replay the tape into a new file",
        )
    })
}

async fn maintenance(connection: &mut SqliteConnection, now: Timestamp) -> Result<Finding, StoreError> {
    let last: Option<i64> = sqlx::query_scalar(include_str!("queries/last_maintenance.sql"))
        .fetch_optional(connection)
        .await
        .map_err(failed(EXAMINE))?;
    let last = last.map(Timestamp::from_micros);
    Ok(match last {
        Some(last) if now.since(last) <= MAINTAINED_WITHIN => {
            Finding::ok("maintenance", format!("last at {last}"))
        }
        last => Finding::warning(
            "maintenance",
            last.map_or_else(|| "it never ran".to_owned(), |last| format!("it last ran at {last}")),
            "rows are kept for longer than the settings say, and the file grows",
            "run `onetape maintain` every day; it drops what is older, counted from now, than the settings say (below, under \
             retention), so keep more first by `onetape db setup --settings FILE` where the market is an old one",
        ),
    })
}

async fn scalar(connection: &mut SqliteConnection, sql: &'static str) -> Result<String, StoreError> {
    sqlx::query_scalar(sql).fetch_one(connection).await.map_err(failed(EXAMINE))
}
