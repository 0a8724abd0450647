//! Dual write: closed candles of the store put into the files of the old system too.
//!
//! The store is followed, not the feed. What was not written before a crash is read from the store afterwards, a failure
//! here holds nobody back, and a candle that was corrected is seen with its new values.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use onetape_domain::candle::Candle;
use onetape_domain::cutover::Cutover;
use onetape_domain::instrument::{Exchange, Instrument};
use onetape_domain::time::{TimeRange, Timeframe, Timestamp};
use onetape_ports::{
    CandleQuery, Knowledge, LegacyError, LegacySink, MarketStore, Selection, StoreError, WallClock,
    with_causes,
};
use parking_lot::Mutex;
use serde::Serialize;

use crate::cutover::read_on;
use crate::metrics;

/// What fails where the store does not say which instruments it has.
const INSTRUMENTS: &str = "instruments of the store";
/// The same of whether the files are still to be written.
const CUTOVER: &str = "log of the cut-over";

/// Candles that are put into a file at once.
const CHUNK: usize = 50_000;
/// How far back candles are looked at again at each pass: trades that come later than their candle are seldom later.
const LOOK_BACK: i64 = 15 * 60 * 1_000_000;
/// How far back at the first pass and then every hour, for gaps that were repaired.
const LONG_LOOK_BACK: i64 = 24 * 3_600 * 1_000_000;
const LONG_EVERY: i64 = 3_600 * 1_000_000;
/// Bytes of a file for each second until it is written again, but for the last time.
const BYTES_A_SECOND: u64 = 1 << 20;

/// What is written, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DualOptions {
    /// Whose candles; none: those of every instrument in the store.
    pub instruments: Vec<Instrument>,
    /// Which candles.
    pub timeframes: Vec<Timeframe>,
    /// The venue whose instruments have no venue in the names of their files.
    pub default_exchange: Exchange,
    /// Time between two passes.
    pub interval: Duration,
    /// Where the files are, absolute: nothing more is written once the store's cut-over has left this folder.
    pub folder: String,
}

impl DualOptions {
    /// Every candle of every instrument, each minute.
    pub fn new(default_exchange: Exchange) -> Self {
        Self {
            instruments: Vec::new(),
            timeframes: Timeframe::ALL.to_vec(),
            default_exchange,
            interval: Duration::from_secs(60),
            folder: String::new(),
        }
    }
}

/// The name of the file of an instrument's candles: `ETHUSDT_1m`; with the venue before it where it is not the default one, as
/// in `kraken_ETHUSDT_1m`, and of futures with what they are settled in, as in `BTCUSDT-USDT_1m`.
pub fn legacy_name(instrument: &Instrument, timeframe: Timeframe, default_exchange: &Exchange) -> String {
    let symbol = instrument.symbol().as_str().replacen('/', "", 1).replace(':', "-");
    if instrument.exchange() == default_exchange {
        format!("{symbol}_{timeframe}")
    } else {
        format!("{}_{symbol}_{timeframe}", instrument.exchange())
    }
}

/// What was done so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DualStatus {
    /// Candles that were not in a file.
    pub new: u64,
    /// Candles that were corrected in one.
    pub replaced: u64,
    /// Bytes of files written.
    pub bytes: u64,
    /// Files, or reads of the store, that failed.
    pub failures: u64,
    /// What failed last, as long as it was not done after all.
    pub failing: BTreeMap<String, String>,
    /// Whether it has ended for good, since the cut-over has left the folder.
    pub has_ended: bool,
}

/// How far a file is.
#[derive(Debug, Default)]
struct FileState {
    /// The greatest open time in it, once that is known.
    last: Option<Timestamp>,
    is_known: bool,
    /// The stamp up to which the store was read.
    flushed: Option<Timestamp>,
    /// Revisions that are in the file, of the time that is looked at again.
    revisions: BTreeMap<Timestamp, u32>,
    /// When the next long look back is due, and when the file may be written again.
    long_at: i64,
    due_at: i64,
}

