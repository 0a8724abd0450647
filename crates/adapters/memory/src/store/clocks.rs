//! Reading clocks.

use std::collections::BTreeSet;

use async_trait::async_trait;
use onetape_domain::clock::InstrumentClock;
use onetape_domain::instrument::Instrument;
use onetape_domain::time::Timestamp;
use onetape_ports::{ClockStore, StoreError};

use super::MemoryStore;

#[async_trait]
impl ClockStore for MemoryStore {
    async fn clock(&self, instrument: &Instrument) -> Result<Option<InstrumentClock>, StoreError> {
        Ok(self.read(instrument, |tape| tape.clock.clone()).flatten())
    }

    async fn flushed(&self, instrument: &Instrument) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.read(instrument, |tape| tape.clock.as_ref().map(|clock| clock.issued)).flatten())
    }

    async fn instruments(&self) -> Result<BTreeSet<Instrument>, StoreError> {
        let tapes = self.inner.tapes.read();
        let started = tapes.iter().filter(|(_, tape)| tape.read().clock.is_some());
        Ok(started.map(|(instrument, _)| instrument.clone()).collect())
    }
}
