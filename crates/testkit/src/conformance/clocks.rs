//! Cases of [`ClockStore`](onetape_ports::ClockStore): checkpoints, the last stamp, the instruments.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::poll;
use onetape_domain::book::BookLevel;
use onetape_domain::change::{Changes, TapeBatch};
use onetape_domain::engine::local_book::MAX_LEVELS;
use onetape_domain::message::FullBook;
use onetape_ports::MarketStore;

use super::data::{at, batch, clock_at, eth, instrument, market, price, short, size};
use super::{Case, Verdict, case, ensure, same, same_dump, yield_once};
use crate::dump::{dump, line};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(a_clock_comes_back_as_written, "The stored clock of an instrument, none where there is none."),
        case!(
            a_full_depth_book_comes_back_with_its_clock,
            "The clock comes with its full-depth book where one was stored."
        ),
        case!(flushed_is_the_issued_of_the_stored_clock, "The last stamp a reader can prove."),
        case!(
            who_resumes_waits_for_appends_that_were_given_up,
            "It MUST wait until no transaction is open that has begun to write the instrument."
        ),
        case!(every_instrument_with_a_clock_is_listed, "Every instrument with a clock."),
        case!(
            a_full_book_of_the_greatest_depth_is_stored,
            "A full-depth book of the most levels a local book keeps.",
            LargeBatches
        ),
    ]
}

async fn a_clock_comes_back_as_written(store: Arc<dyn MarketStore>) -> Verdict {
    ensure!(store.clock(&eth()).await?.is_none(), "a clock where none is stored");
    let mut expected = None;
    for batch in market().batches() {
        store.append(batch, expected).await?;
        expected = Some(batch.clock.issued);
        let stored = store.clock(&eth()).await?;
        let stored = stored.ok_or_else(|| "no clock after a batch".to_owned())?;
        same_dump("clock", &line(&stored), &line(&batch.clock))?;
        ensure!(stored.book.is_some() == batch.clock.book.is_some(), "the full-depth book came or went");
    }
    Ok(())
}

async fn a_full_depth_book_comes_back_with_its_clock(store: Arc<dyn MarketStore>) -> Verdict {
    market().write(&*store).await?;
    let last = market().batches().last().and_then(|batch| batch.clock.book.clone());
    let last = last.ok_or_else(|| "the sample ends without a book".to_owned())?;
    same_book(store.clock(&eth()).await?.and_then(|clock| clock.book), &last)
}

/// Compares books whose levels may come in any order.
fn same_book(got: Option<FullBook>, expected: &FullBook) -> Verdict {
    let got = got.ok_or_else(|| "the full-depth book was not stored".to_owned())?;
    ensure!(
        got.last_update == expected.last_update,
        "last update {} is not {}",
        got.last_update,
        expected.last_update
    );
    let sorted = |side: &[BookLevel]| {
        let mut side = side.to_vec();
        side.sort_by_key(|level| level.price);
        side
    };
    same("bids", &sorted(&got.bids), &sorted(&expected.bids))?;
    same("asks", &sorted(&got.asks), &sorted(&expected.asks))
}

async fn flushed_is_the_issued_of_the_stored_clock(store: Arc<dyn MarketStore>) -> Verdict {
    ensure!(store.flushed(&eth()).await?.is_none(), "a stamp where nothing is stored");
    let mut expected = None;
    for batch in market().batches().iter().take(20) {
        store.append(batch, expected).await?;
        expected = Some(batch.clock.issued);
        ensure!(store.flushed(&eth()).await? == expected, "flushed is not {expected:?}");
    }
    let other = store.flushed(&instrument("binance", "BTC/USDT")).await?;
    ensure!(other.is_none(), "another instrument has the stamp {other:?}");
    Ok(())
}

async fn every_instrument_with_a_clock_is_listed(store: Arc<dyn MarketStore>) -> Verdict {
    ensure!(store.instruments().await?.is_empty(), "instruments where nothing is stored");
    let names = [("binance", "ETH/USDT"), ("binance", "ETH/USDT:USDT"), ("bybit", "ETH/USDT")];
    let mut expected = BTreeSet::new();
    for (exchange, symbol) in names {
        let instrument = instrument(exchange, symbol);
        let batch = TapeBatch {
            instrument: instrument.clone(),
            changes: Changes::default(),
            clock: clock_at(&instrument, at(1)),
        };
        store.append(&batch, None).await?;
        expected.insert(instrument);
        ensure!(store.instruments().await? == expected, "instruments are not {expected:?}");
    }
    let recording = short(instrument("kraken", "XBT/USD"), 3);
    recording.write(&*store).await?;
    let found = dump(&*store, recording.instrument()).await?;
    same_dump("a fourth instrument", &found, &recording.reference().dump())
}

async fn a_full_book_of_the_greatest_depth_is_stored(store: Arc<dyn MarketStore>) -> Verdict {
    let levels = |sign: i64| -> Vec<BookLevel> {
        let count = i64::try_from(MAX_LEVELS).unwrap_or(i64::MAX);
        let level = |away: i64| BookLevel {
            price: price(&format!("{}.0{}", 100_000 + sign * away, away % 10)),
            size: size(&format!("{away}.000001")),
        };
        (1..=count).map(level).collect()
    };
    let mut batch = batch(at(1), Changes::default());
    let book = FullBook { last_update: 35_346_513_512, bids: levels(-1), asks: levels(1) };
    batch.clock.book = Some(book.clone());
    store.append(&batch, None).await?;
    same_book(store.clock(&eth()).await?.and_then(|clock| clock.book), &book)
}

async fn who_resumes_waits_for_appends_that_were_given_up(store: Arc<dyn MarketStore>) -> Verdict {
    let market = market();
    let batches = market.batches();
    for (number, batch) in batches.iter().take(16).enumerate() {
        let expected = number.checked_sub(1).map(|before| batches[before].clock.issued);
        {
            let mut call = std::pin::pin!(store.append(batch, expected));
            for _ in 0..1 + number * number * number {
                if poll!(&mut call).is_ready() {
                    break;
                }
                yield_once().await;
            }
        }
        let resumed = store.resume(&eth()).await?;
        let issued = resumed.as_ref().map(|clock| clock.issued);
        let is_one_of_both = [expected, Some(batch.clock.issued)].contains(&issued);
        ensure!(is_one_of_both, "batch {number}: the clock stands at {issued:?}");
        // What it answered holds: whoever goes on from there meets nobody.
        store.append(batch, issued).await?;
        let resumed = store.resume(&eth()).await?;
        same_dump("the clock", &line(&resumed), &line(&Some(&batch.clock)))?;
    }
    Ok(())
}
