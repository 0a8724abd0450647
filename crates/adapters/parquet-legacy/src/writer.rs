//! Writes candles into the layout of the old system: one Parquet file an instrument and timeframe, as pandas makes it.
//!
//! [`LegacyWriter::put`] gives a file new rows, and candles that were corrected their new values. Parquet files cannot
//! be written on. A new file is made beside the old one and put in its place by a rename: of the old one only the row
//! groups in which something changes are decoded, all others are copied as bytes. The cost of a call is that of copying the
//! file once, and the caller says how often that may be ([`LegacyAppended::bytes`]).
//!
//! A file that is there keeps its columns, their types, its index and its codecs. What the old layout loses stays lost:
//! prices and sizes are the floats nearest to the decimals, and volumes of takers have no column.

mod merge;
pub(crate) mod replace;
mod table;

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use onetape_domain::candle::Candle;
use onetape_domain::time::Timestamp;
use onetape_ports::{LegacyAppended, LegacySink};

use crate::cache::aside;
use crate::error::{LegacyError, LegacyErrorKind};
use crate::parquet::ParquetFile;

use replace::Version;

pub use merge::GROUP_ROWS;
pub use table::MAX_CHANGED_GROUP_ROWS;

/// Most candles of a call.
pub const MAX_CANDLES: usize = 100_000;
/// Most attempts where somebody else writes the file meanwhile.
const MAX_ATTEMPTS: usize = 5;

/// A folder of the old layout, with this process as its one writer.
#[derive(Debug, Clone)]
pub struct LegacyWriter {
    folder: PathBuf,
    /// One file is written at a time.
    lock: Arc<Mutex<File>>,
    /// What those who follow a file left in its place, by name.
    followed: Arc<Mutex<HashMap<String, Version>>>,
}

impl LegacyWriter {
    /// Opens a folder, makes it where it is missing, and removes what an interrupted writer left. Nobody else who writes
    /// with this crate may have it open.
    ///
    /// # Errors
    /// For a folder that cannot be made or written, or that another process writes.
    pub fn open(folder: &Path) -> Result<Self, LegacyError> {
        let lock = replace::lock(folder)?;
        replace::clean(folder)?;
        let (lock, followed) = (Arc::new(Mutex::new(lock)), Arc::default());
        Ok(Self { folder: folder.to_owned(), lock, followed })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file of a name such as `ETHUSDT_1m`.
    pub fn path(&self, name: &str) -> PathBuf {
        path_of(&self.folder, name)
    }

    /// Puts candles of one instrument and timeframe into the file of a name such as `ETHUSDT_1m`, in any order; of several
    /// of one open time the last one counts. A candle that is there already is replaced where a value differs. Whoever
    /// reads the file meanwhile, or after a crash, finds it as it was or as it is to be. Where nothing differs, nothing is
    /// written.
    ///
    /// # Errors
    /// For a file that cannot be read or written, whose columns are not those of candles, or of types that are not
    /// written; the file is then as it was. More than [`MAX_CANDLES`] are refused.
    pub fn put(&self, name: &str, candles: &[Candle]) -> Result<LegacyAppended, LegacyError> {
        self.put_into(name, candles, |_| Ok(())).map(|(done, _)| done)
    }

    /// The same where what is there passes a check. Returns also what is there afterwards.
    fn put_into(
        &self,
        name: &str,
        candles: &[Candle],
        check: impl Fn(Option<&Version>) -> Result<(), LegacyError>,
    ) -> Result<(LegacyAppended, Option<Version>), LegacyError> {
        let path = self.path(name);
        let place = path.display().to_string();
        let is_name = |c: char| !c.is_control() && !matches!(c, '/' | '\\');
        if name.is_empty() || name.starts_with('.') || !name.chars().all(is_name) {
            return Err(LegacyError::new(
                LegacyErrorKind::Unsupported,
                place,
                "is no name of a file of candles",
            ));
        }
        if candles.len() > MAX_CANDLES {
            let message = format!("{} candles at once; at most {MAX_CANDLES} are written", candles.len());
            return Err(LegacyError::new(LegacyErrorKind::Limit, place, message));
        }
        if candles.is_empty() {
            return Ok((LegacyAppended::default(), None));
        }
        // Nothing is left half done by whoever panicked with it.
        let _lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..MAX_ATTEMPTS {
            let before = replace::version(&path)?;
            check(before.as_ref())?;
            let old = if before.is_some() { Some(ParquetFile::open(&path)?) } else { None };
            let table = table::Table::of(old.as_ref(), &place)?;
            let plan = merge::plan(&table, candles, &place)?;
            let mut done = plan.counts();
            if !plan.changes() {
                return Ok((done, before));
            }
            let written =
                replace::replace(&path, before.as_ref(), |file| merge::write(&table, &plan, file, &place))?;
            if let Some(written) = written {
                done.bytes = written.bytes();
                return Ok((done, Some(written)));
            }
        }
        let message = format!("another program wrote it {MAX_ATTEMPTS} times while it was being written");
        Err(LegacyError::new(LegacyErrorKind::Io, place, message))
    }

    /// The greatest open time in the file of a name; none where it has no rows or is not there.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn greatest(&self, name: &str) -> Result<Option<Timestamp>, LegacyError> {
        greatest(&self.folder, name).map(Option::flatten)
    }
}

