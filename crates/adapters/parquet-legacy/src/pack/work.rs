//! What grows beside the place where it is to be.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::sums::{self, SUMS, Sums};
use super::tree::{self, Tree};
use super::{PackError, Step, Watch, stop_or};

/// Ending of its name, which begins with a dot.
const GROWING: &str = ".onetape-partial";
/// Name of the file that is being copied, beside what is finished. No file of an archive is there.
const COPYING: &str = ".onetape-copying";

/// A folder that gets its place once it is whole. It stays where it was interrupted.
#[derive(Debug)]
pub(super) struct Work {
    path: PathBuf,
    copying: PathBuf,
}

impl Work {
    /// The one of a place, as it was left or new.
    pub(super) fn beside(place: &Path) -> Result<Self, PackError> {
        let absolute = std::path::absolute(place).map_err(PackError::io("find", place))?;
        let (Some(parent), Some(name)) = (absolute.parent(), absolute.file_name()) else {
            return Err(PackError::Taken { place: place.to_owned() });
        };
        let name = name.to_str().ok_or_else(|| PackError::Name { place: place.to_owned() })?;
        let path = parent.join(format!(".{name}{GROWING}"));
        fs::create_dir_all(&path).map_err(PackError::io("make", &path))?;
        Ok(Self { copying: parent.join(format!(".{name}{COPYING}")), path })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Copies a file to a path from here on, with its time and permissions; returns its sum. What was copied before stays.
    pub(super) fn copy(
        &self,
        from: &Path,
        to: &Path,
        file: &tree::File,
        watch: &mut Watch<'_>,
    ) -> Result<String, PackError> {
        stop_or(watch(Step::Copy, &to.display().to_string()))?;
        let to = self.path.join(to);
        if is_copied(&to, file) {
            let (ours, _) = sums::of_file(&to)?;
            if sums::of_file(from)?.0 == ours {
                return Ok(ours);
            }
        }
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).map_err(PackError::io("make", folder))?;
        }
        let mut read = File::open(from).map_err(PackError::io("open", from))?;
        let mut written = File::create(&self.copying).map_err(PackError::io("make", &self.copying))?;
        let write = |piece: &[u8]| written.write_all(piece).map_err(PackError::io("write", &self.copying));
        let (sum, _) = sums::pass(&mut read, from, write)?;
        if let Some(modified) = file.modified {
            written.set_modified(modified).map_err(PackError::io("set the time of", &self.copying))?;
        }
        let permissions = written.set_permissions(file.permissions.clone());
        permissions.map_err(PackError::io("set the permissions of", &self.copying))?;
        written.sync_all().map_err(PackError::io("sync", &self.copying))?;
        fs::rename(&self.copying, &to).map_err(PackError::io("rename", &self.copying))?;
        Ok(sum)
    }

    /// Removes what an earlier attempt put there and does not belong to it any more.
    pub(super) fn keep_only(&self, below: &str, tree: &Tree) -> Result<(), PackError> {
        let folder = self.path.join(below);
        fs::create_dir_all(&folder).map_err(PackError::io("make", &folder))?;
        let there = Tree::of(&folder)?;
        for other in there.names().filter(|path| !tree.has(path)) {
            let place = folder.join(other);
            fs::remove_file(&place).map_err(PackError::io("remove", &place))?;
        }
        Ok(())
    }

    /// Writes the list; returns its own sum.
    pub(super) fn write_sums(&self, sums: &Sums) -> Result<String, PackError> {
        let text = sums.text();
        let mut file = File::create(&self.copying).map_err(PackError::io("make", &self.copying))?;
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
        written.map_err(PackError::io("write", &self.copying))?;
        let place = self.path.join(SUMS);
        fs::rename(&self.copying, &place).map_err(PackError::io("rename", &self.copying))?;
        Ok(sums::hex(Sha256::digest(text.as_bytes()).as_ref()))
    }

    /// Gives it its name. Nothing may be there.
    pub(super) fn place(self, place: &Path) -> Result<(), PackError> {
        sync(&self.path)?;
        fs::rename(&self.path, place).map_err(PackError::io("rename", &self.path))?;
        let absolute = std::path::absolute(place).map_err(PackError::io("find", place))?;
        absolute.parent().map_or(Ok(()), sync_one)
    }
}

/// A file that has its name was copied to its end; it is that one where nothing says otherwise.
fn is_copied(place: &Path, file: &tree::File) -> bool {
    fs::symlink_metadata(place).is_ok_and(|found| {
        found.is_file() && found.len() == file.bytes && found.modified().ok() == file.modified
    })
}

/// Makes the names in a folder and in those below durable.
fn sync(folder: &Path) -> Result<(), PackError> {
    for entry in fs::read_dir(folder).map_err(PackError::io("list", folder))? {
        let entry = entry.map_err(PackError::io("list", folder))?;
        if entry.file_type().map_err(PackError::io("read", folder))?.is_dir() {
            sync(&entry.path())?;
        }
    }
    sync_one(folder)
}

/// Systems that cannot open a folder do not need it.
fn sync_one(folder: &Path) -> Result<(), PackError> {
    match File::open(folder) {
        Ok(open) if cfg!(unix) => open.sync_all().map_err(PackError::io("sync", folder)),
        _ => Ok(()),
    }
}
