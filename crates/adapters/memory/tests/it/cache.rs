//! The cache on its own: what it keeps, what it lets go, and when it has no answer.

use onetape_domain::change::Changes;
use onetape_domain::frame::FrameShape;
use onetape_domain::message::FeedMessage;
use onetape_domain::time::{SECOND, TimeRange, Timeframe, Timestamp};
use onetape_domain::venue::VenueRules;
use onetape_memory::{CacheConfig, MemoryCache};
use onetape_ports::{CacheStatistics, CandleQuery, CandleStore, HotCache, Knowledge, Selection};
use onetape_testkit::generator::{Market, faults};

use super::live::{Live, TINY, instrument, now, query};

const SHAPE: FrameShape = FrameShape { candles: 60, context_window: 10 * SECOND, imbalances: 60 };

fn market(seconds: u32) -> Vec<FeedMessage> {
    let market = Market { seconds, levels: 3, diff_every_ms: 500, ..Market::new(instrument(), 3) };
    faults::late_trades(market.messages(), 3, 30, 8_000)
}

fn live(config: CacheConfig, messages: &[FeedMessage]) -> Live {
    let mut live = Live::new(VenueRules::BINANCE_SPOT, config);
    messages.iter().for_each(|message| live.process(message));
    live
}

#[test]
fn an_instrument_it_never_heard_of_is_a_miss() {
    let cache = MemoryCache::default();
    assert_eq!(cache.issued(&instrument()), None);
    assert_eq!(cache.frame_parts(&query(Timestamp::LATEST, SHAPE)), None);
    assert_eq!(cache.statistics(), CacheStatistics { misses: 1, ..CacheStatistics::default() });
    assert_eq!(cache.to_string(), "memory cache");
}

#[test]
fn an_instrument_that_began_empty_answers_for_every_instant() {
    let live = live(CacheConfig::DEFAULT, &market(20));
    let first = live.stamps[0];
    for as_of in [first.plus(-86_400 * SECOND), first.plus(-1), first, live.stamps[40], Timestamp::LATEST] {
        assert!(live.check(&query(as_of, SHAPE)), "an answer at {as_of}");
    }
    let statistics = live.cache.statistics();
    assert_eq!((statistics.hits, statistics.misses, statistics.evictions), (5, 0, 0));
}

#[test]
fn the_effective_instant_is_the_clock_at_most() {
    let live = live(CacheConfig::DEFAULT, &market(5));
    let issued = *live.stamps.last().expect("stamps");
    assert_eq!(live.cache.issued(&instrument()), Some(issued));
    for (asked, effective) in
        [(Timestamp::LATEST, issued), (issued.plus(1), issued), (issued.plus(-1), issued.plus(-1))]
    {
        let answer = live.cache.frame_parts(&query(asked, SHAPE));
        assert_eq!(answer.map(|answer| answer.0), Some(effective));
    }
}

#[test]
fn nothing_is_evicted_before_it_is_durable() {
    let messages = market(700);
    let mut live = live(TINY, &messages);
    assert_eq!(live.cache.statistics().evictions, 0);
    let all = live.cache.statistics().rows;
    assert_eq!(live.cache.undurable_rows(&instrument()) as u64 + 2, all, "all but two folded ranges");

    // A third is confirmed: of the rest every row stays, and everything since is still answered for.
    let durable = live.stamps[live.stamps.len() / 3];
    let rows = &live.reference;
    let later = rows.trades(Timestamp::LATEST).iter().filter(|trade| trade.available_at > durable).count()
        + rows.changes().candles.iter().filter(|change| change.candle.known_from() > Some(durable)).count()
        + rows.books(Timestamp::LATEST, true).iter().filter(|book| book.available_at() > durable).count()
        + rows.imbalances(Timestamp::LATEST).iter().filter(|row| row.available_at > durable).count()
        + rows.coverage(Timestamp::LATEST).iter().filter(|row| row.available_at > durable).count();
    live.cache.durable(&instrument(), durable);
    assert!(live.cache.statistics().evictions > 0, "what was confirmed went");
    assert_eq!(live.cache.undurable_rows(&instrument()), later);
    for at in (live.stamps.len() / 3..live.stamps.len()).step_by(211) {
        assert!(live.check(&query(live.stamps[at], SHAPE)), "an answer at {}", live.stamps[at]);
    }

    // All of it is: only the tail stays.
    live.flush();
    let statistics = live.cache.statistics();
    assert_eq!(live.cache.undurable_rows(&instrument()), 0);
    assert!(statistics.rows < all / 3, "{} of {all} rows", statistics.rows);
    assert!(live.check(&query(Timestamp::LATEST, SHAPE)));
    assert!(!live.check(&query(durable, SHAPE)), "too far back now");
}

#[test]
fn a_confirmation_ahead_of_the_clock_counts_up_to_the_clock() {
    let live = live(TINY, &market(60));
    live.cache.durable(&instrument(), Timestamp::LATEST);
    assert!(live.check(&query(Timestamp::LATEST, SHAPE)));
    live.cache.durable(&"binance:BTC/USDT".parse().expect("an instrument"), Timestamp::LATEST);
    assert_eq!(live.cache.statistics().misses, 0);
}

