//! Reading everything a frame needs at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use onetape_domain::candle::Candle;
use onetape_domain::expiry::Expiry;
use onetape_domain::frame::{FrameParts, context_range};
use onetape_domain::imbalance::LONGEST_WINDOW;
use onetape_domain::indicator::MAX_WINDOW;
use onetape_domain::instrument::Instrument;
use onetape_domain::time::Timeframe;
use onetape_ports::{ClosingStore, FrameQuery, FrameStore, Knowledge, StoreError};

use super::{MemoryStore, Tape};
use crate::parts::measured_from;
use crate::series::{FIRST, LAST};

#[async_trait]
impl FrameStore for MemoryStore {
    async fn frame_parts(&self, query: &FrameQuery) -> Result<FrameParts, StoreError> {
        let read = |tape: &Tape| {
            let live_since = tape.clock.as_ref().map(|clock| clock.live_since);
            let imports = self.inner.imports.read();
            let known = imports.known(&query.instrument, query.as_of, query.knowledge, live_since);
            FrameParts { imports: known.into(), ..tape.frame_parts(query) }
        };
        Ok(self.read(&query.instrument, read).unwrap_or_default())
    }

    async fn expiry(&self, instrument: &Instrument) -> Result<Expiry, StoreError> {
        Ok(self.read(instrument, |tape| tape.expiry).unwrap_or(Expiry::NOTHING))
    }
}

#[async_trait]
impl ClosingStore for MemoryStore {
    /// There is nothing to let go of: whoever has the store goes on reading.
    async fn close(&self) {}
}

impl Tape {
    fn frame_parts(&self, query: &FrameQuery) -> FrameParts {
        let FrameQuery { as_of, shape, knowledge, .. } = *query;
        let lens = self.lens(as_of, knowledge);
        let candles = shape.candles.max(FrameParts::FORMING_ROWS);
        let context = context_range(as_of, shape.context_window);
        let second = &self.candles[Timeframe::S1.index()];
        let open_from = second.latest(lens).map_or(FIRST, Candle::close_time);
        let open_trades = match knowledge {
            Knowledge::AsRecorded => self.trades.known(open_from, LAST, as_of).cloned().collect(),
            Knowledge::AsCorrected => {
                let end = self.coverage.watermark_second(as_of).unwrap_or(FIRST);
                self.trades.known(open_from, end, LAST).cloned().collect()
            }
        };
        let mut imbalances: Vec<_> = self
            .imbalances
            .known(FIRST, LAST, as_of)
            .rev()
            .take(shape.imbalances.max(LONGEST_WINDOW))
            .copied()
            .collect();
        imbalances.reverse();
        let mut parts = FrameParts {
            candles: self.candles.each_ref().map(|series| series.last(lens, candles)),
            closes: self
                .candles
                .each_ref()
                .map(|series| Arc::new(series.last_closes(lens, MAX_WINDOW).into())),
            open_trades,
            open_seconds: BTreeMap::new(),
            book: self.last_book(as_of),
            imbalances,
            coverage: Vec::new(),
            context: second.range(context.start(), context.end(), lens),
            ..FrameParts::default()
        };
        parts.coverage = self.coverage.proof(measured_from(&parts).unwrap_or(FIRST), as_of);
        parts
    }
}
