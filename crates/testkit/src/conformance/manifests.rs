//! Cases of [`ManifestStore`](onetape_ports::ManifestStore): runs, and what is recorded of them.

mod batches;
mod conflicts;

use std::sync::Arc;

use onetape_domain::change::Changes;
use onetape_domain::imported::{Import, ImportId, ImportedCandle, Place};
use onetape_domain::manifest::{
    Decision, Left, Manifest, NewRun, PlannedPart, PlannedTable, RefusedRow, RunId, RunState, TableProgress,
};
use onetape_domain::time::{TimeRange, Timeframe};
use onetape_ports::{MarketStore, StoreError, StoreErrorKind};

use super::data::{at, batch, eth, instrument, trade};
use super::frames::query;
use super::imports::{live, minute, new_import, range, refused, source};
use super::{Case, Verdict, case, ensure, same, same_dump};
use crate::dump::dump;
use crate::reference::Reference;

pub(super) fn cases() -> Vec<Case> {
    let own = vec![
        case!(
            a_run_is_begun_once_with_its_parts,
            "Records a run with every table at its beginning, and begins each part. The same again changes nothing."
        ),
        case!(
            another_run_of_its_name_is_refused,
            "Another one of its name MUST be refused; all in one transaction."
        ),
        case!(runs_are_listed_oldest_first, "The runs with their states, oldest first."),
        case!(a_run_comes_back_exactly, "A run with all that is recorded of it."),
        case!(a_run_goes_forward_only, "Moves a run to another state, where that is allowed."),
        case!(
            a_run_that_is_removed_leaves_no_trace_but_its_record,
            "Removing each part leaves the tables of a store in which the import never ran."
        ),
        case!(
            a_removed_import_that_a_tape_took_in_leaves_the_tape,
            "Removing each part leaves the tables of a store in which the import never ran, with live data since."
        ),
    ];
    [own, batches::cases(), conflicts::cases()].concat()
}

fn run_id(name: &str) -> RunId {
    RunId::try_new(name).expect("a valid name")
}

/// Id of a part.
fn part(run: &RunId, number: usize) -> ImportId {
    ImportId::try_new(&format!("{run}/{number}")).expect("a valid id")
}

fn table(path: &str, rows: u64, decision: Decision) -> PlannedTable {
    let (name, format) = ("frames/\"1\"".to_owned(), "parquet".to_owned());
    PlannedTable {
        path: path.to_owned(),
        name,
        format,
        bytes: 5_000_000_000,
        sha256: "0f".repeat(32),
        rows,
        decision,
    }
}

/// A run of three tables: two of ether's minutes, of which the first hour and the rest are parts, and one that is left.
fn run(name: &str) -> NewRun {
    let id = run_id(name);
    let planned = |number, covered| {
        let (id, instrument) = (part(&id, number), eth());
        PlannedPart { id, instrument, timeframe: Timeframe::M1, covered }
    };
    let take = || Decision::Take { instrument: eth(), timeframe: Timeframe::M1 };
    let leave = Decision::Leave { why: Left::Refused, reason: "it names 'os.system'".to_owned() };
    let tables = vec![
        table("ETHUSDT_1m.parquet", 90, take()),
        table("a/ü 'b'.pkl", 50_000, take()),
        table("", 0, leave),
    ];
    let parts = vec![planned(0, range(0, 60)), planned(1, range(60, 60_000))];
    let settings = r#"{"z":1,"a":"\"\u0000","n":12345678901234567890}"#.to_owned();
    NewRun { id, origin: "/data/legacy cache".to_owned(), source: source("legacy"), settings, tables, parts }
}

async fn manifest(store: &dyn MarketStore, run: &RunId) -> Result<Manifest, super::Failure> {
    let manifest = store.manifest(run).await?;
    manifest.ok_or_else(|| super::Failure::from(format!("there is no run {run}")))
}

async fn of_import(store: &dyn MarketStore, id: &ImportId) -> Result<Vec<ImportedCandle>, StoreError> {
    use futures::TryStreamExt;
    store.stream_import(id, TimeRange::ALL).try_collect().await
}

async fn of_refused(store: &dyn MarketStore, run: &RunId) -> Result<Vec<RefusedRow>, StoreError> {
    use futures::TryStreamExt;
    store.stream_refused(run).try_collect().await
}

async fn a_run_is_begun_once_with_its_parts(store: Arc<dyn MarketStore>) -> Verdict {
    let run = run("one");
    let expected = Manifest {
        run: run.clone(),
        state: RunState::Running,
        begun_at: at(5),
        changed_at: at(5),
        progress: vec![TableProgress::default(); 3],
    };
    ensure!(store.manifest(&run.id).await?.is_none(), "there is a run before it is begun");
    ensure!(store.begin_run(&run, at(5)).await? == expected, "not as it was planned");
    ensure!(manifest(&*store, &run.id).await? == expected, "not recorded as it was planned");
    for number in [0, 1] {
        let begun = new_import(part(&run.id, number).as_str(), "legacy", eth(), Timeframe::M1);
        store.begin_import(&begun).await?;
        ensure!(store.add_imported(&begun.id, &[]).await? == 0, "part {number} is not begun");
    }
    store.set_run_state(&run.id, RunState::Finished, at(7)).await?;
    let finished = Manifest { state: RunState::Finished, changed_at: at(7), ..expected };
    ensure!(store.begin_run(&run, at(9)).await? == finished, "beginning it again changed it");
    ensure!(manifest(&*store, &run.id).await? == finished, "beginning it again changed the record");
    Ok(())
}

