//! Recordings as a feed: lines of `<received ns> <json>` in plain, gzip or zstd files.
//!
//! The files are one connection, read in the order given; what a live feed recorded names the connection of each
//! line. Reading, decompressing and parsing happen on the task that calls [`TapeFeed::next_batch`], at most a turn of lines before it yields to the others:
//! one core reads a tape faster than anything behind it takes it in, and the order needs no thread.
//!
//! A line that cannot be used becomes a quarantined record with its `FILE:LINE`, and reading goes on. A
//! file that cannot be read on (missing, truncated, damaged) ends the feed with an error.

mod lines;
mod pace;
mod snapshot;
mod source;

use std::collections::VecDeque;
use std::fmt;
use std::path::PathBuf;

use async_trait::async_trait;
use onetape_domain::instrument::Instrument;
use onetape_domain::message::{ConnectionId, Payload, QuarantinedRecord};
use onetape_domain::time::Timestamp;
use onetape_domain::venue::VenueRules;
use onetape_domain::violation::Violations;
use onetape_ports::feed::{Feed, FeedError, FeedEvent};

pub use self::pace::Pace;

use self::lines::{Line, LineReader};
use self::pace::Pacer;
use self::snapshot::{Addresses, Origin};
use crate::wire::{Parsed, Refused, WireParser};

/// All files of a tape are one connection, unless a line names its own.
const CONNECTION: ConnectionId = 0;
/// Lines read before other tasks get their turn.
const LINES_A_TURN: usize = 4_096;

/// How a tape is read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TapeOptions {
    /// How fast.
    pub pace: Pace,
    /// Longest line in bytes; a longer one is quarantined.
    pub max_line_bytes: usize,
}

impl Default for TapeOptions {
    fn default() -> Self {
        Self { pace: Pace::Unlimited, max_line_bytes: 8 << 20 }
    }
}

/// What was read so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TapeStats {
    /// Lines, those of every other count included.
    pub lines: u64,
    /// Lines with nothing on them.
    pub blank: u64,
    /// Messages with trades.
    pub trades: u64,
    /// Book diffs.
    pub diffs: u64,
    /// Whole books.
    pub snapshots: u64,
    /// Best prices and the like.
    pub tickers: u64,
    /// Records that prove life only.
    pub heartbeats: u64,
    /// Lines without market data of one instrument, such as answers to subscriptions.
    pub ignored: u64,
    /// Lines quarantined.
    pub quarantined: u64,
}

impl TapeStats {
    /// Messages delivered.
    pub fn messages(&self) -> u64 {
        self.trades + self.diffs + self.snapshots + self.tickers + self.heartbeats
    }

    fn count(&mut self, payload: &Payload) {
        *match payload {
            Payload::Trades(_) => &mut self.trades,
            Payload::BookDiff(_) => &mut self.diffs,
            Payload::BookSnapshot(_) | Payload::BookState(_) => &mut self.snapshots,
            Payload::Heartbeat | Payload::VoidTrade { .. } | Payload::Unfillable { .. } => {
                &mut self.heartbeats
            }
            Payload::Ticker | Payload::Candle(_) => &mut self.tickers,
        } += 1;
    }
}

/// A recording, read through the parser of its venue.
pub struct TapeFeed<P> {
    name: String,
    lines: LineReader,
    decoder: Decoder<P>,
    pacer: Option<Pacer>,
    /// Decoded and not yet delivered, all from one line.
    ready: VecDeque<FeedEvent>,
    failed: Option<(String, String)>,
}

/// What a line of a tape says on its own: as a tape of nothing else would, whose name is for the origin of what is refused.
pub fn events_of_line<P: WireParser>(parser: P, name: &str, line: &str) -> Vec<FeedEvent> {
    let mut decoder = Decoder { parser, addresses: Addresses::default(), stats: TapeStats::default() };
    let mut events = Vec::new();
    decoder.decode(Origin { file: name, line: 1 }, Line::Whole(line.as_bytes()), &mut events);
    decoder.finish(&mut events);
    events
}

/// One line in, events out.
#[derive(Debug)]
struct Decoder<P> {
    parser: P,
    addresses: Addresses,
    stats: TapeStats,
}

