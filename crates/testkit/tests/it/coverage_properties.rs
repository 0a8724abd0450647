//! Properties of coverage: a hole never looks like data, and what comes later fills it.

use std::collections::BTreeSet;

use onetape_domain::coverage::{CoverageState, Intervals, Stream};
use onetape_domain::message::{FeedMessage, Payload};
use onetape_domain::time::{SECOND, Timestamp};
use onetape_domain::trade::{TradeEvent, TradeId};
use onetape_domain::venue::VenueRules;
use onetape_testkit::Recording;
use onetape_testkit::generator::faults;
use proptest::prelude::*;

use crate::scenario::{Scenario, any_feed, calm_feed, record, tries};

const RULES: VenueRules = VenueRules::BINANCE_SPOT;

fn covered(recording: &Recording, stream: Stream) -> Intervals {
    let log = &recording.reference().changes().coverage;
    Intervals::of_rows(log.iter().filter(|row| row.stream == stream))
}

fn events(messages: &[FeedMessage]) -> Vec<&TradeEvent> {
    let events = messages.iter().filter_map(|message| match &message.payload {
        Payload::Trades(events) => Some(events),
        _ => None,
    });
    events.flatten().collect()
}

/// Ids in the order of their arrival, those without a trade included.
fn arrivals(messages: &[FeedMessage]) -> Vec<i64> {
    let ids = messages.iter().flat_map(|message| match &message.payload {
        Payload::Trades(events) => events.iter().map(numeric).collect(),
        Payload::VoidTrade { id, .. } => vec![*id],
        _ => Vec::new(),
    });
    ids.collect()
}

fn numeric(event: &TradeEvent) -> i64 {
    match event.id() {
        TradeId::Numeric(id) => *id,
        other => panic!("{other:?} in a market of contiguous ids"),
    }
}

fn ids(messages: &[FeedMessage]) -> BTreeSet<i64> {
    arrivals(messages).into_iter().collect()
}

fn is_covered(covered: &Intervals, time: Timestamp) -> bool {
    covered.covers(time, time.plus(1))
}

