//! Cases of [`TapeStore`](onetape_ports::TapeStore): atomic, idempotent, never back, one writer.

use std::sync::Arc;

use futures::{future, poll};
use onetape_domain::change::{CandleChange, Changes, TapeBatch};
use onetape_domain::engine::candles::CandleKey;
use onetape_domain::message::FullBook;
use onetape_domain::time::{Timeframe, Timestamp};
use onetape_ports::{MarketStore, StoreError, StoreErrorKind};

use super::data::{
    COMPLETE, at, batch, becomes, book, candle, clock_at, eth, imbalances, market, price, size, trade,
};
use super::{Case, Verdict, case, ensure, same, same_dump, yield_once};
use crate::dump::dump;
use crate::reference::Reference;

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(a_written_tape_gives_the_tables_of_the_model, "After success, reads see the batch, all of it."),
        case!(a_batch_written_twice_changes_nothing, "Writing the same batch again changes nothing."),
        case!(
            a_tape_written_again_from_the_start_changes_nothing,
            "Batches written before change nothing, whichever of them comes again."
        ),
        case!(
            a_wrong_expected_clock_is_a_conflict_that_changes_nothing,
            "If the stored clock is another, the call fails with Conflict and changes nothing."
        ),
        case!(
            an_older_batch_is_a_conflict_and_the_clock_stays,
            "If the stored clock is past the batch's own, the call fails with Conflict; the clock MUST NOT go back."
        ),
        case!(
            a_batch_at_the_stored_clock_writes_nothing,
            "At the batch's own clock the batch counts as written before: the call succeeds without adding a row."
        ),
        case!(a_stored_row_stays_as_it_is, "A row that is already stored MUST stay as it is."),
        case!(
            a_candle_only_replaces_a_lower_revision,
            "A candle version MUST only replace one of a lower revision."
        ),
        case!(
            a_replaced_candle_moves_to_the_superseded,
            "The replaced version moves to the superseded ones with known_to = the new known_from."
        ),
        case!(
            several_versions_of_a_candle_in_one_batch,
            "Several versions of one candle in a batch are applied in order."
        ),
        case!(a_batch_without_rows_moves_the_clock, "A batch is its rows and its clock."),
        case!(
            a_clock_without_a_book_removes_the_stored_book,
            "A clock without a book MUST remove a stored full-depth book."
        ),
        case!(
            a_book_is_added_to_the_stored_clock,
            "A batch that continues from the stored clock at its very stamp gives it its book."
        ),
        case!(
            a_cancelled_append_is_written_whole_or_not_at_all,
            "All of a batch becomes visible at once or not at all, also when the call is cancelled.",
            Cancellation
        ),
        case!(of_two_writers_one_wins, "Another writer that has moved the clock is a Conflict.", Concurrency),
        case!(
            the_same_batch_from_two_callers_at_once_is_written_once,
            "The same batch at once from two callers succeeds twice and is stored once.",
            Concurrency
        ),
        case!(
            a_rehearsal_changes_nothing,
            "A rehearsal fails where the call would, and MUST change nothing."
        ),
        case!(
            a_reader_never_sees_part_of_a_batch,
            "All of a batch MUST become visible at once.",
            Concurrency
        ),
    ]
}

async fn a_written_tape_gives_the_tables_of_the_model(store: Arc<dyn MarketStore>) -> Verdict {
    let recording = market();
    let mut model = Reference::new(eth());
    let mut expected = None;
    for (number, batch) in recording.batches().iter().enumerate() {
        store.append(batch, expected).await?;
        expected = Some(batch.clock.issued);
        model.take(&batch.changes);
        model.set_clock(batch.clock.clone());
        if number % 25 == 0 {
            same_dump(&format!("after batch {number}"), &dump(&*store, &eth()).await?, &model.dump())?;
        }
    }
    same_dump("at the end", &dump(&*store, &eth()).await?, &recording.reference().dump())
}

async fn a_batch_written_twice_changes_nothing(store: Arc<dyn MarketStore>) -> Verdict {
    let mut expected = None;
    for (number, batch) in market().batches().iter().enumerate() {
        store.append(batch, expected).await?;
        if number % 20 == 0 {
            let once = dump(&*store, &eth()).await?;
            store.append(batch, expected).await?;
            same_dump(&format!("batch {number} again"), &dump(&*store, &eth()).await?, &once)?;
        }
        expected = Some(batch.clock.issued);
    }
    Ok(())
}

