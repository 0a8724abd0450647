//! The thread that writes and syncs. While it syncs, others append: one fsync serves all who came meanwhile.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tokio::sync::watch;

use crate::codec::Numbers;
use crate::files;
use crate::segment::segment_head;

/// How long what nobody waits for stays unwritten at least.
const UNAWAITED: Duration = Duration::from_millis(1);

/// What is to be done, in order.
#[derive(Debug)]
pub(crate) enum Task {
    /// Bytes for the segment that is being written.
    Write { bytes: Vec<u8>, position: u64 },
    /// Begins a segment.
    Begin { number: u64, position: u64 },
    /// Lets the segments before this one go, the damaged ones aside.
    Trim { before: u64 },
}

/// What appenders and the thread share.
#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) tasks: VecDeque<Task>,
    /// Number and length of the segment that is appended to.
    pub(crate) segment: u64,
    pub(crate) offset: u64,
    pub(crate) numbers: Numbers,
    /// Bytes appended since the opening.
    pub(crate) position: u64,
    pub(crate) closing: bool,
    /// Whether somebody waits for what is queued.
    pub(crate) is_awaited: bool,
}

/// How far the disk is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Synced {
    pub(crate) position: u64,
    /// Why nothing is written any more.
    pub(crate) failure: Option<Arc<Failure>>,
    /// Whether the thread has ended, and touches no file any more.
    pub(crate) is_over: bool,
}

/// A failed write, in words that can be said to everybody who waits.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) path: PathBuf,
    pub(crate) kind: io::ErrorKind,
    pub(crate) message: String,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) folder: PathBuf,
    pub(crate) queue: Mutex<Queue>,
    pub(crate) wake: Condvar,
    pub(crate) synced: watch::Sender<Synced>,
    /// Bytes of all segments but for what is queued.
    pub(crate) bytes: AtomicU64,
    pub(crate) gather: Duration,
    pub(crate) interval: Duration,
    /// Damaged segments by number, known once they were read.
    pub(crate) damaged: Mutex<Vec<u64>>,
}

/// Runs until the journal is closed or a write fails.
pub(crate) fn run(shared: &Shared) {
    write(shared);
    shared.synced.send_modify(|synced| synced.is_over = true);
}

fn write(shared: &Shared) {
    let mut file = None;
    loop {
        let tasks = {
            let mut queue = shared.queue.lock();
            while queue.tasks.is_empty() && !queue.closing {
                shared.wake.wait(&mut queue);
            }
            if queue.tasks.is_empty() {
                return;
            }
            // Who appends is about to wait, or to append more: the fsync is for all of it, not for the first of it.
            let is_idle = |queue: &mut Queue| !queue.closing && !queue.is_awaited;
            let _ = shared.wake.wait_while_for(&mut queue, is_idle, shared.interval.max(UNAWAITED));
            if !shared.gather.is_zero() && !queue.closing {
                // More may come that the same fsync serves.
                let _ = shared.wake.wait_while_for(&mut queue, |queue| !queue.closing, shared.gather);
            }
            queue.is_awaited = false;
            std::mem::take(&mut queue.tasks)
        };
        if let Err((path, error)) = work(shared, tasks, &mut file) {
            tracing::error!(journal.file = %path.display(), error = %error, "the journal cannot be written");
            let failure = Failure { path, kind: error.kind(), message: error.to_string() };
            shared.synced.send_modify(|synced| synced.failure = Some(Arc::new(failure)));
            return;
        }
    }
}

type Failed = (PathBuf, io::Error);

fn work(shared: &Shared, tasks: VecDeque<Task>, file: &mut Option<(PathBuf, File)>) -> Result<(), Failed> {
    let mut reached = None;
    for task in tasks {
        match task {
            Task::Write { bytes, position } => {
                if let Some((path, file)) = file {
                    file.write_all(&bytes).map_err(|error| (path.clone(), error))?;
                    shared.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                }
                reached = Some(position);
            }
            Task::Begin { number, position } => {
                sync(file)?;
                *file = Some(begin(&shared.folder, number)?);
                shared.bytes.fetch_add(crate::segment::SEGMENT_HEAD as u64, Ordering::Relaxed);
                reached = Some(position);
            }
            Task::Trim { before } => {
                // Nothing goes before what takes its place is on the disk.
                sync(file)?;
                trim(shared, before)?;
            }
        }
    }
    if let Some(position) = reached {
        sync(file)?;
        shared.synced.send_modify(|synced| synced.position = position);
    }
    Ok(())
}

fn sync(file: &mut Option<(PathBuf, File)>) -> Result<(), Failed> {
    match file {
        Some((path, file)) => file.sync_data().map_err(|error| (path.clone(), error)),
        None => Ok(()),
    }
}

fn begin(folder: &Path, number: u64) -> Result<(PathBuf, File), Failed> {
    let path = files::segment_path(folder, number);
    let make = || {
        let mut file = File::options().write(true).create_new(true).open(&path)?;
        file.write_all(&segment_head(number))?;
        file.sync_all()?;
        files::sync_folder(folder)?;
        Ok(file)
    };
    match make() {
        Ok(file) => Ok((path, file)),
        Err(error) => Err((path, error)),
    }
}

fn trim(shared: &Shared, before: u64) -> Result<(), Failed> {
    let folder = &shared.folder;
    let found = files::segments(folder).map_err(|error| (folder.clone(), error))?;
    for (number, path, bytes) in found.into_iter().filter(|(number, ..)| *number < before) {
        let result = if shared.damaged.lock().contains(&number) {
            fs::rename(&path, files::damaged_path(folder, number))
        } else {
            fs::remove_file(&path)
        };
        result.map_err(|error| (path, error))?;
        shared.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
    Ok(())
}
