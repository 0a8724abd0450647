//! Candle series against a list of versions.

use onetape_domain::candle::Ohlcv;
use onetape_domain::decimal::{Price, Quantity};
use onetape_domain::time::{SECOND, Timeframe};
use onetape_domain::trade::TradeKey;
use proptest::prelude::*;
use rust_decimal::Decimal;

use super::*;

const BEGIN: i64 = 1_723_161_600;

fn at(tenths: i64) -> Timestamp {
    Timestamp::from_micros(BEGIN * SECOND + tenths * SECOND / 10)
}

fn candle(second: i64, revision: u32, known_from: Timestamp) -> Candle {
    let open_time = at(second * 10);
    let price =
        Price::try_new("price", Decimal::from(100 + second * 7 + i64::from(revision))).expect("a price");
    let key = TradeKey { event_time: open_time, sequence: 1, index: 0 };
    let ohlcv = Ohlcv {
        open: price,
        high: price,
        low: price,
        close: price,
        volume: Quantity::ZERO,
        taker_buy_volume: None,
        trade_count: Some(1),
        first: key,
        last: key,
    };
    Candle::closed(Timeframe::S1, open_time, ohlcv, revision, known_from).expect("a candle")
}

/// Seconds in any order, each time the next version of its candle, stamps rising.
fn versions() -> impl Strategy<Value = Vec<Candle>> {
    prop::collection::vec((0..30_i64, 1..5_i64), 0..80).prop_map(|seconds| {
        let (mut stamp, mut revisions) = (0, [0_u32; 30]);
        let versions = seconds.into_iter().map(|(second, step)| {
            stamp += step;
            let revision = &mut revisions[usize::try_from(second).expect("small")];
            *revision += 1;
            candle(second, *revision, at(second * 10 + stamp))
        });
        let mut versions: Vec<_> = versions.collect();
        // Known in the order of their stamps, as from a tape.
        versions.sort_by_key(stamp_of);
        versions
    })
}

fn stamp_of(candle: &Candle) -> (Timestamp, u32) {
    (stamp(candle), candle.revision())
}

/// The versions seen, by open time.
fn seen(versions: &[Candle], lens: Lens) -> Vec<Candle> {
    let mut open_times: Vec<Timestamp> = versions.iter().map(Candle::open_time).collect();
    open_times.sort();
    open_times.dedup();
    let version = |open_time: Timestamp| {
        let of = versions.iter().filter(|candle| candle.open_time() == open_time);
        match lens {
            Lens::Recorded(as_of) => of.filter(|candle| stamp(candle) <= as_of).max_by_key(|c| c.revision()),
            Lens::Corrected(end) => {
                of.max_by_key(|candle| candle.revision()).filter(|candle| Some(candle.close_time()) <= end)
            }
        }
    };
    open_times.into_iter().filter_map(version).copied().collect()
}

proptest! {
    #[test]
    fn the_version_seen_is_the_one_known(
        versions in versions(),
        (as_of, corrected) in (-10..400_i64, any::<bool>()),
        (from, length, n) in (0..300_i64, 0..300_i64, 0..40_usize),
    ) {
        let mut series = CandleSeries::new(4);
        for version in &versions {
            let first = version.revision() == 1;
            prop_assert_eq!(series.put(*version), if first { Put::New } else { Put::Replaced });
            prop_assert_eq!(series.put(*version), Put::Ignored);
        }
        let lens = if corrected { Lens::Corrected(Some(at(as_of))) } else { Lens::Recorded(at(as_of)) };
        let expected = seen(&versions, lens);
        let tail = &expected[expected.len().saturating_sub(n)..];
        prop_assert_eq!(&series.last(lens, n)[..], tail);
        let closes: Vec<f64> = tail.iter().map(|candle| indicator_input(candle.ohlcv().close.get())).collect();
        prop_assert_eq!(series.last_closes(lens, n), closes);
        prop_assert_eq!(series.snapshot_last(lens, n).into_rows().collect::<Vec<_>>(), tail);
        prop_assert_eq!(series.latest(lens), expected.last());
        let (from, to) = (at(from), at(from + length));
        let mut inside = expected.clone();
        inside.retain(|candle| from <= candle.open_time() && candle.open_time() < to);
        prop_assert_eq!(&series.range(from, to, lens), &inside);
        prop_assert_eq!(series.snapshot(from, to, lens).into_rows().collect::<Vec<_>>(), inside);

        let replaced: usize = versions.len() - seen(&versions, Lens::Recorded(Timestamp::LATEST)).len();
        prop_assert_eq!(series.replaced_len(), replaced);
        prop_assert_eq!(series.versions_after(at(as_of)), versions.iter().filter(|c| stamp(c) > at(as_of)).count());
        // From the instant on, forgetting what was replaced by then changes nothing that is seen.
        series.forget_replaced(at(as_of));
        for later in [as_of, as_of + 7, as_of + 60] {
            let lens = Lens::Recorded(at(later));
            prop_assert_eq!(series.last(lens, 100), seen(&versions, lens));
        }
    }

    #[test]
    fn eviction_leaves_what_is_needed(versions in versions(), (floor, durable) in (0..400_i64, 0..400_i64)) {
        const CAPACITY: usize = 6;
        const NEEDED: usize = 3;
        let mut series = CandleSeries::new(4);
        versions.iter().for_each(|version| {
            series.put(*version);
        });
        let (floor, lens) = (at(floor), Lens::Recorded(at(floor)));
        let (before, all) = (series.last(lens, NEEDED), seen(&versions, Lens::Recorded(Timestamp::LATEST)));
        let surplus = series.surplus(CAPACITY, NEEDED, floor, at(durable));
        if let Some((evicted, last)) = series.evict(surplus) {
            prop_assert!(series.len() >= CAPACITY);
            prop_assert_eq!(series.last(lens, NEEDED), before);
            prop_assert_eq!(all[evicted - 1].open_time(), last);
            prop_assert!(all[..evicted].iter().all(|candle| stamp(candle) <= at(durable)));
            prop_assert_eq!(series.last(Lens::Recorded(Timestamp::LATEST), 100), &all[evicted..]);
        }
        prop_assert!(series.len() == 0 || all.len() >= series.len());
    }
}
