//! Properties of candles pushed by a caller without trades: coarser ones always sum up the base ones.

use std::collections::BTreeMap;

use onetape_domain::candle::{Candle, Ohlcv, roll_up};
use onetape_domain::message::{FeedMessage, Payload};
use onetape_domain::time::{SECOND, Timeframe, Timestamp};
use onetape_domain::validator::{DataValidator, RawCandle};
use onetape_domain::venue::VenueRules;
use onetape_testkit::Recording;
use onetape_testkit::dump::first_difference;
use onetape_testkit::generator::{Rng, faults};
use proptest::prelude::*;

use crate::candle_properties::query;
use crate::scenario::{MIDNIGHT, instrument, record, tries};

const RULES: VenueRules = VenueRules::PUSHED;

/// Candles of a base timeframe around midnight; some minutes have none.
fn candles(seed: u64, base: Timeframe, count: i64) -> Vec<Candle> {
    let mut rng = Rng::new(seed);
    let mut candles = Vec::new();
    for place in -count / 2..count / 2 {
        if !rng.per_mille(100) {
            let open_time = base.open_time(MIDNIGHT).plus(place * base.micros());
            candles.push(candle(&mut rng, base, open_time));
        }
    }
    candles
}

fn candle(rng: &mut Rng, base: Timeframe, open_time: Timestamp) -> Candle {
    let (low, high) = (rng.between(9_000, 9_500), rng.between(9_500, 9_999));
    let raw = RawCandle {
        open_time: open_time.micros(),
        open: rng.between(low, high).to_string(),
        high: high.to_string(),
        low: low.to_string(),
        close: rng.between(low, high).to_string(),
        volume: rng.between(0, 100).to_string(),
        trade_count: rng.next_u64() % 50,
    };
    DataValidator::validate_ohlcv(base, &raw).expect("a valid candle")
}

fn message(candle: &Candle) -> FeedMessage {
    FeedMessage {
        instrument: instrument(),
        connection: 0,
        sent_at: Some(candle.close_time()),
        received_at: candle.close_time().plus(36_000 * SECOND),
        payload: Payload::Candle(*candle),
    }
}

/// Closed and forming candles of a timeframe.
fn known(recording: &Recording, timeframe: Timeframe) -> BTreeMap<Timestamp, Ohlcv> {
    let parts = recording.reference().frame_parts(&query(Timestamp::LATEST));
    let forming = parts.forming().expect("sums that fit");
    let rows = parts.candles[timeframe.index()].iter().chain(&forming[timeframe.index()]);
    rows.map(|candle| (candle.open_time(), *candle.ohlcv())).collect()
}

fn base() -> impl Strategy<Value = Timeframe> {
    prop_oneof![Just(Timeframe::S1), Just(Timeframe::M1), Just(Timeframe::M15)]
}

proptest! {
    #![proptest_config(tries(24))]

    #[test]
    fn coarser_candles_sum_up_the_pushed_ones(
        seed in any::<u64>(), base in base(), window in 0..12_i64, revised in 0..200_u32,
    ) {
        let candles = candles(seed, base, 240);
        let mut rng = Rng::new(seed ^ 1);
        let mut messages = Vec::new();
        let mut last: BTreeMap<Timestamp, Ohlcv> = BTreeMap::new();
        for message in faults::shuffled(candles.iter().map(message).collect(), seed, window) {
            let Payload::Candle(first) = message.payload else { continue };
            last.insert(first.open_time(), *first.ohlcv());
            messages.push(message);
            if rng.per_mille(revised) {
                let other = candle(&mut rng, base, first.open_time());
                last.insert(other.open_time(), *other.ohlcv());
                messages.push(self::message(&other));
            }
        }
        let recording = record(RULES, &messages);
        for timeframe in Timeframe::ALL.into_iter().filter(|timeframe| *timeframe >= base) {
            let expected = roll_up(last.iter().map(|(time, ohlcv)| (*time, ohlcv)), timeframe).expect("sums that fit");
            prop_assert_eq!(known(&recording, timeframe), expected.into_iter().collect(), "{}", timeframe);
        }
    }

    #[test]
    fn pushing_again_and_restarting_change_nothing(
        seed in any::<u64>(), base in base(), window in 0..12_i64, at in 0..1_000_usize,
    ) {
        let candles = candles(seed, base, 150);
        let messages = faults::shuffled(candles.iter().map(message).collect(), seed, window);
        let straight = record(RULES, &messages);
        let mut recording = record(RULES, &messages[..messages.len() * at / 1_000]);
        recording.restart(false);
        messages.iter().chain(&messages).for_each(|message| drop(recording.process(message)));
        let dump = |recording: &Recording| recording.reference().dump();
        prop_assert_eq!(first_difference(&dump(&recording), &dump(&straight)), None);
    }
}
