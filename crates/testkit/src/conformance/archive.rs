//! Cases of [`ArchiveStore`](onetape_ports::ArchiveStore): whole instruments from store to store.

mod imports;
mod numbers;

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::TryStreamExt;
use onetape_domain::candle::{Candle, SupersededCandle};
use onetape_domain::change::Changes;
use onetape_domain::clock::InstrumentClock;
use onetape_domain::engine::candles::CandleKey;
use onetape_domain::expiry::Expiry;
use onetape_domain::imported::{NewImport, Place};
use onetape_domain::message::QuarantinedRecord;
use onetape_domain::time::{SECOND, TimeRange, Timeframe, Timestamp};
use onetape_domain::violation::Violations;
use onetape_ports::{
    CandleQuery, Knowledge, Load, LoadEnd, LoadRows, MarketStore, StoreError, StoreErrorKind, SupersededQuery,
};

use imports::{
    import, imports_without_a_tape_are_loaded_too, load_candles,
    loaded_imports_are_unseen_and_then_in_their_place, new_import,
};
use numbers::loaded_numbers_come_back_exactly;

use super::data::{
    ALL, MIDNIGHT, at, batch, candle, clock_at, eth, instants, instrument, market, trade, write,
};
use super::frames::{query, same_parts};
use super::{Case, Verdict, case, ensure, same, same_dump};
use crate::dump::dump;
use crate::reference::Reference;

const MINUTE: i64 = 60 * SECOND;

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            a_load_is_unseen_until_it_is_finished,
            "Until then it MUST have no clock, be in no list of instruments; then everything becomes visible at once."
        ),
        case!(
            an_instrument_under_load_is_written_by_nobody_else,
            "A batch or an import for it MUST be refused with Conflict."
        ),
        case!(loaded_rows_that_are_there_stay, "A row that is already there MUST stay as it is."),
        case!(
            a_loaded_candle_makes_way_for_a_higher_revision,
            "A candle of a lower revision makes way without becoming a replaced version."
        ),
        case!(
            a_load_is_refused_where_there_is_something_else,
            "An instrument that has a clock or an import already MUST be refused, naming both clocks."
        ),
        case!(
            a_load_goes_on_to_a_later_stamp_only,
            "One under way MUST go on where it is, to the later stamp; an earlier one MUST be refused."
        ),
        case!(
            a_load_is_finished_for_its_own_clock,
            "The clock MUST be the one of the load; finishing again with the same changes nothing."
        ),
        case!(
            loaded_imports_are_unseen_and_then_in_their_place,
            "Shows no import until then; imports are given in the order of their numbers."
        ),
        case!(imports_without_a_tape_are_loaded_too, "None of an instrument that has imports and no tape."),
        case!(
            what_retention_had_taken_is_told_after_a_load,
            "What retention had taken becomes visible at once."
        ),
        case!(a_discarded_load_leaves_nothing, "Removes everything of an instrument under load."),
        case!(
            replaced_versions_come_by_open_time_and_revision,
            "Replaced versions by open time, then revision, replaced by then; also where the current one is gone."
        ),
        case!(
            refused_records_come_in_the_order_of_writing,
            "All refused records, in the order in which they were written."
        ),
        case!(loaded_numbers_come_back_exactly, "Rows of one table, in exact decimals."),
        case!(an_instrument_goes_on_after_a_load, "A loaded instrument is as one that was written."),
    ]
}

/// All rows of a model, table by table.
fn rows_of(model: &Reference) -> Vec<LoadRows> {
    let forever = Timestamp::LATEST;
    let candles = |timeframe| model.candles(timeframe, forever, Knowledge::AsRecorded);
    let candles: Vec<Candle> = Timeframe::ALL.into_iter().flat_map(candles).collect();
    let key = |candle: &Candle| CandleKey { timeframe: candle.timeframe(), open_time: candle.open_time() };
    let superseded = candles.iter().flat_map(|candle| model.superseded(key(candle))).collect();
    vec![
        LoadRows::Candles(candles),
        LoadRows::Superseded(superseded),
        LoadRows::Trades(model.trades(forever)),
        LoadRows::Books(model.books(forever, true)),
        LoadRows::Imbalances(model.imbalances(forever)),
        LoadRows::Coverage(model.coverage(forever)),
    ]
}

fn load_to(issued: Timestamp) -> Load {
    Load { instrument: eth(), issued: Some(issued) }
}

