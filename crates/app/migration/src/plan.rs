//! What would be taken in, found out by reading everything once and changing nothing.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::error::Error as _;

use futures::StreamExt as _;
use onetape_domain::canonical;
use onetape_domain::imported::ImportId;
use onetape_domain::instrument::Instrument;
use onetape_domain::manifest::{
    Decision, Left, MAX_PARTS, MAX_TABLES, NewRun, PlannedPart, PlannedTable, RunId,
};
use onetape_domain::time::{Timeframe, Timestamp};
use onetape_domain::violation::Violations;
use onetape_ports::{
    LegacyEntry, LegacyError, LegacyErrorKind, LegacyLeft, LegacyListing, LegacySource, LegacyTable,
    with_causes,
};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::batch::candle_of;
use crate::error::MigrationError;
use crate::holes::{Holes, RefusedRows};
use crate::presence::Presence;
use crate::progress::{Progress, Step, Watcher, fraction};
use crate::report::is_refusal;
use crate::settings::PlanOptions;

/// Invalid rows of a table that a plan shows.
const SHOWN: usize = 5;

/// What would be taken in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The run that it would be.
    pub run: NewRun,
    /// What was found in each of its tables.
    pub found: Vec<Found>,
    /// What is in the folder and is not read: links, hidden files, folders that cannot be listed. It is no part of the run.
    pub left: Vec<LegacyLeft>,
}

/// What was found in a table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Rows that are candles.
    pub candles: u64,
    /// Rows that are none.
    pub invalid: u64,
    /// Candles of times that the table, or one that counts before it, has already.
    pub repeated: u64,
    /// Least open time of its candles.
    pub first: Option<Timestamp>,
    /// Greatest open time.
    pub last: Option<Timestamp>,
    /// Whether it counts trades.
    pub counts_trades: bool,
    /// Columns that candles do without.
    pub unused: Vec<String>,
    /// The first invalid rows with their reasons.
    pub problems: Vec<Problem>,
}

/// An invalid row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Its place in the table, from 0 on.
    pub row: u64,
    /// Each reason with field and value.
    pub reasons: Violations,
}

/// A table on the way into a plan.
struct Looked {
    table: PlannedTable,
    found: Found,
    periods: Presence,
    refused: RefusedRows,
}

/// Reads a folder and plans its import. Nothing is changed anywhere.
///
/// # Errors
/// Where the folder cannot be listed, has too many tables, or holes divide candles into too many parts; a file that cannot be
/// read is in the plan with its reason. [`MigrationError::Stopped`] where the watcher says so.
pub async fn plan(
    source: &dyn LegacySource,
    options: &PlanOptions,
    watch: &mut Watcher<'_>,
) -> Result<Plan, MigrationError> {
    let origin = || options.origin.clone();
    let listing =
        source.files().await.map_err(|source| MigrationError::Origin { origin: origin(), source })?;
    let LegacyListing { files, mut left } = listing;
    left.retain(|left| !options.excludes(&left.path));
    let total = files.iter().map(|file| file.bytes).sum();
    let mut planner = Planner { source, options, watch, total, before: 0, rows: 0, looked: Vec::new() };
    for file in &files {
        planner.look_at(file).await?;
        planner.before += file.bytes;
    }
    let mut looked = planner.looked;
    // Stable: the tables of a file keep their order.
    looked.sort_by(|a, b| precedence(a).cmp(&precedence(b)));
    let mut periods = BTreeMap::<(Instrument, Timeframe), (Presence, Holes)>::new();
    for Looked { table, found, periods: own, refused } in &mut looked {
        if let Decision::Take { instrument, timeframe } = &table.decision {
            let (all, holes) = periods.entry((instrument.clone(), *timeframe)).or_default();
            found.repeated += all.merge(std::mem::take(own));
            holes.merge(std::mem::take(refused).finish());
        }
    }
    let (tables, found): (Vec<_>, Vec<_>) = looked.into_iter().map(|one| (one.table, one.found)).unzip();
    let settings = canonical::to_string(&options.settings).unwrap_or_default();
    let id = match &options.name {
        Some(name) => name.clone(),
        None => derived(options, &settings, &tables)?,
    };
    let parts = parts(&id, options, &periods)?;
    let run = NewRun { id, origin: origin(), source: options.source.clone(), settings, tables, parts };
    Ok(Plan { run, found, left })
}

/// The order of tables: those that count trades come first, then formats that keep values best, then paths.
fn precedence(looked: &Looked) -> (Reverse<bool>, usize, &str) {
    let PlannedTable { format, path, .. } = &looked.table;
    let formats = ["parquet", "feather", "pickle", "csv", "json"];
    let format = formats.iter().position(|known| known == format).unwrap_or(formats.len());
    (Reverse(looked.found.counts_trades), format, path)
}

