//! Why a folder is not packed, or not restored.

use std::io;
use std::path::{Path, PathBuf};

use onetape_ports::LegacyError;

use crate::cache::{MAX_FILES, MAX_FOLDER_DEPTH};

/// A folder that is not packed, restored or removed. `Display` never contains the source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackError {
    /// The system does not let something happen.
    #[error("cannot {operation} {place}", place = .place.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// With which file or folder.
        place: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The folder cannot be had for oneself.
    #[error("{folder} cannot be had alone", folder = .folder.display())]
    Lock {
        /// The folder.
        folder: PathBuf,
        /// Why not.
        #[source]
        source: LegacyError,
    },
    /// There is something that is no plain file and no folder.
    #[error("{place} is no plain file and no folder, which is all that can be packed", place = .place.display())]
    NotPlain {
        /// Where.
        place: PathBuf,
    },
    /// A name cannot stand in a list of sums.
    #[error(
        "{place} has a name that cannot be packed: names are Unicode, without control characters and backslashes",
        place = .place.display()
    )]
    Name {
        /// Where.
        place: PathBuf,
    },
    /// There are more files, or deeper folders, than are packed.
    #[error("{place} has more than {MAX_FILES} files, or folders that lie deeper than {MAX_FOLDER_DEPTH}", place = .place.display())]
    Limit {
        /// The folder.
        place: PathBuf,
    },
    /// Folder and archive lie in one another.
    #[error("{folder} and {archive} lie in one another", folder = .folder.display(), archive = .archive.display())]
    Inside {
        /// The folder.
        folder: PathBuf,
        /// The archive.
        archive: PathBuf,
    },
    /// There is something else at the place.
    #[error("{place} is there already with something else in it, and is left as it is", place = .place.display())]
    Taken {
        /// The place.
        place: PathBuf,
    },
    /// The folder was changed while it was packed.
    #[error("{folder} was changed while it was packed", folder = .folder.display())]
    Changed {
        /// The folder.
        folder: PathBuf,
    },
    /// A file is not what its sum says.
    #[error("{place} is not what its SHA-256 says", place = .place.display())]
    Differs {
        /// The file.
        place: PathBuf,
    },
    /// An archive lacks files, or has others.
    #[error("{place} is no whole archive: {why}", place = .place.display())]
    Damaged {
        /// The archive, or its list.
        place: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// It was told to stop.
    #[error("it was stopped")]
    Stopped,
}

impl PackError {
    pub(super) fn io(operation: &'static str, place: &Path) -> impl FnOnce(io::Error) -> Self {
        let place = place.to_owned();
        move |source| Self::Io { operation, place, source }
    }
}
