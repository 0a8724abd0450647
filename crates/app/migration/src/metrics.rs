//! Metrics of taking old files in, and of writing them on.

use ::metrics::counter;
use onetape_domain::manifest::TableProgress;
use onetape_ports::metric::{MetricInfo, MetricKind};

const ROWS: &str = "onetape_import_rows_total";
const PARTS: &str = "onetape_import_parts_finished_total";
const LEFT: &str = "onetape_import_failures_total";
const REMOVED: &str = "onetape_import_removed_candles_total";
const CANDLES: &str = "onetape_legacy_candles_total";
const BYTES: &str = "onetape_legacy_bytes_written_total";
const FAILURES: &str = "onetape_legacy_failures_total";

/// What taking old files in and writing them on records.
pub const METRICS: &[MetricInfo] = &[
    MetricInfo {
        name: ROWS,
        kind: MetricKind::Counter,
        unit: "rows",
        labels: &["outcome"],
        about: "rows of old files that were read and written: `new`, `same` (there already), `conflicting` or `invalid`",
    },
    MetricInfo {
        name: PARTS,
        kind: MetricKind::Counter,
        unit: "parts",
        labels: &[],
        about: "parts of imports that were finished, and are seen by readers",
    },
    MetricInfo {
        name: LEFT,
        kind: MetricKind::Counter,
        unit: "failures",
        labels: &[],
        about: "tables that could not be read to their end, and parts that could not be finished",
    },
    MetricInfo {
        name: REMOVED,
        kind: MetricKind::Counter,
        unit: "candles",
        labels: &[],
        about: "candles that left again with their imports",
    },
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

/// What a batch made of its rows: how a table stood before and after it.
pub(crate) fn taken_in(before: &TableProgress, after: &TableProgress) {
    for (outcome, before, after) in [
        ("new", before.new, after.new),
        ("same", before.same, after.same),
        ("conflicting", before.conflicting, after.conflicting),
        ("invalid", before.invalid, after.invalid),
    ] {
        counter!(ROWS, "outcome" => outcome).increment(after.saturating_sub(before));
    }
}

pub(crate) fn part_finished() {
    counter!(PARTS).increment(1);
}

pub(crate) fn left(count: usize) {
    counter!(LEFT).increment(count as u64);
}

pub(crate) fn removed(candles: u64) {
    counter!(REMOVED).increment(candles);
}

pub(crate) fn written(new: u64, replaced: u64, bytes: u64) {
    counter!(CANDLES, "change" => "new").increment(new);
    counter!(CANDLES, "change" => "replaced").increment(replaced);
    counter!(BYTES).increment(bytes);
}

pub(crate) fn failed() {
    counter!(FAILURES).increment(1);
}
