//! Opening, appending, rotating, trimming.

use std::fs;
use std::time::Duration;

use onetape_journal::{FileJournal, JournalOptions};
use onetape_ports::Journal;

use crate::support::{append, entry, messages, messages_of, open, read_back};

#[tokio::test]
async fn what_is_synced_is_in_the_file_while_the_journal_is_open() {
    let folder = tempfile::tempdir().expect("folder");
    let all = messages(5);
    let journal = open(folder.path());
    let position = append(&journal, &all);
    journal.synced(position).await.expect("synced");
    let copy = tempfile::tempdir().expect("folder");
    for entry in fs::read_dir(folder.path()).expect("folder") {
        let entry = entry.expect("entry");
        fs::copy(entry.path(), copy.path().join(entry.file_name())).expect("copied");
    }
    let (records, recovery) = read_back(copy.path()).await;
    assert_eq!(messages_of(records), all);
    assert_eq!(recovery.records, all.len() as u64);
}

#[tokio::test]
async fn what_was_found_stays_until_it_is_trimmed_and_order_is_kept_across_segments() {
    let folder = tempfile::tempdir().expect("folder");
    let all = messages(6);
    let (first, second) = all.split_at(all.len() / 2);
    let journal = open(folder.path());
    append(&journal, first);
    let begun = journal.rotate().expect("rotated");
    append(&journal, second);
    drop(journal);
    for _ in 0..2 {
        let (records, _) = read_back(folder.path()).await;
        assert_eq!(messages_of(records), all);
    }
    let journal = open(folder.path());
    journal.trim(begun).expect("trimmed");
    drop(journal);
    let (records, _) = read_back(folder.path()).await;
    assert_eq!(messages_of(records), second);
}

#[tokio::test]
async fn trimming_never_takes_the_segment_that_is_being_written() {
    let folder = tempfile::tempdir().expect("folder");
    let all = messages(2);
    let journal = open(folder.path());
    append(&journal, &all);
    journal.trim(u64::MAX).expect("trimmed");
    drop(journal);
    let (records, _) = read_back(folder.path()).await;
    assert_eq!(messages_of(records), all);
}

#[tokio::test]
async fn the_size_is_that_of_the_files() {
    let folder = tempfile::tempdir().expect("folder");
    let journal = open(folder.path());
    let position = append(&journal, &messages(3));
    journal.synced(position).await.expect("synced");
    let files = || {
        let sizes =
            fs::read_dir(folder.path()).expect("folder").map(|entry| entry.expect("entry").metadata());
        sizes.map(|metadata| metadata.expect("metadata").len()).sum::<u64>()
    };
    assert_eq!(journal.bytes(), files());
    assert_eq!(journal.segment_bytes(), files());
    let begun = journal.rotate().expect("rotated");
    journal.trim(begun).expect("trimmed");
    let position = append(&journal, &messages(1));
    journal.synced(position).await.expect("synced");
    assert_eq!(journal.bytes(), files());
}

fn every(millis: u64) -> JournalOptions {
    let mut options = JournalOptions::default();
    options.interval = Duration::from_millis(millis);
    options
}

#[tokio::test]
async fn what_nobody_waits_for_is_written_after_the_interval_and_at_once_where_somebody_does() {
    let all = messages(3);
    let folder = tempfile::tempdir().expect("folder");
    let journal = FileJournal::open(folder.path(), every(3_600_000)).expect("opened");
    journal.synced(1).await.expect("begun");
    let position = append(&journal, &all);
    let file = folder.path().join(format!("{:020}.journal", 1));
    let written = || fs::metadata(&file).expect("a file").len();
    assert!(written() < 100 && journal.segment_bytes() > 1_000, "{} bytes are written", written());
    journal.synced(position).await.expect("synced");
    assert_eq!(written(), journal.segment_bytes());
    append(&journal, &all);
    journal.close().await;
    assert_eq!(messages_of(read_back(folder.path()).await.0).len(), 2 * all.len());

    let folder = tempfile::tempdir().expect("folder");
    let journal = FileJournal::open(folder.path(), every(5)).expect("opened");
    append(&journal, &all);
    let file = folder.path().join(format!("{:020}.journal", 1));
    let mut waits = 0;
    while fs::metadata(&file).map_or(0, |file| file.len()) < journal.segment_bytes() {
        tokio::time::sleep(Duration::from_millis(5)).await;
        waits += 1;
        assert!(waits < 2_000, "never written");
    }
}

#[test]
fn a_second_process_is_kept_out() {
    let folder = tempfile::tempdir().expect("folder");
    let _journal = open(folder.path());
    let error = FileJournal::open(folder.path(), JournalOptions::default()).expect_err("locked");
    assert!(error.to_string().contains("another process"), "{error}");
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("file");
    fs::write(&file, b"").expect("written");
    let error = FileJournal::open(file.join("journal"), JournalOptions::default()).expect_err("no folder");
    assert!(error.to_string().contains(&file.display().to_string()), "{error}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn after_a_failed_write_nothing_is_acknowledged_any_more() {
    let folder = tempfile::tempdir().expect("folder");
    let journal = open(folder.path());
    journal.synced(1).await.expect("begun");
    let next = folder.path().join(format!("{:020}.journal", 2));
    fs::create_dir(&next).expect("in the way");
    journal.rotate().expect("queued");
    let all = messages(1);
    let error = match journal.append(entry(&all[0])) {
        Ok(position) => journal.synced(position).await.expect_err("not written"),
        Err(error) => error,
    };
    assert!(error.to_string().contains(&next.display().to_string()), "{error}");
    assert!(journal.append(entry(&all[0])).is_err() && journal.rotate().is_err() && journal.trim(1).is_err());
}
