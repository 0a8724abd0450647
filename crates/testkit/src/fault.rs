//! A store that fails when told to, before the call it wraps or after it (a lost acknowledgement).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use futures::{StreamExt, stream};
use onetape_domain::book::BookSnapshot;
use onetape_domain::bucket::SampledBucket;
use onetape_domain::candle::{Candle, SupersededCandle};
use onetape_domain::change::TapeBatch;
use onetape_domain::clock::InstrumentClock;
use onetape_domain::coverage::CoverageRow;
use onetape_domain::cutover::CutoverRecord;
use onetape_domain::engine::candles::CandleKey;
use onetape_domain::expiry::Expiry;
use onetape_domain::frame::FrameParts;
use onetape_domain::imbalance::Imbalances;
use onetape_domain::imported::{Import, ImportId, ImportedCandle, ImportedRow, NewImport, Source};
use onetape_domain::instrument::Instrument;
use onetape_domain::manifest::{Manifest, NewRun, RefusedRow, RunId, RunState, TableProgress};
use onetape_domain::message::QuarantinedRecord;
use onetape_domain::time::{TimeRange, Timestamp};
use onetape_domain::trade::Trade;
use onetape_ports::{
    ArchiveStore, BookQuery, BookStore, CandleQuery, CandleStore, ClockStore, ClosingStore, CoverageStore,
    CutoverStore, FrameQuery, FrameStore, ImbalanceStore, ImportBatch, ImportStore, ImportedQuery, Inventory,
    InventoryStore, Load, LoadEnd, LoadRows, ManifestStore, MarketStore, QuarantineEntry, QuarantineQuery,
    QuarantineStore, RowStream, Sizes, StoreError, StoreErrorKind, SupersededQuery, TapeStore, TimeQuery,
    TradeStore,
};

/// Which side of the inner call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// The inner call is not made.
    Before,
    /// The inner call is made and its answer lost; of a stream, after its last row.
    After,
}

/// Says which batches fail, and how.
#[derive(Clone)]
struct Refusal(StoreErrorKind, Arc<dyn Fn(&TapeBatch) -> bool + Send + Sync>);

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Refusal({:?})", self.0)
    }
}

#[derive(Debug, Default)]
struct Script {
    refusal: Option<Refusal>,
    faults: BTreeMap<&'static str, VecDeque<Option<(When, StoreErrorKind)>>>,
    outage: Option<(When, StoreErrorKind)>,
    calls: BTreeMap<&'static str, u64>,
}

/// The script of a [`FaultStore`]; clones share it. Operations go by the names of the ports' methods.
#[derive(Debug, Clone, Default)]
pub struct FaultPlan(Arc<Mutex<Script>>);

impl FaultPlan {
    /// Fails the next call of the operation that no earlier entry speaks of.
    pub fn fail(&self, operation: &'static str, when: When, kind: StoreErrorKind) {
        self.script().faults.entry(operation).or_default().push_back(Some((when, kind)));
    }

    /// Lets so many calls of the operation through before the next entry.
    pub fn pass(&self, operation: &'static str, calls: usize) {
        self.script().faults.entry(operation).or_default().extend((0..calls).map(|_| None));
    }

    /// Fails every call that no entry speaks of until [`recover`](Self::recover).
    pub fn outage(&self, when: When, kind: StoreErrorKind) {
        self.script().outage = Some((when, kind));
    }

    /// Fails every batch, written or rehearsed, of which this is true, in this way: until [`recover`](Self::recover). Nothing
    /// of it is written.
    pub fn refuse(
        &self,
        kind: StoreErrorKind,
        is_refused: impl Fn(&TapeBatch) -> bool + Send + Sync + 'static,
    ) {
        self.script().refusal = Some(Refusal(kind, Arc::new(is_refused)));
    }

    /// Ends an outage and a refusal, and forgets all entries.
    pub fn recover(&self) {
        let mut script = self.script();
        script.outage = None;
        script.refusal = None;
        script.faults.clear();
    }

    /// How often the operation was called.
    pub fn calls(&self, operation: &'static str) -> u64 {
        self.script().calls.get(operation).copied().unwrap_or(0)
    }

    fn next(&self, operation: &'static str) -> Option<(When, StoreErrorKind)> {
        let mut script = self.script();
        *script.calls.entry(operation).or_default() += 1;
        let outage = script.outage;
        script.faults.get_mut(operation).and_then(VecDeque::pop_front).unwrap_or(outage)
    }

