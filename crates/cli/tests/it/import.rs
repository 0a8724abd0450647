//! Folders of an old system: in, verified, and out again (A9).

use std::path::{Path, PathBuf};
use std::time::Duration;

use onetape::ports::{ImportedQuery, Selection};
use onetape::prelude::*;
use serde_json::Value;

use crate::support::{Kind, Ran, TestStore, onetape};

pub(crate) fn cache(name: &str) -> Option<PathBuf> {
    onetape_testkit::data::folder().map(|data| data.join("legacy_cache").join(name))
}

pub(crate) fn import(store: &TestStore, args: &[&str]) -> Ran {
    onetape(&[&["import"], args, &["--store", store.url()]].concat())
}

pub(crate) fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("json")
}

/// All candles of imports that readers see, those rolled up included.
async fn stored(store: &TestStore) -> Vec<String> {
    let tape = Onetape::open(store.url()).await.expect("opened");
    let mut lines = Vec::new();
    for name in ["binance:ETH/USDT", "binance:BTC/BUSD", "binance:BTC/USD", "binance:BTC/USDT"] {
        let instrument: Instrument = name.parse().expect("an instrument");
        let imports = tape.store().imports(&instrument).await.expect("imports");
        let ids: Vec<String> = imports.iter().map(|import| import.id.to_string()).collect();
        let selections = [Some(Selection::Range(TimeRange::ALL)); 6];
        let query = ImportedQuery { instrument, imports, selections, closed_by: Timestamp::LATEST };
        let rows = tape.store().imported(&query).await.expect("candles");
        for (timeframe, rows) in Timeframe::ALL.into_iter().zip(rows) {
            lines.extend(
                rows.iter().map(|row| format!("{name} {timeframe} {} {:?}", ids[row.import], row.candle)),
            );
        }
    }
    tape.close(Duration::from_secs(10)).await.expect("closed");
    lines.sort();
    lines
}

async fn in_and_out(kind: Kind) {
    for version in ["pandas-1.5.3", "pandas-2.2.3"] {
        let Some(folder) = cache(version) else { return };
        let folder = folder.to_str().expect("text");
        let Some(store) = kind.store().await else { return };
        let planned = json(&onetape(&["import", "plan", folder, "--json"]).ok());
        let report = json(&import(&store, &["run", folder, "--json"]).ok());
        assert_eq!(report["state"], "finished", "{report}");
        assert_eq!(report["run"], planned["run"]["id"], "the plan's run");
        let run = report["run"].as_str().expect("a name").to_owned();
        let first = stored(&store).await;
        let count = |start: &str| first.iter().filter(|line| line.starts_with(start)).count();
        assert_eq!(count("binance:ETH/USDT 1s"), 610);
        assert_eq!(count("binance:BTC/BUSD 1m"), 1_440);
        assert_eq!(count("binance:BTC/USD 1m"), 1_440);
        assert!(count("binance:BTC/USD 1d") >= 1_318);
        let verified = import(&store, &["verify"]).ok();
        assert!(verified.contains("of its files say what the store says"), "{verified}");
        let again = json(&import(&store, &["run", folder, "--json"]).ok());
        assert_eq!((again["rows_now"].as_u64(), &again["run"]), (Some(0), &report["run"]));
        assert_eq!(stored(&store).await, first, "{version}: a second run changed something");
        assert!(import(&store, &["status"]).ok().contains(&format!("{run} finished")));
        import(&store, &["rollback", &run]).ok();
        assert_eq!(stored(&store).await, Vec::<String>::new(), "{version}");
        assert!(import(&store, &["status"]).ok().contains(&format!("{run} removed")));
        assert_eq!(import(&store, &["run", folder]).code, 1, "a removed run is not begun again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn caches_go_into_a_file_and_out_again() {
    in_and_out(Kind::File).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn caches_go_into_a_server_and_out_again() {
    in_and_out(Kind::Server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_out_is_told_and_the_exit_code_says_so() {
    let Some(folder) = cache("dirty") else { return };
    let folder = folder.to_str().expect("text");
    let store = Kind::File.store().await.expect("a file");
    assert_eq!(onetape(&["import", "plan", folder]).code, 3);
    let ran = import(&store, &["run", folder]);
    assert_eq!(ran.code, 3, "{}", ran.err);
    for told in [
        "left: truncated/ETHUSDT_1s.parquet",
        "left: zero_bytes/ETHUSDT_1s.parquet",
        "left: hostile_pickle/ETHUSDT_1m.pkl",
        "posix.system",
        "300 candles are new",
        "5 rows were left out",
    ] {
        assert!(ran.out.contains(told), "{told} is not in\n{}", ran.out);
    }
    let run =
        json(&import(&store, &["run", folder, "--json"]).out)["run"].as_str().expect("a name").to_owned();
    let status = import(&store, &["status", &run]).ok();
    assert_eq!(status.matches("invalid: five_invalid_rows/").count(), 5, "{status}");
    assert!(!Path::new("PICKLE_CANARY_WAS_EXECUTED").exists());
}
