//! Candles as venues publish them, in zips of lines: taken in by `onetape import`, rolled up by the store, and shown by
//! `onetape query` (A3, A4).

use onetape::domain::decimal::canonical;
use onetape_testkit::data::golden_rows;

use crate::import::{import, json};
use crate::support::{Home, Kind, TestStore, onetape};

/// Takes the published candles of a venue in, whose days are complete, and has every value compared.
async fn taken(kind: Kind, venue: &str, exclude: &[&str]) -> Option<TestStore> {
    let folder = onetape_testkit::data::folder()?.join(format!("{venue}_candles"));
    let store = kind.store().await?;
    let folder = folder.to_str().expect("text");
    let mut args = vec!["import", "run", folder, "--whole-days", "--json", "--store", store.url()];
    args.extend(exclude.iter().flat_map(|path| ["--exclude", *path]));
    // The paths do not say which exchange it is.
    let report = json(&Home::new().onetape_with(&[("ONETAPE_DEFAULT_EXCHANGE", venue)], &args).ok());
    assert_eq!(report["state"], "finished", "{report}");
    import(&store, &["verify"]).ok();
    Some(store)
}

/// What users see of a timeframe: times and values, without counts and state.
fn shown(store: &TestStore, instrument: &str, timeframe: &str) -> Vec<Vec<String>> {
    let args = ["query", "candles", instrument, "--timeframe", timeframe, "--format", "csv", "--store"];
    let out = onetape(&[&args[..], &[store.url()]].concat()).ok();
    out.lines().skip(1).map(|line| line.split(',').take(6).map(str::to_owned).collect()).collect()
}

/// The same of a golden file, whose numbers may end in zeros.
fn golden(name: &str) -> Vec<Vec<String>> {
    let number = |text: &str| text.parse().map(canonical).expect("decimal");
    let line = |row: Vec<String>| {
        let numbers = row[1..6].iter().map(|text| number(text));
        std::iter::once(row[0].clone()).chain(numbers).collect()
    };
    golden_rows(name).into_iter().map(line).collect()
}

fn assert_golden(store: &TestStore, instrument: &str, timeframe: &str, name: &str) {
    let (shown, golden) = (shown(store, instrument, timeframe), golden(name));
    assert_eq!(shown.len(), golden.len(), "{timeframe}");
    for (shown, golden) in shown.iter().zip(&golden) {
        assert_eq!(shown, golden, "{timeframe}");
    }
}

async fn seconds_of_coinbase(kind: Kind) {
    const INSTRUMENT: &str = "coinbase:BTC/USD";
    let Some(store) = taken(kind, "coinbase", &["minute/", "daily/"]).await else { return };
    for timeframe in ["1m", "5m", "15m", "1h", "1d"] {
        let name = format!("lean_coinbase_BTCUSD_{timeframe}_from1s.csv");
        assert_golden(&store, INSTRUMENT, timeframe, &name);
    }
    let minutes = ["second/", "daily/", "minute/btcusd/20171217_trade.zip", "minute/ethusd/"];
    let published = taken(kind, "coinbase", &minutes).await.expect("as before");
    let of = |store: &TestStore, timeframe: &str| shown(store, INSTRUMENT, timeframe);
    assert_eq!(of(&published, "1m").len(), 1_419 + 1_400);
    for timeframe in ["1m", "5m", "15m", "1h", "1d"] {
        assert_eq!(of(&published, timeframe), of(&store, timeframe), "{timeframe}");
    }
    let days = taken(kind, "coinbase", &["second/", "minute/"]).await.expect("as before");
    let (days, rolled) = (of(&days, "1d"), of(&store, "1d"));
    assert_eq!((days.len(), rolled.len()), (1_318, 2));
    assert!(rolled.iter().all(|day| days.contains(day)), "{rolled:?}");
    let first = ["2016-10-07T00:00:00Z", "611.78", "618.7", "609.89", "617.98", "5119.98889954"];
    let second = ["2016-10-08T00:00:00Z", "618.11", "620", "617.55", "619.5", "2793.95535361"];
    assert_eq!(rolled, [first, second]);
}

async fn minutes_of_binance(kind: Kind) {
    const INSTRUMENT: &str = "binance:BTC/BUSD";
    let Some(store) = taken(kind, "binance", &[]).await else { return };
    let counts = ["1m", "5m", "15m", "1h", "1d"].map(|timeframe| shown(&store, INSTRUMENT, timeframe).len());
    assert_eq!(counts, [1_440, 288, 96, 24, 1]);
    for timeframe in ["5m", "15m", "1h", "1d"] {
        let name = format!("lean_binance_BTCBUSD_{timeframe}_from1m.csv");
        assert_golden(&store, INSTRUMENT, timeframe, &name);
    }
    let day = ["2022-12-13T00:00:00Z", "17212.12", "18000", "17088.25", "17777.08", "182861.34542"];
    assert_eq!(shown(&store, INSTRUMENT, "1d"), [day]);
}

#[tokio::test(flavor = "multi_thread")]
async fn published_candles_roll_up_in_a_file() {
    seconds_of_coinbase(Kind::File).await;
    minutes_of_binance(Kind::File).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn published_candles_roll_up_on_a_server() {
    seconds_of_coinbase(Kind::Server).await;
    minutes_of_binance(Kind::Server).await;
}
