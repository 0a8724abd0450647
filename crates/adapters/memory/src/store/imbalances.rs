//! Reading imbalances.

use futures::StreamExt;
use futures::stream;
use onetape_domain::imbalance::Imbalances;
use onetape_ports::{ImbalanceStore, RowStream, TimeQuery};

use super::MemoryStore;

impl ImbalanceStore for MemoryStore {
    fn stream_imbalances(&self, query: TimeQuery) -> RowStream<'_, Imbalances> {
        let rows = self.read(&query.instrument, |tape| tape.imbalances.select(query.selection, query.as_of));
        stream::iter(rows.into_iter().flat_map(|rows| rows.into_rows()).map(Ok)).boxed()
    }
}
