//! The folder of a journal: its segments by number, and the lock that keeps a second writer out.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use onetape_ports::JournalError;

const ENDING: &str = ".journal";

/// Name of a segment; by name is by number.
pub(crate) fn segment_path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:020}{ENDING}"))
}

/// Name of a damaged segment that was let go.
pub(crate) fn damaged_path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:020}.damaged"))
}

/// Segments in a folder by number, with their sizes, oldest first. Other files are left alone.
pub(crate) fn segments(folder: &Path) -> io::Result<Vec<(u64, PathBuf, u64)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let number =
            name.to_str().and_then(|name| name.strip_suffix(ENDING)).and_then(|name| name.parse().ok());
        if let Some(number) = number {
            found.push((number, entry.path(), entry.metadata()?.len()));
        }
    }
    found.sort();
    Ok(found)
}

/// Makes the folder where it is missing, and locks it as long as the file lives.
pub(crate) fn lock(folder: &Path) -> Result<File, JournalError> {
    let failed = |error: io::Error| failed("be opened", folder, error);
    fs::create_dir_all(folder).map_err(failed)?;
    let lock = File::options().create(true).truncate(false).write(true).open(folder.join("lock"));
    let lock = lock.map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(fs::TryLockError::WouldBlock) => Err(JournalError::new(
            "be opened",
            folder.display().to_string(),
            "another process writes it; stop that one, or give this one a folder of its own",
        )),
        Err(fs::TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Makes names in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    // Where folders cannot be opened, their entries need no sync.
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// An error of the operating system as one of the journal's, with what can be done.
pub(crate) fn failed(operation: &'static str, path: &Path, error: io::Error) -> JournalError {
    let message = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            format!("{error}; free some space and start again: what was acknowledged is kept")
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            format!("{error}; the folder must be writable for this process")
        }
        _ => error.to_string(),
    };
    JournalError::new(operation, path.display().to_string(), message).with_source(error)
}
