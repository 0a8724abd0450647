//! A network that fails: whatever it does to a write, the write succeeds or says that it may be tried again, and in the end
//! nothing is lost and nothing there twice.

use std::net::SocketAddr;
use std::time::Duration;

use onetape_domain::venue::VenueRules;
use onetape_ports::{
    ArchiveStore as _, ClockStore as _, LoadRows, StoreError, StoreErrorKind, TapeStore as _,
};
use onetape_simulator::proxy::{Condition, Direction, Proxy};
use onetape_testdb::TestDb;
use onetape_testkit::generator::{Market, Rng, faults};
use onetape_testkit::{Recording, dump};
use onetape_timescale::{PoolOptions, Pools, TimescaleStore};
use url::Url;

use crate::support::{self, START, batch, connect, counts, instrument, trades};

/// A store behind a proxy, the proxy, and its database; none as a visible skip. It waits so long for a connection and for a
/// statement.
async fn proxied(limit: Duration) -> Option<(TimescaleStore, Proxy, TestDb)> {
    if onetape_testdb::one_session("it forgets no session whose client is gone") {
        return None;
    }
    let (direct, database) = support::store().await?;
    direct.close().await;
    let mut url = Url::parse(database.url()).unwrap();
    let server: SocketAddr = format!("127.0.0.1:{}", url.port().unwrap_or(5432)).parse().unwrap();
    let proxy = Proxy::start(server).await.unwrap();
    url.set_port(Some(proxy.address().port())).unwrap();
    url.set_host(Some("127.0.0.1")).unwrap();
    let short =
        |options: PoolOptions| PoolOptions { acquire_timeout: limit, statement_timeout: limit, ..options };
    let Pools { reader, writer, admin } = Pools::default();
    let pools = Pools { reader: short(reader), writer: short(writer), admin };
    Some((TimescaleStore::connect_with(url.as_str(), &pools).await.unwrap(), proxy, database))
}

/// Tries a call until it succeeds; how often it failed. Every failure must say that it may be tried again.
async fn insist<T>(mut call: impl AsyncFnMut() -> Result<T, StoreError>) -> (T, usize) {
    for failures in 0..100 {
        match call().await {
            Ok(value) => return (value, failures),
            Err(error) => assert!(error.is_retryable(), "{error:?}"),
        }
    }
    panic!("it failed a hundred times");
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_survive_connections_that_are_cut_at_any_byte() {
    let Some((store, proxy, _database)) = proxied(Duration::from_secs(10)).await else { return };
    let market = Market { seconds: 90, start: START, ..Market::new(instrument(), 11) };
    let messages = faults::late_trades(market.messages(), 3, 30, 20_000);
    let recording = Recording::of(VenueRules::BINANCE_SPOT, &messages, 20);
    let mut rng = Rng::new(5);
    let (mut expected, mut failed, mut came) = (None, 0, 0);
    for (number, batch) in recording.batches().iter().enumerate() {
        // What a batch sends and receives is between one and some tens of kilobytes.
        let direction = if number % 2 == 0 { Direction::ToServer } else { Direction::ToClient };
        let most = if direction == Direction::ToServer { 20_000 } else { 900 };
        proxy.cut_after(direction, rng.between(0, most).unsigned_abs());
        let ((), failures) = insist(async || store.append(batch, expected).await).await;
        failed += failures;
        came += usize::from(!proxy.call_off());
        expected = Some(batch.clock.issued);
    }
    let batches = recording.batches().len();
    println!("{came} connections were cut during {batches} batches, {failed} calls failed");
    assert!(came > batches / 3 && failed > batches / 5, "{came} cuts, {failed} failures of {batches}");
    let found = dump(&store, &instrument()).await.unwrap();
    assert!(found == recording.reference().dump(), "rows were lost or doubled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_answer_is_given_up_and_written_to_later() {
    let Some((store, proxy, _database)) = proxied(Duration::from_millis(400)).await else { return };
    store.append(&batch(100, trades(10)), None).await.unwrap();
    let mut seconds = 100;
    let conditions = [
        Condition::BlackHole,
        Condition::Held(Direction::ToClient),
        Condition::Held(Direction::ToServer),
        Condition::Refused,
    ];
    for condition in conditions {
        let expected = Some(START.plus(seconds * 1_000_000));
        seconds += 100;
        let next = batch(seconds, trades(seconds / 10));
        proxy.set(condition);
        if condition == Condition::Refused {
            proxy.cut();
        }
        // It gives up after three times the limit; without one it would wait for ever.
        let bound = Duration::from_secs(10);
        let written = tokio::time::timeout(bound, store.append(&next, expected)).await;
        let error = written.unwrap_or_else(|_| panic!("{condition:?}: it waits")).unwrap_err();
        assert!(error.is_retryable(), "{condition:?}: {error:?}");
        let read = tokio::time::timeout(bound, store.flushed(&instrument())).await;
        let error = read.unwrap_or_else(|_| panic!("{condition:?}: it waits")).unwrap_err();
        assert!(error.is_retryable(), "{condition:?}: {error:?}");
        proxy.set(Condition::Open);
        insist(async || store.append(&next, expected).await).await;
        let (flushed, _) = insist(async || store.flushed(&instrument()).await).await;
        assert_eq!(flushed, Some(START.plus(seconds * 1_000_000)), "{condition:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_network_is_no_failure() {
    let Some((store, proxy, _database)) = proxied(Duration::from_secs(10)).await else { return };
    proxy.set(Condition::Delayed(Duration::from_millis(20)));
    store.append(&batch(100, trades(100)), None).await.unwrap();
    assert_eq!(store.flushed(&instrument()).await.unwrap(), Some(START.plus(100_000_000)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_is_cut_half_way_leaves_nothing_and_can_be_done_again() {
    let Some((store, proxy, database)) = proxied(Duration::from_secs(10)).await else { return };
    let load = onetape_ports::Load { instrument: instrument(), issued: Some(START) };
    store.begin_load(&load).await.unwrap();
    let one = instrument();
    let mut stored = 0;
    for (round, bytes) in [1_000, 100_000, 700_000, 1_500_000].into_iter().enumerate() {
        // Rows of their own each time: some 100 bytes a trade.
        let rows = trades(20_000 * (round as i64 + 1)).trades.split_off(20_000 * round);
        let rows = LoadRows::Trades(rows);
        let before = proxy.passed(Direction::ToServer);
        proxy.cut_after(Direction::ToServer, bytes);
        let error = store.load(&one, &rows).await.unwrap_err();
        assert_eq!((error.kind(), error.is_retryable()), (StoreErrorKind::Connection, true), "{error:?}");
        assert_eq!(proxy.passed(Direction::ToServer), before + bytes, "cut in the midst of it");
        let found = counts(&mut connect(&database).await).await;
        assert!(found.contains(&("trade_events".to_owned(), stored)), "{found:?}");
        store.load(&one, &rows).await.unwrap();
        // As after an answer that was lost: the rows are there, and loading them again adds none.
        store.load(&one, &rows).await.unwrap();
        stored += 20_000;
        let found = counts(&mut connect(&database).await).await;
        assert!(found.contains(&("trade_events".to_owned(), stored)), "{found:?}");
    }
}
