//! The grammar of `onetape export`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use onetape::arrow::Decimals;
use onetape::arrow::files::{Format, Partition};
use onetape::domain::time::{Timeframe, Timestamp};

use super::StoreArg;
use super::values::{InstrumentName, parse_instrument, parse_timeframe};

#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub(crate) struct ExportArgs {
    /// Which table
    #[arg(value_enum)]
    pub(crate) table: TableName,
    /// Period of candles: 1s, 1m, 5m, 15m, 1h or 1d
    #[arg(
        long,
        value_name = "TF",
        value_parser = parse_timeframe,
        required_if_eq_any([("table", "candles"), ("table", "candle-versions")])
    )]
    pub(crate) timeframe: Option<Timeframe>,
    /// Only this instrument, as in binance:ETH/USDT; may be given several times. Every one that was ever live unless given
    #[arg(long, value_name = "INSTRUMENT", value_parser = parse_instrument)]
    pub(crate) instrument: Vec<InstrumentName>,
    /// First instant of the range
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<Timestamp>,
    /// End of the range, exclusive
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<Timestamp>,
    /// As of this instant: what was known then; without it, what is known now
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<Timestamp>,
    /// Final values of candles of what had happened by --at, instead of what was known then
    #[arg(long)]
    pub(crate) corrected: bool,
    /// Where to: a file, or a folder to put one into; with --partition the folder of the partitions
    #[arg(long, value_name = "PATH")]
    pub(crate) out: PathBuf,
    /// Kind of file; what the name of --out ends with, else Parquet, unless given
    #[arg(long, value_enum)]
    pub(crate) format: Option<FormatName>,
    /// Decimals as exact decimals, or as the nearest doubles, which other programs work with faster; CSV is always exact
    #[arg(long, value_enum, default_value_t = DecimalsName::Exact)]
    pub(crate) decimals: DecimalsName,
    /// A file for each instrument and day or month, in folders that readers of partitions understand
    #[arg(long, value_enum, default_value_t = PartitionName::None)]
    pub(crate) partition: PartitionName,
    /// Replace what is there
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Print the summary as JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) store: StoreArg,
}

const AFTER: &str = "\
Nothing is there under the name of --out before everything is written; an export that fails or is interrupted leaves nothing.
docs/EXPORT.md explains every column.";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TableName {
    /// Closed candles of one timeframe, one a period, as queries show them
    Candles,
    /// All versions of candles made here of trades: what was known when
    CandleVersions,
    /// Trades by their own time
    Trades,
    /// Sampled order books with their levels
    Books,
    /// Price buckets of the sampled books
    Buckets,
    /// Order book imbalances of each second
    Imbalances,
    /// The log of what is proven complete, and what is missing
    Coverage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatName {
    /// Parquet, compressed with zstd
    Parquet,
    /// An Arrow IPC file (Feather 2), compressed with zstd
    Arrow,
    /// Comma-separated, one header line
    Csv,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DecimalsName {
    /// Exact, of 38 digits, 12 of them decimals
    Exact,
    /// The nearest doubles
    Float,
    /// Text of plain digits
    Text,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PartitionName {
    /// One file
    None,
    /// exchange=…/symbol=…/date=2024-08-09/
    Day,
    /// exchange=…/symbol=…/month=2024-08/
    Month,
}

impl From<FormatName> for Format {
    fn from(name: FormatName) -> Self {
        match name {
            FormatName::Parquet => Self::Parquet,
            FormatName::Arrow => Self::Arrow,
            FormatName::Csv => Self::Csv,
        }
    }
}

impl From<DecimalsName> for Decimals {
    fn from(name: DecimalsName) -> Self {
        match name {
            DecimalsName::Exact => Self::Exact,
            DecimalsName::Float => Self::Float,
            DecimalsName::Text => Self::Text,
        }
    }
}

impl From<PartitionName> for Partition {
    fn from(name: PartitionName) -> Self {
        match name {
            PartitionName::None => Self::None,
            PartitionName::Day => Self::Day,
            PartitionName::Month => Self::Month,
        }
    }
}
