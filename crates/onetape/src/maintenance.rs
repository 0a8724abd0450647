//! Maintaining a store, and the metrics of it.
//!
//! Metrics go to whichever recorder the program has installed, and nowhere without one. They are described in
//! `docs/METRICS.md`.

use metrics::{counter, gauge, histogram};
use onetape_memory::SystemClock;
use onetape_ports::WallClock;
use onetape_ports::metric::{MetricInfo, MetricKind};
#[cfg(feature = "timescale")]
use onetape_timescale::{Maintained, MaintenanceReport};

#[cfg(feature = "timescale")]
use crate::admin::with_store;
use crate::admin::{Maintenance, sqlite};
use crate::error::OpenError;
use crate::url::StoreUrl;

const RUNS: &str = "onetape_maintenance_runs_total";
const DURATION: &str = "onetape_maintenance_duration_seconds";
const LAST_SUCCESS: &str = "onetape_maintenance_last_success_timestamp_seconds";
const WINDOWS_REFRESHED: &str = "onetape_maintenance_windows_refreshed_total";
const CHUNKS_COMPRESSED: &str = "onetape_maintenance_chunks_compressed_total";
const ROWS_COMPRESSED: &str = "onetape_maintenance_rows_compressed_total";
const CHUNKS_DROPPED: &str = "onetape_maintenance_chunks_dropped_total";
const ROWS_DROPPED: &str = "onetape_maintenance_rows_dropped_total";
const CANDLES_AUDITED: &str = "onetape_maintenance_candles_audited_total";
const DIFFERENCES: &str = "onetape_maintenance_audit_differences";

/// From a run that finds nothing to do to one that compresses years.
const DURATIONS: &[f64] = &[0.1, 1.0, 5.0, 30.0, 120.0, 600.0, 3_600.0, 14_400.0];

/// What maintenance records.
pub(crate) const METRICS: &[MetricInfo] = &[
    MetricInfo::counter(
        RUNS,
        "runs",
        &["outcome"],
        "`done`; `busy`: another run was under way and this one did nothing; `failed`: the store could not be reached, or \
         refused",
    ),
    MetricInfo {
        name: DURATION,
        kind: MetricKind::Histogram(DURATIONS),
        unit: "seconds",
        labels: &["outcome"],
        about: "duration of a run, connecting included",
    },
    MetricInfo::gauge(
        LAST_SUCCESS,
        "seconds since 1970",
        &[],
        "when the last run that was done ended; absent before the first",
    ),
    MetricInfo::counter(
        WINDOWS_REFRESHED,
        "windows",
        &["aggregate"],
        "windows of a continuous aggregate looked at (Community edition); the server recomputes only what was touched in \
         them",
    ),
    MetricInfo::counter(CHUNKS_COMPRESSED, "chunks", &["table"], "chunks compressed (Community edition)"),
    MetricInfo::counter(ROWS_COMPRESSED, "rows", &["table"], "rows in them"),
    MetricInfo::counter(
        CHUNKS_DROPPED,
        "chunks",
        &["relation"],
        "chunks that retention dropped, of a table or an aggregate",
    ),
    MetricInfo::counter(ROWS_DROPPED, "rows", &["relation"], "rows in them"),
    MetricInfo::counter(
        CANDLES_AUDITED,
        "candles",
        &["aggregate"],
        "candles compared with the same ones rolled up",
    ),
    MetricInfo::gauge(
        DIFFERENCES,
        "candles",
        &["aggregate"],
        "candles that differed in the last run; anything but 0 wants somebody to look",
    ),
];

/// How much of what is rolled up a run of maintenance compares with its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AuditScope {
    /// Everything whose seconds are still there.
    #[default]
    Everything,
    /// What may still change: for runs that follow one another.
    Recent,
}

#[cfg(feature = "timescale")]
impl From<AuditScope> for onetape_timescale::AuditScope {
    fn from(scope: AuditScope) -> Self {
        match scope {
            AuditScope::Everything => Self::Everything,
            AuditScope::Recent => Self::Recent,
        }
    }
}

/// Does what the settings demand of rows that grow old, and compares candles with the same ones rolled up. A
/// second run at the same time does nothing and says who is at it. A file has nothing rolled up, so nothing to compare.
/// What came of it is also recorded as metrics.
///
/// # Errors
/// When the store cannot be reached or is not this version's; a store in memory needs no maintenance.
pub async fn maintain(url: &str, audit: AuditScope) -> Result<Maintenance, OpenError> {
    let store = url.parse()?;
    let clock = SystemClock::new();
    let start = clock.monotonic_micros();
    let outcome = match store {
        StoreUrl::Memory => return Err(OpenError::NothingToMaintain),
        StoreUrl::Sqlite(path) => sqlite::maintain(&path).await,
        #[cfg(feature = "timescale")]
        StoreUrl::Postgres(address) => {
            let work =
                async |store: &onetape_timescale::TimescaleStore| store.maintain(&clock, audit.into()).await;
            with_store(url, &address, work).await.map(Maintenance::Timescale)
        }
        #[cfg(not(feature = "timescale"))]
        StoreUrl::Postgres(_) => {
            let _ = audit;
            Err(OpenError::WITHOUT_TIMESCALE)
        }
    };
    record(&outcome, clock.monotonic_micros() - start, &clock);
    outcome
}

/// Begins with nothing, so that the first run shows as a change.
pub(crate) fn begin_counting() {
    for outcome in ["done", "busy", "failed"] {
        counter!(RUNS, "outcome" => outcome).absolute(0);
    }
}

