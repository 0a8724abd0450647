//! Pools: what each is for, their limits, and what happens when their connections are lost.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::StreamExt;
use onetape_domain::time::{TimeRange, Timestamp};
use onetape_domain::venue::VenueRules;
use onetape_ports::{
    ClockStore, QuarantineStore, Selection, StoreError, StoreErrorKind, TapeStore, TimeQuery, TradeStore,
};
use onetape_testkit::generator::{Market, faults};
use onetape_testkit::{Recording, dump};
use onetape_timescale::{PoolOptions, Pools, TimescaleStore};
use sqlx::PgConnection;

use crate::support::{self, START, batch, connect, instrument, trades};

const MOMENT: Duration = Duration::from_millis(100);

/// A store with pools of one connection each and short limits.
fn tight() -> Pools {
    let one = |options: PoolOptions| PoolOptions { max_connections: 1, acquire_timeout: MOMENT, ..options };
    let Pools { reader, writer, admin } = Pools::default();
    Pools { reader: one(reader), writer: one(writer), admin: one(admin) }
}

fn all_trades() -> TimeQuery {
    let selection = Selection::Range(TimeRange::ALL);
    TimeQuery { instrument: instrument(), selection, as_of: Timestamp::LATEST }
}

/// Ends the sessions of the store's pools, as a restart of the server or a fail-over does.
async fn terminate(connection: &mut PgConnection) -> i64 {
    sqlx::query_scalar(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
         WHERE datname = current_database() AND application_name LIKE 'onetape %'",
    )
    .fetch_one(connection)
    .await
    .unwrap()
}

#[tokio::test]
async fn readers_that_hold_all_connections_hold_up_no_writer() {
    if onetape_testdb::one_session("a reader's transaction holds up everybody") {
        return;
    }
    let Some((_store, database)) = support::store().await else { return };
    let store = TimescaleStore::connect_with(database.url(), &tight()).await.unwrap();
    store.append(&batch(100, trades(5_000)), None).await.unwrap();
    let mut stream = store.stream_trades(all_trades());
    stream.next().await.unwrap().unwrap();
    let error = store.flushed(&instrument()).await.unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (StoreErrorKind::Resource, true), "{error:?}");
    store.append(&batch(200, trades(6_000)), Some(START.plus(100_000_000))).await.unwrap();
    store.verify().await.unwrap();
    drop(stream);
    store.flushed(&instrument()).await.unwrap();
}

#[tokio::test]
async fn limits_are_the_servers_and_what_hits_them_may_be_tried_again() {
    if onetape_testdb::one_session("no statement waits for a lock") {
        return;
    }
    let Some((_store, database)) = support::store().await else { return };
    let mut pools = Pools::default();
    pools.writer.lock_timeout = MOMENT;
    pools.reader.lock_timeout = Duration::ZERO;
    pools.reader.statement_timeout = MOMENT;
    let store = TimescaleStore::connect_with(database.url(), &pools).await.unwrap();
    store.append(&batch(100, trades(10)), None).await.unwrap();
    let mut other = connect(&database).await;
    let lock = "BEGIN; LOCK TABLE instrument_clock IN ACCESS EXCLUSIVE MODE";
    sqlx::raw_sql(lock).execute(&mut other).await.unwrap();
    let next = batch(200, trades(20));
    let expected = Some(START.plus(100_000_000));
    for error in
        [store.append(&next, expected).await.unwrap_err(), store.flushed(&instrument()).await.unwrap_err()]
    {
        assert_eq!((error.kind(), error.is_retryable()), (StoreErrorKind::Timeout, true), "{error:?}");
    }
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    store.append(&next, expected).await.unwrap();
}

