//! The command line's grammar and its help texts.

mod copy;
#[cfg(feature = "export")]
pub(crate) mod export;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use onetape::domain::imported::Source;
use onetape::domain::instrument::{Instrument, Market};
use onetape::domain::quality::Tier;
use onetape::domain::time::{Timeframe, Timestamp};

pub(crate) use copy::CopyArgs;

/// One tape of the market: record it once, ask what was known at any instant.
#[derive(Debug, Parser)]
#[command(name = "onetape", version, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 failed (maintain, copy --verify-only: or found differences; doctor: or found errors), 2 wrong usage, 3 done with records quarantined.

Times are RFC 3339 (2024-08-09T00:00:00Z), a date, or microseconds since 1970; without a zone they are UTC.
Instruments are EXCHANGE:BASE/QUOTE, as in binance:ETH/USDT; futures are binance:BTC/USDT:USDT.
Logs go to standard error; ONETAPE_LOG=debug shows more of them.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show a frame without any database: of recorded files, or of a built-in simulated market
    Demo(DemoArgs),
    /// Read recorded tapes into a store; reading the same tape again changes nothing
    Replay(ReplayArgs),
    /// Ask a store what was known
    Query(QueryArgs),
    /// Write a table to Parquet, Arrow or CSV files
    #[cfg(feature = "export")]
    Export(export::ExportArgs),
    /// Set up, migrate or inspect a store
    Db(DbArgs),
    /// Drop what is old enough; on TimescaleDB also refresh aggregates, compress, and check candles against their parts
    Maintain(MaintainArgs),
    /// Copy instruments from store to store, proven equal; after an interruption it goes on where it was
    Copy(CopyArgs),
    /// Examine server and store: what is wrong, why it matters, what to do; changes nothing
    Doctor(DoctorArgs),
}

#[derive(Debug, Args)]
pub(crate) struct StoreArg {
    /// Where the data is: sqlite://FILE, postgres://user@host/database, or memory: (gone when the command ends)
    #[arg(long, env = "ONETAPE_STORE", hide_env_values = true, value_name = "URL")]
    pub(crate) store: String,
}

#[derive(Debug, Args)]
pub(crate) struct TapeArgs {
    /// Venue the tape was recorded at
    #[arg(long, value_enum, default_value_t = ExchangeName::Binance)]
    pub(crate) exchange: ExchangeName,
    /// Market of the venue: spot, usdm (linear futures) or coinm (inverse futures)
    #[arg(long, default_value = "spot", value_name = "MARKET")]
    pub(crate) market: Market,
    /// How late a trade may come before its candle is closed without it; later ones revise the candle
    #[arg(long, value_name = "MILLISECONDS")]
    pub(crate) lateness_ms: Option<u32>,
    /// Replay at this multiple of the recorded speed; as fast as possible unless given
    #[arg(long, value_name = "FACTOR")]
    pub(crate) speed: Option<f64>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ExchangeName {
    /// Binance spot, USD-M and COIN-M
    Binance,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Tapes to replay instead of the simulated market: lines of `<received ns> <json>`, plain, .gz or .zst
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) tape: TapeArgs,
    /// Where to keep the market: sqlite://FILE keeps it for further queries
    #[arg(long, default_value = "memory:", hide_default_value = true, value_name = "URL")]
    pub(crate) store: String,
    /// How to show the frame
    #[arg(long, value_enum, default_value_t = ObjectFormat::Table)]
    pub(crate) format: ObjectFormat,
}

#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// Tapes in the order they were recorded: lines of `<received ns> <json>`, plain, .gz or .zst
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) tape: TapeArgs,
    #[command(flatten)]
    pub(crate) store: StoreArg,
    /// Rows that make a batch; the rows stored do not depend on it
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) batch_size: u32,
    /// Print the summary as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct QueryArgs {
    #[command(subcommand)]
    pub(crate) query: Query,
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
    /// Instrument, as in binance:ETH/USDT
    pub(crate) instrument: Instrument,
    /// Period: 1s, 1m, 5m, 15m, 1h or 1d
    #[arg(long, value_name = "TF")]
    pub(crate) timeframe: Timeframe,
    #[command(flatten)]
    pub(crate) range: RangeArgs,
    /// Final values of what had happened by --at, instead of what was known then
    #[arg(long)]
    pub(crate) corrected: bool,
    #[arg(long, value_enum, default_value_t = RowFormat::Table)]
    pub(crate) format: RowFormat,
    #[command(flatten)]
    pub(crate) store: StoreArg,
}

#[derive(Debug, Args)]
pub(crate) struct SeriesArgs {
    /// Instrument, as in binance:ETH/USDT
    pub(crate) instrument: Instrument,
    #[command(flatten)]
    pub(crate) range: RangeArgs,
    #[arg(long, value_enum, default_value_t = RowFormat::Table)]
    pub(crate) format: RowFormat,
    #[command(flatten)]
    pub(crate) store: StoreArg,
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
    /// Instrument, as in binance:ETH/USDT
    pub(crate) instrument: Instrument,
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
    #[command(flatten)]
    pub(crate) store: StoreArg,
}

