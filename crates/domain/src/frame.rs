//! The as-of inference frame: assembled by one pure function from what a cache or a store holds at an
//! instant, so that both give the same bytes.

use std::collections::BTreeMap;
use std::sync::Arc;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};

use crate::book::BookSnapshot;
use crate::bucket::PriceBucket;
use crate::candle::{Candle, CandleState, Ohlcv, merge_into};
use crate::canonical;
use crate::coverage::{CoverageRow, CoverageState, Intervals, Stream};
use crate::imbalance::Imbalances;
use crate::imported::{Import, Imported, SourceRun};
use crate::indicator::{Closes, IndicatorSet, MAX_WINDOW};
use crate::instrument::Instrument;
use crate::quality::{Quality, Tier};
use crate::time::{SECOND, TimeRange, Timeframe, Timestamp};
use crate::trade::Trade;
use crate::violation::Violations;

/// Everything a store knows at an instant that a frame is made of. Rows are sorted, oldest first, and
/// all available at `as_of`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FrameParts {
    /// The last closed candles of each timeframe, by [`Timeframe::index`].
    pub candles: [Vec<Candle>; 6],
    /// Closes of the last [`crate::indicator::MAX_WINDOW`] closed candles of each timeframe, as
    /// [`indicator_input`] converts them.
    pub closes: [Arc<Closes>; 6],
    /// Trades at or after the close of the last closed 1 s candle, but for those summed up below.
    pub open_trades: Vec<Trade>,
    /// Sums of further such trades by their second. A store leaves it empty; a cache that keeps the sums as
    /// trades come saves its readers the work.
    pub open_seconds: BTreeMap<Timestamp, Ohlcv>,
    /// The last sampled book.
    pub book: Option<Arc<BookSnapshot>>,
    /// The last imbalance rows.
    pub imbalances: Vec<Imbalances>,
    /// The coverage log, or a part of it that proves the same from the earliest row above on.
    pub coverage: Vec<CoverageRow>,
    /// Closed 1 s candles of the context window.
    pub context: Vec<Candle>,
    /// The imports known at the instant, by number. Their candles are not among those above.
    pub imports: Arc<[Import]>,
    /// The candles of those imports, for [`assemble`]; neither store nor cache puts them here. With them
    /// `candles` must hold the last [`MAX_WINDOW`] of each timeframe, where there are that many.
    pub imported: Option<Arc<Imported>>,
}

/// A price as the indicators take it. Both cache and store must use this one conversion.
pub fn indicator_input(price: Decimal) -> f64 {
    price.to_f64().unwrap_or(f64::NAN)
}

impl FrameParts {
    /// Closed candles a timeframe must bring (where there are that many) for the forming ones of the
    /// next coarser to be derived: sixty seconds are the most an unfinished minute holds.
    pub const FORMING_ROWS: usize = 60;

    /// The forming candles of each timeframe, oldest first: those with a trade and no closed version.
    ///
    /// A coarser one is the sum of the finer closed ones since its own last close and the finer
    /// forming ones, all closed by the same watermark.
    ///
    /// # Errors
    /// A violation when a volume needs more than 28 digits.
    pub fn forming(&self) -> Result<[Vec<Candle>; 6], Violations> {
        let mut forming: [Vec<Candle>; 6] = Default::default();
        let mut finer: BTreeMap<Timestamp, Ohlcv> = BTreeMap::new();
        for timeframe in Timeframe::ALL {
            let index = timeframe.index();
            let closed_until = self.candles[index].last().map(Candle::close_time);
            let is_open = |time: Timestamp| closed_until.is_none_or(|until| time >= until);
            let mut periods = BTreeMap::new();
            if let Some(below) = timeframe.finer() {
                let closed = &self.candles[below.index()];
                let open = closed.iter().rev().take_while(|candle| is_open(candle.open_time()));
                for candle in open {
                    merge_into(&mut periods, timeframe.open_time(candle.open_time()), candle.ohlcv())?;
                }
                for (open_time, part) in &finer {
                    merge_into(&mut periods, timeframe.open_time(*open_time), part)?;
                }
            } else {
                periods.extend(self.open_seconds.iter().map(|(open_time, sum)| (*open_time, *sum)));
                for trade in self.open_trades.iter().filter(|trade| is_open(trade.key.event_time)) {
                    let open_time = timeframe.open_time(trade.key.event_time);
                    merge_into(&mut periods, open_time, &Ohlcv::of_trade(trade))?;
                }
            }
            for (open_time, ohlcv) in &periods {
                forming[index].push(Candle::forming(timeframe, *open_time, *ohlcv)?);
            }
            finer = periods;
        }
        Ok(forming)
    }

