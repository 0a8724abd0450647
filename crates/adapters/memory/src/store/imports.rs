//! Candles from elsewhere.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use onetape_domain::imported::{
    Import, ImportId, ImportedCandle, ImportedRow, NewImport, Place, Source, roll_up_covered, whole_periods,
};
use onetape_domain::instrument::Instrument;
use onetape_domain::time::{TimeRange, Timeframe, Timestamp};
use onetape_ports::{ImportStore, ImportedQuery, Knowledge, Selection, StoreError, StoreErrorKind};

use super::manifests::Runs;
use super::{MemoryStore, archive};

const OPERATION: &str = "import";

/// Every import of the store.
#[derive(Debug, Default)]
pub(super) struct Imports {
    pub(super) by_id: BTreeMap<ImportId, Stored>,
    pub(super) runs: Runs,
    order: Vec<Source>,
    /// Given to the import begun last.
    number: u64,
}

#[derive(Debug)]
pub(super) struct Stored {
    new: NewImport,
    number: u64,
    candles: [BTreeMap<Timestamp, ImportedCandle>; 6],
    finished: Option<Finished>,
}

#[derive(Debug, Clone, Copy)]
struct Finished {
    covered: TimeRange,
    place: Place,
}

impl Imports {
    /// The finished ones that are wanted, by number.
    fn finished(&self, wanted: impl Fn(&Import) -> bool) -> Vec<Import> {
        let mut imports: Vec<Import> =
            self.by_id.values().filter_map(|stored| self.describe(stored)).filter(wanted).collect();
        imports.sort_by_key(|import| import.number);
        imports
    }

    fn describe(&self, stored: &Stored) -> Option<Import> {
        let Finished { covered, place } = stored.finished?;
        let number = stored.number;
        let NewImport { id, instrument, source, timeframe } = stored.new.clone();
        let rank = self.order.iter().position(|ranked| *ranked == source);
        let rank = rank.and_then(|rank| u32::try_from(rank).ok()).unwrap_or(Import::UNRANKED);
        Some(Import { id, instrument, source, timeframe, covered, place, number, rank })
    }

    /// What a reader of an instrument knows of.
    pub(super) fn known(
        &self,
        instrument: &Instrument,
        as_of: Timestamp,
        knowledge: Knowledge,
        live_since: Option<Timestamp>,
    ) -> Vec<Import> {
        let corrected = knowledge == Knowledge::AsCorrected;
        self.finished(|import| {
            import.instrument == *instrument
                && (import.is_known(as_of, live_since) || (corrected && import.place != Place::Waiting))
        })
    }

    /// Gives waiting imports the places a batch names. With the first batch of a tape, those before it that it does
    /// not name begin to wait.
    pub(super) fn place(&mut self, instrument: &Instrument, named: &[Import], first: bool) {
        let own = self.by_id.values_mut().filter(|stored| stored.new.instrument == *instrument);
        for (id, finished) in own.filter_map(|stored| Some((&stored.new.id, stored.finished.as_mut()?))) {
            let named = named.iter().find(|import| import.id == *id).map(|import| import.place);
            match (finished.place, named) {
                (Place::Waiting, Some(place)) => finished.place = place,
                (Place::Before, None) if first => finished.place = Place::Waiting,
                _ => {}
            }
        }
    }

