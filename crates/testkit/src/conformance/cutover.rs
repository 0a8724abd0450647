//! Cases of [`CutoverStore`](onetape_ports::CutoverStore): a log that is only added to.

use std::sync::Arc;

use futures::TryStreamExt;
use futures::future::join_all;
use onetape_domain::cutover::{
    ArchiveMade, CutoverEvent, CutoverRecord, Evidence, MAX_NOTE_BYTES, MAX_RECORD_BYTES, OldFiles, Phase,
    Requirements, Shadows,
};
use onetape_domain::manifest::RunId;
use onetape_domain::time::{TimeRange, Timeframe};
use onetape_ports::{MarketStore, StoreError, StoreErrorKind};

use super::data::{at, eth};
use super::imports::{new_import, range, refused};
use super::{Case, Verdict, case, ensure, same};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            a_log_comes_back_exactly,
            "Adds a record to the end of the log; the records after a number, by number."
        ),
        case!(
            a_record_that_is_not_the_next_one_is_refused,
            "Its number MUST be that of the last one plus 1, and 1 in an empty log. The same again changes nothing."
        ),
        case!(of_records_added_at_once_one_is, "Of several that add at once, one does.", Concurrency),
        case!(
            a_record_that_breaks_a_rule_is_refused,
            "One whose name or note breaks the rules, and one that is too long, MUST be refused."
        ),
        case!(
            the_log_stays_when_its_imports_go,
            "No record MUST be changed or removed by anything that a store does."
        ),
        case!(a_long_log_is_read_to_its_end, "The records after a number, by number."),
    ]
}

async fn log(store: &dyn MarketStore, after: u64) -> Result<Vec<CutoverRecord>, StoreError> {
    store.stream_cutover(after).try_collect().await
}

fn record(number: u64, event: CutoverEvent) -> CutoverRecord {
    CutoverRecord::try_new(number, at(number as i64), "ü 'm' \"e\"@host", event).expect("a record")
}

fn back(note: &str) -> CutoverEvent {
    CutoverEvent::Back { from: Phase::Verify, note: note.to_owned() }
}

fn run(name: &str) -> RunId {
    RunId::try_new(name).expect("a name")
}

/// One of every kind, with everything in it that can be.
fn events() -> Vec<CutoverEvent> {
    let folder = || "/data/älter \"1\"\\x".to_owned();
    let files = OldFiles {
        files: 6,
        missing: vec!["ETHUSDT_1m.parquet".to_owned()],
        behind: Some(("ETHUSDT_1s.parquet".to_owned(), u64::MAX)),
        newest: Some(at(7)),
    };
    let shadows =
        Shadows { count: 3, first_record: 5, first_at: at(1), last_record: 9, last_at: at(2), newest: None };
    let required = Requirements::default();
    let evidence = [
        Evidence::Begun { folder: folder() },
        Evidence::Written { files: files.clone() },
        Evidence::Finished { runs: vec![run("a"), run("b-1.2_x")] },
        Evidence::Verified { records: vec![3, u64::MAX] },
        Evidence::Shadowed { shadows, required, files: Some(files) },
        Evidence::Shadowed { shadows, required, files: None },
        Evidence::Archived { record: 12 },
    ];
    let advanced = Phase::ALL.into_iter().zip(evidence).map(|(to, evidence)| CutoverEvent::Advanced {
        to,
        evidence,
        note: "as agreed, 'ü'".to_owned(),
    });
    let (archive, sha256) = (folder() + ".archive", "0f".repeat(32));
    let made = ArchiveMade {
        archive: archive.clone(),
        folder: folder(),
        files: 6,
        bytes: 5,
        sha256: sha256.clone(),
    };
    let shadowed = |range: Option<TimeRange>| CutoverEvent::Shadowed {
        folder: folder(),
        files: 6,
        compared: 600,
        diverging: 1,
        newest: Some(at(3)),
        range,
    };
    let others = [
        back("no"),
        CutoverEvent::Verified { run: run("a"), rows: 5, differences: 0, newest: Some(at(3)) },
        shadowed(Some(range(0, 60))),
        shadowed(None),
        CutoverEvent::Archived(made),
        CutoverEvent::Removed { archive: archive.clone(), folder: folder(), files: 6 },
        CutoverEvent::Restored { archive, folder: folder(), files: 6, sha256 },
    ];
    advanced.chain(others).collect()
}

