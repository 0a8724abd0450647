//! Repair: what a feed lost comes from the venue's history, or is declared lost; nothing is invented.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use onetape_domain::candle::{Candle, Ohlcv};
use onetape_domain::coverage::{CoverageRow, CoverageState, Intervals, Stream};
use onetape_domain::instrument::Instrument;
use onetape_domain::message::{FeedMessage, Payload};
use onetape_domain::time::{SECOND, TimeRange, Timeframe, Timestamp};
use onetape_domain::trade::{Trade, TradeId};
use onetape_domain::venue::VenueRules;
use onetape_ingestion::{DataIngestionPipeline, GapOutcome, PipelineConfig, RepairOptions, RepairReport};
use onetape_journal::{FileJournal, JournalOptions};
use onetape_memory::{MemoryCache, MemoryStore};
use onetape_ports::{
    CandleQuery, CandleStore, ClockStore, CoverageStore, HistoryErrorKind, HotCache, Knowledge, MarketStore,
    Selection, TimeQuery, TradeStore,
};
use onetape_testkit::ScriptedHistory;
use onetape_testkit::clock::ManualClock;
use onetape_testkit::dump::{dump, first_difference};
use onetape_testkit::generator::{Market, Rng, faults};
use proptest::prelude::*;

const RULES: VenueRules = VenueRules::BINANCE_SPOT;

fn instrument() -> Instrument {
    "binance:ETH/USDT".parse().expect("instrument")
}

fn market(seconds: u32, seed: u64) -> Market {
    Market { seconds, ..Market::new(instrument(), seed) }
}

/// A feed that lost some of its trades, never the first or the last one; and all that the venue sent.
fn lossy(market: &Market, per_mille: u32) -> (Vec<FeedMessage>, Vec<FeedMessage>) {
    let all = market.messages();
    let is_trades = |message: &&FeedMessage| matches!(message.payload, Payload::Trades(_));
    let ends = [all.iter().find(is_trades).cloned(), all.iter().rev().find(is_trades).cloned()];
    let (kept, _) = faults::drop_trades(all.clone(), market.seed, per_mille);
    let is_end = |message: &FeedMessage| ends.iter().flatten().any(|end| end == message);
    let seen = kept.into_iter().filter(|message| !is_end(message));
    let mut feed: Vec<FeedMessage> = seen.chain(ends.iter().flatten().cloned()).collect();
    feed.sort_by_key(|message| message.received_at);
    (feed, all)
}

/// A pipeline over a store in memory.
struct Running {
    store: Arc<MemoryStore>,
    pipeline: DataIngestionPipeline,
}

impl Running {
    fn start() -> Self {
        let store = Arc::new(MemoryStore::default());
        let shared: Arc<dyn MarketStore> = store.clone();
        let pipeline = DataIngestionPipeline::start(shared, None, clock(), PipelineConfig::default());
        Self { store, pipeline }
    }

    async fn of(messages: &[FeedMessage]) -> Self {
        let running = Self::start();
        running.feed(messages).await;
        running
    }

    async fn feed(&self, messages: &[FeedMessage]) {
        for message in messages {
            self.pipeline.ingest(message, RULES).await.expect("taken in");
        }
        self.pipeline.flush().await.expect("written");
    }

    async fn repair(&self, history: &ScriptedHistory, options: RepairOptions) -> RepairReport {
        let report = self.pipeline.repair(history, &options).await.expect("repaired");
        self.pipeline.flush().await.expect("written");
        report
    }

    async fn trades(&self) -> Vec<Trade> {
        let query = TimeQuery {
            instrument: instrument(),
            selection: Selection::Range(TimeRange::ALL),
            as_of: Timestamp::LATEST,
        };
        self.store.stream_trades(query).try_collect().await.expect("trades")
    }

    async fn ids(&self) -> Vec<i64> {
        self.trades().await.iter().map(|trade| trade.key.sequence).collect()
    }

    async fn candles(&self, timeframe: Timeframe) -> Vec<Candle> {
        let query = CandleQuery {
            instrument: instrument(),
            timeframe,
            selection: Selection::Range(TimeRange::ALL),
            as_of: Timestamp::LATEST,
            knowledge: Knowledge::AsRecorded,
        };
        self.store.candles(&query).await.expect("candles")
    }

