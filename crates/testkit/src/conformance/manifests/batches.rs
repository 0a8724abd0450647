//! Cases of batches: progress, candles and refused rows together.

use std::sync::Arc;

use futures::{TryStreamExt, poll};
use onetape_domain::imported::{ImportId, ImportedCandle};
use onetape_domain::manifest::{ColumnSums, RefusedRow, RowRefusal, RunId, RunState, TableProgress};
use onetape_domain::time::{Timeframe, Timestamp};
use onetape_domain::violation::Violations;
use onetape_ports::{ImportBatch, MarketStore, OnConflict, SourcedCandle, StoreErrorKind};

use super::{manifest, of_import, of_refused, part, run, run_id};
use crate::conformance::data::{MIDNIGHT, at, eth};
use crate::conformance::imports::{all, id, minute, new_import, numbers, range, refused, rows, sorted};
use crate::conformance::{Case, Verdict, case, ensure, same, yield_once};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            a_batch_is_candles_refused_rows_and_progress,
            "Writes a batch: candles, refused rows and progress in one transaction, and returns the progress after it."
        ),
        case!(
            a_batch_follows_the_one_before,
            "`from_row` MUST be the table's `rows_read`; a batch written before changes nothing."
        ),
        case!(a_batch_that_cannot_be_is_refused, "Parts, runs and candles that cannot be MUST be refused."),
        case!(
            no_more_than_so_many_refused_rows_are_kept,
            "No more than `MAX_REFUSED_ROWS` of a table MUST be kept, the first ones."
        ),
        case!(
            candles_of_an_import_are_read_by_range_and_by_time,
            "The candles of an import's own timeframe, finished or not; those of them that open at these instants."
        ),
        case!(
            numbers_of_a_batch_come_back_exactly,
            "Candles in exact decimals, unknown counts included; sums of 64 bits."
        ),
        case!(
            batches_of_any_size_are_taken_in,
            "Tens of thousands of candles in one batch, in any order.",
            LargeBatches
        ),
        case!(
            a_cancelled_batch_is_written_whole_or_not_at_all,
            "All of it MUST become visible at once or not at all, also when the call is cancelled.",
            Cancellation
        ),
        case!(
            of_two_batches_at_once_one_is_written,
            "Candles, refused rows and progress agree, whoever writes at once.",
            Concurrency
        ),
    ]
}

/// A table that is read batch by batch.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    run: RunId,
    table: u32,
    row: u64,
    sums: ColumnSums,
    times: Option<(Timestamp, Timestamp)>,
    pub(super) on_conflict: OnConflict,
}

impl Reader {
    pub(super) fn new(run: &RunId, table: u32) -> Self {
        let (run, sums, on_conflict) = (run.clone(), ColumnSums::default(), OnConflict::Refuse);
        Self { run, table, row: 0, sums, times: None, on_conflict }
    }

    /// The next batch: these candles of each part, rows that were refused.
    pub(super) fn next(
        &mut self,
        parts: &[(usize, &[ImportedCandle])],
        refusals: &[RowRefusal],
    ) -> ImportBatch {
        let from_row = self.row;
        let mut candles = Vec::new();
        for (number, own) in parts {
            let sourced =
                own.iter().zip(self.row..).map(|(candle, row)| SourcedCandle { row, candle: *candle });
            candles.push((part(&self.run, *number), sourced.collect()));
            self.row += own.len() as u64;
            own.iter().for_each(|candle| self.sums.add(candle));
            let opens = own.iter().map(ImportedCandle::open_time);
            let opens = opens.chain(self.times.into_iter().flat_map(|(first, last)| [first, last]));
            self.times = opens.clone().min().zip(opens.max());
        }
        let table = self.table;
        let refused = refusals.iter().zip(self.row..).map(|(why, row)| {
            let reasons = Violations::one("candle.high", format!("'{row}'"), "must not be \"so\" ü");
            RefusedRow { table, row, why: *why, reasons }
        });
        let refused = refused.collect();
        self.row += refusals.len() as u64;
        let Self { run, sums, times, on_conflict, .. } = self.clone();
        let (to_row, is_last) = (self.row, false);
        ImportBatch { run, table, from_row, to_row, candles, refused, on_conflict, sums, times, is_last }
    }
}

