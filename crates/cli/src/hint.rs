//! What to do next, for every error.

use std::fmt;
use std::io::ErrorKind;
use std::sync::Arc;

use onetape::config::ConfigError;
use onetape::cutover::{CutoverError, Missing, PackError};
use onetape::domain::violation::Violations;
use onetape::exchanges::live::LiveError;
use onetape::ingestion::IngestError;
use onetape::ports::{FeedError, LegacyError, LegacyErrorKind, StoreError};
use onetape::provider::ProviderError;
use onetape::{CopyError, CopyFailure, OpenError};

/// Where nothing better is known.
const ANYTHING: &str = "ONETAPE_LOG=debug shows more; `onetape doctor` examines the store";

/// An error with a hint of its own.
#[derive(Debug)]
struct Hinted {
    error: anyhow::Error,
    hint: String,
}

impl fmt::Display for Hinted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for Hinted {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}

/// The error with what to do about it.
pub(crate) fn hinted(error: impl Into<anyhow::Error>, hint: impl Into<String>) -> anyhow::Error {
    anyhow::Error::new(Hinted { error: error.into(), hint: hint.into() })
}

/// What to do about an error: what the outermost cause that is known says.
pub(crate) fn of(error: &anyhow::Error) -> String {
    error.chain().find_map(known).unwrap_or_else(|| ANYTHING.to_owned())
}

fn legacy(kind: LegacyErrorKind) -> &'static str {
    match kind {
        LegacyErrorKind::Io => "look at the folder: its place, its permissions, and who else writes it",
        LegacyErrorKind::Damaged => "take the file from a backup, or move it out of the folder",
        _ => "move the file out of the folder, or write it again with pandas",
    }
}

fn known(cause: &(dyn std::error::Error + 'static)) -> Option<String> {
    if let Some(Hinted { hint, .. }) = cause.downcast_ref() {
        return Some(hint.clone());
    }
    if let Some(error) = cause.downcast_ref::<OpenError>() {
        return Some(error.hint().to_owned());
    }
    if let Some(error) = cause.downcast_ref::<ConfigError>() {
        return Some(error.hint().to_owned());
    }
    if let Some(error) = cause.downcast_ref::<CopyFailure>() {
        return copy(error).map(str::to_owned);
    }
    #[cfg(feature = "export")]
    if let Some(error) = cause.downcast_ref::<onetape::ExportError>() {
        return export(error).map(str::to_owned);
    }
    #[cfg(feature = "import")]
    if let Some(error) = cause.downcast_ref::<onetape::import::MigrationError>() {
        return import(error).map(str::to_owned);
    }
    if let Some(error) = cause.downcast_ref::<CutoverError>() {
        return cutover(error);
    }
    if let Some(error) = cause.downcast_ref::<PackError>() {
        return pack(error).map(str::to_owned);
    }
    if let Some(error) = cause.downcast_ref::<LegacyError>() {
        return Some(legacy(error.kind()).to_owned());
    }
    if let Some(error) = cause.downcast_ref::<LiveError>() {
        return Some(live(error));
    }
    if let Some(error) = cause.downcast_ref::<ProviderError>() {
        return provider(error).map(str::to_owned);
    }
    if let Some(error) = cause.downcast_ref::<IngestError>() {
        return ingest(error).map(str::to_owned);
    }
    let shared = cause.downcast_ref::<Arc<StoreError>>().map(|error| &**error);
    if let Some(error) = cause.downcast_ref::<StoreError>().or(shared) {
        return Some(onetape::hint_of(error.kind()).to_owned());
    }
    if let Some(error) = cause.downcast_ref::<std::io::Error>() {
        return Some(io(error.kind()).to_owned());
    }
    let shared = cause.downcast_ref::<Arc<FeedError>>().map(|error| &**error);
    if let Some(FeedError { source, .. }) = cause.downcast_ref().or(shared) {
        let io = source.as_ref().and_then(|source| source.downcast_ref::<std::io::Error>());
        if let Some(error) = io.filter(|error| error.kind() == ErrorKind::NotFound) {
            return Some(self::io(error.kind()).to_owned());
        }
        return Some(
            "mend the tape and replay it again: what came before is stored, and is not stored twice"
                .to_owned(),
        );
    }
    cause
        .is::<Violations>()
        .then(|| "put the values named above right; --help says what each may be".to_owned())
}

/// None where the cause below says it better.
fn cutover(error: &CutoverError) -> Option<String> {
    match error {
        CutoverError::Refused(refused) => refused.missing.first().map(Missing::command),
        CutoverError::Raced { .. } => {
            Some("`onetape cutover status` shows what it says; then run the command again".to_owned())
        }
        _ => None,
    }
}

/// None where the cause below says it better.
fn pack(error: &PackError) -> Option<&'static str> {
    Some(match error {
        PackError::Lock { .. } => {
            "end what writes the folder: `onetape collect` ends it by itself within a minute once the cut-over has left the folder"
        }
        PackError::NotPlain { .. } => "put the file itself there, or move it out of the folder",
        PackError::Name { .. } => "rename it, or move it out of the folder",
        PackError::Limit { .. } => "archive parts of the folder by other means",
        PackError::Inside { .. } => "name a place outside",
        PackError::Taken { .. } => "name another place",
        PackError::Changed { .. } => {
            "see who else writes the folder, then run the command again: it goes on from there"
        }
        PackError::Differs { .. } | PackError::Damaged { .. } => {
            "`sha256sum -c SHA256SUMS` in the archive names what is damaged; where the folder is whole, archive it anew to another place"
        }
        PackError::Stopped => "run the command again: it goes on from there",
        _ => return None,
    })
}

