//! The one error type of the storage ports.

use std::error::Error;
use std::fmt;

/// What kind of failure it was; it decides what a caller does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The store cannot be reached, or the connection broke: try again.
    Connection,
    /// The store is shutting down or starting up: try again.
    Shutdown,
    /// The store lacks memory, disk or connections: try again later.
    Resource,
    /// Two transactions met: try again at once.
    Serialization,
    /// The store took too long.
    Timeout,
    /// Another writer has moved this instrument's clock: this writer must stop.
    Conflict,
    /// The data does not fit the store's rules: trying again gives the same.
    Data,
    /// The schema is missing, too old or too new.
    Schema,
    /// The role may not do this.
    Permission,
    /// What is stored is damaged, or is no store at all: trying again gives the same.
    Corrupt,
    /// The answer is beyond what this source can prove.
    Unavailable,
    /// The call itself is wrong.
    Invalid,
    /// A fault of the adapter.
    Internal,
}

/// A failed storage operation. `Display` never contains the source; walk the chain for it.
#[derive(Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    operation: &'static str,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl StoreError {
    /// An error of `operation`, with a message that says what to do where that is known.
    pub fn new(kind: StoreErrorKind, operation: &'static str, message: impl Into<String>) -> Self {
        Self { kind, operation, message: message.into(), source: None }
    }

    /// The same with its cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What kind of failure it was.
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// The operation that failed.
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// Whether the same call may succeed later without any change.
    pub fn is_retryable(&self) -> bool {
        use StoreErrorKind::{Connection, Resource, Serialization, Shutdown, Timeout};
        matches!(self.kind, Connection | Shutdown | Resource | Serialization | Timeout)
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed: {}", self.operation, self.message)
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn Error + 'static))
    }
}

/// An error with everything that caused it, in one line: for logs and for reasons that are kept as text.
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
