//! Dual write: files of an old system that follow the store, through corrections, failures and restarts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use onetape::cutover::{CutoverEvent, CutoverRecord, Evidence, Phase, place_of};
use onetape::domain::cutover::OldFiles;
use onetape::domain::message::FeedMessage;
use onetape::domain::venue::VenueRules;
use onetape::legacy::{DualOptions, DualWriter, LegacyConfig, LegacyReading, LegacyWriter, ShadowReport};
use onetape::memory::SystemClock;
use onetape::ports::{LegacyAppended, LegacyError, LegacyErrorKind, LegacySink};
use onetape::prelude::*;
use onetape_testkit::generator::Market as SimulatedMarket;
use onetape_testkit::generator::faults::late_trades;

use crate::support::instrument;

/// A folder that cannot be written while it is told so, and whose acknowledgements get lost then.
#[derive(Debug)]
struct Failing {
    inner: LegacyWriter,
    fails: AtomicBool,
}

impl std::fmt::Display for Failing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl LegacySink for Failing {
    async fn last(&self, name: &str) -> Result<Option<Timestamp>, LegacyError> {
        self.inner.last(name).await
    }

    async fn append(&self, name: &str, candles: &[Candle]) -> Result<LegacyAppended, LegacyError> {
        let done = self.inner.append(name, candles).await?;
        if self.fails.load(Ordering::Relaxed) {
            return Err(LegacyError::new(LegacyErrorKind::Io, name, "the disk is full"));
        }
        Ok(done)
    }
}

async fn compared(tape: &Onetape, folder: &std::path::Path) -> ShadowReport {
    tape.shadow(folder, &Timeframe::ALL, None, &LegacyReading::default()).await.expect("compared")
}

#[tokio::test]
async fn old_files_follow_the_store_through_corrections_failures_and_restarts() {
    let tape = Onetape::open("memory:").await.expect("a store");
    let folder = tempfile::tempdir().expect("a folder");
    let inner = LegacyWriter::open(folder.path()).expect("a writer");
    let sink = Arc::new(Failing { inner, fails: AtomicBool::new(false) });
    let options = DualOptions::new("binance".parse().expect("an exchange"));
    let begin = || {
        let clock = Arc::new(SystemClock::default());
        DualWriter::new(tape.store().clone(), sink.clone(), clock, options.clone())
    };
    let market = SimulatedMarket { seconds: 400, ..SimulatedMarket::new(instrument(), 11) };
    let messages = late_trades(market.messages(), 11, 100, 4_000);
    let pipeline = tape.ingestion();
    let mut dual = begin();
    let (mut replaced, mut failures) = (0, 0);
    for (at, part) in messages.chunks(messages.len().div_ceil(12)).enumerate() {
        for message in part {
            pipeline.ingest(message, VenueRules::BINANCE_SPOT).await.expect("ingested");
        }
        pipeline.flush().await.expect("stored");
        sink.fails.store(at % 4 == 2, Ordering::Relaxed);
        let status = dual.pass(true).await;
        assert_eq!(status.failing.is_empty(), at % 4 != 2, "{status:?}");
        if at % 4 == 3 {
            let report = compared(&tape, folder.path()).await;
            assert_eq!(
                (report.diverging(), report.files.iter().map(|file| file.behind).sum::<u64>()),
                (0, 0)
            );
            (replaced, failures) = (replaced + status.replaced, failures + status.failures);
            dual = begin();
        }
    }
    assert!(replaced > 0 && failures > 0, "{replaced} corrections, {failures} failures");
    let report = compared(&tape, folder.path()).await;
    assert!(report.compared() > 300, "{report:?}");
    assert_eq!(report.diverging(), 0, "{report:?}");
    assert_eq!(dual.pass(true).await.bytes, 0, "nothing is written where nothing is new");
}