    /// What is in them, whenever it became known.
    async fn sums(&self) -> Vec<(Timeframe, Timestamp, Ohlcv)> {
        let mut sums = Vec::new();
        for timeframe in Timeframe::ALL {
            let candles = self.candles(timeframe).await;
            sums.extend(candles.iter().map(|candle| (timeframe, candle.open_time(), *candle.ohlcv())));
        }
        sums
    }

    async fn log(&self) -> Vec<CoverageRow> {
        let proof = self.store.coverage_proof(&instrument(), Timestamp::EARLIEST, Timestamp::LATEST).await;
        proof.expect("coverage").into_iter().filter(|row| row.stream == Stream::Trades).collect()
    }

    async fn covered(&self) -> Vec<(Timestamp, Timestamp)> {
        let log = self.log().await;
        let mut covered = Intervals::of_rows(&log);
        // What was filled beyond the last second written stands alone until that second is.
        let alive = log.iter().filter(|row| row.state == CoverageState::Alive);
        let written = alive.map(|row| row.end).max().unwrap_or(Timestamp::EARLIEST);
        covered.remove(written, Timestamp::LATEST);
        covered.ranges().to_vec()
    }
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp::from_micros(1_723_161_700 * SECOND)))
}

fn outcomes(report: &RepairReport) -> Vec<&GapOutcome> {
    report.gaps.iter().map(|gap| &gap.outcome).collect()
}

fn reason(outcome: &GapOutcome) -> &str {
    match outcome {
        GapOutcome::Filled => "filled",
        GapOutcome::Unfillable { reason } | GapOutcome::Open { reason } => reason,
    }
}

#[tokio::test]
async fn lost_trades_come_from_the_history_and_candles_are_those_of_the_whole_market() {
    let (feed, all) = lossy(&market(90, 3), 150);
    let (running, whole) = (Running::of(&feed).await, Running::of(&all).await);
    assert_ne!(running.ids().await, whole.ids().await, "something was lost");
    assert!(running.covered().await.len() > 3);
    let before = running.store.flushed(&instrument()).await.expect("store").expect("a clock");

    let history = ScriptedHistory::of_messages(RULES, &all).with_source(|source| source.max_page = 3);
    let report = running.repair(&history, RepairOptions::default()).await;
    assert!(
        report.gaps.len() > 3 && report.gaps.iter().all(|gap| gap.outcome == GapOutcome::Filled),
        "{report:?}"
    );
    assert_eq!(running.ids().await, whole.ids().await);
    assert_eq!(running.sums().await, whole.sums().await);
    // What is proven shows with the next second that the feed comes to.
    let last = all.last().expect("messages");
    let sent_at = last.sent_at.map(|sent| sent.plus(5 * SECOND));
    let alive = FeedMessage { sent_at, payload: Payload::Heartbeat, ..last.clone() };
    running.feed(std::slice::from_ref(&alive)).await;
    whole.feed(&[alive]).await;
    assert_eq!(running.covered().await, whole.covered().await);
    assert!(
        running.trades().await.iter().filter(|trade| trade.available_at > before).count() > 3,
        "stamped at repair"
    );

    // Nothing is left to do, and nothing is asked for.
    let asked = history.asked().len();
    assert_eq!(running.repair(&history, RepairOptions::default()).await, RepairReport::default());
    assert_eq!(history.asked().len(), asked);
}

#[tokio::test]
async fn a_page_revises_each_candle_once_and_all_of_them_under_one_stamp() {
    let all = market(60, 5).messages();
    let lost = |message: &FeedMessage| match &message.payload {
        Payload::Trades(events) => events.iter().all(|event| (1_050..1_150).contains(&id(event.id()))),
        _ => false,
    };
    let feed: Vec<_> = all.iter().filter(|message| !lost(message)).cloned().collect();
    let running = Running::of(&feed).await;
    let before = running.store.flushed(&instrument()).await.expect("store");
    let report = running.repair(&ScriptedHistory::of_messages(RULES, &all), RepairOptions::default()).await;
    assert_eq!((report.gaps.len(), report.pages, report.gaps[0].trades), (1, 1, 100));
    let mut stamps = BTreeSet::new();
    for timeframe in Timeframe::ALL {
        let candles = running.candles(timeframe).await;
        stamps.extend(candles.iter().filter_map(Candle::known_from).filter(|known| Some(*known) > before));
    }
    assert_eq!(stamps.len(), 1, "{stamps:?}");
    let revised = running.candles(Timeframe::S1).await;
    assert!(revised.iter().any(|candle| candle.revision() == 2) && revised.iter().all(|c| c.revision() <= 2));
}

