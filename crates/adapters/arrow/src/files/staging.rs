//! The place where a dataset grows until it is whole, and the one rename that puts it where it belongs.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::error::{FileError, refused};
use super::names;

/// A hidden folder beside the target. What it holds: a file that is locked while somebody is at it, the `data` to
/// come, and, for the moment between two renames, the `old` folder it replaces.
#[derive(Debug)]
pub(super) struct Staging {
    folder: PathBuf,
    target: PathBuf,
    tree: bool,
    overwrite: bool,
    /// Held until the end. An interrupted process leaves the folder behind, and nobody's lock.
    _lock: File,
}

impl Staging {
    /// Makes the folder, or takes over what an interrupted process left.
    pub(super) fn begin(target: &Path, tree: bool, overwrite: bool) -> Result<Self, FileError> {
        let folder = names::staging(target).ok_or_else(|| FileError::NoName { path: target.to_owned() })?;
        let parent = parent(target);
        if !parent.is_dir() {
            return Err(FileError::NoFolder { path: parent.to_owned() });
        }
        match fs::create_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => made.map_err(refused("made", &folder))?,
        }
        let path = folder.join("lock");
        let lock =
            OpenOptions::new().create(true).append(true).open(&path).map_err(refused("made", &path))?;
        // Where a file system knows no locks there is nothing to wait for.
        if let Err(TryLockError::WouldBlock) = lock.try_lock() {
            return Err(FileError::Busy { path: target.to_owned() });
        }
        let staging = Self { folder, target: target.to_owned(), tree, overwrite, _lock: lock };
        staging.recover()?;
        staging.check()?;
        Ok(staging)
    }

    /// Where the data goes first.
    pub(super) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Puts the data in its place.
    pub(super) fn publish(self) -> Result<(), FileError> {
        self.check()?;
        let old = self.folder.join("old");
        let replaces = self.tree && self.target.exists();
        if replaces {
            fs::rename(&self.target, &old).map_err(refused("replaced", &self.target))?;
        }
        if let Err(error) = fs::rename(self.data(), &self.target) {
            if replaces {
                // As it was. If even that fails the next one finds it, and puts it back.
                let _ = fs::rename(&old, &self.target);
            }
            return Err(refused("put in its place", &self.target)(error));
        }
        sync_folder(parent(&self.target))
    }

    /// Puts back what a process that was killed between its two renames had put aside, and clears the rest.
    fn recover(&self) -> Result<(), FileError> {
        let old = self.folder.join("old");
        if old.exists() && !self.target.exists() {
            fs::rename(&old, &self.target).map_err(refused("put back", &self.target))?;
        }
        for left in [old, self.data()] {
            remove(&left).map_err(refused("removed", &left))?;
        }
        Ok(())
    }

    /// Whether the target may be written.
    fn check(&self) -> Result<(), FileError> {
        let path = self.target.clone();
        let Ok(found) = fs::metadata(&path) else { return Ok(()) };
        match (self.tree, found.is_dir()) {
            (true, false) => Err(FileError::IsFile { path }),
            (false, true) => Err(FileError::IsFolder { path }),
            (false, false) if !self.overwrite => Err(FileError::Exists { path }),
            (false, false) => Ok(()),
            (true, true) => {
                let empty = fs::read_dir(&path).map_err(refused("read", &path))?.next().is_none();
                match foreign(&path).map_err(refused("read", &path))? {
                    _ if empty => Ok(()),
                    Some(found) => Err(FileError::NotOurs { path, found }),
                    None if self.overwrite => Ok(()),
                    None => Err(FileError::Exists { path }),
                }
            }
        }
    }
}

/// Whether the dataset is in its place or was given up: what is left of it goes.
impl Drop for Staging {
    fn drop(&mut self) {
        // What was there before, and could not be put back, waits for the next one.
        if self.target.exists() || !self.folder.join("old").exists() {
            // What cannot be removed is hidden, and taken over by the next one.
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn remove(path: &Path) -> io::Result<()> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// The first thing in a folder that is not named as a dataset names what it writes.
fn foreign(folder: &Path) -> io::Result<Option<PathBuf>> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (kind, name) = (entry.file_type()?, entry.file_name());
        let name = name.to_str().unwrap_or_default();
        if kind.is_dir() && names::is_folder(name) {
            if let Some(found) = foreign(&entry.path())? {
                return Ok(Some(found));
            }
        } else if !(kind.is_file() && names::is_file(name)) {
            return Ok(Some(entry.path()));
        }
    }
    Ok(None)
}

/// Makes a rename last. Systems that cannot open a folder do not need it.
fn sync_folder(folder: &Path) -> Result<(), FileError> {
    match File::open(folder) {
        Ok(open) if cfg!(unix) => open.sync_all().map_err(refused("synced", folder)),
        _ => Ok(()),
    }
}