fn live(error: &LiveError) -> String {
    match error {
        LiveError::Unknown { similar, .. } if !similar.is_empty() => {
            let names: Vec<String> = similar.iter().map(ToString::to_string).collect();
            format!("did you mean {}?", names.join(" or "))
        }
        LiveError::Unknown { .. } | LiveError::NotTrading { .. } | LiveError::NoInstruments { .. } => {
            "name an instrument that the venue trades, as in binance:BTC/USDT or binance:BTC/USDT:USDT".to_owned()
        }
        LiveError::Address { .. } => "collect.MARKET.websocket and collect.MARKET.rest are the addresses".to_owned(),
        LiveError::Recording { .. } => "give --record a folder that can be written to".to_owned(),
        LiveError::Certificates(_) => "install the system's certificates (`ca-certificates`)".to_owned(),
        LiveError::Limited { .. } => "wait as long as it says: a venue bans those who go on asking".to_owned(),
        LiveError::Status { .. } => {
            "the venue may not serve this place; collect.MARKET.rest and .websocket take other addresses of it".to_owned()
        }
        _ => "look at the network; `onetape config show` prints the addresses, collect.MARKET.rest and .websocket".to_owned(),
    }
}

/// None where the cause below says it better.
fn copy(error: &CopyFailure) -> Option<&'static str> {
    Some(match error {
        CopyFailure::Open(error) => error.hint(),
        CopyFailure::SameStore { .. } => "name another store with --from or --to",
        CopyFailure::NoSource { .. } => {
            "`onetape config show` names the default store; --from takes it or another"
        }
        CopyFailure::Copy(CopyError::Source { .. } | CopyError::Target { .. }) => return None,
        CopyFailure::Copy(CopyError::Unknown { .. }) => "`onetape status --store URL` shows what a store has",
        CopyFailure::Copy(CopyError::Ahead { .. } | CopyError::TooFarBehind { .. }) => {
            "copy into a store that does not have this instrument"
        }
        CopyFailure::Copy(CopyError::Differ { resumable: true, .. }) => {
            "`--restart` throws the unfinished copy away and begins anew"
        }
        CopyFailure::Copy(CopyError::Differ { .. }) => "copy into a store that does not have this instrument",
        CopyFailure::Copy(CopyError::Changed { .. }) => "copy again",
        CopyFailure::Copy(CopyError::SourceOrder { .. }) => {
            "`onetape db sources --store URL NAME…` sets the order"
        }
        _ => return None,
    })
}

