//! Why a dataset was not written. In every case what was there before is as it was.

use std::error::Error;
use std::path::{Path, PathBuf};

/// A dataset that could not be written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Something is there, and was not to be replaced.
    #[error("{} is there already: choose another name, or let it be overwritten", .path.display())]
    Exists {
        /// Where.
        path: PathBuf,
    },
    /// The folder holds what no dataset wrote, so it is not replaced.
    #[error("{} holds {}, which no export has written, so it is not replaced: choose another folder, or remove it yourself", .path.display(), .found.display())]
    NotOurs {
        /// The folder.
        path: PathBuf,
        /// What is in it.
        found: PathBuf,
    },
    /// A folder where a file should go.
    #[error("{} is a folder: give the name of a file, or divide the rows by day or month", .path.display())]
    IsFolder {
        /// Where.
        path: PathBuf,
    },
    /// A file where a folder should go.
    #[error("{} is a file: rows divided by day or month go into a folder", .path.display())]
    IsFile {
        /// Where.
        path: PathBuf,
    },
    /// The target's folder is not there.
    #[error("there is no folder {}: make it first, or choose another place", .path.display())]
    NoFolder {
        /// What is missing.
        path: PathBuf,
    },
    /// The target is no name.
    #[error("{} names no file: give a name at the end of the path", .path.display())]
    NoName {
        /// What was given.
        path: PathBuf,
    },
    /// Another process is at it.
    #[error("{} is being written by another process: wait for it, or choose another name", .path.display())]
    Busy {
        /// Where.
        path: PathBuf,
    },
    /// Rows of a part came after those of another: each part's rows must come together.
    #[error("rows of {} came in pieces", .path.display())]
    Torn {
        /// The part.
        path: PathBuf,
    },
    /// The system refused, a full disk say.
    #[error("{} cannot be {action}", .path.display())]
    Refused {
        /// Where.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// Why not.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

/// For `map_err`.
pub(super) fn refused<E>(action: &'static str, path: &Path) -> impl FnOnce(E) -> FileError
where
    E: Into<Box<dyn Error + Send + Sync>>,
{
    let path = path.to_owned();
    move |source| FileError::Refused { path, action, source: source.into() }
}
