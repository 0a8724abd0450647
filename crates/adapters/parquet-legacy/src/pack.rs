//! The folder of an older system in an archive, and back: the same bytes, checked by reading them again.
//!
//! An archive is a folder: `files/` has the files under their paths, and `SHA256SUMS` their sums, which
//! `sha256sum -c SHA256SUMS` checks without this program. It grows under another name beside its own and gets its own by a
//! rename, once everything in it was synced and read back. So does a folder that is restored. Whatever is interrupted is gone on
//! with by the same call, and where one ended before, the call checks what is there and changes nothing.

mod error;
mod remove;
mod sums;
mod tree;
mod work;

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde::Serialize;

pub use error::PackError;
pub use remove::remove;
use sums::Sums;
pub use sums::{MAX_SUMS_BYTES, SUMS};
use tree::Tree;
use work::Work;

use crate::writer::replace;

/// Folder of the files in an archive.
const FILES: &str = "files";

/// Told of each step with the file at which it is; says whether to go on.
pub type Watch<'a> = dyn FnMut(Step, &str) -> ControlFlow<()> + 'a;

/// What is being done with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It is copied.
    Copy,
    /// It is read to be compared.
    Read,
    /// Everything is in its place under another name, and gets its own.
    Place,
    /// It is removed.
    Remove,
}

/// What is in an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Packed {
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// SHA-256 of the list of sums, 64 hexadecimal digits.
    pub sha256: String,
    /// Whether it was there already.
    pub was_there: bool,
    /// Files of the archive that the folder does not have: removed ones.
    pub missing: u64,
}

/// Packs all files of a folder and those below into an archive, and reads it back. The folder is left as it is. Empty folders and
/// what a writer of the folder needs for itself are left out.
///
/// # Errors
/// Where somebody writes the folder meanwhile, where it has links or other things that are no files, where there is something else
/// at the archive's place, and for everything that cannot be read or written. The archive is then not at its place.
pub fn pack(folder: &Path, archive: &Path, watch: &mut Watch<'_>) -> Result<Packed, PackError> {
    apart(folder, archive)?;
    let _lock = locked(folder)?;
    let source = Tree::of(folder)?;
    if exists(archive)? {
        return confirm(folder, &source, archive, watch);
    }
    let work = Work::beside(archive)?;
    work.keep_only(FILES, &source)?;
    let mut sums = Sums::default();
    for (path, file) in source.files() {
        let sum = work.copy(&folder.join(path), &Path::new(FILES).join(path), file, watch)?;
        sums.add(path, sum);
    }
    let sha256 = work.write_sums(&sums)?;
    let bytes = read_back(&work.path().join(FILES), &Sums::read(&work.path().join(SUMS))?.0, watch)?;
    if Tree::of(folder)? != source {
        return Err(PackError::Changed { folder: folder.to_owned() });
    }
    stop_or(watch(Step::Place, ""))?;
    work.place(archive)?;
    Ok(Packed { files: sums.len(), bytes, sha256, was_there: false, missing: 0 })
}

/// Puts the files of an archive into a folder that is not there or empty, and reads them back. Where they are there already,
/// nothing is changed.
///
/// # Errors
/// For an archive that is damaged, for a folder with anything else in it, and for everything that cannot be read or written. The
/// folder is then as it was.
pub fn restore(archive: &Path, folder: &Path, watch: &mut Watch<'_>) -> Result<Packed, PackError> {
    apart(folder, archive)?;
    let (sums, sha256) = Sums::read(&archive.join(SUMS))?;
    let source = Tree::of(&archive.join(FILES))?;
    sums.same_names(&source, archive)?;
    let packed =
        |bytes, was_there| Packed { files: sums.len(), bytes, sha256: sha256.clone(), was_there, missing: 0 };
    let lock = if exists(folder)? { Some(locked(folder)?) } else { None };
    let there = if lock.is_some() { Tree::of(folder)? } else { Tree::default() };
    if !there.is_empty() {
        sums.same_names(&there, folder).map_err(|_| PackError::Taken { place: folder.to_owned() })?;
        let bytes = read_back(folder, &sums, watch).map_err(|error| match error {
            PackError::Differs { .. } => PackError::Taken { place: folder.to_owned() },
            error => error,
        })?;
        return Ok(packed(bytes, true));
    }
    let work = Work::beside(folder)?;
    work.keep_only("", &source)?;
    for (path, file) in source.files() {
        let from = archive.join(FILES).join(path);
        let sum = work.copy(&from, Path::new(path), file, watch)?;
        if sums.get(path) != Some(sum.as_str()) {
            return Err(PackError::Differs { place: from });
        }
    }
    let bytes = read_back(work.path(), &sums, watch)?;
    stop_or(watch(Step::Place, ""))?;
    if lock.is_some() {
        remove::empty_folder(folder)?;
    }
    work.place(folder)?;
    Ok(packed(bytes, false))
}

