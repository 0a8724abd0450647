//! Cases of [`ImportStore`](onetape_ports::ImportStore): candles from elsewhere, and when they are known.

use std::sync::Arc;

use onetape_domain::change::{Changes, TapeBatch};
use onetape_domain::imported::{
    Import, ImportId, ImportedCandle, ImportedRow, ImportedValues, NewImport, Place, Source, roll_up_covered,
};
use onetape_domain::instrument::Instrument;
use onetape_domain::time::{SECOND, TimeRange, Timeframe, Timestamp};
use onetape_ports::{
    FrameQuery, ImportedQuery, Knowledge, MarketStore, Selection, StoreError, StoreErrorKind,
};

use super::data::{MIDNIGHT, at, batch, eth, instrument, price, size};
use super::frames::query;
use super::{Case, Verdict, case, ensure, same};

/// A candle in minutes from midnight.
const MINUTE: i64 = 60 * SECOND;

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(an_import_is_unseen_until_it_is_finished, "Until it is finished no reader sees it."),
        case!(
            beginning_an_import_again_changes_nothing,
            "Beginning the same one again MUST change nothing; another with its id MUST be refused."
        ),
        case!(
            imported_candles_are_added_once_and_all_or_none,
            "A candle the import has MUST be passed over; other values, and new ones once finished, be refused."
        ),
        case!(
            finishing_an_import_rolls_up_whole_periods,
            "Rolls up the coarser candles of every period that lies in the range as a whole."
        ),
        case!(
            an_import_is_finished_for_one_range,
            "The range MUST be on the grid and hold the candles; finishing again with another is refused."
        ),
        case!(
            an_import_waits_until_a_batch_names_it,
            "Where the instrument has a clock it waits; imports that wait get the place the batch names."
        ),
        case!(
            an_import_before_the_tape_is_named_by_its_first_batch,
            "With the first batch, those before the tape that it does not name MUST begin to wait."
        ),
        case!(
            imported_candles_are_those_of_the_imports_asked_for,
            "Candles of each import and timeframe asked for, closed by then."
        ),
        case!(
            removing_an_import_takes_all_of_it,
            "Removes an import, finished or not, with all its candles."
        ),
        case!(sources_have_an_order, "The order in which sources are preferred; others follow by name."),
        case!(
            imported_numbers_come_back_exactly,
            "Candles of imports, in exact decimals, unknown counts included."
        ),
        case!(imports_of_any_size_are_taken_in, "Tens of thousands of candles in one import.", LargeBatches),
    ]
}

pub(super) fn id(text: &str) -> ImportId {
    ImportId::try_new(text).expect("a valid id")
}

pub(super) fn source(name: &str) -> Source {
    Source::try_new(name).expect("a valid source")
}

pub(super) fn new_import(name: &str, from: &str, instrument: Instrument, timeframe: Timeframe) -> NewImport {
    NewImport { id: id(name), instrument, source: source(from), timeframe }
}

/// A candle of one price, `count` minutes after midnight, whose numbers follow from `seed`.
pub(super) fn minute(count: i64, seed: i64) -> ImportedCandle {
    let values = ImportedValues {
        open: price(&format!("{}", 100 + (count * 7 + seed) % 13)),
        high: price("200.5"),
        low: price("1"),
        close: price(&format!("{}", 100 + (count * 5 + seed) % 11)),
        volume: size(&format!("{}.25", 1 + count % 3)),
        taker_buy_volume: (seed % 2 == 0).then(|| size("0.5")),
        trade_count: (seed % 3 == 0).then_some(4),
    };
    ImportedCandle::try_new(Timeframe::M1, MIDNIGHT.plus(count * MINUTE), values).expect("a valid candle")
}

pub(super) fn range(from: i64, to: i64) -> TimeRange {
    TimeRange::try_new(MIDNIGHT.plus(from * MINUTE), MIDNIGHT.plus(to * MINUTE)).expect("a range")
}