#[tokio::test]
async fn a_stream_that_nobody_reads_ends_and_says_so() {
    if onetape_testdb::one_session("it ends no session") {
        return;
    }
    let Some((first, database)) = support::store().await else { return };
    first.close().await;
    let mut pools = tight();
    pools.reader.idle_in_transaction_timeout = MOMENT;
    pools.reader.acquire_timeout = Duration::from_secs(10);
    let store = TimescaleStore::connect_with(database.url(), &pools).await.unwrap();
    store.append(&batch(100, trades(3_000)), None).await.unwrap();
    let mut stream = store.stream_trades(all_trades());
    stream.next().await.unwrap().unwrap();
    let mut other = connect(&database).await;
    let reading = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                   AND application_name = 'onetape reader'";
    let ended =
        async { while sqlx::query_scalar::<_, i64>(reading).fetch_one(&mut other).await.unwrap() > 0 {} };
    tokio::time::timeout(Duration::from_secs(20), ended).await.expect("the server never ended the session");
    let rest: Vec<Result<_, StoreError>> = stream.collect().await;
    let error = rest.last().unwrap().as_ref().unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
    assert_eq!(store.flushed(&instrument()).await.unwrap(), Some(START.plus(100_000_000)));
}

#[tokio::test]
async fn lost_connections_are_replaced() {
    if onetape_testdb::one_session("it ends no session") {
        return;
    }
    let Some((store, database)) = support::store().await else { return };
    let mut other = connect(&database).await;
    store.append(&batch(100, trades(10)), None).await.unwrap();
    store.flushed(&instrument()).await.unwrap();
    assert!(terminate(&mut other).await >= 2);
    // A write finds out before it has done anything, and takes another connection.
    store.append(&batch(200, trades(20)), Some(START.plus(100_000_000))).await.unwrap();
    // A read says that it may be tried again, once at most for each connection that was lost.
    for _ in 0..Pools::default().reader.max_connections {
        if let Err(error) = store.flushed(&instrument()).await {
            assert!(error.is_retryable(), "{error:?}");
        }
    }
    assert_eq!(store.flushed(&instrument()).await.unwrap(), Some(START.plus(200_000_000)));
}

#[tokio::test]
async fn a_server_that_goes_away_again_and_again_loses_and_doubles_nothing() {
    if onetape_testdb::one_session("it ends no session") {
        return;
    }
    let Some((store, database)) = support::store().await else { return };
    let market = Market { seconds: 120, start: START, ..Market::new(instrument(), 5) };
    let messages = faults::late_trades(market.messages(), 2, 30, 20_000);
    let recording = Recording::of(VenueRules::BINANCE_SPOT, &messages, 20);
    let mut other = connect(&database).await;
    let written = AtomicUsize::new(0);
    let write = async {
        let (mut expected, mut failures) = (None, 0);
        for batch in recording.batches() {
            while let Err(error) = store.append(batch, expected).await {
                assert!(error.is_retryable(), "{error:?}");
                failures += 1;
            }
            expected = Some(batch.clock.issued);
            written.fetch_add(1, Ordering::Relaxed);
        }
        failures
    };
    let read = async {
        loop {
            match store.quarantined(10).await.and(dump(&store, &instrument()).await) {
                Ok(_) => {}
                Err(error) => assert!(error.is_retryable(), "{error:?}"),
            }
        }
    };
    // Once a batch, after a few round trips more or less: before it begins, in its midst, at its end.
    let interrupt = async {
        let mut seen = 0;
        loop {
            let now = written.load(Ordering::Relaxed);
            for _ in 0..=now % 7 {
                sqlx::raw_sql("SELECT 1").execute(&mut other).await.unwrap();
            }
            if now > seen {
                seen = now;
                terminate(&mut other).await;
            }
        }
    };
    let failures = tokio::select! {
        failures = write => failures,
        () = read => unreachable!("it reads without end"),
        () = interrupt => unreachable!("it interrupts without end"),
    };
    println!("{failures} calls of {} failed", recording.batches().len());
    assert!(failures > 0, "nothing was interrupted");
    let found = loop {
        match dump(&store, &instrument()).await {
            Ok(found) => break found,
            Err(error) => assert!(error.is_retryable(), "{error:?}"),
        }
    };
    assert!(found == recording.reference().dump(), "rows were lost or doubled");
}

#[tokio::test]
async fn a_pool_without_connections_is_refused() {
    let mut pools = Pools::default();
    pools.admin.max_connections = 0;
    let refused =
        TimescaleStore::connect_with("postgres://nobody@127.0.0.1:1/none", &pools).await.unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::Invalid, "{refused:?}");
}
