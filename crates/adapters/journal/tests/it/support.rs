//! Entries to write, and what comes back of them.

use std::path::Path;

use onetape_domain::instrument::Instrument;
use onetape_domain::message::FeedMessage;
use onetape_domain::venue::VenueRules;
use onetape_journal::{FileJournal, JournalOptions};
use onetape_ports::{Journal, JournalEntry, JournalEvent, JournalEventRef, JournalRecord, JournalRecovery};
use onetape_testkit::generator::Market;

pub(crate) fn open(folder: &Path) -> FileJournal {
    FileJournal::open(folder, JournalOptions::default()).expect("a journal")
}

/// Messages of a simulated market: trades, diffs, a snapshot.
pub(crate) fn messages(seconds: u32) -> Vec<FeedMessage> {
    let instrument: Instrument = "binance:ETH/USDT".parse().expect("instrument");
    Market { seconds, ..Market::new(instrument, 7) }.messages()
}

pub(crate) fn append(journal: &FileJournal, messages: &[FeedMessage]) -> u64 {
    messages
        .iter()
        .map(|message| journal.append(entry(message)))
        .last()
        .expect("a message")
        .expect("appended")
}

/// The entry of a message.
pub(crate) fn entry(message: &FeedMessage) -> JournalEntry<'_> {
    JournalEntry {
        instrument: &message.instrument,
        rules: VenueRules::BINANCE_SPOT,
        issued: message.sent_at,
        event: JournalEventRef::Message(message),
    }
}

/// Everything a folder holds, read a few records at a time.
pub(crate) async fn read_back(folder: &Path) -> (Vec<JournalRecord>, JournalRecovery) {
    let journal = open(folder);
    let mut all = Vec::new();
    loop {
        let records = journal.recovered(7).await.expect("readable");
        if records.is_empty() {
            break;
        }
        all.extend(records);
    }
    (all, journal.recovery())
}

pub(crate) fn messages_of(records: Vec<JournalRecord>) -> Vec<FeedMessage> {
    let message = |record: JournalRecord| match record.event {
        JournalEvent::Message(message) => Some(*message),
        _ => None,
    };
    records.into_iter().filter_map(message).collect()
}
