//! Properties of candles and trades: whatever the order of arrival, what is known is what the trades say.

use std::collections::{BTreeMap, BTreeSet};

use onetape_domain::candle::{Ohlcv, roll_up};
use onetape_domain::change::Changes;
use onetape_domain::engine::InstrumentEngine;
use onetape_domain::frame::FrameShape;
use onetape_domain::time::{Timeframe, Timestamp};
use onetape_domain::venue::VenueRules;
use onetape_ports::{FrameQuery, Knowledge};
use onetape_testkit::Recording;
use onetape_testkit::generator::faults;
use proptest::prelude::*;

use crate::scenario::{Scenario, any_feed, calm_feed, instrument, is_trades, record, tries};
use crate::truth::{Bar, bar_of, bars};

const RULES: VenueRules = VenueRules::BINANCE_SPOT;

pub(crate) fn query(as_of: Timestamp) -> FrameQuery {
    let shape = FrameShape { candles: 600, ..FrameShape::DEFAULT };
    FrameQuery { instrument: instrument(), as_of, shape, knowledge: Knowledge::AsRecorded }
}

/// Closed and forming candles together.
fn known(recording: &Recording, as_of: Timestamp) -> [BTreeMap<Timestamp, Bar>; 6] {
    let parts = recording.reference().frame_parts(&query(as_of));
    let forming = parts.forming().expect("sums that fit");
    Timeframe::ALL.map(|timeframe| {
        let rows = parts.candles[timeframe.index()].iter().chain(&forming[timeframe.index()]);
        let mut known = BTreeMap::new();
        for candle in rows {
            let twice = known.insert(candle.open_time(), bar_of(candle.ohlcv()));
            assert!(twice.is_none(), "{timeframe} {} is both closed and forming", candle.open_time());
        }
        known
    })
}

fn instants(recording: &Recording) -> Vec<Timestamp> {
    let stamps = recording.stamps();
    let step = (stamps.len() / 12).max(1);
    stamps.iter().step_by(step).chain(stamps.last()).flat_map(|stamp| [stamp.plus(-1), *stamp]).collect()
}

