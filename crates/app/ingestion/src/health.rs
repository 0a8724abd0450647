//! Whether a pipeline goes on.

use crate::error::IngestError;
use crate::pipeline::DataIngestionPipeline;

impl DataIngestionPipeline {
    /// Why nothing is taken in any more; none while all goes on.
    pub fn failure(&self) -> Option<IngestError> {
        self.inner.failure.lock().clone()
    }

    /// Whether the writer task runs: what is taken in gets to the store once that answers.
    pub fn is_writing(&self) -> bool {
        self.writer.lock().as_ref().is_some_and(|writer| !writer.is_finished())
    }
}
