//! The folder of an older system: its files, and reading them beside the caller.
//!
//! Files are read on threads for blocking work. Whoever gives a call up, or drops a stream of rows, stops the thread at its
//! next batch.

use std::error::Error as _;
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Component, Path, PathBuf};

use async_trait::async_trait;
use futures::StreamExt as _;
use futures::stream;
use onetape_ports::{
    LegacyContents, LegacyEntry, LegacyLeft, LegacyLeftWhy, LegacyListing, LegacyReading, LegacyRow,
    LegacyRows, LegacySource, LegacyTable, with_causes,
};
use sha2::{Digest as _, Sha256};
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;

use crate::error::{LegacyError, LegacyErrorKind, guarded, io as io_error};
use crate::file::LegacyFile;
use crate::layout::CandleLayout;

/// Most files of a folder and those below.
pub const MAX_FILES: usize = 100_000;
/// Deepest that folders may lie in one another.
pub const MAX_FOLDER_DEPTH: usize = 16;
/// Batches of rows that wait for the caller.
const BATCHES_AHEAD: usize = 2;
/// Bytes that are summed at once.
const SUMMED_BYTES: usize = 1 << 20;

/// A folder of legacy files.
#[derive(Debug, Clone)]
pub struct LegacyCache {
    folder: PathBuf,
}

impl LegacyCache {
    /// The folder at a path; links on the way to it are followed, those in it are not. Whether it is there, reading tells.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where a file of the folder is. Links are not followed, and nothing outside is a file of it.
    fn file(&self, path: &str) -> Result<PathBuf, LegacyError> {
        let refused = |reason: &str| LegacyError::new(LegacyErrorKind::Refused, path, reason);
        let mut at = self.folder.clone();
        let mut kind = None;
        for part in Path::new(path).components() {
            let Component::Normal(name) = part else {
                return Err(refused("is not a path within the folder"));
            };
            at.push(name);
            let own = at.symlink_metadata().map_err(|error| io_error(at.display(), "open", error))?;
            if own.is_symlink() {
                return Err(refused("is a link, which is not followed"));
            }
            kind = Some(own);
        }
        if !kind.is_some_and(|kind| kind.is_file()) {
            return Err(refused("is no file"));
        }
        Ok(at)
    }
}

impl fmt::Display for LegacyCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "legacy files in {}", self.folder.display())
    }
}

#[async_trait]
impl LegacySource for LegacyCache {
    async fn files(&self) -> Result<LegacyListing, LegacyError> {
        let folder = self.folder.clone();
        aside(self.to_string(), move |_| {
            let mut listing = LegacyListing::default();
            list(&folder, "", 0, &mut listing)?;
            listing.files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
            listing.left.sort_unstable_by(|a, b| a.path.cmp(&b.path));
            Ok(listing)
        })
        .await
    }

    async fn sha256(&self, path: &str) -> Result<String, LegacyError> {
        let (cache, path) = (self.clone(), path.to_owned());
        aside(path.clone(), move |is_given_up| {
            let at = cache.file(&path)?;
            let mut file = File::open(&at).map_err(|error| io_error(at.display(), "open", error))?;
            let (mut sum, mut bytes) = (Sha256::new(), vec![0; SUMMED_BYTES]);
            loop {
                let read = file.read(&mut bytes).map_err(|error| io_error(at.display(), "read", error))?;
                if read == 0 || is_given_up() {
                    return Ok(sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect());
                }
                sum.update(&bytes[..read]);
            }
        })
        .await
    }

    async fn contents(&self, path: &str, reading: &LegacyReading) -> Result<LegacyContents, LegacyError> {
        let (cache, path, reading) = (self.clone(), path.to_owned(), reading.clone());
        aside(path.clone(), move |_| {
            let file = LegacyFile::open(&cache.file(&path)?)?;
            let table = |table| LegacyTable {
                names: file.path(table).to_vec(),
                columns: file.schema(table).fields().iter().map(|field| field.name().clone()).collect(),
                rows: file.rows(table),
                candles: CandleLayout::of(file.schema(table), reading.time_column.as_deref())
                    .map(|layout| layout.ignored().to_vec()),
            };
            Ok(LegacyContents { format: file.format(), tables: (0..file.tables()).map(table).collect() })
        })
        .await
    }

    fn rows(&self, path: &str, table: usize, reading: &LegacyReading, from: u64) -> LegacyRows<'_> {
        let (cache, path, reading) = (self.clone(), path.to_owned(), reading.clone());
        let begun = async move {
            let (sender, mut receiver) = mpsc::channel(BATCHES_AHEAD);
            spawn_blocking(move || {
                let sent = guarded(&path, || {
                    let file = LegacyFile::open(&cache.file(&path)?)?;
                    send(&file, table, &reading, from, &sender)
                });
                if let Err(error) = sent {
                    // Nobody listens any more: then nobody needs it.
                    let _ = sender.blocking_send(Err(error));
                }
            });
            stream::poll_fn(move |context| receiver.poll_recv(context))
        };
        stream::once(begun).flatten().boxed()
    }
}