fn id(id: &TradeId) -> i64 {
    let TradeId::Numeric(id) = id else { panic!("{id:?} is no number") };
    *id
}

#[tokio::test]
async fn what_the_history_never_had_is_declared_unfillable_and_not_asked_for_again() {
    let (feed, all) = lossy(&market(60, 11), 100);
    let running = Running::of(&feed).await;
    let nobody = ScriptedHistory::of_messages(RULES, &[]);
    assert_eq!(running.repair(&nobody, RepairOptions::default()).await.gaps, []);
    let whole = Running::of(&all).await.ids().await;
    let arrived: BTreeSet<i64> = running.ids().await.into_iter().collect();
    let gone = *whole.iter().find(|id| !arrived.contains(id)).expect("a lost trade");

    let history = ScriptedHistory::of_messages(RULES, &all).without(|id| id == gone);
    let report = running.repair(&history, RepairOptions::default()).await;
    let (first, rest) = report.gaps.split_first().expect("gaps");
    assert_eq!(reason(&first.outcome), format!("the venue's history has no trades {gone}..={gone}"));
    assert!(matches!(first.outcome, GapOutcome::Unfillable { .. }));
    assert!(rest.iter().all(|gap| gap.outcome == GapOutcome::Filled), "{rest:?}");
    let log = running.log().await;
    let row = log.iter().find(|row| row.state == CoverageState::Unfillable).expect("a row of the log");
    assert_eq!(
        (row.begin, row.end, row.reason.as_str()),
        (first.gap.begin, first.gap.end, reason(&first.outcome))
    );
    let hole = TimeRange::try_new(first.gap.begin, first.gap.end).expect("a range");
    assert_eq!(Intervals::of_rows(&log).gaps(hole), [hole], "unproven as a whole");
    assert_eq!(running.ids().await.len(), whole.len() - 1);
    assert_eq!(running.repair(&history, RepairOptions::default()).await, RepairReport::default());

    // It comes after all: a trade like any other, but what was given up stays so.
    running.repair(&ScriptedHistory::of_messages(RULES, &all), RepairOptions::default()).await;
    running.feed(&all).await;
    assert_eq!(running.ids().await, whole);
    assert_eq!(Intervals::of_rows(&running.log().await).gaps(hole), [hole]);
}

#[tokio::test]
async fn a_history_that_begins_too_late_fills_what_it_has() {
    let (feed, all) = lossy(&market(60, 17), 200);
    let running = Running::of(&feed).await;
    let middle = 1_000 + i64::try_from(all.len() / 8).expect("few");
    let history = ScriptedHistory::of_messages(RULES, &all).beginning_with(middle);
    let report = running.repair(&history, RepairOptions::default()).await;
    for repaired in &report.gaps {
        if repaired.gap.missing.iter().any(|(first, _)| *first < middle) {
            assert_eq!(reason(&repaired.outcome), format!("the venue's history begins with trade {middle}"));
        } else {
            assert_eq!(repaired.outcome, GapOutcome::Filled);
        }
    }
    let is_lost = |gap: &&onetape_ingestion::RepairedGap| gap.outcome != GapOutcome::Filled;
    let lost = report.gaps.iter().filter(is_lost).count();
    assert!(lost > 0 && lost < report.gaps.len(), "{report:?}");
}

