//! Cases of [`BookStore`](onetape_ports::BookStore) and [`ImbalanceStore`](onetape_ports::ImbalanceStore).

use std::sync::Arc;

use futures::TryStreamExt;
use onetape_domain::book::{BookLevel, BookSnapshot, BookSnapshotParts, SampleFlags};
use onetape_domain::bucket::SampledBucket;
use onetape_domain::change::Changes;
use onetape_domain::imbalance::Imbalances;
use onetape_domain::time::Timestamp;
use onetape_ports::{BookQuery, MarketStore, Selection, TimeQuery};
use rust_decimal::Decimal;

use super::data::{
    ALL, COMPLETE, PARTIAL, at, batch, book, eth, everything, imbalances, instants, instrument, market,
    price, range, size, write,
};
use super::{Case, Failure, Verdict, case, ensure, same};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            books_of_a_tape_at_many_instants_are_those_of_the_model,
            "Samples by second, then stamp, oldest first, known at the instant."
        ),
        case!(
            a_superseded_partial_sample_is_left_out_unless_asked_for,
            "A partial sample known at the instant is left out where a complete one of its second is known too."
        ),
        case!(the_last_book_is_the_one_last_available, "The greatest (available_at, second)."),
        case!(
            the_last_book_of_each_minute_the_book_has_gone_past,
            "The sample with the greatest second below the minute's end, of minutes the book has gone past."
        ),
        case!(
            a_book_range_is_half_open_and_last_n_counts_samples,
            "All samples whose second lies in the range, or the last n."
        ),
        case!(
            a_book_keeps_every_level_and_field,
            "Levels, volumes, sequence, times and flags come back as written."
        ),
        case!(
            stored_buckets_are_those_of_the_snapshot,
            "Stored buckets by second, stamp and price equal SampledBucket::of."
        ),
        case!(
            buckets_of_superseded_partials_are_left_out,
            "Buckets of superseded partial samples are left out."
        ),
        case!(
            imbalances_of_a_tape_at_many_instants_are_those_of_the_model,
            "Imbalances by second, known at the instant, oldest first."
        ),
        case!(imbalances_keep_null_and_every_digit, "An undefined value is null, not zero."),
    ]
}

fn query(selection: Selection, as_of: Timestamp) -> BookQuery {
    BookQuery { instrument: eth(), selection, as_of, last_of_minute: false, superseded_partials: false }
}

async fn read(store: &dyn MarketStore, query: &BookQuery) -> Result<Vec<Arc<BookSnapshot>>, Failure> {
    Ok(store.stream_books(query.clone()).try_collect().await?)
}

async fn books_of_a_tape_at_many_instants_are_those_of_the_model(store: Arc<dyn MarketStore>) -> Verdict {
    market().write(&*store).await?;
    let model = market().reference();
    for as_of in instants(market(), 12) {
        for selection in
            [ALL, range(at(-30), at(10)), Selection::Last(1), Selection::Last(0), Selection::Last(20)]
        {
            for (last_of_minute, superseded_partials) in [(false, false), (false, true), (true, false)] {
                let query = BookQuery { last_of_minute, superseded_partials, ..query(selection, as_of) };
                same(&format!("{query:?}"), &read(&*store, &query).await?, &model.select_books(&query))?;
            }
        }
        let last = store.last_book(&eth(), as_of).await?;
        same(&format!("last book as of {as_of}"), last.as_slice(), model.last_book(as_of).as_slice())?;
    }
    Ok(())
}

async fn a_superseded_partial_sample_is_left_out_unless_asked_for(store: Arc<dyn MarketStore>) -> Verdict {
    let before = book(at(9), at(10), COMPLETE, 3);
    let partial = book(at(10), at(10).plus(500), PARTIAL, 3);
    let complete = book(at(10), at(30), COMPLETE, 4);
    let books = vec![before.clone(), partial.clone(), complete.clone()];
    write(&*store, at(30), Changes { books, ..Changes::default() }).await?;
    let (shown, both) =
        (vec![before.clone(), partial.clone()], vec![before.clone(), partial.clone(), complete.clone()]);
    let cases = [
        (at(10), vec![before.clone()], vec![before.clone()]),
        (at(10).plus(500), shown.clone(), shown.clone()),
        (at(30).plus(-1), shown.clone(), shown.clone()),
        (at(30), vec![before.clone(), complete.clone()], both),
    ];
    for (as_of, without, with) in cases {
        same(&format!("as of {as_of}"), &read(&*store, &query(ALL, as_of)).await?, &without)?;
        let asked = BookQuery { superseded_partials: true, ..query(ALL, as_of) };
        same(&format!("asked for, as of {as_of}"), &read(&*store, &asked).await?, &with)?;
        let last = query(Selection::Last(1), as_of);
        same(&format!("last 1 as of {as_of}"), &read(&*store, &last).await?, &without[without.len() - 1..])?;
    }
    Ok(())
}

