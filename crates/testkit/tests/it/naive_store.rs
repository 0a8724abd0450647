//! A store made of the reference model, right or with one deliberate mistake.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use futures::{StreamExt, stream};
use onetape_domain::book::BookSnapshot;
use onetape_domain::bucket::SampledBucket;
use onetape_domain::candle::{Candle, SupersededCandle};
use onetape_domain::change::{CandleChange, Changes, TapeBatch};
use onetape_domain::clock::InstrumentClock;
use onetape_domain::coverage::CoverageRow;
use onetape_domain::cutover::CutoverRecord;
use onetape_domain::engine::candles::CandleKey;
use onetape_domain::expiry::Expiry;
use onetape_domain::frame::FrameParts;
use onetape_domain::imbalance::Imbalances;
use onetape_domain::instrument::Instrument;
use onetape_domain::message::QuarantinedRecord;
use onetape_domain::time::{Timeframe, Timestamp};
use onetape_domain::trade::Trade;
use onetape_ports::{
    BookQuery, BookStore, CandleQuery, CandleStore, ClockStore, ClosingStore, CoverageStore, FrameQuery,
    FrameStore, ImbalanceStore, Inventory, InventoryStore, Load, QuarantineEntry, QuarantineQuery,
    QuarantineStore, RowStream, Sizes, StoreError, StoreErrorKind, TapeStore, TimeQuery, TradeStore,
};
use onetape_testkit::Reference;

use crate::naive_archive::Versions;
use crate::naive_imports::Imports;
use crate::naive_manifests::Run;

/// What the store does wrong; each is a mistake a real one could make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mistake {
    None,
    /// Takes any batch, whatever clock it continues from.
    NoCompareAndSet,
    /// A batch written before moves the clock back.
    ClockGoesBack,
    /// A batch written before adds its rows again.
    RowsTwice,
    /// The full-depth book stays when a clock comes without one.
    BookStays,
    /// Candles are read in their newest version, whatever the instant.
    LookAhead,
    /// Answers one microsecond too early.
    OneEarly,
    /// Superseded partial samples are always there.
    PartialsStay,
    /// The frame's book is the one of the greatest second.
    BookBySecond,
    /// Trades order by arrival.
    TradesByArrival,
    /// The coverage of a frame is its last hundred rows.
    CoverageCut,
    /// Exchanges are not told apart.
    SymbolOnly,
    /// Quarantined records are stored each time.
    QuarantineTwice,
    /// The last n include rows not yet known.
    LastOfAll,
    /// The inventory counts every version of a candle.
    VersionsCounted,
    /// Imports are known before the writer of the tape took them in.
    ImportsAtOnce,
    /// Imports are rolled up also where they speak of a part of the period only.
    RollsUpParts,
    /// A batch is taken while rows of another store come in.
    WrittenUnderLoad,
    /// A load shows its imports before it is finished.
    LoadShowsImports,
    /// A loaded candle makes a replaced version of the one before.
    LoadSupersedes,
    /// What retention had taken elsewhere is forgotten.
    ExpiryForgotten,
    /// Loaded rows are added again.
    LoadsTwice,
    /// The id of a removed record is given to the next one.
    IdsReused,
    /// A rehearsal writes.
    RehearsesForReal,
    /// A run may go from any state to any other.
    RunsGoBack,
    /// A batch of an import that was written before is counted again.
    BatchesTwice,
    /// Of two candles the one that was there always stays.
    FirstStays,
    /// Progress is kept also where a batch is refused.
    ProgressFirst,
    /// Every refused row is kept.
    RefusedUnbounded,
    /// A part that belongs to another import does not keep a run from being recorded.
    RunsInPart,
    /// Any record is added to the log of a cut-over.
    LogBranches,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) instruments: BTreeMap<Instrument, Reference>,
    pub(crate) imports: Imports,
    pub(crate) runs: Vec<Run>,
    pub(crate) cutover: Vec<CutoverRecord>,
    pub(crate) quarantine: Vec<QuarantineEntry>,
    pub(crate) last_id: u64,
    pub(crate) loads: BTreeMap<Instrument, Load>,
    pub(crate) versions: BTreeMap<Instrument, Versions>,
    pub(crate) expiry: BTreeMap<Instrument, Expiry>,
}

#[derive(Debug)]
pub(crate) struct NaiveStore {
    mistake: Mistake,
    state: Mutex<State>,
}

impl NaiveStore {
    pub(crate) fn new(mistake: Mistake) -> Self {
        Self { mistake, state: Mutex::default() }
    }

