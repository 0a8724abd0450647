//! Why a legacy file cannot be read.

use std::fmt;

/// What kind of failure it was; it decides what a caller says and does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LegacyErrorKind {
    /// The file cannot be opened or read.
    Io,
    /// The file ends early, or its bytes contradict one another.
    Damaged,
    /// The file names something that is not on the list of what may be read. Nothing of it was executed.
    Refused,
    /// Reading it would take more than a stated limit.
    Limit,
    /// The file is sound, and of a form that is not read.
    Unsupported,
}

/// A legacy file, or a place in it, that cannot be read. `Display` never contains the source.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {message}")]
pub struct LegacyError {
    kind: LegacyErrorKind,
    place: String,
    message: String,
    #[source]
    source: Option<std::io::Error>,
}

impl LegacyError {
    /// What kind of failure it was.
    pub fn kind(&self) -> LegacyErrorKind {
        self.kind
    }

    pub(crate) fn new(kind: LegacyErrorKind, place: impl fmt::Display, message: impl fmt::Display) -> Self {
        Self { kind, place: place.to_string(), message: message.to_string(), source: None }
    }

    pub(crate) fn io(place: impl fmt::Display, operation: &str, error: std::io::Error) -> Self {
        Self {
            source: Some(error),
            ..Self::new(LegacyErrorKind::Io, place, format!("cannot {operation} the file"))
        }
    }
}
