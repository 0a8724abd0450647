//! Why an export failed.

use onetape_arrow::Unfit;
use onetape_arrow::files::FileError;
use onetape_ports::StoreError;
use onetape_provider::ProviderError;

/// A failed export. Nothing of it is left.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// Nothing is stored at all.
    #[error("the store is empty, so there is nothing to export")]
    Empty,
    /// CSV has no doubles.
    #[error("CSV has decimals as plain digits, which are exact: decimals as float are for Parquet and Arrow")]
    FloatsInCsv,
    /// Only candles are corrected.
    #[error("{table} has no corrected rows: only candles have")]
    NothingCorrected {
        /// The table.
        table: String,
    },
    /// A value that a column cannot hold.
    #[error(transparent)]
    Unfit(#[from] Box<Unfit>),
    /// The files cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The provider cannot answer.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// The thread that writes files has died.
    #[error("the thread that writes the files has died")]
    Writer(#[source] tokio::task::JoinError),
}
