//! One reading of everything there is of an instrument: checksums of all rows, and the rows into a target where one is
//! given.

use std::collections::BTreeSet;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use onetape_domain::imported::{Import, ImportedCandle, whole_periods};
use onetape_domain::instrument::Instrument;
use onetape_domain::time::{TimeRange, Timeframe, Timestamp};
use onetape_ports::{
    BookQuery, CandleQuery, ImportedQuery, Knowledge, LoadRows, MarketStore, RowStream, Selection,
    StoreError, SupersededQuery, TimeQuery,
};

use crate::digest::{Checksum, Columns};
use crate::manifest::{Day, Manifest, Parts, Section, ranges};
use crate::progress::Meter;
use crate::records::Record;

/// Rows between two looks at how far it has come.
const SHOW_EVERY: u64 = 10_000;
/// Periods of an import read at once.
const PERIODS: i64 = 10_000;

/// Which side failed.
#[derive(Debug)]
pub(crate) enum PassError {
    Read(StoreError),
    Load(StoreError),
}

/// What is read, and where the rows go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pass<'a> {
    pub(crate) store: &'a dyn MarketStore,
    pub(crate) instrument: &'a Instrument,
    /// The instant of knowledge: the clock, or the end of time of an instrument without one.
    pub(crate) as_of: Timestamp,
    /// With the numbers they have in the store.
    pub(crate) imports: &'a [Import],
    /// Rows go there.
    pub(crate) into: Option<&'a dyn MarketStore>,
    /// Only these.
    pub(crate) only: Option<&'a Parts>,
}

/// What a pass found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) manifest: Manifest,
    pub(crate) loaded: u64,
}

impl Pass<'_> {
    /// Current candles come before replaced ones, and everything in the order of its time.
    pub(crate) async fn run(self, meter: &mut Meter<'_>) -> Result<Found, PassError> {
        let sections = self.sections();
        let total: f64 = sections.iter().map(weight).sum();
        let (mut found, mut done) = (Found::default(), 0.0);
        for section in sections {
            let share = weight(&section);
            let mut scan = Scan {
                pass: self,
                section,
                found: &mut found,
                meter,
                from: done / total,
                to: (done + share) / total,
            };
            scan.section().await?;
            done += share;
        }
        Ok(found)
    }

    fn sections(&self) -> Vec<Section> {
        let mut sections: Vec<Section> = Timeframe::ALL.into_iter().map(Section::Candles).collect();
        sections.extend(Timeframe::ALL.into_iter().map(Section::Superseded));
        sections.extend([Section::Trades, Section::Books, Section::Imbalances, Section::Coverage]);
        for import in self.imports {
            let own = Timeframe::ALL.into_iter().filter(|timeframe| *timeframe >= import.timeframe);
            sections.extend(own.map(|timeframe| Section::Imported(import.id.clone(), timeframe)));
        }
        sections
    }
}

/// How much of the time a section takes, roughly.
fn weight(section: &Section) -> f64 {
    match section {
        Section::Candles(Timeframe::S1) => 10.0,
        Section::Trades | Section::Books => 30.0,
        Section::Imbalances | Section::Coverage => 10.0,
        Section::Imported(_, Timeframe::S1 | Timeframe::M1) => 2.0,
        _ => 0.5,
    }
}

/// The reading of one section.
struct Scan<'s, 'a, 'm> {
    pass: Pass<'a>,
    section: Section,
    found: &'s mut Found,
    meter: &'s mut Meter<'m>,
    /// Which part of the pass it is.
    from: f64,
    to: f64,
}

