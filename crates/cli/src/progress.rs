//! Progress of long work: a bar with rate and ETA on a terminal, log lines elsewhere.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use onetape::CopyMoment;
use onetape::ports::WallClock;

/// Bytes between two looks at the clock.
const LOOK_EVERY: u64 = 64 << 10;
/// Time between two log lines.
const LOG_EVERY: Duration = Duration::from_secs(5);

/// Shows how far reading has come.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    clock: onetape::memory::SystemClock,
    started: i64,
    logged: i64,
    looked: u64,
}

impl Progress {
    /// Starts; `quiet` shows nothing at all.
    pub(crate) fn start(total: Option<u64>, quiet: bool) -> Self {
        let clock = onetape::memory::SystemClock::default();
        let started = clock.monotonic_micros();
        let bar = (!quiet && std::io::stderr().is_terminal()).then(|| {
            let bar = total.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
            let template = "{bar:30} {percent:>3} % of {total_bytes}, {msg}, {bytes_per_sec}, {eta} left";
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar
        });
        Self { bar, clock, started, logged: started, looked: 0 }
    }

    /// Notes how many bytes were read and messages taken in.
    pub(crate) fn update(&mut self, bytes: u64, total: Option<u64>, messages: u64) {
        if bytes.saturating_sub(self.looked) < LOOK_EVERY {
            return;
        }
        self.looked = bytes;
        let now = self.clock.monotonic_micros();
        let seconds = Duration::from_micros(u64::try_from(now - self.started).unwrap_or(0)).as_secs_f64();
        let rate = if seconds > 0.0 { messages as f64 / seconds } else { 0.0 };
        if let Some(bar) = &self.bar {
            bar.set_position(bytes);
            bar.set_message(format!("{messages} messages, {rate:.0}/s"));
        } else if Duration::from_micros(u64::try_from(now - self.logged).unwrap_or(0)) >= LOG_EVERY {
            self.logged = now;
            let eta_s = total.map(|total| seconds / bytes.max(1) as f64 * total.saturating_sub(bytes) as f64);
            tracing::info!(
                read.bytes = bytes,
                total.bytes = total,
                messages,
                rate_per_s = rate,
                eta_s,
                "replaying"
            );
        }
    }

    /// Takes the bar away; returns the seconds it took.
    pub(crate) fn finish(self) -> f64 {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let elapsed = self.clock.monotonic_micros() - self.started;
        Duration::from_micros(u64::try_from(elapsed).unwrap_or(0)).as_secs_f64()
    }
}

/// Shows how far a copy has come.
#[derive(Debug)]
pub(crate) struct CopyProgress {
    bar: Option<ProgressBar>,
    clock: onetape::memory::SystemClock,
    started: i64,
    logged: i64,
}

/// Steps of the bar.
const STEPS: u64 = 10_000;

impl CopyProgress {
    pub(crate) fn start() -> Self {
        let clock = onetape::memory::SystemClock::default();
        let started = clock.monotonic_micros();
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(STEPS);
            if let Ok(style) =
                ProgressStyle::with_template("{bar:30} {percent:>3} %, {msg}, about {eta} left")
            {
                bar.set_style(style);
            }
            bar
        });
        Self { bar, clock, started, logged: started }
    }

    pub(crate) fn update(&mut self, moment: &CopyMoment) {
        let CopyMoment { instrument, step, table, rows, fraction } = moment;
        let now = self.clock.monotonic_micros();
        let seconds = Duration::from_micros(u64::try_from(now - self.started).unwrap_or(0)).as_secs_f64();
        let rate = if seconds > 0.0 { *rows as f64 / seconds } else { 0.0 };
        let step = step.as_str();
        if let Some(bar) = &self.bar {
            bar.set_position((fraction * STEPS as f64) as u64);
            bar.set_message(format!("{step} {instrument} {table}, {rows} rows, {rate:.0}/s"));
        } else if Duration::from_micros(u64::try_from(now - self.logged).unwrap_or(0)) >= LOG_EVERY {
            self.logged = now;
            let eta_s = (*fraction > 0.0).then(|| seconds * (1.0 - fraction) / fraction);
            tracing::info!(
                copy.instrument = %instrument,
                copy.step = step,
                copy.table = table,
                copy.rows = rows,
                rate_per_s = rate,
                done_percent = fraction * 100.0,
                eta_s,
                "copying"
            );
        }
    }

    /// Takes the bar away; returns the seconds it took.
    pub(crate) fn finish(self) -> f64 {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let elapsed = self.clock.monotonic_micros() - self.started;
        Duration::from_micros(u64::try_from(elapsed).unwrap_or(0)).as_secs_f64()
    }
}
