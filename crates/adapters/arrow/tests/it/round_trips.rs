//! What is written is what is read: every table, every digit, every null.

use std::path::Path;

use onetape_arrow::arrow_array::RecordBatch;
use onetape_arrow::files::{Dataset, Format, Options, Part};
use onetape_arrow::{Decimals, Encoder, Notes, Table, key, tables};
use onetape_domain::bucket::SampledBucket;
use onetape_domain::candle::{Candle, Ohlcv};
use onetape_domain::decimal::{Price, Quantity, canonical};
use onetape_domain::time::{Timeframe, Timestamp};
use onetape_domain::trade::{AggregateIds, Side, Trade, TradeKey};
use onetape_testkit::generator::history::plain_trade;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::Value;

use crate::cells::{cell, column, double, of_json};
use crate::market::{instrument, rows};

fn encoder<R>(table: &'static Table<R>, decimals: Decimals) -> Encoder<R> {
    Encoder::new(table, decimals, &[instrument()], &Notes::default())
}

/// Writes rows in small batches and reads the file.
fn through<R>(table: &'static Table<R>, decimals: Decimals, rows: &[R], format: Format) -> Vec<RecordBatch> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("rows");
    let encoder = encoder(table, decimals);
    let mut dataset = Dataset::begin(Options::new(&path, format)).expect("begun");
    for (number, rows) in rows.chunks(1_000).enumerate() {
        let batch = encoder.encode(&instrument(), number as u64 * 1_000, rows).expect("a batch");
        let part = Part { instrument: instrument(), time: table.time_of(&rows[0]) };
        dataset.write(&part, &batch).expect("written");
    }
    dataset.finish(encoder.schema()).expect("finished");
    let read = read(&path, format);
    for batch in &read {
        assert_eq!(batch.schema().fields(), encoder.schema().fields());
        // The reader of Parquet leaves the metadata with the file.
        if format == Format::Arrow {
            assert_eq!(batch.schema().metadata()[key::TABLE], table.name());
        }
    }
    read
}

pub(crate) fn read(path: &Path, format: Format) -> Vec<RecordBatch> {
    let file = std::fs::File::open(path).expect("a file");
    match format {
        Format::Parquet => {
            let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("parquet");
            reader.build().expect("a reader").map(|batch| batch.expect("a batch")).collect()
        }
        Format::Arrow => {
            let reader = arrow_ipc::reader::FileReader::try_new(file, None).expect("arrow");
            reader.map(|batch| batch.expect("a batch")).collect()
        }
        Format::Csv => panic!("no batches in CSV"),
    }
}

/// Every row must have in each column what its canonical JSON has; `find` looks a column up there.
fn compare<R: Serialize>(table: &'static Table<R>, rows: &[R], find: impl Fn(&Value, &str) -> Value) {
    assert!(!rows.is_empty(), "rows of {}", table.name());
    let expected: Vec<Value> = rows.iter().map(|row| serde_json::to_value(row).expect("json")).collect();
    for (decimals, format) in [
        (Decimals::Exact, Format::Parquet),
        (Decimals::Exact, Format::Arrow),
        (Decimals::Text, Format::Parquet),
    ] {
        let read = through(table, decimals, rows, format);
        for field in encoder(table, decimals).schema().fields() {
            let got = column(&read, field.name());
            assert_eq!(got.len(), rows.len());
            for (row, (got, json)) in got.into_iter().zip(&expected).enumerate() {
                let want = match field.name().as_str() {
                    "instrument" => Some(instrument().to_string()),
                    name => of_json(&find(json, name)),
                };
                assert_eq!(got, want, "{} {} of row {row}, {format:?}", table.name(), field.name());
            }
        }
    }
}

fn by_name(json: &Value, name: &str) -> Value {
    json.get(name).unwrap_or_else(|| panic!("no {name} in {json}")).clone()
}

