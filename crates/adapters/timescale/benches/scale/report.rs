//! Percentiles, and the lines of the report.

use std::time::Duration;

/// How long calls took.
#[derive(Debug, Default)]
pub(crate) struct Latency(Vec<Duration>);

impl Latency {
    pub(crate) fn push(&mut self, taken: Duration) {
        self.0.push(taken);
    }

    pub(crate) fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// Milliseconds at a quantile.
    pub(crate) fn millis(&mut self, quantile: f64) -> f64 {
        self.0.sort_unstable();
        let last = self.0.len().saturating_sub(1) as f64;
        self.0.get((last * quantile).round() as usize).map_or(f64::NAN, |taken| taken.as_secs_f64() * 1e3)
    }

    /// Calls a second, one after the other.
    pub(crate) fn rate(&self) -> f64 {
        self.0.len() as f64 / self.0.iter().sum::<Duration>().as_secs_f64()
    }
}

pub(crate) fn heading() {
    println!("\n| what | result | floor or budget | ratio |");
    println!("|---|---|---|---|");
}

/// One line of the table.
pub(crate) fn row(what: &str, result: &str, floor: &str, ratio: Option<f64>) {
    let ratio = ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default();
    println!("| {what} | {result} | {floor} | {ratio} |");
}

/// The load averages of the machine, where it tells.
pub(crate) fn load_of_machine() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}
