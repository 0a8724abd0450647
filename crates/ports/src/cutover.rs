//! The log of a cut-over from an older system.

use std::fmt::{Debug, Display};

use async_trait::async_trait;
use onetape_domain::cutover::CutoverRecord;
use onetape_domain::violation::Violations;

use crate::error::{StoreError, StoreErrorKind};
use crate::store::RowStream;

const OPERATION: &str = "add to the log of the cut-over";

/// Keeps a log that is only added to.
#[async_trait]
pub trait CutoverStore: Display + Debug + Send + Sync + 'static {
    /// Adds a record to the end of the log.
    ///
    /// - Its number MUST be that of the last one plus 1, and 1 in an empty log, else the call MUST fail with
    ///   [`Conflict`](StoreErrorKind::Conflict): of several that add at once, one does. A record that is there already as it
    ///   is MUST be accepted and change nothing.
    /// - One whose name of who recorded it, or whose note, breaks the rules of
    ///   [`CutoverRecord::try_new`], and one that is too long, MUST be refused with [`Invalid`](StoreErrorKind::Invalid).
    /// - No record MUST be changed or removed by anything that a store does.
    async fn append_cutover(&self, record: &CutoverRecord) -> Result<(), StoreError>;

    /// The records after a number, by number.
    fn stream_cutover(&self, after: u64) -> RowStream<'_, CutoverRecord>;
}

/// Checks a record before it is added, and gives what happened as the text that is kept.
///
/// # Errors
/// [`Invalid`](StoreErrorKind::Invalid) where it breaks a rule.
pub fn cutover_text(record: &CutoverRecord) -> Result<String, StoreError> {
    let invalid = |violations: Violations| {
        StoreError::new(StoreErrorKind::Invalid, OPERATION, "the record breaks a rule")
            .with_source(violations)
    };
    let CutoverRecord { number, at, by, event } = record;
    CutoverRecord::try_new(*number, *at, by, event.clone()).map_err(invalid)?;
    event.to_text().map_err(invalid)
}

/// What becomes of a record that cannot be the next one, beside the one of its number, if there is one.
///
/// # Errors
/// [`Conflict`](StoreErrorKind::Conflict), unless that is the same.
pub fn check_repeated(record: &CutoverRecord, stored: Option<&CutoverRecord>) -> Result<(), StoreError> {
    if stored == Some(record) {
        return Ok(());
    }
    let message =
        format!("record {} is not the next one: somebody else has added to it meanwhile", record.number);
    Err(StoreError::new(StoreErrorKind::Conflict, OPERATION, message))
}
