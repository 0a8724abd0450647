//! A lock between processes, held while a server is being started or stopped.

use std::{
    fs::{self, File, TryLockError},
    path::Path,
};

use crate::Error;

/// Held until dropped; the kernel lets go of it too when the process dies.
#[derive(Debug)]
pub(crate) struct FileLock(#[expect(dead_code, reason = "dropping it releases the lock")] File);

impl FileLock {
    /// Waits for the lock on `path`, saying so once where it is taken.
    pub(crate) fn acquire(path: &Path) -> Result<Self, Error> {
        let failed = || format!("lock {}", path.display());
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(Error::io(format!("create {}", folder.display())))?;
        }
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .map_err(Error::io(failed()))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                eprintln!("onetape-testdb: waiting for another process that holds {}", path.display());
                file.lock().map_err(Error::io(failed()))?;
            }
            Err(TryLockError::Error(source)) => return Err(Error::io(failed())(source)),
        }
        Ok(Self(file))
    }
}