type Batch = Result<Vec<LegacyRow>, LegacyError>;

/// Sends the rows of a table, until the file ends or nobody listens.
fn send(
    file: &LegacyFile,
    table: usize,
    reading: &LegacyReading,
    from: u64,
    sender: &mpsc::Sender<Batch>,
) -> Result<(), LegacyError> {
    let name = file.name();
    if table >= file.tables() {
        let message = format!("has {} tables, and so none at {table}", file.tables());
        return Err(LegacyError::new(LegacyErrorKind::Unsupported, name, message));
    }
    let layout = CandleLayout::of(file.schema(table), reading.time_column.as_deref()).map_err(|broken| {
        LegacyError::new(LegacyErrorKind::Unsupported, name, format_args!("holds no candles: {broken}"))
    })?;
    forward(file.candles(table, &layout, reading.round_floats, from)?, sender)
}

fn forward(batches: impl Iterator<Item = Batch>, sender: &mpsc::Sender<Batch>) -> Result<(), LegacyError> {
    for rows in batches {
        if sender.blocking_send(Ok(rows?)).is_err() {
            break;
        }
    }
    Ok(())
}

/// What is in a folder and in those below, by their path from the outermost on.
fn list(folder: &Path, path: &str, depth: usize, listing: &mut LegacyListing) -> Result<(), LegacyError> {
    let cannot = |error| io_error(folder.display(), "list", error);
    for entry in folder.read_dir().map_err(cannot)? {
        let entry = entry.map_err(cannot)?;
        let name = entry.file_name();
        let path = match path {
            "" => name.to_string_lossy().into_owned(),
            path => format!("{path}/{}", name.to_string_lossy()),
        };
        if listing.files.len() + listing.left.len() == MAX_FILES {
            let message = format!("brings it to more than {MAX_FILES} files");
            return Err(LegacyError::new(LegacyErrorKind::Limit, folder.display(), message));
        }
        // Of a link, this is what the link itself is.
        let why = match (name.to_str(), entry.file_type()) {
            (None, _) => LegacyLeftWhy::Name,
            (Some(name), _) if name.starts_with('.') => LegacyLeftWhy::Hidden,
            (_, Ok(kind)) if kind.is_dir() => match below(&entry.path(), &path, depth + 1, listing)? {
                Some(why) => why,
                None => continue,
            },
            (_, Ok(kind)) if kind.is_symlink() => LegacyLeftWhy::Link,
            (_, Ok(kind)) if !kind.is_file() => LegacyLeftWhy::NoFile,
            (_, kind) => match kind.and_then(|_| entry.metadata()) {
                Ok(metadata) => {
                    listing.files.push(LegacyEntry { path, bytes: metadata.len() });
                    continue;
                }
                // It vanished since the folder was read.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(cannot(error)),
            },
        };
        listing.left.push(LegacyLeft { path, why });
    }
    Ok(())
}

/// What is in a folder below, or why it is left out.
fn below(
    folder: &Path,
    path: &str,
    depth: usize,
    listing: &mut LegacyListing,
) -> Result<Option<LegacyLeftWhy>, LegacyError> {
    if depth > MAX_FOLDER_DEPTH {
        return Ok(Some(LegacyLeftWhy::Folder(format!("it lies deeper than {MAX_FOLDER_DEPTH} folders"))));
    }
    match list(folder, path, depth, listing) {
        Ok(()) => Ok(None),
        Err(error) if error.kind() == LegacyErrorKind::Limit => Err(error),
        Err(error) => {
            let reason = error.source().map_or_else(|| error.message().to_owned(), with_causes);
            Ok(Some(LegacyLeftWhy::Folder(reason)))
        }
    }
}

/// Does blocking work on a thread for it. The work can ask whether the caller has given it up.
pub(crate) async fn aside<T: Send + 'static>(
    place: String,
    work: impl FnOnce(&dyn Fn() -> bool) -> Result<T, LegacyError> + Send + 'static,
) -> Result<T, LegacyError> {
    let (sender, receiver) = oneshot::channel();
    let lost = LegacyError::new(LegacyErrorKind::Io, &place, "the runtime ended while it was read");
    spawn_blocking(move || {
        let done = guarded(&place, || work(&|| sender.is_closed()));
        let _ = sender.send(done);
    });
    receiver.await.unwrap_or(Err(lost))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_read_on_for_a_caller_who_left() {
        let (sender, mut receiver) = mpsc::channel(8);
        let mut read = 0;
        let batches = std::iter::repeat_with(|| {
            read += 1;
            if read == 3 {
                receiver.close();
            }
            Ok(Vec::new())
        });
        forward(batches.take(100), &sender).expect("no error");
        assert_eq!(read, 3);
    }
}