async fn another_run_of_its_name_is_refused(store: Arc<dyn MarketStore>) -> Verdict {
    let first = run("one");
    store.begin_run(&first, at(5)).await?;
    let others = [
        NewRun { settings: "{}".to_owned(), ..first.clone() },
        NewRun { tables: first.tables[..2].to_vec(), ..first.clone() },
        NewRun { parts: first.parts[..1].to_vec(), ..first.clone() },
        NewRun { origin: "/data".to_owned(), ..first.clone() },
    ];
    for other in others {
        refused("another of its name", store.begin_run(&other, at(6)).await, StoreErrorKind::Conflict)?;
    }
    ensure!(manifest(&*store, &first.id).await?.run == first, "a refused run changed it");
    // The second part is another import: nothing of the run is there afterwards.
    let second = run("two");
    let taken = new_import(second.parts[1].id.as_str(), "elsewhere", eth(), Timeframe::M1);
    store.begin_import(&taken).await?;
    refused("a part that is another's", store.begin_run(&second, at(6)).await, StoreErrorKind::Conflict)?;
    ensure!(store.manifest(&second.id).await?.is_none(), "a refused run is recorded");
    let part = store.add_imported(&second.parts[0].id, &[]).await;
    refused("a part of a refused run", part, StoreErrorKind::Invalid)?;
    let twice = NewRun { parts: vec![first.parts[0].clone(); 2], ..run("three") };
    refused("one part twice", store.begin_run(&twice, at(6)).await, StoreErrorKind::Invalid)?;
    let mut unfit = run("four");
    unfit.tables[1].name = "a\0b".to_owned();
    refused("a text with a NUL", store.begin_run(&unfit, at(6)).await, StoreErrorKind::Invalid)
}

async fn runs_are_listed_oldest_first(store: Arc<dyn MarketStore>) -> Verdict {
    ensure!(store.runs().await?.is_empty(), "there are runs");
    // Neither by name nor by the clocks of those who began them.
    for (name, seconds) in [("b", 9), ("c", 3), ("a", 5)] {
        store.begin_run(&run(name), at(seconds)).await?;
    }
    store.set_run_state(&run_id("c"), RunState::Removing, at(10)).await?;
    let expected = [("b", RunState::Running), ("c", RunState::Removing), ("a", RunState::Running)];
    same("runs", &store.runs().await?, &expected.map(|(name, state)| (run_id(name), state)))
}

async fn a_run_comes_back_exactly(store: Arc<dyn MarketStore>) -> Verdict {
    let reasons = [
        Left::Excluded,
        Left::NotCandles,
        Left::Ambiguous,
        Left::Unreadable,
        Left::Damaged,
        Left::Refused,
        Left::Limit,
        Left::Unsupported,
    ];
    let left = reasons.map(|why| {
        table("left", u64::from(u32::MAX) + 7, Decision::Leave { why, reason: format!("{why:?} 'ü'\n") })
    });
    let taken = Timeframe::ALL.map(|timeframe| {
        let instrument = instrument("okx", "1000PEPE/USDT:USDT");
        PlannedTable {
            sha256: String::new(),
            format: String::new(),
            ..table("taken", 1, Decision::Take { instrument, timeframe })
        }
    });
    let parts = Timeframe::ALL.map(|timeframe| PlannedPart {
        id: part(&run_id("many"), timeframe.index()),
        instrument: instrument("okx", "1000PEPE/USDT:USDT"),
        timeframe,
        covered: TimeRange::ALL,
    });
    let many =
        NewRun { tables: [left.to_vec(), taken.to_vec()].concat(), parts: parts.to_vec(), ..run("many") };
    let none = NewRun { tables: Vec::new(), parts: Vec::new(), settings: String::new(), ..run("none") };
    for run in [many, none] {
        let begun = store.begin_run(&run, at(1).plus(7)).await?;
        ensure!(begun.run == run, "begun as {begun:?}");
        let found = manifest(&*store, &run.id).await?;
        ensure!(found == begun, "came back as {found:?}");
    }
    Ok(())
}