    fn refused(&self, batch: &TapeBatch) -> Result<(), StoreError> {
        let refusal = self.script().refusal.clone();
        match refusal {
            Some(Refusal(kind, is_refused)) if is_refused(batch) => {
                Err(StoreError::new(kind, "append", "a row the script refuses"))
            }
            _ => Ok(()),
        }
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.0.lock().expect("a test that panicked inside the fault plan")
    }
}

/// Wraps a store and fails by its [`plan`](Self::plan).
#[derive(Debug)]
pub struct FaultStore<S: ?Sized> {
    plan: FaultPlan,
    inner: Arc<S>,
}

impl<S: MarketStore + ?Sized> FaultStore<S> {
    /// A decorator without faults yet.
    pub fn new(inner: Arc<S>) -> Self {
        Self { plan: FaultPlan::default(), inner }
    }

    /// The script.
    pub fn plan(&self) -> &FaultPlan {
        &self.plan
    }

    /// The store inside.
    pub fn inner(&self) -> &Arc<S> {
        &self.inner
    }

    async fn call<T>(
        &self,
        operation: &'static str,
        inner: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        match self.plan.next(operation) {
            None => inner.await,
            Some((When::Before, kind)) => Err(scripted(operation, kind)),
            Some((When::After, kind)) => {
                inner.await?;
                Err(scripted(operation, kind))
            }
        }
    }

    fn stream<'a, T: Send + 'a>(&self, operation: &'static str, inner: RowStream<'a, T>) -> RowStream<'a, T> {
        match self.plan.next(operation) {
            None => inner,
            Some((When::Before, kind)) => stream::iter([Err(scripted(operation, kind))]).boxed(),
            Some((When::After, kind)) => inner.chain(stream::iter([Err(scripted(operation, kind))])).boxed(),
        }
    }
}

fn scripted(operation: &'static str, kind: StoreErrorKind) -> StoreError {
    StoreError::new(kind, operation, "a fault of the script")
}

impl<S: MarketStore + ?Sized> fmt::Display for FaultStore<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with faults", self.inner)
    }
}

#[async_trait]
impl<S: MarketStore + ?Sized> TapeStore for FaultStore<S> {
    async fn append(&self, batch: &TapeBatch, expected: Option<Timestamp>) -> Result<(), StoreError> {
        let append = async {
            self.plan.refused(batch)?;
            self.inner.append(batch, expected).await
        };
        self.call("append", append).await
    }

    async fn rehearse(&self, batch: &TapeBatch, expected: Option<Timestamp>) -> Result<(), StoreError> {
        let rehearse = async {
            self.plan.refused(batch)?;
            self.inner.rehearse(batch, expected).await
        };
        self.call("rehearse", rehearse).await
    }

    async fn resume(&self, instrument: &Instrument) -> Result<Option<InstrumentClock>, StoreError> {
        self.call("resume", self.inner.resume(instrument)).await
    }
}

#[async_trait]
impl<S: MarketStore + ?Sized> CandleStore for FaultStore<S> {
    async fn candles(&self, query: &CandleQuery) -> Result<Vec<Candle>, StoreError> {
        self.call("candles", self.inner.candles(query)).await
    }

    fn stream_candles(&self, query: CandleQuery) -> RowStream<'_, Candle> {
        self.stream("stream_candles", self.inner.stream_candles(query))
    }

    async fn candle(&self, instrument: &Instrument, key: CandleKey) -> Result<Option<Candle>, StoreError> {
        self.call("candle", self.inner.candle(instrument, key)).await
    }

    async fn superseded(
        &self,
        instrument: &Instrument,
        key: CandleKey,
    ) -> Result<Vec<SupersededCandle>, StoreError> {
        self.call("superseded", self.inner.superseded(instrument, key)).await
    }
}

#[async_trait]
impl<S: MarketStore + ?Sized> TradeStore for FaultStore<S> {
    fn stream_trades(&self, query: TimeQuery) -> RowStream<'_, Trade> {
        self.stream("stream_trades", self.inner.stream_trades(query))
    }
}

#[async_trait]
impl<S: MarketStore + ?Sized> BookStore for FaultStore<S> {
    fn stream_books(&self, query: BookQuery) -> RowStream<'_, Arc<BookSnapshot>> {
        self.stream("stream_books", self.inner.stream_books(query))
    }

    async fn last_book(
        &self,
        instrument: &Instrument,
        as_of: Timestamp,
    ) -> Result<Option<Arc<BookSnapshot>>, StoreError> {
        self.call("last_book", self.inner.last_book(instrument, as_of)).await
    }

    fn stream_buckets(&self, query: TimeQuery) -> RowStream<'_, SampledBucket> {
        self.stream("stream_buckets", self.inner.stream_buckets(query))
    }
}

