//! Prices and sizes are exact, in the tables as in the ports.

use futures::TryStreamExt;
use onetape_domain::change::Changes;
use onetape_domain::decimal::{Price, Quantity};
use onetape_domain::time::TimeRange;
use onetape_domain::trade::{Side, Trade, TradeKey};
use onetape_ports::{Selection, TapeStore, TimeQuery, TradeStore};
use sqlx::{Executor, Row};

use crate::support::{Folder, START, connect, instrument, market};

fn trade(id: i64, price: &str, size: &str) -> Trade {
    Trade {
        key: TradeKey { event_time: START.plus(id), sequence: id, index: 0 },
        trade_id: id.to_string().into(),
        price: Price::parse("price", price).expect("a price"),
        size: Quantity::parse("size", size).expect("a size"),
        side: Side::Buy,
        aggregate: None,
        received_at: START,
        available_at: START.plus(10),
    }
}

#[tokio::test]
async fn twenty_eight_digits_and_twelve_decimals_are_kept() {
    let folder = Folder::new();
    let store = folder.store().await;
    let numbers = [
        "0.000000000001",
        "9999999999999999.999999999999",
        "9999999999999999999999999999",
        "1000000000000000000000000000",
        "65000.12",
        "1",
        "0.1",
        "9007199254740993",
        "9223372036854775808.5",
    ];
    let trades: Vec<_> = (0..).zip(numbers).map(|(id, number)| trade(id, number, number)).collect();
    let mut batch = market(2).batches()[0].clone();
    batch.changes = Changes { trades: trades.clone(), ..Changes::default() };
    store.append(&batch, None).await.expect("written");
    let query = TimeQuery {
        instrument: instrument(),
        selection: Selection::Range(TimeRange::ALL),
        as_of: onetape_domain::time::Timestamp::LATEST,
    };
    let read: Vec<Trade> = store.stream_trades(query).try_collect().await.expect("read");
    assert_eq!(read, trades);
    let mut connection = connect(store.path()).await;
    let rows = connection.fetch_all("SELECT price, typeof(price) FROM trade_events ORDER BY sequence").await;
    let rows = rows.expect("read");
    let stored: Vec<(String, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let expected: Vec<_> = numbers.iter().map(|number| ((*number).to_owned(), "text".to_owned())).collect();
    assert_eq!(stored, expected);
}

/// Whoever writes past the adapter meets the tables' own rules.
#[tokio::test]
async fn a_number_in_any_other_form_is_refused_by_the_table() {
    let folder = Folder::new();
    let store = folder.store().await;
    market(5).write(&store).await.expect("written");
    let mut connection = connect(store.path()).await;
    let wrong = [
        "1.50",
        "01",
        ".5",
        "5.",
        "1..2",
        "1.2.3",
        "-1",
        "+1",
        "1e5",
        "0",
        "",
        " 1",
        "1 ",
        "NaN",
        "Inf",
        "1,5",
        "0x10",
        "1.1234567890123",
        "12345678901234567890123456789",
        "0.0",
        "00.1",
    ];
    for number in wrong {
        for column in ["open_price", "close_price"] {
            let update = format!("UPDATE ohlcv_1s SET {column} = '{number}'");
            let error = connection.execute(update.as_str()).await.expect_err("refused");
            assert!(error.to_string().contains("CHECK"), "{number}: {error}");
        }
        let update = format!("UPDATE trade_events SET price = '{number}'");
        assert!(connection.execute(update.as_str()).await.is_err(), "{number}");
    }
    for (table, change) in [
        ("ohlcv_1s", "known_from = timestamp - 1"),
        ("ohlcv_1s", "revision = 0"),
        ("ohlcv_1s", "timestamp = timestamp / 1000"),
        ("ohlcv_1s", "volume = 'much'"),
        ("ohlcv_1s", "trade_count = 'many'"),
        ("trade_events", "side = 'both'"),
        ("trade_events", "size = '0'"),
        ("trade_events", "first_trade_id = 1"),
        ("order_book_snapshots", "available_at = timestamp - 1"),
        ("order_book_snapshots", "covered = 2"),
        ("order_book_imbalances", "imbalance_1s = '1.1'"),
        ("order_book_imbalances", "imbalance_1s = '0.1234567'"),
        ("order_book_imbalances", "imbalance_1s = 'even'"),
        ("stream_coverage", "end_time = begin_time"),
        ("stream_coverage", "stream = 2"),
        ("stream_coverage", "instrument = 77"),
    ] {
        let update = format!("UPDATE {table} SET {change}");
        assert!(connection.execute(update.as_str()).await.is_err(), "{update}");
    }
}

#[tokio::test]
async fn the_views_show_candles_and_coverage_in_words() {
    let folder = Folder::new();
    let store = folder.store().await;
    market(90).write(&store).await.expect("written");
    let mut connection = connect(store.path()).await;
    let sql = "SELECT count(*), min(timeframe), min(exchange), min(symbol), \
               max(CAST(high_price AS REAL)) >= min(CAST(low_price AS REAL)) FROM ohlcv_data";
    let row = connection.fetch_one(sql).await.expect("the view");
    assert!(row.get::<i64, _>(0) > 80);
    assert_eq!(
        (row.get::<&str, _>(1), row.get::<&str, _>(2), row.get::<&str, _>(3)),
        ("1m", "binance", "ETH/USDT")
    );
    assert_eq!(row.get::<i64, _>(4), 1);
    let row = connection.fetch_one("SELECT count(DISTINCT stream), min(state) FROM coverage_log").await;
    let row = row.expect("the view");
    assert_eq!((row.get::<i64, _>(0), row.get::<&str, _>(1)), (2, "alive"));
}
