//! Candles from elsewhere: published by a venue, or kept in files. They stay apart from those made here of
//! trades, each with its source, and are chosen between when an answer is assembled.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::candle::{Candle, Ohlcv};
use crate::coverage::Intervals;
use crate::decimal::{Price, Quantity};
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
    let whole = whole_periods(covered, timeframe);
    let inside = candles.into_iter().filter(|candle| whole.contains(candle.open_time));
    let rolled = crate::candle::roll_up(inside.map(|candle| (candle.open_time, &candle.ohlcv)), timeframe)?;
    let candle = |(open_time, ohlcv): (Timestamp, Ohlcv)| {
        let Ohlcv { open, high, low, close, volume, taker_buy_volume, trade_count, first: _, last: _ } =
            ohlcv;
        let values = ImportedValues { open, high, low, close, volume, taker_buy_volume, trade_count };
        ImportedCandle::try_new(timeframe, open_time, values)
    };
    rolled.into_iter().map(candle).collect()
}

/// The periods of a timeframe that lie in the range as a whole; an empty range where none does.
pub fn whole_periods(range: TimeRange, timeframe: Timeframe) -> TimeRange {
    let start = timeframe.open_time(range.start().plus(timeframe.micros() - 1));
    let end = timeframe.open_time(range.end()).max(start);
    TimeRange::try_new(start, end).unwrap_or(range)
}

/// A candle as a reader finds it, with the place of its import in [`Imported::imports`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportedRow {
    /// Position of its import.
    pub import: usize,
    /// The candle.
    pub candle: ImportedCandle,
}

/// What is imported of an instrument, as far as an answer needs it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Imported {
    /// The imports known at the instant.
    pub imports: Vec<Import>,
    /// The last candles of each timeframe that had closed by then, of every import; in any order.
    pub rows: [Vec<ImportedRow>; 6],
    /// 1 s candles of the context window, likewise.
    pub context: Vec<ImportedRow>,
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
    /// One candle a period, oldest first.
    pub rows: Vec<Candle>,
    /// By open time, the source of those that were imported.
    pub sources: BTreeMap<Timestamp, Source>,
}

impl Chosen {
    /// The runs of imported rows among those given, which must be some of [`rows`](Self::rows).
    pub fn runs(&self, rows: &[Candle]) -> Vec<SourceRun> {
        let mut runs: Vec<SourceRun> = Vec::new();
        let mut follows = false;
        for row in rows {
            let source = self.sources.get(&row.open_time());
            match (runs.last_mut().filter(|_| follows), source) {
                (Some(run), Some(source)) if run.source == *source => run.end = row.close_time(),
                (_, Some(source)) => {
                    let (begin, end) = (row.open_time(), row.close_time());
                    runs.push(SourceRun { source: source.clone(), begin, end });
                }
                (_, None) => {}
            }
            follows = source.is_some();
        }
        runs
    }
}

impl Imported {
    /// Chooses one candle a period. In this order: one made here of trades that are all there (`covered` is what
    /// is proven of them), one imported in that timeframe, one rolled up from an import, by the order of sources
    /// and the later import first; at last one made here of trades of which some are missing.
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
        rows: &[ImportedRow],
        timeframe: Timeframe,
        derived: &[Candle],
        covered: &Intervals,
        as_of: Timestamp,
    ) -> Chosen {
        let order = |row: &ImportedRow| {
            let import = &self.imports[row.import];
            (import.timeframe != timeframe, import.precedence())
        };
        let mut best: BTreeMap<Timestamp, &ImportedRow> = BTreeMap::new();
        for row in rows {
            let kept = best.entry(row.candle.open_time).or_insert(row);
            if order(row) < order(kept) {
                *kept = row;
            }
        }
        let mut chosen: BTreeMap<Timestamp, Candle> =
            derived.iter().map(|candle| (candle.open_time(), *candle)).collect();
        let mut sources = BTreeMap::new();
        for (open_time, row) in best {
            if chosen.contains_key(&open_time) && covered.covers(open_time, timeframe.close_time(open_time)) {
                continue;
            }
            let import = &self.imports[row.import];
            if let Some(candle) = row.candle.as_candle(timeframe, import.place, as_of) {
                chosen.insert(open_time, candle);
                sources.insert(open_time, import.source.clone());
            }
        }
        Chosen { rows: chosen.into_values().collect(), sources }
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
