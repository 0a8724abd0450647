//! Loads: by COPY and by INSERT the same rows, with the indicators they would have had, and undone when given up.

use futures::FutureExt as _;
use onetape_domain::change::{CandleChange, Changes};
use onetape_domain::expiry::Expiry;
use onetape_domain::time::{SECOND, Timeframe, Timestamp};
use onetape_ports::{
    ArchiveStore as _, ClockStore as _, Load, LoadEnd, LoadRows, StoreErrorKind, TapeStore as _,
};
use sqlx::PgConnection;

use crate::roles::Roles;
use crate::support::{START, batch, candle, clock, connect, instrument, store, trades};

/// Longer than a piece, and than two windows.
const MINUTES: i64 = 2_700;

fn at(seconds: i64) -> Timestamp {
    START.plus(seconds * SECOND)
}

fn load() -> Load {
    Load { instrument: instrument(), issued: Some(at(1_000_000)) }
}

fn end() -> LoadEnd {
    let clock = Some(clock(at(1_000_000)));
    LoadEnd { instrument: instrument(), clock, expiry: Expiry::NOTHING, imports: Vec::new() }
}

/// Minutes whose closes move, some closed late, some revised much later, one that comes where none was.
fn minutes() -> Vec<CandleChange> {
    let open_time = |minute: i64| Timeframe::M1.open_time(START).plus(minute * 60 * SECOND);
    let version = |minute: i64, revision: u32, after: i64| {
        let mut one =
            candle(Timeframe::M1, open_time(minute), revision, open_time(minute).plus(60 * SECOND + after));
        let mut sum = *one.ohlcv();
        let close = 2_500 + (minute * minute + i64::from(revision) * 17) % 41;
        let price = |value: i64| crate::support::price(&value.to_string());
        (sum.open, sum.high, sum.low, sum.close) = (price(close), price(close), price(close), price(close));
        let known_from = one.known_from().expect("a stamp");
        one = onetape_domain::candle::Candle::closed(
            Timeframe::M1,
            open_time(minute),
            sum,
            revision,
            known_from,
        )
        .expect("a candle");
        CandleChange { candle: one, replaces: None }
    };
    let mut all: Vec<CandleChange> =
        (0..MINUTES).filter(|minute| *minute != 700).map(|minute| version(minute, 1, 2_000_000)).collect();
    // Revised while later ones are known, across the border of two pieces.
    for minute in [10, 600, 1_700, 1_995, 2_001, 2_600] {
        all.push(version(minute, 2, 40_000 * SECOND + minute));
        all.push(version(minute, 3, 50_000 * SECOND + minute));
    }
    // A minute that nobody knew of until much later.
    all.push(version(700, 1, 60_000 * SECOND));
    all.sort_by_key(|change| (change.candle.known_from(), change.candle.open_time()));
    all
}

async fn indicators(connection: &mut PgConnection) -> Vec<String> {
    let rows = "SELECT row_to_json(row)::text FROM ohlcv_indicators AS row ORDER BY timeframe, timestamp, known_from";
    sqlx::query_scalar(rows).fetch_all(connection).await.expect("the table is there")
}

/// All rows of an instrument in the form of a load: current versions, and those before them.
fn rows(changes: &[CandleChange]) -> [LoadRows; 2] {
    let mut current = std::collections::BTreeMap::new();
    let mut replaced = Vec::new();
    for CandleChange { candle, .. } in changes {
        if let Some(before) = current.insert(candle.open_time(), *candle) {
            let known_to = candle.known_from().expect("a stamp");
            replaced.push(onetape_domain::candle::SupersededCandle { candle: before, known_to });
        }
    }
    [LoadRows::Candles(current.into_values().collect()), LoadRows::Superseded(replaced)]
}

