//! Progress of an export: rows and rate on a terminal, log lines elsewhere.

use indicatif::{HumanBytes, ProgressBar};
use onetape::ExportProgress;

use crate::progress::{Show, Watch, rate};

/// Shows how far an export has come.
pub(super) struct Progress(Watch);

impl Progress {
    /// Starts; `quiet` shows nothing on a terminal.
    pub(super) fn start(quiet: bool) -> Self {
        Self(Watch::start(quiet, "{spinner} {msg}", ProgressBar::new_spinner))
    }

    /// Notes what was read and written.
    pub(super) fn update(&mut self, now: &ExportProgress) {
        let seconds = self.0.seconds();
        let rate = rate(now.rows, seconds);
        match self.0.show(seconds) {
            Some(Show::Bar(bar)) => {
                let at = now.time.map(|time| format!(", at {time}")).unwrap_or_default();
                let bytes = HumanBytes(now.bytes);
                bar.set_message(format!("{} rows, {rate:.0} rows/s, {bytes} written{at}", now.rows));
                bar.tick();
            }
            Some(Show::Log) => {
                let at = now.time.map(|time| time.to_string());
                tracing::info!(
                    rows = now.rows,
                    written.bytes = now.bytes,
                    rate_per_s = rate,
                    at,
                    "exporting"
                );
            }
            None => {}
        }
    }

    /// Takes the bar away; returns the seconds it took.
    pub(super) fn finish(self) -> f64 {
        self.0.finish()
    }
}