#[tokio::test]
async fn a_limited_history_is_left_alone_and_the_next_repair_goes_on() {
    let (feed, all) = lossy(&market(60, 21), 150);
    let running = Running::of(&feed).await;
    let history = ScriptedHistory::of_messages(RULES, &all).with_source(|source| source.max_page = 1);
    let limited = HistoryErrorKind::Limited { retry_after: Duration::from_secs(7) };
    history.fail_next([limited]);
    let background = RepairOptions { min_age: Duration::ZERO, ..RepairOptions::BACKGROUND };
    let report = running.repair(&history, background).await;
    assert_eq!((report.retry_after, report.pages, report.gaps.len()), (Some(Duration::from_secs(7)), 1, 1));
    assert!(reason(outcomes(&report)[0]).contains("limited for 7 s"), "{report:?}");

    // A few pages each time, until all is there.
    let mut rounds = 0;
    while !running.repair(&history, RepairOptions { max_pages: 4, ..background }).await.gaps.is_empty() {
        rounds += 1;
        assert!(rounds < 200, "it comes to an end");
    }
    assert!(rounds > 2);
    assert_eq!(running.ids().await, Running::of(&all).await.ids().await);
}

#[tokio::test(start_paused = true)]
async fn a_patient_repair_waits_as_long_as_the_venue_wants() {
    let (feed, all) = lossy(&market(30, 23), 150);
    let running = Running::of(&feed).await;
    let history = ScriptedHistory::of_messages(RULES, &all);
    let limited = HistoryErrorKind::Limited { retry_after: Duration::from_secs(40) };
    history.fail_next([limited, HistoryErrorKind::Connection]);
    let begun = tokio::time::Instant::now();
    let report = running.repair(&history, RepairOptions::default()).await;
    assert!(report.gaps.iter().all(|gap| gap.outcome == GapOutcome::Filled), "{report:?}");
    assert!(begun.elapsed() >= Duration::from_secs(40));
    assert_eq!(report.retry_after, None);

    let again = Running::of(&feed).await;
    history.fail_next([limited, limited]);
    let report = again.repair(&history, RepairOptions::default()).await;
    assert_eq!(report.retry_after, Some(Duration::from_secs(40)), "eighty seconds are too many");
}

#[tokio::test]
async fn what_may_still_come_by_itself_is_left_in_peace() {
    let (feed, all) = lossy(&market(30, 29), 150);
    let running = Running::of(&feed).await;
    let history = ScriptedHistory::of_messages(RULES, &all);
    let patient = RepairOptions { min_age: Duration::from_secs(3_600), ..RepairOptions::default() };
    assert_eq!(running.repair(&history, patient).await, RepairReport::default());
    assert_eq!(history.asked(), [0_i64; 0]);
}

#[tokio::test]
async fn pages_that_are_wrong_are_refused_whole() {
    let (feed, all) = lossy(&market(30, 31), 150);
    let running = Running::of(&feed).await;
    let before = dump(&*running.store, &instrument()).await.expect("dump");
    // The same ids at another time: a history of something else.
    let elsewhere = Market { start: market(30, 31).start.plus(86_400 * SECOND), ..market(30, 31) };
    let foreign = ScriptedHistory::of_messages(RULES, &elsewhere.messages());
    let report = running.repair(&foreign, RepairOptions::default()).await;
    assert!(report.gaps.iter().all(|gap| reason(&gap.outcome).contains("far outside its gap")), "{report:?}");
    // Aggregates under the same ids.
    let kind = onetape_domain::trade::TradeKind::Aggregate;
    let aggregates = ScriptedHistory::of_messages(RULES, &all).with_source(|source| source.kind = kind);
    let report = running.repair(&aggregates, RepairOptions::default()).await;
    assert!(reason(outcomes(&report)[0]).contains("single trades"), "{report:?}");
    // One that is refused, and one that has nothing yet.
    let refusing = ScriptedHistory::of_messages(RULES, &all);
    refusing.fail_next([HistoryErrorKind::Permission]);
    let report = running.repair(&refusing, RepairOptions { max_pages: 1, ..RepairOptions::default() }).await;
    assert_eq!((report.gaps.len(), report.pages), (1, 1));
    let young = ScriptedHistory::of_messages(RULES, &all[..1]).without(|_| true);
    let report = running.repair(&young, RepairOptions::default()).await;
    assert!(report.gaps.iter().all(|gap| reason(&gap.outcome).contains("yet")), "{report:?}");
    assert_eq!(first_difference(&dump(&*running.store, &instrument()).await.expect("dump"), &before), None);
}

