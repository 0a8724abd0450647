//! Progress of an export: rows and rate on a terminal, log lines elsewhere.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use onetape::ExportProgress;
use onetape::ports::WallClock as _;

/// Time between two log lines.
const LOG_EVERY: f64 = 5.0;

/// Shows how far an export has come.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    clock: onetape::memory::SystemClock,
    started: i64,
    logged: f64,
}

impl Progress {
    /// Starts; `quiet` shows nothing on a terminal.
    pub(super) fn start(quiet: bool) -> Self {
        let clock = onetape::memory::SystemClock::default();
        let started = clock.monotonic_micros();
        let bar = (!quiet && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
                bar.set_style(style);
            }
            bar
        });
        Self { bar, clock, started, logged: 0.0 }
    }

    /// Notes what was read and written.
    pub(super) fn update(&mut self, now: &ExportProgress) {
        let seconds = self.seconds();
        let rate = if seconds > 0.0 { now.rows as f64 / seconds } else { 0.0 };
        if let Some(bar) = &self.bar {
            let at = now.time.map(|time| format!(", at {time}")).unwrap_or_default();
            bar.set_message(format!(
                "{} rows, {rate:.0} rows/s, {} written{at}",
                now.rows,
                HumanBytes(now.bytes)
            ));
            bar.tick();
        } else if seconds - self.logged >= LOG_EVERY {
            self.logged = seconds;
            let at = now.time.map(|time| time.to_string());
            tracing::info!(rows = now.rows, written.bytes = now.bytes, rate_per_s = rate, at, "exporting");
        }
    }

    /// Takes the bar away; returns the seconds it took.
    pub(super) fn finish(self) -> f64 {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        self.seconds()
    }

    fn seconds(&self) -> f64 {
        let elapsed = self.clock.monotonic_micros() - self.started;
        Duration::from_micros(u64::try_from(elapsed).unwrap_or(0)).as_secs_f64()
    }
}
