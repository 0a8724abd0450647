//! Bad input through the command line, into memory and into a database: an exit code, a reason, never a
//! panic; in the database also the refused record with its reason, and everything else.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use onetape::domain::book::BookLevel;
use onetape::domain::decimal::{Price, Quantity};
use onetape::domain::message::QuarantinedRecord;
use onetape::prelude::*;
use serde_json::Value;

use crate::support::{Ran, database, onetape, query, replay, write};

const GOOD: &str = r#"1723161254340863867 {"stream":"ethusdt@trade","data":{"e":"trade","E":1723161255612,"s":"ETHUSDT","t":5,"p":"2683.80","q":"0.002","T":1723161255611,"m":true,"M":true}}"#;

fn trade(id: usize) -> String {
    GOOD.replace("\"t\":5", &format!("\"t\":{id}"))
}

/// Bad lines with words of the reason for which each is refused.
fn bad_lines() -> [(String, &'static str); 8] {
    [
        (trade(6)[..GOOD.len() - 9].to_owned(), "message must be a JSON message: EOF"),
        (trade(6).replace("2683.80", "NaN"), "trade.price must be a plain decimal number: got `NaN`"),
        (trade(6).replace("0.002", "-1"), "trade.size must not be negative: got `-1`"),
        (trade(6).replace("1723161255611", "1723161255"), "the number looks like seconds: got `1723161255`"),
        (trade(6).replace("1723161254340863867", "1723161254"), "the number looks like seconds"),
        (trade(6).replace("ETHUSDT", "ETHXYZ"), "ends with no quote asset known at this venue: got `ETHXYZ`"),
        (format!("1723161254340863867 {}", "x".repeat(10 << 20)), "tape.line must be at most 8388608 bytes"),
        (
            r#"1723161254340863867 {"lastUpdateId":5,"bids":[["10","1"]],"asks":[["9","1"]]}"#.to_owned(),
            "must not be crossed",
        ),
    ]
}

/// Where a tape is read into.
enum Place<'a> {
    Memory,
    Database(&'a str),
}

impl Place<'_> {
    /// Reads a tape; returns how that went, and the frame there is then.
    fn read(&self, tape: &Path) -> (Ran, Value) {
        let (ran, frame) = match self {
            Self::Memory => {
                let ran = onetape(&[
                    "demo",
                    tape.to_str().expect("text"),
                    "--format",
                    "json",
                    "--store",
                    "memory:",
                ]);
                let frame = ran.out.clone();
                (ran, frame)
            }
            Self::Database(store) => {
                let ran = replay(store, &[tape.to_owned()], &[]);
                (ran, query(store, "inference", &["--format", "json"]).ok())
            }
        };
        let frame = serde_json::from_str(frame.trim()).unwrap_or_else(|_| panic!("no frame: {}", ran.err));
        (ran, frame)
    }

    /// Reads a bad line between two good ones: it is refused for the reason, and they are kept.
    fn refuses(&self, folder: &Path, line: &str, reason: &str) {
        let tape = write(folder, "some.tape", [trade(5), line.to_owned(), trade(9)]);
        let (ran, frame) = self.read(&tape);
        let shown: String = line.chars().take(200).collect();
        assert_eq!(ran.code, 3, "{shown}\n{}", ran.err);
        assert!(!ran.err.contains("panicked"), "{}", ran.err);
        assert!(ran.err.contains(reason) && ran.err.contains("some.tape"), "{shown}\n{}", ran.err);
        let rows = frame["ohlcv_1s"]["rows"].as_array().expect("rows");
        let traded: u64 = rows.iter().filter_map(|row| row["trade_count"].as_u64()).sum();
        assert_eq!(traded, 2, "the good ones are kept beside {shown}");
    }
}

async fn quarantined(store: &str) -> Vec<QuarantinedRecord> {
    let tape = Onetape::open(store).await.expect("store");
    tape.store().quarantined(100).await.expect("quarantine")
}

fn count(store: &str, what: &str) -> usize {
    query(store, what, &["--format", "csv"]).ok().lines().count() - 1
}