/// An archive that is there already: it must be whole, and have every file of the folder as it is.
fn confirm(folder: &Path, source: &Tree, archive: &Path, watch: &mut Watch<'_>) -> Result<Packed, PackError> {
    let (sums, sha256) = Sums::read(&archive.join(SUMS))?;
    sums.same_names(&Tree::of(&archive.join(FILES))?, archive)?;
    let bytes = read_back(&archive.join(FILES), &sums, watch)?;
    let own = sums.only(source.names()).ok_or_else(|| PackError::Taken { place: archive.to_owned() })?;
    read_back(folder, &own, watch).map_err(|error| match error {
        PackError::Differs { .. } => PackError::Taken { place: archive.to_owned() },
        error => error,
    })?;
    let missing = sums.len() - own.len();
    Ok(Packed { files: sums.len(), bytes, sha256, was_there: true, missing })
}

/// Reads all files of a list; returns their bytes.
fn read_back(folder: &Path, sums: &Sums, watch: &mut Watch<'_>) -> Result<u64, PackError> {
    let mut bytes = 0;
    for (path, expected) in sums.iter() {
        stop_or(watch(Step::Read, path))?;
        let place = folder.join(path);
        let (sum, length) = sums::of_file(&place)?;
        if sum != *expected {
            return Err(PackError::Differs { place });
        }
        bytes += length;
    }
    Ok(bytes)
}

fn stop_or(flow: ControlFlow<()>) -> Result<(), PackError> {
    if flow.is_break() { Err(PackError::Stopped) } else { Ok(()) }
}

/// As the only writer of a folder that is there.
fn locked(folder: &Path) -> Result<fs::File, PackError> {
    let metadata = fs::metadata(folder).map_err(PackError::io("read", folder))?;
    if !metadata.is_dir() {
        return Err(PackError::NotPlain { place: folder.to_owned() });
    }
    let lock = replace::lock(folder).and_then(|lock| replace::clean(folder).map(|()| lock));
    lock.map_err(|source| PackError::Lock { folder: folder.to_owned(), source })
}

fn exists(place: &Path) -> Result<bool, PackError> {
    match fs::symlink_metadata(place) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(PackError::io("read", place)(error)),
    }
}

/// Neither may lie in the other.
fn apart(folder: &Path, archive: &Path) -> Result<(), PackError> {
    let (one, other) = (resolved(folder)?, resolved(archive)?);
    if one.starts_with(&other) || other.starts_with(&one) {
        return Err(PackError::Inside { folder: folder.to_owned(), archive: archive.to_owned() });
    }
    Ok(())
}

/// Where a path leads, also where there is nothing yet.
fn resolved(path: &Path) -> Result<PathBuf, PackError> {
    let path = std::path::absolute(path).map_err(PackError::io("find", path))?;
    for there in path.ancestors() {
        if let Ok(found) = fs::canonicalize(there) {
            return Ok(match path.strip_prefix(there) {
                Ok(rest) => found.join(rest),
                Err(_) => found,
            });
        }
    }
    Ok(path)
}
