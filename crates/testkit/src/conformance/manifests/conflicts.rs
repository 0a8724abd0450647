//! Cases of candles that are there already.

use std::sync::Arc;

use onetape_domain::imported::ImportedCandle;
use onetape_domain::manifest::{RefusedRow, RowRefusal, TableProgress};
use onetape_ports::{MarketStore, OnConflict, StoreErrorKind, differences};

use super::batches::{Reader, minutes};
use super::{manifest, of_import, of_refused, part, run};
use crate::conformance::data::at;
use crate::conformance::imports::{minute, refused};
use crate::conformance::{Case, Verdict, case, ensure, same};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            of_two_candles_the_policy_says_which_stays,
            "A candle that its part has already MUST be counted as the same or as conflicting; the other is recorded."
        ),
        case!(
            a_batch_with_a_conflict_that_is_refused_changes_nothing,
            "Neither: the batch fails with `Data`, and names the first that differs."
        ),
        case!(
            a_batch_ends_where_it_likes,
            "Whatever rows of a table a batch holds, the outcome MUST be that of as many batches of a row each."
        ),
    ]
}

/// Twenty minutes, then ten of them again as they were, ten with other values, and ten that are new.
fn meeting() -> (Vec<ImportedCandle>, Vec<ImportedCandle>) {
    let later = [minutes(0, 10, 0), minutes(10, 20, 1), minutes(20, 30, 1)].concat();
    // From the last to the first.
    (minutes(0, 20, 0), later.into_iter().rev().collect())
}

async fn of_two_candles_the_policy_says_which_stays(store: Arc<dyn MarketStore>) -> Verdict {
    let (first, later) = meeting();
    for (name, on_conflict) in [("first", OnConflict::KeepFirst), ("last", OnConflict::KeepLast)] {
        let run = run(name);
        store.begin_run(&run, at(1)).await?;
        let part = part(&run.id, 0);
        store.write_import_batch(&Reader::new(&run.id, 0).next(&[(0, &first)], &[])).await?;
        let mut reader = Reader::new(&run.id, 1);
        reader.on_conflict = on_conflict;
        let batch = reader.next(&[(0, &later)], &[RowRefusal::Invalid]);
        let progress = store.write_import_batch(&batch).await?;
        let TableProgress { rows_read, new, same: equal, conflicting, invalid, .. } = progress;
        let counts = [rows_read, new, equal, conflicting, invalid];
        ensure!(counts == [31, 10, 10, 10, 1], "counted {counts:?}");
        let kept = |count: i64| minute(count, i64::from(count >= 20 || (name == "last" && count >= 10)));
        let expected: Vec<_> = (0..30).map(kept).collect();
        same("minutes", &of_import(&*store, &part).await?, &expected)?;
        // Minute 19 is row 10 of the batch, minute 10 row 19.
        let outvoted = (10..20_u64).map(|row| {
            let count = 29 - row.cast_signed();
            let (old, new) = (minute(count, 0), minute(count, 1));
            let (kept, other) = if name == "last" { (new, old) } else { (old, new) };
            RefusedRow { table: 1, row, why: RowRefusal::Outvoted, reasons: differences(&kept, &other) }
        });
        let expected: Vec<_> = outvoted.chain(batch.refused).collect();
        ensure!(expected.iter().all(|row| !row.reasons.0.is_empty()), "the candles do not differ");
        same("refused rows", &of_refused(&*store, &run.id).await?, &expected)?;
    }
    Ok(())
}

async fn a_batch_with_a_conflict_that_is_refused_changes_nothing(store: Arc<dyn MarketStore>) -> Verdict {
    let (first, later) = meeting();
    let run = run("one");
    store.begin_run(&run, at(1)).await?;
    store.write_import_batch(&Reader::new(&run.id, 0).next(&[(0, &first)], &[])).await?;
    let batch = Reader::new(&run.id, 1).next(&[(0, &later)], &[RowRefusal::Invalid]);
    let outcome = store.write_import_batch(&batch).await;
    if let Err(error) = &outcome {
        let text = error.to_string();
        ensure!(text.contains("row 10 of table 1") && text.contains("candle.open"), "it says only: {text}");
    }
    refused("a conflict", outcome, StoreErrorKind::Data)?;
    ensure!(manifest(&*store, &run.id).await?.progress[1] == TableProgress::default(), "there is progress");
    same("minutes", &of_import(&*store, &part(&run.id, 0)).await?, &first)?;
    ensure!(of_refused(&*store, &run.id).await?.is_empty(), "there are refused rows");
    // Equal ones are none.
    let again = Reader::new(&run.id, 1).next(&[(0, &first)], &[]);
    let progress = store.write_import_batch(&again).await?;
    ensure!((progress.new, progress.same) == (0, 20), "{progress:?}");
    Ok(())
}

async fn a_batch_ends_where_it_likes(store: Arc<dyn MarketStore>) -> Verdict {
    // Of each minute what another table has, then those of this one, which meet one another and what is there.
    let there = [minute(0, 0), minute(1, 1), minute(2, 0)];
    let rows =
        [(0, 1), (3, 0), (0, 1), (1, 1), (0, 0), (2, 1), (3, 1), (1, 0), (3, 0), (2, 0), (4, 2), (2, 1)];
    let rows = rows.map(|(count, seed)| minute(count, seed));
    for (name, on_conflict) in [("first", OnConflict::KeepFirst), ("last", OnConflict::KeepLast)] {
        let mut expected = None;
        for size in [1, 2, 3, 5, rows.len()] {
            let run = run(&format!("{name}-{size}"));
            store.begin_run(&run, at(1)).await?;
            store.write_import_batch(&Reader::new(&run.id, 0).next(&[(0, &there)], &[])).await?;
            let mut reader = Reader::new(&run.id, 1);
            reader.on_conflict = on_conflict;
            let mut progress = TableProgress::default();
            for batch in rows.chunks(size) {
                progress = store.write_import_batch(&reader.next(&[(0, batch)], &[])).await?;
            }
            let candles = of_import(&*store, &part(&run.id, 0)).await?;
            let found = (progress, candles, of_refused(&*store, &run.id).await?);
            let of_one = expected.get_or_insert_with(|| found.clone());
            ensure!(found == *of_one, "batches of {size} rows, {name}: {found:?}, and of one row {of_one:?}");
        }
        let (progress, candles, _) = expected.unwrap_or_default();
        let counts = (progress.new, progress.same, progress.conflicting);
        let (wanted, seeds) = match on_conflict {
            OnConflict::KeepLast => ((2, 2, 8), [0, 0, 1, 0, 2]),
            _ => ((2, 4, 6), [0, 1, 0, 0, 2]),
        };
        ensure!(counts == wanted, "{name}: counted {counts:?}");
        let kept: Vec<_> = (0..).zip(seeds).map(|(count, seed)| minute(count, seed)).collect();
        same("minutes", &candles, &kept)?;
    }
    Ok(())
}