/// A failure of either side.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the store cannot be read")]
    Store(#[from] StoreError),
    #[error("the file cannot be written")]
    File(#[from] LegacyError),
}

/// Keeps the files of the old system up to date.
#[derive(Debug)]
pub struct DualWriter {
    store: Arc<dyn MarketStore>,
    /// None once the folder was left: then it is somebody else's to pack.
    sink: Mutex<Option<Arc<dyn LegacySink>>>,
    clock: Arc<dyn WallClock>,
    options: DualOptions,
    files: tokio::sync::Mutex<BTreeMap<String, FileState>>,
    cutover: tokio::sync::Mutex<Cutover>,
    status: Mutex<DualStatus>,
}

impl DualWriter {
    /// A writer of what the store has; it does nothing until it is told to.
    pub fn new(
        store: Arc<dyn MarketStore>,
        sink: Arc<dyn LegacySink>,
        clock: Arc<dyn WallClock>,
        options: DualOptions,
    ) -> Self {
        let (files, cutover, status) =
            (tokio::sync::Mutex::default(), tokio::sync::Mutex::default(), Mutex::default());
        Self { store, sink: Mutex::new(Some(sink)), clock, options, files, cutover, status }
    }

    /// What was done so far.
    pub fn status(&self) -> DualStatus {
        self.status.lock().clone()
    }

    /// Passes until the folder is left, each some time after the one before. Whatever fails is logged, counted and tried again.
    pub async fn run(&self) {
        while !self.pass(false).await.has_ended {
            tokio::time::sleep(self.options.interval).await;
        }
    }

    /// Puts into each file what the store has and it lacks. A large file is left for a later pass where it was written a
    /// short while ago, unless this is the `last` one.
    pub async fn pass(&self, last: bool) -> DualStatus {
        let mut files = self.files.lock().await;
        let Some(sink) = self.sink_unless_left().await else { return self.status() };
        let instruments = match self.options.instruments.as_slice() {
            [] => self.store.instruments().await.map(|all| all.into_iter().collect()),
            named => Ok(named.to_vec()),
        };
        let instruments: Vec<Instrument> = match instruments {
            Ok(instruments) => {
                self.note(INSTRUMENTS, Ok(()));
                instruments
            }
            Err(error) => {
                self.note(INSTRUMENTS, Err(error.into()));
                return self.status();
            }
        };
        for instrument in &instruments {
            for timeframe in &self.options.timeframes {
                let name = legacy_name(instrument, *timeframe, &self.options.default_exchange);
                let state = files.entry(name.clone()).or_default();
                let done = self.file(sink.as_ref(), &name, instrument, *timeframe, state, last).await;
                if done.is_err() {
                    // Another program may have changed it, or it was written and nobody knows.
                    *state = FileState { due_at: state.due_at, ..FileState::default() };
                }
                self.note(&name, done);
            }
        }
        self.status()
    }

    /// Where to write, as long as the cut-over has not left the folder.
    async fn sink_unless_left(&self) -> Option<Arc<dyn LegacySink>> {
        let mut cutover = self.cutover.lock().await;
        let read = read_on(self.store.as_ref(), &mut cutover).await;
        let is_read = read.is_ok();
        self.note(CUTOVER, read.map_err(Failure::from));
        if is_read && cutover.is_deprecated(&self.options.folder) {
            if self.sink.lock().take().is_some() {
                self.status.lock().has_ended = true;
                tracing::warn!(
                    folder = self.options.folder,
                    "the cut-over has left the old files: they are not written any more"
                );
            }
            return None;
        }
        self.sink.lock().clone().filter(|_| is_read)
    }

    fn note(&self, name: &str, done: Result<(), Failure>) {
        let mut status = self.status.lock();
        let Err(failure) = done else {
            status.failing.remove(name);
            return;
        };
        let message = with_causes(&failure);
        metrics::failed();
        status.failures += 1;
        if status.failing.insert(name.to_owned(), message.clone()).as_ref() != Some(&message) {
            tracing::warn!(file = name, error = message, "an old file is behind; it is tried again");
        }
    }

    async fn file(
        &self,
        sink: &dyn LegacySink,
        name: &str,
        instrument: &Instrument,
        timeframe: Timeframe,
        state: &mut FileState,
        last: bool,
    ) -> Result<(), Failure> {
        let now = self.clock.monotonic_micros();
        let flushed = self.store.flushed(instrument).await?;
        let Some(flushed) =
            flushed.filter(|flushed| last || (state.flushed != Some(*flushed) && now >= state.due_at))
        else {
            return Ok(());
        };
        if !state.is_known {
            state.last = sink.last(name).await?;
            state.is_known = true;
            state.long_at = now;
        }
        let is_long = last || now >= state.long_at;
        let back = if is_long { LONG_LOOK_BACK } else { LOOK_BACK }.max(timeframe.micros());
        let from = state.last.map_or(Timestamp::EARLIEST, |last| last.plus(-back));
        let Ok(range) = TimeRange::try_new(from, Timestamp::LATEST) else { return Ok(()) };
        let query = CandleQuery {
            instrument: instrument.clone(),
            timeframe,
            selection: Selection::Range(range),
            as_of: flushed,
            knowledge: Knowledge::AsRecorded,
        };
        let (mut candles, mut bytes) = (self.store.stream_candles(query), 0);
        let mut waiting = Vec::new();
        while let Some(candle) = candles.next().await {
            let candle = candle?;
            if state.revisions.get(&candle.open_time()) != Some(&candle.revision()) {
                waiting.push(candle);
            }
            if waiting.len() == CHUNK {
                bytes = self.append(sink, name, state, &mut waiting).await?.max(bytes);
            }
        }
        bytes = self.append(sink, name, state, &mut waiting).await?.max(bytes);
        if let Some(last) = state.last {
            state.revisions = state.revisions.split_off(&last.plus(-LONG_LOOK_BACK));
        }
        if is_long {
            state.long_at = now.saturating_add(LONG_EVERY);
        }
        state.flushed = Some(flushed);
        let pause = i64::try_from(bytes.saturating_mul(1_000_000) / BYTES_A_SECOND).unwrap_or(i64::MAX);
        state.due_at = now.saturating_add(pause);
        Ok(())
    }

    /// Puts candles into a file; returns the bytes it took.
    async fn append(
        &self,
        sink: &dyn LegacySink,
        name: &str,
        state: &mut FileState,
        candles: &mut Vec<Candle>,
    ) -> Result<u64, Failure> {
        if candles.is_empty() {
            return Ok(0);
        }
        let done = sink.append(name, candles).await?;
        for candle in candles.drain(..) {
            state.revisions.insert(candle.open_time(), candle.revision());
            state.last = state.last.max(Some(candle.open_time()));
        }
        metrics::written(done.new, done.replaced, done.bytes);
        let mut status = self.status.lock();
        status.new += done.new;
        status.replaced += done.replaced;
        status.bytes += done.bytes;
        Ok(done.bytes)
    }
}
