//! Published candles through the database's own roll-ups: in order, shuffled, twice, compressed, corrected, dropped.

use onetape_domain::candle::{Candle, Ohlcv, roll_up};
use onetape_domain::change::{CandleChange, Changes};
use onetape_domain::decimal::{Price, Quantity, canonical};
use onetape_domain::time::{SECOND, Timeframe, Timestamp};
use onetape_domain::trade::TradeKey;
use onetape_ports::TapeStore;
use onetape_timescale::{Edition, TimescaleStore};
use sqlx::PgConnection;

use crate::maintain::maintain;
use crate::support::{self, START, batch, connect};

mod published;

use published::{Candles, Published};

const DAY: i64 = 86_400 * SECOND;

/// Seconds after the tests' start, of an instant.
fn after_start(time: Timestamp) -> i64 {
    time.since(START) / SECOND
}

/// One version of every candle that the seconds make, in all timeframes.
fn versions(seconds: &Candles, revision: u32) -> Vec<CandleChange> {
    let of = |timeframe: Timeframe| {
        let rolled = roll_up(seconds.iter().map(|(time, ohlcv)| (*time, ohlcv)), timeframe).unwrap();
        rolled.into_iter().map(move |(open_time, ohlcv)| {
            let known_from = timeframe.close_time(open_time).plus(i64::from(revision) * SECOND);
            let candle = Candle::closed(timeframe, open_time, ohlcv, revision, known_from).unwrap();
            CandleChange { candle, replaces: None }
        })
    };
    Timeframe::ALL.into_iter().flat_map(of).collect()
}

/// What the tables of a name pattern show, as text.
async fn shown(connection: &mut PgConnection, name: &str) -> Vec<String> {
    let query = format!(
        "SELECT concat_ws(' ', extract(epoch FROM timestamp)::bigint, trim_scale(open_price), trim_scale(high_price),
             trim_scale(low_price), trim_scale(close_price), trim_scale(volume), trade_count, taker_buy_volume)
         FROM {name} ORDER BY timestamp"
    );
    sqlx::query_scalar(&query).fetch_all(connection).await.unwrap()
}

fn text(candles: &Candles) -> Vec<String> {
    let line = |(time, ohlcv): (&Timestamp, &Ohlcv)| {
        let numbers = [ohlcv.open, ohlcv.high, ohlcv.low, ohlcv.close].map(|price| canonical(price.get()));
        let volume = canonical(ohlcv.volume.get());
        format!("{} {} {volume} {}", time.micros() / SECOND, numbers.join(" "), ohlcv.trade_count.unwrap())
    };
    candles.iter().map(line).collect()
}

/// Tables and aggregates of every timeframe hold these seconds rolled up.
async fn assert_rolled_up(connection: &mut PgConnection, seconds: &Candles, what: &str) {
    for timeframe in &Timeframe::ALL[1..] {
        let rolled = roll_up(seconds.iter().map(|(time, ohlcv)| (*time, ohlcv)), *timeframe).unwrap();
        let expected = text(&rolled.into_iter().collect());
        for name in [format!("ohlcv_{timeframe}"), format!("ohlcv_{timeframe}_continuous")] {
            let rows = shown(connection, &name).await;
            let differs = rows.iter().zip(&expected).find(|(got, wanted)| got != wanted);
            assert!(
                rows == expected,
                "{what}: {name} has {} of {} rows; {differs:?}",
                rows.len(),
                expected.len()
            );
        }
    }
}

/// Writes changes in so many batches, one clock after the other.
async fn write(store: &TimescaleStore, changes: &[CandleChange], clock: &mut Option<Timestamp>) {
    // Far enough for every candle to be closed at any of them.
    let last = changes.iter().map(|change| change.candle.open_time()).max().unwrap();
    let first = clock.unwrap_or_else(|| last.plus(2 * DAY));
    for (at, part) in (1..).zip(changes.chunks(4_000)) {
        let changes = Changes { candles: part.to_vec(), ..Changes::default() };
        let next = first.plus(at * SECOND);
        store.append(&batch(after_start(next), changes), *clock).await.unwrap();
        *clock = Some(next);
    }
}

