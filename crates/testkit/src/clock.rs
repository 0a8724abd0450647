//! A wall clock that a test sets by hand.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};

use onetape_domain::time::Timestamp;
use onetape_ports::WallClock;

/// Stands still until told otherwise. Its monotonic time moves by [`advance`](Self::advance) only.
#[derive(Debug)]
pub struct ManualClock {
    now: AtomicI64,
    monotonic: AtomicI64,
}

impl ManualClock {
    /// A clock that shows `now`.
    pub fn new(now: Timestamp) -> Self {
        Self { now: AtomicI64::new(now.micros()), monotonic: AtomicI64::new(0) }
    }

    /// Moves both times forward.
    pub fn advance(&self, micros: i64) {
        self.now.fetch_add(micros, Ordering::SeqCst);
        self.monotonic.fetch_add(micros.max(0), Ordering::SeqCst);
    }

    /// Sets the time of day, back too; monotonic time does not move.
    pub fn set(&self, now: Timestamp) {
        self.now.store(now.micros(), Ordering::SeqCst);
    }
}

impl fmt::Display for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("manual clock")
    }
}

impl WallClock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.now.load(Ordering::SeqCst))
    }

    fn monotonic_micros(&self) -> i64 {
        self.monotonic.load(Ordering::SeqCst)
    }
}
