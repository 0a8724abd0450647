//! The in-memory store: every table of every instrument, each behind its own lock, and no disk.

mod archive;
mod books;
mod candles;
mod clocks;
mod coverage;
mod cutover;
mod frames;
mod imbalances;
mod imports;
mod inventory;
mod manifests;
mod quarantine;
mod tape;
mod trades;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use onetape_domain::book::BookSnapshot;
use onetape_domain::candle::SupersededCandle;
use onetape_domain::clock::InstrumentClock;
use onetape_domain::cutover::CutoverRecord;
use onetape_domain::expiry::Expiry;
use onetape_domain::imbalance::Imbalances;
use onetape_domain::instrument::Instrument;
use onetape_domain::time::{Timeframe, Timestamp};
use onetape_domain::trade::Trade;
use onetape_ports::{Knowledge, Load};
use parking_lot::{Mutex, RwLock};

use crate::candles::{CandleSeries, Lens};
use crate::coverage::CoverageLog;
use crate::series::{ByStamp, Series};
use imports::Imports;
use quarantine::Quarantine;

/// Rows a chunk: what an insertion out of order, or a write while a stream is read, copies.
const CHUNK_ROWS: usize = 512;

/// A store in memory: complete, exact, unbounded, and gone with the process.
///
/// A clone is another handle of the same store.
#[derive(Clone, Default)]
pub struct MemoryStore {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    tapes: RwLock<BTreeMap<Instrument, Arc<RwLock<Tape>>>>,
    quarantine: Mutex<Quarantine>,
    cutover: Mutex<Vec<CutoverRecord>>,
    /// Locked after a tape, where both are.
    imports: RwLock<Imports>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn tape(&self, instrument: &Instrument) -> Option<Arc<RwLock<Tape>>> {
        self.inner.tapes.read().get(instrument).cloned()
    }

    /// Reads one consistent state of an instrument's tape; none where nothing is stored of it.
    fn read<R>(&self, instrument: &Instrument, read: impl FnOnce(&Tape) -> R) -> Option<R> {
        self.tape(instrument).map(|tape| read(&tape.read()))
    }
}

impl fmt::Display for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("memory")
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let instruments: Vec<_> = self.inner.tapes.read().keys().cloned().collect();
        f.debug_struct("MemoryStore").field("instruments", &instruments).finish_non_exhaustive()
    }
}

/// All tables of one instrument.
#[derive(Debug)]
struct Tape {
    clock: Option<InstrumentClock>,
    candles: [CandleSeries; 6],
    trades: Series<Trade>,
    books: Series<Arc<BookSnapshot>>,
    books_by_stamp: Series<ByStamp>,
    imbalances: Series<Imbalances>,
    coverage: CoverageLog,
    /// What another store's retention had taken.
    expiry: Expiry,
    /// Under way while the rows of another store come in.
    load: Option<Load>,
    /// Replaced versions of candles that retention took, by open time and revision.
    orphans: [BTreeMap<(Timestamp, u32), SupersededCandle>; 6],
}

impl Default for Tape {
    fn default() -> Self {
        Self {
            clock: None,
            candles: Timeframe::ALL.map(|_| CandleSeries::new(CHUNK_ROWS)),
            trades: Series::new(CHUNK_ROWS),
            books: Series::new(CHUNK_ROWS),
            books_by_stamp: Series::new(CHUNK_ROWS),
            imbalances: Series::new(CHUNK_ROWS),
            coverage: CoverageLog::new(CHUNK_ROWS),
            expiry: Expiry::NOTHING,
            load: None,
            orphans: Default::default(),
        }
    }
}

impl Tape {
    /// Which versions of candles a reader of this knowledge sees at the instant.
    fn lens(&self, as_of: Timestamp, knowledge: Knowledge) -> Lens {
        match knowledge {
            Knowledge::AsRecorded => Lens::Recorded(as_of),
            Knowledge::AsCorrected => Lens::Corrected(self.coverage.watermark_second(as_of)),
        }
    }
}