/// Minutes from so many after midnight on.
pub(super) fn minutes(from: i64, to: i64, seed: i64) -> Vec<ImportedCandle> {
    (from..to).map(|count| minute(count, seed)).collect()
}

fn ordered(mut candles: Vec<ImportedCandle>) -> Vec<ImportedCandle> {
    candles.sort_by_key(ImportedCandle::open_time);
    candles
}

async fn a_batch_is_candles_refused_rows_and_progress(store: Arc<dyn MarketStore>) -> Verdict {
    let run = run("one");
    store.begin_run(&run, at(1)).await?;
    let mut reader = Reader::new(&run.id, 1);
    let (early, late) = (minutes(50, 60, 0), minutes(60, 65, 1));
    let refusals = [RowRefusal::Invalid, RowRefusal::Outvoted, RowRefusal::Invalid];
    let first = reader.next(&[(1, &late), (0, &early)], &refusals);
    let progress = store.write_import_batch(&first).await?;
    let expected = TableProgress {
        rows_read: 18,
        new: 15,
        same: 0,
        conflicting: 1,
        invalid: 2,
        first: Some(early[0].open_time()),
        last: Some(late[4].open_time()),
        sums: first.sums,
        is_done: false,
    };
    ensure!(progress == expected, "after the first batch {progress:?}");
    let recorded = manifest(&*store, &run.id).await?.progress;
    same("progress", &recorded, &[TableProgress::default(), progress, TableProgress::default()])?;
    same("the first part", &of_import(&*store, &part(&run.id, 0)).await?, &early)?;
    same("the second part", &of_import(&*store, &part(&run.id, 1)).await?, &late)?;
    same("refused rows", &of_refused(&*store, &run.id).await?, &first.refused)?;
    let more = minutes(20, 50, 0);
    let second = ImportBatch { is_last: true, ..reader.next(&[(0, &more)], &refusals[..1]) };
    let progress = store.write_import_batch(&second).await?;
    let expected = TableProgress {
        rows_read: 49,
        new: 45,
        invalid: 3,
        first: Some(more[0].open_time()),
        sums: second.sums,
        is_done: true,
        ..expected
    };
    ensure!(progress == expected, "after the last batch {progress:?}");
    // Of another table rows come before those of this one.
    let other = Reader::new(&run.id, 0).next(&[], &refusals);
    store.write_import_batch(&other).await?;
    let all_refused = [other.refused, first.refused, second.refused].concat();
    same("refused rows", &of_refused(&*store, &run.id).await?, &all_refused)?;
    ensure!(of_refused(&*store, &run_id("two")).await?.is_empty(), "another run has refused rows");
    let finished = store.finish_import(&part(&run.id, 0), range(0, 60)).await?;
    let got = store.imported(&all(vec![finished])).await?;
    let expected = rows(0, &ordered([early, more].concat()));
    same("minutes", &sorted(got[Timeframe::M1.index()].clone()), &expected)
}

async fn a_batch_follows_the_one_before(store: Arc<dyn MarketStore>) -> Verdict {
    let run = run("one");
    store.begin_run(&run, at(1)).await?;
    let mut reader = Reader::new(&run.id, 0);
    let (one, two, three) = (minutes(0, 10, 0), minutes(10, 20, 0), minutes(20, 30, 0));
    let batches = [
        reader.next(&[(0, &one)], &[RowRefusal::Invalid]),
        reader.next(&[(0, &two)], &[]),
        ImportBatch { is_last: true, ..reader.next(&[(0, &three)], &[]) },
        reader.next(&[], &[RowRefusal::Invalid]),
    ];
    let state = async || -> Result<_, super::super::Failure> {
        let progress = manifest(&*store, &run.id).await?.progress.swap_remove(0);
        let (candles, refused) =
            (of_import(&*store, &part(&run.id, 0)).await?, of_refused(&*store, &run.id).await?);
        Ok((progress, candles, refused))
    };
    for next in 0..batches.len() {
        let before = state().await?;
        for (number, batch) in batches.iter().enumerate() {
            let outcome = match number {
                number if number == next && number < 3 => continue,
                number if number + 1 == next => store.write_import_batch(batch).await.map(Some)?,
                _ => {
                    let outcome = store.write_import_batch(batch).await;
                    refused("a batch out of its turn", outcome, StoreErrorKind::Conflict)?;
                    None
                }
            };
            ensure!(
                outcome.is_none_or(|progress| progress == before.0),
                "batch {number} again changed progress"
            );
            ensure!(state().await? == before, "batch {number} changed something before batch {next}");
        }
        // Rows that end where the table is, but are others than those written.
        let mut other = batches[next.saturating_sub(1)].clone();
        other.sums.0[3] ^= 1;
        if next > 0 && next < 3 {
            let outcome = store.write_import_batch(&other).await;
            refused("other rows to the same place", outcome, StoreErrorKind::Conflict)?;
        }
        if next < 3 {
            store.write_import_batch(&batches[next]).await?;
        }
    }
    let (progress, candles, refused) = state().await?;
    ensure!((progress.new, progress.same, progress.invalid) == (30, 0, 1), "{progress:?}");
    same("candles", &candles, &[one, two, three].concat())?;
    same("refused rows", &refused, &batches[0].refused)
}