async fn a_tape_written_again_from_the_start_changes_nothing(store: Arc<dyn MarketStore>) -> Verdict {
    market().write(&*store).await?;
    let once = dump(&*store, &eth()).await?;
    let batches = market().batches();
    let last = batches.last().map(|batch| batch.clock.issued);
    let mut expected = None;
    for (number, batch) in batches.iter().enumerate() {
        if Some(batch.clock.issued) == last {
            store.append(batch, expected).await?;
        } else {
            conflicts(&*store, batch, expected, &format!("batch {number} again")).await?;
        }
        expected = Some(batch.clock.issued);
    }
    same_dump("the tape again", &dump(&*store, &eth()).await?, &once)
}

async fn a_wrong_expected_clock_is_a_conflict_that_changes_nothing(store: Arc<dyn MarketStore>) -> Verdict {
    let first = batch(at(1), Changes { trades: vec![trade(at(1), 1, at(1))], ..Changes::default() });
    let second = batch(at(2), Changes { trades: vec![trade(at(2), 2, at(2))], ..Changes::default() });
    let third = batch(at(3), Changes { trades: vec![trade(at(3), 3, at(3))], ..Changes::default() });
    let empty = dump(&*store, &eth()).await?;
    conflicts(&*store, &first, Some(at(0)), "a clock expected where none is stored").await?;
    same_dump("nothing stored", &dump(&*store, &eth()).await?, &empty)?;
    ensure!(store.instruments().await?.is_empty(), "a refused batch must not leave an instrument behind");

    store.append(&first, None).await?;
    let before = dump(&*store, &eth()).await?;
    conflicts(&*store, &second, None, "no clock expected where one is stored").await?;
    conflicts(&*store, &second, Some(at(0)), "an earlier clock expected").await?;
    conflicts(&*store, &third, Some(at(2)), "a later clock expected").await?;
    same_dump("after three conflicts", &dump(&*store, &eth()).await?, &before)?;
    store.append(&second, Some(at(1))).await?;
    Ok(())
}

async fn conflicts(
    store: &dyn MarketStore,
    batch: &TapeBatch,
    expected: Option<Timestamp>,
    what: &str,
) -> Verdict {
    match store.append(batch, expected).await {
        Ok(()) => Err(format!("{what}: the call succeeded").into()),
        Err(error) => {
            ensure!(error.kind() == StoreErrorKind::Conflict, "{what}: got {:?} ({error})", error.kind());
            ensure!(!error.is_retryable(), "a conflict must not be retried");
            Ok(())
        }
    }
}

async fn an_older_batch_is_a_conflict_and_the_clock_stays(store: Arc<dyn MarketStore>) -> Verdict {
    let first = batch(at(1), Changes { trades: vec![trade(at(1), 1, at(1))], ..Changes::default() });
    let mut second = batch(at(2), Changes { trades: vec![trade(at(2), 2, at(2))], ..Changes::default() });
    second.clock.book = Some(full_book(3));
    store.append(&first, None).await?;
    store.append(&second, Some(at(1))).await?;
    let before = dump(&*store, &eth()).await?;
    for expected in [None, Some(at(0)), Some(at(1)), Some(at(2))] {
        let refused = store.append(&first, expected).await;
        let kind = refused.err().map(|error| error.kind());
        ensure!(kind == Some(StoreErrorKind::Conflict), "an older batch gave {kind:?}");
        same_dump("the older batch again", &dump(&*store, &eth()).await?, &before)?;
    }
    ensure!(store.flushed(&eth()).await? == Some(at(2)), "the clock went back");
    Ok(())
}

async fn a_batch_at_the_stored_clock_writes_nothing(store: Arc<dyn MarketStore>) -> Verdict {
    let rows = |id| Changes { trades: vec![trade(at(id), id, at(id))], ..Changes::default() };
    store.append(&batch(at(5), rows(5)), None).await?;
    let before = dump(&*store, &eth()).await?;
    for expected in [None, Some(at(3)), Some(at(4))] {
        let mut other = batch(at(5), rows(5));
        other.changes.trades[0].key.sequence = 77;
        store.append(&other, expected).await?;
        same_dump("a batch whose acknowledgement was lost", &dump(&*store, &eth()).await?, &before)?;
    }
    Ok(())
}