    pub(crate) fn mistake(&self) -> Mistake {
        self.mistake
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic inside the store")
    }

    fn name(&self, instrument: &Instrument) -> Instrument {
        match self.mistake {
            Mistake::SymbolOnly => {
                Instrument::try_new("any", instrument.symbol().as_str()).expect("a valid name")
            }
            _ => instrument.clone(),
        }
    }

    fn read<T>(&self, instrument: &Instrument, read: impl FnOnce(&Reference) -> T) -> T {
        let empty = Reference::new(instrument.clone());
        read(self.lock().instruments.get(&self.name(instrument)).unwrap_or(&empty))
    }

    fn rows<T: Send + 'static>(
        &self,
        instrument: &Instrument,
        read: impl FnOnce(&Reference) -> Vec<T>,
    ) -> RowStream<'_, T> {
        stream::iter(self.read(instrument, read).into_iter().map(Ok)).boxed()
    }

    fn instant(&self, as_of: Timestamp) -> Timestamp {
        if self.mistake == Mistake::OneEarly { as_of.plus(1) } else { as_of }
    }
}

impl fmt::Display for NaiveStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "naive store with mistake {:?}", self.mistake)
    }
}

/// The rows of a batch that are not stored yet.
pub(crate) fn news(model: &Reference, changes: &Changes) -> Changes {
    let stored = model.changes();
    let mut versions: BTreeMap<CandleKey, u32> = BTreeMap::new();
    let key = |candle: &Candle| CandleKey { timeframe: candle.timeframe(), open_time: candle.open_time() };
    for change in &stored.candles {
        versions.insert(key(&change.candle), change.candle.revision());
    }
    let mut candles = Vec::new();
    for change in &changes.candles {
        let revision = versions.entry(key(&change.candle)).or_default();
        if change.candle.revision() > *revision {
            *revision = change.candle.revision();
            candles.push(CandleChange { ..*change });
        }
    }
    let books: BTreeSet<_> = stored.books.iter().map(|book| (book.second(), book.available_at())).collect();
    let trades: BTreeSet<_> = stored.trades.iter().map(|trade| trade.key).collect();
    let seconds: BTreeSet<_> = stored.imbalances.iter().map(|row| row.second).collect();
    Changes {
        trades: changes.trades.iter().filter(|row| !trades.contains(&row.key)).cloned().collect(),
        candles,
        books: changes
            .books
            .iter()
            .filter(|row| !books.contains(&(row.second(), row.available_at())))
            .cloned()
            .collect(),
        imbalances: changes.imbalances.iter().filter(|row| !seconds.contains(&row.second)).copied().collect(),
        coverage: changes.coverage.iter().filter(|row| !stored.coverage.contains(row)).cloned().collect(),
        imports: Vec::new(),
    }
}

#[async_trait]
impl TapeStore for NaiveStore {
    async fn append(&self, batch: &TapeBatch, expected: Option<Timestamp>) -> Result<(), StoreError> {
        let name = self.name(&batch.instrument);
        let mut state = self.lock();
        if state.loads.contains_key(&batch.instrument) && self.mistake != Mistake::WrittenUnderLoad {
            return Err(StoreError::new(StoreErrorKind::Conflict, "append", "it is being copied in"));
        }
        let stored = state.instruments.get(&name).and_then(Reference::clock).cloned();
        let issued = stored.as_ref().map(|clock| clock.issued);
        let follows = issued == expected && issued.is_none_or(|issued| issued <= batch.clock.issued);
        let written = !follows && issued == Some(batch.clock.issued);
        if written && self.mistake != Mistake::RowsTwice {
            return Ok(());
        }
        let goes_back = self.mistake == Mistake::ClockGoesBack && issued > Some(batch.clock.issued);
        if !follows && !written && !goes_back && self.mistake != Mistake::NoCompareAndSet {
            return Err(StoreError::new(StoreErrorKind::Conflict, "append", "another writer was here"));
        }
        let model = state.instruments.entry(name.clone()).or_insert_with(|| Reference::new(name));
        match self.mistake {
            Mistake::RowsTwice => model.take(&batch.changes),
            _ => model.take(&news(model, &batch.changes)),
        }
        let mut clock = batch.clock.clone();
        if self.mistake == Mistake::BookStays {
            clock.book = clock.book.or(stored.and_then(|stored| stored.book));
        }
        if !written {
            model.set_clock(clock);
            state.imports.place(&batch.instrument, &batch.changes.imports, expected.is_none());
        }
        Ok(())
    }

