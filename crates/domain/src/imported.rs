//! Candles from elsewhere: published by a venue, or kept in files. They stay apart from those made here of
//! trades, each with its source, and are chosen between when an answer is assembled.

use std::cmp::Reverse;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::candle::{Candle, Ohlcv, overflow};
use crate::coverage::Intervals;
use crate::decimal::{Price, Quantity};
use crate::frame::{CandleSection, candle_section};
use crate::instrument::{Instrument, as_text, named};
use crate::time::{TimeRange, Timeframe, Timestamp};
use crate::trade::TradeKey;
use crate::violation::Violations;

/// Longest name of a source and longest id of an import, in bytes.
pub const MAX_ID_BYTES: usize = 128;

/// Where imported candles come from: a venue, a vendor, a cache of files.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source(Arc<str>);

impl Source {
    /// What candles made here of trades are called where sources are named.
    pub const DERIVED: &'static str = "derived";

    /// Validates a name: 1 to 128 of `a-z 0-9 _ - .`, and not `derived`.
    ///
    /// # Errors
    /// A violation naming the rule.
    pub fn try_new(name: &str) -> Result<Self, Violations> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-' | b'.');
        if name.is_empty() || name.len() > MAX_ID_BYTES || !name.bytes().all(allowed) {
            return Err(Violations::one("import.source", name, "must be 1 to 128 of a-z 0-9 _ - ."));
        }
        if name == Self::DERIVED {
            return Err(Violations::one("import.source", name, "is the name of candles made here of trades"));
        }
        Ok(Self(name.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Names one import in a store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImportId(Arc<str>);

impl ImportId {
    /// Validates an id: 1 to 128 printable ASCII characters without spaces.
    ///
    /// # Errors
    /// A violation naming the rule.
    pub fn try_new(id: &str) -> Result<Self, Violations> {
        if id.is_empty() || id.len() > MAX_ID_BYTES || !id.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Violations::one("import.id", id, "must be 1 to 128 printable characters"));
        }
        Ok(Self(id.into()))
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

named!(Source);
named!(ImportId);
as_text!(Source);
as_text!(ImportId);

/// What an import is to be: candles of one instrument, one timeframe and one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewImport {
    /// Its id.
    pub id: ImportId,
    /// Whose candles.
    pub instrument: Instrument,
    /// Where they come from.
    pub source: Source,
    /// Their period. Coarser candles are rolled up from them.
    pub timeframe: Timeframe,
}

/// Where a finished import stands on the instrument's tape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// Before its first message: it was there when the instrument went live, or the instrument never did.
    Before,
    /// The writer of the tape took it in under this stamp.
    At(Timestamp),
    /// The instrument was live already, and its writer has not taken it in yet.
    Waiting,
}

/// A finished import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    /// Its id.
    pub id: ImportId,
    /// Whose candles.
    pub instrument: Instrument,
    /// Where they come from.
    pub source: Source,
    /// Their period; coarser ones were rolled up.
    pub timeframe: Timeframe,
    /// What the candles speak of, on the grid of the timeframe: a period in it without a candle had no trade.
    pub covered: TimeRange,
    /// From when on it is known.
    pub place: Place,
    /// Its place in the order in which imports were begun: of one source, later ones are preferred to earlier ones.
    pub number: u64,
    /// The source's place in the configured order; [`UNRANKED`](Self::UNRANKED) where it is not in it.
    pub rank: u32,
}

impl Import {
    /// Rank of sources that are in no order: after all that are, by name.
    pub const UNRANKED: u32 = u32::MAX;

    /// Whether a reader at the instant knows the import. Before the instrument went live everything imported is
    /// known; from then on what was there before, and what its writer took in by then.
    pub fn is_known(&self, as_of: Timestamp, live_since: Option<Timestamp>) -> bool {
        live_since.is_none_or(|since| as_of < since)
            || match self.place {
                Place::Before => true,
                Place::At(stamp) => stamp <= as_of,
                Place::Waiting => false,
            }
    }

    /// The order in which imports are preferred, best first.
    pub fn precedence(&self) -> (u32, &Source, Reverse<u64>) {
        (self.rank, &self.source, Reverse(self.number))
    }
}