#[async_trait]
impl<S: MarketStore + ?Sized> ImbalanceStore for FaultStore<S> {
    fn stream_imbalances(&self, query: TimeQuery) -> RowStream<'_, Imbalances> {
        self.stream("stream_imbalances", self.inner.stream_imbalances(query))
    }
}

#[async_trait]
impl<S: MarketStore + ?Sized> CoverageStore for FaultStore<S> {
    fn stream_coverage(&self, query: TimeQuery) -> RowStream<'_, CoverageRow> {
        self.stream("stream_coverage", self.inner.stream_coverage(query))
    }

    async fn coverage_proof(
        &self,
        instrument: &Instrument,
        from: Timestamp,
        as_of: Timestamp,
    ) -> Result<Vec<CoverageRow>, StoreError> {
        self.call("coverage_proof", self.inner.coverage_proof(instrument, from, as_of)).await
    }
}

#[async_trait]
impl<S: MarketStore + ?Sized> ClockStore for FaultStore<S> {
    async fn clock(&self, instrument: &Instrument) -> Result<Option<InstrumentClock>, StoreError> {
        self.call("clock", self.inner.clock(instrument)).await
    }

    async fn flushed(&self, instrument: &Instrument) -> Result<Option<Timestamp>, StoreError> {
        self.call("flushed", self.inner.flushed(instrument)).await
    }

    async fn instruments(&self) -> Result<BTreeSet<Instrument>, StoreError> {
        self.call("instruments", self.inner.instruments()).await
    }
}

#[async_trait]
impl<S: MarketStore + ?Sized> QuarantineStore for FaultStore<S> {
    async fn quarantine(&self, records: &[QuarantinedRecord]) -> Result<u64, StoreError> {
        self.call("quarantine", self.inner.quarantine(records)).await
    }

    async fn quarantined(&self, limit: usize) -> Result<Vec<QuarantinedRecord>, StoreError> {
        self.call("quarantined", self.inner.quarantined(limit)).await
    }

    async fn quarantine_entries(&self, query: &QuarantineQuery) -> Result<Vec<QuarantineEntry>, StoreError> {
        self.call("quarantine_entries", self.inner.quarantine_entries(query)).await
    }

    async fn remove_quarantined(&self, ids: &[u64]) -> Result<u64, StoreError> {
        self.call("remove_quarantined", self.inner.remove_quarantined(ids)).await
    }
}

#[async_trait]
impl<S: MarketStore + ?Sized> FrameStore for FaultStore<S> {
    async fn frame_parts(&self, query: &FrameQuery) -> Result<FrameParts, StoreError> {
        self.call("frame_parts", self.inner.frame_parts(query)).await
    }

    async fn expiry(&self, instrument: &Instrument) -> Result<Expiry, StoreError> {
        self.call("expiry", self.inner.expiry(instrument)).await
    }
}

#[async_trait]
impl<S: MarketStore + ?Sized> ClosingStore for FaultStore<S> {
    async fn close(&self) {
        self.inner.close().await;
    }
}

#[async_trait]
impl<S: MarketStore + ?Sized> ImportStore for FaultStore<S> {
    async fn begin_import(&self, import: &NewImport) -> Result<(), StoreError> {
        self.call("begin_import", self.inner.begin_import(import)).await
    }

    async fn add_imported(&self, id: &ImportId, candles: &[ImportedCandle]) -> Result<u64, StoreError> {
        self.call("add_imported", self.inner.add_imported(id, candles)).await
    }

    async fn finish_import(&self, id: &ImportId, covered: TimeRange) -> Result<Import, StoreError> {
        self.call("finish_import", self.inner.finish_import(id, covered)).await
    }

    async fn imports(&self, instrument: &Instrument) -> Result<Vec<Import>, StoreError> {
        self.call("imports", self.inner.imports(instrument)).await
    }

    async fn waiting_imports(&self) -> Result<Vec<Import>, StoreError> {
        self.call("waiting_imports", self.inner.waiting_imports()).await
    }

    async fn imported(&self, query: &ImportedQuery) -> Result<[Vec<ImportedRow>; 6], StoreError> {
        self.call("imported", self.inner.imported(query)).await
    }