proptest! {
    #![proptest_config(tries(24))]

    #[test]
    fn what_is_known_at_an_instant_is_what_the_trades_known_then_say(feed in any_feed()) {
        let recording = feed.record(RULES);
        for as_of in instants(&recording) {
            let trades = recording.reference().trades(as_of);
            for (timeframe, known) in Timeframe::ALL.into_iter().zip(known(&recording, as_of)) {
                prop_assert_eq!(known, bars(&trades, timeframe), "{} as of {}", timeframe, as_of);
            }
        }
    }

    #[test]
    fn every_version_is_sound_and_follows_the_one_before(feed in any_feed()) {
        let recording = feed.record(RULES);
        let mut versions = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for change in &recording.reference().changes().candles {
            let Ohlcv { open, high, low, close, .. } = change.candle.ohlcv();
            prop_assert!(high >= open && high >= close && low <= open && low <= close);
            let key = (change.candle.timeframe(), change.candle.open_time());
            let before = versions.insert(key, change.candle);
            prop_assert_eq!(change.replaces, before);
            prop_assert_eq!(change.candle.revision(), before.map_or(1, |before| before.revision() + 1));
            prop_assert!(seen.insert((key, change.candle.known_from())), "two versions of {:?} with one stamp", key);
            prop_assert!(before.is_none_or(|before| before.known_from() < change.candle.known_from()));
            prop_assert!(change.candle.known_from().unwrap() >= change.candle.close_time());
        }
    }

    #[test]
    fn rows_carry_the_stamp_of_their_message_and_stamps_rise(feed in any_feed()) {
        let mut engine = InstrumentEngine::new(instrument(), RULES);
        let mut last = None;
        for message in feed.feed().0 {
            let mut changes = Changes::default();
            let step = engine.process(&message, &mut changes);
            let stamp = engine.issued();
            if changes.is_empty() {
                prop_assert!(stamp >= last);
            } else {
                prop_assert_eq!(step.outcome, onetape_domain::engine::Outcome::Stamped(stamp.unwrap()));
                prop_assert!(stamp > last);
            }
            let mut stamps: Vec<_> = changes.trades.iter().map(|row| Some(row.available_at)).collect();
            stamps.extend(changes.candles.iter().map(|row| row.candle.known_from()));
            stamps.extend(changes.books.iter().map(|row| Some(row.available_at())));
            stamps.extend(changes.imbalances.iter().map(|row| Some(row.available_at)));
            stamps.extend(changes.coverage.iter().map(|row| Some(row.available_at)));
            prop_assert!(stamps.iter().all(|row| *row == stamp), "{:?} is not {:?}", stamps, stamp);
            last = stamp;
        }
    }

    #[test]
    fn the_order_of_arrival_does_not_change_the_final_candles(feed in calm_feed(), window in 1..200_i64, late in 0..600_u32) {
        let trades: Vec<_> = feed.market().messages().into_iter().filter(is_trades).collect();
        prop_assume!(!trades.is_empty());
        let straight = record(RULES, &trades);
        let mixed = faults::shuffled(faults::late_trades(trades, feed.seed ^ 9, late, 90_000), feed.seed ^ 8, window);
        let mixed = record(RULES, &mixed);
        prop_assert_eq!(known(&straight, Timestamp::LATEST), known(&mixed, Timestamp::LATEST));
    }

    #[test]
    fn lateness_does_not_change_the_final_candles(feed in any_feed()) {
        let (messages, _) = feed.feed();
        let strict = record(RULES.with_lateness(0), &messages);
        let patient = record(RULES, &messages);
        prop_assert_eq!(known(&strict, Timestamp::LATEST), known(&patient, Timestamp::LATEST));
    }

    #[test]
    fn rolling_up_through_any_timeframe_gives_the_same(feed in any_feed()) {
        let trades = feed.record(RULES).reference().trades(Timestamp::LATEST);
        let each: Vec<(Timestamp, Ohlcv)> = trades.iter().map(|trade| (trade.key.event_time, Ohlcv::of_trade(trade))).collect();
        let roll = |rows: &[(Timestamp, Ohlcv)], timeframe| {
            roll_up(rows.iter().map(|(time, ohlcv)| (*time, ohlcv)), timeframe).unwrap()
        };
        let mut chained = each.clone();
        for timeframe in Timeframe::ALL {
            chained = roll(&chained, timeframe);
            chained.reverse();
            let direct = roll(&each, timeframe);
            prop_assert_eq!(direct.iter().rev().copied().collect::<Vec<_>>(), chained.clone());
            let bars: Vec<Bar> = bars(&trades, timeframe).into_values().collect();
            prop_assert_eq!(direct.iter().map(|row| bar_of(&row.1)).collect::<Vec<_>>(), bars);
        }
    }

    #[test]
    fn trades_without_contiguous_ids_are_told_from_repeats(feed in any_feed(), kind in 0..2_usize) {
        use onetape_testkit::generator::Ids;
        let ids = [Ids::Text, Ids::Sequenced][kind];
        let market = onetape_testkit::generator::Market { ids, ..feed.market() };
        let plain = record(VenueRules::PUSHED, &market.messages());
        let repeated = faults::duplicated(market.messages(), feed.seed, 200, 40);
        let repeated = record(VenueRules::PUSHED, &repeated);
        prop_assert_eq!(plain.reference().dump(), repeated.reference().dump());
        let ids: BTreeSet<_> = plain.reference().changes().trades.iter().map(|trade| trade.trade_id.clone()).collect();
        prop_assert_eq!(ids.len(), plain.reference().changes().trades.len());
    }
}

/// Candles far older than those at hand are loaded from the store and revised.
#[test]
fn a_trade_older_than_the_candles_at_hand_revises_what_is_loaded() {
    let feed = Scenario {
        seed: 5,
        seconds: 700,
        late_per_mille: 2,
        lost_trades_per_mille: 5,
        lost_diffs_per_mille: 0,
        crossed_per_mille: 0,
        void_per_mille: 0,
        repeated_per_mille: 0,
        shuffle: 0,
        quiet: 0,
        reconnect: false,
        grouped: false,
        receive_offset: 3_000,
        heartbeats: false,
        diff_every_ms: 5_000,
    };
    let (messages, lost) = feed.feed();
    let mut recording = record(RULES, &messages);
    lost.iter().for_each(|message| drop(recording.process(message)));
    let trades = recording.reference().trades(Timestamp::LATEST);
    let closed: BTreeMap<_, _> = recording
        .reference()
        .candles(Timeframe::S1, Timestamp::LATEST, Knowledge::AsRecorded)
        .into_iter()
        .map(|candle| (candle.open_time(), bar_of(candle.ohlcv())))
        .collect();
    assert!(closed.len() > onetape_domain::engine::candles::KEPT);
    for (open_time, bar) in bars(&trades, Timeframe::S1) {
        if let Some(closed) = closed.get(&open_time) {
            assert_eq!(*closed, bar, "{open_time}");
        }
    }
}
