//! The imports of the naive store: a list of all candles, looked through for every answer.

use std::collections::BTreeMap;

use async_trait::async_trait;
use onetape_domain::imported::{
    Import, ImportId, ImportedCandle, ImportedRow, NewImport, Place, Source, roll_up_covered, whole_periods,
};
use onetape_domain::instrument::Instrument;
use onetape_domain::time::{TimeRange, Timeframe, Timestamp};
use onetape_ports::{ImportStore, ImportedQuery, Knowledge, Selection, StoreError, StoreErrorKind};

use crate::naive_store::{Mistake, NaiveStore};

#[derive(Debug, Default, Clone)]
pub(crate) struct Imports {
    all: Vec<One>,
    order: Vec<Source>,
    number: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct One {
    pub(crate) new: NewImport,
    pub(crate) candles: BTreeMap<(Timeframe, Timestamp), ImportedCandle>,
    number: u64,
    pub(crate) finished: Option<(TimeRange, Place)>,
}

impl Imports {
    /// Gives the number of an import, begun now or before.
    pub(crate) fn begin(&mut self, import: &NewImport) -> Result<u64, StoreError> {
        match self.all.iter().find(|one| one.new.id == import.id) {
            Some(one) if one.new != *import => Err(refused(StoreErrorKind::Conflict)),
            Some(one) => Ok(one.number),
            None => {
                self.number += 1;
                let (new, number) = (import.clone(), self.number);
                self.all.push(One { new, number, candles: BTreeMap::new(), finished: None });
                Ok(number)
            }
        }
    }

    pub(crate) fn load(
        &mut self,
        id: &ImportId,
        timeframe: Timeframe,
        candles: &[ImportedCandle],
    ) -> Result<(), StoreError> {
        let own = &mut self.one(id)?.candles;
        for candle in candles {
            own.entry((timeframe, candle.open_time())).or_insert(*candle);
        }
        Ok(())
    }

    /// Finishes an import as another store had it.
    pub(crate) fn place_loaded(&mut self, import: &Import) -> Result<(), StoreError> {
        self.one(&import.id)?.finished = Some((import.covered, import.place));
        Ok(())
    }

    /// How many an instrument has, unfinished ones too.
    pub(crate) fn count(&self, instrument: &Instrument) -> usize {
        self.all.iter().filter(|one| one.new.instrument == *instrument).count()
    }

    pub(crate) fn remove_all(&mut self, instrument: &Instrument) {
        self.all.retain(|one| one.new.instrument != *instrument);
    }

    pub(crate) fn one(&mut self, id: &ImportId) -> Result<&mut One, StoreError> {
        let none = || StoreError::new(StoreErrorKind::Invalid, "import", "there is no such import");
        self.all.iter_mut().find(|one| one.new.id == *id).ok_or_else(none)
    }

    pub(crate) fn finished(&self) -> Vec<Import> {
        let import = |one: &One| {
            let ((covered, place), number) = (one.finished?, one.number);
            let NewImport { id, instrument, source, timeframe } = one.new.clone();
            let rank = self.order.iter().position(|ranked| *ranked == source);
            let rank = rank.map_or(Import::UNRANKED, |rank| u32::try_from(rank).expect("a short list"));
            Some(Import { id, instrument, source, timeframe, covered, place, number, rank })
        };
        let mut imports: Vec<Import> = self.all.iter().filter_map(import).collect();
        imports.sort_by_key(|import| import.number);
        imports
    }

    pub(crate) fn known(
        &self,
        instrument: &Instrument,
        as_of: Timestamp,
        knowledge: Knowledge,
        live_since: Option<Timestamp>,
        mistake: Mistake,
    ) -> Vec<Import> {
        let mut imports = self.finished();
        imports.retain(|import| {
            let taken_in = import.place != Place::Waiting && knowledge == Knowledge::AsCorrected;
            let known = import.is_known(as_of, live_since) || taken_in || mistake == Mistake::ImportsAtOnce;
            import.instrument == *instrument && known
        });
        imports
    }

    pub(crate) fn place(&mut self, instrument: &Instrument, named: &[Import], first: bool) {
        for one in self.all.iter_mut().filter(|one| one.new.instrument == *instrument) {
            let Some((_, place)) = &mut one.finished else { continue };
            match named.iter().find(|import| import.id == one.new.id) {
                Some(import) if *place == Place::Waiting => *place = import.place,
                None if *place == Place::Before && first => *place = Place::Waiting,
                _ => {}
            }
        }
    }
}

fn refused(kind: StoreErrorKind) -> StoreError {
    StoreError::new(kind, "import", "refused")
}

#[async_trait]
impl ImportStore for NaiveStore {
    async fn begin_import(&self, import: &NewImport) -> Result<(), StoreError> {
        let state = &mut *self.lock();
        if state.loads.contains_key(&import.instrument) {
            return Err(refused(StoreErrorKind::Conflict));
        }
        state.imports.begin(import).map(drop)
    }