/// The numbers of a candle as a source gives them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportedValues {
    /// First price.
    pub open: Price,
    /// Highest price.
    pub high: Price,
    /// Lowest price.
    pub low: Price,
    /// Last price.
    pub close: Price,
    /// Volume in the base asset.
    pub volume: Quantity,
    /// Its part in which the taker bought, where the source says so.
    pub taker_buy_volume: Option<Quantity>,
    /// Number of trades, where the source says so.
    pub trade_count: Option<u64>,
}

/// A candle of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportedCandle {
    open_time: Timestamp,
    ohlcv: Ohlcv,
}

impl ImportedCandle {
    /// Validates a candle. It has no trades, so they are taken to fill the period: candles merge in time order.
    ///
    /// # Errors
    /// As [`Candle::closed`].
    pub fn try_new(
        timeframe: Timeframe,
        open_time: Timestamp,
        values: ImportedValues,
    ) -> Result<Self, Violations> {
        let ImportedValues { open, high, low, close, volume, taker_buy_volume, trade_count } = values;
        let key = |event_time| TradeKey { event_time, sequence: 0, index: 0 };
        let close_time = timeframe.close_time(open_time);
        let (first, last) = (key(open_time), key(close_time.plus(-1)));
        let ohlcv = Ohlcv { open, high, low, close, volume, taker_buy_volume, trade_count, first, last };
        Candle::imported(timeframe, open_time, ohlcv, close_time)?;
        Ok(Self { open_time, ohlcv })
    }

    /// Start of the period.
    pub fn open_time(&self) -> Timestamp {
        self.open_time
    }

    /// Prices and volume.
    pub fn ohlcv(&self) -> &Ohlcv {
        &self.ohlcv
    }

    /// Whether another candle says nothing that this one does not say: it is equal, apart from what is not known in it.
    pub fn is_repeated_by(&self, other: &Self) -> bool {
        let Ohlcv { taker_buy_volume, trade_count, .. } = other.ohlcv;
        let taker_buy_volume = taker_buy_volume.or(self.ohlcv.taker_buy_volume);
        let trade_count = trade_count.or(self.ohlcv.trade_count);
        *self == Self { ohlcv: Ohlcv { taker_buy_volume, trade_count, ..other.ohlcv }, ..*other }
    }
}

/// Rolls candles of an import up into a coarser timeframe: only periods that it speaks of as a whole.
///
/// # Errors
/// A violation when a volume needs more than 28 digits.
pub fn roll_up_covered<'a>(
    candles: impl IntoIterator<Item = &'a ImportedCandle>,
    covered: TimeRange,
    timeframe: Timeframe,
) -> Result<Vec<ImportedCandle>, Violations> {
    let mut candles: Vec<&ImportedCandle> = candles.into_iter().collect();
    candles.sort_by_key(|candle| candle.open_time);
    let mut roll_up = RollUp::new(covered, timeframe);
    let mut rolled = Vec::new();
    for candle in candles {
        rolled.extend(roll_up.add(candle)?);
    }
    rolled.extend(roll_up.end()?);
    Ok(rolled)
}

/// The same of candles that come one by one, in the order of their open times, in the memory of one.
#[derive(Debug)]
pub struct RollUp {
    timeframe: Timeframe,
    whole: TimeRange,
    /// The period that is being summed up.
    sum: Option<(Timestamp, Ohlcv)>,
}

impl RollUp {
    /// Of an import that speaks of `covered`, into a coarser timeframe.
    pub fn new(covered: TimeRange, timeframe: Timeframe) -> Self {
        Self { timeframe, whole: whole_periods(covered, timeframe), sum: None }
    }

    /// The timeframe it rolls up into.
    pub fn timeframe(&self) -> Timeframe {
        self.timeframe
    }

    /// Takes the next candle, and gives the period before where it begins another one.
    ///
    /// # Errors
    /// A violation when a volume needs more than 28 digits.
    pub fn add(&mut self, candle: &ImportedCandle) -> Result<Option<ImportedCandle>, Violations> {
        if !self.whole.contains(candle.open_time) {
            return Ok(None);
        }
        let open_time = self.timeframe.open_time(candle.open_time);
        if let Some((begun, sum)) = &mut self.sum
            && *begun == open_time
        {
            *sum = sum.merge(&candle.ohlcv).ok_or_else(|| overflow(&candle.ohlcv))?;
            return Ok(None);
        }
        let done = self.end()?;
        self.sum = Some((open_time, candle.ohlcv));
        Ok(done)
    }

