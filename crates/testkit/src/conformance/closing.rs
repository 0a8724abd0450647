//! Cases of [`ClosingStore`](onetape_ports::ClosingStore): what comes of calls under way, and of those that come later.

use std::sync::Arc;

use futures::future;
use onetape_domain::time::Timestamp;
use onetape_ports::{MarketStore, StoreError, StoreErrorKind};

use super::data::{eth, market};
use super::{Case, Failure, Verdict, case, ensure};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            calls_after_closing_are_answered_as_before_or_refused,
            "Later calls are answered as before or fail with Shutdown; closing again changes nothing."
        ),
        case!(
            calls_under_way_end_before_a_store_is_closed,
            "Calls under way end as they would have; closing waits for them.",
            Concurrency
        ),
    ]
}

async fn calls_after_closing_are_answered_as_before_or_refused(store: Arc<dyn MarketStore>) -> Verdict {
    market().write(&*store).await?;
    let before = store.flushed(&eth()).await?;
    ensure!(before.is_some(), "nothing was written");
    for time in ["once", "twice"] {
        store.close().await;
        let flushed = answer(store.flushed(&eth()).await)?;
        ensure!(flushed.is_none_or(|flushed| flushed == before), "closed {time}, it says {flushed:?}");
        let clock = answer(store.clock(&eth()).await)?;
        let issued = clock.map(|clock| clock.map(|clock| clock.issued));
        ensure!(issued.is_none_or(|issued| issued == before), "closed {time}, its clock is {issued:?}");
    }
    Ok(())
}

async fn calls_under_way_end_before_a_store_is_closed(store: Arc<dyn MarketStore>) -> Verdict {
    let market = market();
    let first = market.batches().first().ok_or_else(|| Failure::from("the sample is empty".to_owned()))?;
    let (written, read, ()) =
        future::join3(store.append(first, None), store.flushed(&eth()), store.close()).await;
    let acknowledged = answer(written)?.is_some();
    let read = answer(read)?.flatten();
    ensure!(
        read.is_none_or(|read: Timestamp| read == first.clock.issued),
        "{read:?} was read, of a clock that never stood there"
    );
    // Where it still answers, what was acknowledged is there.
    if let Some(flushed) = answer(store.flushed(&eth()).await)? {
        ensure!(
            !acknowledged || flushed == Some(first.clock.issued),
            "acknowledged, but it says {flushed:?}"
        );
    }
    Ok(())
}

/// An answer; none where the store is closed.
fn answer<T>(result: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match result {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.kind() == StoreErrorKind::Shutdown => Ok(None),
        Err(error) => Err(error),
    }
}