fn end_at(issued: Timestamp) -> LoadEnd {
    // Live since midnight, so that imports are known from their place on.
    let clock = InstrumentClock { live_since: at(0), ..clock_at(&eth(), issued) };
    LoadEnd { instrument: eth(), clock: Some(clock), expiry: Expiry::NOTHING, imports: Vec::new() }
}

fn refused<T>(what: &str, outcome: Result<T, StoreError>, named: &[String]) -> Verdict {
    match outcome {
        Err(error) if error.kind() != StoreErrorKind::Conflict => {
            Err(format!("{what}: refused with {:?} and not Conflict", error.kind()).into())
        }
        Err(error) => {
            let text = error.to_string();
            let missing = named.iter().find(|name| !text.contains(*name));
            ensure!(missing.is_none(), "{what}: `{text}` does not name {missing:?}");
            Ok(())
        }
        Ok(_) => Err(format!("{what}: was not refused").into()),
    }
}

async fn is_unseen(store: &dyn MarketStore) -> Verdict {
    ensure!(store.clock(&eth()).await?.is_none(), "an instrument under load has a clock");
    ensure!(store.flushed(&eth()).await?.is_none(), "an instrument under load can be read");
    ensure!(store.instruments().await?.is_empty(), "an instrument under load is listed");
    ensure!(store.archived().await?.is_empty(), "an instrument under load can be copied");
    ensure!(store.imports(&eth()).await?.is_empty(), "an instrument under load shows imports");
    Ok(())
}

async fn a_load_is_unseen_until_it_is_finished(store: Arc<dyn MarketStore>) -> Verdict {
    let recording = market();
    let model = recording.reference();
    let clock = model.clock().cloned().ok_or_else(|| "the market has a clock".to_owned())?;
    ensure!(store.load_under_way(&eth()).await?.is_none(), "a load before it was begun");
    let load = load_to(clock.issued);
    store.begin_load(&load).await?;
    for rows in rows_of(model) {
        store.load(&eth(), &rows).await?;
        is_unseen(&*store).await?;
    }
    ensure!(store.load_under_way(&eth()).await? == Some(load), "the load is under way");
    let end = LoadEnd { clock: Some(clock), ..end_at(at(0)) };
    store.finish_load(&end).await?;
    ensure!(store.load_under_way(&eth()).await?.is_none(), "a load after it was finished");
    ensure!(store.archived().await? == BTreeSet::from([eth()]), "it can be copied on");
    same_dump("a loaded instrument", &dump(&*store, &eth()).await?, &model.dump())?;
    for as_of in instants(recording, 12) {
        let query = query(as_of);
        same_parts(&query, &store.frame_parts(&query).await?, &model.frame_parts(&query))?;
    }
    Ok(())
}

async fn an_instrument_under_load_is_written_by_nobody_else(store: Arc<dyn MarketStore>) -> Verdict {
    store.begin_load(&load_to(at(9))).await?;
    let changes = Changes { trades: vec![trade(at(1), 1, at(2))], ..Changes::default() };
    refused("a batch", store.append(&batch(at(9), changes.clone()), None).await, &[])?;
    refused("a later batch", store.append(&batch(at(9), changes), Some(at(8))).await, &[])?;
    let new = new_import("one", "files");
    refused("an import", store.begin_import(&new).await, &[])?;
    let import = import("one", "files", Place::Before);
    store.load_import(&import).await?;
    refused("the end of an import", store.finish_import(&import.id, import.covered).await, &[])?;
    let other = instrument("kraken", "ETH/USDT");
    let theirs = NewImport { instrument: other, ..new_import("two", "files") };
    store.begin_import(&theirs).await?;
    is_unseen(&*store).await
}

async fn loaded_rows_that_are_there_stay(store: Arc<dyn MarketStore>) -> Verdict {
    let model = market().reference();
    let clock = model.clock().cloned().ok_or_else(|| "the market has a clock".to_owned())?;
    store.begin_load(&load_to(clock.issued)).await?;
    for rows in rows_of(model) {
        // The first half, then all, then all again.
        store.load(&eth(), &half(&rows)).await?;
        store.load(&eth(), &rows).await?;
        store.load(&eth(), &rows).await?;
    }
    let mut other = trade(at(0), 1, at(1));
    if let Some(first) = model.trades(Timestamp::LATEST).first() {
        other.key = first.key;
    }
    store.load(&eth(), &LoadRows::Trades(vec![other])).await?;
    store.finish_load(&LoadEnd { clock: Some(clock), ..end_at(at(0)) }).await?;
    same_dump("an instrument loaded again and again", &dump(&*store, &eth()).await?, &model.dump())
}