#[test]
fn memory_stays_bounded_however_long_it_runs() {
    let messages = market(1_600);
    let mut live = Live::new(VenueRules::BINANCE_SPOT, TINY);
    let (mut early, mut late) = (0, 0);
    for (place, message) in messages.iter().enumerate() {
        live.process(message);
        if place % 50 == 0 {
            live.flush();
            let seen = if place < messages.len() / 2 { &mut early } else { &mut late };
            *seen = live.cache.statistics().bytes.max(*seen);
        }
    }
    assert!(late < early + early / 5, "{early} bytes at most in the first half, {late} in the second");
    assert!(live.check(&query(Timestamp::LATEST, SHAPE)));
}

#[test]
fn trades_beyond_their_number_shrink_the_window_and_nothing_else() {
    let config = CacheConfig { trades: 300, ..CacheConfig::DEFAULT };
    let mut live = live(config, &market(120));
    live.flush();
    let held = live.reference.trades(Timestamp::LATEST).len();
    assert!(held > 900, "{held} trades");
    assert!(live.cache.statistics().evictions > 0);
    let (oldest, newest) = (live.stamps[live.stamps.len() / 3], live.stamps[live.stamps.len() - 50]);
    assert!(!live.check(&query(oldest, SHAPE)));
    assert!(live.check(&query(newest, SHAPE)));
    assert!(live.check(&query(Timestamp::LATEST, FrameShape::DEFAULT)), "all candles are there");
}

#[test]
fn too_many_trades_of_unfinished_candles_leave_the_frame_to_the_store() {
    let config = CacheConfig { trades: 100, open_trades: 300, ..CacheConfig::DEFAULT };
    let mut live = Live::new(VenueRules::BINANCE_SPOT, config);
    // Without the venue's time on any message there is no watermark, and nothing ever closes.
    for message in market(120) {
        live.process(&FeedMessage { sent_at: None, ..message });
    }
    assert!(live.check(&query(Timestamp::LATEST, SHAPE)), "all of it is there until it is durable");
    live.flush();
    assert!(!live.check(&query(Timestamp::LATEST, SHAPE)), "an answer would lack trades");
    assert!(live.cache.statistics().evictions > 500);
}

#[test]
fn what_was_not_loaded_is_a_miss() {
    let mut live = live(CacheConfig::DEFAULT, &market(200));
    live.restart(CacheConfig::DEFAULT, 60, 20 * SECOND);
    let issued = *live.stamps.last().expect("stamps");
    let shape = |candles, context_window, imbalances| FrameShape { candles, context_window, imbalances };
    for (shape, answered) in [
        (shape(60, 0, 60), true),
        (shape(60, 20 * SECOND, 0), true),
        (shape(61, 0, 60), false),
        (shape(60, 150 * SECOND, 60), false),
        (shape(60, 0, 61), false),
    ] {
        assert_eq!(live.check(&query(issued, shape)), answered, "{shape:?}");
    }
    assert!(!live.check(&query(issued.plus(-1), shape(60, 0, 60))), "older versions were not loaded");

    // A context window that reaches further back brings candles too.
    live.restart(CacheConfig::DEFAULT, 60, 150 * SECOND);
    assert!(live.check(&query(issued, shape(120, 140 * SECOND, 60))));
    assert!(!live.check(&query(issued, shape(190, 0, 60))));
}

#[test]
fn after_a_restart_it_goes_on_and_grows_back() {
    let messages = market(800);
    let (before, after) = messages.split_at(messages.len() / 2);
    let mut live = live(CacheConfig::DEFAULT, before);
    live.restart(CacheConfig::DEFAULT, 60, 0);
    let started = *live.stamps.last().expect("stamps");
    after.iter().for_each(|message| live.process(message));
    for at in (live.stamps.len() - 900..live.stamps.len()).step_by(101) {
        assert!(live.check(&query(live.stamps[at], FrameShape::DEFAULT)), "an answer at {}", live.stamps[at]);
    }
    assert!(live.check(&query(started, FrameShape { context_window: 0, ..SHAPE })));
    assert!(!live.check(&query(started.plus(-1), FrameShape { context_window: 0, ..SHAPE })));
}

#[test]
fn starting_with_few_rows_is_starting_with_all() {
    let mut live = live(CacheConfig::DEFAULT, &market(30));
    live.restart(CacheConfig::DEFAULT, 60, 0);
    let shape = FrameShape { candles: 500, context_window: 3_600 * SECOND, imbalances: 500 };
    assert!(live.check(&query(Timestamp::LATEST, shape)));
}

#[test]
fn the_same_changes_again_change_nothing() {
    let messages = market(30);
    let mut live = live(CacheConfig::DEFAULT, &messages);
    let (rows, issued) = (live.cache.statistics().rows, live.cache.issued(&instrument()));
    let all: Changes = live.reference.changes().clone();
    live.cache.apply(&instrument(), &all, *live.stamps.last().expect("stamps"));
    live.cache.apply(&instrument(), &all, live.stamps[3]);
    assert_eq!(live.cache.statistics().rows, rows);
    assert_eq!(live.cache.issued(&instrument()), issued);
    // Together with a later stamp, too: only the clock moves.
    live.cache.apply(&instrument(), &all, issued.expect("a clock").plus(1));
    assert_eq!(live.cache.statistics().rows, rows);
    live.process(&messages[5]);
    assert!(live.check(&query(Timestamp::LATEST, SHAPE)));
}