    async fn add_imported(&self, id: &ImportId, candles: &[ImportedCandle]) -> Result<u64, StoreError> {
        let state = &mut self.lock();
        let one = state.imports.one(id)?;
        let timeframe = one.new.timeframe;
        let before = one.candles.len();
        let mut all = one.candles.clone();
        for candle in candles {
            let stored = *all.entry((timeframe, candle.open_time())).or_insert(*candle);
            if stored != *candle {
                return Err(refused(StoreErrorKind::Conflict));
            }
        }
        let new = all.len() - before;
        if new > 0 && one.finished.is_some() {
            return Err(refused(StoreErrorKind::Conflict));
        }
        one.candles = all;
        Ok(new as u64)
    }

    async fn finish_import(&self, id: &ImportId, covered: TimeRange) -> Result<Import, StoreError> {
        let mistake = self.mistake();
        let state = &mut *self.lock();
        let one = state.imports.one(id)?;
        if state.loads.contains_key(&one.new.instrument) {
            return Err(refused(StoreErrorKind::Conflict));
        }
        match one.finished {
            Some((before, _)) if before != covered => return Err(refused(StoreErrorKind::Conflict)),
            Some(_) => {}
            None => {
                let timeframe = one.new.timeframe;
                let own: Vec<ImportedCandle> = one.candles.values().copied().collect();
                let inside = own.iter().all(|candle| covered.contains(candle.open_time()));
                if !inside || whole_periods(covered, timeframe) != covered {
                    return Err(refused(StoreErrorKind::Data));
                }
                for coarser in Timeframe::ALL.into_iter().filter(|coarser| *coarser > timeframe) {
                    let range = if mistake == Mistake::RollsUpParts { TimeRange::ALL } else { covered };
                    let rolled =
                        roll_up_covered(&own, range, coarser).map_err(|_| refused(StoreErrorKind::Data))?;
                    one.candles
                        .extend(rolled.into_iter().map(|candle| ((coarser, candle.open_time()), candle)));
                }
                let live =
                    state.instruments.get(&one.new.instrument).is_some_and(|model| model.clock().is_some());
                one.finished = Some((covered, if live { Place::Waiting } else { Place::Before }));
            }
        }
        let found = state.imports.finished().into_iter().find(|import| import.id == *id);
        found.ok_or_else(|| refused(StoreErrorKind::Invalid))
    }

    async fn imports(&self, instrument: &Instrument) -> Result<Vec<Import>, StoreError> {
        let mut imports = self.lock().imports.finished();
        imports.retain(|import| import.instrument == *instrument);
        Ok(imports)
    }

    async fn waiting_imports(&self) -> Result<Vec<Import>, StoreError> {
        let mut imports = self.lock().imports.finished();
        imports.retain(|import| import.place == Place::Waiting);
        Ok(imports)
    }

    async fn imported(&self, query: &ImportedQuery) -> Result<[Vec<ImportedRow>; 6], StoreError> {
        let state = self.lock();
        let mut rows: [Vec<ImportedRow>; 6] = Default::default();
        for (import, wanted) in query.imports.iter().enumerate() {
            let mine = |one: &&One| one.new.id == wanted.id && one.new.instrument == query.instrument;
            let Some(one) = state.imports.all.iter().find(mine) else { continue };
            for timeframe in Timeframe::ALL {
                let Some(selection) = query.selections[timeframe.index()] else { continue };
                let mut candles: Vec<ImportedCandle> = one
                    .candles
                    .iter()
                    .filter(|(key, _)| key.0 == timeframe)
                    .map(|(_, candle)| *candle)
                    .collect();
                candles.retain(|candle| timeframe.close_time(candle.open_time()) <= query.closed_by);
                match selection {
                    Selection::Last(count) => drop(candles.drain(..candles.len().saturating_sub(count))),
                    Selection::Range(range) => candles.retain(|candle| range.contains(candle.open_time())),
                }
                let row = |candle| ImportedRow { import, candle };
                rows[timeframe.index()].extend(candles.into_iter().map(row));
            }
        }
        Ok(rows)
    }

    async fn remove_import(&self, id: &ImportId) -> Result<u64, StoreError> {
        let imports = &mut self.lock().imports;
        let at = imports.all.iter().position(|one| one.new.id == *id);
        Ok(at.map_or(0, |at| imports.all.remove(at).candles.len() as u64))
    }

    async fn set_source_order(&self, order: &[Source]) -> Result<(), StoreError> {
        self.lock().imports.order = order.to_vec();
        Ok(())
    }

    async fn source_order(&self) -> Result<Vec<Source>, StoreError> {
        Ok(self.lock().imports.order.clone())
    }
}