#[test]
fn bad_records_are_quarantined_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().expect("folder");
    for (line, reason) in bad_lines() {
        Place::Memory.refuses(folder.path(), &line, reason);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_records_are_in_the_quarantine_table_with_their_reasons_and_the_rest_is_stored() {
    let folder = tempfile::tempdir().expect("folder");
    for (line, reason) in bad_lines() {
        let Some(db) = database().await else { return };
        Place::Database(db.url()).refuses(folder.path(), &line, reason);
        assert_eq!(count(db.url(), "trades"), 2);
        let records = quarantined(db.url()).await;
        let [record] = &records[..] else { panic!("{records:?}") };
        assert!(record.violations.to_string().contains(reason), "{}", record.violations);
        if line.contains("lastUpdateId") {
            // The line is fine, the book is not: it is refused where lines are no longer known.
            assert_eq!(record.origin, "tape some.tape");
            assert_eq!(
                record.instrument.as_ref().map(ToString::to_string).as_deref(),
                Some("binance:ETH/USDT")
            );
        } else {
            assert_eq!((record.origin.as_str(), record.payload_bytes), ("some.tape:2", line.len() as u64));
            assert_eq!(record.payload, line[..line.len().min(QuarantinedRecord::MAX_PAYLOAD_BYTES)]);
        }
        // Read again, nothing is kept twice.
        Place::Database(db.url()).refuses(folder.path(), &line, reason);
        assert_eq!(quarantined(db.url()).await, records);
        assert_eq!(count(db.url(), "trades"), 2);
    }
}

/// A diff that makes the book cross is no bad record: the book has lost its synchrony, and what it covers ends.
#[tokio::test(flavor = "multi_thread")]
async fn a_diff_that_crosses_the_book_ends_its_coverage() {
    let Some(db) = database().await else { return };
    let snapshot = r#"1723161254340863867 {"lastUpdateId":5,"bids":[["10","1"]],"asks":[["11","1"]]}"#;
    let diff = |millis: i64, first: u64, bid: &str| {
        format!(
            r#"{}000000 {{"e":"depthUpdate","E":{millis},"s":"ETHUSDT","U":{first},"u":{first},"b":[["{bid}","1"]],"a":[]}}"#,
            millis - 1_200
        )
    };
    let folder = tempfile::tempdir().expect("folder");
    let lines = [
        trade(5),
        snapshot.to_owned(),
        diff(1_723_161_255_700, 6, "10.5"),
        diff(1_723_161_257_100, 7, "10.6"),
        diff(1_723_161_257_700, 8, "12"),
        diff(1_723_161_259_700, 9, "10.7"),
        trade(6),
    ];
    replay(db.url(), &[write(folder.path(), "some.tape", lines)], &[]).ok();
    let out = query(db.url(), "coverage", &["--format", "csv"]).ok();
    let rows = out.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>());
    let (gaps, alive): (Vec<_>, Vec<_>) =
        rows.filter(|row| row[0] == "book").partition(|row| row[3] == "gap");
    let [gap] = &gaps[..] else { panic!("{out}") };
    let (last_good, crossing) = ("2024-08-08T23:54:17.100Z", "2024-08-08T23:54:17.700Z");
    assert_eq!(gap[1..], [last_good, crossing, "gap", "crossed book", crossing]);
    // The diff after it connects to a book that is no longer right: only a new snapshot would do.
    let covered = alive.iter().map(|row| row[2].parse::<Timestamp>().expect("time")).max();
    assert_eq!(covered, last_good.parse().ok(), "{out}");
    let book: Value =
        serde_json::from_str(&query(db.url(), "book", &["--format", "json"]).ok()).expect("json");
    assert_eq!((&book["sequence"], &book["bids"][0][0]), (&6.into(), &"10.5".into()), "{book}");
    assert_eq!((count(db.url(), "trades"), quarantined(db.url()).await.len()), (2, 0));
}

fn cut_archive(folder: &Path, trades: usize) -> PathBuf {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    (0..trades).for_each(|id| writeln!(packed, "{}", trade(id)).expect("packed"));
    let packed = packed.finish().expect("packed");
    let path = folder.join("cut.gz");
    std::fs::write(&path, &packed[..packed.len() / 2]).expect("written");
    path
}