/// A name that the same tables and settings give again, wherever the folder is.
fn derived(options: &PlanOptions, settings: &str, tables: &[PlannedTable]) -> Result<RunId, MigrationError> {
    let everything = canonical::to_string(&(&options.source, settings, tables)).unwrap_or_default();
    let digest = Sha256::digest(everything.as_bytes());
    let hex: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    RunId::try_new(&format!("import-{hex}")).map_err(MigrationError::Name)
}

fn parts(
    id: &RunId,
    options: &PlanOptions,
    periods: &BTreeMap<(Instrument, Timeframe), (Presence, Holes)>,
) -> Result<Vec<PlannedPart>, MigrationError> {
    let mut parts = Vec::new();
    for ((instrument, timeframe), (periods, holes)) in periods {
        let most = options.max_parts.min(MAX_PARTS - parts.len());
        let stretches = periods.stretches(*timeframe, &options.settings.holes, holes, most);
        if stretches.len() > most {
            let (instrument, timeframe) = (instrument.clone(), *timeframe);
            return Err(MigrationError::TooManyParts { instrument, timeframe, most });
        }
        for covered in stretches {
            let id = ImportId::try_new(&format!("{id}/{}", parts.len() + 1)).map_err(MigrationError::Name)?;
            parts.push(PlannedPart { id, instrument: instrument.clone(), timeframe: *timeframe, covered });
        }
    }
    Ok(parts)
}

struct Planner<'a, 'w> {
    source: &'a dyn LegacySource,
    options: &'a PlanOptions,
    watch: &'a mut Watcher<'w>,
    /// Bytes of all files.
    total: u64,
    /// Bytes of those that were looked at.
    before: u64,
    rows: u64,
    looked: Vec<Looked>,
}

impl Planner<'_, '_> {
    async fn look_at(&mut self, file: &LegacyEntry) -> Result<(), MigrationError> {
        self.show(file, 0.0)?;
        let mut table = PlannedTable {
            path: file.path.clone(),
            name: String::new(),
            format: String::new(),
            bytes: file.bytes,
            sha256: String::new(),
            rows: 0,
            decision: leave(Left::Excluded, "it was left out when the import was planned"),
        };
        if self.options.excludes(&file.path) {
            return self.take_note(table, Found::default());
        }
        match self.source.sha256(&file.path).await {
            Ok(sha256) => table.sha256 = sha256,
            Err(error) => {
                table.decision = unreadable(&error);
                return self.take_note(table, Found::default());
            }
        }
        let reading = self.options.settings.reading();
        let contents = match self.source.contents(&file.path, &reading).await {
            Ok(contents) => contents,
            Err(error) => {
                table.decision = unreadable(&error);
                return self.take_note(table, Found::default());
            }
        };
        contents.format.clone_into(&mut table.format);
        if contents.tables.is_empty() {
            table.decision = leave(Left::NotCandles, "there is no table in it");
            return self.take_note(table, Found::default());
        }
        let names: Vec<String> = contents.tables.iter().map(|said| said.names.join("/")).collect();
        let mut uses = HashMap::<&str, usize>::new();
        names.iter().for_each(|name| *uses.entry(name).or_default() += 1);
        for (number, (said, name)) in contents.tables.iter().zip(&names).enumerate() {
            let mut table = PlannedTable { name: printable(name), ..table.clone() };
            if table.name != *name {
                table.decision = leave(Left::Ambiguous, "its name has a character that no name may have");
                self.take_note(table, Found::default())?;
                continue;
            }
            if uses[name.as_str()] > 1 {
                table.decision = leave(Left::Ambiguous, "the file has more than one table of this name");
                self.take_note(table, Found::default())?;
                continue;
            }
            self.decide(file, table, number, said).await?;
        }
        Ok(())
    }

    /// What becomes of a table; where it would be taken in, by reading it.
    async fn decide(
        &mut self,
        file: &LegacyEntry,
        mut table: PlannedTable,
        number: usize,
        said: &LegacyTable,
    ) -> Result<(), MigrationError> {
        table.rows = said.rows.unwrap_or(0);
        let unused = match &said.candles {
            Ok(unused) => unused.clone(),
            Err(reasons) => {
                // A name that says whose candles they are is a reason to ask what is missing.
                let is_named = self.options.naming.resolve(&file.path, &said.names).is_ok();
                let why = if is_named { Left::Ambiguous } else { Left::NotCandles };
                table.decision = leave(why, reasons);
                return self.take_note(table, Found::default());
            }
        };
        let (instrument, timeframe) = match self.options.naming.resolve(&file.path, &said.names) {
            Ok(known) => known,
            Err(unclear) => {
                table.decision = leave(unclear.why, &unclear);
                return self.take_note(table, Found::default());
            }
        };
        let found = Found { unused, ..Found::default() };
        let mut looked =
            Looked { table, found, periods: Presence::default(), refused: RefusedRows::default() };
        if let Some(error) = self.read(file, number, said.rows, timeframe, &mut looked).await? {
            looked.table.decision = unreadable(&error);
            return self.take_note(looked.table, Found::default());
        }
        looked.table.decision = Decision::Take { instrument, timeframe };
        self.note(looked)
    }

