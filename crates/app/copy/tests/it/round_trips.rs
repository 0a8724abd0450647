//! There and back, twice, and in part.

use onetape_copy::{CopyOptions, Outcome};
use onetape_domain::expiry::Expiry;
use onetape_domain::time::SECOND;
use onetape_ports::{LoadEnd, MarketStore};
use onetape_testkit::dump;

use crate::support::{MIDNIGHT, checksums, copy, eth, file, fill, frames, instrument, memory, verify};

#[tokio::test]
async fn memory_to_a_file_and_back_is_the_same_at_every_instant() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = memory();
    let recording = fill(&*source).await;
    let (target, back) = (file(&folder, "there.db").await, memory());
    let there = copy(&*source, &*target).await.expect("copied");
    let again = copy(&*target, &*back).await.expect("copied back");
    assert_eq!(checksums(&there), checksums(&again));
    assert_eq!(there.quarantined, 30);
    assert_eq!(there.instruments.len(), 3, "the one without a tape too");
    let expected = frames(&*source, &recording).await;
    for (name, store) in [("file", &target), ("memory", &back)] {
        for one in [eth(), instrument("kraken:ETH/USDT")] {
            let (got, wanted) = (dump(&**store, &one).await, dump(&*source, &one).await);
            assert_eq!(got.expect("dumped"), wanted.expect("dumped"), "{one} in the {name}");
        }
        assert_eq!(frames(&**store, &recording).await, expected, "{name}");
        assert_eq!(store.source_order().await.expect("order"), source.source_order().await.expect("order"));
        let records = store.quarantined(100).await.expect("records");
        assert_eq!(records, source.quarantined(100).await.expect("records"));
        let report = verify(&*source, &**store).await;
        assert!(report.differences.is_empty() && report.equal.len() == 3, "{report}");
    }
}

#[tokio::test]
async fn the_second_time_nothing_is_loaded() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = memory();
    fill(&*source).await;
    let target = file(&folder, "there.db").await;
    let first = copy(&*source, &*target).await.expect("copied");
    assert!(first.instruments.iter().all(|one| one.outcome == Outcome::Copied && one.rows == one.loaded));
    let second = copy(&*source, &*target).await.expect("copied");
    assert_eq!(second.quarantined, 0);
    for one in &second.instruments {
        assert_eq!((one.outcome, one.loaded, one.skipped), (Outcome::Unchanged, 0, one.parts), "{one:?}");
        assert!(one.rows > 0);
    }
    assert_eq!(checksums(&first), checksums(&second));
}

#[tokio::test]
async fn one_instrument_comes_alone_with_its_refused_records() {
    let (source, target) = (memory(), memory());
    fill(&*source).await;
    let options = CopyOptions { instruments: [eth()].into(), restart: false };
    let report = onetape_copy::copy(&*source, &*target, &options, &mut |_| ()).await.expect("copied");
    assert_eq!((report.instruments.len(), report.quarantined), (1, 15));
    assert_eq!(target.instruments().await.expect("instruments"), [eth()].into());
    let all = onetape_copy::verify(&*source, &*target, &CopyOptions::default(), &mut |_| ()).await;
    let all = all.expect("compared");
    let missing: Vec<_> =
        all.differences.iter().map(|one| (one.instrument.clone(), one.what.as_str())).collect();
    assert_eq!(
        missing,
        [
            (Some(instrument("kraken:BTC/USD")), "clock"),
            (Some(instrument("kraken:ETH/USDT")), "clock"),
            (None, "quarantine")
        ]
    );
    let one = onetape_copy::verify(&*source, &*target, &options, &mut |_| ()).await.expect("compared");
    assert!(one.differences.is_empty(), "{one}");
}

