//! `onetape::copy` between a file, a server and another file: equal checksums, equal answers at every instant.

use std::sync::Arc;

use onetape::domain::time::SECOND;
use onetape::domain::venue::VenueRules;
use onetape::memory::SystemClock;
use onetape::ports::MarketStore;
use onetape::prelude::*;
use onetape::provider::ProviderConfig;
use onetape::{CopyFailure, CopyOptions, CopyOutcome, CopyReport};
use onetape_testkit::Recording;
use onetape_testkit::generator::{Market as SimulatedMarket, faults};

use crate::imports::history_and_live;
use crate::support::instrument;

fn other() -> Instrument {
    "kraken:ETH/USDT".parse().expect("an instrument")
}

/// Revised candles, gaps, a partial book, a full-depth book in the clock.
fn troubled() -> Recording {
    let market = SimulatedMarket { seconds: 150, snapshot_every: 15, ..SimulatedMarket::new(other(), 7) };
    let messages = faults::late_trades(market.messages(), 1, 20, 30_000);
    let (messages, lost) = faults::drop_trades(messages, 2, 15);
    let messages = faults::drop_diffs(messages, 3, 2);
    let mut recording = Recording::new(other(), VenueRules::BINANCE_SPOT);
    let half = messages.len() / 2;
    for (place, message) in messages.iter().enumerate() {
        recording.process(message);
        if place == half {
            recording.end_of_feed();
            recording.cut(true);
            recording.restart(true);
        } else if place % 90 == 0 {
            recording.cut(false);
        }
    }
    lost.iter().for_each(|message| drop(recording.process(message)));
    recording.end_of_feed();
    recording.cut(true);
    recording
}

fn url(folder: &tempfile::TempDir, name: &str) -> String {
    format!("sqlite://{}", folder.path().join(name).display())
}

async fn copy(from: &str, to: &str) -> Result<CopyReport, CopyFailure> {
    onetape::copy(from, to, &CopyOptions::default(), &mut |_| ()).await
}

/// Canonical answers of a store alone.
async fn answers(store: &Arc<dyn MarketStore>, recording: &Recording) -> Vec<String> {
    let config = ProviderConfig::for_exchange("binance".parse().expect("an exchange"));
    let provider = UnifiedDataProvider::new(store.clone(), Arc::new(SystemClock::default()), config);
    let mut answers = Vec::new();
    let mut ask = async |instrument: &Instrument, as_of: Timestamp| {
        let frame = provider.inference(instrument, &Request::at(as_of)).await.expect("a frame");
        answers.push(frame.to_canonical_json());
    };
    let stamps: Vec<Timestamp> = recording.reference().stamps().into_iter().collect();
    for stamp in stamps.iter().step_by((stamps.len() / 25).max(1)) {
        for as_of in [stamp.plus(-1), *stamp] {
            ask(recording.instrument(), as_of).await;
        }
    }
    let end = store.flushed(&instrument()).await.expect("clock").expect("a clock");
    for back in 0..40 {
        ask(&instrument(), end.plus(-back * 7 * SECOND)).await;
    }
    // History alone, long before the market went live.
    ask(&instrument(), end.plus(-20 * 3_600 * SECOND)).await;
    answers
}

fn checksums(report: &CopyReport) -> Vec<(Instrument, String)> {
    report.instruments.iter().map(|one| (one.instrument.clone(), one.checksum.clone())).collect()
}

#[tokio::test]
async fn a_file_goes_to_the_server_and_back() {
    let Some(db) = onetape_testdb::database(&crate::model::SCHEMA).await else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let (first, last) = (url(&folder, "first.db"), url(&folder, "last.db"));
    let tape = Onetape::open(&first).await.expect("a file");
    history_and_live(&tape).await;
    tape.close(Duration::from_secs(10)).await.expect("closed");
    let tape = Onetape::open(&first).await.expect("a file");
    let recording = troubled();
    recording.write(&**tape.store()).await.expect("written");

    let there = copy(&first, db.url()).await.expect("copied to the server");
    let back = copy(db.url(), &last).await.expect("copied back");
    assert_eq!(there.instruments.len(), 2);
    assert_eq!(checksums(&there), checksums(&back));
    let expected = answers(tape.store(), &recording).await;
    for store in [db.url(), last.as_str()] {
        let copied = Onetape::open(store).await.expect("opens");
        assert!(answers(copied.store(), &recording).await == expected, "answers differ");
        for instrument in [instrument(), other()] {
            let dumps = (
                onetape_testkit::dump(&**copied.store(), &instrument).await.expect("dumped"),
                onetape_testkit::dump(&**tape.store(), &instrument).await.expect("dumped"),
            );
            assert_eq!(onetape_testkit::dump::first_difference(&dumps.0, &dumps.1), None, "{instrument}");
        }
        let again = copy(&first, store).await.expect("copied again");
        assert!(again.instruments.iter().all(|one| one.outcome == CopyOutcome::Unchanged), "{again}");
        let compared = onetape::verify_copy(&first, store, &CopyOptions::default(), &mut |_| ()).await;
        assert!(compared.expect("compared").differences.is_empty());
    }
}

#[tokio::test]
async fn a_copy_to_the_server_goes_on_where_it_was() {
    let Some(db) = onetape_testdb::database(&crate::model::SCHEMA).await else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let first = url(&folder, "first.db");
    let tape = Onetape::open(&first).await.expect("a file");
    let recording = troubled();
    recording.write(&**tape.store()).await.expect("written");
    // Given up at several moments; each time the rest is left.
    for polls in [20, 60, 120, 300] {
        let options = CopyOptions::default();
        let mut nothing = |_: &onetape::CopyMoment| ();
        let copying = onetape::copy(&first, db.url(), &options, &mut nothing);
        // By the number of times it waits, and not by time.
        let mut copying = Box::pin(copying);
        for _ in 0..polls {
            if futures::poll!(&mut copying).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    let report = copy(&first, db.url()).await.expect("goes on");
    let copied = Onetape::open(db.url()).await.expect("opens");
    assert!(copied.store().load_under_way(&other()).await.expect("asked").is_none());
    let dumped = onetape_testkit::dump(&**copied.store(), &other()).await.expect("dumped");
    assert_eq!(onetape_testkit::dump::first_difference(&dumped, &recording.reference().dump()), None);
    assert_eq!(report.instruments.len(), 1);
}

#[tokio::test]
async fn what_is_no_two_stores_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let (none, file) = (url(&folder, "none.db"), url(&folder, "there.db"));
    let missing = copy(&none, &file).await.expect_err("no source").to_string();
    assert!(missing.contains("there is no file") && missing.contains("none.db"), "{missing}");
    assert_eq!(std::fs::read_dir(folder.path()).expect("read").count(), 0, "nothing was made");
    Onetape::open(&file).await.expect("made");
    let itself = copy(&file, &file).await.expect_err("one store").to_string();
    assert!(itself.contains("copied to itself"), "{itself}");
    let unknown = copy("mysql://h/db", &file).await.expect_err("no store").to_string();
    assert!(unknown.contains("mysql"), "{unknown}");
    let compared = onetape::verify_copy(&file, &none, &CopyOptions::default(), &mut |_| ()).await;
    assert!(compared.expect_err("no target").to_string().contains("none.db"));
}
