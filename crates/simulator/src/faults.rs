//! What goes wrong between the venue and its client: how often, when, and what came of it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use onetape_domain::instrument::Instrument;
use onetape_testkit::generator::Rng;

use crate::timeline::Stream;

/// Longest delay of a single message, in milliseconds of market time: within the lateness that the rules of the venue
/// allow for.
pub(crate) const MAX_DELAY_MS: i64 = 400;

/// Which faults a simulated venue has. The same seed gives the same messages the same fate, whoever takes them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    /// Decides everything that is random.
    pub seed: u64,
    /// Messages, in ten thousand, that are never delivered.
    pub dropped: u32,
    /// Messages, in ten thousand, that are delivered a second time a little later.
    pub repeated: u32,
    /// Messages, in ten thousand, that are overtaken by those of the next tenths of a second.
    pub delayed: u32,
    /// Messages, in ten thousand, that are delivered in a form nobody can read.
    pub malformed: u32,
    /// Messages, in ten thousand, before which comes one of a kind that nobody knows.
    pub unknown: u32,
    /// Diffs, in ten thousand, that leave the book crossed.
    pub crossed: u32,
    /// REST answers, in a thousand, that are `429` although the client kept to the limits.
    pub rate_limited: u32,
    /// REST answers, in a thousand, that are `500` to `504`.
    pub server_errors: u32,
    /// Snapshots, in a thousand, that are ten seconds old.
    pub stale_snapshots: u32,
    /// What happens once, by the market's time.
    pub events: Vec<Event>,
}

/// Something that happens to all connections at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When, in market time from its beginning.
    pub after: Duration,
    /// What.
    pub what: Incident,
}

/// What may happen once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incident {
    /// A stream delivers nothing for so long (market time), and what it had to say is lost.
    Silence(Instrument, Stream, Duration),
    /// Open sockets stay open and deliver nothing more, not even pings. New ones are served.
    DeadSockets,
    /// Open sockets are closed with a close frame.
    Close,
    /// Open sockets are reset, without a word.
    Reset,
    /// Nothing is sent for so long (market time); then everything is, late.
    Stall(Duration),
}

/// A fault as it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// A message was not delivered.
    Dropped,
    /// A message was delivered again.
    Repeated,
    /// A message was overtaken.
    Delayed,
    /// A message could not be read.
    Malformed,
    /// A message of no known kind was sent.
    Unknown,
    /// A diff left the book crossed.
    Crossed,
    /// A message was lost to a silent stream.
    Silenced,
    /// A socket fell silent.
    DeadSocket,
    /// A socket was closed.
    Closed,
    /// A socket was reset.
    Reset,
    /// A socket was held up.
    Stalled,
    /// A socket was cut because its client did not read.
    SlowReader,
    /// A request was refused for its number.
    RateLimited,
    /// A request was answered with an error of the server.
    ServerError,
    /// A snapshot was out of date.
    StaleSnapshot,
}

impl Fault {
    /// What it is called in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dropped => "messages dropped",
            Self::Repeated => "messages repeated",
            Self::Delayed => "messages overtaken",
            Self::Malformed => "messages malformed",
            Self::Unknown => "messages of unknown kinds",
            Self::Crossed => "diffs that cross the book",
            Self::Silenced => "messages lost to silence",
            Self::DeadSocket => "sockets dead",
            Self::Closed => "sockets closed",
            Self::Reset => "sockets reset",
            Self::Stalled => "sockets held up",
            Self::SlowReader => "slow readers cut",
            Self::RateLimited => "requests refused (429)",
            Self::ServerError => "requests failed (5xx)",
            Self::StaleSnapshot => "snapshots out of date",
        }
    }
}

impl Faults {
    /// A mixture of everything: some of each fault that a message can have, and about one incident in every
    /// `between` of a market that runs for `length`.
    pub fn mixed(seed: u64, length: Duration, between: Duration, instruments: &[Instrument]) -> Self {
        let mut rng = Rng::new(seed ^ 0x5eed);
        let mut events = Vec::new();
        let (length, between) = (millis(length), millis(between).max(1));
        // The first seconds are left alone, so that every stream has begun.
        let mut at = 5_000 + rng.between(between / 2, between);
        while at < length - 5_000 && !instruments.is_empty() {
            let what = match rng.between(0, 4) {
                0 => {
                    let last = i64::try_from(instruments.len()).unwrap_or(1) - 1;
                    let place = usize::try_from(rng.between(0, last)).unwrap_or(0);
                    let streams = [Stream::Trade, Stream::AggregateTrade, Stream::Depth];
                    let stream = streams[usize::try_from(rng.between(0, 2)).unwrap_or(0)];
                    Incident::Silence(instruments[place].clone(), stream, duration(rng.between(500, 8_000)))
                }
                1 => Incident::DeadSockets,
                2 => Incident::Close,
                3 => Incident::Reset,
                _ => Incident::Stall(duration(rng.between(500, 4_000))),
            };
            events.push(Event { after: duration(at), what });
            at += rng.between(between / 2, between + between / 2);
        }
        Self {
            seed,
            dropped: 10,
            repeated: 30,
            delayed: 20,
            malformed: 5,
            unknown: 5,
            crossed: 3,
            rate_limited: 30,
            server_errors: 50,
            stale_snapshots: 100,
            events,
        }
    }
}

/// How often each fault was really injected: counted where a connection met it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Injected(pub(crate) BTreeMap<Fault, u64>);

impl Injected {
    /// How often a fault was injected.
    pub fn count(&self, fault: Fault) -> u64 {
        self.0.get(&fault).copied().unwrap_or(0)
    }

    /// Every fault that was injected, with its number.
    pub fn iter(&self) -> impl Iterator<Item = (Fault, u64)> {
        self.0.iter().map(|(fault, count)| (*fault, *count))
    }
}

impl fmt::Display for Injected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (fault, count) in self.iter() {
            writeln!(f, "{count:>10} {}", fault.name())?;
        }
        Ok(())
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn duration(millis: i64) -> Duration {
    Duration::from_millis(millis.unsigned_abs())
}
