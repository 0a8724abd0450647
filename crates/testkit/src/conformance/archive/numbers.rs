//! The case of numbers that are as wide or as small as numbers may be.

use std::sync::Arc;

use futures::TryStreamExt;
use onetape_domain::book::{BookLevel, BookSnapshot, BookSnapshotParts};
use onetape_domain::coverage::{CoverageState, Stream};
use onetape_domain::imbalance::Imbalances;
use onetape_domain::time::Timestamp;
use onetape_domain::trade::{AggregateIds, Trade};
use onetape_ports::{BookQuery, LoadRows, MarketStore};
use rust_decimal::Decimal;

use super::{end_at, load_to};
use crate::conformance::data::{ALL, PARTIAL, at, covered, eth, everything, imbalances, price, size, trade};
use crate::conformance::{Verdict, same};

pub(super) async fn loaded_numbers_come_back_exactly(store: Arc<dyn MarketStore>) -> Verdict {
    // The widest and the smallest that there are, and levels that need more than 64 bits.
    let (wide, small) = ("9999999999999999.999999999999", "0.000000000001");
    let traded = Trade {
        price: price(wide),
        size: size(small),
        trade_id: "a longer id".into(),
        ..trade(at(1), 7, at(2))
    };
    let aggregate = Some(AggregateIds { first: 3, last: i64::MAX - 1 });
    let other = Trade { price: price("9999999999999999999999999999"), aggregate, ..trade(at(1), 8, at(2)) };
    let level = |cost: &str, amount: &str| BookLevel { price: price(cost), size: size(amount) };
    let book = |second, bids, asks| {
        let parts = BookSnapshotParts {
            second,
            bids,
            asks,
            sequence: 42,
            event_time: second,
            received_at: second.plus(5),
            available_at: second.plus(9),
            bucket_size: price("0.5"),
            flags: PARTIAL,
        };
        BookSnapshot::try_new(parts).map(Arc::new).map_err(|violations| violations.to_string())
    };
    let books = vec![
        book(at(1), vec![level(small, wide)], Vec::new())?,
        book(at(2), vec![level("100.25", "1.5"), level("99", "2")], vec![level("101.125", "0.75")])?,
        book(at(3), Vec::new(), Vec::new())?,
    ];
    let undefined = imbalances(at(1), at(2));
    let defined = Imbalances {
        imbalance_1s: Some(Decimal::new(-123_456, 6)),
        price_range: Some(Decimal::new(5, 12)),
        bid_volume: size(wide),
        ..imbalances(at(2), at(3))
    };
    let log = vec![covered(Stream::Book, CoverageState::Gap, at(1), at(2), at(3))];
    store.begin_load(&load_to(at(9))).await?;
    for rows in [
        LoadRows::Trades(vec![traded.clone(), other.clone()]),
        LoadRows::Books(books.clone()),
        LoadRows::Imbalances(vec![undefined, defined]),
        LoadRows::Coverage(log.clone()),
    ] {
        store.load(&eth(), &rows).await?;
    }
    store.finish_load(&end_at(at(9))).await?;
    let everything = everything();
    let trades: Vec<Trade> = store.stream_trades(everything.clone()).try_collect().await?;
    same("trades", &trades, &[traded, other])?;
    let query = BookQuery {
        instrument: eth(),
        selection: ALL,
        as_of: Timestamp::LATEST,
        last_of_minute: false,
        superseded_partials: true,
    };
    let stored: Vec<_> = store.stream_books(query).try_collect().await?;
    same("books", &stored, &books)?;
    let rows: Vec<_> = store.stream_imbalances(everything.clone()).try_collect().await?;
    same("imbalances", &rows, &[undefined, defined])?;
    let rows: Vec<_> = store.stream_coverage(everything).try_collect().await?;
    same("coverage", &rows, &log)
}
