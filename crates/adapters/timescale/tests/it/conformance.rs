//! The suite that every store must pass.

use std::sync::{Arc, Mutex};

use onetape_ports::MarketStore;
use onetape_testkit::{Capability, conformance};

use crate::support;

#[tokio::test]
async fn every_case_holds() {
    if onetape_testdb::server().await.is_none() {
        return;
    }
    let one_session =
        onetape_testdb::one_session("two calls at once take turns, so that nothing runs beside another");
    let missing: &[Capability] = if one_session { &[Capability::Concurrency] } else { &[] };
    // The database of the case under way; that of the case before goes when the next begins.
    let database = Arc::new(Mutex::new(None));
    let report = conformance::run_all(missing, || {
        let database = database.clone();
        async move {
            let (store, made) = support::store().await.expect("a server was there a moment ago");
            drop(database.lock().expect("nobody panics with the lock").replace(made));
            Arc::new(store) as Arc<dyn MarketStore>
        }
    })
    .await;
    println!("{report}");
}