impl<P: WireParser> TapeFeed<P> {
    /// Opens a tape of files, which are checked to be there.
    ///
    /// # Errors
    /// A file that cannot be opened, no file at all, a speed that is no positive number.
    pub fn open(files: Vec<PathBuf>, parser: P, options: TapeOptions) -> Result<Self, FeedError> {
        let names: Vec<String> = files.iter().map(|file| source::short_name(file)).collect();
        let name = format!("tape {}", names.join(", "));
        let refused =
            |message: &str| FeedError { feed: name.clone(), message: message.to_owned(), source: None };
        if files.is_empty() {
            return Err(refused("names no file"));
        }
        let pacer = match options.pace {
            Pace::Unlimited => None,
            Pace::Times(speed) if speed.is_finite() && speed > 0.0 => Some(Pacer::new(speed)),
            Pace::Times(speed) => {
                return Err(refused(&format!("speed must be a positive number: got `{speed}`")));
            }
        };
        Ok(Self {
            lines: LineReader::open(files, options.max_line_bytes)?,
            decoder: Decoder { parser, addresses: Addresses::default(), stats: TapeStats::default() },
            pacer,
            ready: VecDeque::new(),
            failed: None,
            name,
        })
    }

    /// What was read so far.
    pub fn stats(&self) -> TapeStats {
        self.decoder.stats
    }

    /// Reads one line into events and tells when it was received, where it says so. `None` at the end.
    fn read_line(&mut self, events: &mut Vec<FeedEvent>) -> Result<Option<Option<Timestamp>>, FeedError> {
        if let Some((feed, message)) = &self.failed {
            return Err(FeedError { feed: feed.clone(), message: message.clone(), source: None });
        }
        match self.lines.next() {
            Ok(Some((origin, line))) => Ok(Some(self.decoder.decode(origin, line, events))),
            Ok(None) => {
                self.decoder.finish(events);
                Ok(None)
            }
            Err(error) => {
                self.failed = Some((error.feed.clone(), error.message.clone()));
                Err(error)
            }
        }
    }

    /// Appends events of at most a turn of lines; false at the end of the tape.
    fn fill(&mut self, events: &mut Vec<FeedEvent>, limit: usize) -> Result<bool, FeedError> {
        let full = events.len() + limit;
        events.extend(self.ready.drain(..limit.min(self.ready.len())));
        for _ in 0..LINES_A_TURN {
            if events.len() >= full {
                break;
            }
            let more = self.read_line(events)?.is_some();
            if events.len() > full {
                self.ready.extend(events.drain(full..));
            }
            if !more {
                return Ok(!self.ready.is_empty());
            }
        }
        Ok(true)
    }

    /// Appends events as they fall due, waiting for the first.
    async fn follow(&mut self, events: &mut Vec<FeedEvent>, limit: usize) -> Result<bool, FeedError> {
        let start = events.len();
        let mut line = Vec::new();
        while events.len() < start + limit {
            if self.ready.is_empty() {
                let read = self.read_line(&mut line);
                self.ready.extend(line.drain(..));
                match (read?, &mut self.pacer) {
                    (Some(Some(received_at)), Some(pacer)) => pacer.schedule(received_at),
                    (None, _) if self.ready.is_empty() => return Ok(events.len() > start),
                    _ => {}
                }
            }
            if let Some(due) = self.pacer.as_ref().and_then(Pacer::due) {
                if events.len() > start {
                    break;
                }
                tokio::time::sleep_until(due).await;
            }
            let room = start + limit - events.len();
            events.extend(self.ready.drain(..room.min(self.ready.len())));
        }
        Ok(true)
    }
}

#[async_trait]
impl<P: WireParser> Feed for TapeFeed<P> {
    async fn next_batch(&mut self, events: &mut Vec<FeedEvent>, limit: usize) -> Result<bool, FeedError> {
        let (start, limit) = (events.len(), limit.max(1));
        loop {
            // Nothing is taken from the tape between here and the next await: dropping the call loses nothing.
            tokio::task::yield_now().await;
            if self.pacer.is_some() {
                return self.follow(events, limit).await;
            }
            let more = self.fill(events, limit)?;
            if events.len() > start {
                return Ok(true);
            }
            if !more {
                return Ok(false);
            }
        }
    }

    /// A tape has the snapshots it has.
    fn want_books(&mut self, _: &[Instrument]) {}

    fn rules(&self) -> VenueRules {
        self.decoder.parser.rules()
    }

    fn progress(&self) -> (u64, Option<u64>) {
        self.lines.progress()
    }
}