    /// Reads a table to its end, or to what cannot be read.
    async fn read(
        &mut self,
        file: &LegacyEntry,
        number: usize,
        expected: Option<u64>,
        timeframe: Timeframe,
        looked: &mut Looked,
    ) -> Result<Option<LegacyError>, MigrationError> {
        let reading = self.options.settings.reading();
        let (source, mut read) = (self.source, 0);
        let mut rows = source.rows(&file.path, number, &reading, 0);
        while let Some(chunk) = rows.next().await {
            let chunk = match chunk {
                Ok(chunk) => chunk,
                Err(error) => return Ok(Some(error)),
            };
            read += chunk.len() as u64;
            self.rows += chunk.len() as u64;
            for row in chunk {
                match candle_of(timeframe, row.candle) {
                    Ok(candle) => {
                        looked.found.counts_trades |= candle.ohlcv().trade_count.is_some();
                        looked.found.add(&mut looked.periods, timeframe, candle.open_time());
                        looked.refused.sound(timeframe, candle.open_time());
                    }
                    Err(reasons) => {
                        looked.found.refuse(row.number, reasons);
                        looked.refused.refused(timeframe, row.open_time);
                    }
                }
            }
            self.show(file, expected.map_or(0.0, |expected| fraction(read, expected)))?;
        }
        looked.table.rows = read;
        Ok(None)
    }

    /// A table that is left where it is.
    fn take_note(&mut self, table: PlannedTable, found: Found) -> Result<(), MigrationError> {
        let (periods, refused) = (Presence::default(), RefusedRows::default());
        self.note(Looked { table, found, periods, refused })
    }

    fn note(&mut self, looked: Looked) -> Result<(), MigrationError> {
        if self.looked.len() == MAX_TABLES {
            return Err(MigrationError::TooManyTables);
        }
        self.looked.push(looked);
        Ok(())
    }

    fn show(&mut self, file: &LegacyEntry, part: f64) -> Result<(), MigrationError> {
        let done = self.before as f64 + file.bytes as f64 * part;
        let fraction = if self.total == 0 { 1.0 } else { done / self.total as f64 };
        let progress = Progress { step: Step::Planning, subject: &file.path, rows: self.rows, fraction };
        if (self.watch)(&progress).is_break() { Err(MigrationError::Stopped) } else { Ok(()) }
    }
}

impl Found {
    fn add(&mut self, periods: &mut Presence, timeframe: Timeframe, open_time: Timestamp) {
        self.candles += 1;
        self.repeated += u64::from(!periods.insert(timeframe, open_time));
        self.first = Some(self.first.map_or(open_time, |first| first.min(open_time)));
        self.last = Some(self.last.map_or(open_time, |last| last.max(open_time)));
    }

    fn refuse(&mut self, row: u64, reasons: Violations) {
        self.invalid += 1;
        if self.problems.len() < SHOWN {
            self.problems.push(Problem { row, reasons });
        }
    }
}

fn leave(why: Left, reason: impl ToString) -> Decision {
    Decision::Leave { why, reason: printable(&reason.to_string()) }
}

/// Text that every store can hold.
fn printable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

fn unreadable(error: &LegacyError) -> Decision {
    let why = match error.kind() {
        LegacyErrorKind::Damaged => Left::Damaged,
        LegacyErrorKind::Refused => Left::Refused,
        LegacyErrorKind::Limit => Left::Limit,
        LegacyErrorKind::Unsupported => Left::Unsupported,
        _ => Left::Unreadable,
    };
    // Without the place: that is how the folder was named this time.
    let mut reason = error.message().to_owned();
    if let Some(cause) = error.source() {
        reason = format!("{reason}: {}", with_causes(cause));
    }
    leave(why, reason)
}

impl Plan {
    /// Whether anything would be left out that may be meant to be taken in: a file that cannot be read or is not understood, or a
    /// row that is no candle.
    pub fn has_refusals(&self) -> bool {
        let tables = self.run.tables.iter().zip(&self.found);
        self.left.iter().any(|left| left.why.may_be_meant())
            || tables.into_iter().any(|(table, found)| found.invalid > 0 || is_refusal(&table.decision))
    }
}
