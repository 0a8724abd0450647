//! Metrics of reads.

use ::metrics::{counter, histogram};
use onetape_domain::frame::DataSource;
use onetape_ports::metric::{MetricInfo, MetricKind};

use crate::error::ProviderError;

const READ_DURATION: &str = "onetape_read_duration_seconds";
const READS_FAILED: &str = "onetape_reads_failed_total";

/// From an answer of the cache to one of a server far away.
const DURATIONS: &[f64] = &[
    0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1,
    0.25, 1.0, 5.0,
];

/// What the read side records.
pub const METRICS: &[MetricInfo] = &[
    MetricInfo {
        name: READ_DURATION,
        kind: MetricKind::Histogram(DURATIONS),
        unit: "seconds",
        labels: &["source"],
        about: "time of an answer: frames, candles of several timeframes, books; `cache` or `database`. \
                `get_closed_candles` is not measured",
    },
    MetricInfo {
        name: READS_FAILED,
        kind: MetricKind::Counter,
        unit: "reads",
        labels: &["reason"],
        about: "reads without an answer: `unavailable` (neither cache nor store can prove it), `quality` (worse than \
                demanded), `future`, `unknown` (instrument), `invalid`, `store`",
    },
];

pub(crate) fn answered(source: DataSource, seconds: f64) {
    let source = match source {
        DataSource::Cache => "cache",
        DataSource::Database => "database",
    };
    histogram!(READ_DURATION, "source" => source).record(seconds);
}

pub(crate) fn failed(error: &ProviderError) {
    let reason = match error {
        ProviderError::Invalid(_) => "invalid",
        ProviderError::UnknownInstrument { .. } => "unknown",
        ProviderError::Future { .. } => "future",
        ProviderError::Unavailable { .. } => "unavailable",
        ProviderError::Quality { .. } => "quality",
        ProviderError::Store(_) => "store",
    };
    counter!(READS_FAILED, "reason" => reason).increment(1);
}
