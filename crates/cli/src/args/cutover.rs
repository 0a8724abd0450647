//! Arguments of `onetape cutover`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use onetape::cutover::Requirements;
use onetape::prelude::Timestamp;

use super::StoreArg;
use super::values::parse_duration;

#[derive(Debug, Args)]
#[command(after_help = PHASES)]
pub(crate) struct CutoverArgs {
    #[command(subcommand)]
    pub(crate) command: CutoverCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CutoverCommand {
    /// Show which phase was reached, and what is missing for the next one
    Status(CutoverStatusArgs),
    /// Enter the next phase, where everything is there that it asks for; the first one of FOLDER
    Advance(AdvanceArgs),
    /// Go back to the phase before; says what has to be seen to
    Back(BackArgs),
    /// Compare what the old system's files say with what the store answers, value by value; changes nothing
    Shadow(ShadowArgs),
    /// Pack the files that are not written any more into an archive, and read it back
    Archive(ArchiveArgs),
    /// Put the files of an archive into a folder, and read them back; overwrites nothing
    Restore(RestoreArgs),
}

const PHASES: &str = "\
Phases: dual write, backfill, verify, shadow reads, switch, deprecate, archive. `onetape import verify` and `onetape cutover shadow`
record in the store what they found; `advance` goes by that. docs/MIGRATION.md walks through all of it.";

/// How much the user wants to be sure of.
#[derive(Debug, Args)]
pub(crate) struct RequiredArgs {
    /// Shadow reads without a divergence before readers are switched
    #[arg(long, value_name = "COUNT", default_value_t = Requirements::default().shadow_reports, value_parser = clap::value_parser!(u64).range(1..))]
    reports: u64,
    /// Time from the first of them to the last one
    #[arg(long, value_name = "TIME", default_value = "1d", value_parser = parse_duration)]
    over: std::time::Duration,
    /// How long a candle may be in the store before it is in the old files
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = parse_duration)]
    behind: std::time::Duration,
}

impl RequiredArgs {
    pub(crate) fn required(&self) -> Requirements {
        let Self { reports, over, behind } = self;
        Requirements {
            shadow_reports: *reports,
            shadow_seconds: over.as_secs(),
            behind_seconds: behind.as_secs(),
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct CutoverStatusArgs {
    /// Records of the log that are shown, the last ones
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    pub(crate) log: usize,
    #[command(flatten)]
    pub(crate) required: RequiredArgs,
    #[command(flatten)]
    pub(crate) store: StoreArg,
    /// Print as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct AdvanceArgs {
    /// The folder of the old files, with which the cut-over begins; legacy.folder of the config unless it is named here
    pub(crate) folder: Option<PathBuf>,
    /// What to keep on record about this step
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) note: String,
    #[command(flatten)]
    pub(crate) required: RequiredArgs,
    #[command(flatten)]
    pub(crate) store: StoreArg,
    /// Print as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct BackArgs {
    /// What to keep on record about this step
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) note: String,
    #[command(flatten)]
    pub(crate) store: StoreArg,
    /// Print as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = ARCHIVE)]
pub(crate) struct ArchiveArgs {
    /// Where the archive is to be: a folder that is not there yet, or an archive of the same files
    pub(crate) archive: PathBuf,
    /// Then remove the files from their folder, each after it was compared with the archive
    #[arg(long)]
    pub(crate) remove: bool,
    #[command(flatten)]
    pub(crate) store: StoreArg,
    /// Print as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

const ARCHIVE: &str = "\
The archive is a folder: files/ has the files as they are, and `sha256sum -c SHA256SUMS` checks them without onetape. It is at its
place once it is whole. Whatever is interrupted, the same command goes on with.";

#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// The archive
    pub(crate) archive: PathBuf,
    /// Where its files are to be: a folder that is not there yet, or empty
    pub(crate) folder: PathBuf,
    #[command(flatten)]
    pub(crate) store: StoreArg,
    /// Print as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = SHADOW)]
pub(crate) struct ShadowArgs {
    /// The folder of the old system's Parquet files; legacy.folder of the config unless it is named here
    pub(crate) folder: Option<PathBuf>,
    /// Only candles that open at this instant or later
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<Timestamp>,
    /// Only candles that open before this instant
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<Timestamp>,
    /// The column of opening times, where names do not tell
    #[arg(long, value_name = "COLUMN")]
    pub(crate) time_column: Option<String>,
    /// Round the files' floats to so many decimals before they are compared, as `onetape import run` did
    #[arg(long, value_name = "DECIMALS", value_parser = clap::value_parser!(u8).range(0..=12))]
    pub(crate) round_floats: Option<u8>,
    #[command(flatten)]
    pub(crate) store: StoreArg,
    /// Print as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

const SHADOW: &str = "\
Files are compared that have the name of an instrument in the store: ETHUSDT_1m.parquet, with the venue before it where it is
not the default exchange. A price is the same where the store's decimal rounds to the file's float. Candles later than a file's
last row make it behind, not different, and those earlier than its first row are counted and named. What was found is recorded, for
`onetape cutover advance`. Exit code 1: something differs.";
