//! Entries as bytes: integers of variable length, decimals exactly as scale and mantissa, names numbered once a segment.

use std::collections::HashMap;

use onetape_domain::coverage::LostRange;
use onetape_domain::imported::Import;
use onetape_domain::instrument::Instrument;
use onetape_domain::venue::VenueRules;
use onetape_ports::{JournalEntry, JournalEvent, JournalEventRef, JournalRecord};

use bytes::{Reader, Writer};

mod bytes;
mod message;

/// An instrument and its rules under a number, which the records after it use.
const DECLARE: u8 = 0;
const MESSAGE: u8 = 1;
const BOOK: u8 = 2;
const TAKEN_IN: u8 = 3;
const END_OF_FEED: u8 = 4;
const LOST: u8 = 5;
const SEEDED: u8 = 6;
const WAITING: u8 = 7;

/// Numbers of instruments with their rules, as they are given out in one segment.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    of: HashMap<Instrument, Vec<(VenueRules, u64)>>,
    next: u64,
}

/// Names by the numbers of one segment.
#[derive(Debug, Default)]
pub(crate) struct Names(HashMap<u64, (Instrument, VenueRules)>);

/// Why the body of a record says nothing, though its checksum is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// The record that gave its instrument a number is lost.
    Nameless,
    /// It is of a form that this version does not know.
    Unknown,
}

/// Gives the bodies of an entry: first the one that numbers its instrument where the segment has none yet.
pub(crate) fn encode(numbers: &mut Numbers, entry: JournalEntry<'_>, mut record: impl FnMut(&[u8])) {
    let JournalEntry { instrument, rules, issued, event } = entry;
    let number = numbers.number(instrument, rules, &mut record);
    let mut out = Writer::of_kind(match event {
        JournalEventRef::Message(_) => MESSAGE,
        JournalEventRef::Book(_) => BOOK,
        JournalEventRef::TakenIn(_) => TAKEN_IN,
        JournalEventRef::EndOfFeed => END_OF_FEED,
        JournalEventRef::Lost(_) => LOST,
        JournalEventRef::Seeded(_) => SEEDED,
        JournalEventRef::Waiting(..) => WAITING,
    });
    out.unsigned(number);
    out.option(issued, Writer::time);
    match event {
        JournalEventRef::Message(message) => message::write(&mut out, message),
        JournalEventRef::Book(book) | JournalEventRef::Seeded(book) => message::write_book(&mut out, book),
        JournalEventRef::Waiting(diffs, part) => message::write_waiting(&mut out, diffs, part),
        JournalEventRef::TakenIn(imports) => out.json(&imports),
        JournalEventRef::Lost(ranges) => out.json(&ranges),
        JournalEventRef::EndOfFeed => {}
    }
    record(out.as_bytes());
}

impl Numbers {
    fn number(&mut self, instrument: &Instrument, rules: VenueRules, record: &mut impl FnMut(&[u8])) -> u64 {
        let known = self.of.get(instrument).and_then(|all| all.iter().find(|(known, _)| *known == rules));
        if let Some((_, number)) = known {
            return *number;
        }
        let number = self.next;
        self.next += 1;
        self.of.entry(instrument.clone()).or_default().push((rules, number));
        let mut out = Writer::of_kind(DECLARE);
        out.unsigned(number);
        out.text(&instrument.to_string());
        out.json(&rules);
        record(out.as_bytes());
        number
    }
}

impl Names {
    /// Reads the body of a record; none where it only numbers an instrument.
    pub(crate) fn decode(&mut self, body: &[u8]) -> Result<Option<JournalRecord>, Unreadable> {
        let mut body = Reader::new(body);
        let kind = body.byte().ok_or(Unreadable::Unknown)?;
        let number = body.unsigned().ok_or(Unreadable::Unknown)?;
        if kind == DECLARE {
            let instrument = body.text().and_then(|text| text.parse().ok());
            let rules = body.json::<VenueRules>();
            let (Some(instrument), Some(rules), true) = (instrument, rules, body.is_at_end()) else {
                return Err(Unreadable::Unknown);
            };
            self.0.insert(number, (instrument, rules));
            return Ok(None);
        }
        let (instrument, rules) = self.0.get(&number).cloned().ok_or(Unreadable::Nameless)?;
        let issued = body.option(Reader::time).ok_or(Unreadable::Unknown)?;
        let event = match kind {
            MESSAGE => message::read(&mut body, &instrument).map(Box::new).map(JournalEvent::Message),
            BOOK => message::read_book(&mut body).map(JournalEvent::Book),
            SEEDED => message::read_book(&mut body).map(JournalEvent::Seeded),
            WAITING => {
                message::read_waiting(&mut body).map(|(diffs, part)| JournalEvent::Waiting(diffs, part))
            }
            TAKEN_IN => body.json::<Vec<Import>>().map(JournalEvent::TakenIn),
            LOST => body.json::<Vec<LostRange>>().map(JournalEvent::Lost),
            END_OF_FEED => Some(JournalEvent::EndOfFeed),
            _ => None,
        };
        match event {
            Some(event) if body.is_at_end() => Ok(Some(JournalRecord { instrument, rules, issued, event })),
            _ => Err(Unreadable::Unknown),
        }
    }
}
