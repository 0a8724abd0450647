//! Everything the venue sends, in order, with the fate of each message.

use std::time::Duration;

use onetape_domain::book::BookLevel;
use onetape_domain::decimal::{Price, Quantity};
use onetape_domain::time::{TimeRange, Timestamp};
use onetape_domain::trade::AggregateIds;
use onetape_testkit::generator::{Rng, binance};
use rust_decimal::Decimal;

use crate::faults::{Fault, Faults, Incident, MAX_DELAY_MS};
use crate::script::{Script, numeric_id};

/// A stream of an instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// `@trade`: single trades.
    Trade,
    /// `@aggTrade`: trades of one order at one price.
    AggregateTrade,
    /// `@depth@100ms`: changes of the book.
    Depth,
}

impl Stream {
    /// All streams that are served.
    pub const ALL: [Self; 3] = [Self::Trade, Self::AggregateTrade, Self::Depth];

    /// What follows the instrument in a stream's name.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Trade => "trade",
            Self::AggregateTrade => "aggTrade",
            Self::Depth => "depth@100ms",
        }
    }
}

/// Which script, and which of its streams.
pub(crate) type Channel = (usize, Stream);

/// A message of the timeline.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Item {
    /// When it reaches the client.
    pub(crate) at: Timestamp,
    pub(crate) channel: Channel,
    /// Its place in the stream.
    place: usize,
    /// What is wrong with it, if something is.
    pub(crate) fate: Option<Fault>,
}

/// All messages of all scripts of a market.
#[derive(Debug)]
pub(crate) struct Timeline {
    pub(crate) items: Vec<Item>,
}

impl Timeline {
    /// Puts the streams of all scripts together. Markets begin at `begins`.
    pub(crate) fn new(scripts: &[Script], faults: &Faults, begins: Timestamp) -> Self {
        let mut items = Vec::new();
        for (number, script) in scripts.iter().enumerate() {
            for stream in Stream::ALL {
                let seed = (number as u64 + 1) << 8 | stream as u64;
                let rng = Rng::new(Rng::new(faults.seed).next_u64() ^ seed);
                let silences = silences(script, stream, faults, begins);
                let mut fates = Fates { faults, rng, silences, stream };
                for (place, at) in times(script, stream).into_iter().enumerate() {
                    fates.decide(at, &mut |at, fate| {
                        items.push(Item { at, channel: (number, stream), place, fate });
                    });
                }
            }
        }
        items.sort_by_key(|item| item.at);
        Self { items }
    }

    /// The first message at or after an instant.
    pub(crate) fn place_of(&self, time: Timestamp) -> usize {
        self.items.partition_point(|item| item.at < time)
    }
}

impl Item {
    /// What goes over the wire; none if nothing does.
    pub(crate) fn text(&self, script: &Script) -> Option<String> {
        let text = self.truth(script);
        match self.fate {
            Some(Fault::Dropped | Fault::Silenced) => None,
            Some(Fault::Malformed) => Some(malformed(&text, self.place)),
            Some(Fault::Unknown) => Some(format!(
                "{{\"e\":\"simulatorNews\",\"E\":{},\"s\":\"{}\"}}",
                binance::millis(self.at),
                script.native()
            )),
            _ => Some(text),
        }
    }

    fn truth(&self, script: &Script) -> String {
        let (market, native) = (script.market(), script.native());
        match self.channel.1 {
            Stream::Trade => {
                let sent = &script.trades()[self.place];
                binance::trade(market, native, sent.at, numeric_id(&sent.what), &sent.what)
            }
            Stream::AggregateTrade => {
                let sent = &script.aggregates()[self.place];
                let id = numeric_id(&sent.what);
                let ids = sent.what.aggregate().unwrap_or(AggregateIds { first: id, last: id });
                binance::aggregate_trade(market, native, sent.at, id, ids, &sent.what)
            }
            Stream::Depth => {
                let sent = &script.diffs()[self.place];
                let mut diff = sent.what.clone();
                if self.fate == Some(Fault::Crossed) {
                    diff.bids.extend(bid_above_all(script));
                }
                binance::diff(market, native, sent.at, &diff)
            }
        }
    }
}

/// Decides what becomes of the messages of one stream, one after the other.
struct Fates<'a> {
    faults: &'a Faults,
    rng: Rng,
    silences: Vec<TimeRange>,
    stream: Stream,
}

impl Fates<'_> {
    fn decide(&mut self, at: Timestamp, deliver: &mut impl FnMut(Timestamp, Option<Fault>)) {
        // All are drawn for every message, so that one chance does not move the others.
        let drawn = [
            self.faults.dropped,
            self.faults.malformed,
            self.faults.delayed,
            self.faults.crossed,
            self.faults.repeated,
            self.faults.unknown,
        ]
        .map(|chance| self.rng.between(0, 9_999) < i64::from(chance));
        let delays = [(); 2].map(|()| self.rng.between(50, MAX_DELAY_MS) * 1_000);
        let [dropped, malformed, delayed, crossed, repeated, unknown] = drawn;
        if unknown {
            deliver(at, Some(Fault::Unknown));
        }
        if self.silences.iter().any(|silence| silence.contains(at)) {
            deliver(at, Some(Fault::Silenced));
        } else if dropped {
            deliver(at, Some(Fault::Dropped));
        } else if malformed {
            deliver(at, Some(Fault::Malformed));
        } else if delayed {
            deliver(at.plus(delays[0]), Some(Fault::Delayed));
        } else if crossed && self.stream == Stream::Depth {
            deliver(at, Some(Fault::Crossed));
        } else {
            deliver(at, None);
            if repeated {
                deliver(at.plus(delays[1]), Some(Fault::Repeated));
            }
        }
    }
}

fn times(script: &Script, stream: Stream) -> Vec<Timestamp> {
    match stream {
        Stream::Trade => script.trades().iter().map(|sent| sent.at).collect(),
        Stream::AggregateTrade => script.aggregates().iter().map(|sent| sent.at).collect(),
        Stream::Depth => script.diffs().iter().map(|sent| sent.at).collect(),
    }
}

fn silences(script: &Script, stream: Stream, faults: &Faults, begins: Timestamp) -> Vec<TimeRange> {
    let ranges = faults.events.iter().filter_map(|event| match &event.what {
        Incident::Silence(instrument, silent, lasting)
            if instrument == script.instrument() && *silent == stream =>
        {
            let from = begins.plus(micros(event.after));
            TimeRange::try_new(from, from.plus(micros(*lasting))).ok()
        }
        _ => None,
    });
    ranges.collect()
}

/// A bid at twice the price of the highest ask there is.
fn bid_above_all(script: &Script) -> Option<BookLevel> {
    let highest = script.book_at(script.diffs().first()?.what.last_update)?.asks(usize::MAX).pop()?;
    let price = Price::try_new("price", highest.price.get() * Decimal::TWO).ok()?;
    Some(BookLevel { price, size: Quantity::try_new("size", Decimal::ONE).ok()? })
}

/// One of several ways in which a message can be unreadable.
fn malformed(text: &str, place: usize) -> String {
    match place % 4 {
        0 => text[..text.len() / 2].to_owned(),
        1 => text.replacen("\"p\":\"", "\"p\":\"NaN", 1).replacen("\"b\":[", "\"b\":[[\"NaN\",\"1\"],", 1),
        2 => text.replace("\"E\":", "\"E\":-"),
        _ => format!("<html>{}</html>", text.len()),
    }
}

pub(crate) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