    async fn remove_import(&self, id: &ImportId) -> Result<u64, StoreError> {
        self.call("remove_import", self.inner.remove_import(id)).await
    }

    async fn set_source_order(&self, order: &[Source]) -> Result<(), StoreError> {
        self.call("set_source_order", self.inner.set_source_order(order)).await
    }

    async fn source_order(&self) -> Result<Vec<Source>, StoreError> {
        self.call("source_order", self.inner.source_order()).await
    }
}

#[async_trait]
impl<S: MarketStore + ?Sized> ManifestStore for FaultStore<S> {
    async fn begin_run(&self, run: &NewRun, at: Timestamp) -> Result<Manifest, StoreError> {
        self.call("begin_run", self.inner.begin_run(run, at)).await
    }

    async fn runs(&self) -> Result<Vec<(RunId, RunState)>, StoreError> {
        self.call("runs", self.inner.runs()).await
    }

    async fn manifest(&self, run: &RunId) -> Result<Option<Manifest>, StoreError> {
        self.call("manifest", self.inner.manifest(run)).await
    }

    async fn set_run_state(&self, run: &RunId, state: RunState, at: Timestamp) -> Result<(), StoreError> {
        self.call("set_run_state", self.inner.set_run_state(run, state, at)).await
    }

    async fn write_import_batch(&self, batch: &ImportBatch) -> Result<TableProgress, StoreError> {
        self.call("write_import_batch", self.inner.write_import_batch(batch)).await
    }

    fn stream_refused(&self, run: &RunId) -> RowStream<'_, RefusedRow> {
        self.stream("stream_refused", self.inner.stream_refused(run))
    }

    fn stream_import(&self, id: &ImportId, range: TimeRange) -> RowStream<'_, ImportedCandle> {
        self.stream("stream_import", self.inner.stream_import(id, range))
    }

    async fn import_at(
        &self,
        id: &ImportId,
        open_times: &[Timestamp],
    ) -> Result<Vec<ImportedCandle>, StoreError> {
        self.call("import_at", self.inner.import_at(id, open_times)).await
    }
}

#[async_trait]
impl<S: MarketStore + ?Sized> CutoverStore for FaultStore<S> {
    async fn append_cutover(&self, record: &CutoverRecord) -> Result<(), StoreError> {
        self.call("append_cutover", self.inner.append_cutover(record)).await
    }

    fn stream_cutover(&self, after: u64) -> RowStream<'_, CutoverRecord> {
        self.stream("stream_cutover", self.inner.stream_cutover(after))
    }
}

#[async_trait]
impl<S: MarketStore + ?Sized> ArchiveStore for FaultStore<S> {
    async fn archived(&self) -> Result<BTreeSet<Instrument>, StoreError> {
        self.call("archived", self.inner.archived()).await
    }

    fn stream_superseded(&self, query: SupersededQuery) -> RowStream<'_, SupersededCandle> {
        self.stream("stream_superseded", self.inner.stream_superseded(query))
    }

    fn stream_quarantined(&self) -> RowStream<'_, QuarantinedRecord> {
        self.stream("stream_quarantined", self.inner.stream_quarantined())
    }

    async fn load_under_way(&self, instrument: &Instrument) -> Result<Option<Load>, StoreError> {
        self.call("load_under_way", self.inner.load_under_way(instrument)).await
    }

    async fn begin_load(&self, load: &Load) -> Result<(), StoreError> {
        self.call("begin_load", self.inner.begin_load(load)).await
    }

    async fn load_import(&self, import: &Import) -> Result<Import, StoreError> {
        self.call("load_import", self.inner.load_import(import)).await
    }

    async fn load(&self, instrument: &Instrument, rows: &LoadRows) -> Result<(), StoreError> {
        self.call("load", self.inner.load(instrument, rows)).await
    }

    async fn finish_load(&self, end: &LoadEnd) -> Result<(), StoreError> {
        self.call("finish_load", self.inner.finish_load(end)).await
    }

    async fn discard_load(&self, instrument: &Instrument) -> Result<(), StoreError> {
        self.call("discard_load", self.inner.discard_load(instrument)).await
    }
}

#[async_trait]
impl<S: MarketStore + ?Sized> InventoryStore for FaultStore<S> {
    async fn inventory(&self, instrument: &Instrument) -> Result<Inventory, StoreError> {
        self.call("inventory", self.inner.inventory(instrument)).await
    }

    async fn sizes(&self) -> Result<Option<Sizes>, StoreError> {
        self.call("sizes", self.inner.sizes()).await
    }
}
