//! Arguments of `onetape query`, one type a kind of question.

use clap::{Args, Subcommand};
use onetape::domain::quality::Tier;
use onetape::domain::time::{Timeframe, Timestamp};

use super::values::{InstrumentName, parse_duration, parse_instrument, parse_tier, parse_timeframe};
use super::{ObjectFormat, RowFormat, StoreArg};

#[derive(Debug, Args)]
pub(crate) struct QueryArgs {
    #[command(subcommand)]
    pub(crate) query: Query,
    #[command(flatten)]
    pub(crate) store: StoreArg,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Query {
    /// Candles of one timeframe: the closed ones and, last, those still forming
    Candles(CandlesArgs),
    /// Trades by their own time
    Trades(SeriesArgs),
    /// Order book imbalances of each second
    Imbalances(SeriesArgs),
    /// Price buckets of the sampled books
    Buckets(BucketsArgs),
    /// The log of what is proven complete, and what is missing
    Coverage(SeriesArgs),
    /// One sampled order book
    Book(BookArgs),
    /// The complete inference frame
    Inference(InferenceArgs),
}

impl Query {
    /// Of which instrument.
    pub(crate) fn instrument(&self) -> &InstrumentName {
        match self {
            Self::Candles(args) => &args.instrument,
            Self::Trades(args) | Self::Imbalances(args) | Self::Coverage(args) => &args.instrument,
            Self::Buckets(args) => &args.series.instrument,
            Self::Book(args) => &args.instrument,
            Self::Inference(args) => &args.instrument,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct RangeArgs {
    /// First instant of the range
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<Timestamp>,
    /// End of the range, exclusive
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<Timestamp>,
    /// As of this instant: what was known then; without it, what is known now
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<Timestamp>,
    /// The last so many rows instead of a range; 100 with --at alone
    #[arg(long, value_name = "N", conflicts_with_all = ["from", "to"])]
    pub(crate) limit: Option<usize>,
}

#[derive(Debug, Args)]
pub(crate) struct CandlesArgs {
    /// Instrument, as in binance:ETH/USDT; without an exchange it is one of the default exchange
    #[arg(value_parser = parse_instrument)]
    pub(crate) instrument: InstrumentName,
    /// Period: 1s, 1m, 5m, 15m, 1h or 1d
    #[arg(long, value_name = "TF", value_parser = parse_timeframe)]
    pub(crate) timeframe: Timeframe,
    #[command(flatten)]
    pub(crate) range: RangeArgs,
    /// Final values of what had happened by --at, instead of what was known then
    #[arg(long)]
    pub(crate) corrected: bool,
    #[arg(long, value_enum, default_value_t = RowFormat::Table)]
    pub(crate) format: RowFormat,
}

#[derive(Debug, Args)]
pub(crate) struct SeriesArgs {
    /// Instrument, as in binance:ETH/USDT; without an exchange it is one of the default exchange
    #[arg(value_parser = parse_instrument)]
    pub(crate) instrument: InstrumentName,
    #[command(flatten)]
    pub(crate) range: RangeArgs,
    #[arg(long, value_enum, default_value_t = RowFormat::Table)]
    pub(crate) format: RowFormat,
}

#[derive(Debug, Args)]
pub(crate) struct BucketsArgs {
    #[command(flatten)]
    pub(crate) series: SeriesArgs,
    /// The buckets of the sample labelled with this second
    #[arg(long, value_name = "TIME", conflicts_with_all = ["from", "to", "limit"])]
    pub(crate) second: Option<Timestamp>,
}

#[derive(Debug, Args)]
pub(crate) struct BookArgs {
    /// Instrument, as in binance:ETH/USDT; without an exchange it is one of the default exchange
    #[arg(value_parser = parse_instrument)]
    pub(crate) instrument: InstrumentName,
    /// The last sample available at this instant
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<Timestamp>,
    /// The sample labelled with this second: the state at the second's end
    #[arg(long, value_name = "TIME", conflicts_with = "at")]
    pub(crate) second: Option<Timestamp>,
    /// Levels a side, at most 50
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(crate) depth: usize,
    #[arg(long, value_enum, default_value_t = ObjectFormat::Table)]
    pub(crate) format: ObjectFormat,
}

#[derive(Debug, Args)]
pub(crate) struct InferenceArgs {
    /// Instrument, as in binance:ETH/USDT; without an exchange it is one of the default exchange
    #[arg(value_parser = parse_instrument)]
    pub(crate) instrument: InstrumentName,
    /// As of this instant; may be given several times, one frame each
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Vec<Timestamp>,
    /// Read further instants from standard input, one a line
    #[arg(long)]
    pub(crate) at_stdin: bool,
    /// Length of the context window before the instant: 5m, 90s, 1h
    #[arg(long, default_value = "5m", value_parser = parse_duration, value_name = "DURATION")]
    pub(crate) window: std::time::Duration,
    /// Closed candles a timeframe
    #[arg(long, default_value_t = 100, value_name = "N")]
    pub(crate) limit: usize,
    /// Fail where a section is less complete: fair (90 %), good (99 %) or excellent (100 %)
    #[arg(long, value_name = "TIER", value_parser = parse_tier)]
    pub(crate) min_quality: Option<Tier>,
    /// Fail for an instant the store has not reached, instead of answering as of its clock
    #[arg(long)]
    pub(crate) strict: bool,
    #[arg(long, value_enum, default_value_t = ObjectFormat::Table)]
    pub(crate) format: ObjectFormat,
}
