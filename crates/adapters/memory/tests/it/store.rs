//! The memory store against the conformance suite.

use std::sync::Arc;

use onetape_memory::MemoryStore;
use onetape_ports::MarketStore;

#[tokio::test]
async fn the_memory_store_conforms() {
    let report =
        onetape_testkit::run_all(&[], || async { Arc::new(MemoryStore::new()) as Arc<dyn MarketStore> })
            .await;
    assert!(report.skipped.is_empty(), "{report}");
}
