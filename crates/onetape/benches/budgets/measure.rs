//! Time and percentiles.

use onetape::memory::SystemClock;
use onetape::ports::WallClock;

/// Seconds since `start`, which [`now`] gave.
pub(crate) fn seconds_since(start: i64) -> f64 {
    (now() - start) as f64 / 1e6
}

/// Monotonic microseconds.
pub(crate) fn now() -> i64 {
    thread_local!(static CLOCK: SystemClock = SystemClock::default());
    CLOCK.with(|clock| clock.monotonic_micros())
}

/// Nanoseconds a call takes: median and 99th percentile over batches of `calls` calls.
pub(crate) struct Latency {
    samples: Vec<f64>,
}

impl Latency {
    pub(crate) fn new() -> Self {
        Self { samples: Vec::new() }
    }

    pub(crate) fn push_micros(&mut self, micros: f64) {
        self.samples.push(micros);
    }

    /// Microseconds at a quantile.
    pub(crate) fn quantile(&mut self, quantile: f64) -> f64 {
        self.samples.sort_by(f64::total_cmp);
        let last = self.samples.len().saturating_sub(1);
        self.samples.get(((last as f64) * quantile).round() as usize).copied().unwrap_or(f64::NAN)
    }
}

/// One line of the table.
pub(crate) fn row(what: &str, result: &str, floor: &str, ratio: Option<f64>) {
    let ratio = ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default();
    println!("| {what} | {result} | {floor} | {ratio} |");
}
