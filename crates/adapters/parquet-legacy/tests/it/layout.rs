//! Which columns are taken for those of candles.

use arrow_schema::{DataType, Field, Schema, TimeUnit};
use onetape_parquet_legacy::CandleLayout;

fn schema(columns: &[&str]) -> Schema {
    let field = |name: &&str| {
        let is_time = ["time", "index", "date"].iter().any(|part| name.to_lowercase().contains(part));
        let time = DataType::Timestamp(TimeUnit::Nanosecond, None);
        Field::new(*name, if is_time { time } else { DataType::Float64 }, true)
    };
    Schema::new(columns.iter().map(field).collect::<Vec<_>>())
}

fn refused(columns: &[&str]) -> String {
    CandleLayout::of(&schema(columns), None).expect_err("no layout").to_string()
}

#[test]
fn names_are_found_whatever_their_case_and_order() {
    let schema = schema(&["Volume", "CLOSE", "low ", "High", "open", "Open Time", "number_of_trades", "rsi"]);
    let layout = CandleLayout::of(&schema, None).expect("candles");
    assert_eq!(layout.columns(), [0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(layout.ignored(), ["rsi"]);
}

#[test]
fn an_index_without_a_name_is_the_time_only_where_nothing_else_is() {
    let ohlcv = ["open", "high", "low", "close", "volume"];
    let named =
        CandleLayout::of(&schema(&[&["index", "timestamp"], &ohlcv[..]].concat()), None).expect("candles");
    assert_eq!(named.ignored(), ["index"]);
    let unnamed = CandleLayout::of(&schema(&[&ohlcv[..], &["__index_level_0__"]].concat()), None);
    assert!(unnamed.expect("candles").ignored().is_empty());
}

#[test]
fn what_is_missing_or_ambiguous_is_told_all_at_once() {
    let said = refused(&["timestamp", "open", "high", "close"]);
    assert!(
        said.contains("low has no column among these") && said.contains("volume has no column"),
        "{said}"
    );
    let said = refused(&["timestamp", "datetime", "open", "high", "low", "close", "volume"]);
    assert!(said.contains("time has more than one column") && said.contains("timestamp, datetime"), "{said}");
    let columns = ["timestamp", "datetime", "open", "high", "low", "close", "volume"];
    let chosen = CandleLayout::of(&schema(&columns), Some("datetime")).expect("the one that was named");
    assert_eq!(chosen.ignored(), ["timestamp"]);
    assert!(CandleLayout::of(&schema(&columns), Some("when")).is_err());
}

#[test]
fn columns_by_place_are_those_of_ccxt_and_of_binance() {
    let numbers = |count: usize| {
        let names: Vec<String> = (0..count).map(|at| at.to_string()).collect();
        schema(&names.iter().map(String::as_str).collect::<Vec<_>>())
    };
    assert_eq!(CandleLayout::of(&numbers(6), None).expect("candles").columns(), [0, 1, 2, 3, 4, 5]);
    assert_eq!(CandleLayout::of(&numbers(12), None).expect("candles").columns(), [0, 1, 2, 3, 4, 5, 8, 9]);
    assert!(CandleLayout::of(&numbers(5), None).is_err());
}

#[test]
fn trades_and_order_books_are_named_as_what_they_are() {
    let said = refused(&["id", "timestamp", "price", "amount", "side"]);
    assert!(said.contains("holds trades") && said.contains("id, timestamp, price"), "{said}");
    assert!(refused(&["T", "p", "q", "m"]).contains("holds trades"));
    assert!(
        refused(&["time", "bid_price", "bid_size", "ask_price", "ask_size"]).contains("holds order books")
    );
    assert!(refused(&["timestamp", "symbol", "bids", "asks"]).contains("holds order books"));
    // Candles with something missing stay candles with something missing.
    assert!(
        refused(&["timestamp", "open", "high", "low", "price", "volume"]).contains("close has no column")
    );
}
