//! Rows of files beside the candles of the store.

use std::collections::BTreeMap;

use futures::{StreamExt as _, TryStreamExt as _, join};
use onetape_domain::imported::ImportedCandle;
use onetape_domain::instrument::Instrument;
use onetape_domain::manifest::{ColumnSums, PlannedPart, PlannedTable, TableProgress};
use onetape_domain::time::{TimeRange, Timeframe, Timestamp};
use onetape_ports::{LegacyReading, LegacyRows, LegacySource, differences};

use crate::batch::candle_of;
use crate::error::MigrationError;
use crate::manager::DataMigrationManager;
use crate::presence::Presence;
use crate::progress::{Progress, Step, Watcher, fraction};
use crate::settings::{ConflictPolicy, Settings};
use crate::table::{BATCH_ROWS, Ended, KnownFiles};
use crate::verification::{Difference, MAX_DIFFERENCES};

/// Candles of the store that are asked for one by one in a call.
const POINTS: usize = 8_192;
/// Periods of a stretch of time that are read for each row in it; where more lie between rows, they are asked for one by one.
const STRETCH: i64 = 4;

/// What differs: all counted, the first kept.
#[derive(Debug, Default)]
pub(crate) struct Differences {
    pub(crate) count: u64,
    pub(crate) first: Vec<Difference>,
}

impl Differences {
    pub(crate) fn add(&mut self, difference: Difference) {
        self.count += 1;
        if self.first.len() < MAX_DIFFERENCES {
            self.first.push(difference);
        }
    }
}

/// The tables of an instrument and a timeframe, compared one after another.
pub(crate) struct Comparison<'a, 'w> {
    pub(crate) manager: &'a DataMigrationManager,
    pub(crate) source: &'a dyn LegacySource,
    pub(crate) settings: &'a Settings,
    pub(crate) reading: LegacyReading,
    pub(crate) files: &'a mut KnownFiles,
    pub(crate) timeframe: Timeframe,
    pub(crate) parts: &'a [&'a PlannedPart],
    /// Periods of which a row was read.
    pub(crate) seen: Presence,
    /// Those of which a row is what is stored.
    pub(crate) met: Presence,
    /// Those whose last row says something else than what is stored, where the last one counts.
    pub(crate) wrong: Presence,
    /// The first of them.
    pub(crate) late: BTreeMap<Timestamp, Difference>,
    pub(crate) differences: &'a mut Differences,
    pub(crate) watch: &'a mut Watcher<'w>,
    /// Rows of all tables so far.
    pub(crate) rows: u64,
    pub(crate) total: u64,
}

/// Rows that are compared at once.
#[derive(Default)]
struct Chunk {
    candles: Vec<(u64, ImportedCandle)>,
    rows: u64,
    invalid: u64,
}

impl Comparison<'_, '_> {
    /// Compares a table; one that cannot be read any more is a difference.
    pub(crate) async fn table(
        &mut self,
        table: &PlannedTable,
        recorded: &TableProgress,
    ) -> Result<(), MigrationError> {
        match self.rows_of(table, recorded).await {
            Ok(()) => Ok(()),
            Err(Ended::Table(reason)) => {
                let (path, name) = (table.path.clone(), table.name.clone());
                self.differences.add(Difference::Table { path, name, reason });
                Ok(())
            }
            Err(Ended::Everything(error)) => Err(error),
        }
    }

    async fn rows_of(&mut self, table: &PlannedTable, recorded: &TableProgress) -> Result<(), Ended> {
        let source = self.source;
        let number = self.files.find(source, table, &self.reading).await?;
        let reading = self.reading.clone();
        let mut rows = source.rows(&table.path, number, &reading, 0);
        let (mut sums, mut count, mut invalid) = (ColumnSums::default(), 0, 0);
        let mut next = read(&mut rows, self.timeframe).await?;
        while next.rows > 0 {
            let chunk = next;
            let (stored, after) = join!(self.stored(&chunk), read(&mut rows, self.timeframe));
            let stored = stored?;
            count += chunk.rows;
            invalid += chunk.invalid;
            for (row, candle) in &chunk.candles {
                sums.add(candle);
                let at = stored.binary_search_by_key(&candle.open_time(), ImportedCandle::open_time);
                self.compare(table, *row, candle, at.ok().map(|at| &stored[at]));
            }
            self.rows += chunk.rows;
            let fraction = fraction(self.rows, self.total);
            let progress =
                Progress { step: Step::Comparing, subject: &table.path, rows: self.rows, fraction };
            if (self.watch)(&progress).is_break() {
                return Err(MigrationError::Stopped.into());
            }
            next = after?;
        }
        let same = (count, invalid) == (recorded.rows_read, recorded.invalid);
        let differing = ColumnSums::COLUMNS.iter().zip(sums.0.iter().zip(recorded.sums.0));
        let differing: Vec<&str> =
            differing.filter(|(_, (now, then))| **now != *then).map(|(name, _)| *name).collect();
        if !differing.is_empty() {
            return Err(Ended::Table(format!(
                "the checksums of {} are not those recorded",
                differing.join(", ")
            )));
        }
        if !same {
            return Err(Ended::Table(format!(
                "it has {count} rows, {invalid} of them invalid; recorded are {} and {}",
                recorded.rows_read, recorded.invalid
            )));
        }
        Ok(())
    }

