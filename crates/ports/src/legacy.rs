//! What an older system kept: a folder of files with candles, read as it is, and its layout written on.

use std::error::Error;
use std::fmt::{self, Debug, Display};

use async_trait::async_trait;
use futures::stream::BoxStream;
use onetape_domain::candle::Candle;
use onetape_domain::time::Timestamp;
use onetape_domain::validator::UncheckedCandle;
use onetape_domain::violation::Violations;
use serde::Serialize;

/// A file of the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegacyEntry {
    /// Its path from the folder on, with `/`.
    pub path: String,
    /// Its bytes.
    pub bytes: u64,
}

/// What is in a folder and those below.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LegacyListing {
    /// The files, by path.
    pub files: Vec<LegacyEntry>,
    /// What is left where it is, by path.
    pub left: Vec<LegacyLeft>,
}

/// Something in a folder that is not read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LegacyLeft {
    /// Its path from the folder on, with `/`; characters that are not Unicode are shown as `\u{fffd}`.
    pub path: String,
    /// Why it is not read.
    pub why: LegacyLeftWhy,
}

/// Why something in a folder is not read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "reason")]
pub enum LegacyLeftWhy {
    /// Its name begins with a dot; what is in it, if it is a folder, was not looked at.
    Hidden,
    /// It is a link.
    Link,
    /// It is neither file nor folder nor link.
    NoFile,
    /// Its name is not Unicode.
    Name,
    /// It is a folder that cannot be read, or lies too deep.
    Folder(String),
}

impl LegacyLeftWhy {
    /// Whether it may be meant to be read: not what is hidden, and what is no file.
    pub fn may_be_meant(&self) -> bool {
        !matches!(self, Self::Hidden | Self::NoFile)
    }
}

impl Display for LegacyLeftWhy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hidden => "is hidden: its name begins with a dot",
            Self::Link => "is a link, which is not followed",
            Self::NoFile => "is no file",
            Self::Name => "has a name that is not Unicode",
            Self::Folder(reason) => return write!(f, "cannot be listed: {reason}"),
        })
    }
}

/// What a file turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegacyContents {
    /// `parquet`, `pickle`, `csv`, `json` or `feather`.
    pub format: &'static str,
    /// Its tables, in the order of the file.
    pub tables: Vec<LegacyTable>,
}

/// A table in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegacyTable {
    /// Names under which it lies in the file, outermost first; none where the file is the table.
    pub names: Vec<String>,
    /// Names of its columns, in order.
    pub columns: Vec<String>,
    /// Rows that it says it has; none where only reading it tells.
    pub rows: Option<u64>,
    /// Where it holds candles, the columns that they do without; else why it holds none.
    pub candles: Result<Vec<String>, Violations>,
}

/// How rows are to be understood.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LegacyReading {
    /// The column of opening times, where names alone do not tell.
    pub time_column: Option<String>,
    /// Decimals to which floats are rounded, half to even; none leaves the shortest decimal that is a float's own. Numbers
    /// that are exact in the file are never rounded.
    pub round_floats: Option<u8>,
}

/// A row of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegacyRow {
    /// Place in its table, from 0 on.
    pub number: u64,
    /// When its candle opens, in microseconds since the epoch, where that can be read: also of a row that says nothing else.
    pub open_time: Option<i64>,
    /// What it says, or why it says nothing. Whether that is a candle,
    /// [`DataValidator::validate_imported`](onetape_domain::validator::DataValidator::validate_imported) tells.
    pub candle: Result<UncheckedCandle, Violations>,
}

/// Rows of a table in its order, some thousands at a time; after an error no more.
pub type LegacyRows<'a> = BoxStream<'a, Result<Vec<LegacyRow>, LegacyError>>;

/// Reads a folder in which an older system kept candles.
///
/// Files are not trusted: memory MUST be bounded whatever a file claims, nothing in one MUST be executed, and what cannot
/// be read MUST be an error, never a panic.
#[async_trait]
pub trait LegacySource: Display + Debug + Send + Sync + 'static {
    /// The files in it and in folders below. Links MUST NOT be followed, and nothing MUST be opened. What is left out, such
    /// as links, hidden files and folders below that cannot be read, MUST be named with the reason.
    async fn files(&self) -> Result<LegacyListing, LegacyError>;

    /// SHA-256 of a file, 64 hexadecimal digits.
    async fn sha256(&self, path: &str) -> Result<String, LegacyError>;

    /// Looks for tables in a file.
    async fn contents(&self, path: &str, reading: &LegacyReading) -> Result<LegacyContents, LegacyError>;

    /// The rows of the table at a position, from a row on. The same file MUST give the same rows under the same numbers.
    fn rows(&self, path: &str, table: usize, reading: &LegacyReading, from: u64) -> LegacyRows<'_>;
}

/// What became of candles that were put into a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LegacyAppended {
    /// Candles that were not there.
    pub new: u64,
    /// Candles that were there with other values.
    pub replaced: u64,
    /// Candles that were there as they are.
    pub same: u64,
    /// Bytes of the file that was written; 0 where nothing changed.
    pub bytes: u64,
}

/// Writes candles on in the layout of the older system. A file holds the candles of one instrument and timeframe, and has
/// a name without ending, such as `ETHUSDT_1m`.
#[async_trait]
pub trait LegacySink: Display + Debug + Send + Sync + 'static {
    /// The greatest open time in a file, which is followed from then on; none where it holds no candle or is not there. One that was
    /// followed before and is not there any more MUST be an error.
    async fn last(&self, name: &str) -> Result<Option<Timestamp>, LegacyError>;

    /// Puts candles into a file, in any order; of several of one open time the last one counts.
    ///
    /// - A file that is followed and that somebody else moved, replaced or wrote MUST be left as it is, and be an error.
    /// - A candle that is there with other values MUST be replaced; where nothing differs, nothing MUST be written.
    /// - Whoever reads the file meanwhile, after a crash, or after the call was given up, MUST find it as it was or as it is
    ///   to be.
    async fn append(&self, name: &str, candles: &[Candle]) -> Result<LegacyAppended, LegacyError>;
}

/// What kind of failure it was; it decides what a caller says and does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LegacyErrorKind {
    /// The file cannot be opened, read or written.
    Io,
    /// The file ends early, or its bytes contradict one another.
    Damaged,
    /// The file names something that is not on the list of what may be read. Nothing of it was executed.
    Refused,
    /// Reading it would take more than a stated limit.
    Limit,
    /// The file is sound, and of a form that is not read.
    Unsupported,
}

/// A legacy file, or a place in it, that cannot be read or written. `Display` never contains the source.
#[derive(Debug)]
pub struct LegacyError {
    kind: LegacyErrorKind,
    place: String,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl LegacyError {
    /// An error at a place: a file, or a table or column in it.
    pub fn new(kind: LegacyErrorKind, place: impl Display, message: impl Display) -> Self {
        Self { kind, place: place.to_string(), message: message.to_string(), source: None }
    }

    /// The same with its cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What kind of failure it was.
    pub fn kind(&self) -> LegacyErrorKind {
        self.kind
    }

    /// What is wrong, without the place.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether the same call may succeed later without any change.
    pub fn is_retryable(&self) -> bool {
        self.kind == LegacyErrorKind::Io
    }
}

impl Display for LegacyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

impl Error for LegacyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn Error + 'static))
    }
}