async fn a_stored_row_stays_as_it_is(store: Arc<dyn MarketStore>) -> Verdict {
    let rows = Changes {
        trades: vec![trade(at(1), 1, at(2))],
        candles: vec![becomes(candle(Timeframe::S1, at(1), 1, at(2)), None)],
        books: vec![book(at(1), at(2), COMPLETE, 3)],
        imbalances: vec![imbalances(at(1), at(2))],
        ..Changes::default()
    };
    store.append(&batch(at(2), rows.clone()), None).await?;
    let before = dump(&*store, &eth()).await?;
    let mut again = rows;
    again.trades[0].price = price("101");
    again.trades[0].available_at = at(3);
    again.books = vec![book(at(1), at(2), COMPLETE, 4)];
    again.imbalances[0].bid_volume = size("5");
    store.append(&batch(at(3), again), Some(at(2))).await?;
    let after = dump(&*store, &eth()).await?;
    let rows = |text: &str| {
        text.lines()
            .filter(|line| !line.starts_with("clock") && !line.starts_with("flushed"))
            .fold(String::new(), |all, line| all + line + "\n")
    };
    same_dump("rows with stored keys", &rows(&after), &rows(&before))
}

async fn a_candle_only_replaces_a_lower_revision(store: Arc<dyn MarketStore>) -> Verdict {
    let (open_time, key) = (at(60), CandleKey { timeframe: Timeframe::M1, open_time: at(60) });
    let version = |revision, stamp| candle(Timeframe::M1, open_time, revision, stamp);
    let third = version(3, at(130));
    let rows = Changes { candles: vec![becomes(third, None)], ..Changes::default() };
    store.append(&batch(at(130), rows), None).await?;
    for (expected, issued, revision) in [(130, 131, 2), (131, 132, 3), (132, 133, 1)] {
        let late = version(revision, at(issued));
        let rows = Changes { candles: vec![becomes(late, None)], ..Changes::default() };
        store.append(&batch(at(issued), rows), Some(at(expected))).await?;
        same(&format!("after revision {revision}"), store.candle(&eth(), key).await?.as_slice(), &[third])?;
        same("superseded", &store.superseded(&eth(), key).await?, &[])?;
    }
    Ok(())
}

async fn a_replaced_candle_moves_to_the_superseded(store: Arc<dyn MarketStore>) -> Verdict {
    let key = CandleKey { timeframe: Timeframe::M5, open_time: at(300) };
    let versions: Vec<_> = (1..=4)
        .map(|revision| candle(Timeframe::M5, at(300), revision, at(700 + i64::from(revision))))
        .collect();
    let mut expected = None;
    let mut before = None;
    for version in &versions {
        let issued = version.known_from().expect("a closed candle");
        let rows = Changes { candles: vec![becomes(*version, before)], ..Changes::default() };
        store.append(&batch(issued, rows), expected).await?;
        expected = Some(issued);
        before = Some(*version);
    }
    same("current", store.candle(&eth(), key).await?.as_slice(), &versions[3..])?;
    let superseded = store.superseded(&eth(), key).await?;
    let pairs: Vec<_> = superseded.iter().map(|old| (old.candle, Some(old.known_to))).collect();
    let wanted: Vec<_> = versions.windows(2).map(|pair| (pair[0], pair[1].known_from())).collect();
    same("superseded, lowest revision first", &pairs, &wanted)
}

async fn several_versions_of_a_candle_in_one_batch(store: Arc<dyn MarketStore>) -> Verdict {
    let versions: Vec<_> =
        (1..=5).map(|revision| candle(Timeframe::S1, at(5), revision, at(6 + i64::from(revision)))).collect();
    let first: Vec<CandleChange> = (0..3)
        .map(|place: usize| becomes(versions[place], place.checked_sub(1).map(|before| versions[before])))
        .collect();
    let second: Vec<CandleChange> =
        (3..5).map(|place: usize| becomes(versions[place], Some(versions[place - 1]))).collect();
    let mut model = Reference::new(eth());
    let mut expected = None;
    for (issued, candles) in [(9, first), (11, second)] {
        let batch = batch(at(issued), Changes { candles, ..Changes::default() });
        store.append(&batch, expected).await?;
        expected = Some(at(issued));
        model.take(&batch.changes);
        model.set_clock(batch.clock);
        same_dump("tables", &dump(&*store, &eth()).await?, &model.dump())?;
    }
    Ok(())
}