#[test]
fn a_candle_revised_after_it_was_let_go_changes_no_answer() {
    let messages = market(900);
    let (early, rest) = messages.split_at(60);
    let (kept, lost) = faults::drop_trades(early.to_vec(), 9, 500);
    let mut live = live(TINY, &kept);
    rest.iter().for_each(|message| live.process(message));
    live.flush();
    let last = messages.last().expect("messages").received_at;
    let rows = live.cache.statistics().rows;
    for message in lost {
        live.process(&FeedMessage { received_at: last, ..message });
        assert!(live.check(&query(Timestamp::LATEST, SHAPE)));
    }
    assert!(live.cache.statistics().rows > rows, "candles that are still there were revised");
}

#[test]
fn closes_of_candles_that_were_not_loaded_are_given_until_one_may_have_changed() {
    let messages = market(700);
    let (early, rest) = messages.split_at(messages.len() / 2);
    let (kept, lost) = faults::drop_trades(early.to_vec(), 9, 100);
    let mut live = live(CacheConfig::DEFAULT, &kept);
    rest.iter().for_each(|message| live.process(message));
    live.restart(CacheConfig::DEFAULT, 60, 0);
    let latest = query(Timestamp::LATEST, FrameShape { context_window: 0, ..SHAPE });
    let parts = live.stored(&query(*live.stamps.last().expect("stamps"), SHAPE));
    assert_eq!(parts.closes[0].values().len(), 500, "more than the candles that were loaded");
    assert!(live.check(&latest));
    let last = messages.last().expect("messages").received_at;
    for message in lost {
        live.process(&FeedMessage { received_at: last, ..message });
        assert!(!live.check(&latest), "one of them was revised");
    }
}

#[test]
fn what_was_let_go_is_a_miss() {
    let messages = market(900);
    let mut live = live(TINY, &messages);
    let shape = FrameShape { candles: 880, ..SHAPE };
    assert!(live.check(&query(Timestamp::LATEST, shape)));
    live.flush();
    assert!(live.check(&query(Timestamp::LATEST, SHAPE)));
    assert!(!live.check(&query(Timestamp::LATEST, shape)));
    assert!(!live.check(&query(Timestamp::LATEST, FrameShape { context_window: 850 * SECOND, ..SHAPE })));
    assert!(!live.check(&query(Timestamp::LATEST, FrameShape { imbalances: 700, ..SHAPE })));
}

#[test]
fn a_log_of_too_many_ranges_proves_the_newest_only() {
    let messages = market(400);
    let (messages, _) = faults::drop_trades(messages, 4, 60);
    let config = CacheConfig { coverage_ranges: 5, ..TINY };
    let (mut few, mut all) = (live(config, &messages), live(TINY, &messages));
    let newest = FrameShape { candles: 0, context_window: 0, imbalances: 0 };
    for live in [&mut few, &mut all] {
        assert!(live.check(&query(Timestamp::LATEST, newest)), "nothing was folded yet");
        live.flush();
    }
    assert!(all.check(&query(Timestamp::LATEST, newest)));
    assert!(!few.check(&query(Timestamp::LATEST, newest)), "its first minute is not proven any more");
}

#[test]
fn candles_alone_are_what_the_store_gives() {
    let mut live = live(CacheConfig::DEFAULT, &market(120));
    live.flush();
    let issued = *live.stamps.last().expect("stamps");
    let range = TimeRange::try_new(issued.plus(-60 * SECOND), issued.plus(-30 * SECOND)).expect("a range");
    for knowledge in [Knowledge::AsRecorded, Knowledge::AsCorrected] {
        for selection in [Selection::Last(50), Selection::Last(500), Selection::Range(range)] {
            for as_of in [issued, issued.plus(-20 * SECOND)] {
                let timeframe = Timeframe::S1;
                let query = CandleQuery { instrument: instrument(), timeframe, selection, as_of, knowledge };
                let stored = now(live.store.candles(&query)).expect("the store answers");
                assert_eq!(live.cache.candles(&query), Some((as_of, stored)));
            }
        }
    }
}

#[test]
fn statistics_count_reads_rows_and_bytes() {
    let live = live(CacheConfig::DEFAULT, &market(20));
    assert!(live.check(&query(Timestamp::LATEST, SHAPE)));
    let statistics = live.cache.statistics();
    let rows = live.reference.changes().len() as u64;
    assert_eq!((statistics.hits, statistics.misses, statistics.evictions), (1, 0, 0));
    assert!((rows..=rows + 4).contains(&statistics.rows), "{} of {rows} rows", statistics.rows);
    assert!(statistics.bytes > statistics.rows * 64, "{} bytes", statistics.bytes);
}
