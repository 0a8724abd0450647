//! Removing what is in an archive.

use std::fs;
use std::path::Path;

use super::sums::{self, SUMS, Sums};
use super::tree::Tree;
use super::{FILES, PackError, Step, Watch, apart, exists, locked, stop_or};
use crate::writer::replace::LOCK;

/// Removes the files of a folder that an archive has, each after its bytes were read and compared with the archive's sum, then
/// the folders that are empty. Returns how many files went. Where a call was interrupted, the next one removes the rest.
///
/// Whether the archive is whole has to be known: [`pack`](super::pack) tells.
///
/// # Errors
/// For a folder that has a file which the archive does not have as it is: then nothing more is removed. For everything that
/// cannot be read or removed.
pub fn remove(folder: &Path, archive: &Path, watch: &mut Watch<'_>) -> Result<u64, PackError> {
    apart(folder, archive)?;
    let (sums, _) = Sums::read(&archive.join(SUMS))?;
    sums.same_names(&Tree::of(&archive.join(FILES))?, archive)?;
    if !exists(folder)? {
        return Ok(0);
    }
    let lock = locked(folder)?;
    let there = Tree::of(folder)?;
    if let Some(other) = there.names().find(|path| sums.get(path).is_none()) {
        let why = format!("{other} of {} is not in it", folder.display());
        return Err(PackError::Damaged { place: archive.to_owned(), why });
    }
    for path in there.names() {
        stop_or(watch(Step::Remove, path))?;
        let place = folder.join(path);
        let (sum, _) = sums::of_file(&place)?;
        if sums.get(path) != Some(sum.as_str()) {
            return Err(PackError::Differs { place });
        }
        fs::remove_file(&place).map_err(PackError::io("remove", &place))?;
    }
    empty_folder(folder)?;
    drop(lock);
    Ok(there.len() as u64)
}

/// Removes a folder that has nothing in it but empty folders and its writer's lock.
pub(super) fn empty_folder(folder: &Path) -> Result<(), PackError> {
    let lock = folder.join(LOCK);
    if exists(&lock)? {
        fs::remove_file(&lock).map_err(PackError::io("remove", &lock))?;
    }
    for entry in fs::read_dir(folder).map_err(PackError::io("list", folder))? {
        let entry = entry.map_err(PackError::io("list", folder))?;
        if entry.file_type().map_err(PackError::io("read", folder))?.is_dir() {
            empty_folder(&entry.path())?;
        }
    }
    fs::remove_dir(folder).map_err(PackError::io("remove", folder))
}
