//! How far it is.

use std::ops::ControlFlow;

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Files are read to see what is in them.
    Planning,
    /// Candles are taken in.
    Importing,
    /// Parts are finished, and coarser candles made of them.
    Finishing,
    /// Files are read again and compared with the store.
    Comparing,
    /// The store is read to its end.
    Reading,
    /// Candles are removed.
    Removing,
}

impl Step {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Planning => "planning",
            Self::Importing => "importing",
            Self::Finishing => "finishing",
            Self::Comparing => "comparing",
            Self::Reading => "reading",
            Self::Removing => "removing",
        }
    }
}

/// A moment of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress<'a> {
    /// What is being done.
    pub step: Step,
    /// To which file or import.
    pub subject: &'a str,
    /// Rows so far, of this call.
    pub rows: u64,
    /// How much of the step is done, 0 to 1.
    pub fraction: f64,
}

/// Is told how far it is, now and then, and says whether to go on. Where it says no, a run or a removal ends after what is under
/// way, and the next one goes on from there; a plan or a comparison ends without an outcome.
pub type Watcher<'a> = dyn FnMut(&Progress<'_>) -> ControlFlow<()> + Send + 'a;

/// So much of so much.
pub(crate) fn fraction(done: u64, total: u64) -> f64 {
    if total == 0 { 1.0 } else { (done as f64 / total as f64).min(1.0) }
}
