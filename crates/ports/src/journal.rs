//! The journal: what was accepted and is not in the store yet, kept through a crash.

use std::error::Error;
use std::fmt::{self, Debug, Display};

use async_trait::async_trait;
use onetape_domain::coverage::LostRange;
use onetape_domain::engine::local_book::TimedDiff;
use onetape_domain::imported::Import;
use onetape_domain::instrument::Instrument;
use onetape_domain::message::{FeedMessage, FullBook};
use onetape_domain::time::Timestamp;
use onetape_domain::venue::VenueRules;

/// A place in a journal; later ones are greater. It means nothing to another opening of the same journal.
pub type JournalPosition = u64;

/// Something an engine went through, as it is handed to a journal.
#[derive(Debug, Clone, Copy)]
pub struct JournalEntry<'a> {
    /// Whose engine.
    pub instrument: &'a Instrument,
    /// The rules of its feed.
    pub rules: VenueRules,
    /// The engine's clock after it: once a store is at a later one, it need not happen again.
    pub issued: Option<Timestamp>,
    /// What happened.
    pub event: JournalEventRef<'a>,
}

/// What an entry says.
#[derive(Debug, Clone, Copy)]
pub enum JournalEventRef<'a> {
    /// A message was accepted.
    Message(&'a FeedMessage),
    /// This was the whole book: levels can be rebuilt from here on.
    Book(&'a FullBook),
    /// This was the book, and no diff had connected to it yet.
    Seeded(&'a FullBook),
    /// Of so many diffs that waited for a snapshot, these, from this one on.
    Waiting(&'a [TimedDiff], JournalPart),
    /// Imports were taken in.
    TakenIn(&'a [Import]),
    /// Ranges of streams turned out not to be whole.
    Lost(&'a [LostRange]),
    /// The feed ended in order.
    EndOfFeed,
}

/// Which of several things an entry has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalPart {
    /// How many there are before these.
    pub from: u32,
    /// How many there are in all.
    pub of: u32,
}

/// An entry as it is read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalRecord {
    /// Whose it is.
    pub instrument: Instrument,
    /// The rules of its feed.
    pub rules: VenueRules,
    /// The engine's clock after it.
    pub issued: Option<Timestamp>,
    /// What happened.
    pub event: JournalEvent,
}

/// What a record says; see [`JournalEventRef`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JournalEvent {
    /// A message was accepted.
    Message(Box<FeedMessage>),
    /// This was the whole book.
    Book(FullBook),
    /// This was the book, and no diff had connected to it yet.
    Seeded(FullBook),
    /// Of so many diffs that waited for a snapshot, these, from this one on.
    Waiting(Vec<TimedDiff>, JournalPart),
    /// Imports were taken in.
    TakenIn(Vec<Import>),
    /// Ranges of streams turned out not to be whole.
    Lost(Vec<LostRange>),
    /// The feed ended in order.
    EndOfFeed,
}

/// What the opening of a journal found, once all of it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JournalRecovery {
    /// Records read.
    pub records: u64,
    /// Every stretch that could not be read, in order. What lay there is lost.
    pub damage: Vec<JournalDamage>,
}

/// A stretch of a journal that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalDamage {
    /// Where: the file.
    pub file: String,
    /// First damaged byte.
    pub offset: u64,
    /// How many bytes.
    pub bytes: u64,
    /// Whether it is the end of the last file: what was being written when the process died, and never acknowledged.
    pub is_tail: bool,
}

/// Keeps entries on the disk until they are not needed any more.
///
/// Entries are appended to numbered segments. A segment goes as a whole.
#[async_trait]
pub trait Journal: Display + Debug + Send + Sync + 'static {
    /// Records found at the opening that were not given yet, in the order in which they were appended, at most `limit`; none
    /// once all were given. What is appended meanwhile is not among them.
    async fn recovered(&self, limit: usize) -> Result<Vec<JournalRecord>, JournalError>;

    /// What [`recovered`](Self::recovered) has found so far.
    fn recovery(&self) -> JournalRecovery;

    /// Appends an entry and returns its place. It never waits for the disk; order of calls is order of records.
    ///
    /// After a failed write every call MUST fail: what is on the disk is not known any more.
    fn append(&self, entry: JournalEntry<'_>) -> Result<JournalPosition, JournalError>;

    /// Waits until everything up to the place is on the disk.
    async fn synced(&self, position: JournalPosition) -> Result<(), JournalError>;

    /// Begins a segment and returns its number. What is appended from now on is in it.
    fn rotate(&self) -> Result<u64, JournalError>;

    /// Lets all segments before this one go. A damaged one MUST be kept aside for people to look at.
    fn trim(&self, before: u64) -> Result<(), JournalError>;

    /// Bytes of all segments.
    fn bytes(&self) -> u64;

    /// Bytes of the segment that is being written.
    fn segment_bytes(&self) -> u64;

    /// Writes and syncs what was appended, and lets go of the place: another may open it then. Later calls that write MUST
    /// fail. Closing again MUST change nothing. After a failed write there is nothing to sync, and the place is let go.
    async fn close(&self);
}

/// A failed operation of a journal. `Display` never contains the source.
#[derive(Debug)]
pub struct JournalError {
    operation: &'static str,
    place: String,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl JournalError {
    /// An error of `operation` at a place, with a message that says what to do where that is known.
    pub fn new(operation: &'static str, place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { operation, place: place.into(), message: message.into(), source: None }
    }

    /// The same with its cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

impl Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the journal {} cannot {}: {}", self.place, self.operation, self.message)
    }
}

impl Error for JournalError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn Error + 'static))
    }
}