/// What follows a file: nobody else may change it, since what was written is not written again.
impl LegacyWriter {
    fn followed(&self) -> MutexGuard<'_, HashMap<String, Version>> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The greatest open time in a file, which is followed from now on.
    fn follow(&self, name: &str) -> Result<Option<Timestamp>, LegacyError> {
        let path = self.path(name);
        let Some(before) = replace::version(&path)? else {
            return if self.followed().contains_key(name) { Err(gone(&path)) } else { Ok(None) };
        };
        let greatest = self.greatest(name)?;
        self.followed().insert(name.to_owned(), before);
        Ok(greatest)
    }

    fn follow_on(&self, name: &str, candles: &[Candle]) -> Result<LegacyAppended, LegacyError> {
        let path = self.path(name);
        let left = self.followed().get(name).cloned();
        let check = |found: Option<&Version>| match (&left, found) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(gone(&path)),
            (Some(left), Some(found)) if left == found => Ok(()),
            (Some(_), Some(_)) => Err(changed(&path)),
        };
        let (done, version) = self.put_into(name, candles, check)?;
        if let Some(version) = version {
            self.followed().insert(name.to_owned(), version);
        }
        Ok(done)
    }
}

fn gone(path: &Path) -> LegacyError {
    let message = "is not there any more, and was followed until now: put it back; to begin a new one, which has only what the \
                   store made itself, start the writer again";
    LegacyError::new(LegacyErrorKind::Io, path.display(), message)
}

fn changed(path: &Path) -> LegacyError {
    let message = "is another file than the one that was followed: somebody else replaced or wrote it; it is read again at the \
                   next pass, and what it lacks from its last row on is written";
    LegacyError::new(LegacyErrorKind::Io, path.display(), message)
}

/// The greatest open time in the file of a name in a folder, which others may write meanwhile; none where it is not there, and
/// where it has no rows none in it.
///
/// # Errors
/// For a file that cannot be read, or whose columns are not those of candles.
pub fn greatest(folder: &Path, name: &str) -> Result<Option<Option<Timestamp>>, LegacyError> {
    let path = path_of(folder, name);
    if replace::version(&path)?.is_none() {
        return Ok(None);
    }
    let place = path.display().to_string();
    let file = ParquetFile::open(&path)?;
    table::Table::of(Some(&file), &place)?.greatest(&file, &place).map(Some)
}

fn path_of(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.parquet"))
}

impl fmt::Display for LegacyWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "legacy files written in {}", self.folder.display())
    }
}

#[async_trait]
impl LegacySink for LegacyWriter {
    async fn last(&self, name: &str) -> Result<Option<Timestamp>, LegacyError> {
        let (writer, name) = (self.clone(), name.to_owned());
        aside(self.to_string(), move |_| writer.follow(&name)).await
    }

    async fn append(&self, name: &str, candles: &[Candle]) -> Result<LegacyAppended, LegacyError> {
        let (writer, name, candles) = (self.clone(), name.to_owned(), candles.to_vec());
        aside(self.to_string(), move |_| writer.follow_on(&name, &candles)).await
    }
}
