//! What a batch does: the same in every store, apart from reading and writing.

use std::collections::BTreeSet;

use onetape_domain::imported::{ImportId, ImportedCandle};
use onetape_domain::manifest::{
    Decision, MAX_PARTS, MAX_REFUSED_ROWS, MAX_TABLES, NewRun, PlannedTable, RefusedRow, RowRefusal,
    RunState, TableProgress,
};
use onetape_domain::time::Timestamp;

use super::{ImportBatch, OnConflict, SourcedCandle, differences};
use crate::error::{StoreError, StoreErrorKind};

const OPERATION: &str = "write a batch of an import";

fn refused(kind: StoreErrorKind, message: String) -> StoreError {
    StoreError::new(kind, OPERATION, message)
}

/// Checks a run before it is begun.
///
/// # Errors
/// [`Invalid`](StoreErrorKind::Invalid) where it has more tables or parts than a run may have, two parts of one id, or a
/// text with a NUL, which not every store can hold.
pub fn check_run(run: &NewRun) -> Result<(), StoreError> {
    let invalid = |message| Err(StoreError::new(StoreErrorKind::Invalid, "begin a run", message));
    let NewRun { id, tables, parts, origin, settings, source: _ } = run;
    let mut texts = vec![origin, settings];
    for PlannedTable { path, name, format, sha256, decision, .. } in tables {
        texts.extend([path, name, format, sha256]);
        if let Decision::Leave { reason, .. } = decision {
            texts.push(reason);
        }
    }
    if let Some(text) = texts.into_iter().find(|text| text.contains('\0')) {
        return invalid(format!("run {id} has a NUL in the text {text:?}"));
    }
    if tables.len() > MAX_TABLES || parts.len() > MAX_PARTS {
        return invalid(format!(
            "run {id} has {} tables and {} parts, and at most {MAX_TABLES} and {MAX_PARTS} are allowed",
            tables.len(),
            parts.len()
        ));
    }
    let mut ids = BTreeSet::new();
    match parts.iter().find(|part| !ids.insert(&part.id)) {
        Some(part) => invalid(format!("run {id} has two parts {}", part.id)),
        None => Ok(()),
    }
}

/// Checks that a run may go from a state to another; whether that changes anything.
///
/// # Errors
/// [`Conflict`](StoreErrorKind::Conflict) where it may not.
pub fn check_state(from: RunState, to: RunState) -> Result<bool, StoreError> {
    if from == to || from.may_become(to) {
        return Ok(from != to);
    }
    let message = format!("the run is {} and cannot become {}", from.as_str(), to.as_str());
    Err(StoreError::new(StoreErrorKind::Conflict, "set the state of a run", message))
}

/// Candles of a batch and one part, by what that has already.
#[derive(Debug, Default)]
pub struct SortedCandles<'a> {
    /// Those that it has not.
    pub new: Vec<&'a ImportedCandle>,
    /// Those that take the place of others.
    pub replacing: Vec<&'a ImportedCandle>,
    same: u64,
    outvoted: Vec<RefusedRow>,
}

/// What a batch leaves behind beside its candles.
#[derive(Debug, PartialEq, Eq)]
pub struct BatchOutcome {
    /// How far the table is.
    pub progress: TableProgress,
    /// The refused rows that are kept, by row.
    pub refused: Vec<RefusedRow>,
}

impl ImportBatch {
    /// Checks what can be seen of the batch alone: every row of it is there once, as a candle or refused, and each part is named
    /// once, with its candles by row.
    ///
    /// # Errors
    /// [`Invalid`](StoreErrorKind::Invalid) where that is not so.
    pub fn check(&self) -> Result<(), StoreError> {
        let invalid = |message| Err(refused(StoreErrorKind::Invalid, message));
        let candles = || self.candles.iter().flat_map(|(_, candles)| candles);
        let rows = candles().count() as u64 + self.refused.len() as u64;
        let (from, to) = (self.from_row, self.to_row);
        if to.checked_sub(from) != Some(rows) {
            return invalid(format!("rows {from} to {to} cannot be {rows} rows"));
        }
        let places = candles().map(|candle| candle.row).chain(self.refused.iter().map(|row| row.row));
        let mut outside = places.filter(|row| !(from..to).contains(row));
        if let Some(row) = outside.next() {
            return invalid(format!("row {row} does not lie in rows {from} to {to}"));
        }
        if let Some(row) = self.refused.iter().find(|row| row.table != self.table) {
            return invalid(format!("row {} is one of table {} and not {}", row.row, row.table, self.table));
        }
        let mut named = BTreeSet::new();
        for (part, candles) in &self.candles {
            if !named.insert(part) {
                return invalid(format!("the part {part} is named twice"));
            }
            if !candles.is_sorted_by(|a, b| a.row < b.row) {
                return invalid(format!("the candles of {part} are not in the order of their rows"));
            }
        }
        Ok(())
    }

