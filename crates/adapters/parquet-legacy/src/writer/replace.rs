//! Putting a file in the place of another, whole or not at all.

use std::fs::{self, File, Metadata, TryLockError};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::error::{LegacyError, LegacyErrorKind, io as io_error};

/// Name of the file that is locked while somebody writes the folder. No reader looks for such names.
pub(crate) const LOCK: &str = ".onetape-legacy.lock";
/// Ending of a file that grows. It begins with a dot and does not end in `.parquet`: no reader takes it for a file.
const GROWING: &str = ".onetape-tmp";

/// Locks a folder as long as the file lives.
pub(crate) fn lock(folder: &Path) -> Result<File, LegacyError> {
    let place = folder.display();
    fs::create_dir_all(folder).map_err(|error| io_error(&place, "make", error))?;
    let path = folder.join(LOCK);
    let lock = File::options().create(true).truncate(false).write(true).open(&path);
    let lock = lock.map_err(|error| io_error(path.display(), "open", error))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => {
            let message = "another process writes candles into this folder";
            Err(LegacyError::new(LegacyErrorKind::Io, place, message))
        }
        Err(TryLockError::Error(error)) => Err(io_error(path.display(), "lock", error)),
    }
}

/// Removes files that an interrupted process left.
pub(crate) fn clean(folder: &Path) -> Result<(), LegacyError> {
    let failed = |error| io_error(folder.display(), "read", error);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let is_left = name.to_str().is_some_and(|name| name.starts_with('.') && name.ends_with(GROWING));
        if is_left && entry.file_type().map_err(failed)?.is_file() {
            let path = entry.path();
            fs::remove_file(&path).map_err(|error| io_error(path.display(), "remove", error))?;
        }
    }
    Ok(())
}

/// What tells one content of a file from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version {
    bytes: u64,
    modified: Option<SystemTime>,
    number: u64,
}

impl Version {
    fn of(metadata: &Metadata) -> Self {
        Self { bytes: metadata.len(), modified: metadata.modified().ok(), number: number(metadata) }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}

#[cfg(unix)]
fn number(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn number(_: &Metadata) -> u64 {
    0
}

/// The content that a path has now; none where there is no file.
pub(super) fn version(path: &Path) -> Result<Option<Version>, LegacyError> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(Some(Version::of(&metadata))),
        Ok(_) => {
            let message = "is a link or a folder; only plain files are written";
            Err(LegacyError::new(LegacyErrorKind::Unsupported, path.display(), message))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io_error(path.display(), "read", error)),
    }
}

/// Has a file written beside the path, makes it durable and renames it. Returns what is there then; none, and nothing is
/// changed, where the path has another content by then.
pub(super) fn replace(
    path: &Path,
    before: Option<&Version>,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<(), LegacyError>,
) -> Result<Option<Version>, LegacyError> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let folder = path.parent().unwrap_or(Path::new("."));
    let growing = Growing(folder.join(format!(".{name}{GROWING}")));
    let failed = |operation: &'static str| {
        let place = growing.0.display().to_string();
        move |error| io_error(place, operation, error)
    };
    let file = File::create(&growing.0).map_err(failed("make"))?;
    let mut buffered = BufWriter::with_capacity(1 << 20, file);
    write(&mut buffered)?;
    buffered.flush().map_err(failed("write"))?;
    let file = buffered.into_inner().map_err(|error| failed("write")(error.into_error()))?;
    if before.is_some() {
        let permissions = fs::metadata(path).map_err(failed("read"))?.permissions();
        file.set_permissions(permissions).map_err(failed("set the permissions of"))?;
    }
    file.sync_all().map_err(failed("sync"))?;
    let written = Version::of(&file.metadata().map_err(failed("read"))?);
    if version(path)?.as_ref() != before {
        return Ok(None);
    }
    fs::rename(&growing.0, path).map_err(failed("rename"))?;
    sync(folder)?;
    Ok(Some(written))
}

/// A file that grows; it is removed unless it was put in its place.
struct Growing(PathBuf);

impl Drop for Growing {
    fn drop(&mut self) {
        // It was renamed, or else the next writer of the folder removes what cannot be removed now.
        let _ = fs::remove_file(&self.0);
    }
}

/// Makes names in a folder durable. Systems that cannot open a folder do not need it.
fn sync(folder: &Path) -> Result<(), LegacyError> {
    match File::open(folder) {
        Ok(open) if cfg!(unix) => open.sync_all().map_err(|error| io_error(folder.display(), "sync", error)),
        _ => Ok(()),
    }
}
