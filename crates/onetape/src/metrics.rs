//! All metrics that the library records: what they are called and mean.

use onetape_ports::metric::{MetricInfo, MetricKind};

/// Every metric, in the order of `docs/METRICS.md`.
pub fn metrics() -> impl Iterator<Item = &'static MetricInfo> {
    let tables = [
        onetape_ingestion::METRICS,
        #[cfg(feature = "live")]
        onetape_exchanges::live::METRICS,
        onetape_provider::METRICS,
        #[cfg(feature = "legacy")]
        onetape_migration::METRICS,
        #[cfg(any(feature = "sqlite", feature = "timescale"))]
        crate::maintenance::METRICS,
    ];
    tables.into_iter().flatten()
}

/// Tells the program's recorder what the metrics mean; call it once it is installed.
pub fn describe_metrics() {
    for metric in metrics() {
        // Units are in the names already.
        let (name, about) = (metric.name, metric.about);
        match metric.kind {
            MetricKind::Counter => ::metrics::describe_counter!(name, about),
            MetricKind::Gauge => ::metrics::describe_gauge!(name, about),
            MetricKind::Histogram(_) => ::metrics::describe_histogram!(name, about),
        }
    }
    #[cfg(any(feature = "sqlite", feature = "timescale"))]
    crate::maintenance::begin_counting();
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    #[cfg(any(feature = "sqlite", feature = "timescale"))]
    fn the_page_has_these_metrics_and_no_others() {
        let page = include_str!("../../../docs/METRICS.md");
        let documented: BTreeSet<&str> =
            page.lines().filter(|line| line.starts_with("| `onetape_")).collect();
        let lines: BTreeSet<String> = metrics().map(ToString::to_string).collect();
        assert_eq!(lines.len(), metrics().count(), "a metric stands twice in the tables");
        let missing: Vec<&String> = lines.iter().filter(|line| !documented.contains(line.as_str())).collect();
        let missing: String = missing.iter().map(|line| format!("{line}\n")).collect();
        let unknown: Vec<&&str> = documented.iter().filter(|line| !lines.contains(**line)).collect();
        assert!(missing.is_empty(), "docs/METRICS.md lacks these lines:\n{missing}");
        assert!(unknown.is_empty(), "docs/METRICS.md has lines that are none: {unknown:#?}");
    }

    #[test]
    fn names_say_what_they_are() {
        for metric in metrics() {
            assert_eq!(
                metric.name.ends_with("_total"),
                metric.kind == MetricKind::Counter,
                "{}",
                metric.name
            );
            assert!(!metric.about.contains('|') && !metric.about.contains('\n'), "{}", metric.name);
            if let MetricKind::Histogram(bounds) = metric.kind {
                assert!(bounds.is_sorted() && !bounds.is_empty(), "{}", metric.name);
            }
        }
    }
}