    /// Whether the batch is to be written to a table that is so far; not where it was written before.
    ///
    /// # Errors
    /// [`Conflict`](StoreErrorKind::Conflict) where it is neither the next batch nor the last one.
    pub fn continues(&self, run: RunState, before: &TableProgress) -> Result<bool, StoreError> {
        let conflict = |message| Err(refused(StoreErrorKind::Conflict, message));
        if run != RunState::Running {
            return conflict(format!("run {} is {}", self.run, run.as_str()));
        }
        let state = (before.rows_read, before.is_done, before.sums, before.first.zip(before.last));
        if state == (self.to_row, self.is_last, self.sums, self.times) {
            return Ok(false);
        }
        if before.is_done || before.rows_read != self.from_row {
            let end = if before.is_done { ", its end," } else { "" };
            return conflict(format!(
                "table {} of run {} was read to row {}{end} and rows {} to {} do not follow",
                self.table, self.run, before.rows_read, self.from_row, self.to_row
            ));
        }
        Ok(true)
    }

    /// The part of this id as the store has it, if candles may be added to it; `found` is none where the run has none.
    ///
    /// # Errors
    /// [`Conflict`](StoreErrorKind::Conflict) where there is none, or it is finished.
    pub fn open_part<P>(
        &self,
        id: &ImportId,
        found: Option<P>,
        is_finished: impl Fn(&P) -> bool,
    ) -> Result<P, StoreError> {
        let conflict = |message| Err(refused(StoreErrorKind::Conflict, message));
        match found {
            None => conflict(format!("run {} has no part {id}", self.run)),
            Some(part) if is_finished(&part) => {
                conflict(format!("part {id} of run {} is finished", self.run))
            }
            Some(part) => Ok(part),
        }
    }

    /// Sorts candles of one part out; `stored` gives what that has. Each is compared with what counts after those before it, so
    /// that it makes no difference where a batch ends.
    pub fn sort_out<'a>(
        &self,
        candles: &'a [SourcedCandle],
        stored: impl Fn(Timestamp) -> Option<ImportedCandle>,
    ) -> SortedCandles<'a> {
        let mut by_time: Vec<&SourcedCandle> = candles.iter().collect();
        // Stable: rows of a period keep their order.
        by_time.sort_by_key(|row| row.candle.open_time());
        let mut sorted = SortedCandles::default();
        for rows in by_time.chunk_by(|a, b| a.candle.open_time() == b.candle.open_time()) {
            let stored = stored(rows[0].candle.open_time());
            let mut own = None::<&ImportedCandle>;
            for SourcedCandle { row, candle } in rows {
                let Some(counts) = own.or(stored.as_ref()) else {
                    own = Some(candle);
                    continue;
                };
                if counts.is_repeated_by(candle) {
                    sorted.same += 1;
                    continue;
                }
                let is_replacing = self.on_conflict == OnConflict::KeepLast;
                let (kept, other) = if is_replacing { (candle, counts) } else { (counts, candle) };
                let reasons = differences(kept, other);
                let (table, why) = (self.table, RowRefusal::Outvoted);
                sorted.outvoted.push(RefusedRow { table, row: *row, why, reasons });
                if is_replacing {
                    own = Some(candle);
                }
            }
            match stored {
                None => sorted.new.extend(own),
                Some(_) => sorted.replacing.extend(own),
            }
        }
        sorted
    }

    /// How far the table is with these candles written.
    ///
    /// # Errors
    /// [`Data`](StoreErrorKind::Data) where candles differ from those that are there, and that is to be refused.
    pub fn outcome(
        &self,
        before: &TableProgress,
        sorted: &[SortedCandles<'_>],
    ) -> Result<BatchOutcome, StoreError> {
        let outvoted = || sorted.iter().flat_map(|sorted| &sorted.outvoted);
        if self.on_conflict == OnConflict::Refuse
            && let Some(RefusedRow { row, reasons, .. }) = outvoted().min_by_key(|row| row.row)
        {
            let message = format!("row {row} of table {} says something else: {reasons}", self.table);
            return Err(refused(StoreErrorKind::Data, message));
        }
        let count = |why| self.refused.iter().filter(|row| row.why == why).count() as u64;
        let (first, last) = self.times.unzip();
        let progress = TableProgress {
            rows_read: self.to_row,
            new: before.new + sorted.iter().map(|sorted| sorted.new.len() as u64).sum::<u64>(),
            same: before.same + sorted.iter().map(|sorted| sorted.same).sum::<u64>(),
            conflicting: before.conflicting + count(RowRefusal::Outvoted) + outvoted().count() as u64,
            invalid: before.invalid + count(RowRefusal::Invalid),
            first,
            last,
            sums: self.sums,
            is_done: self.is_last,
        };
        // Each of them was kept until there were so many.
        let room = MAX_REFUSED_ROWS.saturating_sub(before.conflicting + before.invalid);
        let mut refused: Vec<RefusedRow> = self.refused.iter().chain(outvoted()).cloned().collect();
        refused.sort_by_key(|row| row.row);
        refused.truncate(usize::try_from(room).unwrap_or(usize::MAX));
        Ok(BatchOutcome { progress, refused })
    }
}
