//! A file for each store.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use onetape_sqlite::SqliteStore;

/// A folder that goes with its value.
pub(crate) struct Folder {
    folder: tempfile::TempDir,
    files: AtomicU32,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), files: AtomicU32::new(0) }
    }

    /// Path of a file that is not there yet.
    pub(crate) fn file(&self) -> PathBuf {
        let number = self.files.fetch_add(1, Ordering::Relaxed);
        self.folder.path().join(format!("{number}.db"))
    }

    /// A store on a file of its own.
    pub(crate) async fn store(&self) -> SqliteStore {
        SqliteStore::open(self.file()).await.expect("a new file can be opened")
    }
}