#[tokio::test]
async fn loaded_candles_have_the_indicators_they_would_have_had() {
    let Some((written, database)) = store().await else { return };
    let changes = minutes();
    let mut expected = None;
    for part in changes.chunks(400) {
        let stamp = part.last().and_then(|change| change.candle.known_from()).expect("a stamp");
        let seconds = stamp.since(START) / SECOND + 1;
        // Several candles of one stamp, or of one second, belong into one batch; chunks end between them.
        let batch = batch(seconds, Changes { candles: part.to_vec(), ..Changes::default() });
        written.append(&batch, expected).await.expect("written");
        expected = Some(batch.clock.issued);
    }
    let live = indicators(&mut connect(&database).await).await;
    assert!(live.len() > 5_000, "{} rows", live.len());

    let Some((loaded, database)) = store().await else { return };
    loaded.begin_load(&load()).await.expect("begun");
    for rows in rows(&changes) {
        loaded.load(&instrument(), &rows).await.expect("loaded");
    }
    loaded.finish_load(&end()).await.expect("finished");
    let copied = indicators(&mut connect(&database).await).await;
    assert_eq!(copied.len(), live.len());
    let differing = copied.iter().zip(&live).find(|(copied, live)| copied != live);
    assert_eq!(differing, None);
}

async fn count(database: &onetape_testdb::TestDb, table: &str) -> i64 {
    let mut connection = connect(database).await;
    let query = format!("SELECT count(*) FROM {table}");
    sqlx::query_scalar(&query).fetch_one(&mut connection).await.expect("the table is there")
}

#[tokio::test]
async fn a_load_that_is_dropped_leaves_nothing_and_the_next_one_goes_through() {
    let Some((store, database)) = store().await else { return };
    store.begin_load(&load()).await.expect("begun");
    let rows = LoadRows::Trades(trades(20_000).trades);
    for polls in [1, 2, 3, 5, 8, 13, 21] {
        let one = instrument();
        let mut loading = store.load(&one, &rows).boxed_local();
        for _ in 0..polls {
            if futures::poll!(&mut loading).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(loading);
        let stored = count(&database, "trade_events").await;
        assert!(stored == 0 || stored == 20_000, "{stored} rows of a call that was dropped");
    }
    store.load(&load().instrument, &rows).await.expect("loaded");
    assert_eq!(count(&database, "trade_events").await, 20_000);
    let broken = trades(3).trades.into_iter().map(|mut trade| {
        trade.key.event_time = Timestamp::from_micros(0);
        trade
    });
    let error =
        store.load(&load().instrument, &LoadRows::Trades(broken.collect())).await.expect_err("no such time");
    assert_eq!(error.kind(), StoreErrorKind::Data, "{error}");
    assert_eq!(count(&database, "trade_events").await, 20_000);
}

#[tokio::test]
async fn the_first_batch_and_a_load_exclude_each_other() {
    let Some((store, _database)) = store().await else { return };
    for round in 0..8 {
        let name = format!("binance:A{round}/USDT");
        let one: onetape_domain::instrument::Instrument = name.parse().expect("an instrument");
        let clock = onetape_domain::clock::InstrumentClock { instrument: one.clone(), ..clock(at(100)) };
        let batch = onetape_domain::change::TapeBatch { instrument: one.clone(), changes: trades(10), clock };
        let load = Load { instrument: one.clone(), issued: Some(at(200)) };
        let (written, begun) = tokio::join!(store.append(&batch, None), store.begin_load(&load));
        assert!(written.is_ok() != begun.is_ok(), "{written:?} {begun:?}");
        let refused = written.err().or(begun.err()).expect("one of them");
        assert_eq!(refused.kind(), StoreErrorKind::Conflict);
        let is_loading = store.load_under_way(&one).await.expect("asked").is_some();
        assert!(is_loading != store.flushed(&one).await.expect("asked").is_some());
    }
}

#[tokio::test]
async fn readers_may_not_load_and_the_writer_may() {
    let Some((store, database)) = store().await else { return };
    let roles = Roles::of(database);
    store.setup_roles(&roles.names).await.expect("roles");
    for (name, group, may) in
        [("reader", roles.names.reader(), false), ("writer", roles.names.writer(), true)]
    {
        let store = roles.open(name, &group).await;
        let begun = store.begin_load(&load()).await;
        assert_eq!(begun.is_ok(), may, "{name}: {begun:?}");
        let loaded = store.load(&instrument(), &LoadRows::Trades(trades(10).trades)).await;
        assert_eq!(loaded.is_ok(), may, "{name}: {loaded:?}");
        let finished = store.finish_load(&end()).await;
        assert_eq!(finished.is_ok(), may, "{name}: {finished:?}");
        store.close().await;
    }
    store.close().await;
}