    /// What the store has of the periods of these rows, and perhaps of others between them, oldest first.
    async fn stored(&self, chunk: &Chunk) -> Result<Vec<ImportedCandle>, MigrationError> {
        let mut times: Vec<Timestamp> = chunk.candles.iter().map(|(_, candle)| candle.open_time()).collect();
        if !times.is_sorted() {
            times.sort_unstable();
        }
        times.dedup();
        let (mut stored, mut rest) = (Vec::with_capacity(times.len()), times.as_slice());
        for part in self.parts {
            let (own, after) = rest.split_at(rest.partition_point(|time| *time < part.covered.end()));
            rest = after;
            let (Some(first), Some(last)) = (own.first(), own.last()) else { continue };
            let periods = last.since(*first) / self.timeframe.micros() + 1;
            let range = TimeRange::try_new(*first, self.timeframe.close_time(*last));
            let doing = || format!("reading {}", part.id);
            match range {
                Ok(range) if periods <= STRETCH * own.len() as i64 => {
                    let read = || async {
                        self.manager.manifests.stream_import(&part.id, range).try_collect::<Vec<_>>().await
                    };
                    stored.extend(self.manager.patient.call(doing, read).await?);
                }
                _ => {
                    for points in own.chunks(POINTS) {
                        let read = || self.manager.manifests.import_at(&part.id, points);
                        let mut found = self.manager.patient.call(doing, read).await?;
                        found.sort_unstable_by_key(ImportedCandle::open_time);
                        stored.extend(found);
                    }
                }
            }
        }
        Ok(stored)
    }

    fn compare(
        &mut self,
        table: &PlannedTable,
        row: u64,
        candle: &ImportedCandle,
        stored: Option<&ImportedCandle>,
    ) {
        let (timeframe, time) = (self.timeframe, candle.open_time());
        let is_first = self.seen.insert(timeframe, time);
        if stored == Some(candle) {
            self.met.insert(timeframe, time);
        }
        let is_said = stored.is_some_and(|stored| stored.is_repeated_by(candle));
        match self.settings.on_conflict {
            ConflictPolicy::KeepFirst if !is_first => {}
            ConflictPolicy::KeepFirst | ConflictPolicy::Refuse if is_said => {}
            ConflictPolicy::KeepFirst | ConflictPolicy::Refuse => {
                self.differences.add(differing(table, row, candle, stored));
                // Told once.
                self.met.insert(timeframe, time);
            }
            ConflictPolicy::KeepLast if is_said => {
                self.wrong.remove(timeframe, time);
                self.late.remove(&time);
            }
            ConflictPolicy::KeepLast => {
                self.wrong.insert(timeframe, time);
                if self.late.len() < MAX_DIFFERENCES || self.late.contains_key(&time) {
                    self.late.insert(time, differing(table, row, candle, stored));
                }
            }
        }
    }

    /// Takes note of rows that count and are not what is stored, and of what is stored and no row says as a whole; returns the
    /// periods of which a row was read.
    pub(crate) fn finish(mut self, instrument: &Instrument) -> Presence {
        self.differences.count += self.wrong.len() - self.late.len() as u64;
        for difference in self.late.into_values() {
            self.differences.add(difference);
        }
        self.met.merge(self.wrong);
        for open_time in self.seen.without(&self.met, self.timeframe) {
            let (instrument, timeframe) = (instrument.clone(), self.timeframe);
            self.differences.add(Difference::Unsaid { instrument, timeframe, open_time });
        }
        self.seen
    }
}

fn differing(
    table: &PlannedTable,
    row: u64,
    candle: &ImportedCandle,
    stored: Option<&ImportedCandle>,
) -> Difference {
    let (path, name, open_time) = (table.path.clone(), table.name.clone(), candle.open_time());
    match stored {
        None => Difference::Missing { path, name, row, open_time },
        Some(stored) => {
            Difference::Values { path, name, row, open_time, fields: differences(stored, candle) }
        }
    }
}

async fn read(rows: &mut LegacyRows<'_>, timeframe: Timeframe) -> Result<Chunk, Ended> {
    let mut chunk = Chunk::default();
    while chunk.rows < BATCH_ROWS
        && let Some(read) = rows.next().await
    {
        for row in read.map_err(|error| Ended::of(&error))? {
            chunk.rows += 1;
            match candle_of(timeframe, row.candle) {
                Ok(candle) => chunk.candles.push((row.number, candle)),
                Err(_) => chunk.invalid += 1,
            }
        }
    }
    Ok(chunk)
}
