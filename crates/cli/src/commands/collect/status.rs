//! How collecting goes: a line on a terminal, log lines elsewhere.

use onetape::exchanges::live::LiveControl;
use onetape::ingestion::PipelineStatus;
use onetape::ports::WallClock as _;
use onetape::prelude::*;

use crate::progress::{Show, Watch, rate};

/// Shows it.
pub(super) struct Status {
    watch: Watch,
    clock: onetape::memory::SystemClock,
    controls: Vec<LiveControl>,
    /// Messages and seconds at the last look.
    before: (u64, f64),
}

impl Status {
    pub(super) fn start(controls: Vec<LiveControl>, quiet: bool) -> Self {
        let clock = onetape::memory::SystemClock::default();
        Self { watch: Watch::endless(quiet), clock, controls, before: (0, 0.0) }
    }

    /// Shows how it goes at the moment.
    pub(super) fn look(&mut self, pipeline: &DataIngestionPipeline) {
        let seconds = self.watch.seconds();
        let (mut messages, mut connected, mut shards, mut lost) = (0, 0, 0, 0);
        for stats in self.controls.iter().map(LiveControl::stats) {
            messages += stats.messages;
            connected += stats.connected;
            shards += stats.shards;
            lost += stats.lost;
        }
        let status = pipeline.status();
        let (live, waiting) = pipeline.books();
        let lag_ms = lag(&status, self.clock.now()).map(|micros| micros / 1_000);
        let rate = rate(messages - self.before.0, seconds - self.before.1);
        match self.watch.show(seconds) {
            Some(Show::Bar(bar)) => {
                let lag = lag_ms.map_or("-".to_owned(), |millis| format!("{millis} ms"));
                bar.set_message(format!(
                    "{rate:.0} messages/s, lag {lag}, books {live} in sync {waiting} waiting, connections \
                     {connected}/{shards} ({lost} lost), {} rows to store",
                    status.pending_rows
                ));
                bar.tick();
            }
            Some(Show::Log) => tracing::info!(
                messages,
                rate_per_s = rate,
                lag_ms,
                books.live = live,
                books.waiting = waiting,
                connections.up = connected,
                connections.kept = shards,
                connections.lost = lost,
                pending.rows = status.pending_rows,
                "collecting"
            ),
            None => return,
        }
        self.before = (messages, seconds);
    }

    /// Takes the line away; returns the seconds it took.
    pub(super) fn finish(self) -> f64 {
        self.watch.finish()
    }
}

/// How far the instrument that is most behind lies behind the clock, in microseconds.
fn lag(status: &PipelineStatus, now: Timestamp) -> Option<i64> {
    status.instruments.values().filter_map(|marks| marks.received).min().map(|stamp| now.since(stamp).max(0))
}
