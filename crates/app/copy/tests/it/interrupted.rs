//! Interrupted anywhere, gone on with, and begun anew.

use std::sync::Arc;

use futures::FutureExt as _;
use onetape_copy::{CopyError, CopyOptions, Outcome};
use onetape_domain::time::Timestamp;
use onetape_ports::{ClockStore as _, Load, LoadRows, StoreErrorKind};
use onetape_testkit::{FaultStore, When, dump};

use crate::support::{checksums, copy, eth, file, fill, frames, memory, recording, verify};

/// Calls that write into the target.
const WRITES: [&str; 5] = ["begin_load", "load_import", "load", "finish_load", "quarantine"];
/// Calls that read the source.
const READS: [&str; 8] = [
    "clock",
    "imports",
    "expiry",
    "stream_candles",
    "stream_superseded",
    "stream_books",
    "stream_coverage",
    "imported",
];

#[tokio::test]
async fn a_copy_goes_on_after_a_fault_at_any_write() {
    let source = memory();
    let recording = fill(&*source).await;
    let expected = frames(&*source, &recording).await;
    let whole = copy(&*source, &*memory()).await.expect("copied");
    for operation in WRITES {
        for when in [When::Before, When::After] {
            for calls in [0, 1, 3, 8, 17] {
                let target = FaultStore::new(memory());
                target.plan().pass(operation, calls);
                target.plan().fail(operation, when, StoreErrorKind::Connection);
                let first = copy(&*source, &target).await;
                if let Err(error) = &first {
                    let is_targets =
                        matches!(error, CopyError::Target { source, .. } if source.is_retryable());
                    assert!(is_targets, "{operation} {when:?} {calls}: {error}");
                }
                target.plan().recover();
                let second = copy(&*source, &target).await.expect("goes on");
                assert_eq!(checksums(&second), checksums(&whole), "{operation} {when:?} {calls}");
                // Frames take long, and equal checksums are equal rows.
                if (when, calls) == (When::After, 3) {
                    assert_eq!(frames(&target, &recording).await, expected, "{operation}");
                }
                let report = verify(&*source, &target).await;
                assert!(report.differences.is_empty(), "{operation} {when:?} {calls}: {report}");
            }
        }
    }
}

#[tokio::test]
async fn a_copy_goes_on_after_a_fault_at_any_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let inner = memory();
    fill(&*inner).await;
    let whole = copy(&*inner, &*memory()).await.expect("copied");
    for (number, operation) in READS.into_iter().enumerate() {
        for calls in [0, 2, 9] {
            let source = FaultStore::new(inner.clone());
            let target = file(&folder, &format!("{number}-{calls}.db")).await;
            source.plan().pass(operation, calls);
            source.plan().fail(operation, When::After, StoreErrorKind::Shutdown);
            if let Err(error) = copy(&source, &*target).await {
                assert!(matches!(error, CopyError::Source { .. }), "{operation} {calls}: {error}");
            }
            source.plan().recover();
            let second = copy(&source, &*target).await.expect("goes on");
            assert_eq!(checksums(&second), checksums(&whole), "{operation} {calls}");
        }
    }
}

#[tokio::test]
async fn nothing_is_seen_of_an_interrupted_copy_and_what_is_there_is_not_loaded_again() {
    let source = memory();
    let recording = recording(eth(), 7);
    recording.write(&*source).await.expect("written");
    let target = FaultStore::new(memory());
    // All candles and trades are there, the books are not.
    target.plan().pass("load", 13);
    target.plan().fail("load", When::Before, StoreErrorKind::Resource);
    copy(&*source, &target).await.expect_err("interrupted");
    assert!(target.instruments().await.expect("instruments").is_empty());
    assert_eq!(target.flushed(&eth()).await.expect("clock"), None);
    let before = target.plan().calls("load");
    let report = copy(&*source, &target).await.expect("goes on");
    let one = &report.instruments[0];
    assert_eq!(one.outcome, Outcome::Resumed);
    assert!(one.skipped > 0 && one.loaded < one.rows, "{one:?}");
    assert!(target.plan().calls("load") - before < before, "only what was missing was loaded");
    assert_eq!(dump(&target, &eth()).await.expect("dumped"), recording.reference().dump());
}

#[tokio::test]
async fn a_copy_that_is_dropped_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = memory();
    fill(&*source).await;
    let whole = copy(&*source, &*memory()).await.expect("copied");
    let target = file(&folder, "there.db").await;
    for polls in [1_u32, 7, 40, 160, 500] {
        let mut copying = Box::pin(copy(&*source, &*target));
        for _ in 0..polls {
            if futures::poll!(&mut copying).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(copying);
    }
    let done = copy(&*source, &*target).await.expect("goes on");
    assert_eq!(checksums(&done), checksums(&whole));
}

#[tokio::test]
async fn rows_of_another_past_are_named_and_go_when_it_is_begun_anew() {
    let source = memory();
    recording(eth(), 7).write(&*source).await.expect("written");
    let issued = source.flushed(&eth()).await.expect("clock").expect("a clock");
    let target = memory();
    target.begin_load(&Load { instrument: eth(), issued: Some(issued) }).await.expect("begun");
    let other = recording(eth(), 8).reference().trades(Timestamp::LATEST);
    target.load(&eth(), &LoadRows::Trades(other)).await.expect("loaded");
    let error = copy(&*source, &*target).await.expect_err("another past");
    let text = error.to_string();
    assert!(text.contains("trade_events of 2024-08-0") && text.contains("--restart"), "{text}");
    assert_eq!(target.flushed(&eth()).await.expect("clock"), None, "it was not finished");
    let options = CopyOptions { restart: true, ..CopyOptions::default() };
    let report = onetape_copy::copy(&*source, &*target, &options, &mut |_| ()).await.expect("begun anew");
    assert_eq!(report.instruments[0].outcome, Outcome::Copied);
    let same = onetape_copy::copy(&*source, &*target, &options, &mut |_| ()).await.expect("there already");
    assert_eq!(same.instruments[0].outcome, Outcome::Unchanged, "what is finished is never thrown away");
}

/// A source that another writer moves on while it is copied.
#[tokio::test]
async fn a_source_that_is_written_meanwhile_is_copied_as_of_the_begin() {
    let recording = recording(eth(), 7);
    let batches = recording.batches();
    let half = batches.len() / 2;
    let source = memory();
    let mut expected = None;
    for batch in &batches[..half] {
        source.append(batch, expected).await.expect("written");
        expected = Some(batch.clock.issued);
    }
    let issued = expected.expect("half a tape");
    let still = copy(&*source, &*memory()).await.expect("copied");
    let target = memory();
    let writer = Arc::clone(&source);
    let mut rest = batches[half..].iter();
    let mut write = |_: &onetape_copy::Progress| {
        // A batch for each table that is read.
        if let Some(batch) = rest.next() {
            let write = writer.append(batch, expected);
            write.now_or_never().expect("a store in memory does not wait").expect("written");
            expected = Some(batch.clock.issued);
        }
    };
    let options = CopyOptions::default();
    let report = onetape_copy::copy(&*source, &*target, &options, &mut write).await.expect("copied");
    assert!(source.flushed(&eth()).await.expect("clock") > Some(issued), "the source went on");
    assert_eq!(target.flushed(&eth()).await.expect("clock"), Some(issued));
    assert_eq!(checksums(&report), checksums(&still), "as if nobody had written");
}
