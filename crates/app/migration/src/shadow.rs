//! Shadow reads: what the files of the old system say, beside what the store answers.
//!
//! Numbers are equal where the store's decimal rounds to the float that the file has: the old layout has no more.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Display;

use futures::TryStreamExt as _;
use futures::stream::BoxStream;
use onetape_domain::candle::{Candle, Ohlcv};
use onetape_domain::instrument::Instrument;
use onetape_domain::time::{TimeRange, Timeframe, Timestamp};
use onetape_domain::validator::UncheckedCandle;
use onetape_ports::{LegacyError, LegacyReading, LegacyRow, LegacySource};
use serde::Serialize;

use crate::presence::Presence;

/// Divergences of a file that are kept; all are counted.
pub const MAX_SHOWN: usize = 20;
/// Candles earlier than a file's first row that are counted.
pub const MAX_EARLIER: u64 = 1_000_000;
/// Candles that a file was found to lack and that are remembered: a file that is not in order may have them later.
const MAX_MISSING: usize = 100_000;

/// Why the store gave no answer.
pub type ReadsError = Box<dyn Error + Send + Sync>;

/// The reads that take the place of the old files: what a user of the store is answered.
pub trait Reads: Send + Sync {
    /// Closed candles that open in the range, as known now, oldest first.
    fn closed(
        &self,
        instrument: &Instrument,
        timeframe: Timeframe,
        range: TimeRange,
    ) -> BoxStream<'_, Result<Candle, ReadsError>>;
}

/// A file that is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShadowTarget {
    /// The file, from the folder on.
    pub path: String,
    /// Whose candles are in it.
    pub instrument: Instrument,
    /// Their period.
    pub timeframe: Timeframe,
}

/// Something that the two do not say alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Divergence {
    /// The row in the file, from 0 on; none of a candle that is not in it.
    pub row: Option<u64>,
    /// The candle's; none of a row that says none.
    pub open_time: Option<Timestamp>,
    /// What differs: a field, or `candle` where one of the two has none.
    pub field: String,
    /// What the file says.
    pub legacy: String,
    /// What the store says.
    pub store: String,
}

/// What came out of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShadowFile {
    /// The file, from the folder on.
    pub path: String,
    /// Whose candles are in it.
    pub instrument: Instrument,
    /// Their period.
    pub timeframe: Timeframe,
    /// Rows that were compared with a candle.
    pub compared: u64,
    /// Of them, those of which every value is the same, the first of each candle.
    pub equal: u64,
    /// Rows with another value than the store's.
    pub different: u64,
    /// Rows that say what the store says, of a candle that a row before them had already.
    pub doubled: u64,
    /// Rows whose candle the store does not have.
    pub not_in_store: u64,
    /// Candles of the store, between the earliest and the latest row, without a row.
    pub not_in_file: u64,
    /// Rows that say nothing: no time, or no numbers.
    pub unreadable: u64,
    /// Candles of the store later than the last row: how far the file is behind.
    pub behind: u64,
    /// Candles of the store earlier than every row, counted up to [`MAX_EARLIER`]: where the store knows more of the past.
    pub earlier: u64,
    /// Least open time compared.
    pub first: Option<Timestamp>,
    /// Greatest open time compared.
    pub last: Option<Timestamp>,
    /// The first divergences.
    pub divergences: Vec<Divergence>,
}

impl ShadowFile {
    /// How much the two do not say alike.
    pub fn diverging(&self) -> u64 {
        self.different + self.doubled + self.not_in_store + self.not_in_file + self.unreadable
    }
}

/// What came out of all files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ShadowReport {
    /// File by file.
    pub files: Vec<ShadowFile>,
    /// What is in the folder and was compared with nothing.
    pub left: Vec<ShadowLeft>,
}

/// Something in the folder that was compared with nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShadowLeft {
    /// Its path, from the folder on.
    pub path: String,
    /// Why.
    pub reason: String,
}

impl ShadowReport {
    /// Rows compared.
    pub fn compared(&self) -> u64 {
        self.files.iter().map(|file| file.compared).sum()
    }

    /// How much the two do not say alike.
    pub fn diverging(&self) -> u64 {
        self.files.iter().map(ShadowFile::diverging).sum()
    }
}

