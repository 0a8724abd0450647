//! An export at work: rows are read and made into batches here, and written by a thread of their own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::{Stream, StreamExt as _, TryStreamExt as _};
use onetape_arrow::arrow_array::RecordBatch;
use onetape_arrow::arrow_schema::SchemaRef;
use onetape_arrow::files::{Dataset, FileError, Format, Part, Partition, Written};
use onetape_arrow::{Decimals, Encoder, Notes, Table, tables};
use onetape_domain::instrument::Instrument;
use onetape_domain::time::Timestamp;
use onetape_ports::{BookQuery, CandleQuery, Knowledge, MarketStore, Selection, TimeQuery};
use onetape_provider::{Request, UnifiedDataProvider};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use super::{Export, ExportError, ExportProgress, ExportSummary, ExportTable};
use crate::arrow::versions;
use crate::open::Onetape;

/// Batches on their way to the writing thread.
const WAITING: usize = 2;

pub(super) async fn run(
    tape: &Onetape,
    export: &Export,
    progress: impl FnMut(&ExportProgress) + Send,
) -> Result<ExportSummary, ExportError> {
    let decimals = decimals(export)?;
    let as_of = instants(tape, export).await?;
    let instruments: Vec<Instrument> = as_of.iter().map(|(instrument, _)| instrument.clone()).collect();
    let writer = Writer::start(Dataset::begin(export.files.clone())?);
    let source = Source { store: tape.store().as_ref(), provider: tape.provider(), export };
    let mut run = Run { export, decimals, as_of, writer, progress, rows: 0, first: None, last: None };
    for (instrument, as_of) in run.as_of.clone() {
        source.copy(&mut run, &instrument, as_of).await?;
    }
    run.tell(true);
    let Run { writer, as_of, first, last, .. } = run;
    let notes = Notes { as_of: as_of.iter().cloned().collect(), ..Notes::default() };
    let written = writer.finish(schema(export.table, decimals, &instruments, &notes)).await?;
    Ok(ExportSummary {
        table: export.table.to_string(),
        target: export.files.target.clone(),
        files: written.files,
        rows: written.rows,
        bytes: written.bytes,
        first,
        last,
        as_of: as_of.into_iter().map(|(instrument, as_of)| (instrument.to_string(), as_of)).collect(),
    })
}

/// What decimals become; CSV has plain digits only.
fn decimals(export: &Export) -> Result<Decimals, ExportError> {
    let candles = matches!(export.table, ExportTable::Candles(_));
    if export.knowledge == Knowledge::AsCorrected && !candles {
        return Err(ExportError::NothingCorrected { table: export.table.to_string() });
    }
    match (export.files.format, export.decimals) {
        (Format::Csv, Decimals::Float) => Err(ExportError::FloatsInCsv),
        (Format::Csv, _) => Ok(Decimals::Text),
        (_, decimals) => Ok(decimals),
    }
}

/// Each instrument with the instant that the store can answer for.
async fn instants(tape: &Onetape, export: &Export) -> Result<Vec<(Instrument, Timestamp)>, ExportError> {
    let mut instruments = export.instruments.clone();
    if instruments.is_empty() {
        instruments.extend(tape.store().instruments().await?);
    }
    if instruments.is_empty() {
        return Err(ExportError::Empty);
    }
    let request = Request {
        timestamp: export.at,
        limit: 0,
        context_window: Duration::ZERO,
        knowledge: export.knowledge,
        ..Request::default()
    };
    let provider = tape.provider();
    let mut instants: Vec<(Instrument, Timestamp)> = Vec::with_capacity(instruments.len());
    for instrument in instruments {
        if instants.iter().all(|(known, _)| *known != instrument) {
            let as_of = provider.multi_timeframe(&instrument, &[], &request).await?.as_of;
            instants.push((instrument, as_of));
        }
    }
    Ok(instants)
}

/// The schema of a file without rows.
fn schema(table: ExportTable, decimals: Decimals, instruments: &[Instrument], notes: &Notes) -> SchemaRef {
    fn of<R>(table: &'static Table<R>, decimals: Decimals, all: &[Instrument], notes: &Notes) -> SchemaRef {
        Encoder::new(table, decimals, all, notes).schema().clone()
    }
    match table {
        ExportTable::Candles(_) => of(&tables::CANDLES, decimals, instruments, notes),
        ExportTable::CandleVersions(_) => of(&tables::VERSIONS, decimals, instruments, notes),
        ExportTable::Trades => of(&tables::TRADES, decimals, instruments, notes),
        ExportTable::Books => of(&tables::BOOKS, decimals, instruments, notes),
        ExportTable::Buckets => of(&tables::BUCKETS, decimals, instruments, notes),
        ExportTable::Imbalances => of(&tables::IMBALANCES, decimals, instruments, notes),
        ExportTable::Coverage => of(&tables::COVERAGE, decimals, instruments, notes),
    }
}

/// Where rows come from.
struct Source<'a> {
    store: &'a dyn MarketStore,
    provider: UnifiedDataProvider,
    export: &'a Export,
}

