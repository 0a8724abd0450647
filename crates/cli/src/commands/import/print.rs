//! Reports of imports for people.

use std::io;

use onetape::domain::imported::Place;
use onetape::domain::manifest::{Decision, PlannedTable, RefusedRow, RunId, RunState};
use onetape::import::{Plan, RemovalReport, RunReport, Verification};

use crate::output::grid::Grid;
use crate::output::say;

/// Parts that are listed of many.
const SHOWN: usize = 20;

fn place_of(table: &PlannedTable) -> String {
    let PlannedTable { path, name, .. } = table;
    if name.is_empty() { path.clone() } else { format!("{path} [{name}]") }
}

/// Tables that are left where they are, with their reasons.
fn left_out<'a>(tables: impl Iterator<Item = &'a PlannedTable>) -> io::Result<()> {
    for table in tables {
        if let Decision::Leave { reason, .. } = &table.decision {
            say!("left: {}: {reason}", place_of(table))?;
        }
    }
    Ok(())
}

/// What is in the folder beside files that are read.
pub(super) fn not_read(plan: &Plan) -> io::Result<()> {
    for left in plan.left.iter().take(SHOWN) {
        say!("left: {}: {}", left.path, left.why)?;
    }
    if plan.left.len() > SHOWN {
        say!("left: and {} more", plan.left.len() - SHOWN)?;
    }
    Ok(())
}

pub(super) fn plan(plan: &Plan) -> io::Result<()> {
    let mut grid = Grid::new(&["table", "candles of", "rows", "valid", "repeated", "invalid", "from", "to"])
        .sparing(&["to", "from", "repeated"]);
    let time =
        |time: Option<onetape::prelude::Timestamp>| time.map_or_else(String::new, |time| time.to_string());
    for (table, found) in plan.run.tables.iter().zip(&plan.found) {
        if let Decision::Take { instrument, timeframe } = &table.decision {
            grid.row([
                place_of(table),
                format!("{instrument} {timeframe}"),
                table.rows.to_string(),
                found.candles.to_string(),
                found.repeated.to_string(),
                found.invalid.to_string(),
                time(found.first),
                time(found.last),
            ]);
        }
    }
    grid.print()?;
    for (table, found) in plan.run.tables.iter().zip(&plan.found) {
        for problem in &found.problems {
            say!("invalid: {} row {}: {}", place_of(table), problem.row, problem.reasons)?;
        }
        if found.invalid > found.problems.len() as u64 {
            let more = found.invalid - found.problems.len() as u64;
            say!("invalid: {} and {more} rows more", place_of(table))?;
        }
    }
    left_out(plan.run.tables.iter())?;
    not_read(plan)?;
    for part in plan.run.parts.iter().take(SHOWN) {
        let (from, to) = (part.covered.start(), part.covered.end());
        say!("part: {} {} from {from} to {to}", part.instrument, part.timeframe)?;
    }
    if plan.run.parts.len() > SHOWN {
        say!("part: and {} more", plan.run.parts.len() - SHOWN)?;
    }
    say!("run {}: nothing was changed", plan.run.id)
}

pub(super) fn report(report: &RunReport) -> io::Result<()> {
    let mut grid = Grid::new(&["table", "candles of", "rows", "new", "same", "conflicting", "invalid"]);
    for table in &report.tables {
        if let Decision::Take { instrument, timeframe } = &table.table.decision {
            let progress = &table.progress;
            let is_open = if progress.is_done { "" } else { " (not to its end)" };
            grid.row([
                place_of(&table.table),
                format!("{instrument} {timeframe}"),
                format!("{}{is_open}", progress.rows_read),
                progress.new.to_string(),
                progress.same.to_string(),
                progress.conflicting.to_string(),
                progress.invalid.to_string(),
            ]);
        }
    }
    grid.print()?;
    left_out(report.tables.iter().map(|table| &table.table))?;
    for failed in &report.failed {
        say!("failed: {} {}: {}", failed.path, failed.name, failed.reason)?;
    }
    let finished = report.parts.iter().filter(|part| part.place.is_some()).count();
    say!("{finished} of {} parts are finished, and readers see them", report.parts.len())?;
    let waiting = report.parts.iter().filter(|part| part.place == Some(Place::Waiting)).count();
    if waiting > 0 {
        say!(
            "{waiting} of them wait for the writer of their instrument, which takes them in at its next look"
        )?;
    }
    let (run, state) = (&report.run, report.state.as_str());
    let refused: u64 =
        report.tables.iter().map(|table| table.progress.invalid + table.progress.conflicting).sum();
    if refused > 0 {
        say!("{refused} rows were left out: `onetape import status {run} --refused {refused}` shows them")?;
    }
    say!(
        "run {run} is {state}: {} candles are new, {} rows were read now",
        report.new_candles(),
        report.rows_now
    )
}

pub(super) fn refused(report: &RunReport, rows: &[RefusedRow]) -> io::Result<()> {
    for row in rows {
        let table =
            report.tables.get(row.table as usize).map(|table| place_of(&table.table)).unwrap_or_default();
        say!("{}: {table} row {}: {}", row.why.as_str(), row.row, row.reasons)?;
    }
    Ok(())
}

pub(super) fn runs(runs: &[(RunId, RunState)]) -> io::Result<()> {
    if runs.is_empty() {
        return say!("nothing was imported");
    }
    runs.iter().try_for_each(|(run, state)| say!("{run} {}", state.as_str()))
}

pub(super) fn removal(report: &RemovalReport) -> io::Result<()> {
    say!("run {} is {}: {} candles were removed", report.run, report.state.as_str(), report.candles)
}

pub(super) fn verification(found: &Verification) -> io::Result<()> {
    let mut grid = Grid::new(&[
        "candles of",
        "imports",
        "candles",
        "rolled up",
        "quiet periods",
        "holes",
        "flat runs",
        "outliers",
    ]);
    for check in &found.candles {
        let survey = &check.survey;
        grid.row([
            format!("{} {}", check.instrument, check.timeframe),
            check.parts.to_string(),
            survey.candles.to_string(),
            check.rolled_up.to_string(),
            survey.quiet_periods.to_string(),
            survey.holes.count.to_string(),
            survey.flat_runs.count.to_string(),
            survey.outliers.count.to_string(),
        ]);
    }
    grid.print()?;
    for check in &found.candles {
        let of = format!("{} {}", check.instrument, check.timeframe);
        for hole in &check.survey.holes.first {
            say!("hole: {of} from {} to {}", hole.start(), hole.end())?;
        }
        for run in &check.survey.flat_runs.first {
            say!("flat: {of} from {} to {}", run.start(), run.end())?;
        }
        for time in &check.survey.outliers.first {
            say!("outlier: {of} at {time}")?;
        }
    }
    for difference in &found.differences {
        say!("differs: {difference}")?;
    }
    if found.is_equal() {
        say!("run {}: {} rows of its files say what the store says", found.run, found.rows)?;
    }
    Ok(())
}