/// What kept the two from being compared.
#[derive(Debug, thiserror::Error)]
pub enum ShadowError {
    /// The old side cannot be read.
    #[error("the file cannot be read")]
    Legacy(#[from] LegacyError),
    /// The new side cannot be read.
    #[error("the store cannot be read")]
    Store(#[source] ReadsError),
}

/// Compares files with the store, row by row and value by value, in bounded memory: rows that open in the range, or all, as they
/// are read with these settings.
///
/// # Errors
/// The first file that cannot be read, and reads of the store that fail.
pub async fn shadow(
    source: &dyn LegacySource,
    reads: &dyn Reads,
    targets: &[ShadowTarget],
    range: Option<TimeRange>,
    reading: &LegacyReading,
) -> Result<ShadowReport, ShadowError> {
    let mut report = ShadowReport::default();
    for target in targets {
        report.files.push(compare(source, reads, target, range, reading).await?);
    }
    Ok(report)
}

async fn compare(
    source: &dyn LegacySource,
    reads: &dyn Reads,
    target: &ShadowTarget,
    range: Option<TimeRange>,
    reading: &LegacyReading,
) -> Result<ShadowFile, ShadowError> {
    let mut rows = source.rows(&target.path, 0, reading, 0);
    let mut comparison = Comparison::new(reads, target, range.unwrap_or(TimeRange::ALL));
    while let Some(batch) = rows.try_next().await? {
        for LegacyRow { number, open_time, candle } in batch {
            let time = open_time.map(Timestamp::from_micros);
            if time.is_none_or(|time| range.is_none_or(|range| range.contains(time))) {
                comparison.row(number, candle.map_err(|broken| broken.to_string())).await?;
            }
        }
    }
    comparison.finish().await
}

/// A file beside the store, on the way through both.
struct Comparison<'a> {
    reads: &'a dyn Reads,
    target: &'a ShadowTarget,
    range: TimeRange,
    /// Periods of which a row was read.
    seen: Presence,
    /// Where the file's first row is, and so where reading the store began.
    begun: Option<Timestamp>,
    /// Candles of the store from there on, and the next of them.
    candles: Option<BoxStream<'a, Result<Candle, ReadsError>>>,
    next: Option<Candle>,
    /// The greatest time of a row so far.
    greatest: Option<Timestamp>,
    /// Candles without a row so far.
    missing: BTreeSet<Timestamp>,
    found: ShadowFile,
}

impl<'a> Comparison<'a> {
    fn new(reads: &'a dyn Reads, target: &'a ShadowTarget, range: TimeRange) -> Self {
        let ShadowTarget { path, instrument, timeframe } = target.clone();
        let found = ShadowFile {
            path,
            instrument,
            timeframe,
            compared: 0,
            equal: 0,
            different: 0,
            doubled: 0,
            not_in_store: 0,
            not_in_file: 0,
            unreadable: 0,
            behind: 0,
            earlier: 0,
            first: None,
            last: None,
            divergences: Vec::new(),
        };
        let (seen, missing) = (Presence::default(), BTreeSet::new());
        let (begun, candles, next, greatest) = (None, None, None, None);
        Self { reads, target, range, seen, begun, candles, next, greatest, missing, found }
    }

    async fn row(&mut self, number: u64, row: Result<UncheckedCandle, String>) -> Result<(), ShadowError> {
        let row = match row {
            Ok(row) => row,
            Err(reason) => {
                self.found.unreadable += 1;
                self.diverges(Some(number), None, "row", reason, String::new());
                return Ok(());
            }
        };
        let time = Timestamp::from_micros(row.open_time);
        let candle = if self.greatest.is_none_or(|greatest| time > greatest) {
            self.greatest = Some(time);
            self.advance_to(time).await?
        } else {
            // Out of order, or one of several rows of a time.
            self.missing.remove(&time);
            self.one(time).await?
        };
        self.found.first = Some(self.found.first.map_or(time, |first| first.min(time)));
        self.found.last = self.found.last.max(Some(time));
        let Some(candle) = candle else {
            self.found.not_in_store += 1;
            self.diverges(Some(number), Some(time), "candle", "a row", "none");
            return Ok(());
        };
        self.found.compared += 1;
        let differing = differing(&row, candle.ohlcv());
        let is_first = self.seen.insert(self.target.timeframe, time);
        match (differing.is_empty(), is_first) {
            (true, true) => self.found.equal += 1,
            (true, false) => {
                self.found.doubled += 1;
                self.diverges(Some(number), Some(time), "candle", "another row", "one candle");
            }
            (false, _) => self.found.different += 1,
        }
        for (field, legacy, store) in differing {
            self.diverges(Some(number), Some(time), field, legacy, store);
        }
        Ok(())
    }

    /// The candle of a time later than all before; those between have no row so far.
    async fn advance_to(&mut self, time: Timestamp) -> Result<Option<Candle>, ShadowError> {
        if self.candles.is_none() {
            let Ok(range) = TimeRange::try_new(time, self.range.end()) else { return Ok(None) };
            self.begun = Some(time);
            self.candles = Some(self.closed(range));
            self.step().await?;
        }
        while let Some(next) = self.next.filter(|next| next.open_time() < time) {
            self.missing.insert(next.open_time());
            if self.missing.len() > MAX_MISSING {
                self.settle(MAX_MISSING / 2);
            }
            self.step().await?;
        }
        match self.next.filter(|next| next.open_time() == time) {
            Some(candle) => {
                self.step().await?;
                Ok(Some(candle))
            }
            None => Ok(None),
        }
    }

