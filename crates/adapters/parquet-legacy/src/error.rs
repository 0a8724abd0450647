//! Why a legacy file cannot be read.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

pub use onetape_ports::{LegacyError, LegacyErrorKind};

/// The system does not let an operation on a file happen.
pub(crate) fn io(place: impl fmt::Display, operation: &str, error: std::io::Error) -> LegacyError {
    LegacyError::new(LegacyErrorKind::Io, place, format_args!("cannot {operation} the file"))
        .with_source(error)
}

/// Calls what reads a file that may be made to do harm. A panic is taken for damage: nothing it worked on is used again.
pub(crate) fn guarded<T>(
    place: &str,
    work: impl FnOnce() -> Result<T, LegacyError>,
) -> Result<T, LegacyError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        let message = "is damaged: its parts contradict one another";
        Err(LegacyError::new(LegacyErrorKind::Damaged, place, message))
    })
}