impl<P: WireParser> Decoder<P> {
    fn decode(
        &mut self,
        origin: Origin<'_>,
        line: Line<'_>,
        events: &mut Vec<FeedEvent>,
    ) -> Option<Timestamp> {
        self.stats.lines += 1;
        let text = match line {
            Line::Whole(text) => text,
            Line::TooLong { beginning, bytes, limit } => {
                let reason = format!("must be at most {limit} bytes");
                let violations = Violations::one("tape.line", format!("{bytes} bytes"), reason);
                self.refuse(origin, beginning, bytes, None, violations.into(), events);
                return None;
            }
        };
        let text = text.trim_ascii();
        if text.is_empty() {
            self.stats.blank += 1;
            return None;
        }
        let split = memchr::memchr2(b' ', b'\t', text).unwrap_or(text.len());
        let (time, json) = text.split_at(split);
        let received_at = match received_at(time) {
            Ok(received_at) => received_at,
            Err(mut violations) => {
                // Only to report what else is wrong and whose it is.
                let json = if time.first() == Some(&b'{') { text } else { json };
                let instrument = match self.parser.parse(json, Timestamp::EARLIEST, CONNECTION) {
                    Ok(Parsed::Message(message)) => Some(message.instrument),
                    Ok(_) => None,
                    Err(refused) => {
                        violations.0.extend(refused.violations.0);
                        refused.instrument
                    }
                };
                let refused = Refused { instrument, violations };
                self.refuse(origin, text, text.len() as u64, None, refused, events);
                return None;
            }
        };
        match self.parser.parse(json, received_at, connection(json).unwrap_or(CONNECTION)) {
            Ok(Parsed::Message(message)) => {
                self.stats.count(&message.payload);
                let settled = self.addresses.observe(&message);
                self.settle(settled, events);
                events.push(FeedEvent::Message(message));
            }
            Ok(Parsed::Unaddressed(book)) => {
                let settled = self.addresses.address(book, received_at, origin, text);
                self.settle(settled, events);
            }
            Ok(Parsed::Ignored(_)) => self.stats.ignored += 1,
            Err(refused) => self.refuse(origin, text, text.len() as u64, Some(received_at), refused, events),
        }
        Some(received_at)
    }

    /// Delivers what became of books without a name.
    fn settle(&mut self, settled: Vec<FeedEvent>, events: &mut Vec<FeedEvent>) {
        for event in settled {
            match event {
                FeedEvent::Message(_) => self.stats.snapshots += 1,
                FeedEvent::Quarantined(_) => self.stats.quarantined += 1,
            }
            events.push(event);
        }
    }

    fn finish(&mut self, events: &mut Vec<FeedEvent>) {
        let settled = self.addresses.finish();
        self.settle(settled, events);
    }

    fn refuse(
        &mut self,
        origin: Origin<'_>,
        payload: &[u8],
        bytes: u64,
        received_at: Option<Timestamp>,
        refused: Refused,
        events: &mut Vec<FeedEvent>,
    ) {
        self.stats.quarantined += 1;
        let mut record = QuarantinedRecord::new(origin.to_string(), refused.violations, payload);
        record.instrument = refused.instrument;
        record.payload_bytes = bytes;
        record.received_at = received_at;
        events.push(FeedEvent::Quarantined(record));
    }
}

/// The connection at the end of a message that a live feed recorded: `…,"connection":7}`.
fn connection(json: &[u8]) -> Option<ConnectionId> {
    let number = json.strip_suffix(b"}")?;
    let digits = number.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let (rest, digits) = number.split_at(number.len() - digits);
    let text = std::str::from_utf8(digits).ok().filter(|_| rest.ends_with(b",\"connection\":"))?;
    text.parse().ok()
}

/// The receive time at the start of a line.
fn received_at(text: &[u8]) -> Result<Timestamp, Violations> {
    const FIELD: &str = "tape.received_at";
    let shown = String::from_utf8_lossy(&text[..text.len().min(64)]);
    match std::str::from_utf8(text).ok().and_then(|text| text.parse::<i64>().ok()) {
        Some(nanos) => Timestamp::try_from_nanos(FIELD, nanos),
        None if text.first() == Some(&b'{') => Err(Violations::one(
            FIELD,
            "",
            "is missing: a line is the receive time in nanoseconds, a space, the message",
        )),
        None => Err(Violations::one(FIELD, shown, "must be an integer of nanoseconds since 1970")),
    }
}

impl<P> fmt::Display for TapeFeed<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name)
    }
}

impl<P: fmt::Debug> fmt::Debug for TapeFeed<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TapeFeed")
            .field("name", &self.name)
            .field("parser", &self.decoder.parser)
            .field("stats", &self.decoder.stats)
            .finish_non_exhaustive()
    }
}