async fn a_batch_without_rows_moves_the_clock(store: Arc<dyn MarketStore>) -> Verdict {
    store.append(&batch(at(1), Changes::default()), None).await?;
    ensure!(store.flushed(&eth()).await? == Some(at(1)), "the first clock is not there");
    store.append(&batch(at(2), Changes::default()), Some(at(1))).await?;
    ensure!(store.flushed(&eth()).await? == Some(at(2)), "the clock did not move");
    Ok(())
}

fn full_book(levels: usize) -> FullBook {
    let sampled = book(at(1), at(1), COMPLETE, i64::try_from(levels).unwrap_or(1));
    FullBook { last_update: 77, bids: sampled.bids().to_vec(), asks: sampled.asks().to_vec() }
}

async fn a_clock_without_a_book_removes_the_stored_book(store: Arc<dyn MarketStore>) -> Verdict {
    let mut first = batch(at(1), Changes::default());
    first.clock.book = Some(full_book(3));
    store.append(&first, None).await?;
    let stored = store.clock(&eth()).await?.and_then(|clock| clock.book);
    ensure!(stored.is_some(), "the book was not stored");
    store.append(&batch(at(2), Changes::default()), Some(at(1))).await?;
    let clock = store.clock(&eth()).await?;
    ensure!(clock.is_some_and(|clock| clock.book.is_none()), "the book is still there");
    Ok(())
}

async fn a_book_is_added_to_the_stored_clock(store: Arc<dyn MarketStore>) -> Verdict {
    let rows = Changes { trades: vec![trade(at(1), 1, at(1))], ..Changes::default() };
    let first = batch(at(1), rows);
    store.append(&first, None).await?;
    let mut stop = batch(at(1), Changes::default());
    stop.clock.book = Some(full_book(3));
    let mut model = Reference::new(eth());
    model.take(&first.changes);
    model.set_clock(stop.clock.clone());
    for expected in [Some(at(1)), Some(at(1))] {
        store.append(&stop, expected).await?;
        same_dump("with the book", &dump(&*store, &eth()).await?, &model.dump())?;
    }
    store.append(&first, None).await?;
    same_dump("the batch before again", &dump(&*store, &eth()).await?, &model.dump())
}

