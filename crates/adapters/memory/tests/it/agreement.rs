//! Cache, store and naive model give the same frame at every instant they answer for.

use std::collections::BTreeSet;

use onetape_domain::frame::FrameShape;
use onetape_domain::message::FeedMessage;
use onetape_domain::time::{SECOND, Timestamp};
use onetape_domain::venue::VenueRules;
use onetape_memory::CacheConfig;
use onetape_ports::{FrameQuery, Knowledge};
use onetape_testkit::generator::{Ids, Market, Rng, faults};
use proptest::prelude::*;

use super::live::{Live, TINY, instrument, query};

const MIDNIGHT: Timestamp = Timestamp::from_micros(1_723_161_600 * SECOND);

/// A tape with everything that goes wrong, decided by the seed.
fn tape(seed: u64, seconds: u32, trades_per_second: u32, ids: Ids) -> Vec<FeedMessage> {
    let mut rng = Rng::new(seed);
    let quiet = rng.between(0, i64::from(seconds)) as u32;
    let market = Market {
        start: MIDNIGHT.plus(-rng.between(0, i64::from(seconds)) * SECOND),
        seconds,
        trades_per_second,
        ids,
        levels: 5,
        diff_every_ms: if seconds > 100 { 500 } else { 100 },
        snapshot_every: rng.between(1, 10) as u32,
        heartbeat_every_ms: if rng.per_mille(300) { 700 } else { 0 },
        grouped: rng.per_mille(500),
        quiet: std::iter::once(quiet..quiet + rng.between(0, 40) as u32).collect(),
        ..Market::new(instrument(), seed)
    };
    let messages = faults::late_trades(market.messages(), seed, 40, rng.between(0, 15_000));
    let (messages, lost) = faults::drop_trades(messages, seed, 30);
    let messages = faults::drop_diffs(messages, seed, 10);
    let mut messages = faults::duplicated(messages, seed, 30, 40);
    let last = messages.last().map_or(MIDNIGHT, |message| message.received_at);
    // What was lost comes much later, as a repair does.
    messages.extend(lost.into_iter().map(|message| FeedMessage { received_at: last, ..message }));
    messages
}

/// The shapes a reader may ask for; the last ones reach further back than most caches do.
const SHAPES: [FrameShape; 4] = [
    FrameShape { candles: 10, context_window: 5 * SECOND, imbalances: 10 },
    FrameShape::DEFAULT,
    FrameShape { candles: 3, context_window: 0, imbalances: 0 },
    FrameShape { candles: 300, context_window: 3_600 * SECOND, imbalances: 200 },
];

/// Instants around some of the stamps so far, and far from all of them.
fn instants(live: &Live, rng: &mut Rng, count: usize) -> BTreeSet<Timestamp> {
    let mut instants = BTreeSet::from([MIDNIGHT.plus(-86_400 * SECOND), Timestamp::LATEST]);
    // A tape may be all silence.
    let count = if live.stamps.is_empty() { 0 } else { count };
    for _ in 0..count {
        let at = rng.between(0, live.stamps.len() as i64 - 1) as usize;
        let recent = live.stamps.len().saturating_sub(1 + at / 16);
        for stamp in [live.stamps[at], live.stamps[recent]] {
            instants.extend([stamp.plus(-1), stamp, stamp.plus(1)]);
        }
    }
    instants
}

/// Checks both kinds of query at some instants, and the store where the cache has no answer.
fn check_all(live: &Live, rng: &mut Rng, count: usize) {
    for as_of in instants(live, rng, count) {
        let shape = SHAPES[rng.between(0, 3) as usize];
        for knowledge in [Knowledge::AsRecorded, Knowledge::AsCorrected] {
            let query = FrameQuery { knowledge, ..query(as_of, shape) };
            let stored =
                knowledge == Knowledge::AsRecorded && live.flushed.is_some_and(|flushed| as_of <= flushed);
            if !live.check(&query) && stored {
                live.same("store", &query, &live.stored(&query), &live.reference.frame_parts(&query));
            }
        }
    }
}

fn run(seed: u64, seconds: u32, trades_per_second: u32, config: CacheConfig) {
    let mut rng = Rng::new(seed ^ 0x5eed);
    let (ids, rules) = match seed % 4 {
        0 => (Ids::Text, VenueRules::PUSHED),
        1 => (Ids::Missing, VenueRules::PUSHED),
        _ => (Ids::Contiguous, VenueRules::BINANCE_SPOT),
    };
    let messages = tape(seed, seconds, trades_per_second, ids);
    let mut live = Live::new(rules, config);
    let part = (messages.len() / 12).max(1);
    let mut started_short = false;
    for (place, message) in messages.iter().enumerate() {
        live.process(message);
        if rng.per_mille(20) {
            live.flush();
        }
        if place % part == part - 1 && !live.stamps.is_empty() {
            check_all(&live, &mut rng, 2);
            let newest = live.check(&query(Timestamp::LATEST, SHAPES[0]));
            assert!(newest || started_short, "the cache answers for its clock");
            match rng.between(0, 9) {
                0 => {
                    started_short = false;
                    live.restart(config, 600, 0);
                }
                1 => {
                    // A revision of a candle it did not load takes it the closes before.
                    started_short = true;
                    live.restart(config, 60, 10 * SECOND);
                }
                2 => live.end_of_feed(),
                _ => {}
            }
        }
    }
    live.end_of_feed();
    live.flush();
    check_all(&live, &mut rng, 8);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_small_tape_reads_the_same_everywhere(seed in 0_u64..1_000_000, seconds in 3_u32..40, tiny in any::<bool>()) {
        run(seed, seconds, 12, if tiny { TINY } else { CacheConfig::DEFAULT });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_tape_longer_than_the_rings_reads_the_same_everywhere(seed in 0_u64..1_000_000) {
        run(seed, 1_500, 2, TINY);
    }
}