    /// The last period.
    ///
    /// # Errors
    /// As [`ImportedCandle::try_new`].
    pub fn end(&mut self) -> Result<Option<ImportedCandle>, Violations> {
        let Some((open_time, ohlcv)) = self.sum.take() else { return Ok(None) };
        let Ohlcv { open, high, low, close, volume, taker_buy_volume, trade_count, first: _, last: _ } =
            ohlcv;
        let values = ImportedValues { open, high, low, close, volume, taker_buy_volume, trade_count };
        ImportedCandle::try_new(self.timeframe, open_time, values).map(Some)
    }
}

/// The periods of a timeframe that lie in the range as a whole; an empty range where none does.
pub fn whole_periods(range: TimeRange, timeframe: Timeframe) -> TimeRange {
    let start = timeframe.open_time(range.start().plus(timeframe.micros() - 1));
    let end = timeframe.open_time(range.end()).max(start);
    TimeRange::try_new(start, end).unwrap_or(range)
}

/// A candle as a reader finds it, with the position of its import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportedRow {
    /// Position of its import.
    pub import: usize,
    /// The candle.
    pub candle: ImportedCandle,
}

/// What is imported of an instrument, as far as an answer needs it: of several candles of one period the preferred one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Imported {
    imports: Vec<Import>,
    rows: [Vec<ImportedRow>; 6],
    context: Vec<ImportedRow>,
}

/// Consecutive rows of a section from one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRun {
    /// Where they come from.
    pub source: Source,
    /// Open of the first one.
    pub begin: Timestamp,
    /// Close of the last one.
    pub end: Timestamp,
}

/// Closed candles of one timeframe after the choice between what was made here and what was imported.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chosen {
    rows: Vec<Candle>,
    /// Of each row the position of its import; none where it was made here.
    imports: Vec<Option<usize>>,
}

impl Chosen {
    /// One candle a period, oldest first.
    pub fn rows(&self) -> &[Candle] {
        &self.rows
    }

    /// The same as a list of its own.
    pub fn into_rows(self) -> Vec<Candle> {
        self.rows
    }

    /// Whether the period that opens then has an imported candle.
    pub fn is_imported(&self, open_time: Timestamp) -> bool {
        let at = self.rows.partition_point(|row| row.open_time() < open_time);
        self.rows.get(at).is_some_and(|row| row.open_time() == open_time) && self.imports[at].is_some()
    }

    /// The runs of imported rows among the last `count`.
    fn runs(&self, imported: &Imported, count: usize) -> Vec<SourceRun> {
        let first = self.rows.len().saturating_sub(count);
        let mut runs: Vec<SourceRun> = Vec::new();
        let mut before = None;
        for (row, import) in self.rows[first..].iter().zip(&self.imports[first..]) {
            let source = import.map(|import| &imported.imports[import].source);
            match (runs.last_mut(), source) {
                (Some(run), Some(source)) if before == Some(source) => run.end = row.close_time(),
                (_, Some(source)) => {
                    let (begin, end) = (row.open_time(), row.close_time());
                    runs.push(SourceRun { source: source.clone(), begin, end });
                }
                (_, None) => {}
            }
            before = source;
        }
        runs
    }
}

impl Imported {
    /// Of candles of these imports, in any order: the last ones of each timeframe, and the seconds of a context window.
    pub fn new(imports: Vec<Import>, rows: [Vec<ImportedRow>; 6], context: Vec<ImportedRow>) -> Self {
        let mut timeframes = Timeframe::ALL.into_iter();
        let rows = rows.map(|rows| match timeframes.next() {
            Some(timeframe) => preferred(&imports, timeframe, rows),
            None => rows,
        });
        let context = preferred(&imports, Timeframe::S1, context);
        Self { imports, rows, context }
    }

    /// The same with another context window.
    #[must_use]
    pub fn with_context(&self, context: Vec<ImportedRow>) -> Self {
        let context = preferred(&self.imports, Timeframe::S1, context);
        Self { context, ..self.clone() }
    }

    /// The imports.
    pub fn imports(&self) -> &[Import] {
        &self.imports
    }

