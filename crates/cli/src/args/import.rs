//! The grammar of `onetape import`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use onetape::domain::imported::Source;
use onetape::domain::manifest::RunId;
use onetape::domain::time::Timeframe;
use onetape::import::{ConflictPolicy, Pattern, PlanOptions};

use super::StoreArg;
use super::values::{parse_duration, parse_timeframe};

#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub(crate) struct ImportArgs {
    #[command(subcommand)]
    pub(crate) command: ImportCommand,
    /// Print the report as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) store: StoreArg,
}

const AFTER: &str = "\
Exit codes: 0 everything is in, 3 done with files or rows left out (the report names them), 1 failed or different.
Ctrl-C ends a run after the batch under way, a second one at once; `onetape import resume` goes on from there. docs/MIGRATION.md walks through all of it.";

#[derive(Debug, Subcommand)]
pub(crate) enum ImportCommand {
    /// Read a folder and say what would be taken in; changes nothing
    Plan(PlanArgs),
    /// Take a folder in; where it was begun before it goes on, where it is done nothing changes
    Run(PlanArgs),
    /// Show the runs, or one of them with its tables and refused rows
    Status(StatusArgs),
    /// Read files and store again and compare every value
    Verify(RunArgs),
    /// Take everything out again that a run took in
    Rollback(RollbackArgs),
    /// Go on with a run that was interrupted
    Resume(RunArgs),
}

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// The folder of the old files
    #[arg(value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
    /// Name of the run; without it the same files give the same name
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<RunId>,
    /// What the candles' source is called
    #[arg(long, value_name = "NAME", default_value = PlanOptions::SOURCE)]
    pub(crate) source: Source,
    /// A TOML file that says what tables hold where their names do not
    #[arg(long, value_name = "FILE")]
    pub(crate) mapping: Option<PathBuf>,
    /// How paths are built, of {exchange}, {symbol}, {timeframe}, {date} and {*}: "{exchange}/{symbol}-{timeframe}.{*}"
    #[arg(long, value_name = "PATTERN")]
    pub(crate) pattern: Option<Pattern>,
    /// Leave this file out, or with / at its end a folder, both from FOLDER on; may be given several times
    #[arg(long, value_name = "PATH")]
    pub(crate) exclude: Vec<String>,
    /// Which of two rows of one candle counts: keep-first, keep-last or refuse. Tables that count trades come first, then
    /// Parquet, Feather, pickle, CSV and JSON, then by path
    #[arg(long, value_name = "POLICY", default_value_t)]
    pub(crate) on_conflict: ConflictPolicy,
    /// The longest silence in which nobody traded, as in 1s=15m; longer ones are holes. May be given for each timeframe
    #[arg(long, value_name = "TF=TIME", value_parser = parse_quiet, conflicts_with = "whole_days")]
    pub(crate) quiet: Vec<(Timeframe, u64)>,
    /// Each UTC day that has a candle is complete
    #[arg(long)]
    pub(crate) whole_days: bool,
    /// Most parts that holes may divide the candles of an instrument and a timeframe into
    #[arg(long, value_name = "COUNT", default_value_t = PlanOptions::MAX_PARTS)]
    pub(crate) max_parts: usize,
    /// The column of opening times, where names do not tell; a table without it is left and named
    #[arg(long, value_name = "COLUMN")]
    pub(crate) time_column: Option<String>,
    /// Round floats to so many decimals; without it each becomes the shortest decimal that is its own
    #[arg(long, value_name = "DECIMALS", value_parser = clap::value_parser!(u8).range(0..=12))]
    pub(crate) round_floats: Option<u8>,
    /// Rows of a transaction
    #[arg(long, value_name = "ROWS", default_value_t = onetape::import::BATCH_ROWS, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) batch_rows: u64,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Name of the run; without it the only one that is meant
    #[arg(value_name = "RUN")]
    pub(crate) run: Option<RunId>,
    /// Where the old files are by now, if not where they were
    #[arg(long, value_name = "FOLDER")]
    pub(crate) folder: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Name of the run; without it all are listed
    #[arg(value_name = "RUN")]
    pub(crate) run: Option<RunId>,
    /// Refused rows that are shown
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    pub(crate) refused: usize,
}

#[derive(Debug, Args)]
pub(crate) struct RollbackArgs {
    /// Name of the run
    #[arg(value_name = "RUN")]
    pub(crate) run: RunId,
}

fn parse_quiet(text: &str) -> Result<(Timeframe, u64), String> {
    let (timeframe, time) =
        text.split_once('=').ok_or_else(|| format!("`{text}` is no TF=TIME, as in 1s=15m"))?;
    Ok((parse_timeframe(timeframe)?, parse_duration(time)?.as_secs()))
}
