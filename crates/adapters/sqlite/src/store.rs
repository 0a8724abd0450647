//! The store itself: connections to one file, on which every port is implemented.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use onetape_ports::{ClosingStore, StoreError};

use crate::connections::{Connections, Pool};
use crate::migrate;
use crate::place;

/// Market data in one file. Cheap to clone; clones share their connections.
///
/// An acknowledged write survives the end of the process and the loss of power: every commit is on the disk before it
/// is acknowledged. Many processes may read the file while one writes it.
#[derive(Clone)]
pub struct SqliteStore {
    connections: Connections,
    path: Arc<Path>,
}

impl SqliteStore {
    /// Opens a file, making it where it is missing, and brings its schema up to date.
    ///
    /// # Errors
    /// `Invalid` for a path that can be no file, or on a network file system; `Corrupt` for a file that is damaged or no
    /// SQLite database; `Schema` for one of another program, or of a later version of this one; `Permission` and
    /// `Resource` as the system reports them.
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let path = path.into();
        migrate::ready(&path).await?;
        let connections = Connections::open(&path).await?;
        Ok(Self { connections, path: path.into() })
    }

    /// The same of a file that is there already.
    ///
    /// # Errors
    /// As [`open`](Self::open); `Invalid` where there is none.
    pub async fn open_existing(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let path = path.into();
        place::must_exist(&path)?;
        Self::open(path).await
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Closes all connections, waiting for calls under way. Later calls fail with `Shutdown`.
    pub async fn close(&self) {
        self.connections.close().await;
    }

    /// For reads.
    pub(crate) fn readers(&self) -> &Pool {
        &self.connections.reader
    }

    /// The one connection that writes.
    pub(crate) fn writer(&self) -> &Pool {
        &self.connections.writer
    }
}

#[async_trait]
impl ClosingStore for SqliteStore {
    async fn close(&self) {
        self.close().await;
    }
}

impl fmt::Display for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sqlite({})", self.path.display())
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.path).finish_non_exhaustive()
    }
}
