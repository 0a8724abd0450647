//! Files of batches: Parquet, Arrow IPC (also known as Feather) and CSV, one file or a folder of partitions.
//!
//! A [`Dataset`] is written beside its target and put there when it is whole, in one rename: under the name that was
//! asked for there is either nothing new or everything. At most one file is open at a time, and no more of it is in
//! memory than [`Options::row_group_bytes`].

mod csv;
mod dataset;
mod error;
mod names;
mod sink;
mod staging;

pub use dataset::{Dataset, Part, Written};
pub use error::FileError;

use std::path::PathBuf;

use onetape_domain::time::{Timeframe, Timestamp};

/// Kind of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Parquet, compressed with zstd.
    Parquet,
    /// An Arrow IPC file, compressed with zstd.
    Arrow,
    /// Comma-separated text with one header line. Its decimals are [`Decimals::Text`](crate::Decimals): plain digits.
    Csv,
}

impl Format {
    /// `parquet`, `arrow` or `csv`, also the ending of a file's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
            Self::Csv => "csv",
        }
    }
}

/// How rows are divided into files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Partition {
    /// All in one file.
    #[default]
    None,
    /// A file for each instrument and UTC day: `exchange=binance/symbol=ETH%2FUSDT/date=2024-08-09/part-0.parquet`.
    Day,
    /// A file for each instrument and month: `…/month=2024-08/part-0.parquet`.
    Month,
}

impl Partition {
    /// `none`, `day` or `month`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    /// Whether there is a folder of files.
    pub const fn is_tree(self) -> bool {
        !matches!(self, Self::None)
    }

    /// What stands for the period of an instant in the name of its folder: `date=2024-08-09`.
    pub(crate) fn folder(self, time: Timestamp) -> Option<String> {
        // Every instant of a record has a date.
        let date = time.to_datetime()?.date_naive();
        match self {
            Self::None => None,
            Self::Day => Some(format!("date={}", date.format("%Y-%m-%d"))),
            Self::Month => Some(format!("month={}", date.format("%Y-%m"))),
        }
    }

    /// Whether two instants fall into one file.
    pub fn same_period(self, one: Timestamp, other: Timestamp) -> bool {
        let same_day = Timeframe::D1.open_time(one) == Timeframe::D1.open_time(other);
        same_day
            || match self {
                Self::None => true,
                Self::Day => false,
                Self::Month => self.folder(one) == self.folder(other),
            }
    }
}

/// What a dataset is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The file; the folder, where there are partitions. Its own folder must exist.
    pub target: PathBuf,
    /// Kind of its files.
    pub format: Format,
    /// How rows are divided.
    pub partition: Partition,
    /// Replace what is there. Of a folder that only happens where every file in it is named as a dataset names them.
    pub overwrite: bool,
    /// Memory that rows of a Parquet file may take before they are written as a row group.
    pub row_group_bytes: usize,
}

impl Options {
    /// Memory of a row group, unless another is asked for.
    pub const ROW_GROUP_BYTES: usize = 64 << 20;

    /// One file that must not be there yet.
    pub fn new(target: impl Into<PathBuf>, format: Format) -> Self {
        Self {
            target: target.into(),
            format,
            partition: Partition::None,
            overwrite: false,
            row_group_bytes: Self::ROW_GROUP_BYTES,
        }
    }
}