#[test]
fn every_table_of_a_market_comes_back_equal() {
    let rows = rows(150);
    let candles: Vec<Candle> = rows.candles.iter().map(|change| change.candle).collect();
    let candle = |json: &Value, name: &str| match name {
        "close_time" => {
            let timeframe: Timeframe = json["timeframe"].as_str().expect("text").parse().expect("one");
            let open = Timestamp::from_micros(json["open_time"].as_i64().expect("a time"));
            Value::from(timeframe.close_time(open).micros())
        }
        "first_trade_time" => json["first"]["event_time"].clone(),
        "first_trade_sequence" => json["first"]["sequence"].clone(),
        "first_trade_index" => json["first"]["index"].clone(),
        "last_trade_time" => json["last"]["event_time"].clone(),
        "last_trade_sequence" => json["last"]["sequence"].clone(),
        "last_trade_index" => json["last"]["index"].clone(),
        name => by_name(json, name),
    };
    compare(&tables::CANDLES, &candles, candle);
    compare(&tables::TRADES, &rows.trades, |json, name| match name {
        "first_id" => json["aggregate"]["first"].clone(),
        "last_id" => json["aggregate"]["last"].clone(),
        "trade_count" => Value::from(1),
        name => by_name(json, name),
    });
    compare(&tables::BOOKS, &rows.books, by_name);
    let buckets: Vec<SampledBucket> = rows.books.iter().flat_map(|book| SampledBucket::of(book)).collect();
    compare(&tables::BUCKETS, &buckets, |json, name| match name {
        "second" | "available_at" => json[name].clone(),
        "price_bucket" => json["bucket"]["price"].clone(),
        "bucket_size" => json["bucket"]["size"].clone(),
        name => by_name(&json["bucket"], name),
    });
    compare(&tables::IMBALANCES, &rows.imbalances, by_name);
    compare(&tables::COVERAGE, &rows.coverage, by_name);
}

#[test]
fn versions_say_until_when_they_were_known() {
    let trade = plain_trade(Timestamp::from_micros(1_723_161_600_000_000), 5).expect("a trade");
    let ohlcv = Ohlcv { trade_count: None, taker_buy_volume: None, ..Ohlcv::of_trade(&trade) };
    let open = Timeframe::S1.open_time(trade.key.event_time);
    let version = |revision, known_to| tables::CandleVersion {
        candle: Candle::closed(Timeframe::S1, open, ohlcv, revision, open.plus(revision.into()))
            .expect("one"),
        known_to,
    };
    let rows = [version(1, Some(open.plus(2))), version(2, None)];
    let read = through(&tables::VERSIONS, Decimals::Exact, &rows, Format::Parquet);
    let all = |name| column(&read, name);
    assert_eq!(all("known_to"), [Some(open.plus(2).micros().to_string()), None]);
    assert_eq!(all("revision"), [Some("1".to_owned()), Some("2".to_owned())]);
    assert_eq!(all("trade_count"), [None, None]);
    assert_eq!(all("taker_buy_volume"), [None, None]);
}

#[test]
fn a_value_that_does_not_fit_is_named_and_nothing_is_rounded() {
    let mut trades: Vec<Trade> =
        (0..3).map(|id| plain_trade(Timestamp::EARLIEST.plus(id), id).expect("a trade")).collect();
    trades[2].price = Price::parse("price", "123456789012345678901234567").expect("a price");
    let unfit =
        encoder(&tables::TRADES, Decimals::Exact).encode(&instrument(), 10, &trades).expect_err("unfit");
    assert_eq!((unfit.row, unfit.column, unfit.time), (12, "price", trades[2].key.event_time));
    assert_eq!(
        unfit.to_string(),
        "binance:ETH/USDT, trades, row 12 of 2009-01-01T00:00:00.000002Z: column price cannot hold \
         123456789012345678901234567, which has more than 26 digits before the point; take decimals as float or as \
         text"
    );
    let text = encoder(&tables::TRADES, Decimals::Text).encode(&instrument(), 0, &trades).expect("text");
    assert_eq!(cell(&text, "price", 2).as_deref(), Some("123456789012345678901234567"));
    let float = encoder(&tables::TRADES, Decimals::Float).encode(&instrument(), 0, &trades).expect("float");
    assert_eq!(cell(&float, "price", 2), Some(double(trades[2].price.get())));
}

