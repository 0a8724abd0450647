//! Reading candles.

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream;
use onetape_domain::candle::{Candle, SupersededCandle};
use onetape_domain::engine::candles::CandleKey;
use onetape_domain::instrument::Instrument;
use onetape_ports::{CandleQuery, CandleStore, RowStream, Selection, StoreError};

use super::MemoryStore;

#[async_trait]
impl CandleStore for MemoryStore {
    async fn candles(&self, query: &CandleQuery) -> Result<Vec<Candle>, StoreError> {
        let rows = self.read(&query.instrument, |tape| {
            let series = &tape.candles[query.timeframe.index()];
            let lens = tape.lens(query.as_of, query.knowledge);
            match query.selection {
                Selection::Range(range) => series.range(range.start(), range.end(), lens),
                Selection::Last(n) => series.last(lens, n),
            }
        });
        Ok(rows.unwrap_or_default())
    }

    fn stream_candles(&self, query: CandleQuery) -> RowStream<'_, Candle> {
        let snapshot = self.read(&query.instrument, |tape| {
            let series = &tape.candles[query.timeframe.index()];
            let lens = tape.lens(query.as_of, query.knowledge);
            match query.selection {
                Selection::Range(range) => series.snapshot(range.start(), range.end(), lens),
                Selection::Last(n) => series.snapshot_last(lens, n),
            }
        });
        stream::iter(snapshot.into_iter().flat_map(|snapshot| snapshot.into_rows()).map(Ok)).boxed()
    }

    async fn candle(&self, instrument: &Instrument, key: CandleKey) -> Result<Option<Candle>, StoreError> {
        let found = self.read(instrument, |tape| tape.candles[key.timeframe.index()].current(key.open_time));
        Ok(found.flatten())
    }

    async fn superseded(
        &self,
        instrument: &Instrument,
        key: CandleKey,
    ) -> Result<Vec<SupersededCandle>, StoreError> {
        let found = self.read(instrument, |tape| {
            let mut versions = tape.candles[key.timeframe.index()].replaced(key.open_time);
            let orphans = &tape.orphans[key.timeframe.index()];
            versions.extend(orphans.range((key.open_time, 0)..=(key.open_time, u32::MAX)).map(|row| *row.1));
            versions
        });
        Ok(found.unwrap_or_default())
    }
}