/// Begins, fills and finishes an import of minutes.
async fn import(
    store: &dyn MarketStore,
    new: &NewImport,
    candles: &[ImportedCandle],
    covered: TimeRange,
) -> Result<Import, StoreError> {
    store.begin_import(new).await?;
    store.add_imported(&new.id, candles).await?;
    store.finish_import(&new.id, covered).await
}

pub(super) fn all(imports: Vec<Import>) -> ImportedQuery {
    let selections = [Some(Selection::Range(TimeRange::ALL)); 6];
    ImportedQuery { instrument: eth(), imports, selections, closed_by: Timestamp::LATEST }
}

pub(super) fn sorted(mut rows: Vec<ImportedRow>) -> Vec<ImportedRow> {
    rows.sort_by_key(|row| (row.import, row.candle.open_time()));
    rows
}

pub(super) fn rows(import: usize, candles: &[ImportedCandle]) -> Vec<ImportedRow> {
    candles.iter().map(|candle| ImportedRow { import, candle: *candle }).collect()
}

pub(super) fn refused<T>(what: &str, outcome: Result<T, StoreError>, kind: StoreErrorKind) -> Verdict {
    match outcome {
        Err(error) if error.kind() == kind => Ok(()),
        Err(error) => Err(format!("{what}: refused with {:?} and not {kind:?}", error.kind()).into()),
        Ok(_) => Err(format!("{what}: was not refused").into()),
    }
}

async fn known(
    store: &dyn MarketStore,
    as_of: Timestamp,
    knowledge: Knowledge,
) -> Result<Vec<Import>, StoreError> {
    let query = FrameQuery { knowledge, ..query(as_of) };
    Ok(store.frame_parts(&query).await?.imports.to_vec())
}

async fn an_import_is_unseen_until_it_is_finished(store: Arc<dyn MarketStore>) -> Verdict {
    let new = new_import("one", "files", eth(), Timeframe::M1);
    let candles: Vec<_> = (0..3).map(|count| minute(count, 0)).collect();
    store.begin_import(&new).await?;
    ensure!(store.add_imported(&new.id, &candles).await? == 3, "three candles are new");
    ensure!(store.imports(&eth()).await?.is_empty(), "an unfinished import is listed");
    ensure!(
        known(&*store, at(300), Knowledge::AsRecorded).await?.is_empty(),
        "an unfinished import is known"
    );
    let finished = store.finish_import(&new.id, range(0, 3)).await?;
    let NewImport { id, instrument, source, timeframe } = new;
    let (covered, place, rank) = (range(0, 3), Place::Before, Import::UNRANKED);
    let expected =
        Import { id, instrument, source, timeframe, covered, place, rank, number: finished.number };
    ensure!(finished == expected, "got {finished:?}");
    same("imports", &store.imports(&eth()).await?, std::slice::from_ref(&expected))?;
    for as_of in [at(-86_400), at(0), at(86_400)] {
        for knowledge in [Knowledge::AsRecorded, Knowledge::AsCorrected] {
            same("known imports", &known(&*store, as_of, knowledge).await?, std::slice::from_ref(&expected))?;
        }
    }
    ensure!(store.flushed(&eth()).await?.is_none(), "an import is no tape");
    let other = store.imports(&instrument_of_nothing()).await?;
    ensure!(other.is_empty(), "another instrument has {other:?}");
    Ok(())
}

/// A further batch of an instrument that went live at 100 s.
pub(super) fn live(issued: Timestamp, changes: Changes) -> TapeBatch {
    let mut batch = batch(issued, changes);
    batch.clock.live_since = at(100);
    batch
}

fn instrument_of_nothing() -> Instrument {
    instrument("bybit", "ETH/USDT")
}

async fn beginning_an_import_again_changes_nothing(store: Arc<dyn MarketStore>) -> Verdict {
    let new = new_import("one", "files", eth(), Timeframe::M1);
    let first = import(&*store, &new, &[minute(0, 0)], range(0, 1)).await?;
    store.begin_import(&new).await?;
    same("imports", &store.imports(&eth()).await?, &[first])?;
    let others = [
        new_import("one", "elsewhere", eth(), Timeframe::M1),
        new_import("one", "files", instrument_of_nothing(), Timeframe::M1),
        new_import("one", "files", eth(), Timeframe::H1),
    ];
    for other in others {
        refused("another with its id", store.begin_import(&other).await, StoreErrorKind::Conflict)?;
    }
    refused("an unknown id", store.add_imported(&id("two"), &[]).await, StoreErrorKind::Invalid)?;
    refused("an unknown id", store.finish_import(&id("two"), range(0, 1)).await, StoreErrorKind::Invalid)
}