async fn a_log_comes_back_exactly(store: Arc<dyn MarketStore>) -> Verdict {
    ensure!(log(&*store, 0).await?.is_empty(), "a new store has a log");
    let records: Vec<_> = (1..).zip(events()).map(|(number, event)| record(number, event)).collect();
    for record in &records {
        store.append_cutover(record).await?;
    }
    same("the log", &log(&*store, 0).await?, &records)?;
    same("its end", &log(&*store, 4).await?, &records[4..])?;
    ensure!(log(&*store, records.len() as u64).await?.is_empty(), "there is something after the last record");
    ensure!(log(&*store, u64::MAX).await?.is_empty(), "there is something after the last number");
    Ok(())
}

async fn a_record_that_is_not_the_next_one_is_refused(store: Arc<dyn MarketStore>) -> Verdict {
    for number in [0, 2, u64::MAX] {
        let first = store.append_cutover(&record(number, back("no"))).await;
        refused("a first record of another number", first, StoreErrorKind::Conflict)?;
    }
    let records = [record(1, back("one")), record(2, back("two"))];
    for record in &records {
        store.append_cutover(record).await?;
    }
    for number in [0, 1, 2, 4] {
        let other = store.append_cutover(&record(number, back("other"))).await;
        refused("a record that is not the next one", other, StoreErrorKind::Conflict)?;
    }
    // As somebody does who never got the answer.
    for record in &records {
        store.append_cutover(record).await?;
    }
    same("the log", &log(&*store, 0).await?, &records)
}

async fn of_records_added_at_once_one_is(store: Arc<dyn MarketStore>) -> Verdict {
    for number in 1..=3 {
        let records: Vec<_> = (0..4).map(|who| record(number, back(&format!("of {who}")))).collect();
        let added = join_all(records.iter().map(|record| store.append_cutover(record))).await;
        let mut winners = Vec::new();
        for (added, record) in added.into_iter().zip(&records) {
            match added {
                Ok(()) => winners.push(record.clone()),
                added => refused("one that was later", added, StoreErrorKind::Conflict)?,
            }
        }
        ensure!(winners.len() == 1, "{} of 4 were added", winners.len());
        same("the record", &log(&*store, number - 1).await?, &winners)?;
    }
    Ok(())
}

async fn a_record_that_breaks_a_rule_is_refused(store: Arc<dyn MarketStore>) -> Verdict {
    let good = record(1, back("no"));
    let long = "x".repeat(MAX_NOTE_BYTES + 1);
    let runs = vec![run(&"r".repeat(60)); MAX_RECORD_BYTES / 60];
    let endless = CutoverEvent::Advanced {
        to: Phase::Verify,
        evidence: Evidence::Finished { runs },
        note: String::new(),
    };
    let wrong = [
        CutoverRecord { by: "a\0b".to_owned(), ..good.clone() },
        CutoverRecord { by: long.clone(), ..good.clone() },
        CutoverRecord { event: back("two\nlines"), ..good.clone() },
        CutoverRecord { event: back(&long), ..good.clone() },
        CutoverRecord { event: endless, ..good.clone() },
    ];
    for wrong in &wrong {
        refused("a wrong record", store.append_cutover(wrong).await, StoreErrorKind::Invalid)?;
    }
    store.append_cutover(&good).await?;
    same("the log", &log(&*store, 0).await?, &[good])
}

async fn the_log_stays_when_its_imports_go(store: Arc<dyn MarketStore>) -> Verdict {
    let verified = CutoverEvent::Verified { run: run("a"), rows: 5, differences: 0, newest: None };
    let records = [record(1, verified)];
    let import = new_import("a/0", "legacy", eth(), Timeframe::M1);
    store.begin_import(&import).await?;
    store.append_cutover(&records[0]).await?;
    store.remove_import(&import.id).await?;
    same("the log", &log(&*store, 0).await?, &records)
}

async fn a_long_log_is_read_to_its_end(store: Arc<dyn MarketStore>) -> Verdict {
    let records: Vec<_> = (1..=1_003).map(|number| record(number, back("again"))).collect();
    for record in &records {
        store.append_cutover(record).await?;
    }
    same("the log", &log(&*store, 0).await?, &records)?;
    same("its end", &log(&*store, 1_000).await?, &records[1_000..])
}