async fn a_run_goes_forward_only(store: Arc<dyn MarketStore>) -> Verdict {
    use RunState::{Finished, Removed, Removing, Running};
    let run = run("one");
    let missing = store.set_run_state(&run.id, Finished, at(1)).await;
    refused("a run that is not there", missing, StoreErrorKind::Invalid)?;
    store.begin_run(&run, at(1)).await?;
    let steps = [(Running, false), (Finished, true), (Removing, true), (Removed, true)];
    let mut changed_at = at(1);
    for (seconds, (state, is_new)) in (2..).zip(steps) {
        for now in RunState::ALL {
            let current = manifest(&*store, &run.id).await?.state;
            if now != current && !current.may_become(now) {
                let back = store.set_run_state(&run.id, now, at(90)).await;
                refused("a state that may not follow", back, StoreErrorKind::Conflict)?;
            }
        }
        store.set_run_state(&run.id, state, at(seconds)).await?;
        if is_new {
            changed_at = at(seconds);
        }
        let Manifest { state: now, changed_at: changed, begun_at, .. } = manifest(&*store, &run.id).await?;
        ensure!(
            (now, changed, begun_at) == (state, changed_at, at(1)),
            "{now:?} since {changed}, and not {state:?}"
        );
    }
    Ok(())
}

async fn a_run_that_is_removed_leaves_no_trace_but_its_record(store: Arc<dyn MarketStore>) -> Verdict {
    let other = instrument("okx", "BTC/USDT");
    store.append(&batch(at(100), Changes::default()), None).await?;
    let state = async || -> Result<String, super::Failure> {
        let mut state = String::new();
        for instrument in [eth(), other.clone()] {
            let inventory = store.inventory(&instrument).await?;
            state += &format!("{}\n{inventory:?}\n", dump(&*store, &instrument).await?);
        }
        let (archived, waiting) = (store.archived().await?, store.waiting_imports().await?);
        let (instruments, order) = (store.instruments().await?, store.source_order().await?);
        Ok(format!("{state}{archived:?}\n{waiting:?}\n{instruments:?}\n{order:?}"))
    };
    let before = state().await?;
    let mut run = run("one");
    run.parts[1].instrument = other.clone();
    store.begin_run(&run, at(200)).await?;
    let candles = [minute(0, 0), minute(1, 1)];
    for PlannedPart { id, covered, .. } in &run.parts {
        let first = covered.start();
        let own: Vec<ImportedCandle> = match first == range(0, 1).start() {
            true => candles.to_vec(),
            false => Vec::new(),
        };
        store.add_imported(id, &own).await?;
        let place = store.finish_import(id, *covered).await?.place;
        let expected = if *id == run.parts[0].id { Place::Waiting } else { Place::Before };
        ensure!(place == expected, "{id} is {place:?}");
    }
    ensure!(state().await? != before, "the import changed nothing");
    store.set_run_state(&run.id, RunState::Removing, at(300)).await?;
    for part in &run.parts {
        store.remove_import(&part.id).await?;
    }
    store.set_run_state(&run.id, RunState::Removed, at(301)).await?;
    same_dump("after its removal", &state().await?, &before)?;
    ensure!(manifest(&*store, &run.id).await?.state == RunState::Removed, "its record is gone");
    // It is not begun anew under its name.
    store.begin_run(&run, at(400)).await?;
    refused(
        "a part of a removed run",
        store.add_imported(&run.parts[0].id, &[]).await,
        StoreErrorKind::Invalid,
    )
}

async fn a_removed_import_that_a_tape_took_in_leaves_the_tape(store: Arc<dyn MarketStore>) -> Verdict {
    let mut model = Reference::new(eth());
    let mut expected = None;
    let trades =
        |seconds| Changes { trades: vec![trade(at(seconds), seconds, at(seconds))], ..Changes::default() };
    let run = run("one");
    let mut waiting = Vec::new();
    for seconds in [100, 110, 120, 130] {
        // The import is begun and finished between two batches, and the next one takes it in.
        if seconds == 110 {
            store.begin_run(&run, at(105)).await?;
            for PlannedPart { id, covered, .. } in &run.parts {
                store
                    .add_imported(id, &[minute(covered.start().since(range(0, 1).start()) / 60_000_000, 0)])
                    .await?;
                waiting.push(store.finish_import(id, *covered).await?);
            }
        }
        let taken_in = waiting.drain(..).map(|import| Import { place: Place::At(at(seconds)), ..import });
        let changes = Changes { imports: taken_in.collect(), ..trades(seconds) };
        let batch = if seconds == 100 { batch(at(seconds), changes) } else { live(at(seconds), changes) };
        store.append(&batch, expected).await?;
        expected = Some(batch.clock.issued);
        model.take(&trades(seconds));
        model.set_clock(batch.clock);
    }
    ensure!(store.imports(&eth()).await?.len() == 2, "the tape took nothing in");
    for part in &run.parts {
        store.remove_import(&part.id).await?;
    }
    same_dump("after its removal", &dump(&*store, &eth()).await?, &model.dump())?;
    ensure!(store.imports(&eth()).await?.is_empty(), "there are imports");
    let parts = store.frame_parts(&query(at(140))).await?;
    ensure!(parts.imports.is_empty(), "a frame knows of {:?}", parts.imports);
    Ok(())
}