    async fn step(&mut self) -> Result<(), ShadowError> {
        self.next = match &mut self.candles {
            Some(candles) => candles.try_next().await.map_err(ShadowError::Store)?,
            None => None,
        };
        Ok(())
    }

    async fn one(&self, time: Timestamp) -> Result<Option<Candle>, ShadowError> {
        let Ok(range) = TimeRange::try_new(time, time.plus(1)) else { return Ok(None) };
        self.closed(range).try_next().await.map_err(ShadowError::Store)
    }

    /// What the store has of a stretch of time.
    fn closed(&self, range: TimeRange) -> BoxStream<'a, Result<Candle, ReadsError>> {
        self.reads.closed(&self.target.instrument, self.target.timeframe, range)
    }

    /// Counts the earliest of the candles without a row, all but so many.
    fn settle(&mut self, keep: usize) {
        while self.missing.len() > keep
            && let Some(time) = self.missing.pop_first()
        {
            self.found.not_in_file += 1;
            self.diverges(None, Some(time), "candle", "none", "a candle");
        }
    }

    async fn finish(mut self) -> Result<ShadowFile, ShadowError> {
        self.settle(0);
        while self.next.is_some() {
            self.found.behind += 1;
            self.step().await?;
        }
        let (start, end) = (self.range.start(), self.range.end());
        let Some(first) = self.found.first else {
            self.found.behind = self.count(start, end).await?;
            return Ok(self.found);
        };
        self.before(first).await?;
        self.found.earlier = self.count(start, first.min(end)).await?;
        Ok(self.found)
    }

    /// Looks for candles without a row between the earliest row and the file's first one, where that is another.
    async fn before(&mut self, first: Timestamp) -> Result<(), ShadowError> {
        let range = self.begun.and_then(|begun| TimeRange::try_new(first, begun).ok());
        let Some(mut candles) = range.map(|range| self.closed(range)) else { return Ok(()) };
        while let Some(candle) = candles.try_next().await.map_err(ShadowError::Store)? {
            if !self.seen.contains(self.target.timeframe, candle.open_time()) {
                self.found.not_in_file += 1;
                self.diverges(None, Some(candle.open_time()), "candle", "none", "a candle");
            }
        }
        Ok(())
    }

    /// How many candles the store has of a stretch of time, up to [`MAX_EARLIER`].
    async fn count(&self, from: Timestamp, to: Timestamp) -> Result<u64, ShadowError> {
        let Ok(range) = TimeRange::try_new(from, to) else { return Ok(0) };
        let (mut candles, mut count) = (self.closed(range), 0);
        while count < MAX_EARLIER && candles.try_next().await.map_err(ShadowError::Store)?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    fn diverges(
        &mut self,
        row: Option<u64>,
        open_time: Option<Timestamp>,
        field: &str,
        legacy: impl Into<String>,
        store: impl Into<String>,
    ) {
        if self.found.divergences.len() < MAX_SHOWN {
            let (field, legacy, store) = (field.to_owned(), legacy.into(), store.into());
            self.found.divergences.push(Divergence { row, open_time, field, legacy, store });
        }
    }
}

/// The fields in which a row and a candle differ, with what each says.
fn differing(row: &UncheckedCandle, ohlcv: &Ohlcv) -> Vec<(&'static str, String, String)> {
    let mut numbers: Vec<(&'static str, &dyn Display, &dyn Display)> = vec![
        ("open", &row.open, &ohlcv.open),
        ("high", &row.high, &ohlcv.high),
        ("low", &row.low, &ohlcv.low),
        ("close", &row.close, &ohlcv.close),
        ("volume", &row.volume, &ohlcv.volume),
    ];
    if let (Some(legacy), Some(store)) = (&row.taker_buy_volume, &ohlcv.taker_buy_volume) {
        numbers.push(("taker_buy_volume", legacy, store));
    }
    let mut differing = Vec::new();
    for (field, legacy, store) in numbers {
        let (legacy, store) = (legacy.to_string(), store.to_string());
        if legacy != store && nearest(&legacy) != nearest(&store) {
            differing.push((field, legacy, store));
        }
    }
    // The old layout says 0 where a number of trades is not known.
    if let (Some(legacy), Some(store)) = (row.trade_count.filter(|count| *count > 0), ohlcv.trade_count)
        && legacy != store
    {
        differing.push(("trade_count", legacy.to_string(), store.to_string()));
    }
    differing
}

/// The bits of the float nearest to a number; none of what is no number.
fn nearest(text: &str) -> Option<u64> {
    text.parse::<f64>().ok().map(f64::to_bits)
}
