//! Where a store's file is, and whether a file can be one there.

use std::fs;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use onetape_ports::{StoreError, StoreErrorKind};

const OPEN: &str = "open the file";

/// First bytes of every SQLite database.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// File systems over a network: the locks of the log's shared memory do not reach from one machine to another.
const NETWORK: [&str; 12] = [
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "afs",
    "ncpfs",
    "ceph",
    "fuse.sshfs",
    "fuse.glusterfs",
    "lustre",
    "gpfs",
];

/// What is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing, or an empty file.
    Nothing,
    /// A file that begins as SQLite databases do.
    Database,
}

/// Looks at a path without changing anything.
pub(crate) fn examine(path: &Path) -> Result<Found, StoreError> {
    let invalid = |message: String| StoreError::new(StoreErrorKind::Invalid, OPEN, message);
    let shown = path.display();
    if path.as_os_str().is_empty() {
        return Err(invalid("the path of the file is empty".to_owned()));
    }
    refuse_network(path, &fs::read_to_string("/proc/self/mounts").unwrap_or_default())?;
    match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let folder = folder(path);
            if !folder.is_dir() {
                return Err(invalid(format!("there is no folder {} for {shown}", folder.display())));
            }
            Ok(Found::Nothing)
        }
        Err(error) => Err(unreadable(path)(error)),
        Ok(metadata) if metadata.is_dir() => Err(invalid(format!("{shown} is a folder: name a file in it"))),
        Ok(metadata) if !metadata.is_file() => Err(invalid(format!("{shown} is no plain file"))),
        Ok(metadata) if metadata.permissions().readonly() => Err(StoreError::new(
            StoreErrorKind::Permission,
            OPEN,
            format!("{shown} is read-only; readers write too (they note what they read in {shown}-shm)"),
        )),
        Ok(metadata) if metadata.len() == 0 => Ok(Found::Nothing),
        Ok(_) => {
            let mut first = Vec::with_capacity(MAGIC.len());
            let file = fs::File::open(path).map_err(unreadable(path))?;
            file.take(MAGIC.len() as u64).read_to_end(&mut first).map_err(unreadable(path))?;
            if first != MAGIC {
                return Err(StoreError::new(
                    StoreErrorKind::Corrupt,
                    OPEN,
                    format!("{shown} is no SQLite database; it is left as it is"),
                ));
            }
            Ok(Found::Database)
        }
    }
}

/// Refuses a path at which there is nothing yet.
pub(crate) fn must_exist(path: &Path) -> Result<(), StoreError> {
    match examine(path)? {
        Found::Database => Ok(()),
        Found::Nothing => Err(StoreError::new(
            StoreErrorKind::Invalid,
            OPEN,
            format!(
                "there is no file {}; `onetape db setup` makes it, as do commands that write",
                path.display()
            ),
        )),
    }
}

/// The folder of a path; of a bare name, the current one.
fn folder(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn unreadable(path: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
    let message = format!("{} cannot be read", path.display());
    move |error| {
        let kind = match error.kind() {
            ErrorKind::PermissionDenied => StoreErrorKind::Permission,
            _ => StoreErrorKind::Connection,
        };
        StoreError::new(kind, OPEN, message).with_source(error)
    }
}

/// Refuses a folder that a network file system is mounted on; `mounts` is the system's table, empty where it has none.
fn refuse_network(path: &Path, mounts: &str) -> Result<(), StoreError> {
    let Ok(folder) = fs::canonicalize(folder(path)) else { return Ok(()) };
    match kind_of_mount(&folder, mounts).filter(|kind| NETWORK.contains(kind)) {
        None => Ok(()),
        Some(kind) => Err(StoreError::new(
            StoreErrorKind::Invalid,
            OPEN,
            format!(
                "{} is on a network file system ({kind}), where SQLite's locks do not hold and the file would be \
                 damaged: keep it on a local disk, or use a TimescaleDB server",
                path.display()
            ),
        )),
    }
}

/// Kind of the file system that a folder is on: of the mounts above it, the last of the deepest.
fn kind_of_mount<'a>(folder: &Path, mounts: &'a str) -> Option<&'a str> {
    let mounts = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ');
        let (point, kind) = (fields.nth(1)?, fields.next()?);
        let point = point.replace("\\040", " ");
        folder.starts_with(&point).then_some((point.len(), kind))
    });
    mounts.max_by_key(|(depth, _)| *depth).map(|(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "/dev/vda / ext4 rw 0 0\nserver:/home /home nfs4 rw 0 0\n\
        server:/a /mnt/with\\040space cifs rw 0 0\n/dev/vdb /home/local xfs rw 0 0\n";

    #[test]
    fn the_deepest_mount_decides() {
        for (folder, kind) in [
            ("/var/lib", "ext4"),
            ("/home", "nfs4"),
            ("/home/user/data", "nfs4"),
            ("/home/local/data", "xfs"),
            ("/homely", "ext4"),
            ("/mnt/with space/x", "cifs"),
        ] {
            assert_eq!(kind_of_mount(Path::new(folder), MOUNTS), Some(kind), "{folder}");
        }
        assert_eq!(kind_of_mount(Path::new("/home"), ""), None);
    }

    #[test]
    fn a_network_file_system_is_refused_by_name() {
        let mounts = "server:/x / nfs rw 0 0\n";
        let error = refuse_network(Path::new("/market.db"), mounts).expect_err("refused");
        assert!(error.to_string().contains("(nfs)") && error.to_string().contains("local disk"), "{error}");
        assert!(refuse_network(Path::new("/market.db"), MOUNTS).is_ok());
    }
}