async fn imported_candles_are_added_once_and_all_or_none(store: Arc<dyn MarketStore>) -> Verdict {
    let new = new_import("one", "files", eth(), Timeframe::M1);
    store.begin_import(&new).await?;
    let candles: Vec<_> = [4, 0, 2].map(|count| minute(count, 0)).to_vec();
    ensure!(store.add_imported(&new.id, &candles).await? == 3, "three are new");
    ensure!(store.add_imported(&new.id, &candles[1..]).await? == 0, "none is new");
    ensure!(store.add_imported(&new.id, &[]).await? == 0, "none of none is new");
    let mixed = [minute(3, 0), minute(2, 1)];
    refused("other values", store.add_imported(&new.id, &mixed).await, StoreErrorKind::Conflict)?;
    let twice = [minute(7, 0), minute(7, 1)];
    refused("two at once", store.add_imported(&new.id, &twice).await, StoreErrorKind::Conflict)?;
    ensure!(
        store.add_imported(&new.id, &[minute(6, 0), minute(6, 0)]).await? == 1,
        "the same one twice at once"
    );
    let finished = store.finish_import(&new.id, range(0, 7)).await?;
    ensure!(store.add_imported(&new.id, &candles).await? == 0, "those it has are passed over");
    let late = store.add_imported(&new.id, &[minute(2, 0), minute(5, 0)]).await;
    refused("a new one once finished", late, StoreErrorKind::Conflict)?;
    let got = store.imported(&all(vec![finished])).await?;
    let expected = [0, 2, 4, 6].map(|count| minute(count, 0));
    same("minutes", &sorted(got[Timeframe::M1.index()].clone()), &rows(0, &expected))
}

async fn finishing_an_import_rolls_up_whole_periods(store: Arc<dyn MarketStore>) -> Verdict {
    // From minute 3 to 127, with holes: hours 0 and 2 are not whole, nor is the day.
    let candles: Vec<_> = (3..127).filter(|count| count % 9 != 4).map(|count| minute(count, 0)).collect();
    let new = new_import("one", "files", eth(), Timeframe::M1);
    let finished = import(&*store, &new, &candles, range(3, 127)).await?;
    let got = store.imported(&all(vec![finished.clone()])).await?;
    let counts = got.each_ref().map(Vec::len);
    ensure!(counts[..2] == [0, candles.len()], "{counts:?} candles");
    ensure!(counts[Timeframe::M5.index()] == 24 && counts[Timeframe::H1.index()] == 1, "{counts:?} candles");
    for timeframe in Timeframe::ALL.into_iter().filter(|timeframe| *timeframe > Timeframe::M1) {
        let expected =
            roll_up_covered(&candles, finished.covered, timeframe).map_err(|error| error.to_string())?;
        same(timeframe.as_str(), &sorted(got[timeframe.index()].clone()), &rows(0, &expected))?;
    }
    // Unknown parts make an unknown sum.
    let new = new_import("two", "files", eth(), Timeframe::M1);
    let finished = import(&*store, &new, &[minute(0, 0), minute(1, 1), minute(2, 0)], range(0, 5)).await?;
    let got = store.imported(&all(vec![finished])).await?;
    let five = got[Timeframe::M5.index()].first().ok_or_else(|| "no 5m candle".to_owned())?;
    let ohlcv = five.candle.ohlcv();
    ensure!(
        ohlcv.trade_count.is_none() && ohlcv.taker_buy_volume.is_none(),
        "a sum of unknown parts: {ohlcv:?}"
    );
    Ok(())
}

