//! What is seen from outside while the feed runs: what waits, how much memory that takes, how fast it goes.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use onetape::ingestion::PipelineStatus;
use onetape::prelude::*;

use crate::Plan;
use crate::feed::Scene;

/// How often it looks.
const PAUSE: Duration = Duration::from_millis(20);
/// Rows that wait while nothing is behind, at most.
const USUAL: usize = 5_000;
/// Seconds for which a feed is held back before it is taken for a full pipeline.
const STUCK: f64 = 5.0;

/// Most that waited, and how it was caught up with.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    rows: usize,
    bytes: usize,
    journal: u64,
    /// Resident memory of the process before the outage, and most of it until it was caught up with.
    calm_kib: u64,
    peak_kib: u64,
    held: f64,
    /// Second of the tape from which the feed was held back.
    stuck: Option<f64>,
    outage: Option<Moment>,
    back: Option<Moment>,
    caught_up: Option<Moment>,
}

#[derive(Debug, Clone, Copy)]
struct Moment {
    real: Instant,
    tape: f64,
    delivered: u64,
    rows: usize,
}

/// Looks until the feed is over.
pub(crate) async fn watch(pipeline: DataIngestionPipeline, scene: Arc<Scene>, plan: Plan) -> Seen {
    let mut seen = Seen::default();
    while !scene.is_over() {
        seen.look(&pipeline.status(), &scene, plan);
        tokio::time::sleep(PAUSE).await;
    }
    seen
}

impl Seen {
    fn look(&mut self, status: &PipelineStatus, scene: &Scene, plan: Plan) {
        let moment = Moment {
            real: Instant::now(),
            tape: scene.tape.load(Ordering::SeqCst) as f64 / 1e6,
            delivered: scene.delivered.load(Ordering::SeqCst),
            rows: status.pending_rows,
        };
        self.rows = self.rows.max(status.pending_rows);
        self.bytes = self.bytes.max(status.pending_bytes);
        self.journal = self.journal.max(status.journal_bytes.unwrap_or(0));
        self.held = self.held.max(scene.held());
        match (scene.is_away(), self.outage) {
            (false, None) => self.calm_kib = resident(),
            (true, _) => {
                let away = self.outage.get_or_insert(moment).real.elapsed();
                if scene.held() > STUCK {
                    self.stuck.get_or_insert(moment.tape);
                }
                let is_time =
                    if plan.is_paced { away.as_secs() >= u64::from(plan.away) } else { self.stuck.is_some() };
                if is_time {
                    scene.come_back();
                }
            }
            (false, Some(_)) => {
                self.back.get_or_insert(moment);
                if status.pending_rows < USUAL {
                    self.caught_up.get_or_insert(moment);
                }
            }
        }
        if self.caught_up.is_none() {
            self.peak_kib = self.peak_kib.max(resident());
        }
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let config = PipelineConfig::default();
        writeln!(
            f,
            "most that waited: {} rows of {}, {} MiB of {}; journal {} MiB of {}",
            self.rows,
            config.max_pending_rows,
            mib(self.bytes as u64),
            mib(config.max_pending_bytes as u64),
            mib(self.journal),
            mib(config.max_journal_bytes)
        )?;
        writeln!(
            f,
            "memory of the process: {} MiB before, at most {} MiB",
            self.calm_kib >> 10,
            self.peak_kib >> 10
        )?;
        write!(f, "longest pause of the feed: {:.2} s", self.held)?;
        if let Some(second) = self.stuck {
            write!(f, "; there was no more room at second {second:.0}")?;
        }
        if let (Some(outage), Some(back)) = (self.outage, self.back) {
            write!(
                f,
                "\noutage: {:.0} s of the tape, {:.0} s of real time",
                back.tape - outage.tape,
                back.real.duration_since(outage.real).as_secs_f64()
            )?;
        }
        if let (Some(back), Some(end)) = (self.back, self.caught_up) {
            let seconds = end.real.duration_since(back.real).as_secs_f64();
            write!(
                f,
                "\ncaught up in {seconds:.1} s: {} rows that waited, and {} messages or {:.0} s of the tape meanwhile",
                back.rows,
                end.delivered - back.delivered,
                end.tape - back.tape
            )?;
        }
        Ok(())
    }
}

fn mib(bytes: u64) -> u64 {
    bytes >> 20
}

/// Resident memory of this process in KiB; 0 where the system does not tell.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}