#[test]
fn a_truncated_archive_names_file_and_line() {
    let folder = tempfile::tempdir().expect("folder");
    let ran = replay("memory:", &[cut_archive(folder.path(), 2_000)], &[]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("cut.gz:"), "{}", ran.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_before_the_cut_of_an_archive_is_stored() {
    let Some(db) = database().await else { return };
    let folder = tempfile::tempdir().expect("folder");
    let ran = replay(db.url(), &[cut_archive(folder.path(), 2_000)], &[]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.err.contains("the compressed data ends too early"), "{}", ran.err);
    let stored = count(db.url(), "trades");
    assert!((200..1_800).contains(&stored), "{stored} trades before the cut");
    assert!(ran.err.contains(&format!("cut.gz:{}", stored + 1)), "{stored} stored: {}", ran.err);
    assert_eq!(quarantined(db.url()).await, []);
}

#[test]
fn a_missing_file_is_named() {
    let ran = replay("memory:", &["no/such/tape.gz".into()], &[]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("tape.gz"), "{}", ran.err);
}

fn candle(minute: i64) -> RawCandle {
    let day: Timestamp = "2024-08-09".parse().expect("time");
    RawCandle {
        open_time: day.plus(minute * 60_000_000).micros(),
        open: "10".into(),
        high: "12".into(),
        low: "9".into(),
        close: "11".into(),
        volume: "1".into(),
        trade_count: 3,
    }
}

/// Candles come in through the library only: a tape has none.
#[tokio::test(flavor = "multi_thread")]
async fn bad_candles_and_books_of_a_caller_are_quarantined_in_the_database() {
    let Some(db) = database().await else { return };
    let instrument: Instrument = "binance:ETH/USDT".parse().expect("instrument");
    let tape = Onetape::open(db.url()).await.expect("store");
    let pipeline = tape.ingestion();
    let good = candle(1);
    let cases = [
        (RawCandle { high: "8".into(), ..good.clone() }, "candle.high"),
        (RawCandle { volume: "-1".into(), ..good.clone() }, "candle.volume"),
        (RawCandle { open: "NaN".into(), ..good.clone() }, "candle.open"),
        (RawCandle { open_time: good.open_time / 1_000_000, ..good.clone() }, "seconds"),
    ];
    pipeline.ingest_ohlcv_candle(&instrument, Timeframe::M1, &candle(0)).await.expect("taken");
    for (bad, word) in &cases {
        let error = pipeline.ingest_ohlcv_candle(&instrument, Timeframe::M1, bad).await.expect_err(word);
        assert!(error.to_string().contains(word), "{error}");
    }
    pipeline.ingest_ohlcv_candle(&instrument, Timeframe::M1, &good).await.expect("taken");
    let side = |price: &str| {
        let (price, size) = (Price::parse("price", price), Quantity::parse("size", "1"));
        [BookLevel { price: price.expect("price"), size: size.expect("size") }]
    };
    let at = "2024-08-09T00:02:00Z".parse().expect("time");
    let crossed = pipeline.ingest_orderbook_snapshot(&instrument, at, &side("101"), &side("100")).await;
    assert!(crossed.expect_err("crossed").to_string().contains("crossed"));
    tape.close(Duration::from_secs(30)).await.expect("closed");

    let records = quarantined(db.url()).await;
    let words = cases.iter().map(|(_, word)| *word).chain(["crossed"]);
    assert_eq!(records.len(), cases.len() + 1, "{records:?}");
    for (record, word) in records.iter().rev().zip(words) {
        assert_eq!((record.origin.as_str(), record.instrument.as_ref()), ("push", Some(&instrument)));
        assert!(record.violations.to_string().contains(word), "{word}: {}", record.violations);
    }
    let out = query(db.url(), "candles", &["--timeframe", "1m", "--format", "csv"]).ok();
    let rows: Vec<&str> = out.lines().skip(1).collect();
    assert_eq!(
        rows,
        ["2024-08-09T00:00:00Z,10,12,9,11,1,3,traded", "2024-08-09T00:01:00Z,10,12,9,11,1,3,traded"]
    );
}