async fn an_import_is_finished_for_one_range(store: Arc<dyn MarketStore>) -> Verdict {
    let new = new_import("one", "files", eth(), Timeframe::M1);
    store.begin_import(&new).await?;
    store.add_imported(&new.id, &[minute(0, 0), minute(9, 0)]).await?;
    let off = TimeRange::try_new(MIDNIGHT, MIDNIGHT.plus(10 * MINUTE + 1)).expect("a range");
    refused("off the grid", store.finish_import(&new.id, off).await, StoreErrorKind::Data)?;
    for short in [range(0, 9), range(1, 10)] {
        refused("a candle outside", store.finish_import(&new.id, short).await, StoreErrorKind::Data)?;
    }
    ensure!(store.imports(&eth()).await?.is_empty(), "a refused end finished it");
    let first = store.finish_import(&new.id, range(0, 10)).await?;
    ensure!(store.finish_import(&new.id, range(0, 10)).await? == first, "finishing again changed it");
    refused("another range", store.finish_import(&new.id, range(0, 11)).await, StoreErrorKind::Conflict)?;
    let second = new_import("two", "files", eth(), Timeframe::M1);
    let second = import(&*store, &second, &[], range(0, 10)).await?;
    ensure!(second.number > first.number, "a later import has no higher number");
    same("imports", &store.imports(&eth()).await?, &[first, second])
}

async fn an_import_waits_until_a_batch_names_it(store: Arc<dyn MarketStore>) -> Verdict {
    store.append(&batch(at(100), Changes::default()), None).await?;
    let new = new_import("one", "files", eth(), Timeframe::M1);
    let waiting = import(&*store, &new, &[minute(0, 0)], range(0, 1)).await?;
    ensure!(waiting.place == Place::Waiting, "{waiting:?} does not wait");
    same("waiting", &store.waiting_imports().await?, std::slice::from_ref(&waiting))?;
    let nothing = known(&*store, at(200), Knowledge::AsRecorded).await?;
    ensure!(nothing.is_empty(), "known before it was taken in: {nothing:?}");
    let before = known(&*store, at(99), Knowledge::AsRecorded).await?;
    same("before the instrument went live", &before, std::slice::from_ref(&waiting))?;
    let placed = Import { place: Place::At(at(150)), ..waiting };
    let changes = Changes { imports: vec![placed.clone()], ..Changes::default() };
    store.append(&live(at(150), changes), Some(at(100))).await?;
    ensure!(store.waiting_imports().await?.is_empty(), "it still waits");
    same("imports", &store.imports(&eth()).await?, std::slice::from_ref(&placed))?;
    for (as_of, count) in [(at(99), 1), (at(100), 0), (at(150).plus(-1), 0), (at(150), 1), (at(900), 1)] {
        let got = known(&*store, as_of, Knowledge::AsRecorded).await?;
        ensure!(got.len() == count, "{} imports known at {as_of}, expected {count}", got.len());
        let got = known(&*store, as_of, Knowledge::AsCorrected).await?;
        ensure!(got == [placed.clone()], "as corrected at {as_of}: {got:?}");
    }
    // Named again, as by a batch that was written twice: it stays where it is.
    let again = Import { place: Place::At(at(160)), ..placed.clone() };
    let changes = Changes { imports: vec![again], ..Changes::default() };
    store.append(&live(at(160), changes), Some(at(150))).await?;
    same("imports", &store.imports(&eth()).await?, &[placed])
}

async fn an_import_before_the_tape_is_named_by_its_first_batch(store: Arc<dyn MarketStore>) -> Verdict {
    let first = new_import("one", "files", eth(), Timeframe::M1);
    let first = import(&*store, &first, &[minute(0, 0)], range(0, 1)).await?;
    let second = new_import("two", "files", eth(), Timeframe::M1);
    let second = import(&*store, &second, &[minute(0, 1)], range(0, 1)).await?;
    let other = new_import("three", "files", instrument_of_nothing(), Timeframe::M1);
    let other = import(&*store, &other, &[minute(0, 1)], range(0, 1)).await?;
    ensure!(other.place == Place::Before, "{other:?} is not before its tape");
    let changes = Changes { imports: vec![first.clone()], ..Changes::default() };
    store.append(&batch(at(100), changes), None).await?;
    let waiting = Import { place: Place::Waiting, ..second };
    same("imports", &store.imports(&eth()).await?, &[first.clone(), waiting.clone()])?;
    same("waiting", &store.waiting_imports().await?, &[waiting])?;
    same("of another instrument", &store.imports(&instrument_of_nothing()).await?, &[other])?;
    store.append(&live(at(120), Changes::default()), Some(at(100))).await?;
    same("known", &known(&*store, at(120), Knowledge::AsRecorded).await?, &[first])
}