fn half(rows: &LoadRows) -> LoadRows {
    fn of<T: Clone>(rows: &[T]) -> Vec<T> {
        rows[..rows.len() / 2].to_vec()
    }
    match rows {
        LoadRows::Candles(rows) => LoadRows::Candles(of(rows)),
        LoadRows::Superseded(rows) => LoadRows::Superseded(of(rows)),
        LoadRows::Trades(rows) => LoadRows::Trades(of(rows)),
        LoadRows::Books(rows) => LoadRows::Books(of(rows)),
        LoadRows::Imbalances(rows) => LoadRows::Imbalances(of(rows)),
        LoadRows::Coverage(rows) => LoadRows::Coverage(of(rows)),
        LoadRows::Imported { .. } => rows.clone(),
    }
}

async fn a_loaded_candle_makes_way_for_a_higher_revision(store: Arc<dyn MarketStore>) -> Verdict {
    let version = |revision: u32| candle(Timeframe::M1, MIDNIGHT, revision, at(60 + i64::from(revision)));
    store.begin_load(&load_to(at(100))).await?;
    store.load(&eth(), &LoadRows::Candles(vec![version(2)])).await?;
    store.load(&eth(), &LoadRows::Candles(vec![version(1)])).await?;
    store.load(&eth(), &LoadRows::Candles(vec![version(4)])).await?;
    let key = CandleKey { timeframe: Timeframe::M1, open_time: MIDNIGHT };
    ensure!(store.candle(&eth(), key).await? == Some(version(4)), "the highest revision stays");
    ensure!(store.superseded(&eth(), key).await?.is_empty(), "a loaded candle makes no replaced version");
    let replaced: Vec<_> = (1..4)
        .map(|revision| SupersededCandle {
            candle: version(revision),
            known_to: at(61 + i64::from(revision)),
        })
        .collect();
    store.load(&eth(), &LoadRows::Superseded(replaced.clone())).await?;
    store.finish_load(&end_at(at(100))).await?;
    same("replaced versions", &store.superseded(&eth(), key).await?, &replaced)?;
    for revision in 1..=4_u32 {
        let query = CandleQuery {
            instrument: eth(),
            timeframe: Timeframe::M1,
            selection: ALL,
            as_of: at(60 + i64::from(revision)),
            knowledge: Knowledge::AsRecorded,
        };
        same("the version known at an instant", &store.candles(&query).await?, &[version(revision)])?;
    }
    Ok(())
}

async fn a_load_is_refused_where_there_is_something_else(store: Arc<dyn MarketStore>) -> Verdict {
    let changes = Changes { trades: vec![trade(at(1), 1, at(2))], ..Changes::default() };
    write(&*store, at(5), changes).await?;
    let before = dump(&*store, &eth()).await?;
    for issued in [at(4), at(5), at(6)] {
        let named = [at(5).to_string(), issued.to_string()];
        refused("a load over a clock", store.begin_load(&load_to(issued)).await, &named)?;
    }
    let rows = LoadRows::Trades(vec![trade(at(3), 2, at(4))]);
    refused("rows without a load", store.load(&eth(), &rows).await, &[])?;
    refused("the end of no load", store.finish_load(&end_at(at(6))).await, &[])?;
    store.discard_load(&eth()).await?;
    same_dump("what was there", &dump(&*store, &eth()).await?, &before)?;
    let other = instrument("kraken", "ETH/USDT");
    store.begin_import(&NewImport { instrument: other.clone(), ..new_import("theirs", "files") }).await?;
    let load = Load { instrument: other, issued: Some(at(6)) };
    refused("a load over an import", store.begin_load(&load).await, &[at(6).to_string()])
}

