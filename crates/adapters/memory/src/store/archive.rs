//! Taking whole instruments in, and giving what the other ports cannot.

use std::collections::BTreeSet;

use async_trait::async_trait;
use futures::{StreamExt, stream};
use onetape_domain::candle::{Candle, SupersededCandle};
use onetape_domain::imported::{Import, NewImport};
use onetape_domain::instrument::Instrument;
use onetape_domain::message::QuarantinedRecord;
use onetape_domain::time::Timestamp;
use onetape_ports::{
    ArchiveStore, ClockStore as _, Load, LoadEnd, LoadRows, RowStream, StoreError, StoreErrorKind,
    SupersededQuery,
};

use super::{MemoryStore, Tape};
use crate::series::ByStamp;

const OPERATION: &str = "load an instrument";

/// Why nobody else may write an instrument.
pub(super) fn under_way(operation: &'static str, load: &Load) -> StoreError {
    let message = format!(
        "{} is being copied in, up to {}: finish the copy first",
        load.instrument,
        until(load.issued)
    );
    StoreError::new(StoreErrorKind::Conflict, operation, message)
}

fn until(issued: Option<Timestamp>) -> String {
    issued.map_or_else(|| "the end of its imports".to_owned(), |issued| issued.to_string())
}

fn conflict(message: String) -> StoreError {
    StoreError::new(StoreErrorKind::Conflict, OPERATION, message)
}

fn none_under_way(instrument: &Instrument) -> StoreError {
    conflict(format!("no load of {instrument} is under way"))
}

#[async_trait]
impl ArchiveStore for MemoryStore {
    async fn archived(&self) -> Result<BTreeSet<Instrument>, StoreError> {
        let mut instruments = self.instruments().await?;
        instruments.extend(self.inner.imports.read().instruments());
        Ok(instruments)
    }

