//! Disks that are full or may not be written: clear errors, and what was acknowledged stays.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use onetape_journal::{FileJournal, JournalOptions};
use onetape_ports::{Journal as _, JournalError};

use crate::support::{entry, messages, messages_of, open, read_back};

/// A small disk of its own; gone with the value.
struct Disk(tempfile::TempDir);

impl Disk {
    /// None where the system lets no test have one, which is said.
    #[expect(clippy::print_stderr, reason = "a skip must be seen")]
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().expect("folder");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"])
            .arg(folder.path())
            .output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(folder)),
            other => {
                eprintln!("SKIPPED: no disk can be mounted here: {other:?}");
                None
            }
        }
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn remount_read_only(&self) {
        let mut remount = Command::new("mount");
        let status = remount.args(["-o", "remount,ro"]).arg(self.path()).status().expect("mount");
        assert!(status.success(), "{status}");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

#[tokio::test]
async fn on_a_full_disk_nothing_more_is_acknowledged_and_everything_acknowledged_comes_back() {
    let Some(disk) = Disk::mount() else { return };
    let filler = disk.path().join("filler");
    fs::write(&filler, vec![0; 128 << 10]).expect("written");
    let folder = disk.path().join("journal");
    let journal = open(&folder);
    let all = messages(600);
    let mut acknowledged = 0;
    let mut failure: Option<JournalError> = None;
    for message in &all {
        let synced = match journal.append(entry(message)) {
            Ok(position) => journal.synced(position).await,
            Err(error) => Err(error),
        };
        match synced {
            Ok(()) => acknowledged += 1,
            Err(error) => {
                failure = Some(error);
                break;
            }
        }
    }
    let failure = failure.expect("the disk is smaller than the messages").to_string();
    assert!(failure.contains("free some space") && failure.contains(".journal"), "{failure}");
    assert!(acknowledged > 100, "{acknowledged}");
    // It does not come back by itself: what is on the disk is not known any more.
    fs::remove_file(&filler).expect("removed");
    assert!(journal.append(entry(&all[0])).is_err());
    assert!(journal.synced(u64::MAX).await.is_err());
    journal.close().await;
    let (records, recovery) = read_back(&folder).await;
    let read = messages_of(records);
    // What was not acknowledged may be there too, whole.
    assert!(read.len() >= acknowledged && read[..] == all[..read.len()], "{} of {acknowledged}", read.len());
    assert!(recovery.damage.iter().all(|damage| damage.is_tail), "{recovery:?}");
}

#[tokio::test]
async fn a_disk_that_is_full_from_the_beginning_is_told_at_the_first_call() {
    let Some(disk) = Disk::mount() else { return };
    let folder = disk.path().join("journal");
    fs::create_dir(&folder).expect("made");
    fs::write(folder.join("lock"), b"").expect("written");
    let mut filler = fs::File::create(disk.path().join("filler")).expect("made");
    let full = std::io::copy(&mut std::io::repeat(0), &mut filler).expect_err("full");
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    let journal = open(&folder);
    let error = journal.synced(1).await.expect_err("no room for a segment").to_string();
    assert!(error.contains("free some space"), "{error}");
}

#[test]
fn a_folder_that_may_not_be_written_is_named_with_what_to_do() {
    let disk = Disk::mount();
    let plain = tempfile::tempdir().expect("folder");
    // Root may write everywhere but on a disk that is read-only.
    let place = match &disk {
        Some(disk) => {
            disk.remount_read_only();
            disk.path()
        }
        None => {
            fs::set_permissions(plain.path(), fs::Permissions::from_mode(0o555)).expect("set");
            if fs::write(plain.path().join("probe"), b"").is_ok() {
                return;
            }
            plain.path()
        }
    };
    for folder in [place.join("journal"), place.to_owned()] {
        let error = FileJournal::open(&folder, JournalOptions::default()).expect_err("not writable");
        let error = error.to_string();
        assert!(error.contains("must be writable"), "{error}");
        assert!(error.contains(&place.display().to_string()), "{error}");
    }
}

#[tokio::test]
async fn a_closed_journal_has_let_go_of_its_folder_and_takes_nothing() {
    let folder = tempfile::tempdir().expect("folder");
    let journal = open(folder.path());
    let all = messages(2);
    for message in &all {
        journal.append(entry(message)).expect("appended");
    }
    journal.close().await;
    journal.close().await;
    let error = journal.append(entry(&all[0])).expect_err("closed").to_string();
    assert!(error.contains("closed"), "{error}");
    assert!(journal.rotate().is_err() && journal.trim(1).is_err());
    // While the first value lives.
    let (records, recovery) = read_back(folder.path()).await;
    assert_eq!(messages_of(records), all);
    assert!(recovery.damage.is_empty());
}
