//! Metrics of writing old files on.

use ::metrics::counter;
use onetape_ports::metric::{MetricInfo, MetricKind};

const CANDLES: &str = "onetape_legacy_candles_total";
const BYTES: &str = "onetape_legacy_bytes_written_total";
const FAILURES: &str = "onetape_legacy_failures_total";

/// What writing old files on records.
pub const METRICS: &[MetricInfo] = &[
    MetricInfo {
        name: CANDLES,
        kind: MetricKind::Counter,
        unit: "candles",
        labels: &["change"],
        about: "candles put into the files of the old system: `new`, or `replaced` (corrected)",
    },
    MetricInfo {
        name: BYTES,
        kind: MetricKind::Counter,
        unit: "bytes",
        labels: &[],
        about: "bytes of these files written; each change writes a file anew",
    },
    MetricInfo {
        name: FAILURES,
        kind: MetricKind::Counter,
        unit: "failures",
        labels: &[],
        about: "files that could not be written on; it is tried again, and collecting goes on",
    },
];

pub(crate) fn written(new: u64, replaced: u64, bytes: u64) {
    counter!(CANDLES, "change" => "new").increment(new);
    counter!(CANDLES, "change" => "replaced").increment(replaced);
    counter!(BYTES).increment(bytes);
}

pub(crate) fn failed() {
    counter!(FAILURES).increment(1);
}
