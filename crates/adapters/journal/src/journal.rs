//! `FileJournal`: the journal in a folder of files.

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use async_trait::async_trait;
use onetape_ports::{Journal, JournalEntry, JournalError, JournalPosition, JournalRecord, JournalRecovery};
use parking_lot::{Condvar, Mutex};
use tokio::sync::watch;

use crate::codec::{self, Numbers};
use crate::files;
use crate::reader::SegmentReader;
use crate::segment::{self, MAX_BODY, SEGMENT_HEAD};
use crate::writer::{self, Queue, Shared, Synced, Task};

/// Bytes that are written although nobody waits for them and the interval is not over.
const MAX_QUEUED: usize = 8 << 20;

/// How a journal is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct JournalOptions {
    /// How long appends are gathered before they are written and synced together. Zero syncs at once; while one sync is
    /// under way the next one gathers by itself.
    pub gather: Duration,
    /// How long what nobody waits for may stay unwritten, up to 8 MiB of it; a millisecond at least.
    pub interval: Duration,
}

/// A journal in a folder of its own; one process at a time writes it.
///
/// Dropping it writes and syncs what was appended.
pub struct FileJournal {
    shared: Arc<Shared>,
    reader: Mutex<SegmentReader>,
    thread: Option<JoinHandle<()>>,
    /// None once the folder was let go.
    lock: Mutex<Option<File>>,
}

impl FileJournal {
    /// Opens the journal of a folder, which is made where it is missing, and begins a new segment. What is found goes to
    /// [`recovered`](Journal::recovered), and stays until it is trimmed.
    ///
    /// It touches the disk, so call it where that may block.
    ///
    /// # Errors
    /// When the folder cannot be made, read or written, and when another process has it.
    ///
    /// # Examples
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// use onetape_journal::{FileJournal, JournalOptions};
    ///
    /// let journal = FileJournal::open(folder.path().join("journal"), JournalOptions::default())?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open(folder: impl Into<PathBuf>, options: JournalOptions) -> Result<Self, JournalError> {
        let folder = folder.into();
        let lock = files::lock(&folder)?;
        let found = files::segments(&folder).map_err(|error| files::failed("be read", &folder, error))?;
        let next = found.last().map_or(1, |(number, ..)| number + 1);
        let bytes = found.iter().map(|(.., bytes)| bytes).sum();
        let queue = Queue {
            tasks: VecDeque::from([Task::Begin { number: next, position: 1 }]),
            segment: next,
            offset: SEGMENT_HEAD as u64,
            numbers: Numbers::default(),
            position: 1,
            closing: false,
            // The first segment is made at once.
            is_awaited: true,
        };
        let shared = Arc::new(Shared {
            folder: folder.clone(),
            queue: Mutex::new(queue),
            wake: Condvar::new(),
            synced: watch::Sender::new(Synced::default()),
            bytes: AtomicU64::new(bytes),
            gather: options.gather,
            interval: options.interval,
            damaged: Mutex::default(),
        });
        let of_thread = shared.clone();
        let thread = std::thread::Builder::new()
            .name("onetape-journal".to_owned())
            .spawn(move || writer::run(&of_thread))
            .map_err(|error| files::failed("be opened", &folder, error))?;
        let reader = SegmentReader::new(found.into_iter().map(|(number, path, _)| (number, path)));
        Ok(Self { shared, reader: Mutex::new(reader), thread: Some(thread), lock: Mutex::new(Some(lock)) })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.shared.folder
    }

    fn begin_closing(&self) {
        self.shared.queue.lock().closing = true;
        self.shared.wake.notify_one();
    }

    fn failure(&self) -> Option<JournalError> {
        self.shared.synced.borrow().failure.as_ref().map(|failure| {
            let error = io::Error::new(failure.kind, failure.message.clone());
            files::failed("be written", &failure.path, error)
        })
    }

    fn queue(&self, add: impl FnOnce(&mut Queue) -> Result<u64, JournalError>) -> Result<u64, JournalError> {
        if let Some(failure) = self.failure() {
            return Err(failure);
        }
        let mut queue = self.shared.queue.lock();
        if queue.closing {
            return Err(JournalError::new("be written", self.to_string(), "it is closed"));
        }
        let was_idle = queue.tasks.is_empty();
        let result = add(&mut queue)?;
        let is_due = was_idle || queue.is_awaited;
        drop(queue);
        if is_due {
            self.shared.wake.notify_one();
        }
        Ok(result)
    }
}