async fn a_batch_that_cannot_be_is_refused(store: Arc<dyn MarketStore>) -> Verdict {
    use StoreErrorKind::{Conflict, Invalid};
    let run = run("one");
    let candles = minutes(0, 4, 0);
    let good = Reader::new(&run.id, 0).next(&[(0, &candles)], &[RowRefusal::Invalid]);
    refused("an unknown run", store.write_import_batch(&good).await, Invalid)?;
    store.begin_run(&run, at(1)).await?;
    store.begin_import(&new_import("other", "legacy", eth(), Timeframe::M1)).await?;
    let of =
        |part: ImportId| ImportBatch { candles: vec![(part, good.candles[0].1.clone())], ..good.clone() };
    let own = part(&run.id, 0);
    let (front, back) = good.candles[0].1.split_at(1);
    let split = vec![(own.clone(), front.to_vec()), (own.clone(), back.to_vec())];
    let mut backwards = good.clone();
    backwards.candles[0].1.reverse();
    let mut outside = good.clone();
    outside.candles[0].1[3].row = 5;
    let mut elsewhere = good.clone();
    elsewhere.refused[0].table = 1;
    let batches = [
        ("a part of nobody", of(id("nobody")), Conflict),
        ("an import that is no part", of(id("other")), Conflict),
        ("a part that is named twice", ImportBatch { candles: split, ..good.clone() }, Invalid),
        ("candles that are not by row", backwards, Invalid),
        ("a row outside", outside, Invalid),
        ("a refused row of another table", elsewhere, Invalid),
        ("rows that are missing", ImportBatch { to_row: 6, ..good.clone() }, Invalid),
        ("rows backwards", ImportBatch { from_row: 6, ..good.clone() }, Invalid),
        ("a table that is not there", Reader::new(&run.id, 3).next(&[(0, &candles)], &[]), Invalid),
    ];
    for (what, batch, kind) in batches {
        refused(what, store.write_import_batch(&batch).await, kind)?;
    }
    ensure!(manifest(&*store, &run.id).await?.progress[0] == TableProgress::default(), "there is progress");
    ensure!(of_import(&*store, &part(&run.id, 0)).await?.is_empty(), "there are candles");
    ensure!(of_refused(&*store, &run.id).await?.is_empty(), "there are refused rows");
    store.finish_import(&part(&run.id, 0), range(0, 60)).await?;
    refused("a finished part", store.write_import_batch(&good).await, Conflict)?;
    for (seconds, state) in [(5, RunState::Finished), (6, RunState::Removing), (7, RunState::Removed)] {
        store.set_run_state(&run.id, state, at(seconds)).await?;
        let late = Reader::new(&run.id, 1).next(&[(1, &minutes(60, 61, 0))], &[]);
        refused("a run that does not run", store.write_import_batch(&late).await, Conflict)?;
    }
    Ok(())
}

