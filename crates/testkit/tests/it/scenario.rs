//! Random feeds for the properties: a simulated market and what went wrong with it.

use onetape_domain::instrument::Instrument;
use onetape_domain::message::{FeedMessage, FullBook, Payload};
use onetape_domain::time::{SECOND, Timestamp};
use onetape_domain::venue::VenueRules;
use onetape_testkit::Recording;
use onetape_testkit::generator::{Market, faults};
use proptest::prelude::*;

use crate::truth::TrueBook;

/// 2024-08-09T00:00:00Z.
pub(crate) const MIDNIGHT: Timestamp = Timestamp::from_micros(1_723_161_600 * SECOND);

/// What a random feed is made of. Every knob shrinks towards a calm market.
#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    pub(crate) seed: u64,
    pub(crate) seconds: u32,
    pub(crate) late_per_mille: u32,
    pub(crate) lost_trades_per_mille: u32,
    pub(crate) lost_diffs_per_mille: u32,
    pub(crate) crossed_per_mille: u32,
    pub(crate) void_per_mille: u32,
    pub(crate) repeated_per_mille: u32,
    pub(crate) shuffle: i64,
    pub(crate) quiet: u32,
    pub(crate) reconnect: bool,
    pub(crate) grouped: bool,
    pub(crate) receive_offset: i64,
    pub(crate) heartbeats: bool,
    pub(crate) diff_every_ms: u32,
}

impl Scenario {
    pub(crate) fn market(&self) -> Market {
        let half = self.seconds / 2;
        Market {
            seconds: self.seconds + self.quiet,
            start: MIDNIGHT.plus(-i64::from(half) * SECOND),
            quiet: Vec::from_iter(std::iter::once(half..half + self.quiet)),
            snapshot_every: 3,
            grouped: self.grouped,
            receive_offset: self.receive_offset,
            heartbeat_every_ms: if self.heartbeats { 900 } else { 0 },
            diff_every_ms: self.diff_every_ms,
            ..Market::new(instrument(), self.seed)
        }
    }

    /// The feed, and the trade messages that were lost on the way.
    pub(crate) fn feed(&self) -> (Vec<FeedMessage>, Vec<FeedMessage>) {
        let seed = self.seed;
        let messages = faults::late_trades(self.market().messages(), seed ^ 1, self.late_per_mille, 4_000);
        let (messages, lost) = faults::drop_trades(messages, seed ^ 2, self.lost_trades_per_mille);
        let messages = faults::drop_diffs(messages, seed ^ 3, self.lost_diffs_per_mille);
        let messages = faults::voided(messages, seed ^ 7, self.void_per_mille);
        let messages = faults::crossed(messages, seed ^ 6, self.crossed_per_mille);
        let messages = faults::duplicated(messages, seed ^ 4, self.repeated_per_mille, 30);
        let messages = faults::shuffled(messages, seed ^ 5, self.shuffle);
        if !self.reconnect || messages.is_empty() {
            return (messages, lost);
        }
        let at = messages[messages.len() / 3].received_at;
        (faults::reconnected(messages, at, 1), lost)
    }

    pub(crate) fn record(&self, rules: VenueRules) -> Recording {
        record(rules, &self.feed().0)
    }
}

pub(crate) fn instrument() -> Instrument {
    Instrument::try_new("binance", "ETH/USDT").expect("a valid instrument")
}

pub(crate) fn record(rules: VenueRules, messages: &[FeedMessage]) -> Recording {
    let mut recording = Recording::new(instrument(), rules);
    messages.iter().for_each(|message| drop(recording.process(message)));
    recording
}

/// Feeds where anything may go wrong.
pub(crate) fn any_feed() -> impl Strategy<Value = Scenario> {
    let market = (any::<u64>(), 4..14_u32, prop_oneof![3 => Just(0_u32), 1 => 20..50_u32], any::<bool>());
    let shuffle = prop_oneof![Just(0), 0..12_i64];
    let crossed = (per_mille(20), prop_oneof![3 => Just(0_u32), 1 => 0..900_u32]);
    let losses = (per_mille(100), per_mille(60), per_mille(30), crossed, per_mille(100), shuffle);
    let feed = (
        any::<bool>(),
        any::<bool>(),
        prop_oneof![Just(3_000), Just(-1_270_000), Just(9_000_000)],
        60..700_u32,
    );
    (market, losses, feed).prop_map(|(market, losses, feed)| {
        let (seed, seconds, quiet, grouped) = market;
        let (
            late_per_mille,
            lost_trades_per_mille,
            lost_diffs_per_mille,
            (crossed_per_mille, void_per_mille),
            repeated_per_mille,
            shuffle,
        ) = losses;
        let (reconnect, heartbeats, receive_offset, diff_every_ms) = feed;
        Scenario {
            seed,
            seconds,
            late_per_mille,
            lost_trades_per_mille,
            lost_diffs_per_mille,
            crossed_per_mille,
            void_per_mille,
            repeated_per_mille,
            shuffle,
            quiet,
            reconnect,
            grouped,
            receive_offset,
            heartbeats,
            diff_every_ms,
        }
    })
}

/// Feeds in which nothing is lost, repeated or out of order.
pub(crate) fn calm_feed() -> impl Strategy<Value = Scenario> {
    any_feed().prop_map(|feed| Scenario {
        late_per_mille: 0,
        lost_trades_per_mille: 0,
        lost_diffs_per_mille: 0,
        crossed_per_mille: 0,
        void_per_mille: 0,
        repeated_per_mille: 0,
        shuffle: 0,
        quiet: 0,
        reconnect: false,
        ..feed
    })
}

fn per_mille(most: u32) -> impl Strategy<Value = u32> {
    prop_oneof![Just(0), 1..most]
}

/// The feed of a venue that sends whole books instead of diffs.
pub(crate) fn with_whole_books(messages: Vec<FeedMessage>) -> Vec<FeedMessage> {
    let mut book = TrueBook::default();
    let mut whole = Vec::new();
    let first = messages.iter().find_map(|message| match &message.payload {
        Payload::BookSnapshot(snapshot) => Some(snapshot.clone()),
        _ => None,
    });
    let Some(first) = first else { return messages };
    book.apply(&first.bids, &first.asks);
    for message in messages {
        let payload = match &message.payload {
            Payload::BookSnapshot(_) => continue,
            Payload::BookDiff(diff) if diff.last_update <= first.last_update => continue,
            Payload::BookDiff(diff) => {
                book.apply(&diff.bids, &diff.asks);
                let (bids, asks) = book.top(usize::MAX);
                Payload::BookState(FullBook { last_update: diff.last_update, bids, asks })
            }
            other => other.clone(),
        };
        whole.push(FeedMessage { payload, ..message });
    }
    whole
}

/// Trade messages only.
pub(crate) fn is_trades(message: &FeedMessage) -> bool {
    matches!(message.payload, Payload::Trades(_))
}

/// How many cases a property tries; `PROPTEST_CASES` makes it more.
pub(crate) fn tries(cases: u32) -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok());
    ProptestConfig { cases: asked.unwrap_or(cases), max_shrink_iters: 400, ..ProptestConfig::default() }
}
