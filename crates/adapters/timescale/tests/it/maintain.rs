//! Maintenance: what it does on each edition, and that nothing a reader sees depends on it.

use onetape_domain::change::Changes;
use onetape_domain::expiry::Expiry;
use onetape_domain::frame::{FrameShape, InferenceDataFrame, assemble};
use onetape_domain::quality::Tier;
use onetape_domain::time::{SECOND, Timeframe, Timestamp};
use onetape_domain::venue::VenueRules;
use onetape_ports::{FrameQuery, FrameStore, Knowledge, StoreErrorKind, TapeStore};
use onetape_testkit::generator::{Market, faults};
use onetape_testkit::{ManualClock, Recording, dump};
use onetape_timescale::{AuditScope, Edition, Maintained, MaintenanceReport, TimescaleStore};

use crate::support::{self, START, batch, candles, connect, instrument, trades};

const DAY: i64 = 86_400 * SECOND;

/// Maintains a store as of an instant.
pub(crate) async fn maintain(store: &TimescaleStore, now: Timestamp) -> MaintenanceReport {
    match store.maintain(&ManualClock::new(now), AuditScope::Everything).await.unwrap() {
        Maintained::Done(report) => report,
        Maintained::Busy(holder) => panic!("{holder}"),
    }
}

/// The simulated market with late trades, whose rows come into three chunks.
pub(crate) fn recording() -> Recording {
    let market = Market { seconds: 200, start: START.plus(-100 * SECOND), ..Market::new(instrument(), 7) };
    let messages = faults::late_trades(market.messages(), 1, 20, 30_000);
    Recording::of(VenueRules::BINANCE_SPOT, &messages, 70)
}

async fn frame(store: &TimescaleStore, as_of: Timestamp) -> InferenceDataFrame {
    let query = FrameQuery {
        instrument: instrument(),
        as_of,
        shape: FrameShape::DEFAULT,
        knowledge: Knowledge::AsRecorded,
    };
    let parts = store.frame_parts(&query).await.unwrap();
    assemble(instrument(), as_of, FrameShape::DEFAULT, parts).unwrap()
}

/// The canonical frames of a recording, at every so many stamps.
async fn frames(store: &TimescaleStore, recording: &Recording) -> Vec<String> {
    let mut frames = Vec::new();
    for as_of in recording.stamps().iter().step_by(97).copied() {
        frames.push(frame(store, as_of).await.to_canonical_json());
    }
    assert!(frames.len() > 20, "{}", frames.len());
    frames
}

#[tokio::test]
async fn frames_and_tables_are_the_same_after_maintenance() {
    let Some((store, _database)) = support::store().await else { return };
    let recording = recording();
    recording.write(&store).await.unwrap();
    let before = (frames(&store, &recording).await, dump(&store, &instrument()).await.unwrap());
    for days in [1, 20, 21] {
        let report = maintain(&store, START.plus(days * DAY)).await;
        assert_eq!((report.differences(), report.dropped.len()), (0, 0), "{report}");
        let compressed: u64 = report.compressed.iter().map(|table| table.chunks).sum();
        match store.verify().await.unwrap() {
            Edition::Community if days == 20 => assert!(compressed > 8, "{report}"),
            _ => assert_eq!(compressed, 0, "{report}"),
        }
        let after = (frames(&store, &recording).await, dump(&store, &instrument()).await.unwrap());
        assert!(after == before, "after {days} days:\n{report}");
    }
}

#[tokio::test]
async fn rows_written_into_compressed_chunks_are_as_any_other() {
    let Some((store, _database)) = support::store().await else { return };
    let Some((other, _other)) = support::store().await else { return };
    let recording = recording();
    recording.write(&other).await.unwrap();
    let mut expected = None;
    for (number, batch) in recording.batches().iter().enumerate() {
        store.append(batch, expected).await.unwrap();
        // What was written before is written again, and finds itself there.
        store.append(batch, expected).await.unwrap();
        expected = Some(batch.clock.issued);
        if number % 4 == 0 {
            maintain(&store, START.plus(20 * DAY)).await;
        }
    }
    let report = maintain(&store, START.plus(20 * DAY)).await;
    assert_eq!(report.differences(), 0, "{report}");
    assert!(dump(&store, &instrument()).await.unwrap() == dump(&other, &instrument()).await.unwrap());
    assert!(frames(&store, &recording).await == frames(&other, &recording).await);
}

