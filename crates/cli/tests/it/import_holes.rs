//! Rows that an import refuses are holes in what readers are answered, and never silence.

use std::fmt::Write as _;
use std::time::Duration;

use onetape::prelude::*;

use crate::support::{Kind, TestStore, onetape};

/// Five minutes of seconds: nobody traded in one of them, the row of another is broken, and of a third the time.
fn seconds() -> String {
    let mut text = "timestamp,open,high,low,close,volume\n".to_owned();
    for second in 0..300 {
        let (minute, of_minute) = (second / 60, second % 60);
        let (time, volume) = match (minute, of_minute) {
            (1, 10) => continue,
            (2, 30) => (format!("2024-08-09T00:{minute:02}:{of_minute:02}Z"), "-1"),
            (4, 20) => ("yesterday".to_owned(), "5"),
            _ => (format!("2024-08-09T00:{minute:02}:{of_minute:02}Z"), "5"),
        };
        writeln!(text, "{time},1,2,1,2,{volume}").expect("text");
    }
    text
}

async fn frame(store: &TestStore, fill: FillPolicy) -> InferenceDataFrame {
    let tape = Onetape::open(store.url()).await.expect("opened");
    let instrument: Instrument = "binance:ETH/USDT".parse().expect("an instrument");
    let at = "2024-08-09T00:05:00Z".parse().expect("a time");
    let request = Request { limit: 500, fill, ..Request::at(at) };
    let frame = tape.provider().inference(&instrument, &request).await.expect("a frame");
    tape.close(Duration::from_secs(10)).await.expect("closed");
    frame
}

fn gaps(section: &onetape::domain::frame::CandleSection) -> Vec<String> {
    let time = |time: Timestamp| time.to_string()[11..19].to_owned();
    let gaps = section.quality.gaps.iter();
    gaps.map(|gap| format!("{}-{}", time(gap.start()), time(gap.end()))).collect()
}

fn opens(section: &onetape::domain::frame::CandleSection) -> Vec<String> {
    section.rows.iter().map(|row| row.open_time().to_string()[11..16].to_owned()).collect()
}

async fn refused_rows_are_holes(kind: Kind) {
    let Some(store) = kind.store().await else { return };
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("ETHUSDT_1s.csv"), seconds()).expect("written");
    let folder = folder.path().to_str().expect("text");
    let ran = onetape(&["import", "run", folder, "--store", store.url()]);
    assert_eq!(ran.code, 3, "{}", ran.err);
    let verified = onetape(&["import", "verify", "--store", store.url()]).ok();
    assert!(verified.contains("| 3       | 297     | 3         | 1             | 2     |"), "{verified}");

    let filled = frame(&store, FillPolicy::Flat).await.ohlcv_1s;
    let quiet = filled.rows.iter().filter(|row| row.state() == CandleState::Quiet);
    assert_eq!(quiet.map(|row| row.open_time().to_string()).collect::<Vec<_>>(), ["2024-08-09T00:01:10Z"]);
    let frame = frame(&store, FillPolicy::None).await;
    assert_eq!(frame.ohlcv_1s.rows.len(), 297);
    assert_eq!(gaps(&frame.ohlcv_1s), ["00:02:30-00:02:31", "00:04:20-00:04:21"], "the quiet second is none");
    assert_eq!(opens(&frame.ohlcv_1m), ["00:00", "00:01", "00:03"], "no candle claims to be whole");
    assert_eq!(gaps(&frame.ohlcv_1m), ["00:02:00-00:03:00", "00:04:00-00:05:00"]);
    assert_eq!(opens(&frame.ohlcv_5m), Vec::<String>::new());
    assert_ne!(frame.ohlcv_1s.quality.tier, Tier::Excellent);
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_rows_are_holes_in_a_file() {
    refused_rows_are_holes(Kind::File).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_rows_are_holes_on_a_server() {
    refused_rows_are_holes(Kind::Server).await;
}

#[test]
fn an_import_that_was_not_finished_is_not_verified() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
    let store = format!("sqlite://{}", path("market.db"));
    std::fs::write(path("ETHUSDT_1s.csv"), seconds()).expect("written");
    let rows = "timestamp,open,high,low,close,volume\n2024-08-09T00:00:00Z,1,2,1,2,5\n2024-08-09T00:00:00Z,1,2,1,1,5\n";
    std::fs::write(path("ETHUSDT_1m.csv"), rows).expect("written");
    let folder = folder.path().to_str().expect("text");
    let ran = onetape(&["import", "run", folder, "--on-conflict", "refuse", "--store", &store]);
    assert_eq!(ran.code, 1, "{}", ran.out);
    let ran = onetape(&["import", "verify", "--store", &store]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("no run is finished; the store has import-"), "{}", ran.err);
    assert!(ran.err.contains("(running)") && ran.err.contains("onetape import resume"), "{}", ran.err);
}
