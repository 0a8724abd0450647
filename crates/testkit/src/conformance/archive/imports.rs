//! Cases of loads with imports.

use std::collections::BTreeSet;
use std::sync::Arc;

use onetape_domain::imported::{
    Import, ImportId, ImportedCandle, ImportedRow, ImportedValues, NewImport, Place, Source, roll_up_covered,
};
use onetape_domain::time::{TimeRange, Timeframe, Timestamp};
use onetape_ports::{ImportedQuery, Load, LoadEnd, LoadRows, MarketStore, Selection, StoreError};

use super::{MINUTE, end_at, is_unseen, load_to, refused};
use crate::conformance::data::{MIDNIGHT, at, eth, price, size};
use crate::conformance::frames::query;
use crate::conformance::{Verdict, ensure, same};

fn id(text: &str) -> ImportId {
    ImportId::try_new(text).expect("a valid id")
}

pub(super) fn new_import(name: &str, from: &str) -> NewImport {
    let source = Source::try_new(from).expect("a valid source");
    NewImport { id: id(name), instrument: eth(), source, timeframe: Timeframe::M1 }
}

/// Half an hour of minutes.
pub(super) fn import(name: &str, from: &str, place: Place) -> Import {
    let NewImport { id, instrument, source, timeframe } = new_import(name, from);
    let covered = TimeRange::try_new(MIDNIGHT, MIDNIGHT.plus(30 * MINUTE)).expect("a range");
    Import { id, instrument, source, timeframe, covered, place, number: 0, rank: Import::UNRANKED }
}

fn minutes(base: i64) -> Vec<ImportedCandle> {
    let minute = |count: i64| {
        let values = ImportedValues {
            open: price(&(base + count % 7).to_string()),
            high: price("900.5"),
            low: price("1"),
            close: price(&(base + count % 5).to_string()),
            volume: size("2.25"),
            taker_buy_volume: (count % 2 == 0).then(|| size("0.5")),
            trade_count: (count % 3 == 0).then_some(4),
        };
        ImportedCandle::try_new(Timeframe::M1, MIDNIGHT.plus(count * MINUTE), values).expect("a valid candle")
    };
    (0..30).map(minute).collect()
}

/// The candles of each timeframe that an import has.
fn all_candles(import: &Import, base: i64) -> Vec<(Timeframe, Vec<ImportedCandle>)> {
    let own = minutes(base);
    let rolled = |timeframe| {
        let rolled = roll_up_covered(&own, import.covered, timeframe).expect("small volumes");
        (timeframe, rolled)
    };
    let coarser = Timeframe::ALL.into_iter().filter(|timeframe| *timeframe > Timeframe::M1);
    let mut all: Vec<_> = coarser.map(rolled).collect();
    all.push((Timeframe::M1, own.clone()));
    all
}

pub(super) async fn load_candles(
    store: &dyn MarketStore,
    import: &Import,
    base: i64,
) -> Result<(), StoreError> {
    for (timeframe, candles) in all_candles(import, base) {
        let rows = LoadRows::Imported { id: import.id.clone(), timeframe, candles };
        store.load(&eth(), &rows).await?;
        store.load(&eth(), &rows).await?;
    }
    Ok(())
}

async fn same_imports(store: &dyn MarketStore, expected: &[(Import, i64)]) -> Verdict {
    let imports = store.imports(&eth()).await?;
    let shown = |import: &Import| (import.id.clone(), import.source.clone(), import.covered, import.place);
    let got: Vec<_> = imports.iter().map(shown).collect();
    same("imports", &got, &expected.iter().map(|(import, _)| shown(import)).collect::<Vec<_>>())?;
    for (position, (import, base)) in expected.iter().enumerate() {
        let selections = [Some(Selection::Range(TimeRange::ALL)); 6];
        let query = ImportedQuery {
            instrument: eth(),
            imports: vec![imports[position].clone()],
            selections,
            closed_by: Timestamp::LATEST,
        };
        let found = store.imported(&query).await?;
        for (timeframe, candles) in all_candles(import, *base) {
            let mut got = found[timeframe.index()].clone();
            got.sort_by_key(|row| row.candle.open_time());
            let row = |candle| ImportedRow { import: 0, candle };
            let expected: Vec<_> = candles.into_iter().map(row).collect();
            same(&format!("{timeframe} candles of import {}", import.id), &got, &expected)?;
        }
    }
    Ok(())
}

pub(super) async fn loaded_imports_are_unseen_and_then_in_their_place(
    store: Arc<dyn MarketStore>,
) -> Verdict {
    store.begin_load(&load_to(at(50))).await?;
    let imports = [
        import("before", "files", Place::Before),
        import("taken-in", "vendor", Place::At(at(20))),
        import("waits", "files", Place::Waiting),
    ];
    let mut loaded = Vec::new();
    for import in &imports {
        let here = store.load_import(import).await?;
        ensure!(store.load_import(import).await? == here, "begun again it is the same");
        loaded.push(here);
    }
    ensure!(loaded.is_sorted_by_key(|import| import.number), "imports are numbered in their order");
    let other = Import { timeframe: Timeframe::H1, ..imports[0].clone() };
    refused("another import of that id", store.load_import(&other).await, &[])?;
    let bases = [100, 200, 300];
    for (import, base) in loaded.iter().zip(bases) {
        load_candles(&*store, import, base).await?;
    }
    is_unseen(&*store).await?;
    ensure!(store.waiting_imports().await?.is_empty(), "an import of a load waits already");
    let fewer = LoadEnd { imports: loaded[..2].to_vec(), ..end_at(at(50)) };
    refused("an import left out", store.finish_load(&fewer).await, &[])?;
    is_unseen(&*store).await?;
    let end = LoadEnd { imports: loaded.clone(), ..end_at(at(50)) };
    store.finish_load(&end).await?;
    store.finish_load(&end).await?;
    let expected: Vec<_> = imports.into_iter().zip(bases).collect();
    same_imports(&*store, &expected).await?;
    for (as_of, count) in [(at(19), 1), (at(20), 2), (at(60), 2)] {
        let known = store.frame_parts(&query(as_of)).await?.imports;
        ensure!(known.len() == count, "{} imports are known at {as_of} and not {count}", known.len());
    }
    let waiting: Vec<ImportId> = store.waiting_imports().await?.into_iter().map(|import| import.id).collect();
    same("imports that wait", &waiting, &[id("waits")])
}

pub(super) async fn imports_without_a_tape_are_loaded_too(store: Arc<dyn MarketStore>) -> Verdict {
    let load = Load { instrument: eth(), issued: None };
    store.begin_load(&load).await?;
    ensure!(store.load_under_way(&eth()).await? == Some(load.clone()), "a load without a tape is under way");
    let here = store.load_import(&import("history", "files", Place::Before)).await?;
    load_candles(&*store, &here, 100).await?;
    is_unseen(&*store).await?;
    let end = LoadEnd { clock: None, imports: vec![here.clone()], ..end_at(at(0)) };
    store.finish_load(&end).await?;
    store.finish_load(&end).await?;
    ensure!(store.clock(&eth()).await?.is_none(), "it has no clock");
    ensure!(store.archived().await? == BTreeSet::from([eth()]), "it can be copied on");
    same_imports(&*store, &[(here, 100)]).await?;
    refused("a load over imports", store.begin_load(&load).await, &[])
}
