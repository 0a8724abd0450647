//! The suite that every store must pass.

use std::sync::Arc;

use onetape_ports::MarketStore;
use onetape_testkit::{FaultStore, conformance};

use crate::support::Folder;

#[tokio::test(flavor = "multi_thread")]
async fn every_case_holds() {
    let folder = Folder::new();
    let report =
        conformance::run_all(&[], || async { Arc::new(folder.store().await) as Arc<dyn MarketStore> }).await;
    println!("{report}");
    assert!(report.skipped.is_empty(), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_case_holds_through_a_decorator() {
    let folder = Folder::new();
    let report = conformance::run_all(&[], || async {
        Arc::new(FaultStore::new(Arc::new(folder.store().await))) as Arc<dyn MarketStore>
    })
    .await;
    println!("{report}");
}
