//! Writing: all or nothing, once, by one writer.

use std::time::Duration;

use futures::TryStreamExt;
use onetape_domain::change::{CandleChange, Changes};
use onetape_domain::engine::candles::CandleKey;
use onetape_domain::time::{SECOND, TimeRange, Timeframe, Timestamp};
use onetape_ports::{CandleStore, ClockStore, Selection, StoreErrorKind, TapeStore, TimeQuery, TradeStore};
use onetape_timescale::TimescaleStore;

use crate::support::{START, batch, candle, candles, connect, counts, instrument, store, trades};

fn at(seconds: i64) -> Timestamp {
    START.plus(seconds * SECOND)
}

async fn stored_trades(store: &TimescaleStore) -> usize {
    let selection = Selection::Range(TimeRange::ALL);
    let query = TimeQuery { instrument: instrument(), selection, as_of: Timestamp::LATEST };
    store.stream_trades(query).try_collect::<Vec<_>>().await.unwrap().len()
}

#[tokio::test]
async fn writing_a_batch_again_changes_nothing() {
    let Some((store, database)) = store().await else { return };
    let batch = batch(100, Changes { candles: candles(Timeframe::S1, 50), ..trades(5_000) });
    store.append(&batch, None).await.unwrap();
    let mut connection = connect(&database).await;
    let once = counts(&mut connection).await;
    assert!(once.contains(&("trade_events".to_owned(), 5_000)), "{once:?}");
    store.append(&batch, None).await.unwrap();
    store.append(&batch, Some(at(7))).await.unwrap();
    store.append(&batch, Some(at(100))).await.unwrap();
    assert_eq!(counts(&mut connection).await, once);
}

#[tokio::test]
async fn another_writers_clock_is_a_conflict() {
    let Some((store, _database)) = store().await else { return };
    store.append(&batch(10, trades(1)), None).await.unwrap();
    for expected in [None, Some(at(9)), Some(at(11))] {
        let error = store.append(&batch(20, trades(2)), expected).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Conflict);
        assert!(!error.is_retryable());
    }
    assert_eq!(stored_trades(&store).await, 1);
    assert_eq!(store.flushed(&instrument()).await.unwrap(), Some(at(10)));
}

#[tokio::test]
async fn a_clock_that_was_expected_and_is_not_there_is_a_conflict() {
    let Some((store, _database)) = store().await else { return };
    let error = store.append(&batch(20, trades(1)), Some(at(10))).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Conflict);
    assert_eq!(store.flushed(&instrument()).await.unwrap(), None);
}

#[tokio::test]
async fn a_dropped_call_leaves_nothing_and_the_next_one_goes_through() {
    let Some((store, database)) = store().await else { return };
    let large = batch(1_000, trades(60_000));
    let mut connection = connect(&database).await;
    for micros in [0, 300, 1_000, 5_000, 20_000, 60_000] {
        let cancelled = tokio::time::timeout(Duration::from_micros(micros), store.append(&large, None)).await;
        assert!(cancelled.is_err(), "60,000 rows in {micros} µs");
    }
    assert!(counts(&mut connection).await.iter().all(|(_, rows)| *rows == 0));
    store.append(&large, None).await.unwrap();
    assert_eq!(stored_trades(&store).await, 60_000);
}

#[tokio::test]
async fn a_row_the_tables_refuse_undoes_the_batch() {
    let Some((store, database)) = store().await else { return };
    let mut changes = Changes { candles: candles(Timeframe::S1, 5), ..trades(100) };
    // Known before it began: reads as of an instant would look past it.
    let early = candle(Timeframe::M1, Timeframe::M1.open_time(START), 1, START.plus(-SECOND));
    changes.candles.push(CandleChange { candle: early, replaces: None });
    let error = store.append(&batch(100, changes), None).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Data, "{error:?}");
    assert!(counts(&mut connect(&database).await).await.iter().all(|(_, rows)| *rows == 0));
    // The connection is as good as new.
    store.append(&batch(100, trades(1)), None).await.unwrap();
}

#[tokio::test]
async fn a_revision_moves_the_version_before_in_the_same_transaction() {
    let Some((store, _database)) = store().await else { return };
    let open_time = Timeframe::M1.open_time(START);
    let versions =
        [1, 2, 3].map(|revision| candle(Timeframe::M1, open_time, revision, at(100 * i64::from(revision))));
    let change =
        |at: usize| CandleChange { candle: versions[at], replaces: at.checked_sub(1).map(|at| versions[at]) };
    let first = Changes { candles: vec![change(0)], ..Changes::default() };
    store.append(&batch(100, first), None).await.unwrap();
    // Two versions at once: the one between is superseded without ever having been the current one.
    let later = Changes { candles: vec![change(1), change(2)], ..Changes::default() };
    store.append(&batch(300, later), Some(at(100))).await.unwrap();
    let key = CandleKey { timeframe: Timeframe::M1, open_time };
    assert_eq!(store.candle(&instrument(), key).await.unwrap(), Some(versions[2]));
    let superseded = store.superseded(&instrument(), key).await.unwrap();
    let expected = [(versions[0], at(200)), (versions[1], at(300))];
    assert_eq!(superseded.iter().map(|old| (old.candle, old.known_to)).collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn what_is_stored_is_superseded_even_where_the_batch_does_not_name_it() {
    let Some((store, _database)) = store().await else { return };
    let open_time = Timeframe::S1.open_time(START);
    let [old, new] =
        [1, 2].map(|revision| candle(Timeframe::S1, open_time, revision, at(10 * i64::from(revision))));
    for (seconds, candle, expected) in [(10, old, None), (20, new, Some(at(10)))] {
        let changes =
            Changes { candles: vec![CandleChange { candle, replaces: None }], ..Changes::default() };
        store.append(&batch(seconds, changes), expected).await.unwrap();
    }
    let key = CandleKey { timeframe: Timeframe::S1, open_time };
    let superseded = store.superseded(&instrument(), key).await.unwrap();
    assert_eq!(superseded.len(), 1);
    assert_eq!((superseded[0].candle, superseded[0].known_to), (old, at(20)));
}

#[tokio::test]
async fn writers_of_one_instrument_wait_for_each_other() {
    let Some((store, _database)) = store().await else { return };
    let batches = [batch(100, trades(20_000)), batch(101, trades(20_001))];
    let (first, second) = tokio::join!(store.append(&batches[0], None), store.append(&batches[1], None));
    let outcomes = [first.map_err(|error| error.kind()), second.map_err(|error| error.kind())];
    let flushed = store.flushed(&instrument()).await.unwrap();
    // Whoever came second found another clock than the none it expected.
    match outcomes {
        [Err(StoreErrorKind::Conflict), Ok(())] => assert_eq!(flushed, Some(at(101))),
        [Ok(()), Err(StoreErrorKind::Conflict)] => assert_eq!(flushed, Some(at(100))),
        other => panic!("{other:?}"),
    }
}