    /// Chooses one candle a period. In this order: one made here of trades that are all there (`covered` is what
    /// is proven of them), one imported in that timeframe, one rolled up from an import, by the order of sources
    /// and the later import first; at last one made here of trades of which some are missing. `derived` is sorted.
    pub fn choose(
        &self,
        timeframe: Timeframe,
        derived: &[Candle],
        covered: &Intervals,
        as_of: Timestamp,
    ) -> Chosen {
        self.choose_from(&self.rows[timeframe.index()], timeframe, derived, covered, as_of)
    }

    /// The same for the context window.
    pub fn choose_context(&self, derived: &[Candle], covered: &Intervals, as_of: Timestamp) -> Chosen {
        self.choose_from(&self.context, Timeframe::S1, derived, covered, as_of)
    }

    fn choose_from(
        &self,
        imported: &[ImportedRow],
        timeframe: Timeframe,
        derived: &[Candle],
        covered: &Intervals,
        as_of: Timestamp,
    ) -> Chosen {
        let capacity = derived.len() + imported.len();
        let mut chosen = Chosen { rows: Vec::with_capacity(capacity), imports: Vec::with_capacity(capacity) };
        let (mut derived, mut imported) = (derived.iter().peekable(), imported.iter().peekable());
        loop {
            let times = (
                derived.peek().map(|candle| candle.open_time()),
                imported.peek().map(|row| row.candle.open_time),
            );
            let (own, other) = match times {
                (None, None) => return chosen,
                (Some(own), Some(other)) => (own <= other, other <= own),
                (own, other) => (own.is_some(), other.is_some()),
            };
            let own = if own { derived.next() } else { None };
            let other = if other { imported.next() } else { None };
            let complete = |candle: &&Candle| covered.covers(candle.open_time(), candle.close_time());
            let (candle, import) = match (own, other) {
                (Some(own), Some(_)) if complete(&own) => (*own, None),
                (own, Some(row)) => {
                    let place = self.imports[row.import].place;
                    match (row.candle.as_candle(timeframe, place, as_of), own) {
                        (Some(candle), _) => (candle, Some(row.import)),
                        (None, Some(own)) => (*own, None),
                        (None, None) => continue,
                    }
                }
                (Some(own), None) => (*own, None),
                (None, None) => return chosen,
            };
            chosen.rows.push(candle);
            chosen.imports.push(import);
        }
    }

    /// The last `limit` closed candles of a choice, and the forming ones of periods that nothing else is known of.
    pub fn section(
        &self,
        chosen: &Chosen,
        limit: usize,
        forming: &[Candle],
        covered: &Intervals,
        end: Option<Timestamp>,
    ) -> CandleSection {
        let mut rows = chosen.rows[chosen.rows.len().saturating_sub(limit)..].to_vec();
        rows.extend(forming.iter().filter(|candle| !chosen.is_imported(candle.open_time())));
        CandleSection { sources: chosen.runs(self, limit), ..candle_section(rows, covered, end) }
    }

    /// What is known to be complete of the candles of a timeframe: what is proven of trades, and the whole
    /// periods of which imports speak.
    pub fn covered(&self, timeframe: Timeframe, trades: &Intervals) -> Intervals {
        let mut covered = trades.clone();
        for import in self.imports.iter().filter(|import| import.timeframe <= timeframe) {
            let whole = whole_periods(import.covered, timeframe);
            covered.add(whole.start(), whole.end());
        }
        covered
    }
}

/// One candle a period, in order.
fn preferred(imports: &[Import], timeframe: Timeframe, mut rows: Vec<ImportedRow>) -> Vec<ImportedRow> {
    let order = |row: &ImportedRow| {
        let import = &imports[row.import];
        (row.candle.open_time, import.timeframe != timeframe, import.precedence())
    };
    rows.sort_by(|a, b| order(a).cmp(&order(b)));
    rows.dedup_by_key(|row| row.candle.open_time);
    rows
}

impl ImportedCandle {
    /// As a row of an answer, known since its close or since its import was taken in.
    fn as_candle(&self, timeframe: Timeframe, place: Place, as_of: Timestamp) -> Option<Candle> {
        let close_time = timeframe.close_time(self.open_time);
        let known_from = match place {
            Place::At(stamp) if stamp <= as_of => stamp.max(close_time),
            _ => close_time,
        };
        Candle::imported(timeframe, self.open_time, self.ohlcv, known_from).ok()
    }
}
