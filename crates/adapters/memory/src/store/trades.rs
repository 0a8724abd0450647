//! Reading trades.

use futures::StreamExt;
use futures::stream;
use onetape_domain::trade::Trade;
use onetape_ports::{RowStream, TimeQuery, TradeStore};

use super::MemoryStore;

impl TradeStore for MemoryStore {
    fn stream_trades(&self, query: TimeQuery) -> RowStream<'_, Trade> {
        let rows = self.read(&query.instrument, |tape| tape.trades.select(query.selection, query.as_of));
        stream::iter(rows.into_iter().flat_map(|rows| rows.into_rows()).map(Ok)).boxed()
    }
}