async fn a_load_goes_on_to_a_later_stamp_only(store: Arc<dyn MarketStore>) -> Verdict {
    store.begin_load(&load_to(at(5))).await?;
    let first = LoadRows::Trades(vec![trade(at(1), 1, at(2))]);
    store.load(&eth(), &first).await?;
    store.begin_load(&load_to(at(5))).await?;
    let named = [at(5).to_string(), at(4).to_string()];
    refused("an earlier stamp", store.begin_load(&load_to(at(4))).await, &named)?;
    ensure!(store.load_under_way(&eth()).await? == Some(load_to(at(5))), "the load stays what it was");
    store.begin_load(&load_to(at(9))).await?;
    ensure!(store.load_under_way(&eth()).await? == Some(load_to(at(9))), "the load reaches further");
    store.load(&eth(), &LoadRows::Trades(vec![trade(at(7), 2, at(8))])).await?;
    store.finish_load(&end_at(at(9))).await?;
    let trades: Vec<_> = store.stream_trades(super::data::everything()).try_collect().await?;
    same("rows of both", &trades, &[trade(at(1), 1, at(2)), trade(at(7), 2, at(8))])
}

async fn a_load_is_finished_for_its_own_clock(store: Arc<dyn MarketStore>) -> Verdict {
    store.begin_load(&load_to(at(5))).await?;
    store.load(&eth(), &LoadRows::Trades(vec![trade(at(1), 1, at(2))])).await?;
    let named = [at(5).to_string(), at(6).to_string()];
    refused("another clock", store.finish_load(&end_at(at(6))).await, &named)?;
    is_unseen(&*store).await?;
    store.finish_load(&end_at(at(5))).await?;
    let before = dump(&*store, &eth()).await?;
    store.finish_load(&end_at(at(5))).await?;
    refused("a later clock afterwards", store.finish_load(&end_at(at(7))).await, &[])?;
    same_dump("finished twice", &dump(&*store, &eth()).await?, &before)
}

async fn what_retention_had_taken_is_told_after_a_load(store: Arc<dyn MarketStore>) -> Verdict {
    let expiry = Expiry {
        first: Some(at(-86_400)),
        candles: [Some(at(-60)), None, None, None, None, None],
        trades: Some(at(-30)),
        books: Some(at(-20)),
        imbalances: None,
        coverage: Some(at(-10)),
    };
    store.begin_load(&load_to(at(9))).await?;
    store.load(&eth(), &LoadRows::Trades(vec![trade(at(1), 1, at(2))])).await?;
    let second = candle(Timeframe::S1, at(1), 1, at(3));
    store.load(&eth(), &LoadRows::Candles(vec![second])).await?;
    ensure!(store.expiry(&eth()).await? == Expiry::NOTHING, "told before the load is finished");
    store.finish_load(&LoadEnd { expiry, ..end_at(at(9)) }).await?;
    let told = store.expiry(&eth()).await?;
    ensure!(told == expiry, "retention had taken {expiry:?}, told is {told:?}");
    let parts = store.frame_parts(&query(at(5))).await?;
    ensure!(parts.candles[0] == [second], "what is there is read as ever");
    Ok(())
}

async fn a_discarded_load_leaves_nothing(store: Arc<dyn MarketStore>) -> Verdict {
    let model = market().reference();
    store.begin_load(&load_to(at(1_000))).await?;
    for rows in rows_of(model) {
        store.load(&eth(), &rows).await?;
    }
    let here = store.load_import(&import("history", "files", Place::Before)).await?;
    load_candles(&*store, &here, 100).await?;
    store.discard_load(&eth()).await?;
    ensure!(store.load_under_way(&eth()).await?.is_none(), "a load after it was discarded");
    is_unseen(&*store).await?;
    let nothing = Reference::new(eth());
    same_dump("a discarded instrument", &dump(&*store, &eth()).await?, &nothing.dump())?;
    // As if it had never been there.
    let changes = Changes { trades: vec![trade(at(1), 1, at(2))], ..Changes::default() };
    write(&*store, at(5), changes).await?;
    store.begin_import(&NewImport { timeframe: Timeframe::H1, ..new_import("history", "vendor") }).await?;
    let trades: Vec<_> = store.stream_trades(super::data::everything()).try_collect().await?;
    same("trades", &trades, &[trade(at(1), 1, at(2))])
}

