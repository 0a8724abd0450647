//! How far an import is: a bar on a terminal, log lines elsewhere; and Ctrl-C, which ends it after what is under way.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::ProgressBar;
use onetape::import::{MigrationError, Progress, Step, Watcher};

use crate::progress::{Show, Watch, rate};

/// Steps of the bar.
const STEPS: u64 = 10_000;
/// The exit code of a process that a second Ctrl-C ends: that of one that the signal itself ended.
const ENDED_AT_ONCE: i32 = 130;

/// How fast a step goes: what came before it says nothing of it.
#[derive(Debug, Default)]
struct Pace {
    step: Option<Step>,
    /// Where the step stood when it was first heard of: seconds, rows, and how much of it was done.
    from: (f64, u64, f64),
}

impl Pace {
    /// Rows a second, and seconds that are left, where that can be told.
    fn of(&mut self, progress: &Progress<'_>, seconds: f64) -> (f64, Option<f64>) {
        let Progress { step, rows, fraction, .. } = progress;
        // Rows begin anew where the next instrument's candles are read.
        if self.step != Some(*step) || *rows < self.from.1 {
            *self = Self { step: Some(*step), from: (seconds, *rows, *fraction) };
        }
        let (begun, before, done) = self.from;
        let eta_s = (*fraction > done).then(|| (seconds - begun) * (1.0 - fraction) / (fraction - done));
        (rate(rows - before, seconds - begun), eta_s)
    }
}

pub(super) struct Watched {
    watch: Watch,
    pace: Pace,
    is_interrupted: Arc<AtomicBool>,
}

impl Watched {
    pub(super) fn start(quiet: bool) -> Self {
        let template = "{bar:30} {percent:>3} %, {msg}, about {eta} left";
        let watch = Watch::start(quiet, template, || ProgressBar::new(STEPS));
        Self { watch, pace: Pace::default(), is_interrupted: Arc::default() }
    }

    /// Does the work, which is told once that it was interrupted. Whoever interrupts it again does not want to wait for what is
    /// under way: the process ends, as it would if it was killed.
    pub(super) async fn until_interrupted<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut Watcher<'_>) -> Result<T, MigrationError>,
    ) -> Result<T, MigrationError> {
        let flag = self.is_interrupted.clone();
        let listening = tokio::spawn({
            let flag = flag.clone();
            async move {
                if tokio::signal::ctrl_c().await.is_ok() {
                    flag.store(true, Ordering::Relaxed);
                }
                if tokio::signal::ctrl_c().await.is_ok() {
                    eprintln!("error: interrupted again: what was under way is undone");
                    eprintln!(
                        "hint: `onetape import status` says how far it is, and the same command goes on"
                    );
                    std::process::exit(ENDED_AT_ONCE);
                }
            }
        });
        let mut watcher = |progress: &Progress<'_>| {
            self.update(progress);
            if flag.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let done = work(&mut watcher).await;
        listening.abort();
        done
    }

    fn update(&mut self, progress: &Progress<'_>) {
        let Progress { step, subject, rows, fraction } = progress;
        let seconds = self.watch.seconds();
        let ((rate, eta_s), step) = (self.pace.of(progress, seconds), step.as_str());
        match self.watch.show(seconds) {
            Some(Show::Bar(bar)) => {
                bar.set_position((fraction * STEPS as f64) as u64);
                bar.set_message(format!("{step} {subject}, {rows} rows, {rate:.0}/s"));
            }
            Some(Show::Log) => {
                tracing::info!(
                    import.step = step,
                    import.subject = subject,
                    import.rows = rows,
                    rate_per_s = rate,
                    done_percent = fraction * 100.0,
                    eta_s,
                    "importing"
                );
            }
            None => {}
        }
    }

    /// Takes the bar away.
    pub(super) fn finish(self) {
        self.watch.finish();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_as_fast_as_it_is_itself() {
        let mut pace = Pace::default();
        let mut of = |step, rows, fraction, seconds| {
            pace.of(&Progress { step, subject: "file", rows, fraction }, seconds)
        };
        assert_eq!(of(Step::Comparing, 0, 0.0, 1.0), (0.0, None));
        assert_eq!(of(Step::Comparing, 500, 0.5, 6.0), (100.0, Some(5.0)));
        // The next one, which is slower, and then the same of other candles.
        assert_eq!(of(Step::Reading, 100, 0.1, 11.0), (0.0, None));
        assert_eq!(of(Step::Reading, 200, 0.2, 13.0), (50.0, Some(16.0)));
        assert_eq!(of(Step::Reading, 50, 0.25, 14.0), (0.0, None));
        assert_eq!(of(Step::Reading, 150, 0.75, 18.0), (25.0, Some(2.0)));
        // One that goes on where a run before it ended.
        assert_eq!(of(Step::Importing, 0, 0.5, 20.0), (0.0, None));
        assert_eq!(of(Step::Importing, 300, 0.75, 23.0), (100.0, Some(3.0)));
    }
}