fn record(outcome: &Result<Maintenance, OpenError>, micros: i64, clock: &dyn WallClock) {
    let word = match outcome {
        #[cfg(feature = "timescale")]
        Ok(Maintenance::Timescale(Maintained::Busy(_))) => "busy",
        Ok(_) => "done",
        Err(_) => "failed",
    };
    counter!(RUNS, "outcome" => word).increment(1);
    histogram!(DURATION, "outcome" => word).record(seconds(micros));
    match outcome {
        #[cfg(feature = "timescale")]
        Ok(Maintenance::Timescale(Maintained::Done(report))) => record_report(report),
        #[cfg(feature = "sqlite")]
        Ok(Maintenance::Sqlite(report)) => {
            for one in &report.dropped {
                counter!(ROWS_DROPPED, "relation" => one.table.clone()).increment(one.rows);
            }
        }
        #[cfg(feature = "timescale")]
        Ok(Maintenance::Timescale(Maintained::Busy(_))) => return,
        Err(_) => return,
    }
    gauge!(LAST_SUCCESS).set(seconds(clock.now().micros()));
}

#[cfg(feature = "timescale")]
fn record_report(report: &MaintenanceReport) {
    for one in &report.refreshed {
        counter!(WINDOWS_REFRESHED, "aggregate" => one.aggregate.clone()).increment(one.windows);
    }
    for one in &report.compressed {
        counter!(CHUNKS_COMPRESSED, "table" => one.table.clone()).increment(one.chunks);
        counter!(ROWS_COMPRESSED, "table" => one.table.clone()).increment(one.rows);
    }
    for one in &report.dropped {
        counter!(CHUNKS_DROPPED, "relation" => one.relation.clone()).increment(one.chunks);
        counter!(ROWS_DROPPED, "relation" => one.relation.clone()).increment(one.rows);
    }
    for one in &report.audited {
        counter!(CANDLES_AUDITED, "aggregate" => one.aggregate.clone()).increment(one.compared);
        gauge!(DIFFERENCES, "aggregate" => one.aggregate.clone()).set(one.different as f64);
    }
}

/// A metric is a float by its nature; these lose nothing that matters.
fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

#[cfg(all(test, feature = "timescale"))]
mod tests {
    use metrics_util::debugging::{DebugValue, DebuggingRecorder};
    use onetape_memory::SystemClock;
    use onetape_timescale::{AuditedAggregate, CompressedChunks, DroppedChunks, RefreshedAggregate};

    use super::*;

    /// What is recorded, as lines: name, labels, value.
    fn recorded(work: impl FnOnce()) -> Vec<String> {
        let recorder = DebuggingRecorder::new();
        let shown = recorder.snapshotter();
        metrics::with_local_recorder(&recorder, work);
        let line = |(key, _, _, value): (metrics_util::CompositeKey, _, _, DebugValue)| {
            let labels: Vec<String> =
                key.key().labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
            let value = match value {
                DebugValue::Counter(count) => count.to_string(),
                DebugValue::Gauge(number) => number.to_string(),
                DebugValue::Histogram(samples) => format!("{} samples", samples.len()),
            };
            let words = [key.key().name(), &labels.join(","), &value].join(" ");
            words.replacen("onetape_maintenance_", "", 1)
        };
        let mut lines: Vec<String> = shown.snapshot().into_vec().into_iter().map(line).collect();
        lines.sort();
        lines
    }

    fn report() -> MaintenanceReport {
        let (table, relation, aggregate) =
            ("ohlcv_1s".to_owned(), "trade_events".to_owned(), "ohlcv_1m_continuous".to_owned());
        MaintenanceReport {
            edition: "community".to_owned(),
            refreshed: vec![RefreshedAggregate { aggregate: aggregate.clone(), windows: 3, duration_ms: 1 }],
            compressed: vec![CompressedChunks {
                table,
                chunks: 2,
                rows: 7_516,
                bytes_before: 2,
                bytes_after: 1,
                duration_ms: 1,
            }],
            dropped: vec![DroppedChunks { relation, chunks: 1, rows: 500, bytes: 8, duration_ms: 1 }],
            audited: vec![AuditedAggregate {
                aggregate,
                compared: 1_440,
                different: 2,
                differences: vec!["first".to_owned()],
                duration_ms: 1,
            }],
            duration_ms: 4,
        }
    }

    #[test]
    fn a_run_is_counted_with_all_it_did() {
        let clock = SystemClock::new();
        let twice = || {
            record(&Ok(Maintenance::Timescale(Maintained::Done(report()))), 1_500_000, &clock);
            record(&Ok(Maintenance::Timescale(Maintained::Done(report()))), 1_500_000, &clock);
        };
        let mut lines = recorded(twice);
        let at = lines.iter().position(|line| line.starts_with("last_success_timestamp_seconds")).unwrap();
        let last: f64 = lines.remove(at).rsplit(' ').next().unwrap().parse().unwrap();
        assert!((seconds(clock.now().micros()) - last).abs() < 60.0, "{last}");
        let expected = [
            "audit_differences aggregate=ohlcv_1m_continuous 2",
            "candles_audited_total aggregate=ohlcv_1m_continuous 2880",
            "chunks_compressed_total table=ohlcv_1s 4",
            "chunks_dropped_total relation=trade_events 2",
            "duration_seconds outcome=done 2 samples",
            "rows_compressed_total table=ohlcv_1s 15032",
            "rows_dropped_total relation=trade_events 1000",
            "runs_total outcome=done 2",
            "windows_refreshed_total aggregate=ohlcv_1m_continuous 6",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_run_that_fails_is_counted_and_no_success() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        // Refused before anybody is asked.
        let nowhere = "postgres://nobody@db.example.com/none?sslmode=disable";
        let lines = recorded(|| {
            runtime.block_on(maintain(nowhere, AuditScope::Recent)).unwrap_err();
        });
        assert_eq!(lines, ["duration_seconds outcome=failed 1 samples", "runs_total outcome=failed 1"]);
    }
}