async fn the_last_book_is_the_one_last_available(store: Arc<dyn MarketStore>) -> Verdict {
    ensure!(store.last_book(&eth(), Timestamp::LATEST).await?.is_none(), "a book where none is stored");
    // Two seconds sampled by one message, and a partial one that comes with a later stamp.
    let ninth = book(at(9), at(12), COMPLETE, 3);
    let tenth = book(at(10), at(12), COMPLETE, 4);
    let partial = book(at(11), at(12).plus(1), PARTIAL, 5);
    let complete = book(at(11), at(15), COMPLETE, 6);
    let earlier = book(at(7), at(17), COMPLETE, 7);
    let books = vec![ninth, tenth.clone(), partial.clone(), complete.clone(), earlier.clone()];
    write(&*store, at(17), Changes { books, ..Changes::default() }).await?;
    let cases = [
        (at(12).plus(-1), None),
        (at(12), Some(tenth)),
        (at(12).plus(1), Some(partial)),
        (at(15), Some(complete.clone())),
        (at(17).plus(-1), Some(complete)),
        (at(17), Some(earlier.clone())),
        (Timestamp::LATEST, Some(earlier)),
    ];
    for (as_of, expected) in cases {
        let got = store.last_book(&eth(), as_of).await?;
        same(&format!("as of {as_of}"), got.as_slice(), expected.as_slice())?;
        let parts = store.frame_parts(&super::frames::query(as_of)).await?;
        same(&format!("frame as of {as_of}"), parts.book.as_slice(), expected.as_slice())?;
    }
    Ok(())
}

async fn the_last_book_of_each_minute_the_book_has_gone_past(store: Arc<dyn MarketStore>) -> Verdict {
    // 00:00 up to :59, 00:01 broken off at :50, 00:02 without a sample, 00:03 still running.
    let seconds = [57, 58, 59, 60, 61, 110, 180, 181, 182];
    let books: Vec<_> = seconds.map(|second| book(at(second), at(second + 1), COMPLETE, 3)).to_vec();
    write(&*store, at(183), Changes { books: books.clone(), ..Changes::default() }).await?;
    let minutes = |selection, as_of| BookQuery { last_of_minute: true, ..query(selection, as_of) };
    let cases = [
        (at(60), vec![]),
        (at(61).plus(-1), vec![]),
        (at(61), vec![59]),
        (at(111), vec![59]),
        (at(181).plus(-1), vec![59]),
        (at(181), vec![59, 110]),
        (Timestamp::LATEST, vec![59, 110]),
    ];
    let of = |wanted: &[i64]| -> Vec<Arc<BookSnapshot>> {
        books
            .iter()
            .filter(|book| wanted.iter().any(|second| at(*second) == book.second()))
            .cloned()
            .collect()
    };
    for (as_of, wanted) in cases {
        same(&format!("as of {as_of}"), &read(&*store, &minutes(ALL, as_of)).await?, &of(&wanted))?;
    }
    let last = minutes(Selection::Last(1), Timestamp::LATEST);
    same("last 1", &read(&*store, &last).await?, &of(&[110]))?;
    let inside = minutes(range(at(0), at(110)), Timestamp::LATEST);
    same("a range that ends before a minute's last sample", &read(&*store, &inside).await?, &of(&[59]))?;
    let inside = minutes(range(at(57), at(59)), Timestamp::LATEST);
    same("a range that ends before the only minute's last sample", &read(&*store, &inside).await?, &[])
}

async fn a_book_range_is_half_open_and_last_n_counts_samples(store: Arc<dyn MarketStore>) -> Verdict {
    let books: Vec<_> = (0..10).map(|second| book(at(second), at(second + 1), COMPLETE, 2)).collect();
    write(&*store, at(10), Changes { books: books.clone(), ..Changes::default() }).await?;
    for (start, end, expected) in
        [(at(2), at(5), 2..5), (at(2).plus(1), at(5).plus(1), 3..6), (at(4), at(4), 4..4)]
    {
        let got = read(&*store, &query(range(start, end), Timestamp::LATEST)).await?;
        same(&format!("[{start}, {end})"), &got, &books[expected])?;
    }
    for (count, from) in [(0, 10), (3, 7), (10, 0), (99, 0)] {
        let got = read(&*store, &query(Selection::Last(count), Timestamp::LATEST)).await?;
        same(&format!("last {count}"), &got, &books[from..])?;
    }
    Ok(())
}

