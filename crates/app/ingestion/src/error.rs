//! Why ingestion stopped or refused.

use std::sync::Arc;

use onetape_domain::instrument::Instrument;
use onetape_domain::violation::Violations;
use onetape_ports::{FeedError, JournalError, StoreError};

/// A failure of the pipeline.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum IngestError {
    /// The store failed for longer than the pipeline retries, or in a way retrying cannot mend.
    #[error("{instrument} cannot be written")]
    Store {
        /// Whose rows.
        instrument: String,
        /// The last error.
        #[source]
        source: Arc<StoreError>,
    },
    /// The feed failed. Everything it delivered before is kept.
    #[error("the feed failed")]
    Feed(#[source] Arc<FeedError>),
    /// The journal cannot be written or read. What it acknowledged is on the disk, and comes back at the next start.
    #[error("the journal failed")]
    Journal(#[source] Arc<JournalError>),
    /// A pushed record broke rules; it is in quarantine.
    #[error("{instrument}: {violations}")]
    Refused {
        /// Whose record.
        instrument: Instrument,
        /// Every broken rule.
        violations: Violations,
    },
    /// The pipeline was shut down.
    #[error("the pipeline is shut down")]
    Closed,
    /// The rows left could not be written before the deadline.
    #[error("{rows} rows were not written before the deadline")]
    Deadline {
        /// How many.
        rows: usize,
    },
    /// What is stored of an instrument contradicts itself.
    #[error("{instrument} cannot be resumed: {violations}")]
    Corrupt {
        /// Whose data.
        instrument: Instrument,
        /// What is wrong.
        violations: Violations,
    },
}
