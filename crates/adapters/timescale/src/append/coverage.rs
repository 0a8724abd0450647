//! The coverage log, and the same condensed to its runs.

use std::collections::BTreeMap;

use onetape_domain::coverage::{CoverageRow, CoverageState, Stream};
use onetape_domain::instrument::Instrument;
use onetape_domain::time::Timestamp;
use onetape_ports::StoreError;
use sqlx::PgConnection;
use sqlx::error::BoxDynError;

use super::{ROWS_PER_STATEMENT, run};
use crate::arguments::Arguments;
use crate::micros::Micros;

/// What a batch says of one run, or one row of another state.
#[derive(Debug, Clone, Copy)]
struct Run<'a> {
    last: &'a CoverageRow,
    first_available_at: Timestamp,
    furthest_end: Timestamp,
    furthest_at: Timestamp,
}

impl<'a> Run<'a> {
    fn of(row: &'a CoverageRow) -> Self {
        Self {
            last: row,
            first_available_at: row.available_at,
            furthest_end: row.end,
            furthest_at: row.available_at,
        }
    }

    fn go_on(&mut self, row: &'a CoverageRow) {
        if row.available_at >= self.last.available_at {
            self.last = row;
        }
        self.first_available_at = self.first_available_at.min(row.available_at);
        if row.end >= self.furthest_end {
            self.furthest_end = row.end;
            self.furthest_at = row.available_at;
        }
    }
}

pub(crate) async fn write(
    connection: &mut PgConnection,
    instrument: &Instrument,
    rows: &[CoverageRow],
) -> Result<(), StoreError> {
    for part in rows.chunks(ROWS_PER_STATEMENT) {
        run(connection, include_str!("../queries/insert_coverage.sql"), row_arguments(instrument, part))
            .await?;
    }
    write_runs(connection, instrument, rows).await
}

/// Condenses rows of the log that are written otherwise.
pub(crate) async fn write_runs(
    connection: &mut PgConnection,
    instrument: &Instrument,
    rows: &[CoverageRow],
) -> Result<(), StoreError> {
    for part in runs(rows).chunks(ROWS_PER_STATEMENT) {
        run(connection, include_str!("../queries/upsert_runs.sql"), run_arguments(instrument, part)).await?;
    }
    Ok(())
}

fn runs(rows: &[CoverageRow]) -> Vec<Run<'_>> {
    let mut alive = BTreeMap::<(Stream, Timestamp), Run<'_>>::new();
    let mut runs = Vec::new();
    for row in rows {
        if row.state == CoverageState::Alive {
            alive
                .entry((row.stream, row.begin))
                .and_modify(|run| run.go_on(row))
                .or_insert_with(|| Run::of(row));
        } else {
            runs.push(Run::of(row));
        }
    }
    runs.extend(alive.into_values());
    runs
}

fn row_arguments(instrument: &Instrument, rows: &[CoverageRow]) -> Result<Arguments, BoxDynError> {
    Arguments::of(instrument)?
        .each(rows, |row| row.stream.as_str())?
        .each(rows, |row| Micros(row.available_at))?
        .each(rows, |row| row.state.as_str())?
        .each(rows, |row| Micros(row.begin))?
        .each(rows, |row| Micros(row.end))?
        .each(rows, |row| row.reason.as_str())
}

fn run_arguments(instrument: &Instrument, runs: &[Run<'_>]) -> Result<Arguments, BoxDynError> {
    Arguments::of(instrument)?
        .each(runs, |run| run.last.stream.as_str())?
        .each(runs, |run| run.last.state.as_str())?
        .each(runs, |run| Micros(run.last.begin))?
        .each(runs, |run| Micros(run.last.end))?
        .each(runs, |run| run.last.reason.as_str())?
        .each(runs, |run| Micros(run.first_available_at))?
        .each(runs, |run| Micros(run.last.available_at))?
        .each(runs, |run| Micros(run.furthest_end))?
        .each(runs, |run| Micros(run.furthest_at))
}