async fn a_book_keeps_every_level_and_field(store: Arc<dyn MarketStore>) -> Verdict {
    let level = |at: &str, much: &str| BookLevel { price: price(at), size: size(much) };
    let parts = |second: i64, bids: Vec<BookLevel>, asks: Vec<BookLevel>| BookSnapshotParts {
        second: at(second),
        bids,
        asks,
        sequence: u64::try_from(i64::MAX).unwrap_or(0),
        event_time: at(second).plus(999_999),
        received_at: at(second).plus(-1_270_001),
        available_at: at(second + 1).plus(1),
        bucket_size: price("0.0000005"),
        flags: SampleFlags { early: second % 2 == 0, partial: false, covered: second % 3 == 0 },
    };
    let books = [
        // Prices and sizes whose own scale differs from level to level.
        parts(
            1,
            vec![level("0.5", "1000000"), level("0.000000000001", "0.000000000001")],
            vec![level("1", "0.125"), level("1000000", "7")],
        ),
        parts(2, vec![], vec![level("12.34", "1")]),
        parts(3, vec![level("12.34", "1")], vec![]),
        parts(4, vec![], vec![]),
        parts(5, vec![level("90000.10", "3.00"), level("90000", "1")], vec![level("90000.2", "0.00001")]),
    ];
    let books: Result<Vec<_>, _> =
        books.into_iter().map(|parts| BookSnapshot::try_new(parts).map(Arc::new)).collect();
    let mut books = books.map_err(|wrong| wrong.to_string())?;
    books.push(book(at(6), at(7), COMPLETE, 50));
    write(&*store, at(7), Changes { books: books.clone(), ..Changes::default() }).await?;
    same("read", &read(&*store, &query(ALL, Timestamp::LATEST)).await?, &books)
}

async fn buckets(store: &dyn MarketStore, query: &TimeQuery) -> Result<Vec<SampledBucket>, Failure> {
    Ok(store.stream_buckets(query.clone()).try_collect().await?)
}

async fn stored_buckets_are_those_of_the_snapshot(store: Arc<dyn MarketStore>) -> Verdict {
    market().write(&*store).await?;
    let model = market().reference();
    for as_of in instants(market(), 6) {
        let all = TimeQuery { as_of, ..everything() };
        same(&format!("all as of {as_of}"), &buckets(&*store, &all).await?, &model.buckets(as_of))?;
        let (start, end) = (at(-20), at(-10));
        let some = TimeQuery { selection: range(start, end), as_of, ..everything() };
        let expected: Vec<_> =
            model.buckets(as_of).into_iter().filter(|row| row.second >= start && row.second < end).collect();
        same(&format!("[{start}, {end}) as of {as_of}"), &buckets(&*store, &some).await?, &expected)?;
    }
    Ok(())
}

async fn buckets_of_superseded_partials_are_left_out(store: Arc<dyn MarketStore>) -> Verdict {
    let partial = book(at(10), at(10).plus(500), PARTIAL, 3);
    let complete = book(at(10), at(30), COMPLETE, 9);
    let books = vec![partial.clone(), complete.clone()];
    write(&*store, at(30), Changes { books, ..Changes::default() }).await?;
    for (as_of, of) in [(at(30).plus(-1), partial), (at(30), complete)] {
        let query = TimeQuery { as_of, ..everything() };
        same(&format!("as of {as_of}"), &buckets(&*store, &query).await?, &SampledBucket::of(&of))?;
    }
    Ok(())
}

async fn imbalances_of_a_tape_at_many_instants_are_those_of_the_model(
    store: Arc<dyn MarketStore>,
) -> Verdict {
    market().write(&*store).await?;
    for as_of in instants(market(), 12) {
        for selection in
            [ALL, range(at(-30), at(10)), Selection::Last(0), Selection::Last(1), Selection::Last(60)]
        {
            let query = TimeQuery { selection, as_of, ..everything() };
            let got: Vec<Imbalances> = store.stream_imbalances(query.clone()).try_collect().await?;
            same(&format!("{query:?}"), &got, &market().reference().select_imbalances(&query))?;
        }
    }
    Ok(())
}

async fn imbalances_keep_null_and_every_digit(store: Arc<dyn MarketStore>) -> Verdict {
    let undefined = imbalances(at(1), at(2));
    let value = |text: &str| Decimal::from_str_exact(text).ok();
    let defined = Imbalances {
        imbalance_1s: value("-0.280787"),
        imbalance_5s: value("0"),
        imbalance_15s: value("1"),
        imbalance_60s: value("-1"),
        volume_imbalance_1s: value("-0.280787"),
        volume_imbalance_5s: value("0.000001"),
        volume_imbalance_15s: None,
        volume_imbalance_60s: value("-0.000001"),
        price_range: value("1234567890.000000000001"),
        bid_volume: size("155.0751"),
        ask_volume: size("9999999999999999.999999999999"),
        ..imbalances(at(2), at(3))
    };
    let changes = Changes { imbalances: vec![undefined, defined], ..Changes::default() };
    store.append(&batch(at(3), changes), None).await?;
    let got: Vec<Imbalances> = store.stream_imbalances(everything()).try_collect().await?;
    same("read", &got, &[undefined, defined])?;
    let other = TimeQuery { instrument: instrument("binance", "BTC/USDT"), ..everything() };
    let got: Vec<Imbalances> = store.stream_imbalances(other).try_collect().await?;
    same("another instrument", &got, &[])
}
