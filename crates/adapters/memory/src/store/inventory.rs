//! What is stored: every length is at hand.

use async_trait::async_trait;
use onetape_domain::instrument::Instrument;
use onetape_domain::time::Timestamp;
use onetape_ports::{Extent, Inventory, InventoryStore, Sizes, StoreError};

use super::MemoryStore;
use crate::series::{Row, Series};

#[async_trait]
impl InventoryStore for MemoryStore {
    async fn inventory(&self, instrument: &Instrument) -> Result<Inventory, StoreError> {
        let inventory = self.read(instrument, |tape| Inventory {
            candles: tape.candles.each_ref().map(|series| extent(series.open_times(), series.len())),
            trades: of(&tape.trades),
            books: of(&tape.books),
            imbalances: of(&tape.imbalances),
        });
        Ok(inventory.unwrap_or_default())
    }

    async fn sizes(&self) -> Result<Option<Sizes>, StoreError> {
        Ok(None)
    }
}

fn of<V: Row>(series: &Series<V>) -> Option<Extent> {
    extent(series.first().map(Row::time).zip(series.last().map(Row::time)), series.len())
}

fn extent(ends: Option<(Timestamp, Timestamp)>, rows: usize) -> Option<Extent> {
    ends.map(|(first, last)| Extent { first, last, rows: rows as u64, estimated: false })
}
