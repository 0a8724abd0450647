//! Candles that a store rolled up wrongly are found.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use onetape_domain::decimal::Price;
use onetape_domain::imported::{
    Import, ImportId, ImportedCandle, ImportedRow, ImportedValues, NewImport, Source,
};
use onetape_domain::instrument::Instrument;
use onetape_domain::time::{TimeRange, Timeframe};
use onetape_memory::{MemoryStore, SystemClock};
use onetape_migration::{DataMigrationManager, Verification};
use onetape_ports::{ImportStore, ImportedQuery, StoreError};

use crate::support::{Moving, on, options};

/// What the store does to the candles of five minutes.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Nothing,
    Forgets,
    OtherClose,
    OneMore,
}

/// A store that rolls up wrongly.
#[derive(Debug)]
struct Wrong(MemoryStore, Fault);

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[async_trait]
impl ImportStore for Wrong {
    async fn begin_import(&self, import: &NewImport) -> Result<(), StoreError> {
        self.0.begin_import(import).await
    }

    async fn add_imported(&self, id: &ImportId, candles: &[ImportedCandle]) -> Result<u64, StoreError> {
        self.0.add_imported(id, candles).await
    }

    async fn finish_import(&self, id: &ImportId, covered: TimeRange) -> Result<Import, StoreError> {
        self.0.finish_import(id, covered).await
    }

    async fn imports(&self, instrument: &Instrument) -> Result<Vec<Import>, StoreError> {
        self.0.imports(instrument).await
    }

    async fn waiting_imports(&self) -> Result<Vec<Import>, StoreError> {
        self.0.waiting_imports().await
    }

    async fn imported(&self, query: &ImportedQuery) -> Result<[Vec<ImportedRow>; 6], StoreError> {
        let mut rows = self.0.imported(query).await?;
        let fives = &mut rows[Timeframe::M5.index()];
        let Some(first) = fives.first_mut() else { return Ok(rows) };
        let changed = |open_time| {
            let ohlcv = first.candle.ohlcv();
            let values = ImportedValues {
                open: ohlcv.open,
                high: ohlcv.high,
                low: ohlcv.low,
                close: Price::parse("close", "1.5").expect("a price"),
                volume: ohlcv.volume,
                taker_buy_volume: ohlcv.taker_buy_volume,
                trade_count: ohlcv.trade_count,
            };
            ImportedCandle::try_new(Timeframe::M5, open_time, values).expect("a candle")
        };
        let (own, later) = (first.candle.open_time(), first.candle.open_time().plus(Timeframe::H1.micros()));
        match self.1 {
            Fault::Nothing => {}
            Fault::OtherClose => first.candle = changed(own),
            Fault::OneMore => {
                let more = ImportedRow { candle: changed(later), ..*first };
                fives.push(more);
            }
            Fault::Forgets => drop(fives.remove(0)),
        }
        Ok(rows)
    }

    async fn remove_import(&self, id: &ImportId) -> Result<u64, StoreError> {
        self.0.remove_import(id).await
    }

    async fn set_source_order(&self, order: &[Source]) -> Result<(), StoreError> {
        self.0.set_source_order(order).await
    }

    async fn source_order(&self) -> Result<Vec<Source>, StoreError> {
        self.0.source_order().await
    }
}

#[tokio::test]
async fn what_the_store_rolled_up_is_compared_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let row = |minute: u32| format!("2024-08-09T00:{minute:02}:00Z,1,2,1,2,5");
    let rows: Vec<String> = (3..31).map(row).collect();
    let text = format!("timestamp,open,high,low,close,volume\n{}\n", rows.join("\n"));
    std::fs::write(folder.path().join("ETHUSDT_1m.csv"), text).expect("written");
    let moving = Moving::from(folder.path());
    let plan = moving.plan(&options(folder.path())).await;
    moving.run(&plan).await;
    let verified = async |fault| -> Verification {
        let (store, wrong) = (Arc::new(moving.store.clone()), Arc::new(Wrong(moving.store.clone(), fault)));
        let manager = DataMigrationManager::new(store, wrong, Arc::new(SystemClock::default()));
        manager.verify(&moving.folder, &plan.run.id, &mut on).await.expect("compared")
    };
    let told = async |fault| -> Vec<String> {
        let found = verified(fault).await;
        assert_eq!(found.count, found.differences.len() as u64);
        found
            .differences
            .iter()
            .map(|one| one.to_string().replace(&*plan.run.id.to_string(), "run"))
            .collect()
    };
    // Five five minutes and a quarter of an hour.
    assert_eq!(verified(Fault::Nothing).await.candles[0].rolled_up, 5 + 1);
    assert_eq!(told(Fault::Nothing).await, Vec::<String>::new());
    let rolled = "run/1: the 5m candle at";
    assert_eq!(
        told(Fault::Forgets).await,
        [format!("{rolled} 2024-08-09T00:05:00Z, rolled up, is not in the store")]
    );
    assert_eq!(
        told(Fault::OtherClose).await,
        [format!("{rolled} 2024-08-09T00:05:00Z, rolled up, says 1.5 of candle.close and should say 2")]
    );
    assert_eq!(
        told(Fault::OneMore).await,
        [format!("{rolled} 2024-08-09T01:05:00Z, rolled up, is in the store, and nothing comes to it")]
    );
}
