//! A small disk for the journal, which gets full.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

/// Its size: what a journal takes while the store is away for some seconds, many times over.
const SIZE: usize = 16 << 20;

/// A disk in memory; gone with the value. Folders on it outlive processes that are killed.
pub(crate) struct Disk {
    path: PathBuf,
}

impl Disk {
    /// Makes one at a place; none where the system lets nobody, which is said.
    pub(crate) fn mount(path: PathBuf) -> Result<Option<Self>> {
        fs::create_dir_all(&path)?;
        let size = format!("size={SIZE}");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&path).output();
        match mounted {
            Ok(output) if output.status.success() => Ok(Some(Self { path })),
            other => {
                eprintln!("no disk gets full in this run, since none can be mounted: {other:?}");
                Ok(None)
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves no room.
    pub(crate) fn fill(&self) -> Result<()> {
        let mut ballast = File::create(self.ballast())?;
        let piece = vec![0; 64 << 10];
        let mut left = SIZE / piece.len() + 1;
        while left > 0 && ballast.write_all(&piece).is_ok() {
            left -= 1;
        }
        ensure!(left > 0, "the disk takes more than it is large");
        Ok(())
    }

    /// Gives the room back.
    pub(crate) fn clear(&self) -> Result<()> {
        Ok(fs::remove_file(self.ballast())?)
    }

    fn ballast(&self) -> PathBuf {
        self.path.join("ballast")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Where that fails there is nobody left to be told.
        let _ = Command::new("umount").arg("--lazy").arg(&self.path).status();
    }
}
