//! The venue's own time: it stands still until the market begins, then runs at a speed.

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use onetape_domain::time::Timestamp;
use onetape_ports::WallClock;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Market time. As a [`WallClock`] it is what a client of the simulator takes for the time of day; its monotonic time
/// is not sped up, so that pauses and timeouts are those of the machine.
#[derive(Debug)]
pub struct VenueClock {
    start: Timestamp,
    speed: u32,
    made: Instant,
    began: OnceLock<Instant>,
    begun: Notify,
}

impl VenueClock {
    /// A clock that stands at `start`; it will run `speed` times as fast as real time, at least once as fast.
    pub(crate) fn new(start: Timestamp, speed: u32) -> Self {
        Self {
            start,
            speed: speed.max(1),
            made: Instant::now(),
            began: OnceLock::new(),
            begun: Notify::new(),
        }
    }

    /// Lets time run, the first time it is called.
    pub(crate) fn begin(&self) {
        self.began.get_or_init(Instant::now);
        self.begun.notify_waiters();
    }

    /// Waits until market time has reached an instant; before the market begins that is never.
    ///
    /// Cancellation safe.
    pub async fn wait_until(&self, time: Timestamp) {
        let begun = self.begun.notified();
        let began = match self.began.get() {
            Some(began) => *began,
            None => {
                begun.await;
                *self.began.get_or_init(Instant::now)
            }
        };
        let micros = u64::try_from(time.since(self.start)).unwrap_or(0);
        tokio::time::sleep_until(began + Duration::from_micros(micros) / self.speed).await;
    }
}

impl fmt::Display for VenueClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "clock of a simulated venue, {} times as fast", self.speed)
    }
}

impl WallClock for VenueClock {
    fn now(&self) -> Timestamp {
        let passed = self.began.get().map_or(Duration::ZERO, Instant::elapsed);
        let micros = passed.saturating_mul(self.speed).as_micros();
        self.start.plus(i64::try_from(micros).unwrap_or(i64::MAX))
    }

    fn monotonic_micros(&self) -> i64 {
        i64::try_from(self.made.elapsed().as_micros()).unwrap_or(i64::MAX)
    }
}