impl Scan<'_, '_, '_> {
    async fn section(&mut self) -> Result<(), PassError> {
        let store = self.pass.store;
        for range in self.ranges() {
            let by_time = self.by_time(range);
            match self.section.clone() {
                Section::Candles(timeframe) => {
                    let query = self.candles(timeframe, range);
                    self.rows(store.stream_candles(query), LoadRows::Candles).await?;
                }
                Section::Superseded(timeframe) => {
                    let (instrument, as_of) = (self.pass.instrument.clone(), self.pass.as_of);
                    let query = SupersededQuery { instrument, timeframe, range, as_of };
                    self.rows(store.stream_superseded(query), LoadRows::Superseded).await?;
                }
                Section::Trades => self.rows(store.stream_trades(by_time), LoadRows::Trades).await?,
                Section::Books => self.rows(store.stream_books(self.books(range)), LoadRows::Books).await?,
                Section::Imbalances => {
                    self.rows(store.stream_imbalances(by_time), LoadRows::Imbalances).await?;
                }
                Section::Coverage => {
                    self.rows(store.stream_coverage(by_time), LoadRows::Coverage).await?;
                }
                Section::Imported(id, timeframe) => {
                    let import = self.pass.imports.iter().find(|import| import.id == id);
                    let Some(import) = import else { continue };
                    let rows = imported(store, import, timeframe, range);
                    let wrap = |candles| LoadRows::Imported { id: id.clone(), timeframe, candles };
                    self.rows(rows, wrap).await?;
                }
            }
        }
        self.meter.show(self.section.to_string(), self.to);
        Ok(())
    }

    /// The log is selected by what its rows speak of, and not by when they were written: of it everything is read.
    fn ranges(&self) -> Vec<TimeRange> {
        match self.pass.only {
            None => vec![TimeRange::ALL],
            Some(parts) => match (&self.section, ranges(parts, &self.section)) {
                (Section::Coverage, ranges) if !ranges.is_empty() => vec![TimeRange::ALL],
                (_, ranges) => ranges,
            },
        }
    }

    fn candles(&self, timeframe: Timeframe, range: TimeRange) -> CandleQuery {
        CandleQuery {
            instrument: self.pass.instrument.clone(),
            timeframe,
            selection: Selection::Range(range),
            as_of: self.pass.as_of,
            knowledge: Knowledge::AsRecorded,
        }
    }

    fn by_time(&self, range: TimeRange) -> TimeQuery {
        let Pass { instrument, as_of, .. } = self.pass;
        TimeQuery { instrument: instrument.clone(), selection: Selection::Range(range), as_of }
    }

    fn books(&self, range: TimeRange) -> BookQuery {
        BookQuery {
            instrument: self.pass.instrument.clone(),
            selection: Selection::Range(range),
            as_of: self.pass.as_of,
            last_of_minute: false,
            superseded_partials: true,
        }
    }

    /// Reads a stream to its end.
    async fn rows<R: Record>(
        &mut self,
        mut rows: RowStream<'_, R>,
        wrap: impl Fn(Vec<R>) -> LoadRows,
    ) -> Result<(), PassError> {
        let wanted: Option<BTreeSet<Day>> = self.pass.only.map(|parts| {
            parts.iter().filter(|(section, _)| *section == self.section).map(|(_, day)| *day).collect()
        });
        let (mut pending, mut columns) = (Vec::new(), Columns::default());
        let mut current: Option<(Day, Checksum)> = None;
        let mut first = None;
        while let Some(row) = rows.try_next().await.map_err(PassError::Read)? {
            let day = Day::of(row.time());
            if wanted.as_ref().is_some_and(|wanted| !wanted.contains(&day)) {
                continue;
            }
            columns.clear();
            row.write(&mut columns);
            let checksum = match &mut current {
                Some((of, checksum)) if *of == day => checksum,
                before => {
                    if let Some((day, checksum)) = before.take() {
                        *self.found.manifest.part(&self.section, day) = checksum;
                    }
                    let known = *self.found.manifest.part(&self.section, day);
                    &mut before.insert((day, known)).1
                }
            };
            checksum.add(&columns);
            self.meter.rows += 1;
            if self.meter.rows.is_multiple_of(SHOW_EVERY) {
                self.show(*first.get_or_insert(row.time()), row.time());
            }
            if self.pass.into.is_some() {
                pending.push(row);
                if pending.len() >= R::BATCH {
                    self.load(wrap(std::mem::take(&mut pending)), R::BATCH).await?;
                }
            }
        }
        if let Some((day, checksum)) = current {
            *self.found.manifest.part(&self.section, day) = checksum;
        }
        let rest = pending.len();
        if rest > 0 { self.load(wrap(pending), rest).await } else { Ok(()) }
    }

    async fn load(&mut self, rows: LoadRows, count: usize) -> Result<(), PassError> {
        if let Some(target) = self.pass.into {
            target.load(self.pass.instrument, &rows).await.map_err(PassError::Load)?;
            self.found.loaded += count as u64;
        }
        Ok(())
    }

    /// Rows come in the order of their time, so that tells how far it is.
    fn show(&mut self, first: Timestamp, time: Timestamp) {
        let whole = self.pass.as_of.since(first).max(1) as f64;
        let done = (time.since(first) as f64 / whole).clamp(0.0, 1.0);
        self.meter.show(self.section.to_string(), self.from + (self.to - self.from) * done);
    }
}

/// The candles of an import, so many periods at a time.
pub(crate) fn imported<'a>(
    store: &'a dyn MarketStore,
    import: &'a Import,
    timeframe: Timeframe,
    range: TimeRange,
) -> RowStream<'a, ImportedCandle> {
    let whole = whole_periods(import.covered, timeframe);
    let end = range.end().min(whole.end());
    let read = move |from: Timestamp| async move {
        if from >= end {
            return Ok(None);
        }
        let to = from.plus(timeframe.micros() * PERIODS).min(end);
        let mut selections = [None; 6];
        selections[timeframe.index()] = TimeRange::try_new(from, to).ok().map(Selection::Range);
        let query = ImportedQuery {
            instrument: import.instrument.clone(),
            imports: vec![import.clone()],
            selections,
            closed_by: Timestamp::LATEST,
        };
        let mut found = store.imported(&query).await?;
        let mut rows = std::mem::take(&mut found[timeframe.index()]);
        rows.sort_by_key(|row| row.candle.open_time());
        let candles = rows.into_iter().map(|row| Ok(row.candle));
        Ok::<_, StoreError>(Some((stream::iter(candles), to)))
    };
    stream::try_unfold(range.start().max(whole.start()), read).try_flatten().boxed()
}