    /// Refuses an import that has the id of another one.
    pub(super) fn check(&self, import: &NewImport) -> Result<(), StoreError> {
        match self.by_id.get(&import.id) {
            Some(stored) if stored.new != *import => {
                let NewImport { id, instrument, source, timeframe } = &stored.new;
                Err(conflict(format!("import {id} is one of {instrument} {timeframe} from {source}")))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn begin(&mut self, import: &NewImport) -> Result<(), StoreError> {
        self.check(import)?;
        if let Entry::Vacant(entry) = self.by_id.entry(import.id.clone()) {
            self.number += 1;
            let (new, number) = (import.clone(), self.number);
            entry.insert(Stored { new, number, candles: Default::default(), finished: None });
        }
        Ok(())
    }

    /// Instruments that have a finished one.
    pub(super) fn instruments(&self) -> BTreeSet<Instrument> {
        self.finished(|_| true).into_iter().map(|import| import.instrument).collect()
    }

    /// How many an instrument has, unfinished ones too.
    pub(super) fn count(&self, instrument: &Instrument) -> usize {
        self.by_id.values().filter(|stored| stored.new.instrument == *instrument).count()
    }

    /// The number of one that was begun.
    pub(super) fn number(&mut self, id: &ImportId) -> Result<u64, StoreError> {
        self.get(id).map(|stored| stored.number)
    }

    /// Adds candles as another store had them.
    pub(super) fn load(
        &mut self,
        id: &ImportId,
        timeframe: Timeframe,
        candles: &[ImportedCandle],
    ) -> Result<(), StoreError> {
        let own = &mut self.get(id)?.candles[timeframe.index()];
        for candle in candles {
            own.entry(candle.open_time()).or_insert(*candle);
        }
        Ok(())
    }

    /// Finishes imports as another store had them; the instrument's others were never there.
    pub(super) fn finish_all(
        &mut self,
        instrument: &Instrument,
        imports: &[Import],
    ) -> Result<(), StoreError> {
        if self.count(instrument) != imports.len() {
            return Err(conflict(format!("{instrument} has other imports than those that were loaded")));
        }
        for Import { id, covered, place, .. } in imports {
            self.get(id)?.finished = Some(Finished { covered: *covered, place: *place });
        }
        Ok(())
    }

    /// Takes all imports of an instrument away.
    pub(super) fn remove_all(&mut self, instrument: &Instrument) {
        self.by_id.retain(|_, stored| stored.new.instrument != *instrument);
    }

    fn get(&mut self, id: &ImportId) -> Result<&mut Stored, StoreError> {
        let missing =
            || StoreError::new(StoreErrorKind::Invalid, OPERATION, format!("there is no import {id}"));
        self.by_id.get_mut(id).ok_or_else(missing)
    }
}

fn conflict(message: String) -> StoreError {
    StoreError::new(StoreErrorKind::Conflict, OPERATION, message)
}

impl Stored {
    pub(super) fn is_finished(&self) -> bool {
        self.finished.is_some()
    }

    /// The candles of its own timeframe.
    pub(super) fn own(&self) -> &BTreeMap<Timestamp, ImportedCandle> {
        &self.candles[self.new.timeframe.index()]
    }

    /// Puts candles where others may be.
    pub(super) fn put<'a>(&mut self, candles: impl Iterator<Item = &'a ImportedCandle>) {
        let own = &mut self.candles[self.new.timeframe.index()];
        own.extend(candles.map(|candle| (candle.open_time(), *candle)));
    }

    fn add(&mut self, candles: &[ImportedCandle]) -> Result<u64, StoreError> {
        let (id, timeframe) = (&self.new.id, self.new.timeframe);
        let own = &mut self.candles[timeframe.index()];
        let mut new = BTreeMap::new();
        for candle in candles {
            let open_time = candle.open_time();
            match own.get(&open_time).or_else(|| new.get(&open_time)) {
                Some(stored) if stored == candle => {}
                Some(_) => {
                    let message = format!("import {id} has another {timeframe} candle at {open_time}");
                    return Err(conflict(message));
                }
                None => {
                    new.insert(open_time, *candle);
                }
            }
        }
        if let Some(open_time) = new.keys().next().filter(|_| self.finished.is_some()) {
            return Err(conflict(format!("import {id} is finished and has no candle at {open_time}")));
        }
        let added = new.len() as u64;
        own.extend(new);
        Ok(added)
    }

    /// Checks the range and rolls up.
    fn roll_up(&mut self, covered: TimeRange) -> Result<(), StoreError> {
        let timeframe = self.new.timeframe;
        let own = &self.candles[timeframe.index()];
        let outside = own.keys().find(|open_time| !covered.contains(**open_time));
        if let Some(open_time) = outside {
            let message = format!("import {} has a candle at {open_time}, outside its range", self.new.id);
            return Err(StoreError::new(StoreErrorKind::Data, OPERATION, message));
        }
        if whole_periods(covered, timeframe) != covered {
            let message = format!("the range of import {} is not on the {timeframe} grid", self.new.id);
            return Err(StoreError::new(StoreErrorKind::Data, OPERATION, message));
        }
        for coarser in Timeframe::ALL.into_iter().filter(|coarser| *coarser > timeframe) {
            let rolled = roll_up_covered(self.candles[timeframe.index()].values(), covered, coarser);
            let rolled = rolled.map_err(|violations| {
                StoreError::new(StoreErrorKind::Data, OPERATION, violations.to_string())
            })?;
            self.candles[coarser.index()] =
                rolled.into_iter().map(|candle| (candle.open_time(), candle)).collect();
        }
        Ok(())
    }
}

#[async_trait]
impl ImportStore for MemoryStore {
    async fn begin_import(&self, import: &NewImport) -> Result<(), StoreError> {
        let tape = self.inner.tapes.write().entry(import.instrument.clone()).or_default().clone();
        let tape = tape.read();
        if let Some(load) = &tape.load {
            return Err(archive::under_way(OPERATION, load));
        }
        self.inner.imports.write().begin(import)
    }

    async fn add_imported(&self, id: &ImportId, candles: &[ImportedCandle]) -> Result<u64, StoreError> {
        self.inner.imports.write().get(id)?.add(candles)
    }

    async fn finish_import(&self, id: &ImportId, covered: TimeRange) -> Result<Import, StoreError> {
        let instrument = self.inner.imports.write().get(id)?.new.instrument.clone();
        // The tape first, as an append takes them: no first batch comes in between.
        let tape = self.inner.tapes.write().entry(instrument).or_default().clone();
        let tape = tape.read();
        if let Some(load) = &tape.load {
            return Err(archive::under_way(OPERATION, load));
        }
        let mut imports = self.inner.imports.write();
        let stored = imports.get(id)?;
        match stored.finished {
            Some(finished) if finished.covered == covered => {}
            Some(finished) => {
                let (start, end) = (finished.covered.start(), finished.covered.end());
                return Err(conflict(format!("import {id} is finished for {start} to {end}")));
            }
            None => {
                stored.roll_up(covered)?;
                let place = if tape.clock.is_some() { Place::Waiting } else { Place::Before };
                stored.finished = Some(Finished { covered, place });
            }
        }
        let described = imports.by_id.get(id).and_then(|stored| imports.describe(stored));
        described.ok_or_else(|| {
            StoreError::new(StoreErrorKind::Invalid, OPERATION, format!("there is no import {id}"))
        })
    }

    async fn imports(&self, instrument: &Instrument) -> Result<Vec<Import>, StoreError> {
        Ok(self.inner.imports.read().finished(|import| import.instrument == *instrument))
    }

    async fn waiting_imports(&self) -> Result<Vec<Import>, StoreError> {
        Ok(self.inner.imports.read().finished(|import| import.place == Place::Waiting))
    }

    async fn imported(&self, query: &ImportedQuery) -> Result<[Vec<ImportedRow>; 6], StoreError> {
        let imports = self.inner.imports.read();
        let mut rows: [Vec<ImportedRow>; 6] = Default::default();
        for (import, wanted) in query.imports.iter().enumerate() {
            let stored = imports.by_id.get(&wanted.id);
            let Some(stored) = stored.filter(|stored| stored.new.instrument == query.instrument) else {
                continue;
            };
            for timeframe in Timeframe::ALL {
                let index = timeframe.index();
                let end = query.closed_by.plus(1 - timeframe.micros());
                let candles = &stored.candles[index];
                let row = |candle: &ImportedCandle| ImportedRow { import, candle: *candle };
                match query.selections[index] {
                    None => {}
                    Some(Selection::Last(count)) => {
                        rows[index]
                            .extend(candles.range(..end).rev().take(count).map(|(_, candle)| row(candle)));
                    }
                    Some(Selection::Range(range)) => {
                        let end = range.end().min(end).max(range.start());
                        rows[index].extend(candles.range(range.start()..end).map(|(_, candle)| row(candle)));
                    }
                }
            }
        }
        Ok(rows)
    }

    async fn remove_import(&self, id: &ImportId) -> Result<u64, StoreError> {
        let removed = self.inner.imports.write().by_id.remove(id);
        Ok(removed.map_or(0, |stored| stored.candles.iter().map(|candles| candles.len() as u64).sum()))
    }

    async fn set_source_order(&self, order: &[Source]) -> Result<(), StoreError> {
        self.inner.imports.write().order = order.to_vec();
        Ok(())
    }

    async fn source_order(&self) -> Result<Vec<Source>, StoreError> {
        Ok(self.inner.imports.read().order.clone())
    }
}
