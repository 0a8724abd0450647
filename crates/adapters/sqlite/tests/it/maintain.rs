//! Retention: what goes, what stays, and that it is told.

use futures::TryStreamExt;
use onetape_domain::expiry::Expiry;
use onetape_domain::time::{SECOND, TimeRange, Timeframe, Timestamp};
use onetape_ports::{
    BookQuery, BookStore, CandleQuery, CandleStore, CoverageStore, FrameStore, ImbalanceStore, Knowledge,
    Selection, TimeQuery, TradeStore,
};
use onetape_sqlite::{Settings, SqliteStore};
use onetape_testkit::{ManualClock, dump};

use crate::support::{Folder, START, connect, instrument, market};

const DAY: i64 = 86_400 * SECOND;

fn everything() -> TimeQuery {
    TimeQuery {
        instrument: instrument(),
        selection: Selection::Range(TimeRange::ALL),
        as_of: Timestamp::LATEST,
    }
}

/// Rows of trades, books, imbalances, coverage, and 1 s candles.
async fn counts(store: &SqliteStore) -> [usize; 5] {
    let books = BookQuery {
        instrument: instrument(),
        selection: Selection::Range(TimeRange::ALL),
        as_of: Timestamp::LATEST,
        last_of_minute: false,
        superseded_partials: true,
    };
    let candles = CandleQuery {
        instrument: instrument(),
        timeframe: Timeframe::S1,
        selection: Selection::Range(TimeRange::ALL),
        as_of: Timestamp::LATEST,
        knowledge: Knowledge::AsRecorded,
    };
    [
        store.stream_trades(everything()).try_collect::<Vec<_>>().await.expect("trades").len(),
        store.stream_books(books).try_collect::<Vec<_>>().await.expect("books").len(),
        store.stream_imbalances(everything()).try_collect::<Vec<_>>().await.expect("imbalances").len(),
        store.stream_coverage(everything()).try_collect::<Vec<_>>().await.expect("coverage").len(),
        store.candles(&candles).await.expect("candles").len(),
    ]
}

#[tokio::test]
async fn nothing_goes_before_its_time() {
    let folder = Folder::new();
    let store = folder.store().await;
    market(90).write(&store).await.expect("written");
    let before = dump(&store, &instrument()).await.expect("dump");
    let report = store.maintain(&ManualClock::new(START.plus(29 * DAY))).await.expect("maintained");
    assert!(report.dropped.is_empty(), "{report}");
    assert_eq!(dump(&store, &instrument()).await.expect("dump"), before);
    assert_eq!(store.expiry(&instrument()).await.expect("expiry"), Expiry::NOTHING);
}

#[tokio::test]
async fn what_is_too_old_goes_table_by_table_and_is_told() {
    let folder = Folder::new();
    let store = folder.store().await;
    market(90).write(&store).await.expect("written");
    let all = counts(&store).await;
    assert!(all.iter().all(|count| *count > 50), "{all:?}");

    let now = START.plus(30 * DAY + 45 * SECOND);
    let report = store.maintain(&ManualClock::new(now)).await.expect("maintained");
    assert_eq!(report.dropped.len(), 1, "{report}");
    let after = counts(&store).await;
    assert_eq!(all[1] - after[1], report.dropped[0].rows as usize);
    assert!(after[1] > 20 && after[1] < all[1], "half of the books: {after:?} of {all:?}");
    assert_eq!([after[0], after[2], after[3], after[4]], [all[0], all[2], all[3], all[4]]);
    let expiry = store.expiry(&instrument()).await.expect("expiry");
    let first = expiry.first.expect("there were rows");
    assert!(first <= START.plus(2 * SECOND), "{first}");
    let books = Some(START.plus(45 * SECOND));
    assert_eq!(expiry, Expiry { first: Some(first), books, ..Expiry::NOTHING });

    let later = store.maintain(&ManualClock::new(START.plus(800 * DAY))).await.expect("maintained");
    let tables: Vec<_> = later.dropped.iter().map(|one| one.table.as_str()).collect();
    assert_eq!(
        tables,
        ["ohlcv_1s", "trade_events", "order_book_snapshots", "order_book_imbalances", "stream_coverage"]
    );
    assert_eq!(counts(&store).await, [0; 5]);
    let expiry = store.expiry(&instrument()).await.expect("expiry");
    assert_eq!(expiry.candles[0], Some(START.plus(70 * DAY)));
    assert_eq!(expiry.candles[1..], [None; 5]);
    assert!(expiry.trades.is_some() && expiry.imbalances.is_some() && expiry.coverage.is_some());
    // An instrument of which nothing was dropped lost nothing.
    let other = "binance:BTC/USDT".parse().expect("a name");
    assert_eq!(store.expiry(&other).await.expect("expiry"), Expiry::NOTHING);
    // Again, nothing is due; the room was given back.
    let again = store.maintain(&ManualClock::new(START.plus(800 * DAY))).await.expect("maintained");
    assert!(again.dropped.is_empty(), "{again}");
    assert!(later.freed_bytes > 0, "{later}");
}

