//! What is asked of a store.

use onetape_domain::frame::FrameShape;
use onetape_domain::imported::Import;
use onetape_domain::instrument::Instrument;
use onetape_domain::message::QuarantinedRecord;
use onetape_domain::time::{TimeRange, Timeframe, Timestamp};

/// Which version of the past a reader wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Knowledge {
    /// What was known at the instant: `available_at <= T`, and of a candle `known_from <= T < known_to`.
    #[default]
    AsRecorded,
    /// The final values of what had happened by the watermark's second at the instant: later
    /// corrections are seen, later events are not.
    AsCorrected,
}

/// Which rows of a time series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection {
    /// All rows whose time lies in the range.
    Range(TimeRange),
    /// The last so many rows.
    Last(usize),
}

/// Asks for closed candles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CandleQuery {
    /// Whose candles.
    pub instrument: Instrument,
    /// Their period.
    pub timeframe: Timeframe,
    /// Which of them, by open time.
    pub selection: Selection,
    /// The instant of knowledge.
    pub as_of: Timestamp,
    /// Which version.
    pub knowledge: Knowledge,
}

/// Asks for rows of any other time series by their own time (event time, second, begin).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeQuery {
    /// Whose rows.
    pub instrument: Instrument,
    /// Which of them.
    pub selection: Selection,
    /// The instant of knowledge: rows stamped later are not seen.
    pub as_of: Timestamp,
}

/// Asks for candles of imports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedQuery {
    /// Whose candles.
    pub instrument: Instrument,
    /// Of which imports; a row names its import by the position here.
    pub imports: Vec<Import>,
    /// Of each timeframe, by [`Timeframe::index`]: which of an import's candles, by open time.
    pub selections: [Option<Selection>; 6],
    /// Only candles that close by then.
    pub closed_by: Timestamp,
}

/// Asks for sampled books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookQuery {
    /// Whose books.
    pub instrument: Instrument,
    /// Which of them, by second.
    pub selection: Selection,
    /// The instant of knowledge.
    pub as_of: Timestamp,
    /// Only the last second of each minute that has one: the sample with the greatest second below
    /// the minute's end, known at the instant, of minutes the book has gone past.
    pub last_of_minute: bool,
    /// Also partial samples that a complete one supersedes.
    pub superseded_partials: bool,
}

/// Asks for everything a frame is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameQuery {
    /// Whose frame.
    pub instrument: Instrument,
    /// The instant of knowledge.
    pub as_of: Timestamp,
    /// How much of it.
    pub shape: FrameShape,
    /// Which version of candles and trades.
    pub knowledge: Knowledge,
}

/// Which refused records to read; each part narrows them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QuarantineQuery {
    /// The one with this id.
    pub id: Option<u64>,
    /// Those before this id.
    pub before: Option<u64>,
    /// Those known to be of this instrument.
    pub instrument: Option<Instrument>,
    /// Those whose origin has this text in it.
    pub origin: Option<String>,
    /// Those received in this range; where it is not known when, they are not among them.
    pub received: Option<TimeRange>,
    /// At most so many, the newest ones.
    pub limit: usize,
}

impl QuarantineQuery {
    /// The newest of all.
    pub fn newest(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }

    /// Whether a record is among those asked for, but for the limit.
    pub fn matches(&self, entry: &QuarantineEntry) -> bool {
        let QuarantineEntry { id, record } = entry;
        self.id.is_none_or(|wanted| *id == wanted)
            && self.before.is_none_or(|before| *id < before)
            && self.instrument.as_ref().is_none_or(|wanted| record.instrument.as_ref() == Some(wanted))
            && self.origin.as_ref().is_none_or(|text| record.origin.contains(text.as_str()))
            && self.received.is_none_or(|range| record.received_at.is_some_and(|time| range.contains(time)))
    }
}

/// A refused record as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct QuarantineEntry {
    /// Names it in this store.
    pub id: u64,
    /// The record.
    #[serde(flatten)]
    pub record: QuarantinedRecord,
}