#[tokio::test]
async fn ids_that_a_history_leaves_out_stand_for_no_trade_where_it_says_so() {
    let (feed, all) = lossy(&market(60, 37), 300);
    let running = Running::of(&feed).await;
    let arrived: BTreeSet<i64> = running.ids().await.into_iter().collect();
    let history = ScriptedHistory::of_messages(RULES, &all)
        .without(|id| id % 5 == 0 && !arrived.contains(&id))
        .with_source(|source| (source.omits_void_ids, source.max_page) = (true, 4));
    let report = running.repair(&history, RepairOptions::default()).await;
    assert!(report.gaps.iter().all(|gap| gap.outcome == GapOutcome::Filled), "{report:?}");
    assert!(running.ids().await.len() < Running::of(&all).await.ids().await.len());
    assert_eq!(running.covered().await.len(), 1);
}

#[tokio::test]
async fn a_gap_of_an_instrument_that_nobody_has_loaded_is_repaired_from_the_store() {
    let (feed, all) = lossy(&market(900, 41), 100);
    let running = Running::of(&feed).await;
    running.pipeline.shutdown(Duration::from_secs(10)).await.expect("shut down");
    let store: Arc<dyn MarketStore> = running.store.clone();
    let later = DataIngestionPipeline::start(store, None, clock(), PipelineConfig::default());
    let history = ScriptedHistory::of_messages(RULES, &all);
    let unknown: Instrument = "binance:SOL/USDT".parse().expect("instrument");
    let asked = [unknown.clone(), instrument()];
    let report =
        later.repair_instruments(&asked, &history, &RepairOptions::default()).await.expect("repaired");
    assert!(report.gaps.iter().all(|gap| gap.outcome == GapOutcome::Filled), "{report:?}");
    later.flush().await.expect("written");
    let whole = Running::of(&all).await;
    assert_eq!(running.ids().await, whole.ids().await);
    assert_eq!(running.sums().await, whole.sums().await);
    assert_eq!(running.store.flushed(&unknown).await.expect("store"), None, "nothing was made of it");
}

/// Repairs in between, with crashes whose journal gives back what the store had not: the tables are those of a run that
/// never crashed.
async fn disturbed(seed: u64, crashes: bool) -> String {
    let (feed, all) = lossy(&market(40, seed), 150);
    let gone = |id: i64| id % 17 == 0;
    let history =
        ScriptedHistory::of_messages(RULES, &all).without(gone).with_source(|source| source.max_page = 2);
    let mut random = Rng::new(seed);
    let store = Arc::new(MemoryStore::default());
    let mut folder = tempfile::tempdir().expect("folder");
    let mut pipeline = journaled(&store, folder.path()).await;
    for (place, message) in feed.iter().enumerate() {
        pipeline.ingest(message, RULES).await.expect("taken in");
        if place % 60 == 59 {
            let options = RepairOptions { max_pages: 3, ..RepairOptions::default() };
            pipeline.repair(&history, &options).await.expect("repaired");
        }
        if crashes && random.between(0, 50) == 0 {
            let image = tempfile::tempdir().expect("folder");
            for entry in std::fs::read_dir(folder.path()).expect("folder").flatten() {
                std::fs::copy(entry.path(), image.path().join(entry.file_name())).expect("copied");
            }
            std::mem::forget(pipeline);
            pipeline = journaled(&store, image.path()).await;
            folder = image;
        }
    }
    pipeline.end_of_feed().await.expect("ended");
    dump(&*store, &instrument()).await.expect("dump")
}

async fn journaled(store: &Arc<MemoryStore>, folder: &std::path::Path) -> DataIngestionPipeline {
    let journal = Arc::new(FileJournal::open(folder, JournalOptions::default()).expect("a journal"));
    let store: Arc<dyn MarketStore> = store.clone();
    let cache: Arc<dyn HotCache> = Arc::new(MemoryCache::default());
    let config =
        PipelineConfig { batch_size: usize::MAX, max_pending_rows: usize::MAX, ..PipelineConfig::default() };
    let started =
        DataIngestionPipeline::start_with_journal(store, Some(cache), clock(), journal, config).await;
    started.expect("started").0
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn crashes_between_repairs_change_nothing(seed in any::<u64>()) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
        let (undisturbed, crashed) = runtime.block_on(async { (disturbed(seed, false).await, disturbed(seed, true).await) });
        prop_assert_eq!(first_difference(&crashed, &undisturbed), None);
    }
}
