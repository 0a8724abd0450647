//! Reading the coverage log.

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream;
use onetape_domain::coverage::CoverageRow;
use onetape_domain::instrument::Instrument;
use onetape_domain::time::Timestamp;
use onetape_ports::{CoverageStore, RowStream, Selection, StoreError, TimeQuery};

use super::MemoryStore;

#[async_trait]
impl CoverageStore for MemoryStore {
    fn stream_coverage(&self, query: TimeQuery) -> RowStream<'_, CoverageRow> {
        match query.selection {
            Selection::Range(range) => {
                let touching = |log: &crate::coverage::CoverageLog| log.touching(range, query.as_of);
                let rows = self.read(&query.instrument, |tape| touching(&tape.coverage));
                stream::iter(rows.into_iter().flatten().map(Ok)).boxed()
            }
            Selection::Last(n) => {
                let rows = self.read(&query.instrument, |tape| tape.coverage.last(n, query.as_of));
                stream::iter(rows.into_iter().flat_map(|rows| rows.into_rows()).map(Ok)).boxed()
            }
        }
    }

    async fn coverage_proof(
        &self,
        instrument: &Instrument,
        from: Timestamp,
        as_of: Timestamp,
    ) -> Result<Vec<CoverageRow>, StoreError> {
        Ok(self.read(instrument, |tape| tape.coverage.proof(from, as_of)).unwrap_or_default())
    }
}