fn shuffled(mut changes: Vec<CandleChange>) -> Vec<CandleChange> {
    let mut state = 7_u64;
    for last in (1..changes.len()).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let other = usize::try_from(state >> 33).unwrap() % (last + 1);
        changes.swap(last, other);
    }
    changes
}

#[tokio::test]
async fn a3_in_order_shuffled_and_twice() {
    in_order_shuffled_and_twice(Published::coinbase()).await;
}

#[tokio::test]
async fn a4_in_order_shuffled_and_twice() {
    in_order_shuffled_and_twice(Published::binance()).await;
}

#[tokio::test]
async fn a3_after_compression_late_rows_and_refresh() {
    after_compression_late_rows_and_refresh(Published::coinbase()).await;
}

#[tokio::test]
async fn a4_after_compression_late_rows_and_refresh() {
    after_compression_late_rows_and_refresh(Published::binance()).await;
}

async fn in_order_shuffled_and_twice(published: Option<Published>) {
    let Some(Published { first_day, seconds, coarser, .. }) = published else { return };
    let changes = versions(&seconds, 1);
    for (what, changes, times) in [
        ("in order", changes.clone(), 1),
        ("shuffled", shuffled(changes.clone()), 1),
        ("twice", [changes.clone(), shuffled(changes)].concat(), 2),
    ] {
        let Some((store, database)) = support::store().await else { return };
        let mut connection = connect(&database).await;
        let mut clock = None;
        // Refreshed in the middle, so that the second half comes late to the aggregates.
        let half = changes.len() / 2;
        write(&store, &changes[..half], &mut clock).await;
        let now = first_day.plus(3 * DAY);
        // Half of the seconds make other minutes than ours: the audit says so, where the halves were mixed.
        let found = maintain(&store, now).await;
        assert!(found.differences() > 0 || times == 2, "{what}: {found}");
        write(&store, &changes[half..], &mut clock).await;
        let report = maintain(&store, now).await;
        assert_eq!(report.differences(), 0, "{what}: {report}");
        let compared: Vec<u64> = report.audited.iter().map(|one| one.compared).collect();
        let counts: Vec<u64> = coarser.values().map(|candles| candles.len() as u64).collect();
        assert_eq!(compared, counts, "{what}: {report}");
        assert_rolled_up(&mut connection, &seconds, what).await;
        for (timeframe, candles) in &coarser {
            let rows = shown(&mut connection, &format!("ohlcv_{timeframe}_continuous")).await;
            assert_eq!(rows, text(candles), "{what}");
        }
    }
}

async fn after_compression_late_rows_and_refresh(published: Option<Published>) {
    let Some(Published { first_day, mut seconds, quiet, chunks, .. }) = published else { return };
    let Some((store, database)) = support::store().await else { return };
    let mut connection = connect(&database).await;
    let mut clock = None;
    write(&store, &versions(&seconds, 1), &mut clock).await;
    let now = first_day.plus(40 * DAY);
    let report = maintain(&store, now).await;
    if store.verify().await.unwrap() == Edition::Community {
        let compressed = report.compressed.iter().find(|table| table.table == "ohlcv_1s").unwrap();
        assert_eq!((compressed.chunks, compressed.rows), (chunks, seconds.len() as u64), "{report}");
        assert!(compressed.bytes_after < compressed.bytes_before / 2, "{report}");
    }
    assert_rolled_up(&mut connection, &seconds, "compressed").await;
    // Late trades: every hundredth second is traded more, and two quiet ones are traded after all.
    let late: Vec<Timestamp> = seconds.keys().copied().step_by(100).collect();
    for time in late {
        let ohlcv = seconds.get_mut(&time).unwrap();
        ohlcv.high = Price::parse("price", "99999.99").unwrap();
        ohlcv.volume = ohlcv.volume.checked_add(Quantity::parse("volume", "0.00000001").unwrap()).unwrap();
    }
    let example = *seconds.values().next().unwrap();
    for quiet in quiet {
        let time: Timestamp = quiet.parse().unwrap();
        let key = TradeKey { event_time: time, sequence: 0, index: 0 };
        assert!(
            seconds.insert(time, Ohlcv { first: key, last: key, ..example }).is_none(),
            "{quiet} is traded"
        );
    }
    write(&store, &versions(&seconds, 2), &mut clock).await;
    for _ in 0..2 {
        let report = maintain(&store, now).await;
        assert_eq!(report.differences(), 0, "{report}");
        assert_rolled_up(&mut connection, &seconds, "corrected").await;
    }
}