    /// The second the watermark had reached: one end for the quality of all sections.
    pub fn watermark_second(&self) -> Option<Timestamp> {
        let alive = self.coverage.iter().filter(|row| row.state == CoverageState::Alive);
        alive.map(|row| row.end.floor_second()).max()
    }

    /// What a stream's rows prove.
    pub fn covered(&self, stream: Stream) -> Intervals {
        Intervals::of_rows(self.coverage.iter().filter(|row| row.stream == stream))
    }

    /// What is known to be complete of the candles of each timeframe: by the stream of trades, and by imports.
    pub fn covered_candles(&self) -> [Intervals; 6] {
        let trades = self.covered(Stream::Trades);
        Timeframe::ALL.map(|timeframe| match &self.imported {
            Some(imported) => imported.covered(timeframe, &trades),
            None => trades.clone(),
        })
    }

    /// The end to which the completeness of candles is measured: the watermark's second; before the instrument
    /// went live, where there are imports, the instant itself.
    pub fn measured_to(&self, as_of: Timestamp) -> Option<Timestamp> {
        self.watermark_second().or_else(|| self.imported.is_some().then(|| as_of.floor_second()))
    }
}

/// Closed candles of one timeframe and, last, the forming ones, each told by its state.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CandleSection {
    /// Rows, oldest first.
    pub rows: Vec<Candle>,
    /// How complete they are.
    pub quality: Quality,
    /// Which of them were imported, and from where; the others were made here of trades.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<SourceRun>,
}

impl CandleSection {
    /// The closed ones.
    pub fn closed(&self) -> &[Candle] {
        let forming = self.rows.partition_point(|candle| candle.state() != CandleState::Forming);
        &self.rows[..forming]
    }

    /// Puts flat rows into the covered slots without trades, as [`fill_flat`] does, and measures anew. What
    /// retention took stays taken.
    pub fn fill_flat(&mut self, timeframe: Timeframe, slots: usize, covered: &Intervals, end: Timestamp) {
        let closed = self.closed();
        let mut rows = fill_flat(closed, timeframe, slots, covered, end);
        rows.extend_from_slice(&self.rows[closed.len()..]);
        let tier = self.quality.tier;
        let sources = std::mem::take(&mut self.sources);
        *self = CandleSection { sources, ..candle_section(rows, covered, Some(end)) };
        if tier == Tier::Expired {
            self.quality.tier = tier;
        }
    }
}

/// What the seed calls the metadata: decided by the route and the wall clock, so not canonical.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FrameMetadata {
    /// Where the frame came from.
    pub data_source: DataSource,
    /// Time the query took, in milliseconds.
    pub query_latency_ms: f64,
    /// The instant asked for; none for the latest.
    pub requested: Option<Timestamp>,
    /// Microseconds by which the last stamp lies behind the wall clock, where that is known.
    pub staleness_us: Option<i64>,
    /// The stamp lies further behind the wall clock than the caller's limit.
    pub stale: bool,
}

/// Route of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DataSource {
    /// The in-memory cache.
    Cache,
    /// The store.
    Database,
}

/// Complete inference data of an instrument at one instant.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InferenceDataFrame {
    /// Whose data it is.
    pub symbol: Instrument,
    /// The effective instant: nothing later is in the frame.
    pub as_of: Timestamp,
    /// 1 s candles.
    pub ohlcv_1s: CandleSection,
    /// 1 min candles.
    pub ohlcv_1m: CandleSection,
    /// 5 min candles.
    pub ohlcv_5m: CandleSection,
    /// 15 min candles.
    pub ohlcv_15m: CandleSection,
    /// 1 h candles.
    pub ohlcv_1h: CandleSection,
    /// 1 d candles.
    pub ohlcv_1d: CandleSection,
    /// The last sampled book.
    pub orderbook_snapshot: Option<Arc<BookSnapshot>>,
    /// Its price buckets, cheapest first.
    pub orderbook_1s_agg: Vec<PriceBucket>,
    /// Imbalances of the last seconds, oldest first.
    pub imbalances: Vec<Imbalances>,
    /// Indicators of each timeframe over its closed candles.
    pub indicators: BTreeMap<Timeframe, IndicatorSet>,
    /// Version of the indicator calculation.
    pub feature_version: u32,
    /// Closed 1 s candles of the context window before the instant.
    pub context_data: CandleSection,
    /// Quality of the book, its buckets and the imbalances; candles carry their own.
    pub quality: BTreeMap<String, Quality>,
    /// Route and timing; left out of the canonical form.
    #[serde(skip)]
    pub metadata: Option<FrameMetadata>,
}