async fn replaced_versions_come_by_open_time_and_revision(store: Arc<dyn MarketStore>) -> Verdict {
    let version = |minute: i64, revision: u32| {
        let known_from = at(60 * minute + 60 + i64::from(revision));
        candle(Timeframe::M1, MIDNIGHT.plus(minute * MINUTE), revision, known_from)
    };
    let replaced = |minute: i64, revision: u32| {
        let known_to = at(60 * minute + 61 + i64::from(revision));
        SupersededCandle { candle: version(minute, revision), known_to }
    };
    store.begin_load(&load_to(at(1_000))).await?;
    // Of the second minute retention took the current version.
    store.load(&eth(), &LoadRows::Candles(vec![version(0, 3), version(2, 2)])).await?;
    let all = vec![replaced(0, 1), replaced(0, 2), replaced(1, 1), replaced(2, 1)];
    let backwards: Vec<_> = all.iter().rev().copied().collect();
    store.load(&eth(), &LoadRows::Superseded(backwards)).await?;
    store.finish_load(&end_at(at(1_000))).await?;
    let ask = async |range: TimeRange, as_of: Timestamp| -> Result<Vec<SupersededCandle>, StoreError> {
        let query = SupersededQuery { instrument: eth(), timeframe: Timeframe::M1, range, as_of };
        store.stream_superseded(query).try_collect().await
    };
    same("all of them", &ask(TimeRange::ALL, Timestamp::LATEST).await?, &all)?;
    same("those replaced by then", &ask(TimeRange::ALL, at(122)).await?, &all[..3])?;
    let second = TimeRange::try_new(MIDNIGHT.plus(MINUTE), MIDNIGHT.plus(2 * MINUTE)).expect("a range");
    same("those of one minute", &ask(second, Timestamp::LATEST).await?, &all[2..3])?;
    let query = SupersededQuery {
        instrument: eth(),
        timeframe: Timeframe::H1,
        range: TimeRange::ALL,
        as_of: Timestamp::LATEST,
    };
    let none: Vec<SupersededCandle> = store.stream_superseded(query).try_collect().await?;
    same("those of another timeframe", &none, &[])
}

async fn refused_records_come_in_the_order_of_writing(store: Arc<dyn MarketStore>) -> Verdict {
    let record = |number: i64| QuarantinedRecord {
        received_at: (number % 2 == 0).then(|| at(5_000 - number)),
        instrument: (number % 3 == 0).then(eth),
        ..QuarantinedRecord::new(
            format!("tape:{number}"),
            Violations::one("trade.price", "NaN", "must be positive"),
            b"payload",
        )
    };
    // More than a page.
    let records: Vec<_> = (0..1_205).map(record).collect();
    for part in records.chunks(300) {
        store.quarantine(part).await?;
    }
    store.quarantine(&records[..10]).await?;
    let stored: Vec<QuarantinedRecord> = store.stream_quarantined().try_collect().await?;
    same("refused records", &stored, &records)
}

async fn an_instrument_goes_on_after_a_load(store: Arc<dyn MarketStore>) -> Verdict {
    let recording = market();
    let half = recording.batches().len() / 2;
    let mut model = Reference::new(eth());
    for batch in &recording.batches()[..half] {
        model.take(&batch.changes);
        model.set_clock(batch.clock.clone());
    }
    let clock = model.clock().cloned().ok_or_else(|| "half a market has a clock".to_owned())?;
    let mut expected = Some(clock.issued);
    store.begin_load(&load_to(clock.issued)).await?;
    for rows in rows_of(&model) {
        store.load(&eth(), &rows).await?;
    }
    store.finish_load(&LoadEnd { clock: Some(clock), ..end_at(at(0)) }).await?;
    for batch in &recording.batches()[half..] {
        store.append(batch, expected).await?;
        expected = Some(batch.clock.issued);
    }
    let model = recording.reference();
    same_dump("an instrument that went on", &dump(&*store, &eth()).await?, &model.dump())?;
    for as_of in instants(recording, 12) {
        let query = query(as_of);
        same_parts(&query, &store.frame_parts(&query).await?, &model.frame_parts(&query))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_market_has_rows_of_every_table() {
        for rows in rows_of(market().reference()) {
            let count = match &rows {
                LoadRows::Candles(rows) => rows.len(),
                LoadRows::Superseded(rows) => rows.len(),
                LoadRows::Trades(rows) => rows.len(),
                LoadRows::Books(rows) => rows.len(),
                LoadRows::Imbalances(rows) => rows.len(),
                LoadRows::Coverage(rows) => rows.len(),
                LoadRows::Imported { .. } => 0,
            };
            assert!(
                count > 1,
                "{count} rows of {}",
                format!("{rows:?}").chars().take(20).collect::<String>()
            );
        }
    }
}