#[tokio::test]
async fn one_process_writes_a_folder() {
    let tape = Onetape::open("memory:").await.expect("a store");
    let folder = tempfile::tempdir().expect("a folder");
    let config = LegacyConfig::default();
    let _dual = tape.dual_writer(folder.path(), &config).expect("a writer");
    let error = tape.dual_writer(folder.path(), &config).expect_err("a second one");
    assert!(error.to_string().contains("another process writes"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_moved_away_is_missed_and_not_begun_anew() {
    let tape = Onetape::open("memory:").await.expect("a store");
    let folder = tempfile::tempdir().expect("a folder");
    let dual = tape.dual_writer(folder.path(), &LegacyConfig::default()).expect("a writer");
    let market = SimulatedMarket { seconds: 240, ..SimulatedMarket::new(instrument(), 5) };
    let messages = market.messages();
    let parts: Vec<&[FeedMessage]> = messages.chunks(messages.len().div_ceil(4)).collect();
    let pipeline = tape.ingestion();
    let ingest = async |messages: &[FeedMessage]| {
        for message in messages {
            pipeline.ingest(message, VenueRules::BINANCE_SPOT).await.expect("ingested");
        }
        pipeline.flush().await.expect("stored");
    };
    ingest(parts[0]).await;
    assert!(dual.pass(true).await.failing.is_empty());
    let name = onetape::legacy::legacy_name(&instrument(), Timeframe::S1, tape.provider().default_exchange());
    let (file, away) = (folder.path().join(format!("{name}.parquet")), folder.path().join("away"));
    std::fs::rename(&file, &away).expect("moved");
    ingest(parts[1]).await;
    for _ in 0..2 {
        let status = dual.pass(true).await;
        let told = status.failing.get(&name).map(String::as_str).unwrap_or_default();
        assert!(told.contains("is not there any more"), "{status:?}");
        assert!(!file.exists(), "a file with the newest candles alone would pass for the whole");
    }
    std::fs::rename(&away, &file).expect("moved back");
    assert!(dual.pass(true).await.failing.is_empty());
    let report = compared(&tape, folder.path()).await;
    assert_eq!((report.diverging(), report.files[0].earlier), (0, 0), "{report:?}");
    assert!(report.left.iter().all(|left| left.path == "away"), "{:?}", report.left);

    // An older state of the file, as from a backup: it is told, and brought up to date from its own last row on.
    let backup = std::fs::read(&file).expect("bytes");
    ingest(parts[2]).await;
    assert!(dual.pass(true).await.failing.is_empty());
    std::fs::write(&file, backup).expect("put back");
    ingest(parts[3]).await;
    let told = dual.pass(true).await.failing;
    assert!(
        told.get(&name).is_some_and(|told| told.contains("somebody else replaced or wrote it")),
        "{told:?}"
    );
    assert!(dual.pass(true).await.failing.is_empty());
    let report = compared(&tape, folder.path()).await;
    assert_eq!((report.diverging(), report.files[0].behind), (0, 0), "{report:?}");
}

/// Brings a cut-over of a folder to a phase, whatever it asks for.
async fn bring_to(tape: &Onetape, folder: &std::path::Path, phase: Phase) {
    let mut number = 0;
    for to in Phase::ALL.into_iter().filter(|to| *to <= phase) {
        number += 1;
        let evidence = match to {
            Phase::DualWrite => Evidence::Begun { folder: place_of(folder) },
            _ => Evidence::Finished { runs: Vec::new() },
        };
        let event = CutoverEvent::Advanced { to, evidence, note: String::new() };
        let record = CutoverRecord::try_new(number, Timestamp::EARLIEST, "me", event).expect("a record");
        tape.store().append_cutover(&record).await.expect("recorded");
    }
}

#[tokio::test]
async fn old_files_are_written_until_the_cutover_leaves_their_folder() {
    let tape = Onetape::open("memory:").await.expect("a store");
    let folder = tempfile::tempdir().expect("a folder");
    let dual = tape.dual_writer(folder.path(), &LegacyConfig::default()).expect("a writer");
    let market = SimulatedMarket { seconds: 200, ..SimulatedMarket::new(instrument(), 3) };
    let messages = market.messages();
    let (first, rest) = messages.split_at(messages.len() / 2);
    let pipeline = tape.ingestion();
    let behind = async || tape.old_files(folder.path(), &Timeframe::ALL).await.expect("looked at");
    assert_eq!(behind().await, OldFiles::default());
    for message in first {
        pipeline.ingest(message, VenueRules::BINANCE_SPOT).await.expect("ingested");
    }
    pipeline.flush().await.expect("stored");
    assert!(behind().await.missing.len() >= 2, "{:?}", behind().await);
    bring_to(&tape, folder.path(), Phase::Switch).await;
    assert!(!dual.pass(true).await.has_ended);
    let written = behind().await;
    assert!(written.files >= 2 && written.missing.is_empty() && written.behind.is_none(), "{written:?}");
    for message in rest {
        pipeline.ingest(message, VenueRules::BINANCE_SPOT).await.expect("ingested");
    }
    pipeline.flush().await.expect("stored");
    let (file, micros) = behind().await.behind.expect("a file that is behind");
    assert!(file.ends_with("_1s.parquet") && micros > 50_000_000, "{file} {micros}");
    let event = CutoverEvent::Advanced {
        to: Phase::Deprecate,
        evidence: Evidence::Archived { record: 1 },
        note: String::new(),
    };
    let record = CutoverRecord::try_new(6, Timestamp::EARLIEST, "me", event).expect("a record");
    tape.store().append_cutover(&record).await.expect("recorded");
    let before = compared(&tape, folder.path()).await;
    // It ends by itself, and lets go of the folder.
    dual.run().await;
    assert!(dual.status().has_ended);
    assert_eq!(compared(&tape, folder.path()).await, before);
    LegacyWriter::open(folder.path()).expect("nobody writes it");
}