#[tokio::test]
async fn late_rows_beyond_the_decompression_limit_are_written() {
    let Some((store, database)) = support::store().await else { return };
    let days = 3;
    // Compressed batches hold a thousand rows at most: these are seven or so of each day.
    let sparse = |revision: u32| Changes {
        candles: candles(Timeframe::S1, days * 86_400)
            .into_iter()
            .step_by(13)
            .map(|mut change| {
                let known_from = change.candle.known_from().unwrap().plus(i64::from(revision) * SECOND);
                change.candle =
                    support::candle(Timeframe::S1, change.candle.open_time(), revision, known_from);
                change
            })
            .collect(),
        ..Changes::default()
    };
    store.append(&batch(4 * 86_400, sparse(1)), None).await.unwrap();
    maintain(&store, START.plus(20 * DAY)).await;
    // The server's own limit, a twentieth of it, so that a small table reaches it.
    let limit = format!(
        "ALTER DATABASE \"{}\" SET timescaledb.max_tuples_decompressed_per_dml_transaction = 5000",
        database.name()
    );
    let mut connection = connect(&database).await;
    if store.verify().await.unwrap() == Edition::Community {
        sqlx::query(&limit).execute(&mut connection).await.unwrap();
    }
    let limited = TimescaleStore::connect(database.url()).await.unwrap();
    let mut late = sparse(2);
    late.candles = late.candles.into_iter().step_by(500).collect();
    let count = i64::try_from(late.candles.len()).unwrap();
    let expected = Some(START.plus(4 * 86_400 * SECOND));
    limited.append(&batch(4 * 86_400 + 10, late), expected).await.unwrap();
    let revised: i64 = sqlx::query_scalar("SELECT count(*) FROM ohlcv_1s WHERE revision = 2")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(revised, count);
    // Each chunk was decompressed for them, since no transaction may touch so much of it.
    let compressed: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM timescaledb_information.chunks WHERE hypertable_name = 'ohlcv_1s' AND is_compressed",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    assert_eq!(compressed, 0);
    let report = maintain(&limited, START.plus(20 * DAY)).await;
    if store.verify().await.unwrap() == Edition::Community {
        let again = report.compressed.iter().find(|table| table.table == "ohlcv_1s").unwrap();
        assert_eq!((again.chunks, again.rows), (3, 3 * 86_400 / 13 + 1), "{report}");
    }
}

#[tokio::test]
async fn old_chunks_are_dropped_counted_and_stay_dropped() {
    let Some((store, database)) = support::store().await else { return };
    store.append(&batch(100, trades(500)), None).await.unwrap();
    let later = Changes {
        trades: (0..50).map(|id| support::trade(1_000 + id, 3 * 86_400_000 + id * 10)).collect(),
        ..Changes::default()
    };
    store.append(&batch(3 * 86_400 + 100, later), Some(START.plus(100 * SECOND))).await.unwrap();
    let now = START.plus(92 * DAY);
    let report = maintain(&store, now).await;
    let [dropped] = &report.dropped[..] else { panic!("{report}") };
    assert_eq!((dropped.relation.as_str(), dropped.chunks, dropped.rows), ("trade_events", 1, 500));
    assert!(dropped.bytes > 8_192, "{report}");
    assert!(report.to_string().contains("500 rows"), "{report}");
    assert!(maintain(&store, now).await.dropped.is_empty());
    let counts = support::counts(&mut connect(&database).await).await;
    assert!(counts.contains(&("trade_events".to_owned(), 50)), "{counts:?}");
}