#[tokio::test]
async fn settings_are_kept_in_the_file_and_gone_by() {
    let folder = Folder::new();
    let store = folder.store().await;
    assert_eq!(store.settings().await.expect("read"), Settings::default());
    let settings = Settings::parse(
        "[tables.trade_events]\nretain_for = \"1 day\"\n[tables.order_book_snapshots]\nretain_for = \"400 days\"",
    );
    let settings = settings.expect("right");
    store.apply_settings(&settings).await.expect("applied");
    store.apply_settings(&settings).await.expect("applied");
    assert_eq!(store.settings().await.expect("read"), settings);
    market(30).write(&store).await.expect("written");
    let all = counts(&store).await;
    store.maintain(&ManualClock::new(START.plus(50 * DAY))).await.expect("maintained");
    let after = counts(&store).await;
    assert_eq!((after[0], after[1]), (0, all[1]));
    store.close().await;
    let again = SqliteStore::open_existing(store.path()).await.expect("opened");
    assert_eq!(again.settings().await.expect("read"), settings);
}

#[tokio::test]
async fn the_doctor_says_what_is_wrong_and_what_to_do() {
    let folder = Folder::new();
    let store = folder.store().await;
    market(30).write(&store).await.expect("written");
    let clock = ManualClock::new(START);
    let report = store.doctor(&clock).await.expect("examined");
    assert_eq!(report.worst(), onetape_sqlite::Severity::Warning, "{report}");
    assert!(report.to_string().contains("never ran"), "{report}");
    store.maintain(&clock).await.expect("maintained");
    let report = store.doctor(&clock).await.expect("examined");
    assert_eq!(report.worst(), onetape_sqlite::Severity::Ok, "{report}");
    let status = store.status().await.expect("status");
    assert_eq!(status.applied.len(), 12);
    let trades = status.tables.iter().find(|table| table.name == "trade_events").expect("measured");
    assert_eq!(trades.rows as usize, counts(&store).await[0]);
    assert!(trades.bytes > 8_192);
    // An index that lost a row.
    let mut connection = connect(store.path()).await;
    for statement in [
        "PRAGMA writable_schema = ON",
        "CREATE TABLE odd (number INTEGER NOT NULL)",
        "INSERT INTO odd VALUES (1)",
        "UPDATE sqlite_schema SET sql = 'CREATE TABLE odd (number INTEGER NOT NULL CHECK (number > 1))' WHERE name = 'odd'",
        "PRAGMA writable_schema = RESET",
    ] {
        sqlx::Executor::execute(&mut connection, statement).await.expect("written past the rules");
    }
    drop(connection);
    let other = SqliteStore::open(store.path()).await.expect("opened");
    let report = other.doctor(&clock).await.expect("examined");
    assert_eq!(report.count(onetape_sqlite::Severity::Error), 1, "{report}");
}