    async fn rehearse(&self, batch: &TapeBatch, expected: Option<Timestamp>) -> Result<(), StoreError> {
        if self.mistake == Mistake::RehearsesForReal {
            return self.append(batch, expected).await;
        }
        let name = self.name(&batch.instrument);
        let issued = self.lock().instruments.get(&name).and_then(Reference::clock).map(|clock| clock.issued);
        if issued == expected || issued == Some(batch.clock.issued) {
            return Ok(());
        }
        Err(StoreError::new(StoreErrorKind::Conflict, "rehearse", "another writer was here"))
    }

    async fn resume(&self, instrument: &Instrument) -> Result<Option<InstrumentClock>, StoreError> {
        self.clock(instrument).await
    }
}

#[async_trait]
impl CandleStore for NaiveStore {
    async fn candles(&self, query: &CandleQuery) -> Result<Vec<Candle>, StoreError> {
        let mut query = query.clone();
        query.as_of =
            if self.mistake == Mistake::LookAhead { Timestamp::LATEST } else { self.instant(query.as_of) };
        let known = self.read(&query.instrument, |model| match self.mistake {
            Mistake::LastOfAll => {
                let mut all =
                    model.select_candles(&CandleQuery { as_of: Timestamp::LATEST, ..query.clone() });
                all.retain(|candle| candle.known_from().is_some_and(|from| from <= query.as_of));
                all
            }
            _ => model.select_candles(&query),
        });
        Ok(known)
    }

    fn stream_candles(&self, query: CandleQuery) -> RowStream<'_, Candle> {
        let query = CandleQuery { as_of: self.instant(query.as_of), ..query };
        self.rows(&query.instrument, |model| model.select_candles(&query))
    }

    async fn candle(&self, instrument: &Instrument, key: CandleKey) -> Result<Option<Candle>, StoreError> {
        Ok(self.read(instrument, |model| model.candle(key)))
    }

    async fn superseded(
        &self,
        instrument: &Instrument,
        key: CandleKey,
    ) -> Result<Vec<SupersededCandle>, StoreError> {
        Ok(self.read(instrument, |model| model.superseded(key)))
    }
}

#[async_trait]
impl TradeStore for NaiveStore {
    fn stream_trades(&self, query: TimeQuery) -> RowStream<'_, Trade> {
        let query = TimeQuery { as_of: self.instant(query.as_of), ..query };
        self.rows(&query.instrument, |model| {
            let mut trades = model.select_trades(&query);
            if self.mistake == Mistake::TradesByArrival {
                trades
                    .sort_by_key(|trade| (trade.key.event_time, trade.available_at, trade.trade_id.clone()));
            }
            trades
        })
    }
}

#[async_trait]
impl BookStore for NaiveStore {
    fn stream_books(&self, mut query: BookQuery) -> RowStream<'_, Arc<BookSnapshot>> {
        query.superseded_partials |= self.mistake == Mistake::PartialsStay;
        query.as_of = self.instant(query.as_of);
        self.rows(&query.instrument, |model| model.select_books(&query))
    }

    async fn last_book(
        &self,
        instrument: &Instrument,
        as_of: Timestamp,
    ) -> Result<Option<Arc<BookSnapshot>>, StoreError> {
        Ok(self.read(instrument, |model| match self.mistake {
            Mistake::BookBySecond => model.books(as_of, false).pop(),
            _ => model.last_book(as_of),
        }))
    }

    fn stream_buckets(&self, query: TimeQuery) -> RowStream<'_, SampledBucket> {
        self.rows(&query.instrument, |model| model.select_buckets(&query))
    }
}

#[async_trait]
impl ImbalanceStore for NaiveStore {
    fn stream_imbalances(&self, query: TimeQuery) -> RowStream<'_, Imbalances> {
        let query = TimeQuery { as_of: self.instant(query.as_of), ..query };
        self.rows(&query.instrument, |model| model.select_imbalances(&query))
    }
}

#[async_trait]
impl CoverageStore for NaiveStore {
    fn stream_coverage(&self, query: TimeQuery) -> RowStream<'_, CoverageRow> {
        let query = TimeQuery { as_of: self.instant(query.as_of), ..query };
        self.rows(&query.instrument, |model| model.select_coverage(&query))
    }

    async fn coverage_proof(
        &self,
        instrument: &Instrument,
        _from: Timestamp,
        as_of: Timestamp,
    ) -> Result<Vec<CoverageRow>, StoreError> {
        Ok(self.read(instrument, |model| model.coverage(self.instant(as_of))))
    }
}