async fn a_cancelled_append_is_written_whole_or_not_at_all(store: Arc<dyn MarketStore>) -> Verdict {
    let mut expected = None;
    let mut model = Reference::new(eth());
    for (number, batch) in market().batches().iter().take(24).enumerate() {
        let before = model.dump();
        model.take(&batch.changes);
        model.set_clock(batch.clock.clone());
        let polls = 1 + number * number * number;
        let done = {
            let mut call = std::pin::pin!(store.append(batch, expected));
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
        let found = dump(&*store, &eth()).await?;
        if done || found != before {
            same_dump(&format!("batch {number} dropped after {polls} polls"), &found, &model.dump())?;
        }
        store.append(batch, expected).await?;
        same_dump(
            &format!("batch {number} again after its cancellation"),
            &dump(&*store, &eth()).await?,
            &model.dump(),
        )?;
        expected = Some(batch.clock.issued);
    }
    Ok(())
}

/// Appends, repeating once what lost a race in the database and was told to try again.
async fn settled(
    store: &dyn MarketStore,
    batch: &TapeBatch,
    expected: Option<Timestamp>,
) -> Result<(), StoreError> {
    match store.append(batch, expected).await {
        Err(error) if error.is_retryable() => store.append(batch, expected).await,
        outcome => outcome,
    }
}

async fn of_two_writers_one_wins(store: Arc<dyn MarketStore>) -> Verdict {
    store.append(&batch(at(0), Changes::default()), None).await?;
    for round in 0..10 {
        let stored = store.flushed(&eth()).await?;
        let stamp = |writer: i64| at(10 * (round + 1)).plus(writer);
        let rows = |writer: i64| Changes {
            trades: vec![trade(at(round), round * 2 + writer, stamp(writer))],
            ..Changes::default()
        };
        let (late, early) = (batch(stamp(1), rows(1)), batch(stamp(0), rows(0)));
        let (late, early) =
            future::join(settled(&*store, &late, stored), settled(&*store, &early, stored)).await;
        let winner = match (late, early) {
            (Ok(()), Err(error)) if error.kind() == StoreErrorKind::Conflict => stamp(1),
            (Err(error), Ok(())) if error.kind() == StoreErrorKind::Conflict => stamp(0),
            (late, early) => return Err(format!("round {round}: late {late:?}, early {early:?}").into()),
        };
        let clock = store.flushed(&eth()).await?;
        ensure!(clock == Some(winner), "round {round}: {winner} won but the clock is {clock:?}");
        let query = super::data::everything();
        let trades: Vec<_> = futures::TryStreamExt::try_collect::<Vec<_>>(store.stream_trades(query)).await?;
        let of_round = trades.iter().filter(|trade| trade.key.event_time == at(round));
        let new: Vec<_> = of_round.map(|trade| trade.available_at).collect();
        same(&format!("round {round}: rows"), &new, &[winner])?;
    }
    Ok(())
}

async fn the_same_batch_from_two_callers_at_once_is_written_once(store: Arc<dyn MarketStore>) -> Verdict {
    let mut expected = None;
    let mut model = Reference::new(eth());
    for batch in market().batches().iter().take(10) {
        let (left, right) =
            future::join(settled(&*store, batch, expected), settled(&*store, batch, expected)).await;
        left?;
        right?;
        expected = Some(batch.clock.issued);
        model.take(&batch.changes);
        model.set_clock(batch.clock.clone());
        same_dump("tables", &dump(&*store, &eth()).await?, &model.dump())?;
    }
    Ok(())
}

async fn a_reader_never_sees_part_of_a_batch(store: Arc<dyn MarketStore>) -> Verdict {
    // Each batch brings as many candles as trades; a frame read from one state always holds equally many.
    let count = 30;
    let writer = async {
        let mut expected = None;
        for number in 1..=count {
            let stamp = at(100 + number);
            let changes = Changes {
                trades: vec![trade(at(1_000 + number), number, stamp)],
                candles: vec![becomes(candle(Timeframe::S1, at(number), 1, stamp), None)],
                ..Changes::default()
            };
            let batch = TapeBatch { instrument: eth(), changes, clock: clock_at(&eth(), stamp) };
            store.append(&batch, expected).await?;
            expected = Some(stamp);
            yield_once().await;
        }
        Ok::<_, StoreError>(())
    };
    let query = super::frames::query(Timestamp::LATEST);
    let reader = async {
        let mut odd = None;
        loop {
            let parts = store.frame_parts(&query).await?;
            let (trades, candles) = (parts.open_trades.len(), parts.candles[0].len());
            if trades != candles {
                odd = Some((trades, candles));
            }
            if i64::try_from(trades) == Ok(count) || odd.is_some() {
                return Ok::<_, StoreError>(odd);
            }
            yield_once().await;
        }
    };
    let (written, odd) = future::join(writer, reader).await;
    written?;
    let odd = odd?;
    ensure!(odd.is_none(), "a frame held {odd:?} trades and candles, so part of a batch");
    Ok(())
}

async fn a_rehearsal_changes_nothing(store: Arc<dyn MarketStore>) -> Verdict {
    let batches = market().batches();
    let empty = dump(&*store, &eth()).await?;
    store.rehearse(&batches[0], None).await?;
    same_dump("of the first batch", &dump(&*store, &eth()).await?, &empty)?;
    ensure!(store.instruments().await?.is_empty(), "a rehearsal must not leave an instrument behind");
    store.append(&batches[0], None).await?;
    let before = dump(&*store, &eth()).await?;
    let expected = Some(batches[0].clock.issued);
    store.rehearse(&batches[1], expected).await?;
    store.rehearse(&batches[0], None).await?;
    for wrong in [None, Some(batches[1].clock.issued)] {
        match store.rehearse(&batches[1], wrong).await {
            Err(error) if error.kind() == StoreErrorKind::Conflict => {}
            other => ensure!(false, "a rehearsal that continues from {wrong:?}: {other:?}"),
        }
    }
    same_dump("of the second batch", &dump(&*store, &eth()).await?, &before)?;
    store.append(&batches[1], expected).await?;
    Ok(())
}
