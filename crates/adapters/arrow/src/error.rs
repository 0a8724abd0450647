//! What can go wrong on the way to a batch.

use onetape_domain::instrument::Instrument;
use onetape_domain::time::Timestamp;

/// A value that a column cannot hold. The batch was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{instrument}, {table}, row {row} of {time}: column {column} cannot hold {value}, which {reason}; {advice}"
)]
pub struct Unfit {
    /// Whose row.
    pub instrument: Instrument,
    /// Of which table.
    pub table: &'static str,
    /// Its place among the rows given so far, from 0.
    pub row: u64,
    /// Its own time.
    pub time: Timestamp,
    /// The column.
    pub column: &'static str,
    /// The value as text.
    pub value: String,
    /// What is wrong with it.
    pub reason: String,
    /// What to do.
    pub advice: &'static str,
}

/// Why a stream of batches ended early.
#[derive(Debug, thiserror::Error)]
pub enum BatchError<E: std::error::Error + 'static> {
    /// The rows could not be read.
    #[error("the rows cannot be read")]
    Rows(#[source] E),
    /// A row has no place in the table.
    #[error(transparent)]
    Unfit(#[from] Box<Unfit>),
}