proptest! {
    #![proptest_config(tries(32))]

    #[test]
    fn the_time_of_a_missing_trade_is_never_covered(feed in any_feed()) {
        let (messages, lost) = feed.feed();
        let recording = record(RULES, &messages);
        let covered = covered(&recording, Stream::Trades);
        let (arrived, lost_ids) = (ids(&messages), ids(&lost));
        let (Some(first), Some(last)) = (arrivals(&messages).first().copied(), arrived.last()) else {
            return Ok(());
        };
        for event in events(&lost) {
            let TradeId::Numeric(id) = event.id() else { continue };
            // Those before the one that came first and after the last one are not known to be missing.
            if lost_ids.contains(id) && !arrived.contains(id) && *id > first && id < last {
                prop_assert!(!is_covered(&covered, event.event_time()), "trade {} of {} is missing but covered: {:?}", id, event.event_time(), covered);
            }
        }
    }

    #[test]
    fn missing_trades_that_arrive_later_fill_every_hole(feed in any_feed()) {
        let feed = Scenario { lost_trades_per_mille: feed.lost_trades_per_mille.max(30), ..feed };
        let (messages, lost) = feed.feed();
        let arrived = ids(&messages);
        let (Some(first), Some(last)) = (arrived.first().copied(), arrived.last().copied()) else { return Ok(()) };
        let inner = lost.into_iter().filter(|message| ids(std::slice::from_ref(message)).iter().all(|id| *id > first && *id < last));
        let inner: Vec<_> = inner.collect();
        let mut recording = record(RULES, &messages);
        inner.iter().for_each(|message| drop(recording.process(message)));
        // What was filled beyond the last second written stands alone until that second is.
        let mut covered = covered(&recording, Stream::Trades);
        if let Some(mark) = recording.engine().watermark(Stream::Trades) {
            covered.remove(mark.floor_second(), Timestamp::LATEST);
        }
        // Trades from before the first message prove nothing but themselves.
        let log = recording.reference().changes().coverage.iter();
        if let Some(begin) = log.filter(|row| row.stream == Stream::Trades && row.state == CoverageState::Alive).map(|row| row.begin).min() {
            covered.remove(Timestamp::EARLIEST, begin);
        }
        prop_assert!(covered.ranges().len() <= 1, "holes are left: {:?}", covered);
    }

    #[test]
    fn a_calm_stream_is_covered_from_its_begin_to_the_watermarks_second(feed in calm_feed()) {
        let recording = feed.record(RULES);
        for stream in Stream::ALL {
            let mark = recording.engine().watermark(stream).map(Timestamp::floor_second);
            let covered = covered(&recording, stream);
            prop_assert!(covered.ranges().len() <= 1, "{}: {:?}", stream, covered);
            if let Some((begin, end)) = covered.ranges().first() {
                prop_assert_eq!(Some(*end), mark);
                prop_assert!(*begin >= feed.market().start);
            }
        }
        let rows = &recording.reference().changes().coverage;
        prop_assert!(rows.iter().all(|row| row.state == CoverageState::Alive), "{:?}", rows);
    }

    #[test]
    fn a_quiet_market_is_covered_again_once_both_streams_prove_it(feed in any_feed(), quiet in 20..60_u32) {
        let feed = Scenario { quiet, lost_trades_per_mille: 0, lost_diffs_per_mille: 0, crossed_per_mille: 0, shuffle: 0, late_per_mille: 0, reconnect: false, ..feed };
        let (messages, _) = feed.feed();
        let recording = record(RULES, &messages);
        for stream in Stream::ALL {
            let covered = covered(&recording, stream);
            prop_assert!(covered.ranges().len() <= 1, "{} of a market quiet for {} s: {:?}", stream, quiet, covered);
        }
        let mut sent: Vec<Timestamp> = messages.iter().filter_map(|message| message.sent_at).collect();
        sent.sort_unstable();
        let silent = sent.windows(2).any(|pair| pair[1].since(pair[0]) > RULES.silence_limit);
        let filled = recording.reference().changes().coverage.iter().any(|row| row.state == CoverageState::Filled);
        prop_assert_eq!(filled, silent);
    }

    #[test]
    fn another_connection_after_a_silence_proves_no_more_than_the_same_one(
        feed in calm_feed(),
        // Near the limit it matters which stream's first message comes before it.
        quiet in prop_oneof![0..28_u32, 33..60_u32],
        trades_only in any::<bool>(),
    ) {
        let feed = Scenario { quiet, diff_every_ms: feed.diff_every_ms.min(300), ..feed };
        let market = feed.market();
        let messages = market.messages();
        let back = market.start.plus(i64::from(feed.seconds / 2 + quiet) * SECOND + feed.receive_offset);
        let mut other = faults::reconnected(messages.clone(), back, 1);
        if trades_only {
            other.retain(crate::scenario::is_trades);
        }
        let same = record(RULES, &other.iter().map(|message| FeedMessage { connection: 0, ..message.clone() }).collect::<Vec<_>>());
        let other = record(RULES, &other);
        let seconds = |recording: &Recording| recording.reference().changes().books.iter().map(|book| (book.second(), book.flags().covered)).collect::<BTreeSet<_>>();
        prop_assert_eq!(seconds(&same), seconds(&other));
        for stream in Stream::ALL {
            let rows = |recording: &Recording| {
                let log = recording.reference().changes().coverage.iter();
                log.filter(|row| row.stream == stream && row.state != CoverageState::Alive).map(|row| (row.begin, row.end, row.state)).collect::<Vec<_>>()
            };
            prop_assert_eq!(rows(&same), rows(&other));
            prop_assert_eq!(covered(&same, stream), covered(&other, stream));
        }
    }

    #[test]
    fn an_outage_leaves_a_hole_in_both_streams(feed in calm_feed(), seconds in 1..50_u32) {
        let feed = Scenario { seconds: 16, quiet: 0, diff_every_ms: feed.diff_every_ms.min(300), ..feed };
        let market = onetape_testkit::generator::Market { seconds: feed.seconds + seconds, trades_per_second: 20, ..feed.market() };
        let messages = market.messages();
        let at = |second: u32| market.start.plus(i64::from(second) * SECOND + feed.receive_offset);
        let (from, to) = (at(6), at(6 + seconds));
        let messages = faults::outage(messages, from, to);
        let recording = record(RULES, &messages);
        let middle = market.start.plus(i64::from(6 + seconds / 2) * SECOND + SECOND / 2);
        for stream in Stream::ALL {
            let covered = covered(&recording, stream);
            prop_assert!(!is_covered(&covered, middle), "{} covers {}: {:?}", stream, middle, covered);
            prop_assert!(is_covered(&covered, market.start.plus(4 * SECOND)), "{}: {:?}", stream, covered);
        }
    }

    #[test]
    fn the_log_only_grows_alive_to_the_watermarks_second(feed in any_feed()) {
        let recording = feed.record(RULES);
        for row in &recording.reference().changes().coverage {
            prop_assert!(row.begin < row.end);
            if row.state == CoverageState::Alive {
                prop_assert!(row.end <= row.available_at, "{:?} speaks of what was not there yet", row);
            }
        }
    }
}
