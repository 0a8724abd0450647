//! Progress of long work: a bar with rate and ETA on a terminal, log lines elsewhere.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use onetape::CopyMoment;
use onetape::ports::WallClock;

/// Bytes between two looks at the clock.
const LOOK_EVERY: u64 = 64 << 10;
/// Time between two log lines.
const LOG_EVERY: f64 = 5.0;
/// The same for work without an end.
const LOG_ENDLESS_EVERY: f64 = 60.0;

/// What all kinds of progress have: the bar, where there is a terminal for it, and the time.
#[derive(Debug)]
pub(crate) struct Watch {
    bar: Option<ProgressBar>,
    clock: onetape::memory::SystemClock,
    started: i64,
    every: f64,
    logged: f64,
}

/// Where to show how far it is.
pub(crate) enum Show<'a> {
    /// On the bar.
    Bar(&'a ProgressBar),
    /// In the log, where a line is due.
    Log,
}

impl Watch {
    /// Starts; `quiet` has no bar.
    pub(crate) fn start(quiet: bool, template: &str, bar: impl FnOnce() -> ProgressBar) -> Self {
        let clock = onetape::memory::SystemClock::default();
        let started = clock.monotonic_micros();
        let bar = (!quiet && std::io::stderr().is_terminal()).then(|| {
            let bar = bar();
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar
        });
        Self { bar, clock, started, every: LOG_EVERY, logged: 0.0 }
    }

    /// For work without an end: one line on a terminal, and a log line now and then elsewhere.
    pub(crate) fn endless(quiet: bool) -> Self {
        Self { every: LOG_ENDLESS_EVERY, ..Self::start(quiet, "{spinner} {msg}", ProgressBar::new_spinner) }
    }

    /// Where to show what there is after so many seconds, if anywhere.
    pub(crate) fn show(&mut self, seconds: f64) -> Option<Show<'_>> {
        if let Some(bar) = &self.bar {
            return Some(Show::Bar(bar));
        }
        let is_due = seconds - self.logged >= self.every;
        if is_due {
            self.logged = seconds;
        }
        is_due.then_some(Show::Log)
    }

    /// Since the start.
    pub(crate) fn seconds(&self) -> f64 {
        let elapsed = self.clock.monotonic_micros() - self.started;
        Duration::from_micros(u64::try_from(elapsed).unwrap_or(0)).as_secs_f64()
    }

    /// Takes the bar away; returns the seconds it took.
    pub(crate) fn finish(self) -> f64 {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        self.seconds()
    }
}

/// So many in so many seconds, a second.
pub(crate) fn rate(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { count as f64 / seconds } else { 0.0 }
}

/// Shows how far reading has come.
#[derive(Debug)]
pub(crate) struct Progress {
    watch: Watch,
    looked: u64,
}

impl Progress {
    /// Starts; `quiet` shows nothing on a terminal.
    pub(crate) fn start(total: Option<u64>, quiet: bool) -> Self {
        let template = "{bar:30} {percent:>3} % of {total_bytes}, {msg}, {bytes_per_sec}, {eta} left";
        let bar = || total.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
        Self { watch: Watch::start(quiet, template, bar), looked: 0 }
    }

    /// Notes how many bytes were read and messages taken in.
    pub(crate) fn update(&mut self, bytes: u64, total: Option<u64>, messages: u64) {
        if bytes.saturating_sub(self.looked) < LOOK_EVERY {
            return;
        }
        self.looked = bytes;
        let seconds = self.watch.seconds();
        let rate = rate(messages, seconds);
        match self.watch.show(seconds) {
            Some(Show::Bar(bar)) => {
                bar.set_position(bytes);
                bar.set_message(format!("{messages} messages, {rate:.0}/s"));
            }
            Some(Show::Log) => {
                let eta_s =
                    total.map(|total| seconds / bytes.max(1) as f64 * total.saturating_sub(bytes) as f64);
                tracing::info!(
                    read.bytes = bytes,
                    total.bytes = total,
                    messages,
                    rate_per_s = rate,
                    eta_s,
                    "replaying"
                );
            }
            None => {}
        }
    }

    /// Takes the bar away; returns the seconds it took.
    pub(crate) fn finish(self) -> f64 {
        self.watch.finish()
    }
}

/// Shows how far a copy has come.
#[derive(Debug)]
pub(crate) struct CopyProgress(Watch);

/// Steps of the bar.
const STEPS: u64 = 10_000;

impl CopyProgress {
    pub(crate) fn start() -> Self {
        let template = "{bar:30} {percent:>3} %, {msg}, about {eta} left";
        Self(Watch::start(false, template, || ProgressBar::new(STEPS)))
    }

    pub(crate) fn update(&mut self, moment: &CopyMoment) {
        let CopyMoment { instrument, step, table, rows, fraction } = moment;
        let seconds = self.0.seconds();
        let (rate, step) = (rate(*rows, seconds), step.as_str());
        match self.0.show(seconds) {
            Some(Show::Bar(bar)) => {
                bar.set_position((fraction * STEPS as f64) as u64);
                bar.set_message(format!("{step} {instrument} {table}, {rows} rows, {rate:.0}/s"));
            }
            Some(Show::Log) => {
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
            None => {}
        }
    }

    /// Takes the bar away; returns the seconds it took.
    pub(crate) fn finish(self) -> f64 {
        self.0.finish()
    }
}
