//! Batches of an import whose answers are lost, and that are never made: made again until they are answered.

use std::sync::Arc;

use futures::TryStreamExt as _;
use onetape_domain::imported::ImportedCandle;
use onetape_domain::time::{SECOND, TimeRange, Timestamp};
use onetape_ports::{ImportStore, ManifestStore, StoreErrorKind};
use onetape_sqlite::SqliteStore;
use onetape_testkit::{FaultStore, Seconds, When};

use crate::support::Folder;

#[tokio::test]
async fn what_is_made_again_until_it_is_answered_is_there_once() {
    let seconds = Seconds { first: Timestamp::from_micros(1_723_161_600 * SECOND), count: 7_000 };
    let folder = Folder::new();
    let store = FaultStore::new(Arc::new(folder.store().await));
    let (run, import) = (seconds.run().unwrap(), seconds.import().unwrap());
    let mut faults = 0;
    for when in [When::Before, When::After] {
        store.plan().fail("begin_run", when, StoreErrorKind::Connection);
        store.plan().fail("finish_import", when, StoreErrorKind::Connection);
    }
    while store.begin_run(&run, seconds.first).await.is_err() {
        faults += 1;
    }
    for (number, batch) in seconds.batches(500).enumerate() {
        let batch = batch.unwrap();
        let lost =
            if number % 2 == 0 { vec![When::After] } else { vec![When::Before, When::After, When::After] };
        for when in lost {
            store.plan().fail("write_import_batch", when, StoreErrorKind::Connection);
        }
        let progress = loop {
            match store.write_import_batch(&batch).await {
                Ok(progress) => break progress,
                Err(_) => faults += 1,
            }
            // Whatever was lost, the record and the candles agree.
            let recorded = store.manifest(&run.id).await.unwrap().unwrap().progress.remove(0);
            let there: Vec<ImportedCandle> =
                store.stream_import(&import.id, TimeRange::ALL).try_collect().await.unwrap();
            assert_eq!(there.len() as u64, recorded.new);
            assert!([batch.from_row, batch.to_row].contains(&recorded.rows_read));
        };
        assert_eq!((progress.new, progress.same), (batch.to_row, 0));
    }
    while store.finish_import(&import.id, seconds.covered().unwrap()).await.is_err() {
        faults += 1;
    }
    assert_eq!(faults, 2 + 2 + 7 + 3 * 7, "a fault did not happen");
    let undisturbed = Folder::new();
    let other = undisturbed.store().await;
    other.begin_run(&run, seconds.first).await.unwrap();
    for batch in seconds.batches(65_536) {
        other.write_import_batch(&batch.unwrap()).await.unwrap();
    }
    other.finish_import(&import.id, seconds.covered().unwrap()).await.unwrap();
    let (ours, theirs) = (rows(store.inner()).await, rows(&other).await);
    assert!(
        ours.len() > 7_000 && ours == theirs,
        "{} rows, and not the {} there should be",
        ours.len(),
        theirs.len()
    );
    assert_eq!(
        store.manifest(&run.id).await.unwrap().unwrap().progress,
        other.manifest(&run.id).await.unwrap().unwrap().progress
    );
}

/// Every candle of every timeframe, as it is in the file.
async fn rows(store: &SqliteStore) -> Vec<(String, i64, String)> {
    let mut connection = crate::support::connect(store.path()).await;
    sqlx::query_as("SELECT timeframe, timestamp, open_price || high_price || low_price || close_price || volume FROM ohlcv_imported ORDER BY 1, 2")
        .fetch_all(&mut connection)
        .await
        .expect("rows")
}