async fn imported_candles_are_those_of_the_imports_asked_for(store: Arc<dyn MarketStore>) -> Verdict {
    let one: Vec<_> = (0..60).map(|count| minute(count, 0)).collect();
    let two: Vec<_> = (30..70).step_by(2).map(|count| minute(count, 1)).collect();
    let first = new_import("one", "files", eth(), Timeframe::M1);
    let first = import(&*store, &first, &one, range(0, 60)).await?;
    let second = new_import("two", "elsewhere", eth(), Timeframe::M1);
    let second = import(&*store, &second, &two, range(30, 70)).await?;
    let other = new_import("three", "files", instrument_of_nothing(), Timeframe::M1);
    import(&*store, &other, &one, range(0, 60)).await?;
    let minutes = |selection, closed_by, imports: &[&Import]| {
        let mut selections = [None; 6];
        selections[Timeframe::M1.index()] = Some(selection);
        let imports = imports.iter().map(|import| (*import).clone()).collect();
        ImportedQuery { instrument: eth(), imports, selections, closed_by }
    };
    let index = Timeframe::M1.index();
    let end = MIDNIGHT.plus(50 * MINUTE);
    for (closed_by, until) in [(end, 50), (end.plus(-1), 49), (end.plus(1), 50)] {
        let got = store.imported(&minutes(Selection::Last(5), closed_by, &[&second, &first])).await?;
        let last = |candles: &[ImportedCandle]| -> Vec<ImportedCandle> {
            let closed = candles.iter().filter(|candle| candle.open_time() < MIDNIGHT.plus(until * MINUTE));
            let closed: Vec<_> = closed.copied().collect();
            closed[closed.len().saturating_sub(5)..].to_vec()
        };
        let expected = [rows(0, &last(&two)), rows(1, &last(&one))].concat();
        same("the last minutes", &sorted(got[index].clone()), &expected)?;
        ensure!(got[Timeframe::M5.index()].is_empty(), "a timeframe that was not asked for");
    }
    let got = store.imported(&minutes(Selection::Range(range(10, 40)), end, &[&first])).await?;
    same("a range of minutes", &sorted(got[index].clone()), &rows(0, &one[10..40]))?;
    for nothing in [Selection::Last(0), Selection::Range(range(40, 40)), Selection::Range(range(80, 90))] {
        let got = store.imported(&minutes(nothing, Timestamp::LATEST, &[&first])).await?;
        ensure!(got[index].is_empty(), "{nothing:?} gives {} rows", got[index].len());
    }
    let got = store.imported(&minutes(Selection::Last(1_000), Timestamp::LATEST, &[&first])).await?;
    same("more than there are", &sorted(got[index].clone()), &rows(0, &one))
}

async fn removing_an_import_takes_all_of_it(store: Arc<dyn MarketStore>) -> Verdict {
    let candles: Vec<_> = (0..10).map(|count| minute(count, 0)).collect();
    let new = new_import("one", "files", eth(), Timeframe::M1);
    let first = import(&*store, &new, &candles, range(0, 10)).await?;
    let kept = new_import("two", "files", eth(), Timeframe::M1);
    let kept = import(&*store, &kept, &candles[..4], range(0, 10)).await?;
    let unfinished = new_import("three", "files", eth(), Timeframe::M1);
    store.begin_import(&unfinished).await?;
    store.add_imported(&unfinished.id, &candles[..2]).await?;
    ensure!(store.remove_import(&unfinished.id).await? == 2, "two candles of an unfinished one");
    // Ten minutes and two of five minutes.
    let removed = store.remove_import(&new.id).await?;
    ensure!(removed == 12, "{removed} candles went");
    ensure!(store.remove_import(&new.id).await? == 0, "there is nothing left of it");
    same("imports", &store.imports(&eth()).await?, std::slice::from_ref(&kept))?;
    let got = store.imported(&all(vec![first.clone(), kept.clone()])).await?;
    same("minutes", &sorted(got[Timeframe::M1.index()].clone()), &rows(1, &candles[..4]))?;
    // The id is free again.
    let again = import(&*store, &new, &candles, range(0, 10)).await?;
    ensure!(again.number > kept.number, "a number came back");
    ensure!(Import { number: first.number, ..again.clone() } == first, "got {again:?}");
    Ok(())
}

