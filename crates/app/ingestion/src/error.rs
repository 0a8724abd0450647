//! Why ingestion stopped or refused.

use std::sync::Arc;
use std::time::Duration;

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
    /// The store has failed for as long as the pipeline is patient, and somebody waited for it all the while: a feed for which
    /// there was no room, a flush, an instrument that had to be loaded. The pipeline goes on trying, and what it has taken in
    /// is kept.
    #[error("the store has not answered for {} s, and {rows} rows wait for it", .waited.as_secs())]
    Outage {
        /// How long the wait was.
        waited: Duration,
        /// Rows that wait for the store.
        rows: usize,
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
    #[error("{rows} rows were not written before the deadline; {}", fate(*.is_kept))]
    Deadline {
        /// How many.
        rows: usize,
        /// Whether a journal has what they are made of: then they come back at the next start.
        is_kept: bool,
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

fn fate(is_kept: bool) -> &'static str {
    if is_kept {
        "the journal has what they are made of"
    } else {
        "there is no journal, so they are lost unless what they are made of is taken in again"
    }
}