/// None where the cause below says it better.
#[cfg(feature = "export")]
fn export(error: &onetape::ExportError) -> Option<&'static str> {
    use onetape::ExportError as Error;
    match error {
        Error::Empty => Some(
            "`onetape demo` or `onetape replay FILES` fills the store; `onetape status` shows what is stored",
        ),
        Error::FloatsInCsv => Some("leave --decimals out, or choose another --format"),
        Error::NothingCorrected { .. } => Some("leave --corrected out"),
        Error::Unfit(_) => {
            Some("`--decimals text` holds every number; `--decimals float` the nearest doubles")
        }
        Error::File(_) => {
            Some("give another --out, or see to room and permissions there; --overwrite replaces an export")
        }
        Error::Provider(error) => provider(error),
        _ => None,
    }
}

/// None where the cause below says it better.
#[cfg(feature = "import")]
fn import(error: &onetape::import::MigrationError) -> Option<&'static str> {
    use onetape::import::MigrationError as Error;
    match error {
        Error::Origin { .. } => Some("give the folder of the old files, and see that it can be read"),
        Error::TooManyTables => Some("import a folder below it"),
        Error::TooManyParts { .. } => Some(
            "`--quiet 1m=6h` says how long a silence is quiet trade, `--whole-days` that days with a candle are complete, \
             `--max-parts` allows more",
        ),
        Error::NothingToTake { .. } => {
            Some("`onetape import plan FOLDER` says why; `--mapping FILE` says what tables hold")
        }
        Error::UnknownRun { .. } | Error::WhichRun { .. } => Some("`onetape import status` lists the runs"),
        Error::NoneSuch { wanted, .. } if wanted.contains(&onetape::domain::manifest::RunState::Finished) => {
            Some(
                "`onetape import resume RUN` brings one that is running to its end, `onetape import run FOLDER` begins one",
            )
        }
        Error::NoneSuch { .. } => Some("`onetape import run FOLDER` begins one"),
        Error::Other { .. } => Some("give it another --name"),
        Error::State { .. } => {
            Some("`onetape import resume`, `rollback` and `run --name NAME` are the ways on")
        }
        Error::Stopped => Some("run the command again"),
        _ => None,
    }
}

/// None where the cause below says it better.
fn provider(error: &ProviderError) -> Option<&'static str> {
    match error {
        ProviderError::Store(_) => None,
        ProviderError::Invalid(_) => Some("ask for less: the limits are provider.* in `onetape config show`"),
        ProviderError::UnknownInstrument { .. } => Some("`onetape status` shows what is stored"),
        ProviderError::Future { .. } => {
            Some("ask for an instant up to the clock, or leave out --strict to be answered as of the clock")
        }
        ProviderError::Unavailable { source: Some(_), .. } => None,
        ProviderError::Unavailable { .. } => Some("ask again, or for another instant"),
        ProviderError::Quality { .. } => Some(
            "`onetape query coverage INSTRUMENT` shows the gaps; ask for another instant, or for a lower --min-quality",
        ),
        _ => None,
    }
}

fn ingest(error: &IngestError) -> Option<&'static str> {
    match error {
        IngestError::Store { .. } | IngestError::Feed(_) => None,
        IngestError::Refused { .. } => {
            Some("put the record right; `onetape quarantine list` shows the refused one")
        }
        IngestError::Closed => Some("run the command again: it goes on from where it stopped"),
        IngestError::Outage { .. } => Some(
            "see why the store does not answer (`onetape doctor`), then run the command again: it goes on from there",
        ),
        IngestError::Deadline { .. } => Some(
            "see that the store answers (`onetape doctor`), then run the command again: it goes on from there",
        ),
        IngestError::Corrupt { .. } => Some("`onetape doctor` examines the store; restore it from a backup"),
        _ => None,
    }
}

fn io(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotFound => "see that the path is right, and seen from the working directory",
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "see who may read and write there, or name another place"
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            "make room on the disk, then run the command again: it goes on from there"
        }
        ErrorKind::AddrInUse => "choose another port, or end what listens there",
        ErrorKind::AddrNotAvailable => "give an address of this machine, or only a port",
        ErrorKind::InvalidData => "see that the file is text in UTF-8, and the right one",
        _ => ANYTHING,
    }
}