async fn sources_have_an_order(store: Arc<dyn MarketStore>) -> Verdict {
    for name in ["alpha", "beta", "gamma"] {
        let new = new_import(name, name, eth(), Timeframe::M1);
        import(&*store, &new, &[minute(0, 0)], range(0, 1)).await?;
    }
    let ranks = async || -> Result<Vec<u32>, StoreError> {
        Ok(store.imports(&eth()).await?.iter().map(|import| import.rank).collect())
    };
    const NONE: u32 = Import::UNRANKED;
    ensure!(ranks().await? == [NONE; 3] && store.source_order().await?.is_empty(), "ranks without an order");
    for (order, expected) in
        [(vec!["gamma", "alpha"], [1, NONE, 0]), (vec!["beta"], [NONE, 0, NONE]), (Vec::new(), [NONE; 3])]
    {
        let order: Vec<_> = order.into_iter().map(source).collect();
        store.set_source_order(&order).await?;
        ensure!(store.source_order().await? == order, "the order is not {order:?}");
        ensure!(ranks().await? == expected, "the ranks are not {expected:?}");
    }
    Ok(())
}

/// Minutes at the limits of what numbers may be.
pub(super) fn numbers() -> [ImportedCandle; 4] {
    let candle = |count: i64, text: [&str; 5], taker: Option<&str>, trade_count| {
        let [open, high, low, close] = [0, 1, 2, 3].map(|at| price(text[at]));
        let (volume, taker_buy_volume) = (size(text[4]), taker.map(size));
        let values = ImportedValues { open, high, low, close, volume, taker_buy_volume, trade_count };
        ImportedCandle::try_new(Timeframe::M1, MIDNIGHT.plus(count * MINUTE), values).expect("a valid candle")
    };
    [
        candle(0, ["0.000000000001"; 5], Some("0"), Some(0)),
        candle(1, ["9999999999999999.999999999999"; 5], None, None),
        candle(
            2,
            ["9999999999999999999999999999"; 5],
            Some("9999999999999999999999999999"),
            Some(5_000_000_000),
        ),
        candle(3, ["1.10", "1.2", "1", "1.1", "0"], None, Some(3)),
    ]
}

async fn imported_numbers_come_back_exactly(store: Arc<dyn MarketStore>) -> Verdict {
    let candles = numbers();
    let new = new_import("one", "files", eth(), Timeframe::M1);
    let finished = import(&*store, &new, &candles, range(0, 4)).await?;
    let got = store.imported(&all(vec![finished])).await?;
    same("minutes", &sorted(got[Timeframe::M1.index()].clone()), &rows(0, &candles))
}

async fn imports_of_any_size_are_taken_in(store: Arc<dyn MarketStore>) -> Verdict {
    let candles: Vec<_> = (0..50_000).map(|count| minute(count, 0)).collect();
    let new = new_import("one", "files", eth(), Timeframe::M1);
    let covered = range(0, 50_000);
    let finished = import(&*store, &new, &candles, covered).await?;
    let got = store.imported(&all(vec![finished])).await?;
    same("minutes", &sorted(got[Timeframe::M1.index()].clone()), &rows(0, &candles))?;
    let days = roll_up_covered(&candles, covered, Timeframe::D1).map_err(|error| error.to_string())?;
    same("days", &sorted(got[Timeframe::D1.index()].clone()), &rows(0, &days))
}