async fn no_more_than_so_many_refused_rows_are_kept(store: Arc<dyn MarketStore>) -> Verdict {
    use onetape_domain::manifest::MAX_REFUSED_ROWS;
    let run = run("one");
    store.begin_run(&run, at(1)).await?;
    let mut reader = Reader::new(&run.id, 0);
    let mut expected = Vec::new();
    for _ in 0..3 {
        let batch = reader.next(&[], &[RowRefusal::Invalid; 4_000]);
        store.write_import_batch(&batch).await?;
        expected.extend(batch.refused);
    }
    let other = Reader::new(&run.id, 1).next(&[], &[RowRefusal::Outvoted]);
    store.write_import_batch(&other).await?;
    expected.truncate(usize::try_from(MAX_REFUSED_ROWS).unwrap_or(usize::MAX));
    expected.extend(other.refused);
    same("refused rows", &of_refused(&*store, &run.id).await?, &expected)?;
    let counted = manifest(&*store, &run.id).await?.progress[0].invalid;
    ensure!(counted == 12_000, "{counted} rows are counted");
    Ok(())
}

async fn candles_of_an_import_are_read_by_range_and_by_time(store: Arc<dyn MarketStore>) -> Verdict {
    let run = run("one");
    store.begin_run(&run, at(1)).await?;
    let (own, others) = (minutes(0, 60, 0), minutes(60, 90, 0));
    let batch = Reader::new(&run.id, 0).next(&[(0, &own), (1, &others)], &[]);
    store.write_import_batch(&batch).await?;
    let part = part(&run.id, 0);
    for is_finished in [false, true] {
        for (from, to) in [(0, 60), (10, 20), (0, 0), (59, 60), (59, 90), (60, 70)] {
            let found: Vec<_> = store.stream_import(&part, range(from, to)).try_collect().await?;
            let inside = own.iter().filter(|candle| range(from, to).contains(candle.open_time()));
            same(&format!("minutes {from} to {to}"), &found, &inside.copied().collect::<Vec<_>>())?;
        }
        let times = [59, 3, 60, 3, 7, 1_000].map(|count| minute(count, 0).open_time());
        let off = [times.as_slice(), &[MIDNIGHT.plus(1)]].concat();
        let found = ordered(store.import_at(&part, &off).await?);
        same("minutes by their times", &found, &[3, 7, 59].map(|count| minute(count, 0)))?;
        ensure!(store.import_at(&part, &[]).await?.is_empty(), "candles at no time");
        ensure!(
            store.import_at(&id("nobody"), &off).await?.is_empty(),
            "candles of an import that is not there"
        );
        ensure!(
            of_import(&*store, &id("nobody")).await?.is_empty(),
            "a stream of an import that is not there"
        );
        if !is_finished {
            store.finish_import(&part, range(0, 60)).await?;
        }
    }
    Ok(())
}

async fn numbers_of_a_batch_come_back_exactly(store: Arc<dyn MarketStore>) -> Verdict {
    let run = run("one");
    store.begin_run(&run, at(1)).await?;
    let candles = numbers();
    let mut batch = Reader::new(&run.id, 0).next(&[(0, &candles)], &[]);
    batch.sums = ColumnSums([u64::MAX, 0, 1, u64::MAX - 1, i64::MAX.unsigned_abs() + 1, 7, 9, 11]);
    let progress = store.write_import_batch(&batch).await?;
    ensure!(progress.sums == batch.sums, "sums are {:?}", progress.sums);
    ensure!(manifest(&*store, &run.id).await?.progress[0] == progress, "sums came back otherwise");
    let part = part(&run.id, 0);
    same("minutes", &of_import(&*store, &part).await?, &candles)?;
    let times = candles.map(|candle| candle.open_time());
    same("minutes by their times", &ordered(store.import_at(&part, &times).await?), &candles)
}

async fn batches_of_any_size_are_taken_in(store: Arc<dyn MarketStore>) -> Verdict {
    let run = run("one");
    store.begin_run(&run, at(1)).await?;
    // Each eleventh minute, then each eleventh one after them, and so on.
    let candles: Vec<_> =
        (0..11).flat_map(|first| (first..50_000).step_by(11)).map(|count| minute(count + 60, 0)).collect();
    let mut reader = Reader::new(&run.id, 1);
    for part in candles.chunks(40_000) {
        store.write_import_batch(&reader.next(&[(1, part)], &[])).await?;
    }
    let part = part(&run.id, 1);
    let times: Vec<_> = candles.iter().map(ImportedCandle::open_time).collect();
    let candles = ordered(candles);
    same("minutes", &of_import(&*store, &part).await?, &candles)?;
    same("minutes by their times", &ordered(store.import_at(&part, &times).await?), &candles)
}

