//! Rows that the store refuses: in quarantine with their reason, named in the coverage log, and nothing else is lost.

use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt as _;
use onetape_domain::change::TapeBatch;
use onetape_domain::coverage::{CoverageRow, CoverageState, Stream};
use onetape_domain::message::FeedMessage;
use onetape_domain::message::QuarantinedRecord;
use onetape_domain::time::{SECOND, TimeRange, Timeframe, Timestamp};
use onetape_domain::trade::Trade;
use onetape_ingestion::IngestError;
use onetape_memory::MemoryStore;
use onetape_ports::{
    CoverageStore as _, QuarantineStore as _, Selection, StoreErrorKind, TimeQuery, TradeStore as _,
};
use onetape_testkit::generator::Ids;
use onetape_testkit::{FaultStore, When};
use tempfile::tempdir;

use crate::support::{Process, RULES, instruments, messages, tables, undisturbed};

type Store = FaultStore<MemoryStore>;

fn store() -> Arc<Store> {
    Arc::new(FaultStore::new(Arc::new(MemoryStore::default())))
}

fn all_of(instrument: usize) -> TimeQuery {
    TimeQuery {
        instrument: instruments()[instrument].clone(),
        selection: Selection::Range(TimeRange::ALL),
        as_of: Timestamp::LATEST,
    }
}

async fn trades(store: &Store) -> Vec<Trade> {
    store.inner().stream_trades(all_of(0)).try_collect().await.expect("trades")
}

/// The rows that name a hole.
async fn holes(store: &Store) -> Vec<CoverageRow> {
    let rows: Vec<CoverageRow> =
        store.inner().stream_coverage(all_of(0)).try_collect().await.expect("coverage");
    rows.into_iter().filter(|row| row.state == CoverageState::Gap).collect()
}

async fn quarantined(store: &Store) -> Vec<QuarantinedRecord> {
    store.inner().quarantined(1_000).await.expect("quarantined")
}

async fn take_in(process: &Process, messages: &[FeedMessage]) {
    for message in messages {
        process.pipeline.ingest(message, RULES).await.expect("taken in");
    }
}

/// Lines of the tables that only one of the two has.
fn differences(got: &str, want: &str) -> (Vec<String>, Vec<String>) {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<std::collections::BTreeSet<_>>();
    let (got, want) = (lines(got), lines(want));
    (got.difference(&want).cloned().collect(), want.difference(&got).cloned().collect())
}

/// What the market's undisturbed tables have of the first instrument's trades.
async fn undisturbed_trades(all: &[FeedMessage]) -> Vec<Trade> {
    let store = store();
    let process = Process::start(&store, tempdir().expect("folder")).await;
    take_in(&process, all).await;
    process.pipeline.flush().await.expect("written");
    trades(&store).await
}