#[derive(Debug, Args)]
pub(crate) struct InferenceArgs {
    /// Instrument, as in binance:ETH/USDT
    pub(crate) instrument: Instrument,
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
    #[arg(long, value_name = "TIER")]
    pub(crate) min_quality: Option<Tier>,
    /// Fail for an instant the store has not reached, instead of answering as of its clock
    #[arg(long)]
    pub(crate) strict: bool,
    #[arg(long, value_enum, default_value_t = ObjectFormat::Table)]
    pub(crate) format: ObjectFormat,
    #[command(flatten)]
    pub(crate) store: StoreArg,
}

#[derive(Debug, Args)]
pub(crate) struct DbArgs {
    #[command(subcommand)]
    pub(crate) command: DbCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DbCommand {
    /// Create the database if it is missing, the extension, all tables, and what follows from the settings
    Setup(SetupArgs),
    /// Bring the tables of a database up to this version
    Migrate(StoreArg),
    /// Show edition, versions, migrations and sizes
    Status(StatusArgs),
    /// Print the default settings file, which explains every setting
    Settings(SettingsArgs),
    /// Print or set the order in which sources of imported candles are preferred
    Sources(SourcesArgs),
}

#[derive(Debug, Args)]
pub(crate) struct SourcesArgs {
    /// The sources, best first; those that are not named follow by name
    pub(crate) sources: Vec<Source>,
    /// Forget the order
    #[arg(long, conflicts_with = "sources")]
    pub(crate) clear: bool,
    #[command(flatten)]
    pub(crate) store: StoreArg,
}

#[derive(Debug, Args)]
pub(crate) struct SettingsArgs {
    /// Store whose kind decides which settings there are; those of TimescaleDB unless given
    #[arg(long, env = "ONETAPE_STORE", hide_env_values = true, value_name = "URL")]
    pub(crate) store: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct SetupArgs {
    #[command(flatten)]
    pub(crate) store: StoreArg,
    /// Periods of retention (on TimescaleDB also of chunks and compression) that differ from the defaults (see `onetape db settings`);
    /// without it, those of the last set-up stay
    #[arg(long, value_name = "FILE")]
    pub(crate) settings: Option<PathBuf>,
    /// Make the group roles PREFIX_owner, PREFIX_writer and PREFIX_reader too, and grant each what it needs; they
    /// get no password: make users of your own members of them
    #[arg(long, value_name = "PREFIX", num_args = 0..=1, default_missing_value = "onetape")]
    pub(crate) roles: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) store: StoreArg,
    /// Print the report as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Fail for warnings too
    #[arg(long)]
    pub(crate) strict: bool,
}

#[derive(Debug, Args)]
pub(crate) struct MaintainArgs {
    #[command(flatten)]
    pub(crate) store: StoreArg,
    /// Go on, with a run each time so much has passed: 10m, 1h, 1d; until interrupted
    #[arg(long, value_name = "DURATION", value_parser = parse_pause)]
    pub(crate) every: Option<std::time::Duration>,
    /// Serve metrics for Prometheus meanwhile: a port of the loopback interface, or ADDRESS:PORT
    #[arg(long, value_name = "[ADDRESS:]PORT", requires = "every", value_parser = parse_listener)]
    pub(crate) metrics: Option<std::net::SocketAddr>,
    /// Print the report as JSON, one line a run
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub(crate) store: StoreArg,
    /// Print as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RowFormat {
    /// For people
    Table,
    /// Comma-separated, one header line
    Csv,
    /// Canonical JSON: decimals as strings, times as microseconds, keys sorted
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ObjectFormat {
    /// For people
    Table,
    /// Canonical JSON: decimals as strings, times as microseconds, keys sorted
    Json,
}

fn parse_duration(text: &str) -> Result<std::time::Duration, String> {
    let wrong = || format!("`{text}` is no duration: give a number with s, m, h or d, as in 90s or 5m");
    let split = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(split);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(seconds).map(std::time::Duration::from_secs).ok_or_else(wrong)
}

/// A pause between runs; none would be a loop without rest.
fn parse_pause(text: &str) -> Result<std::time::Duration, String> {
    let pause = parse_duration(text)?;
    if pause.is_zero() { Err("give at least 1s".to_owned()) } else { Ok(pause) }
}

/// Without an address it is the loopback interface's.
fn parse_listener(text: &str) -> Result<std::net::SocketAddr, String> {
    let port = text.parse().map(|port| (std::net::Ipv4Addr::LOCALHOST, port).into());
    port.or_else(|_: std::num::ParseIntError| text.parse())
        .map_err(|_| format!("`{text}` is neither a port nor ADDRESS:PORT, as in 9464 or 0.0.0.0:9464"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_grammar_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn metrics_are_served_to_this_machine_unless_an_address_is_given() {
        assert_eq!(parse_listener("9464").unwrap().to_string(), "127.0.0.1:9464");
        assert_eq!(parse_listener("[::]:9464").unwrap().to_string(), "[::]:9464");
        for wrong in ["", "localhost", "70000", ":9464", "127.0.0.1"] {
            assert!(parse_listener(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn durations_need_a_number_and_a_unit() {
        assert_eq!(parse_duration("5m"), Ok(std::time::Duration::from_secs(300)));
        for wrong in ["", "5", "m", "5w", "-5m", "99999999999999999999d"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }
}
