//! How far an import is: a bar on a terminal, log lines elsewhere; and Ctrl-C, which ends it after what is under way.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::ProgressBar;
use onetape::import::{MigrationError, Progress, Watcher};

use crate::progress::{Show, Watch, rate};

/// Steps of the bar.
const STEPS: u64 = 10_000;

pub(super) struct Watched {
    watch: Watch,
    is_interrupted: Arc<AtomicBool>,
}

impl Watched {
    pub(super) fn start(quiet: bool) -> Self {
        let template = "{bar:30} {percent:>3} %, {msg}, about {eta} left";
        let watch = Watch::start(quiet, template, || ProgressBar::new(STEPS));
        Self { watch, is_interrupted: Arc::default() }
    }

    /// Does the work, which is told once that it was interrupted.
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
        let (rate, step) = (rate(*rows, seconds), step.as_str());
        match self.watch.show(seconds) {
            Some(Show::Bar(bar)) => {
                bar.set_position((fraction * STEPS as f64) as u64);
                bar.set_message(format!("{step} {subject}, {rows} rows, {rate:.0}/s"));
            }
            Some(Show::Log) => {
                let eta_s = (*fraction > 0.0).then(|| seconds * (1.0 - fraction) / fraction);
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