impl Source<'_> {
    async fn copy<P: FnMut(&ExportProgress) + Send>(
        &self,
        run: &mut Run<'_, P>,
        instrument: &Instrument,
        as_of: Timestamp,
    ) -> Result<(), ExportError> {
        let Self { store, provider, export } = self;
        let selection = Selection::Range(export.range);
        let query = || TimeQuery { instrument: instrument.clone(), selection, as_of };
        let candles = |timeframe| CandleQuery {
            instrument: instrument.clone(),
            timeframe,
            selection,
            as_of,
            knowledge: export.knowledge,
        };
        match export.table {
            ExportTable::Candles(timeframe) => {
                let rows = provider.stream_closed_candles(candles(timeframe));
                run.copy(&tables::CANDLES, instrument, rows).await
            }
            ExportTable::CandleVersions(timeframe) => {
                run.copy(&tables::VERSIONS, instrument, versions(*store, candles(timeframe))).await
            }
            ExportTable::Trades => run.copy(&tables::TRADES, instrument, store.stream_trades(query())).await,
            ExportTable::Books => {
                let books = BookQuery {
                    instrument: instrument.clone(),
                    selection,
                    as_of,
                    last_of_minute: false,
                    superseded_partials: false,
                };
                run.copy(&tables::BOOKS, instrument, store.stream_books(books)).await
            }
            ExportTable::Buckets => {
                run.copy(&tables::BUCKETS, instrument, store.stream_buckets(query())).await
            }
            ExportTable::Imbalances => {
                run.copy(&tables::IMBALANCES, instrument, store.stream_imbalances(query())).await
            }
            ExportTable::Coverage => {
                run.copy(&tables::COVERAGE, instrument, store.stream_coverage(query())).await
            }
        }
    }
}

/// What is known while it goes on.
struct Run<'a, P> {
    export: &'a Export,
    decimals: Decimals,
    as_of: Vec<(Instrument, Timestamp)>,
    writer: Writer,
    progress: P,
    rows: u64,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
}

impl<P: FnMut(&ExportProgress) + Send> Run<'_, P> {
    /// Takes in all rows of an instrument.
    async fn copy<R: Send + Sync + 'static, E>(
        &mut self,
        table: &'static Table<R>,
        instrument: &Instrument,
        rows: impl Stream<Item = Result<R, E>> + Send,
    ) -> Result<(), ExportError>
    where
        ExportError: From<E>,
    {
        let encoder = self.encoder(table, instrument);
        let partition = self.export.files.partition;
        let chunks = rows.try_chunks(table.batch_rows()).map_err(|error| ExportError::from(error.1));
        let mut chunks = std::pin::pin!(chunks);
        let mut before = 0;
        while let Some(rows) = chunks.next().await.transpose()? {
            let same = |one: &R, other: &R| partition.same_period(table.time_of(one), table.time_of(other));
            for rows in rows.chunk_by(same) {
                let batch = encoder.encode(instrument, before, rows)?;
                before += rows.len() as u64;
                let (first, last) = (table.time_of(&rows[0]), table.time_of(&rows[rows.len() - 1]));
                self.writer.write(Part { instrument: instrument.clone(), time: first }, batch).await?;
                self.note(first, last, rows.len() as u64);
            }
        }
        Ok(())
    }

    /// One schema a file: of this instrument, or of all that go into the one file.
    fn encoder<R>(&self, table: &'static Table<R>, instrument: &Instrument) -> Encoder<R> {
        let shared = self.export.files.partition == Partition::None;
        let here = self.as_of.iter().filter(|(known, _)| shared || known == instrument).cloned();
        let as_of: BTreeMap<Instrument, Timestamp> = here.collect();
        let instruments: Vec<Instrument> = as_of.keys().cloned().collect();
        Encoder::new(table, self.decimals, &instruments, &Notes { as_of, ..Notes::default() })
    }

    fn note(&mut self, first: Timestamp, last: Timestamp, rows: u64) {
        self.rows += rows;
        self.first = Some(self.first.map_or(first, |known| known.min(first)));
        self.last = Some(self.last.map_or(last, |known| known.max(last)));
        self.tell(false);
    }

    fn tell(&mut self, read: bool) {
        let bytes = self.writer.bytes.load(Ordering::Relaxed);
        (self.progress)(&ExportProgress { rows: self.rows, bytes, time: self.last, read });
    }
}

enum Order {
    Write(Part, RecordBatch),
    Finish(SchemaRef),
}

/// The thread that encodes and writes. Where nobody tells it to finish, it gives the dataset up.
struct Writer {
    orders: mpsc::Sender<Order>,
    thread: JoinHandle<Result<Option<Written>, FileError>>,
    bytes: Arc<AtomicU64>,
}

impl Writer {
    fn start(mut dataset: Dataset) -> Self {
        let (orders, mut waiting) = mpsc::channel(WAITING);
        let bytes = Arc::new(AtomicU64::new(0));
        let told = bytes.clone();
        let thread = spawn_blocking(move || {
            while let Some(order) = waiting.blocking_recv() {
                match order {
                    Order::Write(part, batch) => dataset.write(&part, &batch)?,
                    Order::Finish(schema) => return dataset.finish(&schema).map(Some),
                }
                told.store(dataset.written().bytes, Ordering::Relaxed);
            }
            Ok(None)
        });
        Self { orders, thread, bytes }
    }

    async fn write(&mut self, part: Part, batch: RecordBatch) -> Result<(), ExportError> {
        match self.orders.send(Order::Write(part, batch)).await {
            Ok(()) => Ok(()),
            // It has gone, and says why.
            Err(_) => Err(match (&mut self.thread).await.map_err(ExportError::Writer)? {
                Err(error) => error.into(),
                Ok(_) => unreachable!("it goes on while there may be orders"),
            }),
        }
    }

    async fn finish(self, schema: SchemaRef) -> Result<Written, ExportError> {
        // Where it has gone already the order is lost, and the thread says why.
        let _ = self.orders.send(Order::Finish(schema)).await;
        let written = self.thread.await.map_err(ExportError::Writer)??;
        Ok(written.unwrap_or_default())
    }
}
