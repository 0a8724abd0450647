//! A source that has more than a finished target.

use onetape_copy::Outcome;
use onetape_domain::imported::Place;
use onetape_ports::StoreErrorKind;
use onetape_testkit::{FaultStore, When, dump};

use crate::support::{checksums, copy, eth, file, fill, frames, import, memory, recording, verify};

#[tokio::test]
async fn what_the_source_has_more_is_added_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let recording = recording(eth(), 7);
    let batches = recording.batches();
    for (number, cut) in [2, batches.len() / 2, batches.len() - 1].into_iter().enumerate() {
        let (source, target) = (memory(), file(&folder, &format!("{number}.db")).await);
        let target = FaultStore::new(target);
        import(&*source, &eth(), "history", "files", -100, -2).await;
        let mut expected = None;
        for (place, batch) in batches.iter().enumerate() {
            let mut batch = batch.clone();
            if place == 0 {
                batch.changes.imports = source.imports(&eth()).await.expect("imports");
            }
            if place == cut {
                import(&*source, &eth(), "known", "files", -90, -1).await;
                let report = copy(&*source, &target).await.expect("copied");
                assert_eq!(report.instruments[0].outcome, Outcome::Copied);
                import(&*source, &eth(), "new", "vendor", -80, -1).await;
                let mut waiting = source.waiting_imports().await.expect("imports");
                assert_eq!(waiting.len(), 2);
                waiting.iter_mut().for_each(|import| import.place = Place::At(batch.clock.issued));
                batch.changes.imports = waiting;
            }
            source.append(&batch, expected).await.expect("written");
            expected = Some(batch.clock.issued);
        }
        target.plan().fail("append", When::After, StoreErrorKind::Timeout);
        copy(&*source, &target).await.expect_err("the acknowledgement is lost");
        let unchanged = copy(&*source, &target).await.expect("it was written");
        assert_eq!(unchanged.instruments[0].outcome, Outcome::Unchanged);
        let whole = copy(&*source, &*memory()).await.expect("copied");
        assert_eq!(checksums(&unchanged), checksums(&whole));
        assert_eq!(frames(&target, &recording).await, frames(&*source, &recording).await);
        let (got, expected) = (dump(&target, &eth()).await, dump(&*source, &eth()).await);
        assert_eq!(got.expect("dumped"), expected.expect("dumped"));
        assert!(verify(&*source, &target).await.differences.is_empty());
    }
}

#[tokio::test]
async fn an_updated_target_says_so() {
    let recording = recording(eth(), 7);
    let (source, target) = (memory(), memory());
    let (last, first) = recording.batches().split_last().expect("batches");
    let mut expected = None;
    for batch in first {
        source.append(batch, expected).await.expect("written");
        expected = Some(batch.clock.issued);
    }
    copy(&*source, &*target).await.expect("copied");
    source.append(last, expected).await.expect("written");
    let differing = verify(&*source, &*target).await;
    let what: Vec<_> = differing.differences.iter().map(|one| one.what.as_str()).collect();
    assert_eq!(what, ["clock"], "as of the earlier clock the rows are the same");
    let report = copy(&*source, &*target).await.expect("updated");
    let one = &report.instruments[0];
    assert_eq!((one.outcome, one.loaded), (Outcome::Updated, last.changes.len() as u64));
}

#[tokio::test]
async fn an_interrupted_copy_reaches_the_clock_the_source_has_come_to() {
    let recording = recording(eth(), 7);
    let batches = recording.batches();
    let half = batches.len() / 2;
    let (source, target) = (memory(), FaultStore::new(memory()));
    let mut expected = None;
    for batch in &batches[..half] {
        source.append(batch, expected).await.expect("written");
        expected = Some(batch.clock.issued);
    }
    target.plan().fail("finish_load", When::Before, StoreErrorKind::Connection);
    copy(&*source, &target).await.expect_err("interrupted at the very end");
    for batch in &batches[half..] {
        source.append(batch, expected).await.expect("written");
        expected = Some(batch.clock.issued);
    }
    let report = copy(&*source, &target).await.expect("goes on");
    assert_eq!(report.instruments[0].outcome, Outcome::Resumed);
    assert_eq!(dump(&target, &eth()).await.expect("dumped"), recording.reference().dump());
}

#[tokio::test]
async fn the_second_store_of_a_chain_is_brought_up_to_the_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = memory();
    let recording = fill(&*source).await;
    let (second, third) = (file(&folder, "second.db").await, file(&folder, "third.db").await);
    copy(&*source, &*second).await.expect("copied");
    copy(&*second, &*third).await.expect("copied");
    assert_eq!(frames(&*third, &recording).await, frames(&*source, &recording).await);
}
