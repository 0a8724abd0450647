//! Every cut and every flipped bit of a segment: what is read was written, and what is not read is reported to the byte.

use std::fs;

use onetape_domain::engine::local_book::TimedDiff;
use onetape_domain::instrument::Instrument;
use onetape_domain::message::{FullBook, Payload};
use onetape_domain::venue::VenueRules;
use onetape_ports::{Journal as _, JournalEntry, JournalEventRef, JournalPart};
use onetape_testkit::generator::Market;

use super::*;
use crate::segment::RECORD_HEAD;
use crate::{FileJournal, JournalOptions};

/// What the books were at the beginning of a segment, by the diff and the snapshot of a market.
fn standings(market: &Market) -> (FullBook, Vec<TimedDiff>) {
    let messages = market.messages();
    let book = messages.iter().find_map(|message| match &message.payload {
        Payload::BookSnapshot(book) => Some(book.clone()),
        _ => None,
    });
    let diffs = messages.iter().filter_map(|message| match &message.payload {
        Payload::BookDiff(diff) => {
            let sent_at = message.sent_at.unwrap_or(message.received_at);
            Some(TimedDiff { diff: diff.clone(), sent_at, received_at: message.received_at })
        }
        _ => None,
    });
    (book.expect("a snapshot"), diffs.take(3).collect())
}

/// A segment, where each of its records begins, and what they say; none where one only numbers an instrument.
struct Written {
    folder: tempfile::TempDir,
    bytes: Vec<u8>,
    records: Vec<(usize, Option<JournalRecord>)>,
}

impl Written {
    fn of(messages: usize) -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let journal = FileJournal::open(folder.path(), JournalOptions::default()).expect("opened");
        let instrument: Instrument = "binance:ETH/USDT".parse().expect("instrument");
        let market = Market { seconds: 2, levels: 3, ..Market::new(instrument.clone(), 3) };
        let (book, diffs) = standings(&market);
        let (first, rest) = diffs.split_at(1);
        for event in [
            JournalEventRef::Book(&book),
            JournalEventRef::Seeded(&book),
            JournalEventRef::Waiting(first, JournalPart { from: 0, of: 3 }),
            JournalEventRef::Waiting(rest, JournalPart { from: 1, of: 3 }),
        ] {
            let (rules, issued) = (VenueRules::BINANCE_SPOT, Some(market.start));
            let entry = JournalEntry { instrument: &instrument, rules, issued, event };
            journal.append(entry).expect("appended");
        }
        for message in market.messages().iter().take(messages) {
            let entry = JournalEntry {
                instrument: &message.instrument,
                rules: VenueRules::BINANCE_SPOT,
                issued: message.sent_at,
                event: JournalEventRef::Message(message),
            };
            journal.append(entry).expect("appended");
        }
        drop(journal);
        let bytes = fs::read(folder.path().join(format!("{:020}.journal", 1))).expect("read");
        let (mut at, mut names, mut records) = (SEGMENT_HEAD, Names::default(), Vec::new());
        while at < bytes.len() {
            let Found::Record { body } = look(1, at as u64, &bytes[at..]) else {
                panic!("no record at {at}")
            };
            records.push((at, names.decode(body).expect("readable")));
            at += RECORD_HEAD + body.len();
        }
        Self { folder, bytes, records }
    }

    /// Reads other bytes in the segment's place.
    fn read_as(&self, bytes: &[u8]) -> (Vec<JournalRecord>, JournalRecovery) {
        let path = self.folder.path().join("other");
        fs::write(&path, bytes).expect("written");
        let mut reader = SegmentReader::new([(1, path)]);
        let records = reader.read(usize::MAX).expect("readable");
        (records, reader.recovery)
    }

    fn end_of(&self, record: usize) -> usize {
        self.records.get(record + 1).map_or(self.bytes.len(), |(at, _)| *at)
    }
}

#[test]
fn cut_at_every_byte_what_is_whole_comes_back_and_the_rest_is_reported_to_the_byte() {
    let written = Written::of(40);
    assert!(written.bytes.len() > 2_000, "{}", written.bytes.len());
    for length in 0..=written.bytes.len() {
        let (records, recovery) = written.read_as(&written.bytes[..length]);
        let whole = (0..written.records.len()).take_while(|record| written.end_of(*record) <= length).count();
        let want: Vec<_> = written.records[..whole].iter().filter_map(|(_, record)| record.clone()).collect();
        assert_eq!(records, want, "cut at {length}");
        let sound = whole.checked_sub(1).map_or(SEGMENT_HEAD, |last| written.end_of(last));
        let lost = if length < SEGMENT_HEAD { (0, length) } else { (sound, length - sound) };
        let damage: Vec<_> =
            recovery.damage.iter().map(|damage| (damage.offset, damage.bytes, damage.is_tail)).collect();
        match lost {
            (_, 0) => assert_eq!(damage, [], "cut at {length}"),
            (offset, bytes) => assert_eq!(damage, [(offset as u64, bytes as u64, true)], "cut at {length}"),
        }
    }
}

#[test]
fn every_flipped_bit_costs_the_record_it_hits_and_is_reported_to_the_byte() {
    let written = Written::of(6);
    for bit in 0..written.bytes.len() * 8 {
        let at = bit / 8;
        let mut bytes = written.bytes.clone();
        bytes[at] ^= 1 << (bit % 8);
        let (records, recovery) = written.read_as(&bytes);
        let hit = written.records.iter().rposition(|(begin, _)| *begin <= at);
        // The first record numbers the instrument: the others say nothing without it.
        let is_read = |record: usize| hit != Some(0) && hit != Some(record);
        let read = written.records.iter().enumerate().filter(|(record, _)| is_read(*record));
        let want: Vec<_> = read.filter_map(|(_, (_, record))| record.clone()).collect();
        assert_eq!(records, want, "bit {bit}");
        let lost = match hit {
            None => (0, SEGMENT_HEAD),
            Some(0) => (SEGMENT_HEAD, bytes.len() - SEGMENT_HEAD),
            Some(record) => (written.records[record].0, written.end_of(record) - written.records[record].0),
        };
        let damage: Vec<_> = recovery.damage.iter().map(|damage| (damage.offset, damage.bytes)).collect();
        assert_eq!(damage, [(lost.0 as u64, lost.1 as u64)], "bit {bit}: {:?}", recovery.damage);
    }
}