    fn stream_superseded(&self, query: SupersededQuery) -> RowStream<'_, SupersededCandle> {
        let SupersededQuery { instrument, timeframe, range, as_of } = query;
        let rows = self.read(&instrument, |tape| {
            let (from, to) = (range.start(), range.end());
            let mut versions: Vec<_> = tape.candles[timeframe.index()].replaced_between(from, to).collect();
            versions.extend(tape.orphans[timeframe.index()].range((from, 0)..(to, 0)).map(|row| *row.1));
            versions.retain(|version| version.known_to <= as_of);
            versions.sort_by_key(|version| (version.candle.open_time(), version.candle.revision()));
            versions
        });
        stream::iter(rows.unwrap_or_default().into_iter().map(Ok)).boxed()
    }

    fn stream_quarantined(&self) -> RowStream<'_, QuarantinedRecord> {
        let records = self.inner.quarantine.lock().records();
        stream::iter(records.into_iter().map(Ok)).boxed()
    }

    async fn load_under_way(&self, instrument: &Instrument) -> Result<Option<Load>, StoreError> {
        Ok(self.read(instrument, |tape| tape.load.clone()).flatten())
    }

    async fn begin_load(&self, load: &Load) -> Result<(), StoreError> {
        let instrument = &load.instrument;
        let tape = self.inner.tapes.write().entry(instrument.clone()).or_default().clone();
        let mut tape = tape.write();
        let wanted = until(load.issued);
        if let Some(clock) = &tape.clock {
            return Err(conflict(format!(
                "{instrument} is there already, up to {}: it cannot be loaded up to {wanted}",
                clock.issued
            )));
        }
        match &tape.load {
            Some(before) if before.issued > load.issued => {
                return Err(conflict(format!(
                    "a load of {instrument} up to {} is under way: it cannot go back to {wanted}",
                    until(before.issued)
                )));
            }
            None if self.inner.imports.read().count(instrument) > 0 => {
                return Err(conflict(format!(
                    "{instrument} has imports and no clock here: it cannot be loaded up to {wanted}"
                )));
            }
            _ => tape.load = Some(load.clone()),
        }
        Ok(())
    }

    async fn load_import(&self, import: &Import) -> Result<Import, StoreError> {
        let tape = self.tape(&import.instrument).ok_or_else(|| none_under_way(&import.instrument))?;
        let tape = tape.read();
        if tape.load.is_none() {
            return Err(none_under_way(&import.instrument));
        }
        let Import { id, instrument, source, timeframe, .. } = import.clone();
        let mut imports = self.inner.imports.write();
        imports.begin(&NewImport { id, instrument, source, timeframe })?;
        Ok(Import { number: imports.number(&import.id)?, ..import.clone() })
    }

    async fn load(&self, instrument: &Instrument, rows: &LoadRows) -> Result<(), StoreError> {
        let tape = self.tape(instrument).ok_or_else(|| none_under_way(instrument))?;
        let mut tape = tape.write();
        if tape.load.is_none() {
            return Err(none_under_way(instrument));
        }
        match rows {
            LoadRows::Imported { id, timeframe, candles } => {
                self.inner.imports.write().load(id, *timeframe, candles)
            }
            rows => {
                tape.load_rows(rows);
                Ok(())
            }
        }
    }

    async fn finish_load(&self, end: &LoadEnd) -> Result<(), StoreError> {
        let LoadEnd { instrument, clock, expiry, imports } = end;
        let tape = self.tape(instrument).ok_or_else(|| none_under_way(instrument))?;
        let mut tape = tape.write();
        let issued = clock.as_ref().map(|clock| clock.issued);
        match &tape.load {
            None if tape.clock == *clock && (clock.is_some() || !imports.is_empty()) => return Ok(()),
            None => return Err(none_under_way(instrument)),
            Some(load) if load.issued != issued => {
                return Err(conflict(format!(
                    "the load of {instrument} is one up to {}, not {}",
                    until(load.issued),
                    until(issued)
                )));
            }
            Some(_) => {}
        }
        self.inner.imports.write().finish_all(instrument, imports)?;
        tape.clock.clone_from(clock);
        tape.expiry = *expiry;
        tape.load = None;
        Ok(())
    }

    async fn discard_load(&self, instrument: &Instrument) -> Result<(), StoreError> {
        let Some(tape) = self.tape(instrument) else { return Ok(()) };
        let mut tape = tape.write();
        if tape.load.is_some() {
            self.inner.imports.write().remove_all(instrument);
            *tape = Tape::default();
        }
        Ok(())
    }
}

impl Tape {
    fn load_rows(&mut self, rows: &LoadRows) {
        match rows {
            LoadRows::Candles(rows) => rows.iter().for_each(|candle| self.load_candle(*candle)),
            LoadRows::Superseded(rows) => rows.iter().for_each(|version| self.load_replaced(*version)),
            LoadRows::Trades(rows) => {
                for row in rows {
                    self.trades.insert(row.clone());
                }
            }
            LoadRows::Books(rows) => {
                for book in rows {
                    if self.books.insert(book.clone()) {
                        self.books_by_stamp.insert(ByStamp(book.clone()));
                    }
                }
            }
            LoadRows::Imbalances(rows) => {
                for row in rows {
                    self.imbalances.insert(*row);
                }
            }
            LoadRows::Coverage(rows) => rows.iter().for_each(|row| self.coverage.insert(row.clone())),
            LoadRows::Imported { .. } => {}
        }
    }

    fn load_candle(&mut self, candle: Candle) {
        let (index, open_time) = (candle.timeframe().index(), candle.open_time());
        self.candles[index].load(candle);
        let mut later = self.orphans[index].split_off(&(open_time, 0));
        let mut rest = later.split_off(&(open_time.plus(1), 0));
        self.orphans[index].append(&mut rest);
        later.into_values().for_each(|version| self.load_replaced(version));
    }

    fn load_replaced(&mut self, version: SupersededCandle) {
        let (index, open_time) = (version.candle.timeframe().index(), version.candle.open_time());
        if !self.candles[index].load_replaced(version) {
            self.orphans[index].entry((open_time, version.candle.revision())).or_insert(version);
        }
    }
}