#[async_trait]
impl Journal for FileJournal {
    async fn recovered(&self, limit: usize) -> Result<Vec<JournalRecord>, JournalError> {
        let mut reader = self.reader.lock();
        let records = reader.read(limit.max(1))?;
        self.shared.damaged.lock().clone_from(&reader.damaged);
        Ok(records)
    }

    fn recovery(&self) -> JournalRecovery {
        self.reader.lock().recovery.clone()
    }

    fn append(&self, entry: JournalEntry<'_>) -> Result<JournalPosition, JournalError> {
        self.queue(|queue| {
            let Queue { tasks, segment, offset, numbers, position, is_awaited, .. } = queue;
            let (mut bytes, begin) = (Vec::new(), *offset);
            let mut longest = 0;
            codec::encode(numbers, entry, |body| {
                longest = longest.max(body.len());
                let at = begin + bytes.len() as u64;
                segment::put_record(&mut bytes, *segment, at, body);
            });
            if longest > MAX_BODY {
                let message = format!("a record of {longest} bytes is longer than {MAX_BODY}");
                return Err(JournalError::new("take it", self.to_string(), message));
            }
            *offset += bytes.len() as u64;
            *position += bytes.len() as u64;
            match tasks.back_mut() {
                Some(Task::Write { bytes: before, position: reached }) => {
                    before.append(&mut bytes);
                    *reached = *position;
                    *is_awaited |= before.len() >= MAX_QUEUED;
                }
                _ => tasks.push_back(Task::Write { bytes, position: *position }),
            }
            Ok(*position)
        })
    }

    async fn synced(&self, position: JournalPosition) -> Result<(), JournalError> {
        let mut synced = self.shared.synced.subscribe();
        if synced.borrow().position < position {
            let mut queue = self.shared.queue.lock();
            // What is not queued any more is being written.
            queue.is_awaited |= !queue.tasks.is_empty();
            drop(queue);
            self.shared.wake.notify_one();
        }
        let reached = synced.wait_for(|synced| synced.position >= position || synced.failure.is_some()).await;
        // The sender lives as long as this does.
        let is_synced = reached.is_ok_and(|synced| synced.position >= position);
        if is_synced { Ok(()) } else { self.failure().map_or(Ok(()), Err) }
    }

    fn rotate(&self) -> Result<u64, JournalError> {
        self.queue(|queue| {
            queue.segment += 1;
            queue.offset = SEGMENT_HEAD as u64;
            queue.numbers = Numbers::default();
            queue.position += 1;
            let task = Task::Begin { number: queue.segment, position: queue.position };
            queue.tasks.push_back(task);
            Ok(queue.segment)
        })
    }

    fn trim(&self, before: u64) -> Result<(), JournalError> {
        self.queue(|queue| {
            // Never the one that is being written.
            queue.tasks.push_back(Task::Trim { before: before.min(queue.segment) });
            Ok(0)
        })
        .map(drop)
    }

    fn bytes(&self) -> u64 {
        let queued = |task: &Task| if let Task::Write { bytes, .. } = task { bytes.len() as u64 } else { 0 };
        let waiting: u64 = self.shared.queue.lock().tasks.iter().map(queued).sum();
        self.shared.bytes.load(Ordering::Relaxed) + waiting
    }

    fn segment_bytes(&self) -> u64 {
        self.shared.queue.lock().offset
    }

    async fn close(&self) {
        self.begin_closing();
        let mut synced = self.shared.synced.subscribe();
        // The sender lives as long as this does.
        let _ = synced.wait_for(|synced| synced.is_over).await;
        drop(self.lock.lock().take());
    }
}

impl Drop for FileJournal {
    fn drop(&mut self) {
        self.begin_closing();
        if let Some(thread) = self.thread.take() {
            // It only ends by a panic of its own, which was reported then.
            let _ = thread.join();
        }
    }
}

impl fmt::Display for FileJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.shared.folder.display())
    }
}

impl fmt::Debug for FileJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileJournal").field("folder", &self.shared.folder).finish_non_exhaustive()
    }
}
