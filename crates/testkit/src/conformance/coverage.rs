//! Cases of [`CoverageStore`](onetape_ports::CoverageStore): the log as of an instant.

use std::sync::Arc;

use futures::TryStreamExt;
use onetape_domain::change::Changes;
use onetape_domain::coverage::{CoverageRow, CoverageState, Intervals, Stream};
use onetape_domain::time::{TimeRange, Timestamp};
use onetape_ports::{MarketStore, Selection, TimeQuery};

use super::data::{ALL, at, covered, eth, everything, instants, market, range, write};
use super::{Case, Failure, Verdict, case, ensure, same};
use crate::dump::line;

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            the_coverage_log_is_read_as_of_the_instant,
            "Rows known at the instant, by stamp, stream, state and begin."
        ),
        case!(coverage_rows_are_chosen_by_the_range_they_touch, "Rows whose range touches the selection."),
        case!(
            coverage_of_a_tape_proves_what_the_model_proves,
            "At every instant the stored log proves the same intervals as the complete one."
        ),
        case!(
            a_proof_from_an_instant_on_proves_what_the_log_does,
            "Rows that prove, from `from` on, what the whole log proves at the instant."
        ),
    ]
}

async fn a_proof_from_an_instant_on_proves_what_the_log_does(store: Arc<dyn MarketStore>) -> Verdict {
    ensure!(store.coverage_proof(&eth(), at(0), at(9)).await?.is_empty(), "a proof where nothing is stored");
    market().write(&*store).await?;
    for as_of in instants(market(), 20) {
        let log = market().reference().coverage(as_of);
        for from in [Timestamp::EARLIEST, at(-60), at(0), at(30).plus(500_000)] {
            let proof = store.coverage_proof(&eth(), from, as_of).await?;
            let whole = TimeRange::try_new(from, Timestamp::LATEST).map_err(|error| error.to_string())?;
            for stream in Stream::ALL {
                let holes = |rows: &[CoverageRow]| {
                    Intervals::of_rows(rows.iter().filter(|row| row.stream == stream)).gaps(whole)
                };
                same(&format!("holes of {stream} from {from} as of {as_of}"), &holes(&proof), &holes(&log))?;
            }
        }
    }
    Ok(())
}

async fn read(store: &dyn MarketStore, query: &TimeQuery) -> Result<Vec<CoverageRow>, Failure> {
    Ok(store.stream_coverage(query.clone()).try_collect().await?)
}

/// The rows, those with the same place in the order sorted by their text.
fn ordered(mut rows: Vec<CoverageRow>) -> Vec<CoverageRow> {
    let place = |row: &CoverageRow| (row.available_at, row.stream, row.state, row.begin);
    for ties in rows.chunk_by_mut(|a, b| place(a) == place(b)) {
        ties.sort_by_key(line);
    }
    rows
}

async fn the_coverage_log_is_read_as_of_the_instant(store: Arc<dyn MarketStore>) -> Verdict {
    use CoverageState::{Alive, Filled, Gap, Unfillable};
    let log = vec![
        covered(Stream::Trades, Alive, at(0), at(5), at(6)),
        covered(Stream::Book, Alive, at(0), at(5), at(6)),
        covered(Stream::Trades, Gap, at(3), at(4), at(7)),
        covered(Stream::Trades, Alive, at(0), at(3), at(7)),
        covered(Stream::Trades, Alive, at(4), at(6), at(7)),
        covered(Stream::Trades, Filled, at(3), at(4), at(8)),
        covered(Stream::Book, Unfillable, at(1), at(2), at(8)),
    ];
    write(&*store, at(8), Changes { coverage: log.clone(), ..Changes::default() }).await?;
    let mut sorted = log;
    sorted.sort_by_key(|row| (row.available_at, row.stream, row.state, row.begin));
    let cases = [
        (at(6).plus(-1), 0),
        (at(6), 2),
        (at(7).plus(-1), 2),
        (at(7), 5),
        (at(8), 7),
        (Timestamp::LATEST, 7),
    ];
    for (as_of, count) in cases {
        let query = TimeQuery { as_of, ..everything() };
        same(&format!("as of {as_of}"), &read(&*store, &query).await?, &sorted[..count])?;
    }
    for (count, from) in [(0, 7), (3, 4), (50, 0)] {
        let query = TimeQuery { selection: Selection::Last(count), ..everything() };
        same(&format!("last {count}"), &read(&*store, &query).await?, &sorted[from..])?;
    }
    Ok(())
}

async fn coverage_rows_are_chosen_by_the_range_they_touch(store: Arc<dyn MarketStore>) -> Verdict {
    let row =
        |begin, end, stamp| covered(Stream::Trades, CoverageState::Alive, at(begin), at(end), at(stamp));
    let log = [row(0, 5, 20), row(0, 9, 21), row(12, 15, 22)];
    write(&*store, at(22), Changes { coverage: log.to_vec(), ..Changes::default() }).await?;
    let cases = [
        (at(4), at(6), vec![0, 1]),
        (at(6), at(7), vec![1]),
        (at(10), at(11), vec![]),
        (at(14), at(90), vec![2]),
        (at(2), at(13), vec![0, 1, 2]),
        (at(-9), at(-1), vec![]),
    ];
    for (start, end, expected) in cases {
        let query = TimeQuery { selection: range(start, end), ..everything() };
        let expected: Vec<_> = expected.into_iter().map(|place: usize| log[place].clone()).collect();
        same(&format!("[{start}, {end})"), &read(&*store, &query).await?, &expected)?;
    }
    Ok(())
}

async fn coverage_of_a_tape_proves_what_the_model_proves(store: Arc<dyn MarketStore>) -> Verdict {
    market().write(&*store).await?;
    for as_of in instants(market(), 20) {
        let query = TimeQuery { selection: ALL, as_of, ..everything() };
        let (got, expected) = (read(&*store, &query).await?, market().reference().coverage(as_of));
        for stream in Stream::ALL {
            let proven =
                |rows: &[CoverageRow]| Intervals::of_rows(rows.iter().filter(|row| row.stream == stream));
            same(&format!("{stream} as of {as_of}"), proven(&got).ranges(), proven(&expected).ranges())?;
        }
        same(&format!("rows as of {as_of}"), &ordered(got), &ordered(expected))?;
    }
    Ok(())
}
