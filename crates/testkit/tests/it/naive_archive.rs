//! Whole instruments in and out of the naive store.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use futures::{StreamExt, stream};
use onetape_domain::candle::{Candle, SupersededCandle};
use onetape_domain::change::{CandleChange, Changes};
use onetape_domain::imported::{Import, NewImport};
use onetape_domain::instrument::Instrument;
use onetape_domain::message::QuarantinedRecord;
use onetape_domain::time::{Timeframe, Timestamp};
use onetape_ports::{
    ArchiveStore, Load, LoadEnd, LoadRows, RowStream, StoreError, StoreErrorKind, SupersededQuery,
};
use onetape_testkit::Reference;

use crate::naive_store::{Mistake, NaiveStore, State, news};

type Key = (Timeframe, Timestamp);

fn key(candle: &Candle) -> Key {
    (candle.timeframe(), candle.open_time())
}

/// The versions that were loaded.
#[derive(Debug, Default)]
pub(crate) struct Versions {
    current: BTreeMap<Key, Candle>,
    replaced: BTreeMap<(Key, u32), SupersededCandle>,
}

impl Versions {
    fn load(&mut self, candle: Candle, mistake: Mistake) {
        let before = self.current.get(&key(&candle)).copied();
        if before.is_some_and(|before| before.revision() >= candle.revision()) {
            return;
        }
        if let (Some(before), Mistake::LoadSupersedes) = (before, mistake) {
            let known_to = candle.known_from().expect("a closed candle");
            self.replaced
                .insert((key(&before), before.revision()), SupersededCandle { candle: before, known_to });
        }
        self.current.insert(key(&candle), candle);
    }

    /// All versions of candles of which there is a current one.
    fn changes(&self) -> Vec<CandleChange> {
        let replaced = self.replaced.values().map(|version| version.candle);
        let shown = replaced.filter(|candle| self.current.contains_key(&key(candle)));
        let mut all: Vec<Candle> = shown.chain(self.current.values().copied()).collect();
        all.sort_by_key(|candle| (key(candle), candle.revision()));
        all.into_iter().map(|candle| CandleChange { candle, replaces: None }).collect()
    }
}

fn until(issued: Option<Timestamp>) -> String {
    issued.map_or_else(|| "its imports".to_owned(), |at| at.to_string())
}

fn conflict(message: String) -> StoreError {
    StoreError::new(StoreErrorKind::Conflict, "load", message)
}

impl State {
    fn under_way(&self, instrument: &Instrument) -> Result<Option<Timestamp>, StoreError> {
        let load = self.loads.get(instrument).ok_or_else(|| conflict("no load is under way".to_owned()))?;
        Ok(load.issued)
    }

    /// Replaced versions, loaded and made here.
    fn replaced(&self, instrument: &Instrument) -> BTreeMap<(Key, u32), SupersededCandle> {
        let loaded = self.versions.get(instrument).map(|versions| versions.replaced.clone());
        let mut replaced = loaded.unwrap_or_default();
        let changes = self.instruments.get(instrument).map(|model| model.changes().candles.clone());
        let mut last: BTreeMap<Key, Candle> = BTreeMap::new();
        for CandleChange { candle, .. } in changes.unwrap_or_default() {
            if let Some(before) = last.insert(key(&candle), candle) {
                let known_to = candle.known_from().expect("a closed candle");
                let version = SupersededCandle { candle: before, known_to };
                replaced.entry((key(&before), before.revision())).or_insert(version);
            }
        }
        replaced
    }

    fn take(&mut self, instrument: &Instrument, rows: &LoadRows, mistake: Mistake) {
        let model =
            self.instruments.entry(instrument.clone()).or_insert_with(|| Reference::new(instrument.clone()));
        let versions = self.versions.entry(instrument.clone()).or_default();
        let mut changes = Changes::default();
        match rows.clone() {
            LoadRows::Candles(rows) => rows.into_iter().for_each(|row| versions.load(row, mistake)),
            LoadRows::Superseded(rows) => {
                for row in rows {
                    versions.replaced.entry((key(&row.candle), row.candle.revision())).or_insert(row);
                }
            }
            LoadRows::Trades(rows) => changes.trades = rows,
            LoadRows::Books(rows) => changes.books = rows,
            LoadRows::Imbalances(rows) => changes.imbalances = rows,
            LoadRows::Coverage(rows) => changes.coverage = rows,
            LoadRows::Imported { .. } => {}
        }
        model.set_candles(versions.changes());
        match mistake {
            Mistake::LoadsTwice => model.take(&changes),
            _ => model.take(&news(model, &changes)),
        }
    }
}

