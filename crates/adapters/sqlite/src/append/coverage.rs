//! The coverage log, and the same condensed to its runs.

use std::collections::BTreeMap;

use onetape_domain::coverage::{CoverageRow, CoverageState, Stream};
use onetape_domain::time::Timestamp;
use onetape_ports::StoreError;
use sqlx::SqliteConnection;

use super::insert::Insert;
use super::run;
use crate::arguments::Arguments;
use crate::coverage::{state_number, stream_number};

const INSERT: Insert<'_> = Insert { sql: include_str!("../queries/insert_coverage.sql"), columns: 7 };

/// What a batch says of one run.
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

pub(super) async fn write(
    connection: &mut SqliteConnection,
    id: i64,
    rows: &[CoverageRow],
) -> Result<(), StoreError> {
    let bind = |arguments: &mut Arguments, row: &CoverageRow| {
        arguments.add(id).add(stream_number(row.stream)).time(row.begin).time(row.end);
        arguments.add(state_number(row.state)).text(&row.reason).time(row.available_at);
    };
    INSERT.rows(connection, rows, bind).await?;
    let mut runs = BTreeMap::<(Stream, Timestamp), Run<'_>>::new();
    for row in rows {
        if row.state == CoverageState::Alive {
            runs.entry((row.stream, row.begin))
                .and_modify(|run| run.go_on(row))
                .or_insert_with(|| Run::of(row));
        } else {
            write_other(connection, id, row).await?;
        }
    }
    for run in runs.values() {
        write_run(connection, id, run).await?;
    }
    Ok(())
}

async fn write_run(connection: &mut SqliteConnection, id: i64, one: &Run<'_>) -> Result<(), StoreError> {
    let Run { last, first_available_at, furthest_end, furthest_at } = *one;
    let mut arguments = Arguments::new();
    arguments.add(id).add(stream_number(last.stream)).time(last.begin).time(last.end).text(&last.reason);
    arguments.time(first_available_at).time(last.available_at).time(furthest_end).time(furthest_at);
    run(connection, include_str!("../queries/upsert_run.sql"), arguments).await
}

async fn write_other(
    connection: &mut SqliteConnection,
    id: i64,
    row: &CoverageRow,
) -> Result<(), StoreError> {
    let mut arguments = Arguments::new();
    arguments.add(id).add(stream_number(row.stream)).add(state_number(row.state));
    arguments.time(row.begin).time(row.end).text(&row.reason).time(row.available_at);
    run(connection, include_str!("../queries/insert_run.sql"), arguments).await
}
