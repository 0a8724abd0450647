//! Steps of a cut-over that two make at once, and stores that fail meanwhile.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use futures::StreamExt as _;
use onetape_domain::cutover::{CutoverEvent, CutoverRecord, Missing, OldFiles, Phase, Requirements};
use onetape_memory::{MemoryStore, SystemClock};
use onetape_migration::{CutoverError, CutoverManager, ShadowReport};
use onetape_ports::{CutoverStore, RowStream, StoreError, StoreErrorKind};
use onetape_testkit::{FaultStore, When};

/// A store in which somebody else is faster, so many times.
#[derive(Debug)]
struct Rival {
    inner: MemoryStore,
    faster: AtomicU64,
}

impl fmt::Display for Rival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a store with a rival")
    }
}

#[async_trait]
impl CutoverStore for Rival {
    async fn append_cutover(&self, record: &CutoverRecord) -> Result<(), StoreError> {
        let left = self.faster.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if left.is_ok() {
            let by = "a rival".to_owned();
            self.inner.append_cutover(&CutoverRecord { by, ..record.clone() }).await?;
        }
        self.inner.append_cutover(record).await
    }

    fn stream_cutover(&self, after: u64) -> RowStream<'_, CutoverRecord> {
        self.inner.stream_cutover(after)
    }
}

fn manager(log: Arc<dyn CutoverStore>, store: &MemoryStore) -> CutoverManager {
    CutoverManager::new(log, Arc::new(store.clone()), Arc::new(SystemClock::default()), "me")
}

async fn begin(manager: &CutoverManager) -> Result<CutoverRecord, CutoverError> {
    manager.advance(Some("/data/old"), OldFiles::default(), &Requirements::default(), "").await
}

#[tokio::test]
async fn of_two_who_step_at_once_one_does_and_the_other_is_told_by_whom() {
    let store = MemoryStore::new();
    let rival = Arc::new(Rival { inner: store.clone(), faster: AtomicU64::new(1) });
    let manager = manager(rival.clone(), &store);
    let error = begin(&manager).await.expect_err("the other was faster");
    assert!(matches!(error, CutoverError::Raced { number: 1, .. }), "{error:?}");
    assert!(error.to_string().ends_with("by a rival: advanced"), "{error}");
    let records = manager.records(0).await.expect("a log");
    assert_eq!((records.len(), records[0].by.as_str()), (1, "a rival"));
    assert_eq!(manager.state().await.expect("a state").phase(), Some(Phase::DualWrite));
    // What was found out is recorded behind what the other recorded.
    rival.faster.store(2, Ordering::Relaxed);
    let record = manager.shadowed("/data/old", None, &ShadowReport::default()).await.expect("recorded");
    assert_eq!((record.number, record.by.as_str()), (4, "me"));
    assert_eq!(manager.records(0).await.expect("a log").len(), 4);
}

#[tokio::test]
async fn a_step_whose_acknowledgement_is_lost_is_made_once() {
    let store = MemoryStore::new();
    let faulty = Arc::new(FaultStore::new(Arc::new(store.clone())));
    let manager = manager(faulty.clone(), &store);
    faulty.plan().fail("append_cutover", When::After, StoreErrorKind::Connection);
    faulty.plan().fail("append_cutover", When::Before, StoreErrorKind::Timeout);
    assert_eq!(begin(&manager).await.expect("begun").number, 1);
    assert_eq!(faulty.plan().calls("append_cutover"), 3);
    assert_eq!(store.stream_cutover(0).count().await, 1);
    faulty.plan().fail("append_cutover", When::Before, StoreErrorKind::Permission);
    let error = manager.back("").await.expect_err("it may not write");
    assert_eq!(error.of_store().map(StoreError::kind), Some(StoreErrorKind::Permission));
}

#[tokio::test]
async fn what_is_missing_changes_nothing() {
    let store = MemoryStore::new();
    let manager = manager(Arc::new(store.clone()), &store);
    begin(&manager).await.expect("begun");
    let files = OldFiles { missing: vec!["ETHUSDT_1m.parquet".to_owned()], ..OldFiles::default() };
    let required = Requirements::default();
    for _ in 0..2 {
        let error = manager.advance(None, files.clone(), &required, "").await.expect_err("a file is missing");
        let CutoverError::Refused(refused) = error else { panic!("{error}") };
        assert_eq!(refused.missing, [Missing::Files { files: files.missing.clone() }]);
    }
    assert!(matches!(manager.back("two\nlines").await, Err(CutoverError::Invalid(_))));
    assert_eq!(manager.records(0).await.expect("a log").len(), 1);
    let back = manager.back("no").await.expect("given up");
    assert_eq!(back.event, CutoverEvent::Back { from: Phase::DualWrite, note: "no".to_owned() });
    assert_eq!(manager.state().await.expect("a state").folder(), None);
}