#[test]
fn a_schema_depends_on_decimals_alone_and_dictionaries_are_whole() {
    let trades = [plain_trade(Timestamp::EARLIEST, 2).expect("a trade")];
    let one = encoder(&tables::TRADES, Decimals::Exact);
    let (some, none) = (one.encode(&instrument(), 0, &trades), one.encode(&instrument(), 0, &[]));
    let (some, none) = (some.expect("rows"), none.expect("no rows"));
    assert_eq!(some.schema(), none.schema());
    let names = |batch: &RecordBatch| {
        use onetape_arrow::arrow_array::{Array, DictionaryArray, types::Int8Type};
        let side = batch.column_by_name("side").expect("side");
        let side = side.as_any().downcast_ref::<DictionaryArray<Int8Type>>().expect("a dictionary");
        side.values().len()
    };
    assert_eq!((names(&some), names(&none)), (2, 2));
}

fn amount() -> impl Strategy<Value = Decimal> {
    let mantissa = prop_oneof![1..10_i128.pow(28), 1..1_000_000_i128, Just(10_i128.pow(28) - 1), Just(1)];
    (mantissa, 0_u32..=12).prop_map(|(mantissa, scale)| Decimal::from_i128_with_scale(mantissa, scale))
}

fn trade() -> impl Strategy<Value = Trade> {
    let times = (1_230_768_000_000_000_i64..4_102_444_800_000_000, any::<i64>(), any::<u32>());
    let ids = proptest::option::of((0_i64..i64::MAX / 2, 0_i64..u32::MAX.into()));
    (times, "[ -~äß€😀]{1,20}", amount(), amount(), any::<bool>(), ids).prop_map(
        |((time, sequence, index), id, price, size, buys, ids)| Trade {
            key: TradeKey { event_time: Timestamp::from_micros(time), sequence, index },
            trade_id: id.into(),
            price: Price::try_new("price", price).expect("a price"),
            size: Quantity::try_new("size", size).expect("a size"),
            side: if buys { Side::Buy } else { Side::Sell },
            aggregate: ids.map(|(first, more)| AggregateIds { first, last: first + more }),
            received_at: Timestamp::from_micros(time.wrapping_add(sequence % 1_000)),
            available_at: Timestamp::from_micros(time),
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn random_trades_come_back_equal(trades in proptest::collection::vec(trade(), 1..60)) {
        let limit = Decimal::from_i128_with_scale(10_i128.pow(26), 0);
        let fits = |trade: &Trade| trade.price.get() < limit && trade.size.get() < limit;
        let encoded = encoder(&tables::TRADES, Decimals::Exact).encode(&instrument(), 0, &trades);
        match trades.iter().position(|trade| !fits(trade)) {
            // Columns are made one after the other, so another row's price may be named before this one's size.
            Some(_) => prop_assert!(!fits(&trades[usize::try_from(encoded.expect_err("unfit").row).expect("a row")])),
            None => prop_assert!(encoded.is_ok()),
        }
        let fitting: Vec<Trade> = trades.iter().filter(|trade| fits(trade)).cloned().collect();
        for format in [Format::Parquet, Format::Arrow] {
            for (decimals, rows) in
                [(Decimals::Exact, &fitting), (Decimals::Text, &trades), (Decimals::Float, &trades)]
            {
                let shown = |value: Decimal| match decimals {
                    Decimals::Float => double(value),
                    _ => canonical(value),
                };
                let read = through(&tables::TRADES, decimals, rows, format);
                let all = |name: &str| column(&read, name).into_iter().flatten().collect::<Vec<_>>();
                let want = |get: fn(&Trade) -> Decimal| rows.iter().map(|row| shown(get(row))).collect::<Vec<_>>();
                prop_assert_eq!(all("price"), want(|trade| trade.price.get()));
                prop_assert_eq!(all("size"), want(|trade| trade.size.get()));
                let ids: Vec<String> = rows.iter().map(|trade| trade.trade_id.to_string()).collect();
                prop_assert_eq!(all("trade_id"), ids);
                let lasts: Vec<Option<String>> =
                    rows.iter().map(|trade| trade.aggregate.map(|ids| ids.last.to_string())).collect();
                prop_assert_eq!(column(&read, "last_id"), lasts);
                let sequences: Vec<String> = rows.iter().map(|trade| trade.key.sequence.to_string()).collect();
                prop_assert_eq!(all("sequence"), sequences);
            }
        }
    }
}
