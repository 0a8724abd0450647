//! What a metric is called and means: each crate that records some has one table of them.

use std::fmt;

/// How a metric behaves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MetricKind {
    /// Only grows, from nothing at the start of the process.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Many values, counted in buckets with these upper bounds.
    Histogram(&'static [f64]),
}

/// A metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MetricInfo {
    /// Its name, with the unit in it, and `_total` at the end of what only grows.
    pub name: &'static str,
    /// How it behaves.
    pub kind: MetricKind,
    /// Unit, for people.
    pub unit: &'static str,
    /// Names of its labels.
    pub labels: &'static [&'static str],
    /// What it is, with the values of its labels. As one line of a table.
    pub about: &'static str,
}

impl MetricInfo {
    /// A number that only grows.
    pub const fn counter(
        name: &'static str,
        unit: &'static str,
        labels: &'static [&'static str],
        about: &'static str,
    ) -> Self {
        Self { name, kind: MetricKind::Counter, unit, labels, about }
    }

    /// A number that goes up and down.
    pub const fn gauge(
        name: &'static str,
        unit: &'static str,
        labels: &'static [&'static str],
        about: &'static str,
    ) -> Self {
        Self { name, kind: MetricKind::Gauge, unit, labels, about }
    }
}

impl fmt::Display for MetricInfo {
    /// As a line of the table in `docs/METRICS.md`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram(_) => "histogram",
        };
        let labels: Vec<String> = self.labels.iter().map(|label| format!("`{label}`")).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{} ", labels.join(", ")) };
        write!(f, "| `{}` | {kind} | {} | {labels}| {} |", self.name, self.unit, self.about)
    }
}