impl InferenceDataFrame {
    /// The candles of a timeframe.
    pub fn candles(&self, timeframe: Timeframe) -> &CandleSection {
        match timeframe {
            Timeframe::S1 => &self.ohlcv_1s,
            Timeframe::M1 => &self.ohlcv_1m,
            Timeframe::M5 => &self.ohlcv_5m,
            Timeframe::M15 => &self.ohlcv_15m,
            Timeframe::H1 => &self.ohlcv_1h,
            Timeframe::D1 => &self.ohlcv_1d,
        }
    }

    /// Puts flat rows into the covered slots without trades, over the last `slots` slots of each
    /// timeframe, by what [`FrameParts::covered_candles`] proves up to `end`. The context window keeps its
    /// stored rows.
    pub fn fill_flat(&mut self, slots: usize, covered: &[Intervals; 6], end: Timestamp) {
        for timeframe in Timeframe::ALL {
            self.section_mut(timeframe).fill_flat(timeframe, slots, &covered[timeframe.index()], end);
        }
    }

    pub(crate) fn section_mut(&mut self, timeframe: Timeframe) -> &mut CandleSection {
        match timeframe {
            Timeframe::S1 => &mut self.ohlcv_1s,
            Timeframe::M1 => &mut self.ohlcv_1m,
            Timeframe::M5 => &mut self.ohlcv_5m,
            Timeframe::M15 => &mut self.ohlcv_15m,
            Timeframe::H1 => &mut self.ohlcv_1h,
            Timeframe::D1 => &mut self.ohlcv_1d,
        }
    }

    /// Each section's name and quality.
    pub fn qualities(&self) -> impl Iterator<Item = (String, &Quality)> {
        let candles = Timeframe::ALL.into_iter().map(|tf| (format!("ohlcv_{tf}"), &self.candles(tf).quality));
        let context = ("context_data".to_owned(), &self.context_data.quality);
        candles.chain([context]).chain(self.quality.iter().map(|(name, quality)| (name.clone(), quality)))
    }

    /// The canonical text: equal for equal knowledge, whatever route it took.
    pub fn to_canonical_json(&self) -> String {
        canonical::to_string(self).unwrap_or_default()
    }
}

/// What a frame is to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameShape {
    /// Closed candles a timeframe.
    pub candles: usize,
    /// Length of the context window in microseconds.
    pub context_window: i64,
    /// Imbalance rows.
    pub imbalances: usize,
}

impl FrameShape {
    /// 100 candles a timeframe, 60 imbalance rows, five minutes of context.
    pub const DEFAULT: Self = Self { candles: 100, context_window: 300 * SECOND, imbalances: 60 };
}