#[async_trait]
impl ClockStore for NaiveStore {
    async fn clock(&self, instrument: &Instrument) -> Result<Option<InstrumentClock>, StoreError> {
        Ok(self.read(instrument, |model| model.clock().cloned()))
    }

    async fn flushed(&self, instrument: &Instrument) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.read(instrument, |model| model.clock().map(|clock| clock.issued)))
    }

    async fn instruments(&self) -> Result<BTreeSet<Instrument>, StoreError> {
        let state = self.lock();
        let live = state.instruments.iter().filter(|(_, model)| model.clock().is_some());
        Ok(live.map(|(instrument, _)| instrument.clone()).collect())
    }
}

#[async_trait]
impl QuarantineStore for NaiveStore {
    async fn quarantine(&self, records: &[QuarantinedRecord]) -> Result<u64, StoreError> {
        let mut state = self.lock();
        let before = state.quarantine.len();
        for record in records {
            let same = |old: &QuarantineEntry| {
                let old = &old.record;
                (&old.origin, &old.payload, &old.violations)
                    == (&record.origin, &record.payload, &record.violations)
            };
            if self.mistake == Mistake::QuarantineTwice || !state.quarantine.iter().any(same) {
                state.last_id = match self.mistake {
                    Mistake::IdsReused => state.quarantine.last().map_or(1, |last| last.id + 1),
                    _ => state.last_id + 1,
                };
                let entry = QuarantineEntry { id: state.last_id, record: record.clone() };
                state.quarantine.push(entry);
            }
        }
        Ok((state.quarantine.len() - before) as u64)
    }

    async fn quarantined(&self, limit: usize) -> Result<Vec<QuarantinedRecord>, StoreError> {
        let entries = self.quarantine_entries(&QuarantineQuery::newest(limit)).await?;
        Ok(entries.into_iter().map(|entry| entry.record).collect())
    }

    async fn quarantine_entries(&self, query: &QuarantineQuery) -> Result<Vec<QuarantineEntry>, StoreError> {
        let state = self.lock();
        let newest = state.quarantine.iter().rev().filter(|entry| query.matches(entry));
        Ok(newest.take(query.limit).cloned().collect())
    }

    async fn remove_quarantined(&self, ids: &[u64]) -> Result<u64, StoreError> {
        let stored = &mut self.lock().quarantine;
        let before = stored.len();
        stored.retain(|entry| !ids.contains(&entry.id));
        Ok((before - stored.len()) as u64)
    }
}

#[async_trait]
impl FrameStore for NaiveStore {
    async fn frame_parts(&self, query: &FrameQuery) -> Result<FrameParts, StoreError> {
        let query = FrameQuery { as_of: self.instant(query.as_of), ..query.clone() };
        let mut parts = self.read(&query.instrument, |model| model.frame_parts(&query));
        let live_since = self.read(&query.instrument, |model| model.clock().map(|clock| clock.live_since));
        let FrameQuery { instrument, as_of, knowledge, .. } = &query;
        let imports = self.lock().imports.known(instrument, *as_of, *knowledge, live_since, self.mistake);
        parts.imports = imports.into();
        if self.mistake == Mistake::CoverageCut {
            let surplus = parts.coverage.len().saturating_sub(100);
            parts.coverage.drain(..surplus);
        }
        Ok(parts)
    }

    async fn expiry(&self, instrument: &Instrument) -> Result<Expiry, StoreError> {
        Ok(self.lock().expiry.get(instrument).copied().unwrap_or(Expiry::NOTHING))
    }
}

#[async_trait]
impl ClosingStore for NaiveStore {
    async fn close(&self) {}
}

#[async_trait]
impl InventoryStore for NaiveStore {
    async fn inventory(&self, instrument: &Instrument) -> Result<Inventory, StoreError> {
        Ok(self.read(instrument, |model| {
            let mut inventory = model.inventory();
            if let (Mistake::VersionsCounted, Some(seconds)) = (self.mistake, &mut inventory.candles[0]) {
                let candles = &model.changes().candles;
                seconds.rows =
                    candles.iter().filter(|change| change.candle.timeframe() == Timeframe::S1).count() as u64;
            }
            inventory
        }))
    }

    async fn sizes(&self) -> Result<Option<Sizes>, StoreError> {
        Ok(None)
    }
}
