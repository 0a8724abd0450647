//! The wall clock as a port: nothing else may read the time.

use std::fmt::{Debug, Display};

use onetape_domain::time::Timestamp;

/// Tells the time of day and monotonic time. Never decides what is stored.
pub trait WallClock: Display + Debug + Send + Sync + 'static {
    /// The time of day.
    fn now(&self) -> Timestamp;

    /// Microseconds of a clock that never goes back, from an arbitrary start.
    fn monotonic_micros(&self) -> i64;
}
