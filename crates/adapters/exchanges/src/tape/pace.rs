//! How fast a tape is played: as fast as it is read, or by the receive times on it.

use std::time::Duration;

use onetape_domain::time::Timestamp;
use tokio::time::Instant;

/// Longest wait for one line.
const LONGEST_WAIT: Duration = Duration::from_secs(30 * 86_400);

/// Speed of a tape.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// As fast as it is taken.
    Unlimited,
    /// This many times as fast as it was received; a positive number.
    Times(f64),
}

/// Tells when lines fall due.
#[derive(Debug)]
pub(super) struct Pacer {
    speed: f64,
    start: Option<(Instant, Timestamp)>,
    due: Option<Instant>,
}

impl Pacer {
    pub(super) fn new(speed: f64) -> Self {
        Self { speed, start: None, due: None }
    }

    /// Takes the line received then as the next one. The first falls due at once.
    pub(super) fn schedule(&mut self, received_at: Timestamp) {
        let now = Instant::now();
        let (begin, first) = *self.start.get_or_insert((now, received_at));
        let micros = u64::try_from(received_at.since(first)).unwrap_or(0);
        let after = Duration::try_from_secs_f64(Duration::from_micros(micros).as_secs_f64() / self.speed);
        let due = after.ok().and_then(|after| begin.checked_add(after)).unwrap_or(now + LONGEST_WAIT);
        self.due = Some(due.min(now + LONGEST_WAIT));
    }

    /// When the scheduled line falls due; none if that is past.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due.filter(|due| *due > Instant::now())
    }
}