#[tokio::test]
async fn the_second_to_maintain_is_told_who_does_and_does_nothing() {
    if onetape_testdb::one_session("who has a lock gets it again") {
        return;
    }
    let Some((store, database)) = support::store().await else { return };
    let mut first = connect(&database).await;
    sqlx::query("SET application_name = 'the first'").execute(&mut first).await.unwrap();
    let lock = "SELECT pg_advisory_lock(x'6f6e657461706502'::bigint)";
    sqlx::query(lock).execute(&mut first).await.unwrap();
    let pid: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut first).await.unwrap();
    let clock = ManualClock::new(START);
    let Maintained::Busy(holder) = store.maintain(&clock, AuditScope::Recent).await.unwrap() else {
        panic!("the lock is held")
    };
    assert_eq!((holder.pid, holder.application.as_deref()), (Some(pid), Some("the first")));
    assert!(holder.to_string().starts_with("the first from 127.0.0.1, process"), "{holder}");
    drop(first);
    // Two at once: the lock is free as soon as a run has ended.
    for _ in 0..3 {
        let both = tokio::join!(
            store.maintain(&clock, AuditScope::Everything),
            store.maintain(&clock, AuditScope::Everything)
        );
        let done = [both.0.unwrap(), both.1.unwrap()];
        assert!(done.iter().any(|one| matches!(one, Maintained::Done(_))), "{done:?}");
    }
    maintain(&store, START).await;
}

#[tokio::test]
async fn compressed_chunks_are_refused_on_the_apache_edition() {
    let Some((store, database)) = support::store().await else { return };
    store.append(&batch(100, trades(500)), None).await.unwrap();
    let report = maintain(&store, START.plus(20 * DAY)).await;
    let mut connection = connect(&database).await;
    if store.verify().await.unwrap() == Edition::Community {
        assert!(!report.compressed.is_empty(), "{report}");
        return;
    }
    // As the Community edition leaves the catalogue.
    let mark = "UPDATE _timescaledb_catalog.chunk SET status = status | 1 \
                WHERE id = (SELECT min(id) FROM _timescaledb_catalog.chunk)";
    sqlx::query(mark).execute(&mut connection).await.unwrap();
    let clock = ManualClock::new(START);
    for error in [
        store.verify().await.unwrap_err(),
        store.migrate().await.unwrap_err(),
        TimescaleStore::setup_url(database.url()).await.unwrap_err(),
        store.maintain(&clock, AuditScope::Everything).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), StoreErrorKind::Schema);
        assert!(error.to_string().contains("1 chunks of this database are compressed"), "{error}");
        assert!(error.to_string().contains("convert_to_rowstore"), "{error}");
    }
}

#[tokio::test]
async fn what_retention_took_is_told_and_marked_as_expired() {
    let Some((store, _database)) = support::store().await else { return };
    let recording = recording();
    recording.write(&store).await.unwrap();
    assert_eq!(store.expiry(&instrument()).await.unwrap(), Expiry::NOTHING);
    maintain(&store, START.plus(20 * DAY)).await;
    assert_eq!(store.expiry(&instrument()).await.unwrap(), Expiry::NOTHING, "nothing was old enough");

    // Two chunks of everything: of books and imbalances the first go, then all of them.
    for (days, books_left) in [(61, true), (120, false)] {
        let now = START.plus(days * DAY);
        let report = maintain(&store, now).await;
        assert!(!report.dropped.is_empty(), "{report}");
        let expiry = store.expiry(&instrument()).await.unwrap();
        assert_eq!(expiry.candles, [None; 6], "candles are kept for years");
        assert_eq!(expiry.trades.is_some(), !books_left, "trades are kept for 90 days: {expiry:?}");
        assert!(expiry.books.is_some() && expiry.imbalances.is_some(), "{expiry:?}");
        let as_of = recording.stamps()[recording.stamps().len() - 1];
        let mut frame = frame(&store, as_of).await;
        expiry.mark(&mut frame, FrameShape::DEFAULT);
        let tier = |section: &str| frame.qualities().find(|(name, _)| name == section).unwrap().1.tier;
        assert_eq!(tier("orderbook_snapshot"), Tier::Expired);
        assert_eq!(tier("imbalances"), Tier::Expired);
        // Without trades nobody can say what was forming.
        assert_eq!(tier("ohlcv_1s") == Tier::Expired, !books_left, "{frame:?}");
        assert!(frame.to_canonical_json().contains("\"expired\""));

        // Before the first record there was nothing to lose.
        let mut early =
            assemble(instrument(), START.plus(-DAY), FrameShape::DEFAULT, Default::default()).unwrap();
        expiry.mark(&mut early, FrameShape::DEFAULT);
        assert!(early.qualities().all(|(_, quality)| quality.tier == Tier::NoData));
    }
    let other = "binance:BTC/USDT".parse().unwrap();
    assert_eq!(store.expiry(&other).await.unwrap(), Expiry::NOTHING, "it never had anything");
}
