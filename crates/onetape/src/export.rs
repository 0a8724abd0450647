//! `Onetape::export`: a table of any range into files, in bounded memory.

mod error;
mod run;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use onetape_arrow::Decimals;
use onetape_arrow::files::Options;
use onetape_domain::instrument::Instrument;
use onetape_domain::time::{TimeRange, Timeframe, Timestamp};
use onetape_ports::Knowledge;
use serde::{Serialize, Serializer};

use crate::open::Onetape;

pub use error::ExportError;

/// What can be exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportTable {
    /// Closed candles, one a period: chosen between those made here and those imported, as answers show them.
    Candles(Timeframe),
    /// All versions of candles made here.
    CandleVersions(Timeframe),
    /// Trades.
    Trades,
    /// Sampled books with their levels.
    Books,
    /// Price buckets of sampled books.
    Buckets,
    /// Imbalances.
    Imbalances,
    /// The coverage log.
    Coverage,
}

/// `candles_1m`, `trades` and so on.
impl fmt::Display for ExportTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Candles(timeframe) => write!(f, "candles_{timeframe}"),
            Self::CandleVersions(timeframe) => write!(f, "candle_versions_{timeframe}"),
            Self::Trades => f.write_str("trades"),
            Self::Books => f.write_str("books"),
            Self::Buckets => f.write_str("buckets"),
            Self::Imbalances => f.write_str("imbalances"),
            Self::Coverage => f.write_str("coverage"),
        }
    }
}

/// What to export, and where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// Which table.
    pub table: ExportTable,
    /// Whose rows, in this order; of every instrument that was ever live where none is named.
    pub instruments: Vec<Instrument>,
    /// Of which time: rows whose own time lies in there; of the coverage log, those whose range touches it.
    pub range: TimeRange,
    /// As of which instant; none means what is known now.
    pub at: Option<Timestamp>,
    /// Which version of candles.
    pub knowledge: Knowledge,
    /// What decimals are. CSV always has them as text.
    pub decimals: Decimals,
    /// The files.
    pub files: Options,
}

impl Export {
    /// All there is of a table.
    pub fn new(table: ExportTable, files: Options) -> Self {
        Self {
            table,
            instruments: Vec::new(),
            range: TimeRange::ALL,
            at: None,
            knowledge: Knowledge::AsRecorded,
            decimals: Decimals::Exact,
            files,
        }
    }
}

/// How far an export has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportProgress {
    /// Rows read.
    pub rows: u64,
    /// Bytes that have left the memory.
    pub bytes: u64,
    /// Time of the row read last; none before the first.
    pub time: Option<Timestamp>,
    /// All rows are read: what is left is to end the last file, and to put the files in their place. Given up from
    /// here on, an export may be done all the same.
    pub read: bool,
}

/// What was exported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExportSummary {
    /// Name of the table.
    pub table: String,
    /// The file or folder.
    #[serde(serialize_with = "shown")]
    pub target: PathBuf,
    /// Number of files.
    pub files: u64,
    /// Number of rows.
    pub rows: u64,
    /// Size of all files.
    pub bytes: u64,
    /// The earliest time of a row.
    pub first: Option<Timestamp>,
    /// The latest.
    pub last: Option<Timestamp>,
    /// As of which instant each instrument was read.
    pub as_of: BTreeMap<String, Timestamp>,
}

/// A path for people and programs, whatever bytes it is of.
fn shown<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

impl Onetape {
    /// Exports a table. Under the target's name there is nothing new before all of it is written; given up or failed,
    /// an export leaves nothing. `progress` is told after each batch, and when all is read.
    ///
    /// # Errors
    /// For an instrument of which nothing is stored, a target that is not to be replaced, a value that a column cannot
    /// hold, and when store or file system fail.
    pub async fn export(
        &self,
        export: &Export,
        progress: impl FnMut(&ExportProgress) + Send,
    ) -> Result<ExportSummary, ExportError> {
        run::run(self, export, progress).await
    }
}