/// Refuses trades by their ids.
fn refuse(store: &Store, ids: Vec<String>) {
    store.plan().refuse(StoreErrorKind::Data, move |batch: &TapeBatch| {
        batch.instrument == instruments()[0]
            && batch.changes.trades.iter().any(|trade| ids.iter().any(|id| **id == *trade.trade_id))
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_trade_is_in_quarantine_and_its_place_is_a_gap_and_nothing_else_is_lost() {
    let all = messages(12, Ids::Contiguous, 0);
    let trades_before = undisturbed_trades(&all).await;
    let picked = [3, trades_before.len() / 2, trades_before.len() - 5].map(|at| trades_before[at].clone());
    let store = store();
    refuse(&store, picked.iter().map(|trade| trade.trade_id.to_string()).collect());
    let process = Process::start(&store, tempdir().expect("folder")).await;
    take_in(&process, &all[..all.len() / 2]).await;
    process.pipeline.flush().await.expect("written");
    take_in(&process, &all[all.len() / 2..]).await;
    process.pipeline.end_of_feed().await.expect("written");
    assert_eq!(process.pipeline.summary().refused_rows, 3);

    let left: Vec<_> = trades_before.into_iter().filter(|trade| !picked.contains(trade)).collect();
    let ids = |trades: &[Trade]| trades.iter().map(|trade| trade.trade_id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&trades(&store).await), ids(&left));
    let records = quarantined(&store).await;
    assert_eq!(records.len(), 3);
    for (record, trade) in records.iter().rev().zip(&picked) {
        assert_eq!(record.origin, "tape of binance:ETH/USDT");
        assert_eq!(record.received_at, Some(trade.received_at));
        let violation = &record.violations.0[0];
        assert_eq!(violation.field, "trade_events");
        assert!(violation.value.contains(&*trade.trade_id), "{violation:?}");
        assert!(violation.reason.contains("a row the script refuses"), "{violation:?}");
        assert!(
            record.payload.contains(&format!("\"trade_id\":\"{}\"", trade.trade_id)),
            "{}",
            record.payload
        );
    }
    let holes = holes(&store).await;
    let expected: Vec<_> =
        picked.iter().map(|trade| (trade.key.event_time, trade.key.event_time.plus(1))).collect();
    assert_eq!(holes.iter().map(|row| (row.begin, row.end)).collect::<Vec<_>>(), expected);
    assert!(holes.iter().all(|row| row.stream == Stream::Trades && row.reason.contains("quarantine")));
}

#[tokio::test(flavor = "multi_thread")]
async fn any_kind_of_row_can_be_left_out() {
    let all = messages(70, Ids::Contiguous, 0);
    let (instrument, first) = (instruments()[0].clone(), all[0].received_at.floor_second());
    let second = move |second: i64| first.plus(second * SECOND);
    let store = store();
    store.plan().refuse(StoreErrorKind::Data, move |batch: &TapeBatch| {
        let changes = &batch.changes;
        let is_minute = |candle: &onetape_domain::candle::Candle| candle.timeframe() == Timeframe::M1;
        batch.instrument == instrument
            && (changes.candles.iter().any(|change| is_minute(&change.candle))
                || changes.books.iter().any(|book| book.second() == second(20))
                || changes.imbalances.iter().any(|row| row.second == second(25))
                || changes
                    .coverage
                    .iter()
                    .any(|row| row.state == CoverageState::Alive && row.end == second(30)))
    });
    let process = Process::start(&store, tempdir().expect("folder")).await;
    take_in(&process, &all).await;
    process.pipeline.end_of_feed().await.expect("written");
    let tables_left_out: Vec<_> =
        quarantined(&store).await.iter().rev().map(|record| record.violations.0[0].field.clone()).collect();
    assert_eq!(
        tables_left_out,
        ["ohlcv", "order_book_snapshots", "order_book_imbalances", "stream_coverage", "stream_coverage"]
    );
    let holes: Vec<_> = holes(&store).await.iter().map(|row| (row.stream, row.begin, row.end)).collect();
    let minute = Timeframe::M1.open_time(first);
    let of_minute = (Stream::Trades, minute, minute.plus(60 * SECOND));
    let of_book = |at| (Stream::Book, second(at), second(at + 1));
    assert_eq!(holes, [of_minute, of_book(20), of_book(25)]);
    // All of it but for what was refused, and the holes beside.
    let (more, less) = differences(&tables(store.inner()).await, &undisturbed(&all, RULES).await);
    assert!(less.len() < 40 && more.len() < 40, "{more:#?}\n{less:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_at_any_step_leaves_the_same_rows_out_and_notes_them_once() {
    let all = messages(12, Ids::Contiguous, 0);
    let picked = undisturbed_trades(&all).await[40].trade_id.to_string();
    // Where nothing crashes.
    let calm = store();
    refuse(&calm, vec![picked.clone()]);
    let process = Process::start(&calm, tempdir().expect("folder")).await;
    take_in(&process, &all[..all.len() / 2]).await;
    process.pipeline.flush().await.expect("written");
    take_in(&process, &all[all.len() / 2..]).await;
    process.pipeline.end_of_feed().await.expect("written");
    let want = tables(calm.inner()).await;

    // The batch without the row fails, or its acknowledgement is lost; or the quarantine's.
    for (operation, passed, when) in [
        ("append", 1, When::Before),
        ("append", 1, When::After),
        ("quarantine", 0, When::Before),
        ("quarantine", 0, When::After),
        ("rehearse", 4, When::Before),
    ] {
        let store = store();
        refuse(&store, vec![picked.clone()]);
        let process = Process::start(&store, tempdir().expect("folder")).await;
        take_in(&process, &all[..all.len() / 2]).await;
        store.plan().pass(operation, passed);
        for _ in 0..1_000 {
            store.plan().fail(operation, when, StoreErrorKind::Connection);
        }
        let stuck = tokio::time::timeout(Duration::from_millis(300), process.pipeline.flush()).await;
        assert!(stuck.is_err(), "{operation}: {stuck:?}");
        let folder = process.crash();
        store.plan().recover();
        refuse(&store, vec![picked.clone()]);
        let process = Process::start(&store, folder).await;
        take_in(&process, &all[all.len() / 2..]).await;
        process.pipeline.end_of_feed().await.expect("written");
        let (more, less) = differences(&tables(store.inner()).await, &want);
        assert!(more.is_empty() && less.is_empty(), "{operation} {when:?}: {more:#?}\n{less:#?}");
        assert_eq!(quarantined(&store).await.len(), 1, "{operation} {when:?}");
        assert_eq!(holes(&store).await.len(), 1, "{operation} {when:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_refuses_more_than_rows_stops_the_pipeline_and_loses_nothing() {
    let all = messages(12, Ids::Contiguous, 0);
    let many = |batch: &TapeBatch| !batch.changes.trades.is_empty();
    let everything = |_: &TapeBatch| true;
    let together = |batch: &TapeBatch| batch.changes.trades.len() > 1;
    let refusals: [fn(&TapeBatch) -> bool; 3] = [many, everything, together];
    for refused in refusals {
        let store = store();
        store.plan().refuse(StoreErrorKind::Data, refused);
        let process = Process::start(&store, tempdir().expect("folder")).await;
        take_in(&process, &all).await;
        let error = process.pipeline.flush().await.expect_err("refused");
        let IngestError::Store { source, .. } = &error else { panic!("{error:?}") };
        assert_eq!(source.kind(), StoreErrorKind::Data);
        let again = process.pipeline.ingest(&all[0], RULES).await.expect_err("it has failed");
        assert!(matches!(again, IngestError::Store { .. }), "{again:?}");
        assert!(quarantined(&store).await.is_empty());
        // Once the store takes rows again, the journal has them.
        store.plan().recover();
        let process = Process::start(&store, process.crash()).await;
        process.pipeline.end_of_feed().await.expect("written");
        let (more, less) = differences(&tables(store.inner()).await, &undisturbed(&all, RULES).await);
        assert!(more.is_empty() && less.is_empty(), "{more:#?}\n{less:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_admits_a_gap_is_never_left_out() {
    let all = messages(12, Ids::Contiguous, 0);
    let lost: Vec<_> = onetape_testkit::generator::faults::drop_trades(all, 5, 10).0;
    let store = store();
    store.plan().refuse(StoreErrorKind::Data, |batch: &TapeBatch| {
        batch.changes.coverage.iter().any(|row| row.state == CoverageState::Gap)
    });
    let process = Process::start(&store, tempdir().expect("folder")).await;
    take_in(&process, &lost).await;
    let error = process.pipeline.flush().await.expect_err("refused");
    assert!(matches!(error, IngestError::Store { .. }), "{error:?}");
    assert!(quarantined(&store).await.is_empty());
}