async fn a_cancelled_batch_is_written_whole_or_not_at_all(store: Arc<dyn MarketStore>) -> Verdict {
    let run = run("one");
    store.begin_run(&run, at(1)).await?;
    let mut reader = Reader { on_conflict: OnConflict::KeepLast, ..Reader::new(&run.id, 0) };
    let part = part(&run.id, 0);
    let mut before = (TableProgress::default(), Vec::new(), Vec::new());
    for number in 0..20_usize {
        // Some minutes are new, and some say something else than before.
        let seed = number as i64;
        let candles = minutes(seed, seed + 3, seed);
        let batch = reader.next(&[(0, &candles)], &[RowRefusal::Invalid]);
        let polls = 1 + number * number * number / 3;
        let done = {
            let mut call = std::pin::pin!(store.write_import_batch(&batch));
            let mut done = false;
            for _ in 0..polls {
                if poll!(&mut call).is_ready() {
                    done = true;
                    break;
                }
                yield_once().await;
            }
            done
        };
        let state = async || -> Result<_, super::super::Failure> {
            let progress = manifest(&*store, &run.id).await?.progress.swap_remove(0);
            Ok((progress, of_import(&*store, &part).await?, of_refused(&*store, &run.id).await?))
        };
        let found = state().await?;
        let progress = store.write_import_batch(&batch).await?;
        let after = state().await?;
        ensure!(progress == after.0 && progress.rows_read == batch.to_row, "batch {number}: {progress:?}");
        ensure!(after.1.len() == number + 3, "{} candles after batch {number}", after.1.len());
        ensure!(after.1.ends_with(&candles), "batch {number} is not in the store");
        let kept = progress.invalid + progress.conflicting;
        ensure!(after.2.len() as u64 == kept, "{} refused rows, and {kept} counted", after.2.len());
        let is_whole = found == after || (!done && found == before);
        ensure!(is_whole, "batch {number} dropped after {polls} polls is in part there: {found:?}");
        before = after;
    }
    Ok(())
}

async fn of_two_batches_at_once_one_is_written(store: Arc<dyn MarketStore>) -> Verdict {
    let run = run("one");
    store.begin_run(&run, at(1)).await?;
    let (one, two) = (minutes(0, 30, 0), minutes(0, 30, 1));
    let first = Reader::new(&run.id, 0).next(&[(0, &one)], &[]);
    let second = Reader::new(&run.id, 0).next(&[(0, &two)], &[]);
    // Of one table: the same batch again is no error, another one is.
    let outcomes = futures::join!(
        store.write_import_batch(&first),
        store.write_import_batch(&first),
        store.write_import_batch(&second)
    );
    let won = match outcomes {
        (Ok(_), Ok(_), other) => {
            refused("the one that came late", other, StoreErrorKind::Conflict)?;
            &one
        }
        (a, b, Ok(_)) => {
            refused("one that came late", a, StoreErrorKind::Conflict)?;
            refused("another that came late", b, StoreErrorKind::Conflict)?;
            &two
        }
        (a, b, c) => return Err(format!("{a:?}, {b:?} and {c:?}").into()),
    };
    same("candles", &of_import(&*store, &part(&run.id, 0)).await?, won)?;
    // Of two tables that share candles both are written, and each counts what it found.
    let same_ones = Reader { on_conflict: OnConflict::KeepFirst, ..Reader::new(&run.id, 1) };
    let (mut a, mut b) = (same_ones.clone(), Reader { table: 2, ..same_ones });
    let shared = minutes(30, 60, 0);
    let (a, b) = (a.next(&[(0, &shared)], &[]), b.next(&[(0, &shared)], &[]));
    let (a, b) = futures::try_join!(store.write_import_batch(&a), store.write_import_batch(&b))?;
    let counts = [(a.new, a.same), (b.new, b.same)];
    ensure!(counts == [(30, 0), (0, 30)] || counts == [(0, 30), (30, 0)], "counted {counts:?}");
    ensure!(of_import(&*store, &part(&run.id, 0)).await?.len() == 60, "not 60 candles");
    Ok(())
}