#[tokio::test]
async fn what_retention_had_taken_comes_along() {
    let folder = tempfile::tempdir().expect("a folder");
    let (source, first) = (memory(), memory());
    let recording = fill(&*source).await;
    copy(&*source, &*first).await.expect("copied");
    // A store whose retention has taken the first minute.
    let expired = memory();
    let cut = MIDNIGHT.plus(-20 * SECOND);
    let expiry = Expiry {
        first: Some(MIDNIGHT.plus(-80 * SECOND)),
        candles: [Some(cut), None, None, None, None, None],
        trades: Some(cut),
        books: Some(cut),
        imbalances: Some(cut),
        coverage: Some(cut),
    };
    load_from(&*first, &*expired, expiry, cut).await;
    let expected = frames(&*expired, &recording).await;
    assert!(expected.iter().any(|frame| frame.contains("\"expired\"")), "retention shows");
    assert_ne!(expected, frames(&*source, &recording).await);
    let target = file(&folder, "there.db").await;
    let back = memory();
    let there = copy(&*expired, &*target).await.expect("copied");
    let again = copy(&*target, &*back).await.expect("copied back");
    assert_eq!(checksums(&there), checksums(&again));
    for store in [&target, &back] {
        assert_eq!(store.expiry(&eth()).await.expect("expiry"), expiry);
        assert_eq!(frames(&**store, &recording).await, expected);
    }
}

/// Loads what of the instrument is not older than the cut, replaced versions of older seconds included.
async fn load_from(
    from: &dyn MarketStore,
    to: &dyn MarketStore,
    expiry: Expiry,
    cut: onetape_domain::time::Timestamp,
) {
    use futures::TryStreamExt as _;
    use onetape_domain::time::{TimeRange, Timeframe, Timestamp};
    use onetape_ports::{
        BookQuery, CandleQuery, Knowledge, Load, LoadRows, Selection, SupersededQuery, TimeQuery,
    };
    let clock = from.clock(&eth()).await.expect("clock").expect("a clock");
    to.begin_load(&Load { instrument: eth(), issued: Some(clock.issued) }).await.expect("begun");
    let all = Selection::Range(TimeRange::ALL);
    for timeframe in Timeframe::ALL {
        let query = CandleQuery {
            instrument: eth(),
            timeframe,
            selection: all,
            as_of: Timestamp::LATEST,
            knowledge: Knowledge::AsRecorded,
        };
        let mut candles = from.candles(&query).await.expect("candles");
        candles.retain(|candle| timeframe != Timeframe::S1 || candle.open_time() >= cut);
        to.load(&eth(), &LoadRows::Candles(candles)).await.expect("loaded");
        let query =
            SupersededQuery { instrument: eth(), timeframe, range: TimeRange::ALL, as_of: Timestamp::LATEST };
        let versions: Vec<_> = from.stream_superseded(query).try_collect().await.expect("versions");
        to.load(&eth(), &LoadRows::Superseded(versions)).await.expect("loaded");
    }
    let query = TimeQuery { instrument: eth(), selection: all, as_of: Timestamp::LATEST };
    let mut trades: Vec<_> = from.stream_trades(query.clone()).try_collect().await.expect("trades");
    trades.retain(|trade| trade.key.event_time >= cut);
    to.load(&eth(), &LoadRows::Trades(trades)).await.expect("loaded");
    let books = BookQuery {
        instrument: eth(),
        selection: all,
        as_of: Timestamp::LATEST,
        last_of_minute: false,
        superseded_partials: true,
    };
    let mut books: Vec<_> = from.stream_books(books).try_collect().await.expect("books");
    books.retain(|book| book.second() >= cut);
    to.load(&eth(), &LoadRows::Books(books)).await.expect("loaded");
    let mut rows: Vec<_> = from.stream_imbalances(query.clone()).try_collect().await.expect("imbalances");
    rows.retain(|row| row.second >= cut);
    to.load(&eth(), &LoadRows::Imbalances(rows)).await.expect("loaded");
    let mut log: Vec<_> = from.stream_coverage(query).try_collect().await.expect("coverage");
    log.retain(|row| row.available_at >= cut);
    to.load(&eth(), &LoadRows::Coverage(log)).await.expect("loaded");
    let end = LoadEnd { instrument: eth(), clock: Some(clock), expiry, imports: Vec::new() };
    to.finish_load(&end).await.expect("finished");
}