#[tokio::test]
async fn retention_and_then_refresh_loses_no_aggregate() {
    let Some(Published { first_day, seconds, .. }) = Published::coinbase() else { return };
    let Some((store, database)) = support::store().await else { return };
    let mut connection = connect(&database).await;
    write(&store, &versions(&seconds, 1), &mut None).await;
    maintain(&store, first_day.plus(3 * DAY)).await;
    assert_rolled_up(&mut connection, &seconds, "before").await;
    // The seconds of the first day are older than 730 days, those of the second are not.
    let now = first_day.plus(731 * DAY + DAY / 2);
    let first: usize = seconds.keys().filter(|time| **time < first_day.plus(DAY)).count();
    let report = maintain(&store, now).await;
    let dropped = report.dropped.iter().find(|one| one.relation == "ohlcv_1s").unwrap();
    assert_eq!((dropped.chunks, dropped.rows), (1, first as u64), "{report}");
    for days in [0, 1] {
        let report = maintain(&store, now.plus(days * DAY / 4)).await;
        assert_eq!(report.differences(), 0, "{report}");
        assert!(report.dropped.is_empty(), "{report}");
        assert_rolled_up(&mut connection, &seconds, "dropped and refreshed").await;
    }
    if store.verify().await.unwrap() == Edition::Community {
        // The server's own policies, run by hand, know the same bounds.
        let jobs: Vec<i32> =
            sqlx::query_scalar("SELECT job_id FROM timescaledb_information.jobs WHERE proc_name ~ 'refresh'")
                .fetch_all(&mut connection)
                .await
                .unwrap();
        assert_eq!(jobs.len(), 5);
        for job in jobs {
            sqlx::query("CALL run_job($1)").bind(job).execute(&mut connection).await.unwrap();
        }
        assert_rolled_up(&mut connection, &seconds, "refreshed by policy").await;
    }
}

#[tokio::test]
async fn the_audit_names_what_differs() {
    let Some(Published { first_day, seconds, .. }) = Published::coinbase() else { return };
    let Some((store, database)) = support::store().await else { return };
    let mut connection = connect(&database).await;
    write(&store, &versions(&seconds, 1), &mut None).await;
    let now = first_day.plus(3 * DAY);
    assert_eq!(maintain(&store, now).await.differences(), 0);
    for change in [
        "UPDATE ohlcv_1m SET volume = volume + 1 WHERE timestamp = '2016-10-07 00:00Z'",
        "DELETE FROM ohlcv_1h WHERE timestamp = '2016-10-08 05:00Z'",
        "DELETE FROM ohlcv_1s WHERE timestamp = '2016-10-08 23:59:58Z'",
    ] {
        sqlx::query(change).execute(&mut connection).await.unwrap();
    }
    let report = maintain(&store, now).await;
    let of = |name: &str| report.audited.iter().find(|one| one.aggregate == name).unwrap();
    let minute = &of("ohlcv_1m_continuous").differences[0];
    let expected = "binance:ETH/USDT 2016-10-07T00:00:00Z: the table has o 611.78 h 611.91 l 611.78 c 611.9 v 2.13872 n 0 \
                    taker unknown; rolled up it is o 611.78 h 611.91 l 611.78 c 611.9 v 1.13872 n 0 taker unknown";
    assert_eq!(minute, expected);
    let hour = &of("ohlcv_1h_continuous").differences[0];
    assert!(hour.contains("2016-10-08T05:00:00Z: the table has no candle; rolled up it is o "), "{hour}");
    assert!(report.to_string().contains(hour), "{report}");
}
