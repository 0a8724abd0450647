//! Published candles in zips of lines, and what they roll up to (A3, A4).

use std::path::Path;

use onetape_domain::decimal::{Quantity, canonical};
use onetape_domain::instrument::Exchange;
use onetape_domain::manifest::RunState;
use onetape_migration::{HolePolicy, Naming, PlanOptions, Settings};
use onetape_testkit::data::golden_rows;

use crate::support::{Moving, data, on, options};

fn whole_days(folder: &Path, exchange: &str, exclude: &[&str]) -> PlanOptions {
    let naming = Naming::new(Exchange::try_new(exchange).expect("a name"));
    let settings = Settings { holes: HolePolicy::WholeDays, ..Settings::default() };
    let exclude = exclude.iter().map(|path| (*path).to_owned()).collect();
    PlanOptions { naming, settings, exclude, ..options(folder) }
}

/// Lines of a golden file as [`Moving::stored`] writes them.
fn golden(name: &str, timeframe: &str) -> Vec<String> {
    let number = |text: &str| canonical(*Quantity::parse("golden", text).expect("a number"));
    let line = |row: Vec<String>| {
        let numbers: Vec<String> = row[1..6].iter().map(|text| number(text)).collect();
        format!("{timeframe} {} {} None", row[0], numbers.join(" "))
    };
    golden_rows(name).into_iter().map(line).collect()
}

async fn taken(folder: &Path, options: &PlanOptions, instrument: &str) -> Vec<String> {
    let moving = Moving::from(folder);
    let plan = moving.plan(options).await;
    let report = moving.run(&plan).await;
    assert_eq!((report.state, report.has_refusals()), (RunState::Finished, false), "{:?}", report.tables);
    let found = moving.manager.verify(&moving.folder, &plan.run.id, &mut on).await.expect("compared");
    assert!(found.is_equal(), "{:?}", found.differences);
    moving.stored(instrument).await
}

fn assert_golden(stored: &[String], name: &str, timeframe: &str) {
    let start = format!("{timeframe} ");
    let of: Vec<&String> = stored.iter().filter(|line| line.starts_with(&start)).collect();
    let golden = golden(name, timeframe);
    assert_eq!(of.len(), golden.len(), "{timeframe}");
    for (stored, golden) in of.into_iter().zip(&golden) {
        assert_eq!(stored, golden);
    }
}

#[tokio::test]
async fn seconds_of_coinbase_roll_up_to_what_it_published() {
    let Some(folder) = data("coinbase_candles") else { return };
    let options = whole_days(&folder, "coinbase", &["minute/", "daily/"]);
    let stored = taken(&folder, &options, "coinbase:BTC/USD").await;
    for timeframe in ["1m", "5m", "15m", "1h", "1d"] {
        assert_golden(&stored, &format!("lean_coinbase_BTCUSD_{timeframe}_from1s.csv"), timeframe);
    }
    // The minutes and days that were published are the same.
    let exclude = ["second/", "daily/", "minute/btcusd/20171217_trade.zip", "minute/ethusd/"];
    let minutes = taken(&folder, &whole_days(&folder, "coinbase", &exclude), "coinbase:BTC/USD").await;
    assert_eq!(minutes.iter().filter(|line| line.starts_with("1m ")).count(), 1_419 + 1_400);
    let without_seconds = |line: &&String| !line.starts_with("1s ");
    assert_eq!(minutes, stored.iter().filter(without_seconds).cloned().collect::<Vec<_>>());
    let days =
        taken(&folder, &whole_days(&folder, "coinbase", &["second/", "minute/"]), "coinbase:BTC/USD").await;
    assert_eq!(days.len(), 1_318, "as many as the file has");
    for day in stored.iter().filter(|line| line.starts_with("1d ")) {
        assert!(days.contains(day), "{day}");
    }
}

#[tokio::test]
async fn minutes_of_binance_roll_up() {
    let Some(folder) = data("binance_candles") else { return };
    let stored = taken(&folder, &whole_days(&folder, "binance", &[]), "binance:BTC/BUSD").await;
    let count = |timeframe: &str| stored.iter().filter(|line| line.starts_with(timeframe)).count();
    assert_eq!(["1m ", "5m ", "15m ", "1h ", "1d "].map(count), [1_440, 288, 96, 24, 1]);
    for timeframe in ["5m", "15m", "1h", "1d"] {
        assert_golden(&stored, &format!("lean_binance_BTCBUSD_{timeframe}_from1m.csv"), timeframe);
    }
}
