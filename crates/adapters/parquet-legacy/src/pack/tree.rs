//! The files of a folder and those below.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use super::PackError;
use crate::cache::{MAX_FILES, MAX_FOLDER_DEPTH};
use crate::writer::replace::LOCK;

/// What tells whether a file was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct File {
    pub(super) bytes: u64,
    pub(super) modified: Option<SystemTime>,
    pub(super) permissions: fs::Permissions,
}

/// Files by their paths from the folder on, with `/`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tree(BTreeMap<String, File>);

impl Tree {
    /// Everything in a folder, but its writer's lock. Links are not followed.
    pub(super) fn of(folder: &Path) -> Result<Self, PackError> {
        let mut tree = Self::default();
        tree.list(folder, "", 0)?;
        Ok(tree)
    }

    fn list(&mut self, folder: &Path, path: &str, depth: usize) -> Result<(), PackError> {
        if depth > MAX_FOLDER_DEPTH {
            return Err(PackError::Limit { place: folder.to_owned() });
        }
        for entry in fs::read_dir(folder).map_err(PackError::io("list", folder))? {
            let entry = entry.map_err(PackError::io("list", folder))?;
            let (place, name) = (entry.path(), entry.file_name());
            let name = name.to_str().filter(|name| is_name(name));
            let Some(name) = name else { return Err(PackError::Name { place }) };
            if path.is_empty() && name == LOCK {
                continue;
            }
            let metadata = fs::symlink_metadata(&place).map_err(PackError::io("read", &place))?;
            let path = if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
            if metadata.is_dir() {
                self.list(&place, &path, depth + 1)?;
            } else if !metadata.is_file() {
                return Err(PackError::NotPlain { place });
            } else if self.0.len() == MAX_FILES {
                return Err(PackError::Limit { place: folder.to_owned() });
            } else {
                let (bytes, modified) = (metadata.len(), metadata.modified().ok());
                self.0.insert(path, File { bytes, modified, permissions: metadata.permissions() });
            }
        }
        Ok(())
    }

    pub(super) fn files(&self) -> impl Iterator<Item = (&String, &File)> {
        self.0.iter()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub(super) fn has(&self, path: &str) -> bool {
        self.0.contains_key(path)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Whether a name can stand in a list of sums as it is.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !matches!(name, "." | "..")
        && !name.chars().any(|c| c.is_control() || matches!(c, '/' | '\\'))
}
