//! Cut and flipped files: what is read was written, and what is not read is reported, byte for byte.

use std::fs;
use std::path::PathBuf;

use onetape_domain::message::FeedMessage;
use onetape_ports::{Journal, JournalRecovery};
use proptest::prelude::*;

use crate::support::{append, messages, messages_of, open, read_back};

/// A folder with one segment.
struct Segment {
    folder: tempfile::TempDir,
    path: PathBuf,
    bytes: Vec<u8>,
    messages: Vec<FeedMessage>,
}

impl Segment {
    fn of(seconds: u32) -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let messages = messages(seconds);
        let journal = open(folder.path());
        append(&journal, &messages);
        drop(journal);
        let path = folder.path().join(format!("{:020}.journal", 1));
        let bytes = fs::read(&path).expect("read");
        Self { folder, path, bytes, messages }
    }

    /// Reads other bytes in the segment's place.
    fn read_as(&self, bytes: &[u8]) -> (Vec<FeedMessage>, JournalRecovery) {
        for entry in fs::read_dir(self.folder.path()).expect("folder") {
            fs::remove_file(entry.expect("entry").path()).expect("removed");
        }
        fs::write(&self.path, bytes).expect("written");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("runtime");
        let (records, recovery) = runtime.block_on(read_back(self.folder.path()));
        (messages_of(records), recovery)
    }
}

/// Lost bytes of a recovery.
fn lost(recovery: &JournalRecovery) -> u64 {
    recovery.damage.iter().map(|damage| damage.bytes).sum()
}

#[test]
fn a_damaged_segment_in_the_middle_is_kept_aside_when_it_is_let_go() {
    let segment = Segment::of(3);
    let mut bytes = segment.bytes.clone();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(&segment.path, &bytes).expect("written");
    let journal = open(segment.folder.path());
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("runtime");
    let read = runtime.block_on(journal.recovered(usize::MAX)).expect("readable");
    assert_eq!(read.len() + 1, segment.messages.len());
    assert!(!journal.recovery().damage[0].is_tail);
    journal.trim(u64::MAX).expect("trimmed");
    drop(journal);
    let kept = segment.folder.path().join(format!("{:020}.damaged", 1));
    assert_eq!(fs::read(kept).expect("kept"), bytes);
}

#[test]
fn bytes_of_another_segment_are_no_records_of_this_one() {
    let segment = Segment::of(2);
    let other = segment.folder.path().join(format!("{:020}.journal", 5));
    fs::rename(&segment.path, &other).expect("renamed");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("runtime");
    let (records, recovery) = runtime.block_on(read_back(segment.folder.path()));
    assert!(records.is_empty());
    assert_eq!(lost(&recovery), segment.bytes.len() as u64);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn flipped_bits_cost_the_records_they_hit_and_no_other(
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0..8_u32), 1..4),
    ) {
        let segment = Segment::of(2);
        let mut bytes = segment.bytes.clone();
        for (at, bit) in &flips {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        let (read, recovery) = segment.read_as(&bytes);
        let mut written = segment.messages.iter();
        // What is read was written, in this order.
        for message in &read {
            prop_assert!(written.any(|other| other == message), "a record that was never written: {message:?}");
        }
        if bytes == segment.bytes {
            prop_assert_eq!(&read, &segment.messages);
        } else {
            prop_assert!(lost(&recovery) > 0, "lost without a word");
        }
        // The record that numbers the instrument is the only one on which others rest.
        let first = segment.bytes.len().min(300);
        if !flips.iter().any(|(at, _)| at.index(bytes.len()) < first) {
            prop_assert!(read.len() + flips.len() >= segment.messages.len());
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        let segment = Segment::of(1);
        let mut joined = segment.bytes[..segment.bytes.len() / 2].to_vec();
        joined.extend(bytes);
        let (read, _) = segment.read_as(&joined);
        prop_assert!(read.len() <= segment.messages.len());
    }
}