impl Default for FrameShape {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Assembles the frame of `instrument` at `as_of`.
///
/// # Errors
/// A violation when the parts contradict each other or a volume needs more than 28 digits.
pub fn assemble(
    instrument: Instrument,
    as_of: Timestamp,
    shape: FrameShape,
    parts: FrameParts,
) -> Result<InferenceDataFrame, Violations> {
    let (end, candles_to) = (parts.watermark_second(), parts.measured_to(as_of));
    let [trades, book] = Stream::ALL.map(|stream| parts.covered(stream));
    let forming = parts.forming()?;
    let FrameParts { mut candles, mut closes, book: snapshot, mut imbalances, context, imported, .. } = parts;
    let mut section = |timeframe: Timeframe| {
        let index = timeframe.index();
        let mut rows = std::mem::take(&mut candles[index]);
        if let Some(imported) = &imported {
            let chosen = imported.choose(timeframe, &rows, &trades, as_of);
            closes[index] = Arc::new(closes_of(chosen.rows()).into());
            let covered = imported.covered(timeframe, &trades);
            return imported.section(&chosen, shape.candles, &forming[index], &covered, candles_to);
        }
        rows.drain(..rows.len().saturating_sub(shape.candles));
        rows.extend_from_slice(&forming[index]);
        candle_section(rows, &trades, end)
    };
    let sections = Timeframe::ALL.map(&mut section);
    let context_data = match &imported {
        Some(imported) => {
            let chosen = imported.choose_context(&context, &trades, as_of);
            let covered = imported.covered(Timeframe::S1, &trades);
            imported.section(&chosen, chosen.rows().len(), &[], &covered, candles_to)
        }
        None => candle_section(context, &trades, end),
    };
    let indicators = Timeframe::ALL.into_iter().map(|tf| (tf, closes[tf.index()].indicators())).collect();
    imbalances.drain(..imbalances.len().saturating_sub(shape.imbalances));
    let book_quality = book_quality(snapshot.as_deref(), &book, end);
    let imbalance_quality = imbalances.first().map_or(Quality::NO_DATA, |first| {
        let last = imbalances.last().map_or(first.second, |row| row.second.plus(SECOND));
        // A row exists only for a wholly covered second, which the log may say half a second later.
        let mut covered = book.clone();
        imbalances.iter().for_each(|row| covered.add(row.second, row.second.plus(SECOND)));
        Quality::measure(&covered, first.second, end.map_or(last, |end| end.max(last)), 0)
    });
    let quality = BTreeMap::from([
        ("orderbook_snapshot".to_owned(), book_quality.clone()),
        ("orderbook_1s_agg".to_owned(), book_quality),
        ("imbalances".to_owned(), imbalance_quality),
    ]);
    let [ohlcv_1s, ohlcv_1m, ohlcv_5m, ohlcv_15m, ohlcv_1h, ohlcv_1d] = sections;
    Ok(InferenceDataFrame {
        symbol: instrument,
        as_of,
        ohlcv_1s,
        ohlcv_1m,
        ohlcv_5m,
        ohlcv_15m,
        ohlcv_1h,
        ohlcv_1d,
        orderbook_1s_agg: snapshot.as_deref().map(PriceBucket::of).unwrap_or_default(),
        orderbook_snapshot: snapshot,
        imbalances,
        indicators,
        feature_version: crate::indicator::FEATURE_VERSION,
        context_data,
        quality,
        metadata: None,
    })
}

/// Measures candles from the first row's open to the watermark's second.
pub fn candle_section(rows: Vec<Candle>, covered: &Intervals, end: Option<Timestamp>) -> CandleSection {
    let quality = match (rows.first(), end) {
        (Some(first), Some(end)) => {
            let revision = rows.iter().map(Candle::revision).max().unwrap_or(0);
            Quality::measure(covered, first.open_time(), end, revision)
        }
        _ => Quality::NO_DATA,
    };
    CandleSection { rows, quality, sources: Vec::new() }
}

/// What the indicators are calculated of: the closes of the last [`MAX_WINDOW`] of these candles.
fn closes_of(closed: &[Candle]) -> Vec<f64> {
    let window = &closed[closed.len().saturating_sub(MAX_WINDOW)..];
    window.iter().map(|candle| indicator_input(candle.ohlcv().close.get())).collect()
}

/// Measures from the sampled second to the watermark's second. A second the watermark has not passed
/// yet counts as covered when its sample says so, or, unfinished, when all before it is.
pub fn book_quality(snapshot: Option<&BookSnapshot>, covered: &Intervals, end: Option<Timestamp>) -> Quality {
    let Some(snapshot) = snapshot else {
        return Quality::NO_DATA;
    };
    let second = snapshot.second();
    let proven =
        snapshot.flags().covered || (snapshot.flags().partial && covered.covers(second.plus(-1), second));
    match end.filter(|end| *end > second) {
        Some(end) => Quality::measure(covered, second, end, 0),
        None if proven => Quality::full(),
        None => Quality::NO_DATA,
    }
}

/// Fills the covered slots without trades with flat rows at the previous close, over the last `slots`
/// slots of the grid that ended by `end`. Slots that are not covered stay absent.
pub fn fill_flat(
    closed: &[Candle],
    timeframe: Timeframe,
    slots: usize,
    covered: &Intervals,
    end: Timestamp,
) -> Vec<Candle> {
    let length = timeframe.micros();
    let last_close = timeframe.open_time(end);
    let span = length.saturating_mul(i64::try_from(slots).unwrap_or(i64::MAX));
    let first_open = last_close.plus(-span).max(timeframe.open_time(Timestamp::EARLIEST));
    let before = closed.partition_point(|candle| candle.open_time() < first_open);
    let mut previous = before.checked_sub(1).map(|at| closed[at].ohlcv().close);
    let mut rest = closed[before..].iter().peekable();
    let mut rows = Vec::new();
    let mut open_time = first_open;
    while open_time < last_close {
        if let Some(candle) = rest.next_if(|candle| candle.open_time() == open_time) {
            previous = Some(candle.ohlcv().close);
            rows.push(*candle);
        } else if let Some(close) = previous
            && covered.covers(open_time, open_time.plus(length))
        {
            rows.push(Candle::fill(timeframe, open_time, close, true));
        }
        open_time = open_time.plus(length);
    }
    rows
}

/// The context window `[as_of − window, as_of)`.
pub fn context_range(as_of: Timestamp, window: i64) -> TimeRange {
    TimeRange::try_new(as_of.plus(-window.max(0)), as_of).unwrap_or(TimeRange::ALL)
}