#[async_trait]
impl ArchiveStore for NaiveStore {
    async fn archived(&self) -> Result<BTreeSet<Instrument>, StoreError> {
        let state = self.lock();
        let live = state.instruments.iter().filter(|(_, model)| model.clock().is_some());
        let imported = state.imports.finished().into_iter().map(|import| import.instrument);
        Ok(live.map(|(instrument, _)| instrument.clone()).chain(imported).collect())
    }

    fn stream_superseded(&self, query: SupersededQuery) -> RowStream<'_, SupersededCandle> {
        let SupersededQuery { instrument, timeframe, range, as_of } = query;
        let mut rows: Vec<SupersededCandle> = self.lock().replaced(&instrument).into_values().collect();
        rows.retain(|row| {
            let candle = &row.candle;
            candle.timeframe() == timeframe && range.contains(candle.open_time()) && row.known_to <= as_of
        });
        stream::iter(rows.into_iter().map(Ok)).boxed()
    }

    fn stream_quarantined(&self) -> RowStream<'_, QuarantinedRecord> {
        let records = self.lock().quarantine.clone();
        stream::iter(records.into_iter().map(|entry| Ok(entry.record))).boxed()
    }

    async fn load_under_way(&self, instrument: &Instrument) -> Result<Option<Load>, StoreError> {
        Ok(self.lock().loads.get(instrument).cloned())
    }

    async fn begin_load(&self, load: &Load) -> Result<(), StoreError> {
        let state = &mut *self.lock();
        let clock = state.instruments.get(&load.instrument).and_then(Reference::clock);
        if let Some(clock) = clock {
            return Err(conflict(format!("it stands at {} and not at {}", clock.issued, until(load.issued))));
        }
        match state.loads.get(&load.instrument) {
            Some(before) if before.issued > load.issued => {
                let (before, wanted) = (until(before.issued), until(load.issued));
                Err(conflict(format!("one to {before} is under way, not {wanted}")))
            }
            None if state.imports.count(&load.instrument) > 0 => {
                Err(conflict(format!("it has imports, and cannot be loaded to {}", until(load.issued))))
            }
            _ => {
                state.loads.insert(load.instrument.clone(), load.clone());
                Ok(())
            }
        }
    }

    async fn load_import(&self, import: &Import) -> Result<Import, StoreError> {
        let mistake = self.mistake();
        let state = &mut *self.lock();
        state.under_way(&import.instrument)?;
        let Import { id, instrument, source, timeframe, .. } = import.clone();
        let number = state.imports.begin(&NewImport { id, instrument, source, timeframe })?;
        if mistake == Mistake::LoadShowsImports {
            state.imports.place_loaded(import)?;
        }
        Ok(Import { number, ..import.clone() })
    }

    async fn load(&self, instrument: &Instrument, rows: &LoadRows) -> Result<(), StoreError> {
        let mistake = self.mistake();
        let state = &mut *self.lock();
        state.under_way(instrument)?;
        match rows {
            LoadRows::Imported { id, timeframe, candles } => state.imports.load(id, *timeframe, candles),
            rows => {
                state.take(instrument, rows, mistake);
                Ok(())
            }
        }
    }

    async fn finish_load(&self, end: &LoadEnd) -> Result<(), StoreError> {
        let LoadEnd { instrument, clock, expiry, imports } = end;
        let mistake = self.mistake();
        let state = &mut *self.lock();
        let wanted = clock.as_ref().map(|clock| clock.issued);
        if !state.loads.contains_key(instrument) {
            let stored = state.instruments.get(instrument).and_then(Reference::clock);
            let known = state.imports.finished().iter().any(|import| import.instrument == *instrument);
            if stored == clock.as_ref() && (stored.is_some() || known) {
                return Ok(());
            }
        }
        if state.under_way(instrument)? != wanted || state.imports.count(instrument) != imports.len() {
            let (to, wanted) = (until(state.under_way(instrument)?), until(wanted));
            return Err(conflict(format!("the load is one to {to}, not {wanted}, or has other imports")));
        }
        for import in imports {
            state.imports.place_loaded(import)?;
        }
        if let Some(clock) = clock {
            let new = || Reference::new(instrument.clone());
            state.instruments.entry(instrument.clone()).or_insert_with(new).set_clock(clock.clone());
        }
        if mistake != Mistake::ExpiryForgotten {
            state.expiry.insert(instrument.clone(), *expiry);
        }
        state.loads.remove(instrument);
        Ok(())
    }

    async fn discard_load(&self, instrument: &Instrument) -> Result<(), StoreError> {
        let state = &mut *self.lock();
        if state.loads.remove(instrument).is_some() {
            state.instruments.remove(instrument);
            state.versions.remove(instrument);
            state.imports.remove_all(instrument);
        }
        Ok(())
    }
}
